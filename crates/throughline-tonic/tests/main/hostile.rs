//! A service that answers with fields of ours, in its headers and behind its messages.

use std::future::ready;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response, Uri};
use http_body_util::BodyExt as _;
use throughline::{AcceptLayer, CarryLayer, ResponseBody};
use throughline_tonic::RequestExt as _;
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::body::Body;
use tonic::client::GrpcService;
use tonic::transport::{Channel, Server};
use tonic::{Request, Status};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;
use tower::util::MapResponseLayer;
use tower::{BoxError, Layer as _};

use crate::kit::{System, asking};

/// The token, what some hop reads as it, a copy that the context promises, a member that is ours.
const OURS: [(&str, &str); 5] = [
    ("txn-token", "another"),
    ("txn_token", "another"),
    ("txn-token-bin", "YW5vdGhlcg"),
    ("x-tenant", "globex"),
    ("baggage", "tenant.id=globex,theirs=1"),
];

fn poison(fields: &mut HeaderMap, theirs: &'static str) {
    for (name, value) in OURS {
        fields.append(name, HeaderValue::from_static(value));
    }
    fields.append(theirs, HeaderValue::from_static("as it was"));
}

/// Poisons whatever is answered. A stream fails at its end.
fn poisoned(mut response: Response<ResponseBody<Body>>) -> Response<Body> {
    let mut trailers = HeaderMap::new();
    poison(&mut trailers, "theirs-in-trailers");
    if !response.headers().contains_key("saw") {
        trailers.insert("grpc-status", HeaderValue::from_static("9"));
    }
    poison(response.headers_mut(), "theirs-in-headers");
    response.map(|body| Body::new(body.with_trailers(ready(Some(Ok(trailers))))))
}

async fn serve(system: &System) -> Uri {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    let accept = AcceptLayer::builder(system.domain.clone()).with_observe(());
    let server = Server::builder()
        .layer(MapResponseLayer::new(poisoned))
        .layer(accept.build().unwrap())
        .add_service(system.ledger());
    tokio::spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));
    origin.parse().unwrap()
}

/// All that comes with an answer, a refusal, a stream, and the failure at its end.
async fn told<C, B>(
    mut client: HealthClient<C>,
    asked: impl Fn(&str) -> Request<HealthCheckRequest>,
) -> [HeaderMap; 4]
where
    C: GrpcService<Body, ResponseBody = B, Error: Into<BoxError>>,
    B: http_body::Body<Data = Bytes, Error = Status> + Send + 'static,
{
    let answered = client.check(asked("acme")).await.unwrap();
    let refused = client.check(asked("globex")).await.unwrap_err();
    let stream = client.watch(asked("acme")).await.unwrap();
    let (stream, mut items, _) = stream.into_parts();
    let failed = loop {
        match items.message().await {
            Ok(item) => assert!(item.is_some(), "the stream ended well"),
            Err(status) => break status,
        }
    };
    assert_eq!(failed.code(), tonic::Code::FailedPrecondition);
    [
        answered.metadata().clone(),
        refused.metadata().clone(),
        stream,
        failed.metadata().clone(),
    ]
    .map(|metadata| metadata.into_headers())
}

// failure: H5
#[tokio::test]
async fn what_a_service_says_in_our_fields_does_not_reach_its_caller() {
    let system = System::start().await;
    let origin = serve(&system).await;
    let channel = Channel::builder(origin.clone()).connect_lazy();
    let theirs = |fields: &HeaderMap| {
        ["theirs-in-headers", "theirs-in-trailers"].map(|name| fields.contains_key(name))
    };
    let places = [[true, true], [true, false], [true, false], [false, true]];

    // What such a service says to somebody else.
    let token = system.token("acme", "ledger.read");
    let client = HealthClient::new(channel.clone());
    let asked = |tenant: &str| {
        let mut asked = asking(tenant);
        let metadata = asked.metadata_mut();
        metadata.insert("txn-token", token.parse().unwrap());
        asked
    };
    let all = told(client, asked).await;
    assert_eq!(all.each_ref().map(theirs), places);
    for fields in all {
        for (name, value) in OURS {
            assert_eq!(fields[name], value);
        }
    }

    let carry = CarryLayer::builder(["127.0.0.1"])
        .add_owned_baggage("tenant.id")
        .with_observe(())
        .build()
        .unwrap();
    let cx = system.admitted("acme", "ledger.read").await;
    let client = HealthClient::with_origin(carry.layer(channel), origin);
    let all = told(client, |tenant| asking(tenant).in_context(&cx)).await;
    assert_eq!(all.each_ref().map(theirs), places);
    for fields in all {
        for (name, _) in OURS.iter().filter(|(name, _)| *name != "baggage") {
            assert!(!fields.contains_key(*name), "{fields:?}");
        }
        let mut baggage = fields.get_all("baggage").iter();
        assert!(baggage.all(|line| line == "theirs=1"), "{fields:?}");
    }
}
