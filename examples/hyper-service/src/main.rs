//! A guarded hyper service without a framework: one layer around one `service_fn`.

use std::convert::Infallible;
use std::error::Error;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use throughline::{AcceptLayer, Freshness, TenantContext, TrustDomain, Witness};
use throughline_core::{Draft, Principal, Tenant, TrustDomainName};
use throughline_jose::{SigningKey, TokenIssuer};
use tokio::net::TcpListener;
use tower::{Layer as _, service_fn};

fn accept(domain: TrustDomain) -> Result<AcceptLayer, Box<dyn Error>> {
    // Without a router, the witness brings its own templates.
    let witness = Witness::path_in(
        "tenant",
        ["/t/{tenant}/invoices", "/t/{tenant}/invoices/{id}"],
    )?;
    Ok(AcceptLayer::builder(domain).add_witness(witness).build()?)
}

async fn list_invoices<B>(request: Request<B>) -> Result<Response<Full<Bytes>>, Infallible> {
    Ok(match TenantContext::of(request.extensions()) {
        Ok(cx) => Response::new(format!("invoices of {}", cx.tenant()).into()),
        Err(refused) => refused.to_response().map(Full::new),
    })
}

async fn serve(listener: TcpListener, domain: TrustDomain) -> Result<(), Box<dyn Error>> {
    let accept = accept(domain)?;
    loop {
        let (stream, _) = listener.accept().await?;
        let service = accept.layer(service_fn(list_invoices::<Incoming>));
        tokio::spawn(async move {
            let connection = http1::Builder::new()
                .serve_connection(TokioIo::new(stream), TowerToHyperService::new(service));
            if let Err(error) = connection.await {
                eprintln!("connection ended: {error}");
            }
        });
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let (issuer, domain) = domain()?;
    let ada = Principal::new("okta", Tenant::new("acme")?, "ada")?;
    println!("TOKEN={}", issuer.mint(Draft::user(ada, domain.now())?)?);
    serve(TcpListener::bind("127.0.0.1:3000").await?, domain).await
}

fn domain() -> Result<(TokenIssuer, TrustDomain), Box<dyn Error>> {
    let issuer = TokenIssuer::new(
        TrustDomainName::new("prod.example")?,
        SigningKey::generate()?,
    );
    let domain = TrustDomain::new("prod.example")?
        .with_keys(issuer.key_source())
        .with_freshness(Freshness::lifetime_only(Duration::from_secs(300)));
    Ok((issuer, domain))
}

#[cfg(test)]
mod tests {
    use http::StatusCode;
    use tower::ServiceExt as _;

    use super::*;

    #[tokio::test]
    async fn a_tenant_gets_its_own_invoices_and_nobody_elses() {
        let (issuer, domain) = domain().unwrap();
        let ada = Principal::new("okta", Tenant::new("acme").unwrap(), "ada").unwrap();
        let token = issuer
            .mint(Draft::user(ada, domain.now()).unwrap())
            .unwrap();
        let service = accept(domain)
            .unwrap()
            .layer(service_fn(list_invoices::<Full<Bytes>>));
        let call = async |path: &str| {
            let request = Request::get(path).header("txn-token", &token);
            let request = request.body(Full::default()).unwrap();
            service.clone().oneshot(request).await.unwrap().status()
        };
        assert_eq!(call("/t/acme/invoices").await, StatusCode::OK);
        assert_eq!(call("/t/acme/invoices/7").await, StatusCode::OK);
        assert_eq!(call("/t/globex/invoices").await, StatusCode::FORBIDDEN);
        assert_eq!(call("/invoices").await, StatusCode::BAD_REQUEST);
    }
}
