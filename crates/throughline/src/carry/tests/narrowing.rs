//! A narrower context for the next hop.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use throughline_core::grant::{DataGrant, DataScope, Grant, Scope, Task};
use throughline_core::time::Clock;
use throughline_core::{Actor, ActorKind, Admitted, Kind, Principal};
use throughline_jose::mint::MintErrorKind;

use super::*;
use crate::TenantContext;
use crate::fixture::LIFETIME;
use crate::tokens::{EmbeddedTokens, ReplaceFuture, Replaced, Replacement, Tokens};

fn workload(kind: ActorKind) -> Actor {
    Actor::new(kind, Principal::platform("spiffe", "summariser").unwrap())
}

fn embedded(world: &World, kind: ActorKind) -> EmbeddedTokens {
    EmbeddedTokens::new(world.issuer.clone(), workload(kind))
}

fn refused(narrowed: Result<Narrowed, NarrowingError>) -> Reason {
    match narrowed.unwrap_err() {
        NarrowingError::Refused(refusal) => refusal.reason(),
        NarrowingError::Scope(error) => panic!("{error}"),
    }
}

/// Counts what it is asked, and hands out what it is told.
struct Told(Arc<AtomicUsize>, Box<Answer>);

type Answer = dyn Fn(&Admitted, Grant) -> Replaced + Send + Sync;

impl Told {
    fn new(answer: impl Fn(&Admitted, Grant) -> Replaced + Send + Sync + 'static) -> Self {
        Self(Arc::default(), Box::new(answer))
    }
}

impl Tokens for Told {
    fn replace(&self, parent: &Admitted, request: Replacement) -> ReplaceFuture {
        self.0.fetch_add(1, Ordering::SeqCst);
        let grant = request.grant().cloned().unwrap();
        let answer = (self.1)(parent, grant);
        ReplaceFuture::new(std::future::ready(Ok(answer)))
    }
}

#[tokio::test]
async fn what_is_asked_for_is_given_and_the_actor_is_whoever_authenticates_there() {
    let world = World::new();
    let cx = world.context("acme");
    let deadline = world.clock.now().plus(Duration::from_secs(60));
    world.clock.turn(10);
    let data = DataScope::limited([DataGrant::of("document")
        .unwrap()
        .selecting("folder", ["q3"])
        .unwrap()]);
    let task = Task::new("summarise-q3").unwrap().until(deadline);
    let narrowed = cx
        .narrow()
        .scope("documents.read")
        .task(task.clone())
        .data(data.clone())
        .request(&embedded(&world, ActorKind::Service))
        .await
        .unwrap();
    let expected = Grant::new(Scope::new("documents.read").unwrap())
        .for_task(task)
        .with_data(data);

    // As the receiver sees it.
    let client = Client::default();
    let sent = request(INSIDE, &[]).in_context(&narrowed);
    send(builder(&world), &client, sent).await.unwrap();
    let token = client.last()["txn-token"].to_str().unwrap().to_owned();
    let received = world.admit_token(&token);
    assert_eq!(**received.admitted(), *narrowed);
    assert_eq!(*received.grant(), expected);
    assert_eq!(
        received.actors().nearest(),
        Some(&workload(ActorKind::Service))
    );
    assert_eq!(received.requester(), "spiffe//summariser");
    assert_eq!(received.kind(), Kind::User);
    assert_eq!(received.as_of(), cx.as_of());
    assert_eq!(received.lifetime().expires_at, deadline);
    received.check_descends_from(&cx).unwrap();

    // What is not said stays as it is.
    let tokens = embedded(&world, ActorKind::Service);
    let same = cx.narrow().request(&tokens).await.unwrap();
    assert_eq!(same.grant(), cx.grant());
}

#[tokio::test]
async fn an_agent_that_acts_for_a_user_makes_the_work_an_agents() {
    let world = World::new();
    let cx = world.context("acme");
    let tokens = embedded(&world, ActorKind::Agent);
    let narrowed = cx.narrow().scope("documents.read").request(&tokens).await;
    let token = String::from_utf8(narrowed.unwrap().token().to_vec()).unwrap();
    let received = world.admit_token(&token);
    assert_eq!(received.kind(), Kind::DelegatedAgent);
    let nearest = received.actors().nearest();
    assert_eq!(nearest, Some(&workload(ActorKind::Agent)));
    received.check_descends_from(&cx).unwrap();
    // Nobody stands in a chain twice.
    let again = received
        .narrow()
        .scope("documents.read")
        .request(&tokens)
        .await;
    assert_eq!(refused(again), Reason::ClaimInvalid);
}

#[tokio::test]
async fn wider_is_refused_before_anybody_is_asked_and_by_the_issuer_too() {
    let world = World::new();
    let narrow = Grant::new(Scope::new("orders.read").unwrap())
        .for_task(Task::new("t-1").unwrap())
        .with_data(DataScope::limited([DataGrant::of("order").unwrap()]));
    let cx = world.admit(world.draft("acme").with_grant(narrow));
    let tokens = Told::new(|_, _| panic!("was asked"));
    let scope = Scope::new("orders.read").unwrap();
    let of = |grant: Grant| {
        world
            .issuer
            .narrow(cx.admitted(), grant, workload(ActorKind::Service))
    };
    let documents = || DataScope::limited([DataGrant::of("document").unwrap()]);
    let other = || Task::new("t-2").unwrap();
    for (asked, grant, expected) in [
        (
            cx.narrow().scope("orders.*"),
            Grant::new(Scope::new("orders.*").unwrap()),
            Reason::ScopeWidened,
        ),
        (
            cx.narrow().scope("orders.read payments.create"),
            Grant::new(Scope::new("orders.read payments.create").unwrap()),
            Reason::ScopeWidened,
        ),
        (
            cx.narrow().task(other()),
            Grant::new(scope.clone()).for_task(other()),
            Reason::TaskMismatch,
        ),
        (
            cx.narrow().data(documents()),
            Grant::new(scope).with_data(documents()),
            Reason::DataScopeWidened,
        ),
    ] {
        assert_eq!(refused(asked.request(&tokens).await), expected);
        let error = of(grant).unwrap_err();
        assert_eq!(*error.kind(), MintErrorKind::Wider(expected));
        assert_eq!(error.reason(), expected);
    }
    assert_eq!(tokens.0.load(Ordering::SeqCst), 0);
    let malformed = cx
        .narrow()
        .scope("orders.read \"x\"")
        .request(&tokens)
        .await;
    let error = malformed.unwrap_err();
    assert!(matches!(error, NarrowingError::Scope(_)), "{error}");
}

#[tokio::test]
async fn a_token_service_that_gives_more_than_was_asked_for_is_not_believed() {
    let world = World::new();
    let cx = world.context("acme");
    let (one, two, three) = (
        world.issuer.clone(),
        world.issuer.clone(),
        world.issuer.clone(),
    );
    let answer =
        |minted: throughline_jose::mint::Minted| Replaced::new(minted.token, minted.context);
    let actor = || workload(ActorKind::Service);
    let globex = world.context("globex");
    let honest =
        Told::new(move |parent, grant| answer(one.narrow(parent, grant, actor()).unwrap()));
    // All that the parent has, which is not wider than the parent.
    let generous = Told::new(move |parent, _| {
        answer(two.narrow(parent, parent.grant().clone(), actor()).unwrap())
    });
    let confused =
        Told::new(move |_, grant| answer(three.narrow(globex.admitted(), grant, actor()).unwrap()));
    let ask = |tokens| {
        let asked = cx.narrow().scope("documents.read");
        async move { asked.request(tokens).await }
    };
    assert!(ask(&honest).await.is_ok());
    assert_eq!(refused(ask(&generous).await), Reason::ScopeWidened);
    assert_eq!(refused(ask(&confused).await), Reason::ParentMismatch);
}

#[tokio::test]
async fn an_expired_parent_gives_nothing_and_an_expired_child_is_not_sent() {
    let world = World::new();
    let cx: TenantContext = world.context("acme");
    let tokens = embedded(&world, ActorKind::Service);
    let narrowed = cx.narrow().request(&tokens).await.unwrap();
    world.clock.turn(LIFETIME);
    assert_eq!(
        refused(cx.narrow().request(&tokens).await),
        Reason::ContextExpired
    );
    let client = Client::default();
    let sent = request(INSIDE, &[]).in_context(&narrowed);
    let answer = send(builder(&world), &client, sent).await;
    assert_eq!(answer.unwrap_err().0, Reason::ContextExpired);
}

#[tokio::test]
async fn a_parent_of_another_domain_gives_nothing() {
    let world = World::new();
    let cx = world.context("acme");
    let name = throughline_core::TrustDomainName::new("other.example").unwrap();
    let key = throughline_jose::mint::SigningKey::generate().unwrap();
    let other = throughline_jose::mint::TokenIssuer::new(name, key);
    let tokens = EmbeddedTokens::new(other, workload(ActorKind::Service));
    let narrowed = cx.narrow().request(&tokens).await;
    assert_eq!(refused(narrowed), Reason::AudienceMismatch);
    let error = cx.narrow().scope("orders.*").request(&tokens).await;
    let text = error.unwrap_err().to_string();
    assert!(text.starts_with("context was not narrowed: "), "{text}");
}

#[tokio::test]
async fn an_inner_layer_sends_what_an_outer_one_for_other_hosts_was_given() {
    let world = World::new();
    let cx = world.context("acme");
    let tokens = embedded(&world, ActorKind::Service);
    let narrowed = cx.narrow().scope("documents.read").request(&tokens);
    let narrowed = narrowed.await.unwrap();
    let outer = CarryLayer::builder(["ledger.internal"])
        .with_clock(world.clock.clone())
        .with_observe(())
        .build()
        .unwrap();
    let inner = builder(&world).build().unwrap();
    let client = Client::default();
    let stacked = outer.layer(tower::util::MapResponse::new(
        inner.layer(client.clone()),
        |response: Response<ResponseBody<()>>| response.map(drop),
    ));
    // The request has the extensions of the one that is served, as a proxy's has.
    let mut sent = request(INSIDE, &[]);
    *sent.extensions_mut() = world.accepted(str::from_utf8(cx.admitted().token()).unwrap());
    stacked.clone().oneshot(sent.clone()).await.unwrap();
    assert_eq!(client.last()["txn-token"], **cx.admitted().token());
    let sent = sent.in_context(&narrowed);
    stacked.oneshot(sent).await.unwrap();
    assert_eq!(client.last()["txn-token"], **narrowed.token());
}

#[tokio::test]
async fn what_a_call_was_given_does_not_outlive_its_acceptance() {
    let world = World::new();
    let (acme, globex) = (world.context("acme"), world.context("globex"));
    // A client in the same process, whose extensions reach the server.
    let request = Request::get("/")
        .header("txn-token", &**acme.admitted().token())
        .body(())
        .unwrap();
    let client = Client::default();
    for request in [request.clone(), request.in_context(&globex)] {
        let mut sent = super::request(INSIDE, &[]);
        *sent.extensions_mut() = world.accepted_as(request);
        send(builder(&world), &client, sent).await.unwrap();
        assert_eq!(client.last()["txn-token"], **acme.admitted().token());
    }
}
