//! The driver: sends the requests of all tenants over few connections, and cuts many of them short.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Full};
use tokio::task::JoinSet;

use super::Wire;
use super::services::{DropAfter, Http, System, http_client};
use super::truth::{Place, TENANTS, Truth, tenant};

/// How many requests are under way at once.
pub(crate) const WORKERS: usize = 8;

pub(crate) async fn drive(wire: Wire, requests: u64, truth: Arc<Truth>) {
    let driver = Arc::new(Driver {
        system: System::start(wire, &truth).await,
        client: http_client(wire),
        next: AtomicU64::new(0),
        truth,
    });
    let mut workers = JoinSet::new();
    for _ in 0..WORKERS {
        let driver = Arc::clone(&driver);
        workers.spawn(async move {
            loop {
                let request = driver.next.fetch_add(1, Ordering::Relaxed);
                if request >= requests {
                    break;
                }
                driver.send(request).await;
            }
        });
    }
    while let Some(worker) = workers.join_next().await {
        worker.unwrap();
    }
}

struct Driver {
    system: System,
    client: Http,
    next: AtomicU64,
    truth: Arc<Truth>,
}

impl Driver {
    async fn send(&self, request: u64) {
        let truth = &self.truth;
        let own = truth.tenant_of(request);
        let mut chance = truth.chance(!request);
        let token = (0..TENANTS).find(|n| tenant(*n) == own).unwrap();
        // Every so often a stranger, on the connections of the others.
        let (token, expected) = match chance.below(25) {
            0 => (None, Some("context_missing")),
            1 => (
                Some((token + 1 + chance.below(TENANTS - 1)) % TENANTS),
                Some("tenant_mismatch"),
            ),
            _ => (Some(token), None),
        };
        let mut sent = Request::get(format!("http://{}/t/{own}/{request}", self.system.entry));
        if let Some(token) = token {
            sent = sent.header("txn-token", &self.system.tokens[token as usize]);
        }
        let sent = sent.body(Full::<Bytes>::default()).unwrap();
        let answered = Box::pin(async {
            let response = self.client.request(sent).await.ok()?;
            let (status, fields) = (response.status(), format!("{:?}", response.headers()));
            let body = response.into_body().collect().await.ok()?.to_bytes();
            let text = String::from_utf8_lossy(&body).into_owned();
            Some((status, fields, text))
        });
        let polls = match chance.percent(20) {
            true => chance.below(6),
            false => u64::MAX,
        };
        let answer = DropAfter::new(polls, answered).await;
        truth.bare(request);
        if request.is_multiple_of(8) {
            let truth = Arc::clone(truth);
            tokio::spawn(async move { truth.bare(request) })
                .await
                .unwrap();
        }
        match answer {
            None => drop(truth.cancelled.fetch_add(1, Ordering::Relaxed)),
            Some(None) => drop(truth.failed.fetch_add(1, Ordering::Relaxed)),
            Some(Some((status, fields, text))) => {
                truth.served.fetch_add(1, Ordering::Relaxed);
                let what = || format!("request {request} was answered {status} {fields} {text}");
                match expected {
                    Some(reason) => {
                        let refused = text.contains(&format!("\"reason\":\"{reason}\""));
                        truth.check(Place::Stranger, refused, what);
                    }
                    None => {
                        truth.check(Place::Client, status == StatusCode::OK, what);
                        truth.saw(Place::Client, request, &text);
                        // The same of everything that came with it.
                        let bare = !fields.contains("txn-token") && !fields.contains("tenant");
                        truth.check(Place::Client, bare, what);
                    }
                }
            }
        }
    }
}
