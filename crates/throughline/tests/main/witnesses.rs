//! Several witnesses at once, and witnesses of somebody else than the tenant.

use axum::body::Body;
use bytes::Bytes;
use http::{Request, StatusCode};
use serde_json::json;
use throughline::{BodyWitnessLayer, Reason, RequestView, Witness};
use throughline_core::Tenant;
use throughline_core::witness::Sighting;

use super::kit::*;

const PLACES: [&str; 6] = ["path", "host", "header", "query", "baggage", "body"];

/// A request that names `acme` everywhere but at the place that disagrees.
fn naming(disagreeing: Option<&str>) -> Request<Bytes> {
    let tenant = |place| match disagreeing {
        Some(other) if other == place => "globex",
        _ => "acme",
    };
    let target = format!("/t/{}/orders?tenant={}", tenant("path"), tenant("query"));
    let host = format!("{}.tenants.example", tenant("host"));
    let baggage = format!("a=1,tenant={}", tenant("baggage"));
    let lines: [Line<'_>; 4] = [
        ("host", host.as_bytes()),
        ("x-tenant", tenant("header").as_bytes()),
        ("baggage", baggage.as_bytes()),
        ("content-type", b"application/json"),
    ];
    let body = json!({"order": {"tenant": tenant("body")}}).to_string();
    request(&target, &token("acme"), &lines).map(|_| body.into())
}

fn orders_of<T: Clone>(items: &[T]) -> Vec<Vec<T>> {
    match items {
        [] => vec![Vec::new()],
        _ => (0..items.len())
            .flat_map(|n| {
                let mut rest = items.to_vec();
                let first = rest.remove(n);
                orders_of(&rest).into_iter().map(move |mut order| {
                    order.insert(0, first.clone());
                    order
                })
            })
            .collect(),
    }
}

// failure: X18
#[tokio::test]
async fn whichever_place_disagrees_is_named_in_every_order_of_declaration() {
    let witnesses = [
        Witness::path_in("tenant", ["/t/{tenant}/orders"]).unwrap(),
        Witness::subdomain_of("tenants.example").unwrap(),
        Witness::header("x-tenant").unwrap(),
        Witness::query("tenant"),
        Witness::baggage("tenant").unwrap(),
    ];
    let named = |place: &str| match place {
        "path" => "path parameter `tenant`",
        "host" => "subdomain of `tenants.example`",
        "header" => "header `x-tenant`",
        "query" => "query parameter `tenant`",
        "baggage" => "baggage member `tenant`",
        _ => "body field `/order/tenant`",
    };
    let body = BodyWitnessLayer::builder().add_tenant_field("/order/tenant");
    let body = body.build().unwrap();
    let orders = orders_of(&witnesses);
    assert_eq!(orders.len(), 120);
    for order in orders {
        let builder = order
            .into_iter()
            .fold(builder(), |builder, witness| builder.add_witness(witness));
        let stack = Stack::new(builder.build().unwrap()).body(body.clone());
        let handler = Handler::default();
        for (front, app) in stack.fronts(&handler) {
            for place in PLACES {
                let before = handler.runs();
                let answer = pair(&app, &handler, naming(None), naming(Some(place))).await;
                let what = format!("{place} ({front})");
                answer.assert_refused(Reason::TenantMismatch, Some(named(place)), &what);
                assert_eq!(handler.runs(), before + 1, "{what}: the handler ran");
            }
        }
    }
}

// failure: X18
#[tokio::test]
async fn all_but_the_token_agreeing_is_no_majority() {
    let witnesses = [
        Witness::path_in("tenant", ["/t/{tenant}/orders"]).unwrap(),
        Witness::header("x-tenant").unwrap(),
        Witness::query("tenant"),
    ];
    let builder = witnesses
        .into_iter()
        .fold(builder(), |builder, witness| builder.add_witness(witness));
    let stack = Stack::new(builder.build().unwrap());
    let handler = Handler::default();
    let acme: Line<'_> = ("x-tenant", b"acme");
    let globex: Line<'_> = ("x-tenant", b"globex");
    for (front, app) in stack.fronts(&handler) {
        let twin = request("/t/acme/orders?tenant=acme", &token("acme"), &[acme]);
        let attack = request("/t/globex/orders?tenant=globex", &token("acme"), &[globex]);
        let answer = pair(&app, &handler, twin, attack).await;
        let place = Some("path parameter `tenant`");
        answer.assert_refused(Reason::TenantMismatch, place, front);
    }
}

#[tokio::test]
async fn subjects_and_actors_are_compared_with_their_own_claims() {
    let act = json!({"sub": "agents/acme/bot", "kind": "agent"});
    let acted = but(claims("acme"), "/tctx/kind", json!("delegated_agent"));
    let acted = sign(&but(acted, "/act", act));
    let plain = token("acme");
    let subject = || Witness::header("x-user").unwrap().about_subject();
    let actor = || Witness::header("x-agent").unwrap().about_actor();
    let line = |name: &'static str, value: &'static str| (name, value.as_bytes());
    for (witness, twin, attack, reason, place) in [
        (
            subject(),
            (&plain, line("x-user", SUBJECT)),
            (&plain, line("x-user", "eve@users.test")),
            Reason::SubjectMismatch,
            "header `x-user`",
        ),
        (
            subject(),
            (&plain, line("x-user", SUBJECT)),
            (&plain, line("x-user", "acme")),
            Reason::SubjectMismatch,
            "header `x-user`",
        ),
        (
            actor(),
            (&acted, line("x-agent", "bot")),
            (&acted, line("x-agent", "other-bot")),
            Reason::ActorMismatch,
            "header `x-agent`",
        ),
        (
            actor(),
            (&acted, line("x-agent", "bot")),
            (&plain, line("x-agent", "bot")),
            Reason::ClaimMissing,
            "claim `act.sub`",
        ),
    ] {
        let stack = Stack::new(builder().add_witness(witness).build().unwrap());
        let handler = Handler::default();
        for (front, app) in stack.fronts(&handler) {
            let of = |(token, line): (&String, (&'static str, &'static [u8]))| {
                request("/orders", token, &[line])
            };
            let answer = pair(&app, &handler, of(twin), of(attack)).await;
            answer.assert_refused(reason, Some(place), front);
        }
    }
}

#[tokio::test]
async fn a_name_that_no_alias_knows_is_a_mismatch() {
    let alias = |name: &str| match name {
        "shop" => Tenant::new("acme").ok(),
        "other" => Tenant::new("globex").ok(),
        _ => None,
    };
    let header = Witness::header("x-shop").unwrap().with_alias(alias);
    let stack = Stack::new(builder().add_witness(header).build().unwrap());
    let handler = Handler::default();
    for (front, app) in stack.fronts(&handler) {
        // The id itself is not its alias.
        for name in ["other", "unknown", "acme"] {
            let of =
                |name: &str| request("/orders", &token("acme"), &[("x-shop", name.as_bytes())]);
            let answer = pair(&app, &handler, of("shop"), of(name)).await;
            let place = Some("header `x-shop`");
            answer.assert_refused(Reason::TenantMismatch, place, &format!("{name} {front}"));
        }
    }
}

#[tokio::test]
async fn a_custom_witness_counts_like_any_other() {
    let seen = |request: &RequestView<'_>| match request.headers().get("cookie") {
        None => Sighting::Absent,
        Some(cookie) => match cookie
            .to_str()
            .ok()
            .and_then(|text| text.strip_prefix("tenant="))
        {
            Some(tenant) => Sighting::Value(tenant.to_owned().into()),
            None => Sighting::Undecodable,
        },
    };
    let stack = Stack::new(
        builder()
            .add_witness(Witness::custom("cookie", seen))
            .build()
            .unwrap(),
    );
    let handler = Handler::default();
    for (front, app) in stack.fronts(&handler) {
        let of = |lines: &[Line<'_>]| request("/orders", &token("acme"), lines);
        let twin = || of(&[("cookie", b"tenant=acme")]);
        for (lines, reason) in [
            (
                &[("cookie", &b"tenant=globex"[..])][..],
                Reason::TenantMismatch,
            ),
            (&[("cookie", b"tenant=")], Reason::TenantMismatch),
            (&[("cookie", b"x")], Reason::ContextMalformed),
            (&[], Reason::WitnessMissing),
        ] {
            let answer = pair(&app, &handler, twin(), of(lines)).await;
            answer.assert_refused(reason, Some("witness `cookie`"), front);
        }
    }
}

// failure: T1
#[tokio::test]
async fn the_parameter_of_an_axum_route_is_a_witness_at_any_depth() {
    use axum::Router;
    use axum::routing::get;

    let layer = || {
        builder()
            .add_witness(Witness::path("tenant"))
            .build()
            .unwrap()
    };
    let leaf = || Router::new().route("/orders", get(|| async { "served" }));
    let nested = Router::new().nest("/t/{tenant}", leaf());
    let inside = Router::new().nest("/t/{tenant}", leaf().layer(layer()));
    let service = Router::new().nest_service("/t/{tenant}", leaf().layer(layer()));
    let flat = Router::new().route("/t/{tenant}/orders", get(|| async { "served" }));
    for (what, router) in [
        ("flat", flat.layer(layer())),
        ("nested", nested.layer(layer())),
        ("inside", inside),
        ("as a service", service),
    ] {
        let app = App::new(router);
        let of = |path: &str| request(path, &token("acme"), &[]).map(Body::from);
        for path in ["/t/acme/orders", "/t/%61cme/orders"] {
            let answer = send_body(app.clone(), of(path)).await;
            assert_eq!(answer.status, StatusCode::OK, "{what}: {answer:?}");
        }
        let answer = send_body(app, of("/t/globex/orders")).await;
        answer.assert_refused(
            Reason::TenantMismatch,
            Some("path parameter `tenant`"),
            what,
        );
    }
    // Where no route has the parameter, a declared witness is missing and never forgotten.
    let other = Router::new()
        .route("/orders", get(|| async { "served" }))
        .layer(layer());
    let answer = send(App::new(other), request("/orders", &token("acme"), &[])).await;
    answer.assert_refused(
        Reason::WitnessMissing,
        Some("path parameter `tenant`"),
        "no parameter",
    );
}
