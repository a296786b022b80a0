//! Services that cannot be judged: nothing is ever held, and every run ends.

use std::convert::Infallible;
use std::future::pending;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full, combinators::BoxBody};
use throughline_testing::TestDomain;
use throughline_testing::catalogue::Catalogue;
use throughline_testing::judge::{Doubt, Verdict};
use throughline_testing::report::Report;
use throughline_testing::run::{Answer, Failure, InProcess, Outgoing, RequestBody, Run, World};
use tower::service_fn;

use crate::kit::orders_of;

type Anything = Response<BoxBody<Bytes, Infallible>>;

fn say(status: u16, text: &str) -> Anything {
    let mut answer = Response::new(Full::from(text.to_owned()).boxed());
    *answer.status_mut() = StatusCode::from_u16(status).unwrap();
    answer
}

/// Whether a request is an honest one, with nothing but its token.
fn is_honest(request: &Request<RequestBody>) -> bool {
    request.headers().len() == 1
        && request.headers().contains_key("txn-token")
        && matches!(request.uri().path(), "/t/acme/orders" | "/t/globex/orders")
}

/// An attack whose request differs from its twin in a header.
const ID: &str = "headers/tenant-of-another";

async fn run(
    catalogue: Catalogue,
    answer: impl Fn(&Request<RequestBody>) -> Anything + Clone + Send + Sync + 'static,
) -> Report {
    let domain = TestDomain::new();
    let service = service_fn(move |request| {
        let answer = answer.clone();
        async move { Ok::<_, Infallible>(answer(&request)) }
    });
    catalogue
        .at("/t/{tenant}/orders")
        .run_against(service, &domain)
        .await
}

#[tokio::test]
async fn a_service_that_refuses_everything_holds_nothing() {
    let report = run(Catalogue::http(), |_| say(403, "no")).await;
    let counts = report.counts();
    assert_eq!(
        (counts.held, counts.neutralised, counts.accepted),
        (0, 0, 0)
    );
    assert!(counts.not_run > 100, "{counts:?}");
    assert_eq!(report.why_unreached(), Some("refused with status 403"));
}

#[tokio::test]
async fn a_service_that_refuses_one_twin_has_not_run_that_attack() {
    let report = run(Catalogue::http().only([ID]), |request| {
        match is_honest(request) {
            true => say(200, "orders"),
            false => say(400, "what is this header?"),
        }
    })
    .await;
    let verdict = report.of(ID).unwrap().verdict();
    let Verdict::NotRun { why } = verdict else {
        panic!("{verdict:?}")
    };
    assert_eq!(
        why,
        "the honest twin was not served: refused with status 400"
    );
}

#[tokio::test]
async fn a_service_that_answers_both_tenants_the_same_cannot_be_judged_by_sameness() {
    let report = run(Catalogue::http().only([ID]), |_| say(200, "fine")).await;
    let doubt = Verdict::NotJudged {
        why: Doubt::Indistinct,
    };
    assert_eq!(report.of(ID).unwrap().verdict(), &doubt);
}

#[tokio::test]
async fn what_changes_by_itself_is_not_compared() {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    let count = Arc::new(AtomicUsize::new(0));
    let serve = move |believes: bool| {
        let count = Arc::clone(&count);
        move |request: &Request<RequestBody>| {
            let n = count.fetch_add(1, Ordering::Relaxed);
            let path = request.uri().path().split('/').nth(2).unwrap().to_owned();
            let header = request.headers().get("x-tenant-id");
            let tenant = match header.and_then(|value| value.to_str().ok()) {
                Some(header) if believes => header.to_owned(),
                _ => path,
            };
            say(200, &format!("request {n}: {}", orders_of(&tenant)))
        }
    };
    let report = run(Catalogue::http().only([ID]), serve(false)).await;
    assert_eq!(report.of(ID).unwrap().verdict(), &Verdict::Neutralised);
    let report = run(Catalogue::http().only([ID]), serve(true)).await;
    assert_eq!(report.counts().accepted, 1, "{report}");
}

#[tokio::test]
async fn answers_that_are_neither_served_nor_refused_are_not_judged() {
    for (status, expected) in [
        (301, Doubt::Redirected("nowhere".into())),
        (429, Doubt::TooFast(429)),
        (500, Doubt::Status(500)),
        (503, Doubt::Status(503)),
    ] {
        let report = run(
            Catalogue::http().only(["tokens/none"]),
            move |request| match is_honest(request) {
                true => say(200, "orders"),
                false => say(status, "?"),
            },
        )
        .await;
        let expected = Verdict::NotJudged { why: expected };
        assert_eq!(report.of("tokens/none").unwrap().verdict(), &expected);
    }
}

#[tokio::test]
async fn an_attack_after_which_the_honest_are_refused_is_not_held() {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    let broken = Arc::new(AtomicBool::new(false));
    let report = run(Catalogue::http().only(["tokens/none"]), move |request| {
        if !is_honest(request) {
            broken.store(true, Ordering::Relaxed);
        }
        match broken.load(Ordering::Relaxed) {
            false => say(200, "orders"),
            true => say(401, "everybody out"),
        }
    })
    .await;
    let why = Doubt::Aftermath("refused with status 401".into());
    let expected = Verdict::NotJudged { why };
    assert_eq!(report.of("tokens/none").unwrap().verdict(), &expected);
}

#[tokio::test(start_paused = true)]
async fn a_service_that_hangs_panics_or_never_ends_is_not_judged() {
    async fn serve(request: Request<RequestBody>, how: &str) -> Result<Anything, Infallible> {
        if is_honest(&request) {
            return Ok(say(200, "orders"));
        }
        match how {
            "hang" => pending().await,
            "panic" => panic!("a service of the test panics, as it is told to"),
            _ => Ok(say(200, &"x".repeat(4096))),
        }
    }
    for (how, expected) in [
        ("hang", Failure::Hung),
        ("panic", Failure::Panicked),
        ("endless", Failure::Endless),
    ] {
        let domain = TestDomain::new();
        let catalogue = Catalogue::http()
            .at("/t/{tenant}/orders")
            .only(["tokens/none"]);
        let sender = InProcess::new(service_fn(move |request| serve(request, how)))
            .with_patience(Duration::from_secs(5))
            .with_max_bytes(1024);
        let report = Run::new(&catalogue, World::of(&domain))
            .against(&sender)
            .await;
        let expected = Verdict::NotJudged {
            why: Doubt::Failed(expected),
        };
        assert_eq!(report.of("tokens/none").unwrap().verdict(), &expected);
    }
}

#[tokio::test]
async fn a_variant_that_cannot_be_written_is_counted_and_the_others_speak() {
    async fn sender(outgoing: Outgoing) -> Result<Answer, Failure> {
        let (status, token) = match outgoing.request.headers().get("txn-token") {
            Some(token) if token == "a-token" => (StatusCode::OK, token.as_bytes()),
            Some(token) => (StatusCode::UNAUTHORIZED, token.as_bytes()),
            None => (StatusCode::UNAUTHORIZED, &b""[..]),
        };
        match token.starts_with(b"null") {
            true => Err(Failure::Unsendable("not this word".into())),
            false => Ok(Answer::new(
                status,
                HeaderMap::new(),
                Bytes::new(),
                HeaderMap::new(),
            )),
        }
    }
    let catalogue = Catalogue::http().only(["tokens/words"]);
    let run = Run::new(&catalogue, World::stranger("a-token"));
    let report = run.against(&sender).await;
    let outcome = report.of("tokens/words").unwrap();
    assert!(
        matches!(outcome.verdict(), Verdict::Held { .. }),
        "{outcome}"
    );
    assert_eq!(outcome.unsent(), 1);
}

#[tokio::test]
async fn a_start_page_for_every_path_is_no_leak() {
    let ids = [
        "witnesses/exempt-prefix",
        "witnesses/exempt-suffix",
        "caches/deceived",
    ];
    let report = run(Catalogue::http().only(ids), |request| {
        let path = request.uri().path();
        match (request.headers().get("txn-token"), path) {
            (Some(_), "/t/acme/orders") => say(200, &orders_of("acme")),
            (Some(_), "/t/globex/orders") => say(200, &orders_of("globex")),
            (None, "/t/acme/orders") => say(401, "who?"),
            _ => say(200, "<html>welcome</html>"),
        }
    })
    .await;
    assert_eq!(report.counts().neutralised, ids.len(), "{report}");
}

#[tokio::test]
async fn a_marker_that_no_honest_answer_holds_is_noticed() {
    let domain = TestDomain::new();
    let target = throughline_testing::target::Target::http("/t/{tenant}/orders");
    let target = target.unwrap().with_markers("tables", "sofas");
    let service =
        service_fn(|_: Request<RequestBody>| async { Ok::<_, Infallible>(say(200, "chairs")) });
    let report = Catalogue::aimed(target).run_against(service, &domain).await;
    let why = "the honest answer does not hold the own tenant's marker";
    assert_eq!(report.why_unreached(), Some(why));
}

#[tokio::test]
async fn what_is_not_sent_is_not_run_and_a_run_can_be_ended() {
    use std::ops::ControlFlow;

    async fn sender(outgoing: Outgoing) -> Result<Answer, Failure> {
        match outgoing.request.headers().contains_key("txn-token") {
            true => Ok(Answer::new(
                StatusCode::OK,
                HeaderMap::new(),
                Bytes::new(),
                HeaderMap::new(),
            )),
            false => Err(Failure::Stopped("the budget is spent".into())),
        }
    }
    let catalogue = Catalogue::http().only(["tokens/none", "tokens/empty"]);
    let run = Run::new(&catalogue, World::stranger("a-token"));
    let report = run
        .against_each(&sender, |_| ControlFlow::Break("that is enough".into()))
        .await;
    let why = |id: &str| report.of(id).unwrap().verdict().to_string();
    assert_eq!(why("tokens/none"), "not run: not sent: the budget is spent");
    assert_eq!(why("tokens/empty"), "not run: that is enough");
}
