//! The file beside the example, with a provider on this machine in the place of its issuer.

use axum::Json;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request};
use serde_json::{Value, json};
use throughline_core::time::Clock as _;
use throughline_identity::EdgeConfig;
use throughline_jose::SystemClock;
use throughline_testing::TestKey;
use tower::ServiceExt as _;

use super::*;

/// A provider, and the edge that trusts it.
struct System {
    key: TestKey,
    issuer: String,
    edge: Router,
}

/// An OpenID provider, as far as an edge sees one: its discovery document and its keys.
async fn provider(key: &TestKey) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let issuer = format!("http://{}", listener.local_addr().unwrap());
    let document = json!({"issuer": issuer, "jwks_uri": format!("{issuer}/keys")});
    let keys = json!({"keys": [key.public_jwk()]});
    let app = Router::new()
        .route(
            "/.well-known/openid-configuration",
            get(async move || Json(document)),
        )
        .route("/keys", get(async move || Json(keys)));
    tokio::spawn(async move { axum::serve(listener, app).await });
    issuer
}

impl System {
    async fn start() -> Self {
        let key = TestKey::generate();
        let issuer = provider(&key).await;
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("throughline.toml");
        let text = std::fs::read_to_string(FILE).unwrap();
        assert!(text.contains("https://id.acme.example"));
        std::fs::write(&file, text.replace("https://id.acme.example", &issuer)).unwrap();
        let edge = app(&file).await.unwrap();
        Self { key, issuer, edge }
    }

    /// The header and the claims of an access token for ada of acme (RFC 9068 §2).
    fn honest(&self) -> (Value, Value) {
        let now = SystemClock.now().as_unix();
        (
            json!({"typ": "at+jwt", "alg": "EdDSA", "kid": self.key.kid()}),
            json!({"iss": self.issuer, "aud": "https://api.acme.example", "sub": "ada",
                "client_id": "web", "jti": "1", "org": "acme", "iat": now, "exp": now + 300}),
        )
    }

    fn token(&self) -> String {
        let (header, claims) = self.honest();
        self.key.sign(&header, &claims)
    }

    async fn get(&self, path: &str, fields: &[(&str, &str)]) -> (StatusCode, HeaderMap, String) {
        let mut call = Request::get(path);
        for (name, value) in fields {
            call = call.header(*name, *value);
        }
        let call = call.body(Body::empty()).unwrap();
        let (head, body) = self.edge.clone().oneshot(call).await.unwrap().into_parts();
        let body = to_bytes(body, 4096).await.unwrap();
        let body = String::from_utf8(body.to_vec()).unwrap();
        (head.status, head.headers, body)
    }

    /// Status and reason of a refusal of this bearer.
    async fn refusal(&self, path: &str, token: &str) -> (u16, String) {
        let bearer = format!("Bearer {token}");
        let (status, _, body) = self.get(path, &[("authorization", &bearer)]).await;
        let problem: Value = serde_json::from_str(&body).unwrap();
        let reason = problem["reason"].as_str().unwrap().to_owned();
        (status.as_u16(), reason)
    }
}

#[tokio::test]
async fn a_user_gets_the_orders_of_its_tenant_and_of_no_other() {
    let system = System::start().await;
    let token = format!("Bearer {}", system.token());
    let bearer = ("authorization", token.as_str());

    let (status, head, body) = system.get("/t/acme/orders", &[bearer]).await;
    assert_eq!(status, StatusCode::OK, "{body}");
    assert_eq!(body, "orders of acme, for workforce/acme/ada\n");
    // No shared cache hands it to somebody else.
    assert_eq!(head["cache-control"], "private, no-store");

    let refusal = system.refusal("/t/globex/orders", &system.token()).await;
    assert_eq!(refusal, (403, "tenant_mismatch".to_owned()));
    for (tenant, expected) in [("acme", StatusCode::OK), ("globex", StatusCode::FORBIDDEN)] {
        let fields = [bearer, ("x-tenant-id", tenant)];
        let (status, _, body) = system.get("/t/acme/orders", &fields).await;
        assert_eq!(status, expected, "x-tenant-id `{tenant}`: {body}");
    }
}

#[tokio::test]
async fn without_a_credential_a_client_is_told_where_to_get_one() {
    let system = System::start().await;
    let nothing: &[(&str, &str)] = &[];
    // A context from outside is nobody's credential.
    let forged = system.token();
    for fields in [nothing, &[("txn-token", &forged)]] {
        let (status, head, _) = system.get("/t/acme/orders", fields).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED);
        let challenge = head["www-authenticate"].to_str().unwrap();
        assert!(challenge.starts_with("Bearer"), "{challenge}");
        let place = "https://api.acme.example/.well-known/oauth-protected-resource";
        assert!(challenge.contains(place), "{challenge}");
    }
    let (status, _, metadata) = system
        .get("/.well-known/oauth-protected-resource", nothing)
        .await;
    assert_eq!(status, StatusCode::OK);
    assert!(metadata.contains(&system.issuer), "{metadata}");
    let (status, ..) = system.get("/ready", nothing).await;
    assert_eq!(status, StatusCode::OK);
    let (status, ..) = system.get("/ready/", nothing).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn what_is_no_access_token_of_the_issuer_for_this_api_opens_nothing() {
    let system = System::start().await;
    let (header, claims) = system.honest();
    let with = |part: &Value, name: &str, value: Value| {
        let mut part = part.clone();
        part[name] = value;
        part
    };
    let sign = |header: &Value, claims: &Value| system.key.sign(header, claims);
    let stranger = TestKey::generate();
    let elsewhere = with(&claims, "iss", json!("https://id.globex.example"));
    for (what, token, status, reason) in [
        (
            "an id token",
            sign(&with(&header, "typ", json!("JWT")), &claims),
            401,
            "type_refused",
        ),
        (
            "another issuer's key",
            stranger.sign(&with(&header, "kid", json!(stranger.kid())), &claims),
            401,
            "key_unknown",
        ),
        (
            "another issuer's key under our issuer's name of a key",
            stranger.sign(&header, &claims),
            401,
            "signature_invalid",
        ),
        (
            "another issuer",
            sign(&header, &elsewhere),
            401,
            "issuer_untrusted",
        ),
        (
            "for another API",
            sign(
                &header,
                &with(&claims, "aud", json!("https://mail.example")),
            ),
            401,
            "audience_mismatch",
        ),
        (
            "of a tenant that nobody registered",
            sign(&header, &with(&claims, "org", json!("initech"))),
            401,
            "tenant_invalid",
        ),
        (
            "of no tenant",
            sign(&header, &with(&claims, "org", json!(""))),
            401,
            "claim_invalid",
        ),
    ] {
        let refusal = system.refusal("/t/acme/orders", &token).await;
        assert_eq!(refusal, (status, reason.to_owned()), "{what}");
    }
    // The same, honest.
    let token = format!("Bearer {}", sign(&header, &claims));
    let fields = [("authorization", token.as_str())];
    let (status, ..) = system.get("/t/acme/orders", &fields).await;
    assert_eq!(status, StatusCode::OK);
}

#[test]
fn twelve_lines_are_enough_for_workos_auth0_and_entra() {
    for name in ["workos", "auth0", "entra"] {
        let file = Path::new(FILE).with_file_name(format!("{name}.toml"));
        let lines = std::fs::read_to_string(&file).unwrap().lines().count();
        assert!(lines <= 12, "{name}: {lines}");
        let config = EdgeConfig::read(&file).unwrap();
        config.into_builder().build().unwrap();
    }
}
