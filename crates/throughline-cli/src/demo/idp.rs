//! The identity provider of three tenants: signs access tokens for users and machines, hands out
//! opaque ones and answers for them, and publishes its key.
//!
//! It knows nothing of throughline. Like most of its kind it puts the tenant into a claim of its
//! own choice, here `org`. It believes whoever says who they are, which a real one must not.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use axum::routing::{get, post};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};
use throughline::SystemClock;
use throughline_core::time::Clock as _;

use super::net::{self, Failure, Server};
use super::roster::{USERS, User};
use super::signer::{Signer, random};

pub(super) const ISSUER: &str = "https://idp.demo.internal";
/// The edge's name as the identity provider knows it.
pub(super) const AUDIENCE: &str = "https://api.demo.internal";
/// RFC 9068 §2.1.
pub(super) const ACCESS_TOKEN: &str = "at+jwt";
/// How an opaque token begins.
pub(super) const OPAQUE: &str = "ot_";
/// The client as which the edge asks about opaque tokens.
pub(super) const EDGE_CLIENT: &str = "edge";

const LIFETIME: Duration = Duration::from_secs(60 * 60);

/// The provider's key and what it says with it. Cloning shares it.
#[derive(Clone, Debug)]
pub(super) struct Idp(Arc<Shared>);

struct Shared {
    signer: Signer,
    /// What the edge proves itself with when it asks about an opaque token.
    edge_secret: String,
    /// What stands behind opaque tokens.
    opaque: Mutex<HashMap<String, Value>>,
    answers: AtomicBool,
}

/// Without the secret, and without what could be used instead of it.
impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared")
            .field("signer", &self.signer)
            .finish_non_exhaustive()
    }
}

#[derive(Deserialize)]
struct Login {
    user: String,
    tenant: String,
}

impl Idp {
    pub(super) fn new() -> Result<Self, Failure> {
        Ok(Self(Arc::new(Shared {
            signer: Signer::es256("idp-1")?,
            edge_secret: random("")?,
            opaque: Mutex::default(),
            answers: AtomicBool::new(true),
        })))
    }

    pub(super) fn signer(&self) -> &Signer {
        &self.0.signer
    }

    pub(super) fn edge_secret(&self) -> &str {
        &self.0.edge_secret
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
            "jti": format!("{}-{}-at", user.tenant, user.name),
            "scope": user.scope(),
            "iat": now.as_unix(),
            "exp": now.plus(LIFETIME).as_unix(),
            "auth_time": now.as_unix(),
            "acr": "urn:demo:password",
            "sid": format!("{}-{}", user.tenant, user.name),
        })
    }

    /// The claims of a machine's access token: nobody is involved, so the subject is the client.
    pub(super) fn machine_claims(client: &str, tenant: &str) -> Value {
        let now = SystemClock.now();
        json!({
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": client,
            "org": tenant,
            "client_id": client,
            "jti": format!("{tenant}-{client}-at"),
            "scope": "orders.read orders.create",
            "iat": now.as_unix(),
            "exp": now.plus(LIFETIME).as_unix(),
        })
    }

    /// An access token for `user`.
    pub(super) fn token(&self, user: User) -> Result<String, Failure> {
        self.signer().token(ACCESS_TOKEN, &Self::claims(user))
    }

    /// An opaque token, and what this provider answers for it (RFC 7662 §2.2).
    pub(super) fn opaque(&self, answer: Value) -> Result<String, Failure> {
        let token = random(OPAQUE)?;
        self.lock().insert(token.clone(), answer);
        Ok(token)
    }

    /// What it answers for an honest opaque token of `user`.
    pub(super) fn answer(user: User) -> Value {
        let mut answer = Self::claims(user);
        if let Some(members) = answer.as_object_mut() {
            members.insert("active".into(), json!(true));
            members.insert("token_type".into(), json!("Bearer"));
        }
        answer
    }

    /// Whether it answers for opaque tokens, or with an error.
    pub(super) fn set_answering(&self, answers: bool) {
        self.0.answers.store(answers, Ordering::Relaxed);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, Value>> {
        self.0.opaque.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) async fn serve(&self) -> Result<Server, Failure> {
        let jwks = json!({"keys": [self.signer().public_jwk()?]});
        let app = Router::new()
            .route(
                "/jwks.json",
                get(async move || reply(StatusCode::OK, &jwks)),
            )
            .route("/token", post(log_in))
            .route("/introspect", post(introspect))
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

/// RFC 7662 §2: for clients that prove who they are.
async fn introspect(State(idp): State<Idp>, headers: HeaderMap, body: Bytes) -> Response {
    if !idp.0.answers.load(Ordering::Relaxed) {
        return reply(StatusCode::SERVICE_UNAVAILABLE, &json!({}));
    }
    // RFC 6749 §2.3.1: encoded as in a form.
    let secret = &idp.0.edge_secret;
    let expected = STANDARD.encode(format!("{EDGE_CLIENT}:{}", formed(secret)));
    let asks = headers.get(AUTHORIZATION).map(http::HeaderValue::as_bytes);
    if asks != Some(format!("Basic {expected}").as_bytes()) {
        return reply(
            StatusCode::UNAUTHORIZED,
            &json!({"error": "invalid_client"}),
        );
    }
    let form = String::from_utf8_lossy(&body);
    let asked = form
        .split('&')
        .find_map(|pair| pair.strip_prefix("token="))
        .unwrap_or_default();
    let known = {
        let opaque = idp.lock();
        let mut known = opaque.iter().filter(|(token, _)| formed(token) == asked);
        known.next().map(|(_, answer)| answer.clone())
    };
    reply(
        StatusCode::OK,
        &known.unwrap_or_else(|| json!({"active": false})),
    )
}

/// A text of base64url, as a form has it.
fn formed(text: &str) -> String {
    text.replace('-', "%2D").replace('_', "%5F")
}

fn reply(status: StatusCode, value: &Value) -> Response {
    net::json(status, value).map(Body::from)
}
