//! What is seen in the honest requests around an attack.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use throughline_testing::TestDomain;
use throughline_testing::catalogue::Catalogue;
use throughline_testing::judge::{How, Verdict};
use throughline_testing::report::Report;
use throughline_testing::run::RequestBody;
use throughline_testing::target::Target;
use tower::service_fn;

use crate::kit::orders_of;

fn say(status: StatusCode, text: String) -> Response<Full<Bytes>> {
    let mut answer = Response::new(Full::from(text));
    *answer.status_mut() = status;
    answer
}

async fn attack(
    id: &str,
    has_markers: bool,
    answer: impl Fn(&Request<RequestBody>) -> Response<Full<Bytes>> + Clone + Send + Sync + 'static,
) -> Report {
    let markers = has_markers.then_some(["a chair for acme", "a chair for globex"]);
    attack_with(id, markers, answer).await
}

async fn attack_with(
    id: &str,
    markers: Option<[&str; 2]>,
    answer: impl Fn(&Request<RequestBody>) -> Response<Full<Bytes>> + Clone + Send + Sync + 'static,
) -> Report {
    let target = Target::http("/t/{tenant}/orders").unwrap();
    let target = match markers {
        Some([own, other]) => target.with_markers(own, other),
        None => target,
    };
    let service = service_fn(move |request| {
        let answer = answer.clone();
        async move { Ok::<_, Infallible>(answer(&request)) }
    });
    let catalogue = Catalogue::aimed(target).only([id]);
    catalogue.run_against(service, &TestDomain::new()).await
}

fn tenant_in_path(request: &Request<RequestBody>) -> String {
    request.uri().path().split('/').nth(2).unwrap().to_owned()
}

/// Refuses whoever names another tenant in a header.
fn refused(request: &Request<RequestBody>) -> bool {
    request
        .headers()
        .get("x-tenant-id")
        .is_some_and(|tenant| *tenant != *tenant_in_path(request))
}

const ID: &str = "headers/tenant-of-another";

#[tokio::test]
async fn a_refused_attack_that_poisons_the_next_honest_answer_is_accepted() {
    for status in [StatusCode::OK, StatusCode::FORBIDDEN] {
        let poisoned = Arc::new(Mutex::new(false));
        let report = attack(ID, true, move |request| {
            let mut poisoned = poisoned.lock().unwrap();
            if refused(request) {
                *poisoned = true;
                return say(StatusCode::FORBIDDEN, "not yours".into());
            }
            match std::mem::take(&mut *poisoned) {
                true => say(status, orders_of("globex")),
                false => say(StatusCode::OK, orders_of(&tenant_in_path(request))),
            }
        })
        .await;
        let how = How::OtherMarker;
        let outcome = report.of(ID).unwrap();
        assert_eq!(outcome.verdict(), &Verdict::Accepted { how });
        // It is the honest request that shows it.
        let came = outcome.exchange().unwrap().came().join(" ");
        assert!(came.contains("a chair for globex"), "{came}");
    }
}

#[tokio::test]
async fn a_refused_attack_that_leaves_nothing_behind_is_held() {
    let report = attack(ID, true, |request| match refused(request) {
        true => say(StatusCode::FORBIDDEN, "not yours".into()),
        false => say(StatusCode::OK, orders_of(&tenant_in_path(request))),
    })
    .await;
    let verdict = report.of(ID).unwrap().verdict();
    assert!(matches!(verdict, Verdict::Held { .. }), "{verdict}");
}

#[tokio::test]
async fn requests_of_both_tenants_at_once_that_poison_the_other_ones_answer_are_accepted() {
    let seen = Arc::new(Mutex::new(0));
    let report = attack("process/interleaved", true, move |request| {
        let mut seen = seen.lock().unwrap();
        *seen += 1;
        let tenant = match tenant_in_path(request).as_str() {
            // Only behind all that was before: six honest ones, and the hundred that come at once.
            "globex" if *seen > 106 => "acme".to_owned(),
            tenant => tenant.to_owned(),
        };
        say(StatusCode::OK, orders_of(&tenant))
    })
    .await;
    let how = How::OtherMarker;
    let verdict = report.of("process/interleaved").unwrap().verdict();
    assert_eq!(verdict, &Verdict::Accepted { how });
}

#[tokio::test]
async fn a_count_in_the_answers_of_both_tenants_accuses_nobody() {
    let serve = |mixes: bool| {
        let seen = Arc::new(Mutex::new(0));
        move |request: &Request<RequestBody>| {
            let mut seen = seen.lock().unwrap();
            *seen += 1;
            let tenant = match tenant_in_path(request).as_str() {
                "globex" if mixes && *seen == 50 => "acme".to_owned(),
                "acme" if mixes && *seen == 51 => "globex".to_owned(),
                tenant => tenant.to_owned(),
            };
            say(
                StatusCode::OK,
                format!("request {seen}: {}", orders_of(&tenant)),
            )
        }
    };
    let id = "process/interleaved";
    let report = attack(id, false, serve(false)).await;
    assert_eq!(report.of(id).unwrap().verdict(), &Verdict::Neutralised);
    let report = attack(id, false, serve(true)).await;
    let how = How::DiffersFromTwin;
    assert_eq!(report.of(id).unwrap().verdict(), &Verdict::Accepted { how });
}

/// The tenant that a token says, which is not verified here.
fn tenant_in_token(request: &Request<RequestBody>) -> String {
    let token = request.headers().get("txn-token").unwrap().to_str();
    let claims = token.unwrap().split('.').nth(1).unwrap();
    let claims = URL_SAFE_NO_PAD.decode(claims).unwrap();
    let claims: serde_json::Value = serde_json::from_slice(&claims).unwrap();
    claims["tctx"]["tenant"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_refusal_may_name_the_caller_but_not_what_is_its_own() {
    let id = "tokens/of-another";
    let markers = Some([r#""tenant":"acme""#, r#""tenant":"globex""#]);
    let serve = |leaks: bool| {
        move |request: &Request<RequestBody>| {
            let (path, token) = (tenant_in_path(request), tenant_in_token(request));
            let orders = format!(r#"{{"tenant":"{token}"}}"#);
            match (path == token, leaks) {
                (true, _) | (false, true) => say(StatusCode::OK, orders),
                (false, false) => say(StatusCode::FORBIDDEN, orders),
            }
        }
    };
    let report = attack_with(id, markers, serve(false)).await;
    let verdict = report.of(id).unwrap().verdict();
    assert!(matches!(verdict, Verdict::Held { .. }), "{verdict}");
    let report = attack_with(id, markers, serve(true)).await;
    assert_eq!(report.counts().accepted, 1, "{report}");
}
