//! The identity provider of one tenant, which runs its own: whoever it vouches for belongs to
//! `hooli`, whatever its tokens say.

use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::routing::get;
use http::StatusCode;
use serde_json::{Value, json};
use throughline::SystemClock;
use throughline_core::time::Clock as _;

use super::idp::{ACCESS_TOKEN, AUDIENCE};
use super::net::{self, Failure, Server};
use super::signer::Signer;

pub(super) const ALIAS: &str = "hooli-id";
pub(super) const TENANT: &str = "hooli";
pub(super) const ISSUER: &str = "https://login.hooli.demo.internal/oauth2/default";

const LIFETIME: Duration = Duration::from_secs(60 * 60);

#[derive(Clone, Debug)]
pub(super) struct Hooli(Signer);

impl Hooli {
    pub(super) fn new() -> Result<Self, Failure> {
        Ok(Self(Signer::ed25519("hooli-1")?))
    }

    pub(super) fn signer(&self) -> &Signer {
        &self.0
    }

    /// The claims of an access token. It says a role too, which is not for it to say.
    pub(super) fn claims(user: &str) -> Value {
        let now = SystemClock.now();
        json!({
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": user,
            "client_id": "hooli-app",
            "jti": format!("hooli-{user}"),
            "scope": "orders.read orders.create",
            "role": "admin",
            "sid": format!("hooli-{user}"),
            "iat": now.as_unix(),
            "exp": now.plus(LIFETIME).as_unix(),
        })
    }

    pub(super) fn token(&self, claims: &Value) -> Result<String, Failure> {
        self.0.token(ACCESS_TOKEN, claims)
    }

    pub(super) async fn serve(&self) -> Result<Server, Failure> {
        let jwks = json!({"keys": [self.0.public_jwk()?]});
        let keys = get(async move || net::json(StatusCode::OK, &jwks).map(Body::from));
        Ok(net::serve(Router::new().route("/jwks.json", keys)).await?)
    }
}
