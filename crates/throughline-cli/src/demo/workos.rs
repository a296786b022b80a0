//! An identity provider in the shape of WorkOS AuthKit: `RS256`, one key for each environment, and
//! four kinds of credential from one issuer.
//!
//! In an impersonated session `act.sub` is the admin who acts; in an agent's token it is the user
//! for whom the agent acts. Like the real one it signs whichever organisation it is told to, so
//! [`Members`](super::members::Members) is asked whether the user belongs to it.

use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::routing::get;
use http::StatusCode;
use serde_json::{Value, json};
use throughline::SystemClock;
use throughline_core::time::Clock as _;

use super::net::{self, Failure, Server};
use super::signer::Signer;

/// The alias of the environment of the demo's own users.
pub(super) const ALIAS: &str = "workos";
pub(super) const CLIENT: &str = "client_01DEMO";
pub(super) const ISSUER: &str = "https://api.workos.com/user_management/client_01DEMO";

/// Another environment, for partners: only people sign in there.
pub(super) const PARTNERS_ALIAS: &str = "workos-partners";
pub(super) const PARTNERS_CLIENT: &str = "client_01PARTNERS";
pub(super) const PARTNERS_ISSUER: &str = "https://api.workos.com/user_management/client_01PARTNERS";

/// How it names the tenants.
pub(super) const ORG_ACME: &str = "org_01ACME";
pub(super) const ORG_GLOBEX: &str = "org_01GLOBEX";

/// Works for two organisations.
pub(super) const ADA: &str = "user_01ADA";
/// Works for acme alone.
pub(super) const BOB: &str = "user_01BOB";
pub(super) const AGENT: &str = "agent_01SCRIBE";
pub(super) const ADMIN: &str = "support@demo.internal";

/// The longest that its sessions may be.
const LIFETIME: Duration = Duration::from_secs(60 * 60);

/// The keys of its two environments.
#[derive(Clone, Debug)]
pub(super) struct WorkOs {
    own: Signer,
    partners: Signer,
}

impl WorkOs {
    /// Makes both keys at the same time: an RSA key takes its time.
    pub(super) fn new() -> Result<Self, Failure> {
        std::thread::scope(|scope| {
            let partners = scope.spawn(|| Signer::rs256("sso_oidc_key_pair_01PARTNERS"));
            let own = Signer::rs256("sso_oidc_key_pair_01DEMO")?;
            let partners = partners.join().map_err(|_| "no key was made")??;
            Ok(Self { own, partners })
        })
    }

    pub(super) fn signer(&self) -> &Signer {
        &self.own
    }

    pub(super) fn partners(&self) -> &Signer {
        &self.partners
    }

    /// A token of the demo's own environment.
    pub(super) fn token(&self, claims: &Value) -> Result<String, Failure> {
        self.own.token("JWT", claims)
    }

    pub(super) async fn serve(&self) -> Result<Server, Failure> {
        let mut app = Router::new();
        for (client, signer) in [(CLIENT, &self.own), (PARTNERS_CLIENT, &self.partners)] {
            let jwks = json!({"keys": [signer.public_jwk()?]});
            let keys = get(async move || net::json(StatusCode::OK, &jwks).map(Body::from));
            app = app.route(&jwks_path(client), keys);
        }
        Ok(net::serve(app).await?)
    }
}

/// Where the keys of an environment are published.
pub(super) fn jwks_path(client: &str) -> String {
    format!("/sso/jwks/{client}")
}

/// A session of a user who chose an organisation.
pub(super) fn session(user: &str, org: &str) -> Value {
    let now = SystemClock.now();
    json!({
        "iss": ISSUER,
        "sub": user,
        "org_id": org,
        "sid": format!("session_01{user}"),
        "jti": format!("01{user}{org}"),
        "role": "member",
        "roles": ["member"],
        "permissions": ["orders.read", "orders.create"],
        "iat": now.as_unix(),
        "exp": now.plus(LIFETIME).as_unix(),
        "auth_time": now.as_unix(),
    })
}

/// The same, in which an admin acts as the user.
pub(super) fn impersonated(user: &str, org: &str) -> Value {
    with(session(user, org), "act", json!({"sub": ADMIN}))
}

/// An agent for a user: the user stands in `act`.
pub(super) fn delegated(agent: &str, user: &str, org: &str) -> Value {
    with(autonomous(agent, org), "act", json!({"sub": user}))
}

/// An agent for itself.
pub(super) fn autonomous(agent: &str, org: &str) -> Value {
    let now = SystemClock.now();
    json!({
        "iss": ISSUER,
        "sub": agent,
        "org_id": org,
        "agent_instance_session_id": format!("agent_instance_session_01{agent}"),
        "permissions": ["orders.read", "orders.create"],
        "iat": now.as_unix(),
        "exp": now.plus(LIFETIME).as_unix(),
    })
}

/// A session of the partners' environment.
pub(super) fn partner(user: &str, org: &str) -> Value {
    with(session(user, org), "iss", json!(PARTNERS_ISSUER))
}

fn with(mut claims: Value, name: &str, value: Value) -> Value {
    if let Some(members) = claims.as_object_mut() {
        members.insert(name.into(), value);
    }
    claims
}
