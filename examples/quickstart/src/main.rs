//! A guarded axum service on one screen.
//!
//! ```console
//! $ cargo run -p example-quickstart
//! $ curl -i -H "Txn-Token: $TOKEN" http://127.0.0.1:3000/t/acme/orders      # as printed: 200
//! $ curl -i -H "Txn-Token: $TOKEN" http://127.0.0.1:3000/t/globex/orders    # 403 tenant_mismatch
//! ```

use std::error::Error;
use std::time::Duration;

use axum::routing::{get, post};
use axum::{Json, Router};
use throughline::{AcceptLayer, Freshness, RequireLayer, TenantContext, TrustDomain, Witness};
use throughline_core::grant::{Grant, Scope};
use throughline_core::{Draft, Principal, Tenant, TrustDomainName};
use throughline_jose::{SigningKey, TokenIssuer};

fn app(domain: TrustDomain) -> Result<Router, Box<dyn Error>> {
    let payments = RequireLayer::builder().scope("payments.create").build()?;
    Ok(Router::new()
        .route("/t/{tenant}/orders", get(list_orders))
        .route("/t/{tenant}/payments", post(pay).layer(payments))
        .route("/health", get(|| async { "ok" }))
        .layer(
            AcceptLayer::builder(domain)
                .add_witness(Witness::path("tenant"))
                .add_witness(Witness::header("x-tenant-id")?.optional())
                .exempt("/health")
                .build()?,
        ))
}

async fn list_orders(cx: TenantContext) -> Json<Vec<String>> {
    Json(vec![format!("an order of {}", cx.tenant())])
}

async fn pay(cx: TenantContext) -> String {
    format!("paid by {}", cx.principal().subject())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    // In production the edge mints and the keys come from its URL; here one process does both.
    let issuer = TokenIssuer::new(
        TrustDomainName::new("prod.example")?,
        SigningKey::generate()?,
    );
    let domain = domain(&issuer)?;
    let ada = Principal::new("okta", Tenant::new("acme")?, "ada")?;
    let draft = Draft::user(ada, domain.now())?.with_grant(Grant::new(Scope::new("orders.read")?));
    println!("TOKEN={}", issuer.mint(draft)?);

    let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
    axum::serve(listener, app(domain)?).await?;
    Ok(())
}

fn domain(issuer: &TokenIssuer) -> Result<TrustDomain, Box<dyn Error>> {
    Ok(TrustDomain::new("prod.example")?
        .with_keys(issuer.key_source())
        .with_freshness(Freshness::lifetime_only(Duration::from_secs(300))))
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::http::{Request, StatusCode};
    use tower::ServiceExt as _;

    use super::*;

    #[tokio::test]
    async fn a_tenant_gets_its_own_orders_and_nobody_elses() {
        let name = TrustDomainName::new("prod.example").unwrap();
        let issuer = TokenIssuer::new(name, SigningKey::generate().unwrap());
        let domain = domain(&issuer).unwrap();
        let token = |tenant: &str, scope: &str| {
            let ada = Principal::new("okta", Tenant::new(tenant).unwrap(), "ada").unwrap();
            let grant = Grant::new(Scope::new(scope).unwrap());
            issuer
                .mint(Draft::user(ada, domain.now()).unwrap().with_grant(grant))
                .unwrap()
        };
        let app = app(domain.clone()).unwrap();
        let call = async |method: &str, path: &str, token: &str| {
            let request = Request::builder()
                .method(method)
                .uri(path)
                .header("txn-token", token);
            app.clone()
                .oneshot(request.body(Body::empty()).unwrap())
                .await
                .unwrap()
                .status()
        };

        let acme = token("acme", "orders.read");
        assert_eq!(call("GET", "/t/acme/orders", &acme).await, StatusCode::OK);
        assert_eq!(
            call("GET", "/t/globex/orders", &acme).await,
            StatusCode::FORBIDDEN
        );
        assert_eq!(
            call("POST", "/t/acme/payments", &acme).await,
            StatusCode::FORBIDDEN
        );
        let payer = token("acme", "payments.create");
        assert_eq!(
            call("POST", "/t/acme/payments", &payer).await,
            StatusCode::OK
        );
    }
}
