//! Calls that a guarded gRPC service answers, and calls that it or the sender refuses.

use std::time::Duration;

use throughline::CarryLayer;
use throughline::tokens::EmbeddedTokens;
use throughline_core::{Actor, ActorKind, Principal};
use throughline_tonic::{RequestExt as _, refusal_of};
use tokio_stream::StreamExt as _;
use tonic::metadata::{MetadataMap, MetadataValue};
use tonic::transport::Channel;
use tonic::{Code, Request, Status};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;
use tower::Layer as _;

use crate::kit::{System, asking};

fn with_token(
    mut request: Request<HealthCheckRequest>,
    token: &str,
) -> Request<HealthCheckRequest> {
    request
        .metadata_mut()
        .append("txn-token", token.parse().unwrap());
    request
}

fn reason(status: &Status) -> (Code, String) {
    let text = |name: &str| {
        status
            .metadata()
            .get(name)
            .unwrap()
            .to_str()
            .unwrap()
            .to_owned()
    };
    assert_eq!(text("throughline-refusal-id").len(), 36);
    let all = format!("{status:?}");
    assert!(!all.contains("globex") && !all.contains("okta"), "{all}");
    (status.code(), text("throughline-reason"))
}

#[tokio::test]
async fn a_call_in_its_own_tenant_is_answered_and_others_are_refused_with_their_reason() {
    let system = System::start().await;
    let mut client = HealthClient::new(system.channel.clone());
    let acme = system.token("acme", "ledger.read");

    let response = client
        .check(with_token(asking("acme"), &acme))
        .await
        .unwrap();
    assert_eq!(response.metadata().get("saw").unwrap(), "acme");
    assert_eq!(system.handled(), 1);

    let missing = client.check(asking("acme")).await.unwrap_err();
    assert_eq!(
        reason(&missing),
        (Code::Unauthenticated, "context_missing".into())
    );

    // The message is a witness.
    let drifted = client
        .check(with_token(asking("globex"), &acme))
        .await
        .unwrap_err();
    assert_eq!(
        reason(&drifted),
        (Code::PermissionDenied, "tenant_mismatch".into())
    );
    let silent = client
        .check(with_token(asking(""), &acme))
        .await
        .unwrap_err();
    assert_eq!(
        reason(&silent),
        (Code::InvalidArgument, "witness_missing".into())
    );

    let twice = with_token(with_token(asking("acme"), &acme), &acme);
    let twice = client.check(twice).await.unwrap_err();
    assert_eq!(
        reason(&twice),
        (Code::InvalidArgument, "context_ambiguous".into())
    );

    let cut = client
        .check(with_token(
            asking("acme"),
            acme.get(..acme.len() - 2).unwrap(),
        ))
        .await
        .unwrap_err();
    assert_eq!(
        reason(&cut),
        (Code::Unauthenticated, "context_truncated".into())
    );

    let weak = system.token("acme", "orders.read");
    let weak = client
        .check(with_token(asking("acme"), &weak))
        .await
        .unwrap_err();
    assert_eq!(
        reason(&weak),
        (Code::PermissionDenied, "scope_insufficient".into())
    );

    assert_eq!(system.handled(), 1, "a refused call reached the handler");
}

#[tokio::test]
async fn binary_and_look_alike_metadata_is_read_totally() {
    let system = System::start().await;
    let mut client = HealthClient::new(system.channel.clone());
    let acme = system.token("acme", "ledger.read");

    let mut twin = with_token(asking("acme"), &acme);
    twin.metadata_mut()
        .insert_bin("txn-token-bin", MetadataValue::from_bytes(b"x"));
    let twin = client.check(twin).await.unwrap_err();
    assert_eq!(
        reason(&twin),
        (Code::InvalidArgument, "context_ambiguous".into())
    );

    let mut foreign = with_token(asking("acme"), &acme);
    foreign
        .metadata_mut()
        .insert_bin("trace-bin", MetadataValue::from_bytes(b"\xff\x00"));
    client.check(foreign).await.unwrap();
}

#[tokio::test]
async fn a_stream_is_checked_when_it_begins() {
    let system = System::start().await;
    let mut client = HealthClient::new(system.channel.clone());
    let acme = system.token("acme", "ledger.read");

    let stream = client
        .watch(with_token(asking("acme"), &acme))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(
        stream
            .filter_map(Result::ok)
            .collect::<Vec<_>>()
            .await
            .len(),
        3
    );

    let missing = client.watch(asking("acme")).await.unwrap_err();
    assert_eq!(
        reason(&missing),
        (Code::Unauthenticated, "context_missing".into())
    );
}

#[tokio::test]
async fn one_tenants_oversized_metadata_leaves_the_connection_to_others() {
    let system = System::start().await;
    let mut client = HealthClient::new(system.channel.clone());
    let acme = system.token("acme", "ledger.read");
    let globex = system.token("globex", "ledger.read");

    let huge = with_token(asking("acme"), &"a".repeat(12_000));
    let huge = client.check(huge).await.unwrap_err();
    assert_eq!(
        reason(&huge),
        (Code::ResourceExhausted, "context_oversized".into())
    );
    client
        .check(with_token(asking("globex"), &globex))
        .await
        .unwrap();
    client
        .check(with_token(asking("acme"), &acme))
        .await
        .unwrap();
}

#[tokio::test]
async fn a_channel_carries_the_context_or_does_not_send() {
    let system = System::start().await;
    let host = system.origin.authority().unwrap().to_string();
    let carry = CarryLayer::builder([host.as_str()])
        .with_observe(())
        .build()
        .unwrap();
    let channel = carry.layer(system.channel.clone());
    let mut client = HealthClient::with_origin(channel.clone(), system.origin.clone());
    let cx = system.admitted("acme", "ledger.read").await;

    let response = client.check(asking("acme").in_context(&cx)).await.unwrap();
    assert_eq!(response.metadata().get("saw").unwrap(), "acme");

    // Without a context nothing is sent.
    let refused = client.check(asking("acme")).await.unwrap_err();
    assert_eq!(
        refusal_of(&refused).unwrap().reason().code(),
        "context_missing"
    );
    // Without a host nothing is sent either.
    let mut nowhere = HealthClient::new(channel);
    let refused = nowhere
        .check(asking("acme").in_context(&cx))
        .await
        .unwrap_err();
    assert_eq!(
        refusal_of(&refused).unwrap().reason().code(),
        "destination_mismatch"
    );
    assert_eq!(system.handled(), 1);

    // A channel to a place outside of the domain carries nothing, so the service refuses.
    let elsewhere = CarryLayer::builder(["billing.internal"])
        .with_observe(())
        .build()
        .unwrap();
    let channel = elsewhere.layer(system.channel.clone());
    let mut outside = HealthClient::with_origin(channel, system.origin.clone());
    let refused = outside
        .check(asking("acme").in_context(&cx))
        .await
        .unwrap_err();
    assert_eq!(
        reason(&refused),
        (Code::Unauthenticated, "context_missing".into())
    );
}

#[tokio::test]
async fn a_narrowed_context_is_taken_for_what_it_allows_and_for_nothing_wider() {
    let system = System::start().await;
    let writing = system.serve("ledger.write").await;
    let carry = CarryLayer::builder(["127.0.0.1"]).with_observe(()).build();
    let carry = carry.unwrap();
    let client = |origin: &http::Uri| {
        let channel = Channel::builder(origin.clone()).connect_lazy();
        HealthClient::with_origin(carry.layer(channel), origin.clone())
    };
    let (mut reading, mut writing) = (client(&system.origin), client(&writing));
    let text =
        |metadata: &MetadataMap, name| metadata.get(name).unwrap().to_str().unwrap().to_owned();

    let cx = system.admitted("acme", "ledger.*").await;
    let summariser = Principal::platform("spiffe", "summariser").unwrap();
    let summariser = Actor::new(ActorKind::Service, summariser);
    let tokens = EmbeddedTokens::new(system.issuer.clone(), summariser);
    let narrowed = cx.narrow().scope("ledger.read").request(&tokens).await;
    let narrowed = narrowed.unwrap();

    let asked = || asking("acme").in_context(&narrowed);
    let response = reading.check(asked()).await.unwrap();
    assert_eq!(text(response.metadata(), "saw"), "acme");
    assert_eq!(text(response.metadata(), "scope"), "ledger.read");
    assert_eq!(text(response.metadata(), "requester"), "spiffe//summariser");
    reading.watch(asked()).await.unwrap();
    assert_eq!(system.handled(), 2);

    let expected = (Code::PermissionDenied, "scope_insufficient".to_owned());
    let wider = writing.check(asked()).await.unwrap_err();
    assert_eq!(reason(&wider), expected);
    let wider = writing.watch(asked()).await.unwrap_err();
    assert_eq!(reason(&wider), expected);
    assert_eq!(system.handled(), 2, "a refused call reached the handler");

    // What it was narrowed from is as wide as before.
    let response = writing.check(asking("acme").in_context(&cx)).await.unwrap();
    assert_eq!(text(response.metadata(), "scope"), "ledger.*");
}

#[tokio::test]
async fn a_context_that_expired_under_way_is_not_sent() {
    let system = System::start().await;
    let host = system.origin.authority().unwrap().to_string();
    let later = system.domain.now().plus(Duration::from_secs(600));
    let carry = CarryLayer::builder([host.as_str()])
        .with_clock(move || later)
        .with_observe(());
    let channel = carry.build().unwrap().layer(system.channel.clone());
    let mut client = HealthClient::with_origin(channel, system.origin.clone());
    let cx = system.admitted("acme", "ledger.read").await;
    let refused = client
        .check(asking("acme").in_context(&cx))
        .await
        .unwrap_err();
    assert_eq!(
        refusal_of(&refused).unwrap().reason().code(),
        "context_expired"
    );
    assert_eq!(system.handled(), 0);
}
