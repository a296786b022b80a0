//! The identity provider: signs access tokens for users, and publishes its key.
//!
//! It knows nothing of throughline. Like most of its kind it puts the tenant into a claim of its
//! own choice, here `org`. It believes whoever says who they are, which a real one must not.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use axum::routing::{get, post};
use bytes::Bytes;
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};
use throughline::SystemClock;
use throughline_core::time::Clock as _;

use super::net::{self, Failure, Server};
use super::roster::{USERS, User};
use super::signer::Signer;

pub(super) const ISSUER: &str = "https://idp.demo.internal";
/// The edge's name as the identity provider knows it.
pub(super) const AUDIENCE: &str = "https://api.demo.internal";
/// RFC 9068 §2.1.
pub(super) const ACCESS_TOKEN: &str = "at+jwt";

const LIFETIME: Duration = Duration::from_secs(60 * 60);

/// The provider's key and what it says with it.
#[derive(Clone, Debug)]
pub(super) struct Idp(Arc<Signer>);

#[derive(Deserialize)]
struct Login {
    user: String,
    tenant: String,
}

impl Idp {
    pub(super) fn new() -> Result<Self, Failure> {
        Ok(Self(Arc::new(Signer::es256("idp-1")?)))
    }

    pub(super) fn signer(&self) -> &Signer {
        &self.0
    }

    /// The claims of an access token (RFC 9068) for `user`.
    pub(super) fn claims(user: User) -> Value {
        let now = SystemClock.now();
        json!({
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": user.name,
            "org": user.tenant,
            "client_id": "demo-app",
            "scope": user.scope(),
            "iat": now.as_unix(),
            "exp": now.plus(LIFETIME).as_unix(),
            "auth_time": now.as_unix(),
            "acr": "urn:demo:password",
            "sid": format!("{}-{}", user.tenant, user.name),
        })
    }

    /// An access token for `user`.
    pub(super) fn token(&self, user: User) -> Result<String, Failure> {
        let header = self.0.header(ACCESS_TOKEN).to_string();
        self.0.sign(&header, &Self::claims(user).to_string())
    }

    pub(super) async fn serve(&self) -> Result<Server, Failure> {
        let jwks = json!({"keys": [self.0.public_jwk()?]});
        let app = Router::new()
            .route(
                "/jwks.json",
                get(async move || reply(StatusCode::OK, &jwks)),
            )
            .route("/token", post(log_in))
            .with_state(self.clone());
        Ok(net::serve(app).await?)
    }
}

async fn log_in(State(idp): State<Idp>, body: Bytes) -> Response {
    let login: Option<Login> = serde_json::from_slice(&body).ok();
    let user = login.and_then(|login| {
        let is_it = |user: &&User| user.name == login.user && user.tenant == login.tenant;
        USERS.iter().find(is_it).copied()
    });
    match user.map(|user| idp.token(user)) {
        Some(Ok(token)) => reply(
            StatusCode::OK,
            &json!({"access_token": token, "token_type": "Bearer", "expires_in": LIFETIME.as_secs()}),
        ),
        Some(Err(_)) => reply(StatusCode::INTERNAL_SERVER_ERROR, &json!({})),
        None => reply(StatusCode::BAD_REQUEST, &json!({"error": "invalid_grant"})),
    }
}

fn reply(status: StatusCode, value: &Value) -> Response {
    net::json(status, value).map(Body::from)
}
