//! Step 3: a token about to expire is replaced once, and whoever replaces it is not believed.

use std::future::Future;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context as TaskContext, Poll, Waker};
use std::time::Duration;

use throughline_core::grant::{Grant, Scope};
use throughline_core::time::Clock;
use throughline_core::{Admitted, Context, Draft, Principal, Refusal, Tenant};
use throughline_jose::mint::Minted;
use tokio::sync::Semaphore;
use tower_service::Service;

use super::*;
use crate::TenantContext;
use crate::fixture::LIFETIME;
use crate::tokens::{ReplaceFuture, Replaced, Replacement, Tokens};

const BEFORE: u64 = 30;

/// A token service that answers when it is let, counts, and says what it is told to.
#[derive(Clone)]
struct Exchange {
    asked: Arc<AtomicUsize>,
    open: Arc<Semaphore>,
    answer: Arc<Answer>,
}

type Answer = dyn Fn(&Admitted) -> Result<Replaced, Refusal> + Send + Sync;

impl Exchange {
    fn new(
        answer: impl Fn(&Admitted) -> Result<Replaced, Refusal> + Send + Sync + 'static,
    ) -> Self {
        Self {
            asked: Arc::default(),
            open: Arc::new(Semaphore::new(Semaphore::MAX_PERMITS)),
            answer: Arc::new(answer),
        }
    }

    fn honest(world: &World) -> Self {
        let issuer = world.issuer.clone();
        Self::new(move |parent| Ok(replaced(issuer.renew(parent).unwrap())))
    }

    fn shut(mut self) -> Self {
        self.open = Arc::new(Semaphore::new(0));
        self
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

impl Tokens for Exchange {
    fn replace(&self, parent: &Admitted, request: Replacement) -> ReplaceFuture {
        assert!(
            request.grant().is_none(),
            "a renewal asks for no other grant"
        );
        self.asked.fetch_add(1, Ordering::SeqCst);
        let (this, parent) = (self.clone(), parent.clone());
        ReplaceFuture::new(async move {
            let _open = this.open.acquire().await.unwrap();
            (this.answer)(&parent)
        })
    }
}

fn replaced(minted: Minted) -> Replaced {
    Replaced::new(minted.token, minted.context)
}

fn renewing(world: &World, service: &Exchange) -> CarryLayer {
    builder(world)
        .with_renewal(service.clone(), Duration::from_secs(BEFORE))
        .build()
        .unwrap()
}

/// What the token that was sent last says, once verified as a receiver does.
fn received(world: &World, client: &Client) -> TenantContext {
    world.admit_token(client.last()["txn-token"].to_str().unwrap())
}

#[tokio::test]
async fn a_token_about_to_expire_is_replaced_and_its_as_of_stays() {
    let world = World::new();
    let cx = world.context("acme");
    let (client, service) = (Client::default(), Exchange::honest(&world));
    let layer = renewing(&world, &service);
    let sent = || request(INSIDE, &[]).in_context(&cx);

    world.clock.turn(LIFETIME - BEFORE - 1);
    call(&layer, &client, sent()).await.unwrap();
    assert_eq!(client.last()["txn-token"], **cx.admitted().token());
    assert_eq!(service.asked(), 0);

    world.clock.turn(1);
    call(&layer, &client, sent()).await.unwrap();
    assert_eq!(service.asked(), 1);
    let renewed = received(&world, &client);
    let (own, parent) = (renewed.lifetime(), cx.lifetime());
    assert_eq!(own.issued_at, world.clock.now());
    assert_eq!(
        own.expires_at.since(parent.expires_at).as_secs(),
        LIFETIME - BEFORE
    );
    assert_eq!(renewed.as_of(), cx.as_of());
    assert_eq!(renewed.transaction(), cx.transaction());
    assert_eq!(renewed.grant(), cx.grant());
    renewed.check_descends_from(&cx).unwrap();

    // The next calls of the same work share it, also one that has the old token already.
    let first = client.last();
    let old = str::from_utf8(cx.admitted().token()).unwrap().to_owned();
    let has_it = request(INSIDE, &[("txn-token", &old)]).in_context(&cx);
    for sent in [sent(), has_it] {
        call(&layer, &client, sent).await.unwrap();
        assert_eq!(client.last(), first);
    }
    assert_eq!(service.asked(), 1);
    // Two of them are no token.
    let two = request(INSIDE, &[("txn-token", &old), ("txn-token", &old)]).in_context(&cx);
    let answer = call(&layer, &client, two).await;
    assert_eq!(answer.unwrap_err().0, Reason::ContextAmbiguous);
    // Once it has expired, nobody renews it.
    world.clock.turn(BEFORE);
    let answer = call(&layer, &client, sent()).await;
    assert_eq!(answer.unwrap_err().0, Reason::ContextExpired);
    assert_eq!(service.asked(), 1);
}

#[tokio::test]
async fn a_hundred_calls_with_one_token_ask_once() {
    let world = World::new();
    let (acme, globex) = (world.context("acme"), world.context("globex"));
    world.clock.turn(LIFETIME - 1);
    let service = Exchange::honest(&world).shut();
    let layer = renewing(&world, &service);
    let clients: Vec<Client> = (0..200).map(|_| Client::default()).collect();
    let calls: Vec<_> = clients
        .iter()
        .enumerate()
        .map(|(n, client)| {
            let cx = if n % 2 == 0 { &acme } else { &globex };
            let sent = request(INSIDE, &[]).in_context(cx);
            tokio::spawn(layer.layer(client.clone()).oneshot(sent))
        })
        .collect();
    while service.asked() < 2 {
        tokio::task::yield_now().await;
    }
    service.open.add_permits(200);
    for call in calls {
        call.await.unwrap().unwrap();
    }
    // One for each token.
    assert_eq!(service.asked(), 2);
    for (n, client) in clients.iter().enumerate() {
        assert_eq!(client.calls(), 1);
        let tenant = if n % 2 == 0 { "acme" } else { "globex" };
        assert_eq!(received(&world, client).tenant().as_str(), tenant);
        assert_eq!(client.last(), clients[n % 2].last());
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_abandoned_holds_up_no_other() {
    let world = World::new();
    let cx = world.context("acme");
    world.clock.turn(LIFETIME - 1);
    for is_dropped in [true, false] {
        let (client, service) = (Client::default(), Exchange::honest(&world).shut());
        let layer = renewing(&world, &service);
        let call = || {
            let sent = request(INSIDE, &[]).in_context(&cx);
            Box::pin(layer.layer(client.clone()).oneshot(sent))
        };
        let mut task = TaskContext::from_waker(Waker::noop());
        let (mut first, mut second) = (call(), call());
        assert!(first.as_mut().poll(&mut task).is_pending());
        // Alive and polled by nobody, or gone.
        let first = (!is_dropped).then_some(first);
        assert!(second.as_mut().poll(&mut task).is_pending());
        service.open.add_permits(1);
        // It is never polled again, so in paused time only a call that waits for ever ends here.
        let in_time = tokio::time::timeout(Duration::from_secs(600), second);
        in_time
            .await
            .expect("the second call waits for ever")
            .unwrap();
        assert_eq!((service.asked(), client.calls()), (1, 1));
        drop(first);
    }
}

#[tokio::test]
async fn a_hundred_calls_share_one_failure_and_the_next_asks_again() {
    let world = World::new();
    let cx = world.context("acme");
    world.clock.turn(LIFETIME - 1);
    let service = Exchange::new(|_| Err(Reason::ExchangeUnavailable.into())).shut();
    let (layer, client) = (renewing(&world, &service), Client::default());
    let call = || {
        let sent = request(INSIDE, &[]).in_context(&cx);
        Box::pin(layer.layer(client.clone()).oneshot(sent))
    };
    let mut task = TaskContext::from_waker(Waker::noop());
    let mut calls: Vec<_> = (0..100).map(|_| call()).collect();
    for call in &mut calls {
        assert!(call.as_mut().poll(&mut task).is_pending());
    }
    service.open.add_permits(1);
    for call in calls {
        let refused = call.await.unwrap_err();
        assert_eq!(
            refused.refused().unwrap().reason(),
            Reason::ExchangeUnavailable
        );
    }
    assert_eq!(service.asked(), 1);
    assert!(call().await.is_err());
    assert_eq!((service.asked(), client.calls()), (2, 0));
}

#[tokio::test]
async fn an_exchange_that_panics_is_a_refusal_of_all_who_wait() {
    let world = World::new();
    let cx = world.context("acme");
    world.clock.turn(LIFETIME - 1);
    let service = Exchange::new(|_| panic!("a bug of the token service"));
    let (layer, client) = (renewing(&world, &service), Client::default());
    for asked in 1..=2 {
        let answer = call(&layer, &client, request(INSIDE, &[]).in_context(&cx)).await;
        assert_eq!(answer.unwrap_err(), (Reason::ExchangeUnavailable, None));
        assert_eq!(service.asked(), asked);
    }
}

#[test]
fn without_a_runtime_a_call_asks_by_itself() {
    let world = World::new();
    let cx = world.context("acme");
    world.clock.turn(LIFETIME - 1);
    let (client, service) = (Client::default(), Exchange::honest(&world));
    let layer = renewing(&world, &service);
    let sent = request(INSIDE, &[]).in_context(&cx);
    let answer =
        pin!(call(&layer, &client, sent)).poll(&mut TaskContext::from_waker(Waker::noop()));
    assert!(matches!(answer, Poll::Ready(Ok(_))));
    assert_eq!((service.asked(), client.calls()), (1, 1));
}

#[tokio::test]
async fn a_failure_is_an_error_of_its_call_and_is_not_kept() {
    let world = World::new();
    let cx = world.context("acme");
    world.clock.turn(LIFETIME - 1);
    let issuer = world.issuer.clone();
    let up = Arc::new(Mutex::new(false));
    let is_up = Arc::clone(&up);
    let service = Exchange::new(move |parent| match *is_up.lock().unwrap() {
        true => Ok(replaced(issuer.renew(parent).unwrap())),
        false => Err(Reason::ExchangeUnavailable.into()),
    });
    let (layer, client) = (renewing(&world, &service), Client::default());
    let sent = || request(INSIDE, &[]).in_context(&cx);
    for asked in 1..=3 {
        let answer = call(&layer, &client, sent()).await;
        assert_eq!(answer.unwrap_err(), (Reason::ExchangeUnavailable, None));
        assert_eq!(service.asked(), asked);
    }
    *up.lock().unwrap() = true;
    call(&layer, &client, sent()).await.unwrap();
    call(&layer, &client, sent()).await.unwrap();
    assert_eq!(service.asked(), 4);
}

#[tokio::test]
async fn tokens_that_expired_do_not_crowd_out_those_that_come_later() {
    let world = World::new();
    let service = Exchange::honest(&world);
    let (layer, client) = (renewing(&world, &service), Client::default());
    let contexts: Vec<_> = (0..4_200).map(|_| world.context("acme")).collect();
    world.clock.turn(BEFORE - 1);
    let later = world.context("acme");
    world.clock.turn(LIFETIME - BEFORE);
    for cx in &contexts {
        let sent = request(INSIDE, &[]).in_context(cx);
        call(&layer, &client, sent).await.unwrap();
    }
    // From here on nobody is answered.
    service.open.forget_permits(usize::MAX);
    let asked_by_ten = async |cx: &TenantContext| {
        let before = service.asked();
        let mut task = TaskContext::from_waker(Waker::noop());
        let mut calls: Vec<_> = (0..10)
            .map(|_| {
                let sent = request(INSIDE, &[]).in_context(cx);
                Box::pin(layer.layer(client.clone()).oneshot(sent))
            })
            .collect();
        for call in &mut calls {
            assert!(call.as_mut().poll(&mut task).is_pending());
        }
        // Lets the task of the exchange begin.
        tokio::task::yield_now().await;
        service.asked() - before
    };
    // In their last second they are all alive, and take all the room.
    let last = contexts.last().unwrap();
    assert_eq!(asked_by_ten(last).await, 10, "there is no room to share");
    world.clock.turn(1);
    assert_eq!(
        asked_by_ten(&later).await,
        1,
        "ten calls share one question"
    );
}

#[tokio::test]
async fn a_replacement_that_dies_early_is_replaced_itself() {
    let world = World::new();
    let cx = world.context("acme");
    world.clock.turn(LIFETIME - BEFORE);
    let issuer = world.issuer.clone().with_lifetime(Duration::from_secs(5));
    let service = Exchange::new(move |parent| Ok(replaced(issuer.renew(parent).unwrap())));
    let (layer, client) = (renewing(&world, &service), Client::default());
    for (turn, asked) in [(0, 1), (4, 1), (1, 2), (4, 2), (6, 3)] {
        world.clock.turn(turn);
        let sent = request(INSIDE, &[]).in_context(&cx);
        call(&layer, &client, sent).await.unwrap();
        assert_eq!(service.asked(), asked);
        let expires_at = received(&world, &client).lifetime().expires_at;
        assert!(expires_at > world.clock.now());
    }
}

#[tokio::test]
async fn a_token_service_that_lies_is_not_believed() {
    let world = World::new();
    let cx = world.context("acme");
    let born = world.clock.now();
    world.clock.turn(LIFETIME - 1);
    let issuer = world.issuer.clone();
    let mint = move |draft: Draft| -> Minted {
        let token = issuer.mint(draft).unwrap();
        let payload = token.split('.').nth(1).unwrap();
        let payload =
            base64::Engine::decode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, payload);
        let claimed = throughline_core::context::Claimed::read(&payload.unwrap()).unwrap();
        let context: Context = claimed.unverified().clone();
        Minted { token, context }
    };
    let wider = Grant::new(Scope::new("orders.* documents.*").unwrap());
    let globex = Principal::new("okta", Tenant::new("globex").unwrap(), "ada").unwrap();
    let eve = Principal::new("okta", Tenant::new("acme").unwrap(), "eve").unwrap();
    let same = Draft::continuing(&cx);
    let renewed = |draft: Draft| draft.with_transaction(cx.transaction()).unwrap();
    let fresher = renewed(
        Draft::user(cx.principal().clone(), born.plus(Duration::from_secs(1)))
            .unwrap()
            .with_grant(cx.grant().clone()),
    );
    let of = |principal| {
        renewed(
            Draft::user(principal, born)
                .unwrap()
                .with_grant(cx.grant().clone()),
        )
    };
    let honest = mint(same.clone());
    let mixed_up = Minted {
        token: mint(of(globex.clone())).token,
        context: honest.context.clone(),
    };
    let gibberish = Minted {
        token: "a.b.c".into(),
        context: honest.context.clone(),
    };
    let claim = |claim: &'static str| Some(Place::claim(claim));
    let mismatch = Reason::ParentMismatch;
    for (what, minted, expected) in [
        ("an honest twin", honest, None),
        (
            "a wider scope",
            mint(same.with_grant(wider)),
            Some((Reason::ScopeWidened, None)),
        ),
        (
            "another tenant",
            mint(of(globex)),
            Some((mismatch, claim("sub"))),
        ),
        (
            "another person",
            mint(of(eve)),
            Some((mismatch, claim("sub"))),
        ),
        (
            "a younger `as_of`",
            mint(fresher),
            Some((mismatch, claim("rctx.as_of"))),
        ),
        ("another tenant's bytes", mixed_up, Some((mismatch, None))),
        ("bytes of nothing", gibberish, Some((mismatch, None))),
    ] {
        let service = Exchange::new(move |_| Ok(replaced(minted.clone())));
        let (layer, client) = (renewing(&world, &service), Client::default());
        let answer = call(&layer, &client, request(INSIDE, &[]).in_context(&cx)).await;
        assert_eq!(answer.err(), expected, "{what}");
    }

    // Expired on arrival.
    let late = world.clock.clone();
    let own = (cx.admitted().token().clone(), Context::clone(&cx));
    let service = Exchange::new(move |_| {
        late.turn(1);
        Ok(Replaced::new(own.0.clone(), own.1.clone()))
    });
    let (layer, client) = (renewing(&world, &service), Client::default());
    let sent = request(INSIDE, &[]).in_context(&cx);
    let answer = call(&layer, &client, sent).await;
    assert_eq!(answer.unwrap_err(), (Reason::ContextExpired, None));
}

/// Counts calls that it was not polled ready for.
#[derive(Debug, Default)]
struct OnlyWhenReady {
    ready: bool,
    log: Arc<Mutex<Vec<bool>>>,
}

impl Clone for OnlyWhenReady {
    fn clone(&self) -> Self {
        Self {
            ready: false,
            log: Arc::clone(&self.log),
        }
    }
}

impl Service<Request<()>> for OnlyWhenReady {
    type Response = Response<()>;
    type Error = std::convert::Infallible;
    type Future = std::future::Ready<Result<Response<()>, Self::Error>>;

    fn poll_ready(&mut self, _: &mut TaskContext<'_>) -> Poll<Result<(), Self::Error>> {
        self.ready = true;
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<()>) -> Self::Future {
        self.log.lock().unwrap().push(self.ready);
        self.ready = false;
        std::future::ready(Ok(Response::new(())))
    }
}

#[tokio::test]
async fn the_instance_that_was_polled_ready_is_the_one_that_is_called() {
    let world = World::new();
    let fresh = world.context("acme");
    let service = Exchange::honest(&world).shut();
    let inner = OnlyWhenReady::default();
    let mut carry = renewing(&world, &service).layer(inner.clone());

    carry.ready().await.unwrap();
    let sent = request(INSIDE, &[]).in_context(&fresh);
    carry.call(sent).await.unwrap();

    // While it waits for a token, others are served by the instance that stays.
    world.clock.turn(LIFETIME - 1);
    carry.ready().await.unwrap();
    let mut renewing = pin!(carry.call(request(INSIDE, &[]).in_context(&fresh)));
    let mut task = TaskContext::from_waker(Waker::noop());
    assert!(renewing.as_mut().poll(&mut task).is_pending());
    let another = world.context("globex");
    carry.ready().await.unwrap();
    carry
        .call(request(INSIDE, &[]).in_context(&another))
        .await
        .unwrap();
    service.open.add_permits(1);
    renewing.await.unwrap();
    assert_eq!(*inner.log.lock().unwrap(), [true, true, true]);
    assert!(!carry.get_ref().ready && !carry.get_mut().ready);
    assert!(!carry.into_inner().ready);
}

#[tokio::test]
async fn a_future_that_is_done_is_not_called_again() {
    let world = World::new();
    let client = Client::default();
    let layer = builder(&world).build().unwrap();
    let mut call = pin!(layer.layer(client.clone()).oneshot(request(OUTSIDE, &[])));
    call.as_mut().await.unwrap();
    assert_eq!(client.calls(), 1);
    let mut carry = layer.layer(client.clone());
    let mut refused = pin!(Service::call(&mut carry, request(INSIDE, &[])));
    let mut task = TaskContext::from_waker(Waker::noop());
    assert!(matches!(
        refused.as_mut().poll(&mut task),
        Poll::Ready(Err(_))
    ));
    assert!(refused.as_mut().poll(&mut task).is_pending());
    assert_eq!(client.calls(), 1);
}
