mod config;
mod leaving;
mod narrowing;
mod renewal;
mod writing;

use http::{HeaderMap, HeaderName, HeaderValue, Request, Response};
use throughline_core::{Place, Reason};
use tower::{Layer, ServiceExt};

use super::*;
use crate::ResponseBody;
use crate::fixture::{Client, World};

const INSIDE: &str = "http://billing.internal/invoices";
const OUTSIDE: &str = "http://billing.example/invoices";

fn builder(world: &World) -> CarryBuilder {
    CarryLayer::builder(["billing.internal"])
        .with_clock(world.clock.clone())
        .with_observe(())
}

fn fields(lines: &[(&str, &str)]) -> HeaderMap {
    let mut fields = HeaderMap::new();
    for (name, line) in lines {
        let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
        fields.append(name, HeaderValue::from_bytes(line.as_bytes()).unwrap());
    }
    fields
}

fn request(target: &str, lines: &[(&str, &str)]) -> Request<()> {
    let mut request = Request::get(target).body(()).unwrap();
    *request.headers_mut() = fields(lines);
    request
}

/// Fields as text, sorted by name; the order of values stays.
fn lines(fields: &HeaderMap) -> Vec<String> {
    let line = |(name, value): (&HeaderName, &HeaderValue)| {
        format!("{name}: {}", String::from_utf8_lossy(value.as_bytes()))
    };
    let mut lines: Vec<String> = fields.iter().map(line).collect();
    lines.sort_by_key(|line| line.split(':').next().unwrap_or_default().to_owned());
    lines
}

async fn send(
    builder: CarryBuilder,
    client: &Client,
    request: Request<()>,
) -> Result<Response<ResponseBody<()>>, (Reason, Option<Place>)> {
    call(&builder.build().unwrap(), client, request).await
}

async fn call(
    layer: &CarryLayer,
    client: &Client,
    request: Request<()>,
) -> Result<Response<ResponseBody<()>>, (Reason, Option<Place>)> {
    let before = client.calls();
    let answer = layer.layer(client.clone()).oneshot(request).await;
    answer.map_err(|error| {
        assert_eq!(client.calls(), before, "a refused call was sent: {error}");
        let refusal = error.refused().unwrap().refusal();
        (refusal.reason(), refusal.place().cloned())
    })
}
