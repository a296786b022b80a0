//! A handler that fans out: every part keeps the context of its request, and every call carries it
//! on or is not sent.

use std::error::Error;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::State;
use axum::http::Request;
use axum::routing::get;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use throughline::{
    AcceptLayer, Carry, CarryLayer, Freshness, InContext, TenantContext, TrustDomain, Witness,
    scope,
};
use throughline_core::{Draft, Principal, Tenant, TrustDomainName};
use throughline_jose::{SigningKey, TokenIssuer};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tower::{Layer as _, ServiceExt as _};

type Billing = (Carry<Client<HttpConnector, Body>>, String);

/// Three parts at once: a call, a blocking computation, and a plain future.
async fn report(cx: TenantContext, State((client, origin)): State<Billing>) -> String {
    let mut parts = JoinSet::new();
    let call = Request::get(format!("{origin}/t/{}/invoices", cx.tenant())).in_context(&cx);
    cx.spawn_on(&mut parts, async move {
        let Ok(call) = call.body(Body::empty()) else {
            return "no request".into();
        };
        match client.oneshot(call).await {
            Ok(response) => match to_bytes(Body::new(response.into_body()), 1024).await {
                Ok(body) => String::from_utf8_lossy(&body).into_owned(),
                Err(error) => error.to_string(),
            },
            Err(error) => error.to_string(),
        }
    });
    cx.spawn_on(&mut parts, async { whose("a future") });
    let blocking = cx
        .spawn_blocking(|| whose("a thread"))
        .await
        .unwrap_or_else(|e| e.to_string());
    let mut lines = parts.join_all().await;
    lines.push(blocking);
    // What is spawned without the context does not get another one in its place.
    lines.push(
        tokio::spawn(async { whose("a bare task") })
            .await
            .unwrap_or_default(),
    );
    lines.sort();
    lines.join("\n")
}

fn whose(part: &str) -> String {
    match scope::current() {
        Ok(cx) => format!("{part} of {}", cx.tenant()),
        Err(_) => format!("{part} of nobody"),
    }
}

fn app(domain: TrustDomain, origin: String) -> Result<Router, Box<dyn Error>> {
    let host = origin.strip_prefix("http://").unwrap_or(&origin);
    let carry = CarryLayer::builder([host]).build()?;
    let client = carry.layer(Client::builder(TokioExecutor::new()).build_http());
    let accept = AcceptLayer::builder(domain)
        .add_witness(Witness::path("tenant"))
        .build()?;
    Ok(Router::new()
        .route("/t/{tenant}/report", get(report))
        .with_state((client, origin))
        .layer(accept))
}

fn billing(domain: TrustDomain) -> Result<Router, Box<dyn Error>> {
    let list = |cx: TenantContext| async move { format!("a call, invoices of {}", cx.tenant()) };
    let accept = AcceptLayer::builder(domain)
        .add_witness(Witness::path("tenant"))
        .build()?;
    Ok(Router::new()
        .route("/t/{tenant}/invoices", get(list))
        .layer(accept))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let (issuer, domain) = domain()?;
    let ada = Principal::new("okta", Tenant::new("acme")?, "ada")?;
    println!("TOKEN={}", issuer.mint(Draft::user(ada, domain.now())?)?);
    let origin = serve(billing(domain.clone())?, "127.0.0.1:3001").await?;
    let listener = TcpListener::bind("127.0.0.1:3000").await?;
    axum::serve(listener, app(domain, origin)?).await?;
    Ok(())
}

async fn serve(app: Router, address: &str) -> Result<String, Box<dyn Error>> {
    let listener = TcpListener::bind(address).await?;
    let origin = format!("http://{}", listener.local_addr()?);
    tokio::spawn(async move { axum::serve(listener, app).await });
    Ok(origin)
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
    use super::*;

    #[tokio::test]
    async fn every_part_works_for_the_tenant_of_its_request() {
        let (issuer, domain) = domain().unwrap();
        let origin = serve(billing(domain.clone()).unwrap(), "127.0.0.1:0")
            .await
            .unwrap();
        let app = app(domain.clone(), origin).unwrap();
        for tenant in ["acme", "globex"] {
            let ada = Principal::new("okta", Tenant::new(tenant).unwrap(), "ada").unwrap();
            let token = issuer
                .mint(Draft::user(ada, domain.now()).unwrap())
                .unwrap();
            let request = Request::get(format!("/t/{tenant}/report")).header("txn-token", token);
            let response = app
                .clone()
                .oneshot(request.body(Body::empty()).unwrap())
                .await
                .unwrap();
            let body = to_bytes(response.into_body(), 4096).await.unwrap();
            let expected = format!(
                "a bare task of nobody\na call, invoices of {tenant}\na future of {tenant}\n\
                 a thread of {tenant}"
            );
            assert_eq!(String::from_utf8_lossy(&body), expected);
        }
    }
}
