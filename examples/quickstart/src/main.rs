//! An edge and one inside service in axum, on one screen.
//!
//! ```console
//! $ cargo run -p example-quickstart
//! $ curl -i -H 'Authorization: Bearer ada' http://127.0.0.1:3000/t/acme/orders     # 200
//! $ curl -i -H 'Authorization: Bearer ada' http://127.0.0.1:3000/t/globex/orders   # 403
//! ```

use std::error::Error;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use throughline::{
    AcceptLayer, Carry, CarryLayer, Freshness, InContext, RequireLayer, TenantContext, TrustDomain,
    Witness,
};
use throughline_core::TrustDomainName;
use throughline_identity::opaque::{LookUpError, Secret, Standing};
use throughline_identity::{
    Audience, AuthenticateLayer, Claims, Issuer, Issuers, OpaqueCredentials, Profile, Tenancy,
    TrustMap,
};
use throughline_jose::{SigningKey, TokenIssuer};
use tokio::net::TcpListener;
use tower::{Layer as _, ServiceExt as _};

/// Inside, only contexts are accepted.
fn inside(domain: TrustDomain) -> Result<Router, Box<dyn Error>> {
    let orders = |cx: TenantContext| async move { format!("orders of {}\n", cx.tenant()) };
    let enough = RequireLayer::builder().scope("orders.read").build()?;
    let accept = AcceptLayer::builder(domain)
        .add_witness(Witness::path("tenant"))
        .build()?;
    Ok(Router::new()
        .route("/t/{tenant}/orders", get(orders).layer(enough))
        .layer(accept))
}

/// The edge turns a foreign credential into a context, and carries it on.
fn edge(tokens: TokenIssuer, domain: TrustDomain, inside: &str) -> Result<Router, Box<dyn Error>> {
    let host = inside.strip_prefix("http://").unwrap_or(inside);
    let client = CarryLayer::builder([host]).build()?;
    let client = client.layer(Client::builder(TokioExecutor::new()).build_http());
    let trust = TrustMap::new("identity team", "platform security");
    let keys = Issuer::builder("demo", Profile::API_KEYS)
        .named("https://keys.prod.example")
        .without_keys()
        .with_audience(Audience::none())
        .with_tenancy(Tenancy::claim("org"))
        .build()?;
    let known = OpaqueCredentials::builder(keys.clone(), trust.clone(), look_up).build()?;
    let authenticate = AuthenticateLayer::builder(Issuers::new([keys], trust)?, tokens, domain)
        .add_opaque(known)
        .accepting(|accept| accept.add_witness(Witness::path("tenant")))
        .build()?;
    Ok(Router::new()
        .route("/t/{tenant}/orders", get(forward))
        .with_state((client, inside.to_owned()))
        .layer(authenticate))
}

/// Stands for a table of API keys. The example `edge` has a provider of signed tokens instead.
async fn look_up(key: Secret) -> Result<Standing, LookUpError> {
    Ok(match key.danger_expose() {
        "ada" => Standing::Active(Claims::read(
            br#"{"sub": "ada", "owner": "user", "org": "acme", "scope": "orders.read"}"#,
        )?),
        _ => Standing::Unknown,
    })
}

type Inside = (Carry<Client<HttpConnector, Body>>, String);

async fn forward(cx: TenantContext, State((client, inside)): State<Inside>) -> Response {
    let call = Request::get(format!("{inside}/t/{}/orders", cx.tenant())).in_context(&cx);
    match call.body(Body::empty()) {
        Ok(call) => match client.oneshot(call).await {
            Ok(response) => response.into_response(),
            Err(error) => (axum::http::StatusCode::BAD_GATEWAY, error.to_string()).into_response(),
        },
        Err(error) => (axum::http::StatusCode::BAD_REQUEST, error.to_string()).into_response(),
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let edge = system("127.0.0.1:3001").await?;
    axum::serve(TcpListener::bind("127.0.0.1:3000").await?, edge).await?;
    Ok(())
}

/// Starts the inside service, and makes the edge in front of it.
async fn system(address: &str) -> Result<Router, Box<dyn Error>> {
    let tokens = TokenIssuer::new(
        TrustDomainName::new("prod.example")?,
        SigningKey::generate()?,
    );
    let domain = TrustDomain::new("prod.example")?
        .with_keys(tokens.key_source())
        .with_freshness(Freshness::lifetime_only(Duration::from_secs(300)));
    let listener = TcpListener::bind(address).await?;
    let origin = format!("http://{}", listener.local_addr()?);
    let service = inside(domain.clone())?;
    tokio::spawn(async move { axum::serve(listener, service).await });
    edge(tokens, domain, &origin)
}

#[cfg(test)]
mod tests {
    use axum::body::to_bytes;
    use axum::http::StatusCode;

    use super::*;

    #[tokio::test]
    async fn a_user_gets_the_orders_of_its_tenant_and_of_no_other() {
        let edge = system("127.0.0.1:0").await.unwrap();
        let call = async |path: &str, field: &str, value: &str| {
            let call = Request::get(path)
                .header(field, value)
                .body(Body::empty())
                .unwrap();
            let response = edge.clone().oneshot(call).await.unwrap();
            let status = response.status();
            (status, to_bytes(response.into_body(), 4096).await.unwrap())
        };
        let (status, body) = call("/t/acme/orders", "authorization", "Bearer ada").await;
        assert_eq!((status, &*body), (StatusCode::OK, &b"orders of acme\n"[..]));
        let (status, _) = call("/t/globex/orders", "authorization", "Bearer ada").await;
        assert_eq!(status, StatusCode::FORBIDDEN);
        let (status, _) = call("/t/acme/orders", "x-nothing", "").await;
        assert_eq!(status, StatusCode::UNAUTHORIZED);
        let (status, _) = call("/t/acme/orders", "authorization", "Bearer eve").await;
        assert_eq!(status, StatusCode::UNAUTHORIZED);
        let (status, _) = call("/t/acme/orders", "txn-token", "a.b.c").await;
        assert_eq!(status, StatusCode::UNAUTHORIZED);
    }
}
