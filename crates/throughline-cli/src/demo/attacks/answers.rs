//! Answers that carry our fields: of a handler that copies them, and of others who hope that they
//! are believed.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::future::ready;

use bytes::Bytes;
use http::header::{HeaderMap, HeaderValue, LOCATION};
use http::{Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper_util::client::legacy::Client as HyperClient;
use hyper_util::rt::TokioExecutor;
use throughline::{AcceptLayer, InContext as _, Witness};
use tower::{Layer as _, ServiceExt as _, service_fn};

use super::arena::Arena;
use super::outside::{NOTHING, to_courier};
use super::sending::put;
use super::wire::Call;
use super::{Attack, Expected, Finding, Hop, scene};
use crate::demo::billing::LEGACY_FIELD;
use crate::demo::log;
use crate::demo::net::{self, Failure};
use crate::demo::orders::FOREIGN_BAGGAGE;
use crate::demo::outbound;
use crate::demo::proxy::ORDERS_FIELD;
use crate::demo::third_party::LIES;

pub(super) const ATTACKS: [Attack; 4] = [
    scene(
        "outside-answer",
        Hop::ThirdParty,
        "a host outside answers with fields named like ours",
        Expected::Word(NOTHING),
        |arena| Box::pin(answered(arena)),
    ),
    scene(
        "H5",
        Hop::Billing,
        "a handler copies the request's fields into its answer",
        Expected::Word(NOTHING),
        |arena| Box::pin(echoed(arena)),
    ),
    scene(
        "upstream-answer",
        Hop::Carry,
        "a service inside answers with a context",
        Expected::Word(NOTHING),
        |arena| Box::pin(upstream(arena)),
    ),
    scene(
        "upstream-trailers",
        Hop::Carry,
        "a service inside answers with a context in its trailers",
        Expected::Word(NOTHING),
        |arena| Box::pin(late(arena)),
    ),
];

/// What of ours is in these fields, in a word.
fn in_answer(fields: &HeaderMap) -> String {
    let ours = log::of_us(fields);
    let ours = ours
        .iter()
        .find(|(name, value)| name != "baggage" || value.contains("tenant.id"));
    match ours {
        Some((name, _)) => format!("{name} arrived"),
        None => NOTHING.into(),
    }
}

/// What comes back from outside, with the layer and without.
async fn answered(arena: &Arena<'_>) -> Result<Finding, Failure> {
    let cx = arena.admit(arena.acme()).await?;
    let call = to_courier(arena, "outside-answer")?;
    let bare = arena.system.client.request(call.clone().map(Full::new));
    let bare = bare.await?;
    let sender = arena.sender()?;
    let response = sender.send(call.in_context(&cx).map(Full::new)).await?;
    let weather = response.headers().get("baggage");
    Ok(Finding {
        got: [in_answer(response.headers())].into(),
        // It does lie, and what is not ours of its answer arrives.
        twin_ok: LIES
            .iter()
            .all(|(name, _)| bare.headers().contains_key(*name))
            && weather.is_some_and(|value| value == FOREIGN_BAGGAGE),
    })
}

/// Handlers that answer with everything they were sent and more: well, with an error, with a
/// redirect, and in their trailers.
async fn echoed(arena: &Arena<'_>) -> Result<Finding, Failure> {
    let accept = AcceptLayer::builder(arena.system.domain().await?)
        .add_witness(Witness::baggage("tenant.id")?.optional())
        .with_legacy_header(LEGACY_FIELD)
        .build()?;
    let token = arena.acme().to_owned();
    let echo = service_fn(move |request: Request<Incoming>| {
        let mut fields = request.headers().clone();
        for (name, value) in LIES {
            fields.append(name, HeaderValue::from_static(value));
        }
        if let Ok(token) = token.parse() {
            fields.append("txn-token", token);
        }
        let mut trailers = fields.clone();
        trailers.remove("host");
        let body = Full::new(Bytes::from("{}")).with_trailers(ready(Some(Ok(trailers))));
        let mut response = Response::new(body);
        *response.status_mut() = match request.uri().path() {
            "/error" => StatusCode::INTERNAL_SERVER_ERROR,
            "/redirect" => StatusCode::TEMPORARY_REDIRECT,
            _ => StatusCode::OK,
        };
        *response.headers_mut() = fields;
        for hop_by_hop in ["host", "content-length", "te", "connection"] {
            response.headers_mut().remove(hop_by_hop);
        }
        let elsewhere = HeaderValue::from_static("http://elsewhere.example/");
        response.headers_mut().insert(LOCATION, elsewhere);
        ready(Ok::<_, Infallible>(response))
    });
    let server = net::serve(accept.layer(echo)).await?;
    let client: HyperClient<_, Full<Bytes>> = HyperClient::builder(TokioExecutor::new())
        .http2_only(true)
        .build(net::connector());
    let mut got = BTreeSet::new();
    let mut twin_ok = true;
    for path in ["/", "/error", "/redirect"] {
        let request = Request::get(format!("{}{path}", server.url()))
            .header("txn-token", arena.acme())
            .header("baggage", "tenant.id=acme")
            .header("x-weather", "fine")
            .body(Full::default())?;
        let response = client.request(request).await?;
        got.insert(in_answer(response.headers()));
        twin_ok &= response.headers().contains_key("x-weather");
        let collected = response.into_body().collect().await?;
        let trailers = collected.trailers().ok_or("no trailers came")?;
        got.insert(in_answer(trailers));
        twin_ok &= trailers.contains_key("x-weather");
    }
    // Over HTTP/1 as well, as an old client reads it.
    let call = Call::get(server.address(), "/").token(arena.acme());
    let reply = call.send("H5").await?;
    if reply.field("txn-token").is_some() || reply.field(LEGACY_FIELD).is_some() {
        got.insert("a field arrived over HTTP/1".into());
    }
    twin_ok &= reply.is_success();
    Ok(Finding { got, twin_ok })
}

/// Billing answers with our fields, added by the proxy.
async fn upstream(arena: &Arena<'_>) -> Result<Finding, Failure> {
    let cx = arena.admit(arena.acme()).await?;
    let sender = arena.sender()?;
    let mut got = BTreeSet::new();
    let mut twin_ok = true;
    for (name, value) in LIES {
        let mut call = arena.invoice("upstream-answer")?.in_context(&cx);
        let order = format!("answer {name} {value}; answer x-weather fine");
        put(&mut call, ORDERS_FIELD, &order)?;
        let response = sender.send(call.map(Full::new)).await?;
        got.insert(in_answer(response.headers()));
        twin_ok &= response.status().is_success() && response.headers().contains_key("x-weather");
    }
    Ok(Finding { got, twin_ok })
}

/// A service that says late what it may not say.
async fn late(arena: &Arena<'_>) -> Result<Finding, Failure> {
    let liar = service_fn(|_: Request<Incoming>| {
        let mut trailers = HeaderMap::new();
        trailers.insert("x-weather", HeaderValue::from_static("fine"));
        for (name, value) in LIES {
            trailers.append(name, HeaderValue::from_static(value));
        }
        let body = Full::new(Bytes::from("{}")).with_trailers(ready(Some(Ok(trailers))));
        ready(Ok::<_, Infallible>(Response::new(body)))
    });
    let server = net::serve(liar).await?;
    let carry = outbound::carry(&[server.address()]).build()?;
    let client = HyperClient::builder(TokioExecutor::new())
        .http2_only(true)
        .build(net::connector());
    let cx = arena.admit(arena.acme()).await?;
    let request = Request::get(server.url().parse::<Uri>()?)
        .in_context(&cx)
        .body(Full::<Bytes>::default())?;
    let response = carry.layer(client).oneshot(request).await?;
    let collected = response.into_body().collect().await?;
    let trailers = collected.trailers().ok_or("no trailers came")?;
    Ok(Finding {
        got: [in_answer(trailers)].into(),
        twin_ok: trailers.contains_key("x-weather"),
    })
}
