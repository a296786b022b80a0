//! Rolling a witness out without breaking anyone: what would be refused is recorded, with the same
//! reason and an id, and the handler decides what it does meanwhile.

use std::error::Error;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use throughline::observe::Event;
use throughline::{AcceptLayer, Freshness, Mode, Observed, Rule, TrustDomain, Witness};
use throughline_core::{Draft, Principal, Tenant, TrustDomainName};
use throughline_jose::{SigningKey, TokenIssuer};

fn app(domain: TrustDomain) -> Result<Router, Box<dyn Error>> {
    let accept = AcceptLayer::builder(domain)
        .add_witness(Witness::path("tenant"))
        .with_mode(Rule::Witnesses, Mode::Report)
        .with_observe(|event: &Event<'_>| {
            if let Event::Reported { refused, .. } = event {
                println!("would refuse {}: {refused}", refused.id());
            }
        })
        .build()?;
    Ok(Router::new()
        .route("/t/{tenant}/orders", get(list_orders))
        .layer(accept))
}

/// `Ok` is an admitted context; `Err` is the refusal that would have been. There is no third case,
/// and a context that was not admitted cannot be mistaken for one.
async fn list_orders(Observed(cx): Observed) -> String {
    match cx {
        Ok(cx) => format!("orders of {}", cx.tenant()),
        Err(refused) => format!("served the old way, would be {}", refused.reason()),
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let (issuer, domain) = domain()?;
    let ada = Principal::new("okta", Tenant::new("acme")?, "ada")?;
    println!("TOKEN={}", issuer.mint(Draft::user(ada, domain.now())?)?);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
    axum::serve(listener, app(domain)?).await?;
    Ok(())
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
    use axum::body::{Body, to_bytes};
    use axum::http::Request;
    use tower::ServiceExt as _;

    use super::*;

    #[tokio::test]
    async fn a_drifted_call_passes_without_a_context_and_an_honest_one_with() {
        let (issuer, domain) = domain().unwrap();
        let ada = Principal::new("okta", Tenant::new("acme").unwrap(), "ada").unwrap();
        let token = issuer
            .mint(Draft::user(ada, domain.now()).unwrap())
            .unwrap();
        let app = app(domain).unwrap();
        let call = async |path: &str| {
            let request = Request::get(path).header("txn-token", &token);
            let request = request.body(Body::empty()).unwrap();
            let response = app.clone().oneshot(request).await.unwrap();
            let body = to_bytes(response.into_body(), 1024).await.unwrap();
            String::from_utf8(body.to_vec()).unwrap()
        };
        assert_eq!(call("/t/acme/orders").await, "orders of acme");
        assert_eq!(
            call("/t/globex/orders").await,
            "served the old way, would be tenant_mismatch"
        );
    }
}
