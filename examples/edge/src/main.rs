//! The edge of a system in axum: one file says whose credentials count.
//!
//! Beside it: `throughline.toml`, which any provider of RFC 9068 access tokens fits, and twelve lines
//! each for WorkOS, Auth0 and Entra. With your issuer, audience and tenants in one of them:
//!
//! ```console
//! $ cargo run -p example-edge -- examples/edge/workos.toml
//! $ curl -i -H "Authorization: Bearer $TOKEN" http://127.0.0.1:3000/t/acme/orders     # 200
//! $ curl -i -H "Authorization: Bearer $TOKEN" http://127.0.0.1:3000/t/globex/orders   # 403
//! $ curl -i http://127.0.0.1:3000/t/acme/orders                                       # 401
//! ```

use std::error::Error;
use std::path::Path;

use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;
use throughline::TenantContext;
use throughline_identity::AuthenticateLayer;
use tokio::net::TcpListener;

/// The file that stands beside this example.
const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/throughline.toml");

async fn app(file: &Path) -> Result<Router, Box<dyn Error>> {
    // Waits for the keys of every issuer. What is wrong with the file is found here and on no request.
    let edge = AuthenticateLayer::from_config(file).await?;
    let issuers = edge.issuers().clone();
    let ready = async move || match issuers.is_ready() {
        true => StatusCode::OK,
        false => StatusCode::SERVICE_UNAVAILABLE,
    };
    Ok(Router::new()
        .route("/t/{tenant}/orders", get(list_orders))
        .route("/ready", get(ready))
        .layer(edge))
}

/// Whoever `cx` is, its issuer vouched for it, and path and header name no other tenant.
async fn list_orders(cx: TenantContext) -> String {
    format!("orders of {}, for {}\n", cx.tenant(), cx.principal())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let file = std::env::args().nth(1).unwrap_or_else(|| FILE.to_owned());
    let app = app(file.as_ref()).await.unwrap_or_else(|error| {
        // The file, the line, what is wrong there and what to write instead.
        eprintln!("{error}");
        std::process::exit(1)
    });
    axum::serve(TcpListener::bind("127.0.0.1:3000").await?, app).await?;
    Ok(())
}

#[cfg(test)]
mod tests;
