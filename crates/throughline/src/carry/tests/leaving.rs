//! Steps 1 and 5: what leaves the domain, and what comes back.

use throughline_core::projection::{Member, Projection};

use super::*;

/// Everything of ours, under each name that some hop reads as ours.
const OURS: [(&str, &str); 9] = [
    ("txn-token", "another.chain.token"),
    ("txn-token", "and.one.more"),
    ("txn_token", "look.alike.token"),
    ("x-legacy", "acme"),
    ("X_Legacy", "acme"),
    ("x-tenant", "acme"),
    ("x_tenant", "acme"),
    ("baggage", "a=1;p=%2C,tenant.id=acme, Tenant.Id=acme;x"),
    ("baggage", "owned.key=acme,bad%=1"),
];

/// What is left of it.
const THEIRS: &str = "baggage: a=1;p=%2C,bad%=1";

fn owning(world: &World) -> CarryBuilder {
    builder(world)
        .add_owned_header("X-Legacy")
        .add_owned_baggage("owned.key")
}

fn projecting(world: &World) -> crate::TenantContext {
    let draft = world
        .draft("acme")
        .add_projection(Projection::header(Member::Tenant, "x-tenant").unwrap())
        .add_projection(Projection::baggage(Member::Tenant, "tenant.id").unwrap());
    world.admit(draft)
}

// failure: B9
#[tokio::test]
async fn a_host_outside_the_domain_gets_nothing_of_ours() {
    let world = World::new();
    let cx = projecting(&world);
    let client = Client::default();
    for target in [
        OUTSIDE,
        "https://api.third-party.example/v1",
        "http://billing.internal.third-party.example/",
        "http://billing.internal@third-party.example/",
        "http://127.0.0.1:8080/",
    ] {
        let mut own = request(target, &OURS);
        *own.extensions_mut() = world.accepted(str::from_utf8(cx.admitted().token()).unwrap());
        for sent in [own, request(target, &OURS).in_context(&cx)] {
            send(owning(&world), &client, sent).await.unwrap();
            assert_eq!(lines(&client.last()), [THEIRS], "{target}");
        }
    }
    // A listed host does receive them.
    let sent = request(INSIDE, &[("baggage", "a=1")]).in_context(&cx);
    send(owning(&world), &client, sent).await.unwrap();
    let mut names: Vec<_> = client.last().keys().map(ToString::to_string).collect();
    names.sort();
    assert_eq!(names, ["baggage", "txn-token", "x-tenant"]);
    assert_eq!(client.last()["baggage"], "a=1,tenant.id=acme");
}

/// The extensions of a request behind a rule in report mode.
fn witnessed(world: &World, token: &str, tenant: &str) -> http::Extensions {
    use crate::{AcceptLayer, Mode, Rule, Witness};

    let accept = AcceptLayer::builder(world.domain.clone())
        .add_witness(Witness::header("x-seen").unwrap())
        .with_mode(Rule::Witnesses, Mode::Report)
        .with_observe(())
        .build()
        .unwrap();
    let request = Request::get("/")
        .header("txn-token", token)
        .header("x-seen", tenant);
    World::accepted_by(&accept, request.body(()).unwrap())
}

// failure: B9
#[tokio::test]
async fn what_a_reported_context_promises_stays_at_home_too() {
    let world = World::new();
    let cx = projecting(&world);
    let token = str::from_utf8(cx.admitted().token()).unwrap();
    let client = Client::default();
    let lax = || owning(&world).allow_missing();
    for (tenant, is_admitted) in [("acme", true), ("globex", false)] {
        let extensions = witnessed(&world, token, tenant);
        assert_eq!(crate::admitted(&extensions).is_ok(), is_admitted);
        let sent = |target| {
            let mut sent = request(target, &OURS);
            *sent.extensions_mut() = extensions.clone();
            sent
        };
        send(owning(&world), &client, sent(OUTSIDE)).await.unwrap();
        assert_eq!(lines(&client.last()), [THEIRS], "{tenant}");
        if !is_admitted {
            send(lax(), &client, sent(INSIDE)).await.unwrap();
            assert_eq!(lines(&client.last()), [THEIRS], "inside, without a context");
        }
    }
}

#[tokio::test]
async fn a_call_that_does_not_say_where_it_goes_is_not_sent() {
    let world = World::new();
    let cx = projecting(&world);
    let client = Client::default();
    let sent = request("/no/host/at/all", &[]).in_context(&cx);
    let answer = send(owning(&world), &client, sent).await;
    assert_eq!(answer.unwrap_err(), (Reason::DestinationMismatch, None));
}

// failure: B9
#[tokio::test]
async fn a_call_that_leaves_needs_no_context_and_no_fresh_one() {
    let world = World::new();
    let cx = projecting(&world);
    let client = Client::default();
    send(owning(&world), &client, request(OUTSIDE, &[]))
        .await
        .unwrap();
    assert_eq!(lines(&client.last()), [""; 0]);
    world.clock.turn(1_000_000);
    let sent = request(OUTSIDE, &OURS).in_context(&cx);
    send(owning(&world), &client, sent).await.unwrap();
    assert_eq!(lines(&client.last()), [THEIRS]);
    // Ours cannot be told apart in baggage over its limits, so all of it stays at home.
    let many = vec!["k=v"; 65].join(",");
    let sent = request(OUTSIDE, &[("baggage", &many)]).in_context(&cx);
    send(owning(&world), &client, sent).await.unwrap();
    assert_eq!(lines(&client.last()), [""; 0]);
    // Where no member is owned at all, it is not looked at.
    let sent = request(OUTSIDE, &[("baggage", &many)]);
    send(builder(&world), &client, sent).await.unwrap();
    assert_eq!(client.last()["baggage"], many);
}

// failure: H5
#[tokio::test]
async fn nothing_of_ours_comes_back_in_a_response() {
    let world = World::new();
    let cx = projecting(&world);
    let mut answer = fields(&OURS);
    answer.insert("retry-after", HeaderValue::from_static("1"));
    let client = Client::answering(answer);
    for target in [INSIDE, OUTSIDE] {
        let sent = request(target, &[]).in_context(&cx);
        let response = send(owning(&world), &client, sent).await.unwrap();
        assert_eq!(
            lines(response.headers()),
            [THEIRS, "retry-after: 1"],
            "{target}"
        );
    }
    let lax = owning(&world).allow_missing();
    let response = send(lax, &client, request(INSIDE, &[])).await.unwrap();
    let left = lines(response.headers());
    assert!(
        left.iter()
            .all(|line| !line.contains("token") && !line.contains("legacy")),
        "{left:?}"
    );
}

#[tokio::test]
async fn nothing_of_ours_comes_back_in_trailers() {
    use std::convert::Infallible;
    use std::future::ready;

    use http_body_util::{BodyExt, Full};

    let world = World::new();
    // `x-legacy` is the layer's own, `x-tenant` is ours by the promise of this context alone.
    let cx = projecting(&world);
    let liar = tower::service_fn(|_: Request<()>| {
        let mut trailers = fields(&OURS);
        trailers.append("x-foreign", HeaderValue::from_static("theirs"));
        let body = Full::new(bytes::Bytes::from_static(b"body"));
        let body = body.with_trailers(ready(Some(Ok::<_, Infallible>(trailers))));
        ready(Ok::<_, Infallible>(Response::new(body)))
    });
    for target in [INSIDE, OUTSIDE] {
        let client = owning(&world).build().unwrap().layer(liar);
        let sent = client.oneshot(request(target, &[]).in_context(&cx)).await;
        let collected = sent.unwrap().into_body().collect().await.unwrap();
        let trailers = lines(collected.trailers().unwrap());
        assert_eq!(trailers, [THEIRS, "x-foreign: theirs"], "{target}");
        assert_eq!(collected.to_bytes(), "body");
    }
}
