//! Work that a handler starts on its own: with its context, and without.

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, StatusCode};
use http_body_util::Full;
use throughline::{Refused, TenantContext, scope};
use throughline_core::reason::Position;
use throughline_core::{Reason, Refusal};
use tokio::task::JoinSet;

use super::Orders;
use crate::demo::log::Answer;
use crate::demo::{net, outbound};

/// How many invoices a set writes, beside the one of a task of its own.
const IN_A_SET: usize = 2;

/// Several invoices at once, each from a task that was given the context.
pub(super) async fn all(
    State(orders): State<Orders>,
    cx: TenantContext,
    headers: HeaderMap,
) -> Response {
    let mut hops = vec![orders.note(&cx, &headers)];
    let alone = cx.spawn(bill_in_scope(orders.clone(), headers.clone()));
    let mut set = JoinSet::new();
    for _ in 0..IN_A_SET {
        cx.spawn_on(&mut set, bill_in_scope(orders.clone(), headers.clone()));
    }
    let mut billed = vec![alone.await];
    while let Some(joined) = set.join_next().await {
        billed.push(joined);
    }
    for joined in billed {
        match joined {
            Ok(Ok(Answer { hops: behind })) => hops.extend(behind),
            Ok(Err(response)) => return response,
            Err(_) => return StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        }
    }
    net::json(StatusCode::OK, &Answer { hops }).map(Body::from)
}

/// Loses the context on purpose: the task was given none, and asks for one.
pub(super) async fn lost(
    State(orders): State<Orders>,
    cx: TenantContext,
    headers: HeaderMap,
) -> Response {
    orders.note(&cx, &headers);
    match tokio::spawn(bill_in_scope(orders, headers)).await {
        Ok(Ok(answer)) => net::json(StatusCode::OK, &answer).map(Body::from),
        Ok(Err(response)) => response,
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// Loses it too, and calls all the same.
pub(super) async fn unsaid(
    State(orders): State<Orders>,
    cx: TenantContext,
    headers: HeaderMap,
) -> Response {
    orders.note(&cx, &headers);
    let uri = format!(
        "http://{}/t/{}/invoices",
        orders.neighbours.billing,
        cx.tenant()
    );
    let Ok(request) = orders.request(&uri, &headers) else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let outbound = orders.outbound;
    let calling = tokio::spawn(async move { outbound.send(request.map(Full::new)).await });
    match calling.await {
        Ok(Ok(response)) => response.status().into_response(),
        Ok(Err(error)) => outbound::failed(&error).map(Body::from),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// Knows no more than the scope it runs in.
async fn bill_in_scope(orders: Orders, headers: HeaderMap) -> Result<Answer, Response> {
    let cx = scope::current().map_err(|error| {
        let refusal = Refusal::new(Reason::ContextMissing).because(error.to_string());
        Refused::new(refusal, Position::Inside).into_response()
    })?;
    orders.bill(&cx, &headers).await
}
