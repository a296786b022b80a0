//! A client that follows redirects below the layers.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Redirect;
use axum::routing::get;
use reqwest::Client;
use throughline::{
    AcceptLayer, CarryLayer, Destinations, Freshness, InContext as _, TenantContext, TrustDomain,
};
use throughline_core::{Draft, Principal, Tenant, TrustDomainName};
use throughline_jose::{SigningKey, TokenIssuer};
use throughline_reqwest::{ReqwestService, stay_inside};
use tokio::net::TcpListener;
use tower::{Layer as _, ServiceExt as _};

/// What a host was sent.
type Seen = Arc<Mutex<Vec<HeaderMap>>>;

async fn serve(app: Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    origin
}

/// A host that records its requests and sends `/away` to another one.
async fn host(away: Option<String>) -> (String, Seen) {
    let seen = Seen::default();
    let record = Arc::clone(&seen);
    let app = Router::new()
        .route("/home", get(|| async { "home" }))
        .route("/inside", get(|| async { Redirect::temporary("/home") }))
        .route("/loop", get(|| async { Redirect::temporary("/loop") }))
        .route(
            "/away",
            get(move || async move { Redirect::temporary(&format!("{}/home", away.unwrap())) }),
        )
        .layer(axum::middleware::map_request(move |request: Request| {
            record.lock().unwrap().push(request.headers().clone());
            async move { request }
        }));
    (serve(app).await, seen)
}

async fn context() -> TenantContext {
    let issuer = TokenIssuer::new(
        TrustDomainName::new("prod.example").unwrap(),
        SigningKey::generate().unwrap(),
    );
    let domain = TrustDomain::new("prod.example")
        .unwrap()
        .with_keys(issuer.key_source())
        .with_freshness(Freshness::lifetime_only(Duration::from_secs(300)));
    domain.load().await.unwrap();
    let ada = Principal::new("okta", Tenant::new("acme").unwrap(), "ada").unwrap();
    let token = issuer
        .mint(Draft::user(ada, domain.now()).unwrap())
        .unwrap();
    let service =
        AcceptLayer::new(domain).layer(tower::service_fn(async |request: http::Request<()>| {
            let mut response = http::Response::new(axum::body::Body::empty());
            response
                .extensions_mut()
                .insert(TenantContext::of(request.extensions()).unwrap());
            Ok::<_, std::convert::Infallible>(response)
        }));
    let request = http::Request::get("/")
        .header("txn-token", token)
        .body(())
        .unwrap();
    service
        .oneshot(request)
        .await
        .unwrap()
        .extensions_mut()
        .remove()
        .unwrap()
}

// failure: H6
#[tokio::test]
async fn a_redirect_to_another_host_is_not_followed_and_one_inside_carries_the_context() {
    let (stranger, strangers) = host(None).await;
    let (billing, seen) = host(Some(stranger.clone())).await;
    let inside = [billing.strip_prefix("http://").unwrap()];
    let policy = stay_inside(Destinations::new(inside).unwrap());
    let client = Client::builder().redirect(policy).build().unwrap();
    let client = CarryLayer::builder(inside)
        .with_observe(())
        .build()
        .unwrap()
        .layer(ReqwestService::new(client));
    let cx = context().await;
    let call = async |path: &str| {
        let request = http::Request::get(format!("{billing}{path}")).in_context(&cx);
        client
            .clone()
            .oneshot(request.body("").unwrap())
            .await
            .unwrap()
            .status()
    };

    assert_eq!(call("/inside").await, StatusCode::OK);
    let with_context = |seen: &Seen| {
        seen.lock()
            .unwrap()
            .iter()
            .filter(|fields| fields.contains_key("txn-token"))
            .count()
    };
    assert_eq!(
        with_context(&seen),
        2,
        "the redirect inside carries the context on"
    );

    assert_eq!(call("/away").await, StatusCode::TEMPORARY_REDIRECT);
    assert_eq!(
        strangers.lock().unwrap().len(),
        0,
        "the other host was called"
    );
    // It ends.
    assert_eq!(call("/loop").await, StatusCode::TEMPORARY_REDIRECT);

    // A call that is for the other host from the start passes, with nothing of ours.
    let request = http::Request::get(format!("{stranger}/home"))
        .in_context(&cx)
        .body("")
        .unwrap();
    assert_eq!(
        client.clone().oneshot(request).await.unwrap().status(),
        StatusCode::OK
    );
    assert_eq!(strangers.lock().unwrap().len(), 1);
    assert_eq!(with_context(&strangers), 0);
}

/// What the policy is for: without it the context arrives at the other host.
#[tokio::test]
async fn reqwest_by_itself_hands_the_context_to_the_other_host() {
    let (stranger, strangers) = host(None).await;
    let (billing, _) = host(Some(stranger)).await;
    let inside = [billing.strip_prefix("http://").unwrap()];
    let client = CarryLayer::builder(inside)
        .build()
        .unwrap()
        .layer(ReqwestService::new(reqwest::Client::new()));
    let cx = context().await;
    let request = http::Request::get(format!("{billing}/away"))
        .in_context(&cx)
        .body("")
        .unwrap();
    assert_eq!(
        client.oneshot(request).await.unwrap().status(),
        StatusCode::OK
    );
    assert!(strangers.lock().unwrap()[0].contains_key("txn-token"));
}
