//! The edge beside the official emulator of WorkOS: a test partner, and never an oracle. Where it
//! differs from the documented service, the difference is a trap that we must not fall into.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::body::Body;
use axum::routing::get;
use bytes::Bytes;
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};
use throughline::{SystemClock, TenantContext, TrustDomain, Witness};
use throughline_core::freshness::Freshness;
use throughline_core::time::Clock as _;
use throughline_core::{Principal, Reason, TrustDomainName};
use throughline_identity::membership::{Membership, MembershipError};
use throughline_identity::{
    Audience, AuthenticateLayer, Issuer, IssuerBuilder, Issuers, Memberships, Profile, TrustMap,
};
use throughline_jose::{KeySource, SigningKey, TokenIssuer};
use tower::ServiceExt as _;

/// What the emulator writes into `aud`, where the documented service writes none.
const CLIENT: &str = "client_emulate";

/// The running emulator. Dropping it ends it.
struct Emulator {
    child: Child,
    url: String,
    key: String,
    client: Client<HttpConnector, Full<Bytes>>,
}

impl Drop for Emulator {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Emulator {
    fn start() -> Self {
        let script = include_str!("../emulator/start.mjs");
        // A module from standard input finds packages beside the folder it is run in.
        let mut child = Command::new("node")
            .args(["--input-type=module", "-"])
            .current_dir(packages())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("Node.js is needed for the emulator: `cargo xtask test` says how");
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(script.as_bytes()).unwrap();
        drop(stdin);
        let mut line = String::new();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        stdout.read_line(&mut line).unwrap();
        let said: Value = serde_json::from_str(&line).expect("the emulator did not start");
        // Nobody reads on; a full pipe would stop it.
        std::thread::spawn(move || std::io::copy(&mut stdout, &mut std::io::sink()));
        Self {
            child,
            url: said["url"].as_str().unwrap().to_owned(),
            key: said["key"].as_str().unwrap().to_owned(),
            client: Client::builder(TokioExecutor::new()).build_http(),
        }
    }

    async fn call(&self, method: Method, path: &str, body: Option<Value>) -> (StatusCode, Value) {
        let body = body.map(|body| body.to_string()).unwrap_or_default();
        let request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.url))
            .header("authorization", format!("Bearer {}", self.key))
            .header("content-type", "application/json")
            .body(Full::from(body))
            .unwrap();
        let response = self.client.request(request).await.unwrap();
        let status = response.status();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, serde_json::from_slice(&body).unwrap_or_default())
    }

    /// Ids by name.
    async fn organization(&self, name: &str) -> String {
        let (_, list) = self.call(Method::GET, "/organizations", None).await;
        let found = list["data"].as_array().unwrap().iter();
        let found = found.filter(|one| one["name"] == name).collect::<Vec<_>>();
        found[0]["id"].as_str().unwrap().to_owned()
    }

    async fn join(&self, user: &str, organization: &str) {
        let body = json!({"user_id": user, "organization_id": organization, "role_slug": "member"});
        let path = "/user_management/organization_memberships";
        let (status, answer) = self.call(Method::POST, path, Some(body)).await;
        assert!(status.is_success(), "{answer}");
    }

    async fn authenticate(&self, mut grant: Value) -> (StatusCode, Value) {
        grant["client_id"] = CLIENT.into();
        grant["client_secret"] = self.key.as_str().into();
        let path = "/user_management/authenticate";
        self.call(Method::POST, path, Some(grant)).await
    }

    async fn log_in(&self) -> Value {
        let grant = json!({"grant_type": "password", "email": "ada@acme.test", "password": "pw"});
        let (status, session) = self.authenticate(grant).await;
        assert_eq!(status, StatusCode::OK, "{session}");
        session
    }

    /// Switches the session into an organisation, as a client asks for it.
    async fn switch(&self, session: &Value, organization: &str) -> (StatusCode, Value) {
        let grant = json!({
            "grant_type": "refresh_token",
            "refresh_token": session["refresh_token"],
            "organization_id": organization,
        });
        self.authenticate(grant).await
    }

    fn issuer(&self, audience: Audience) -> IssuerBuilder {
        let keys = format!("{}/sso/jwks/{CLIENT}", self.url);
        Issuer::builder("workforce", Profile::WORKOS_AUTHKIT)
            .named(&self.url)
            .with_keys(KeySource::url(&keys).unwrap())
            .with_audience(audience)
    }

    /// Asks the emulator who belongs where, as one asks the service.
    fn memberships(&self, asked: &Arc<AtomicUsize>) -> Memberships {
        let (client, url, key) = (self.client.clone(), self.url.clone(), self.key.clone());
        let asked = Arc::clone(asked);
        Memberships::of(move |principal: Principal| {
            asked.fetch_add(1, Ordering::Relaxed);
            let tenant = principal.tenant().unwrap().to_string();
            let path = format!(
                "{url}/user_management/organization_memberships?user_id={}&organization_id={tenant}",
                principal.subject()
            );
            let request = Request::get(path)
                .header("authorization", format!("Bearer {key}"))
                .body(Full::default())
                .unwrap();
            let answer = client.request(request);
            async move {
                let unavailable = |_| MembershipError::new("no answer");
                let response = answer
                    .await
                    .map_err(|_| MembershipError::new("no answer"))?;
                let body = response.into_body().collect().await.map_err(unavailable)?;
                let list: Value = serde_json::from_slice(&body.to_bytes())
                    .map_err(|_| MembershipError::new("no list"))?;
                // Never by the filter alone: it is an emulator, and it may ignore it.
                let is_member = list["data"].as_array().is_some_and(|list| {
                    list.iter().any(|one| {
                        one["organization_id"] == *tenant
                            && one["user_id"] == *principal.subject()
                            && one["status"] == "active"
                    })
                });
                Ok(if is_member {
                    Membership::Member
                } else {
                    Membership::Stranger
                })
            }
        })
    }
}

/// The folder that `cargo xtask test` installs the emulator into.
fn packages() -> PathBuf {
    let binary = std::env::current_exe().unwrap();
    let folders = binary.ancestors().map(|above| above.join("npm"));
    folders
        .into_iter()
        .find(|folder| folder.join("node_modules/workos/package.json").exists())
        .expect(
            "the WorkOS emulator is not at hand: run `cargo xtask test` once, which installs it \
             into target/npm",
        )
}

async fn issuers(issuer: IssuerBuilder) -> Issuers {
    let trust = TrustMap::new("identity team", "platform security");
    let issuers = Issuers::new([issuer.build().unwrap()], trust).unwrap();
    issuers.iter().next().unwrap().keys().load().await.unwrap();
    issuers
}

async fn edge(issuers: Issuers) -> Router {
    let tokens = TokenIssuer::new(
        TrustDomainName::new("prod.example").unwrap(),
        SigningKey::generate().unwrap(),
    );
    let domain = TrustDomain::new("prod.example")
        .unwrap()
        .with_keys(tokens.key_source())
        .with_freshness(Freshness::lifetime_only(std::time::Duration::from_secs(
            3600,
        )));
    domain.load().await.unwrap();
    let layer = AuthenticateLayer::builder(issuers, tokens, domain)
        .accepting(|accept| accept.add_witness(Witness::path("tenant")))
        .build()
        .unwrap();
    let handler =
        async |cx: TenantContext| format!("{} {}", cx.tenant(), cx.grant().scope().as_str());
    Router::new()
        .route("/t/{tenant}/orders", get(handler))
        .layer(layer)
}

/// Status, and the reason or what the handler said.
async fn call(edge: &Router, tenant: &str, token: &Value) -> (u16, String) {
    let request = Request::get(format!("/t/{tenant}/orders"))
        .header(
            "authorization",
            format!("Bearer {}", token.as_str().unwrap()),
        )
        .body(Body::empty())
        .unwrap();
    let response = edge.clone().oneshot(request).await.unwrap();
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    let text = String::from_utf8(body.to_vec()).unwrap();
    let problem: Value = serde_json::from_str(&text).unwrap_or_default();
    let reason = problem["reason"].as_str().map(str::to_owned);
    (status, reason.unwrap_or(text))
}

// failure: T2
// failure: T3
#[tokio::test]
async fn a_signed_organisation_without_membership_opens_nothing() {
    let emulator = Emulator::start();
    let [acme, globex] = [
        emulator.organization("acme").await,
        emulator.organization("globex").await,
    ];
    let session = emulator.log_in().await;
    emulator
        .join(session["user"]["id"].as_str().unwrap(), &acme)
        .await;
    let (_, of_acme) = emulator.switch(&session, &acme).await;
    let (status, of_globex) = emulator.switch(&of_acme, &globex).await;
    // The emulator signs any organisation that it is asked for; the service would refuse.
    assert_eq!(status, StatusCode::OK, "{of_globex}");
    let [of_acme, of_globex] = [&of_acme, &of_globex].map(|session| &session["access_token"]);

    let audience = || Audience::one_of([CLIENT]);
    // Whoever takes the issuer's word alone is taken in by it.
    let believing = edge(issuers(emulator.issuer(audience())).await).await;
    assert_eq!(call(&believing, &globex, of_globex).await.0, 200);

    let asked = Arc::default();
    let asking = emulator
        .issuer(audience())
        .with_memberships(emulator.memberships(&asked));
    let asking = edge(issuers(asking).await).await;
    let (status, said) = call(&asking, &acme, of_acme).await;
    assert_eq!(
        (status, said.as_str()),
        (200, format!("{acme} orders:read").as_str())
    );
    let denied = (403, "decision_denied".to_owned());
    assert_eq!(call(&asking, &globex, of_globex).await, denied);
    // Nothing is looked up for a request that contradicts itself.
    let before = asked.load(Ordering::Relaxed);
    let mismatch = (403, "tenant_mismatch".to_owned());
    assert_eq!(call(&asking, &globex, of_acme).await, mismatch);
    assert_eq!(asked.load(Ordering::Relaxed), before);

    // No organisation was chosen: absent, and never empty.
    let missing = (401, "claim_missing".to_owned());
    assert_eq!(
        call(&asking, &acme, &session["access_token"]).await,
        missing
    );

    // Its documented twin has no audience: one that is there is for somebody else.
    let documented = edge(issuers(emulator.issuer(Audience::none())).await).await;
    let for_other = (401, "audience_mismatch".to_owned());
    assert_eq!(call(&documented, &acme, of_acme).await, for_other);
}

// failure: T8
#[tokio::test]
async fn a_race_between_two_organisations_ends_in_no_token_that_nobody_asked_for() {
    let emulator = Emulator::start();
    let [acme, globex] = [
        emulator.organization("acme").await,
        emulator.organization("globex").await,
    ];
    let session = emulator.log_in().await;
    let user = session["user"]["id"].as_str().unwrap();
    emulator.join(user, &acme).await;
    emulator.join(user, &globex).await;
    let issuers = issuers(emulator.issuer(Audience::one_of([CLIENT]))).await;
    let edge = edge(issuers.clone()).await;
    let mut session = session;
    for _ in 0..10 {
        let (to_acme, to_globex) = tokio::join!(
            emulator.switch(&session, &acme),
            emulator.switch(&session, &globex)
        );
        let mut switched = 0;
        for (asked, other, (status, answer)) in
            [(&acme, &globex, to_acme), (&globex, &acme, to_globex)]
        {
            if status != StatusCode::OK {
                continue;
            }
            switched += 1;
            let token = &answer["access_token"];
            let identity = issuers
                .verify(token.as_str().unwrap().as_bytes(), SystemClock.now())
                .unwrap();
            assert_eq!(identity.tenant().as_str(), asked);
            // And at the edge each opens its own tenant only.
            let (here, there) = tokio::join!(call(&edge, asked, token), call(&edge, other, token));
            assert_eq!(here.0, 200);
            assert_eq!(there, (403, Reason::TenantMismatch.code().to_owned()));
            session = answer;
        }
        assert!(switched > 0, "the refresh token was good for nothing");
    }
}
