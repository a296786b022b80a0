//! The token service lies as it says, and whoever asked it does not believe it.

use std::convert::Infallible;
use std::future::{Future, ready};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::{HeaderMap, Request, Response};
use throughline::{
    Carry, CarryError, CarryLayer, InContext as _, Narrowed, NarrowingError, Reason, TenantContext,
};
use throughline_testing::{IssuerFault, TestDomain, TestIssuer};
use tokio::time::timeout;
use tower::{Layer as _, ServiceExt as _, service_fn};

use Reason::{ContextExpired, ExchangeUnavailable, ParentMismatch, ScopeWidened};

const TABLE: &[(IssuerFault, Option<Reason>, Option<&str>)] = &[
    (
        IssuerFault::AnotherDomain,
        Some(ParentMismatch),
        Some("aud"),
    ),
    (
        IssuerFault::AnotherTenant,
        Some(ParentMismatch),
        Some("sub"),
    ),
    (IssuerFault::AnotherWork, Some(ParentMismatch), Some("txn")),
    (IssuerFault::Down, Some(ExchangeUnavailable), None),
    (IssuerFault::Expired, Some(ContextExpired), None),
    (
        IssuerFault::Fresher,
        Some(ParentMismatch),
        Some("rctx.as_of"),
    ),
    (IssuerFault::Garbage, Some(ParentMismatch), None),
    (IssuerFault::Slow(Duration::from_secs(20)), None, None),
    (IssuerFault::Swapped, Some(ParentMismatch), None),
    (IssuerFault::Widening, Some(ScopeWidened), None),
];

/// What a client sent last.
#[derive(Clone, Default)]
struct Sent(Arc<Mutex<Vec<HeaderMap>>>);

impl Sent {
    fn count(&self) -> usize {
        self.0.lock().unwrap().len()
    }

    fn token(&self) -> String {
        let sent = self.0.lock().unwrap();
        let token = sent.last().unwrap()["txn-token"].to_str().unwrap();
        token.to_owned()
    }
}

type Refused = Result<(), (Reason, Option<String>)>;

/// Why a call was not sent, and at which claim.
async fn call(layer: &CarryLayer, sent: &Sent, request: Request<()>) -> Refused {
    let keep = sent.clone();
    let client = service_fn(move |request: Request<()>| {
        keep.0.lock().unwrap().push(request.into_parts().0.headers);
        ready(Ok::<_, Infallible>(Response::new(())))
    });
    let carry: Carry<_> = layer.layer(client);
    match carry.oneshot(request).await {
        Ok(_) => Ok(()),
        Err(CarryError::Refused(refused)) => Err(told(refused.refusal())),
        Err(error) => panic!("the client failed: {error}"),
    }
}

fn told(refusal: &throughline_core::Refusal) -> (Reason, Option<String>) {
    let place = refusal.place().map(ToString::to_string);
    (refusal.reason(), place)
}

fn layer(world: &TestDomain) -> CarryLayer {
    CarryLayer::builder(["billing.internal"])
        .with_clock(world.clock().clone())
        .with_renewal(world.tokens().clone(), Duration::from_secs(60))
        .build()
        .unwrap()
}

fn request(cx: &TenantContext) -> Request<()> {
    let request = Request::get("http://billing.internal/invoices");
    request.in_context(cx).body(()).unwrap()
}

/// Work whose token is about to expire.
async fn ageing(world: &TestDomain) -> TenantContext {
    let cx = world.admit(&world.token("acme")).await.unwrap();
    world
        .clock()
        .advance(TestDomain::LIFETIME - Duration::from_secs(30));
    cx
}

async fn narrow(
    world: &TestDomain,
    cx: &TenantContext,
) -> Result<Narrowed, (Reason, Option<String>)> {
    let narrowing = cx.narrow().scope("orders.read");
    let narrowed = narrowing.request(world.tokens()).await;
    narrowed.map_err(|error| match error {
        NarrowingError::Refused(refusal) => told(&refusal),
        NarrowingError::Scope(error) => panic!("{error}"),
    })
}

fn assert_at(told: Refused, reason: Option<Reason>, claim: Option<&str>, fault: IssuerFault) {
    match (told, reason) {
        (Ok(()), None) => {}
        (Err((found, place)), Some(reason)) => {
            assert_eq!(found, reason, "{fault:?}");
            let place = place.unwrap_or_default();
            assert!(
                place.contains(claim.unwrap_or_default()),
                "{fault:?}: {place}"
            );
        }
        (told, reason) => panic!("{fault:?}: {told:?}, expected {reason:?}"),
    }
}

/// Fails where nothing more can happen, instead of waiting for ever.
async fn soon<F: Future>(future: F) -> F::Output {
    let in_time = timeout(Duration::from_secs(600), future);
    in_time.await.expect("nothing happened for ten minutes")
}

#[tokio::test(start_paused = true)]
async fn a_renewal_does_not_believe_a_token_service_that_lies() {
    for (fault, reason, claim) in TABLE.iter().copied() {
        let world = TestDomain::new();
        let (layer, sent) = (layer(&world), Sent::default());
        world.tokens().fail(fault);
        let cx = ageing(&world).await;
        let told = soon(call(&layer, &sent, request(&cx))).await;
        assert_at(told, reason, claim, fault);
        let passed = usize::from(reason.is_none());
        assert_eq!(
            sent.count(),
            passed,
            "{fault:?}: what is refused is not sent"
        );

        // The honest twin: the same call, once the service is honest.
        world.tokens().mend();
        soon(call(&layer, &sent, request(&cx))).await.unwrap();
        let renewed = world.admit(&sent.token()).await.unwrap();
        assert_eq!(renewed.tenant(), cx.tenant());
        assert!(renewed.lifetime().expires_at > cx.lifetime().expires_at);
    }
}

#[tokio::test(start_paused = true)]
async fn a_narrowing_does_not_believe_it_either() {
    for (fault, reason, claim) in TABLE.iter().copied() {
        let world = TestDomain::new();
        let layer = layer(&world);
        let cx = world.admit(&world.token("acme")).await.unwrap();
        narrow(&world, &cx).await.unwrap();
        world.clock().advance(Duration::from_secs(10));
        world.tokens().fail(fault);
        let told = match soon(narrow(&world, &cx)).await {
            // What a token service handed out already dead is found when it is sent.
            Ok(narrowed) => {
                let request = Request::get("http://billing.internal/").in_context(&narrowed);
                call(&layer, &Sent::default(), request.body(()).unwrap()).await
            }
            Err(told) => Err(told),
        };
        assert_at(told, reason, claim, fault);

        world.tokens().mend();
        let narrowed = narrow(&world, &cx).await.unwrap();
        let token = str::from_utf8(narrowed.token()).unwrap();
        let received = world.admit(token).await.unwrap();
        let nearest = received
            .actors()
            .iter()
            .next()
            .unwrap()
            .principal()
            .subject()
            .to_owned();
        assert_eq!(nearest, TestIssuer::WORKLOAD);
        assert_eq!(world.tokens().calls(), 3, "{fault:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_token_service_that_stalls_holds_its_call_and_no_later_one() {
    let world = TestDomain::new();
    let (layer, sent) = (layer(&world), Sent::default());
    let cx = ageing(&world).await;
    world.tokens().fail(IssuerFault::Stalled);
    let held = call(&layer, &sent, request(&cx));
    let refused = timeout(Duration::from_secs(60), held).await.unwrap();
    assert!(refused.is_err());
    assert_eq!((sent.count(), world.tokens().calls()), (0, 1));

    world.tokens().mend();
    soon(call(&layer, &sent, request(&cx))).await.unwrap();
    assert_eq!((sent.count(), world.tokens().calls()), (1, 2));
}

#[tokio::test(start_paused = true)]
async fn a_token_service_that_is_slow_answers_in_its_time() {
    let world = TestDomain::new();
    let (layer, sent) = (layer(&world), Sent::default());
    let cx = ageing(&world).await;
    world
        .tokens()
        .fail(IssuerFault::Slow(Duration::from_secs(20)));
    let mut held = std::pin::pin!(call(&layer, &sent, request(&cx)));
    assert!(timeout(Duration::from_secs(19), &mut held).await.is_err());
    assert_eq!(sent.count(), 0);
    timeout(Duration::from_secs(2), held)
        .await
        .unwrap()
        .unwrap();
    assert_eq!((sent.count(), world.tokens().calls()), (1, 1));
}

#[tokio::test]
async fn a_token_that_lives_long_asks_nobody() {
    let world = TestDomain::new();
    let (layer, sent) = (layer(&world), Sent::default());
    world.tokens().fail(IssuerFault::Down);
    let cx = world.admit(&world.token("acme")).await.unwrap();
    call(&layer, &sent, request(&cx)).await.unwrap();
    assert_eq!(world.tokens().calls(), 0);
    assert_eq!(sent.token().as_bytes(), cx.admitted().token());
}

#[tokio::test]
async fn a_lie_is_well_signed_and_passes_where_nobody_compares() {
    // Otherwise the faults above would be refused for their signature, and prove nothing.
    use throughline::tokens::{Replacement, Tokens as _};

    let world = TestDomain::new();
    let cx = world.admit(&world.token("acme")).await.unwrap();
    for (fault, tenant) in [
        (IssuerFault::AnotherTenant, "globex"),
        (IssuerFault::AnotherWork, "acme"),
        (IssuerFault::Swapped, "globex"),
        (IssuerFault::Widening, "acme"),
    ] {
        world.tokens().fail(fault);
        let replaced = world
            .tokens()
            .replace(cx.admitted(), Replacement::renewed());
        let token = replaced.await.unwrap().token().clone();
        let received = world.admit(str::from_utf8(&token).unwrap()).await.unwrap();
        assert_eq!(received.tenant().as_str(), tenant, "{fault:?}");
    }
}
