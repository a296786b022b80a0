//! A response that goes on for as long as its context is true: one line of JSON for each event.

use std::convert::Infallible;

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{HeaderMap, StatusCode};
use serde::Serialize;
use serde_json::json;
use throughline::{Reason, TenantContext};
use tokio_stream::StreamExt as _;

use super::Orders;
use crate::demo::ledger;
use crate::demo::log::Hop;

/// Newline-delimited JSON.
pub(in crate::demo) const EVENTS: HeaderValue = HeaderValue::from_static("application/x-ndjson");

/// What the ledger writes, as it is written. Ends with the reason when the context does.
pub(super) async fn events(
    State(orders): State<Orders>,
    cx: TenantContext,
    headers: HeaderMap,
) -> Response {
    let hop = orders.note(&cx, &headers);
    let receipts = match orders.ledger.watch(&cx, &headers).await {
        Ok(receipts) => receipts,
        Err(status) => {
            return match ledger::handed_on(&status) {
                Some(refused) => refused.into_response(),
                None => StatusCode::BAD_GATEWAY.into_response(),
            };
        }
    };
    let guarded = cx.guard_stream(orders.neighbours.domain.clone(), receipts);
    let events = guarded.map(|event| match event {
        Ok(Ok(receipt)) => line(&Hop::from(receipt)),
        // Both ends watch; whichever sees it first.
        Ok(Err(status)) => ended(ledger::reason_of(&status)),
        Err(refusal) => ended(Some(refusal.reason())),
    });
    let lines = tokio_stream::once(line(&hop)).chain(events);
    let mut response = Response::new(Body::from_stream(lines.map(Ok::<_, Infallible>)));
    response.headers_mut().insert(CONTENT_TYPE, EVENTS);
    response
}

fn ended(reason: Option<Reason>) -> Bytes {
    line(&json!({"reason": reason.map(Reason::code)}))
}

pub(in crate::demo) fn line(value: &impl Serialize) -> Bytes {
    let mut line = serde_json::to_vec(value).unwrap_or_default();
    line.push(b'\n');
    line.into()
}
