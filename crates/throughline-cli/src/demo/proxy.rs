//! A proxy in the middle: between orders, billing and the ledger, and in front of whatever it is
//! told to. It mistreats a request as the request's own field [`ORDERS_FIELD`] says:
//!
//! | order | what it does |
//! |---|---|
//! | `to HOST:PORT` | sends it to another address of this machine |
//! | `drop NAME` | removes the field |
//! | `duplicate NAME` | sends its last line twice |
//! | `truncate NAME LENGTH` | cuts its value |
//! | `rename NAME` | writes its name with underscores |
//! | `join NAME` | joins its lines with commas; a single one with itself |
//! | `set NAME VALUE`, `append NAME VALUE` | replaces all lines, adds one |
//! | `connection NAME` | lists the field in `Connection`, for the next hop to strip |
//! | `reorder` | turns the order of all fields around |
//! | `redirect URL` | answers with a redirect there, and forwards nothing |
//! | `fail` | answers 503, and forwards nothing |
//! | `answer NAME VALUE` | adds a field to the response |
//!
//! Several are separated by `;` and obeyed from left to right.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use http::header::{CONNECTION, HeaderMap, HeaderName, HeaderValue, LOCATION};
use http::{Request, Response, StatusCode, Uri, Version};
use http_body_util::{Either, Empty};
use hyper::body::Incoming;
use hyper_util::client::legacy::Client as HyperClient;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use throughline::Protocol;
use tower::service_fn;

use super::net::{self, Failure, Server};

/// Tells the proxy what to do. It is the demo's own and not sent on.
pub(super) const ORDERS_FIELD: &str = "x-demo-proxy";

type Client = HyperClient<HttpConnector, Incoming>;
type Body = Either<Incoming, Empty<Bytes>>;

#[derive(Clone)]
struct Proxy {
    /// Known once billing is up, which is behind this and calls the ledger through it.
    billing: Arc<OnceLock<SocketAddr>>,
    ledger: SocketAddr,
    http1: Client,
    http2: Client,
}

/// Serves the proxy: gRPC goes to the ledger, everything else to billing.
pub(super) async fn serve(
    billing: Arc<OnceLock<SocketAddr>>,
    ledger: SocketAddr,
) -> Result<Server, Failure> {
    let proxy = Proxy {
        billing,
        ledger,
        http1: HyperClient::builder(TokioExecutor::new()).build(net::connector()),
        http2: HyperClient::builder(TokioExecutor::new())
            .http2_only(true)
            .build(net::connector()),
    };
    let service = service_fn(move |request| {
        let proxy = proxy.clone();
        async move {
            let response = proxy.pass(request).await;
            Ok::<_, Infallible>(response.unwrap_or_else(|_| empty(StatusCode::BAD_GATEWAY)))
        }
    });
    Ok(net::serve(service).await?)
}

impl Proxy {
    async fn pass(&self, mut request: Request<Incoming>) -> Result<Response<Body>, Failure> {
        let orders = request.headers_mut().remove(ORDERS_FIELD);
        let orders = orders.as_ref().map_or(Ok(""), HeaderValue::to_str)?;
        let mut to = match Protocol::of_request(&request) == Protocol::Grpc {
            true => self.ledger,
            false => *self.billing.get().ok_or("billing is not up yet")?,
        };
        let mut answer = HeaderMap::new();
        for order in orders.split(';').map(str::trim).filter(|it| !it.is_empty()) {
            let (verb, rest) = order.split_once(' ').unwrap_or((order, ""));
            match verb {
                "to" => to = loopback(rest)?,
                "redirect" => {
                    let mut response = empty(StatusCode::TEMPORARY_REDIRECT);
                    response.headers_mut().insert(LOCATION, rest.parse()?);
                    return Ok(response);
                }
                "fail" => return Ok(empty(StatusCode::SERVICE_UNAVAILABLE)),
                "answer" => {
                    let (name, value) = named(rest)?;
                    answer.append(name, value);
                }
                _ => mistreat(request.headers_mut(), verb, rest)?,
            }
        }
        let path = request.uri().path_and_query();
        let path = path.map_or("/", |path| path.as_str());
        *request.uri_mut() = format!("http://{to}{path}").parse::<Uri>()?;
        let client = match request.version() {
            Version::HTTP_2 => &self.http2,
            _ => &self.http1,
        };
        let mut response = client.request(request).await?.map(Either::Left);
        response.headers_mut().extend(answer);
        Ok(response)
    }
}

/// Nothing of this machine is offered to others, nor others to it.
fn loopback(text: &str) -> Result<SocketAddr, Failure> {
    let address: SocketAddr = text.parse()?;
    match address.ip().is_loopback() {
        true => Ok(address),
        false => Err("only this machine is behind the proxy".into()),
    }
}

fn named(text: &str) -> Result<(HeaderName, HeaderValue), Failure> {
    let (name, value) = text.split_once(' ').unwrap_or((text, ""));
    Ok((name.parse()?, value.parse()?))
}

fn mistreat(headers: &mut HeaderMap, verb: &str, rest: &str) -> Result<(), Failure> {
    let (name, value) = match verb {
        "reorder" => {
            let mut lines = Vec::new();
            for (name, value) in &*headers {
                lines.push((name.clone(), value.clone()));
            }
            headers.clear();
            for (name, value) in lines.into_iter().rev() {
                headers.append(name, value);
            }
            return Ok(());
        }
        "connection" => {
            headers.append(CONNECTION, rest.parse()?);
            return Ok(());
        }
        _ => named(rest)?,
    };
    let lines: Vec<HeaderValue> = headers.get_all(&name).iter().cloned().collect();
    match (verb, lines.last()) {
        ("append", _) => drop(headers.append(name, value)),
        ("set", _) => drop(headers.insert(name, value)),
        ("drop", _) => drop(headers.remove(name)),
        ("duplicate", Some(last)) => drop(headers.append(name, last.clone())),
        ("truncate", Some(last)) => {
            let length = value.to_str()?.parse()?;
            let cut = last.as_bytes().get(..length).unwrap_or(last.as_bytes());
            headers.insert(name, HeaderValue::from_bytes(cut)?);
        }
        ("rename", Some(_)) => {
            headers.remove(&name);
            let renamed: HeaderName = name.as_str().replace('-', "_").parse()?;
            for line in lines {
                headers.append(renamed.clone(), line);
            }
        }
        ("join", Some(last)) => {
            let mut all: Vec<&[u8]> = lines.iter().map(HeaderValue::as_bytes).collect();
            if all.len() == 1 {
                all.push(last.as_bytes());
            }
            headers.insert(name, HeaderValue::from_bytes(&all.join(&b", "[..]))?);
        }
        (_, None) => return Err(format!("no field `{name}` to {verb}").into()),
        (_, Some(_)) => return Err(format!("no order is called `{verb}`").into()),
    }
    Ok(())
}

fn empty(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Either::Right(Empty::new()));
    *response.status_mut() = status;
    response
}
