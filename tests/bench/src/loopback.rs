//! A whole hop over loopback HTTP/2: what accept, handler and carry cost a real service.
//!
//! A client calls a service, whose handler calls another service and answers. Both hops stand side
//! by side in one process, and take turns; one of them is bare.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{Empty, Full};
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::service::TowerToHyperService;
use throughline::{AcceptLayer, CarryLayer, InContext as _, TenantContext, TrustDomain};
use tokio::net::TcpListener;
use tower::{Layer as _, Service, ServiceExt as _, service_fn};

use crate::Error;
use crate::fixture::{World, with_witness};
use crate::meter::median;

/// Calls in flight at once, over one connection.
const IN_FLIGHT: usize = 16;
/// Calls of one turn.
const CALLS: usize = 1_600;

/// A whole hop over the bare one.
#[derive(Debug)]
pub struct Hop {
    /// Of calls per second, over a hop that sends no token on.
    pub throughput: f64,
    /// The same, where HTTP/2 may index the token.
    pub throughput_indexed: f64,
    /// Of calls per second, over a hop that copies the token's field by hand: what the layers cost
    /// without the bytes on the wire.
    pub throughput_over_forwarding: f64,
    /// Of the time that 99 of 100 calls stay below, over a hop that sends no token on.
    pub p99: f64,
    /// The same, where HTTP/2 may index the token.
    pub p99_indexed: f64,
}

/// Measures the hops in `rounds` turns.
///
/// # Errors
///
/// A server did not start, or a call was not answered as it should.
pub fn measure(world: &World, rounds: usize) -> Result<Hop, Error> {
    let domain = world.domain(1_000)?;
    let token = world.token("acme", domain.now())?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let hops = [
            serve(bare_hop(answer().await?, false)).await?,
            serve(bare_hop(answer().await?, true)).await?,
            serve(whole_hop(&domain, answer().await?, false)?).await?,
            serve(whole_hop(&domain, answer().await?, true)?).await?,
        ];
        // The first turns open connections and warm everything up.
        for hop in hops {
            turn(hop, &token).await?;
        }
        let mut rounds_of_turns = Vec::new();
        for round in 0..rounds {
            let mut turns = [Turn::default(); 4];
            // Whoever goes first in a round changes, so that a drift hits all alike.
            for n in 0..4 {
                let n = (n + round) % 4;
                if let (Some(turn_of), Some(hop)) = (turns.get_mut(n), hops.get(n)) {
                    *turn_of = turn(*hop, &token).await?;
                }
            }
            rounds_of_turns.push(turns);
        }
        let over =
            |ratio: fn(&[Turn; 4]) -> f64| median(rounds_of_turns.iter().map(ratio).collect());
        Ok(Hop {
            throughput: over(|[bare, _, whole, _]| bare.total / whole.total),
            throughput_indexed: over(|[bare, _, _, indexed]| bare.total / indexed.total),
            throughput_over_forwarding: over(|[_, forwarding, whole, _]| {
                forwarding.total / whole.total
            }),
            p99: over(|[bare, _, whole, _]| whole.p99 / bare.p99),
            p99_indexed: over(|[bare, _, _, indexed]| indexed.p99 / bare.p99),
        })
    })
}

/// The time of one turn, in seconds.
#[derive(Clone, Copy, Debug, Default)]
struct Turn {
    total: f64,
    p99: f64,
}

#[expect(
    clippy::disallowed_types,
    reason = "a benchmark measures the time that passes"
)]
async fn turn(address: SocketAddr, token: &Bytes) -> Result<Turn, Error> {
    let client = client();
    let call = move |client: Http2, token: Bytes| async move {
        let start = std::time::Instant::now();
        let request = Request::get(format!("http://{address}/t/acme/orders"))
            .header("txn-token", token.as_ref())
            .body(Empty::new())?;
        let response = client.request(request).await?;
        if response.status() != StatusCode::OK {
            return Err::<_, Error>(format!("answered {}", response.status()).into());
        }
        Ok(start.elapsed().as_secs_f64())
    };
    call(client.clone(), token.clone()).await?;
    let start = std::time::Instant::now();
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..IN_FLIGHT {
        let (client, token) = (client.clone(), token.clone());
        tasks.spawn(async move {
            let mut times = Vec::new();
            for _ in 0..CALLS / IN_FLIGHT {
                let time = call(client.clone(), token.clone()).await;
                times.push(time.map_err(|error| error.to_string())?);
            }
            Ok::<_, String>(times)
        });
    }
    let mut times = Vec::new();
    while let Some(done) = tasks.join_next().await {
        times.extend(done??);
    }
    let total = start.elapsed().as_secs_f64();
    times.sort_by(f64::total_cmp);
    let p99 = times
        .get(times.len() * 99 / 100)
        .copied()
        .ok_or("no call was made")?;
    Ok(Turn { total, p99 })
}

type Http2 = Client<HttpConnector, Empty<Bytes>>;

fn client() -> Http2 {
    let mut connector = HttpConnector::new();
    // Else a small frame waits for the acknowledgement of the one before, and that is measured.
    connector.set_nodelay(true);
    Client::builder(TokioExecutor::new())
        .http2_only(true)
        .pool_idle_timeout(Duration::from_secs(60))
        .build(connector)
}

/// The service that is called last: it only answers.
async fn answer() -> Result<SocketAddr, Error> {
    serve(service_fn(|_: Request<Incoming>| async {
        Ok::<_, Infallible>(Response::new(Full::new(Bytes::from_static(b"[]"))))
    }))
    .await
}

/// A hop without layers, which hands the token's field on or does not.
fn bare_hop(
    next: SocketAddr,
    forwarding: bool,
) -> impl Service<Request<Incoming>, Response = Response<Full<Bytes>>, Error = Infallible, Future: Send>
+ Clone
+ Send
+ 'static {
    let client = client();
    service_fn(move |request: Request<Incoming>| {
        let client = client.clone();
        async move {
            let mut call = Request::get(format!("http://{next}/t/acme/invoices"));
            if let Some(token) = request.headers().get("txn-token").filter(|_| forwarding) {
                let mut token = token.clone();
                token.set_sensitive(true);
                call = call.header("txn-token", token);
            }
            let status = match call.body(Empty::new()) {
                Ok(call) => client
                    .oneshot(call)
                    .await
                    .map(|response| response.status())
                    .ok(),
                Err(_) => None,
            };
            Ok(answered(status))
        }
    })
}

fn whole_hop(
    domain: &TrustDomain,
    next: SocketAddr,
    indexed: bool,
) -> Result<
    impl Service<
        Request<Incoming>,
        Response: Into<Response<WholeBody>>,
        Error = Infallible,
        Future: Send,
    > + Clone
    + Send
    + 'static,
    Error,
> {
    let accept: AcceptLayer = with_witness(domain.clone())?;
    let host = next.to_string();
    let carry = CarryLayer::builder([host.as_str()]);
    let carry = if indexed {
        carry.allow_indexing()
    } else {
        carry
    };
    let client = carry.build()?.layer(client());
    Ok(accept.layer(service_fn(move |request: Request<Incoming>| {
        let client = client.clone();
        async move {
            let Ok(cx) = TenantContext::of(request.extensions()) else {
                return Ok::<_, Infallible>(answered(None));
            };
            let call = Request::get(format!("http://{next}/t/acme/invoices")).in_context(&cx);
            let status = match call.body(Empty::new()) {
                Ok(call) => client
                    .oneshot(call)
                    .await
                    .map(|response| response.status())
                    .ok(),
                Err(_) => None,
            };
            Ok(answered(status))
        }
    })))
}

type WholeBody = throughline::ResponseBody<Full<Bytes>>;

fn answered(status: Option<StatusCode>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from_static(b"{}")));
    *response.status_mut() = status.unwrap_or(StatusCode::BAD_GATEWAY);
    response
}

async fn serve<S, R, B>(service: S) -> Result<SocketAddr, Error>
where
    S: Service<Request<Incoming>, Response = R, Error = Infallible, Future: Send>
        + Clone
        + Send
        + 'static,
    R: Into<Response<B>> + 'static,
    B: http_body::Body<Data = Bytes, Error = Infallible> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let service = service.clone().map_response(Into::<Response<B>>::into);
            let _ = stream.set_nodelay(true);
            tokio::spawn(async move {
                let _ = hyper::server::conn::http2::Builder::new(TokioExecutor::new())
                    .serve_connection(TokioIo::new(stream), TowerToHyperService::new(service))
                    .await;
            });
        }
    });
    Ok(address)
}
