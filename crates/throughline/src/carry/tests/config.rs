//! What a layer says of its own configuration.

use std::time::Duration;

use super::*;
use crate::tokens::EmbeddedTokens;
use throughline_core::{Actor, ActorKind, Principal};

fn tokens(world: &World) -> EmbeddedTokens {
    let workload = Principal::platform("spiffe", "orders").unwrap();
    EmbeddedTokens::new(
        world.issuer.clone(),
        Actor::new(ActorKind::Service, workload),
    )
}

#[test]
fn a_token_is_renewed_a_second_before_it_expires_at_the_latest() {
    let world = World::new();
    let renewing = |before| {
        let inside = CarryLayer::builder(["billing.internal"]);
        inside.with_renewal(tokens(&world), before).build()
    };
    assert!(renewing(Duration::from_secs(1)).is_ok());
    assert!(renewing(Duration::from_millis(999)).is_err());
}

#[test]
fn every_mistake_of_a_configuration_has_a_message() {
    let world = World::new();
    let inside = || CarryLayer::builder(["billing.internal"]);
    for (builder, expected) in [
        (
            CarryLayer::builder([]),
            "no destination is declared, so no context could be sent",
        ),
        (
            CarryLayer::builder(["*"]),
            "destination `*` is unusable, expected as in `billing.internal`, `*.svc.internal` or \
             `https://billing.internal:8443`",
        ),
        (
            CarryLayer::builder(["a.internal", "A.internal"]),
            "destination `A.internal` is declared twice",
        ),
        (
            inside().add_owned_header("x_tenant"),
            "header `x_tenant` is unusable, expected `[A-Za-z0-9-]`: other names are changed or \
             merged by hops on the way",
        ),
        (
            inside().add_owned_header("Authorization"),
            "header `Authorization` has a meaning of its own, expected a field that only names a \
             tenant",
        ),
        (
            inside().add_owned_baggage(""),
            "baggage key `` is unusable, expected 1 to 64 bytes of `[a-z0-9.-]`",
        ),
        (
            inside().add_owned_baggage("Tenant"),
            "baggage key `Tenant` is unusable, expected 1 to 64 bytes of `[a-z0-9.-]`",
        ),
        (
            inside().with_renewal(tokens(&world), Duration::ZERO),
            "renewal is 0ns before a token expires, expected at least 1s",
        ),
        (
            CarryLayer::builder(["a b"]).add_owned_baggage("a=b"),
            "destination `a b` is unusable, expected as in `billing.internal`, `*.svc.internal` \
             or `https://billing.internal:8443`; baggage key `a=b` is unusable, expected 1 to 64 \
             bytes of `[a-z0-9.-]`",
        ),
    ] {
        let message = builder.build().unwrap_err().to_string();
        assert_eq!(message, expected);
        assert!(message.starts_with(|c: char| c.is_lowercase()), "{message}");
        assert!(
            !message.ends_with('.') && !message.contains('\n'),
            "{message}"
        );
    }
}

#[tokio::test]
async fn what_is_printed_for_people_holds_no_token() {
    let world = World::new();
    let cx = world.context("acme");
    let layer = builder(&world)
        .with_renewal(tokens(&world), Duration::from_secs(30))
        .build()
        .unwrap();
    let narrowed = cx
        .narrow()
        .scope("orders.read")
        .request(&tokens(&world))
        .await
        .unwrap();
    let mut carry = layer.layer(Client::default());
    let call = tower_service::Service::call(&mut carry, request(INSIDE, &[]).in_context(&cx));
    let printed = format!(
        "{layer:?} {:?} {call:?} {narrowed:?} {:?} {:?} {:?}",
        builder(&world),
        request(INSIDE, &[]).in_context(&cx).extensions(),
        cx.narrow(),
        tokens(&world),
    );
    for token in [cx.admitted().token(), narrowed.token()] {
        let token = str::from_utf8(token).unwrap();
        for part in token.split('.') {
            assert!(!printed.contains(part), "{printed}");
        }
    }
    assert_eq!(
        format!("{layer:?}"),
        "CarryLayer { destinations: Destinations([Pattern { scheme: None, host: \
         Exact(\"billing.internal\"), port: None }]) }"
    );
}

#[test]
fn a_failed_call_says_whose_fault_it_is() {
    let refused = crate::Refused::new(
        Reason::ContextMissing.into(),
        throughline_core::reason::Position::Inside,
    );
    let error: CarryError<std::io::Error> = CarryError::Refused(refused);
    assert_eq!(error.to_string(), "call was not sent");
    assert!(error.refused().is_some());
    let source = std::error::Error::source(&error).unwrap().to_string();
    assert_eq!(source, "context_missing: no context arrived");
    let error = CarryError::Client(std::io::Error::other("reset"));
    assert_eq!(error.to_string(), "client failed");
    assert!(error.refused().is_none());
    assert_eq!(
        std::error::Error::source(&error).unwrap().to_string(),
        "reset"
    );
}
