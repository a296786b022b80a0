//! Work beside a request, inside one process: tasks, threads, buffers, retries, shared clients.

use std::collections::BTreeSet;
use std::future::ready;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use serde_json::json;
use throughline::Reason::{ContextMissing, ScopeInsufficient};
use throughline::{CarryError, InContext as _, TenantContext, scope};
use tokio::task::{JoinSet, yield_now};
use tower::buffer::Buffer;
use tower::retry::{Policy, Retry};
use tower::{Layer as _, ServiceExt as _, service_fn};

use super::arena::Arena;
use super::judge::is_clean;
use super::sending::arrives;
use super::{Attack, Expected, Finding, Hop, Pair, pair, scene};
use crate::demo::net::{self, Failure};
use crate::demo::outbound;
use crate::demo::roster::{ADA_OF_ACME, USERS, User};

/// Tasks of two tenants that are moved between threads.
const TASKS: usize = 400;
/// Calls of two tenants through one client.
const CALLS: usize = 40;

tokio::task_local! {
    /// Somebody else's, which is not ours to copy.
    static TRANSACTION: &'static str;
}

/// The tenant that code reads which was told nothing but its scope.
fn tenant_here() -> String {
    match scope::current() {
        Ok(cx) => cx.tenant().to_string(),
        Err(_) => NOTHING.into(),
    }
}

const NOTHING: &str = "an error";
const OWN: &str = "its own tenant";

pub(super) const ATTACKS: [Attack; 8] = [
    scene(
        "A1",
        Hop::Process,
        "spawned work falls back to some context",
        Expected::Word(NOTHING),
        |arena| Box::pin(spawned(arena)),
    ),
    scene(
        "A2",
        Hop::Process,
        "400 tasks of two tenants move between threads",
        Expected::Word(OWN),
        |arena| Box::pin(moved(arena)),
    ),
    scene(
        "A3",
        Hop::Process,
        "a buffer calls from another task",
        Expected::Refused(&[ContextMissing]),
        |arena| Box::pin(buffered(arena)),
    ),
    scene(
        "A4",
        Hop::Process,
        "a retry rebuilds the call and loses its context",
        Expected::Refused(&[ContextMissing]),
        |arena| Box::pin(retried(arena)),
    ),
    scene(
        "A6",
        Hop::Process,
        "two tenants call through one client at the same time",
        Expected::Word(OWN),
        |arena| Box::pin(shared(arena)),
    ),
    pair(
        "A8",
        Hop::Orders,
        "the first caller's permission is kept for the next",
        &[ScopeInsufficient],
        |arena| {
            let paying = |user: User| -> Result<_, Failure> {
                let mut claims = arena.claims(user)?;
                super::arena::change(&mut claims, "/scope", Some(json!(user.scope())));
                let call = arena.orders().target("/t/acme/payments").post("{}");
                Ok(call.token(arena.sign(&claims)?))
            };
            let bob = USERS.into_iter().find(|user| user.name == "bob");
            let bob = bob.ok_or("bob has left")?;
            // The twin goes first, and the same layer decides about both.
            Ok(Pair::new(paying(bob)?, paying(ADA_OF_ACME)?))
        },
    ),
    scene(
        "A9",
        Hop::Process,
        "a spawn helper copies all ambient state",
        Expected::Word("only the context"),
        |arena| Box::pin(ambient(arena)),
    ),
    scene(
        "X29",
        Hop::Process,
        "work is created for one tenant and started by another",
        Expected::Word(OWN),
        |arena| Box::pin(deferred(arena)),
    ),
];

async fn spawned(arena: &Arena<'_>) -> Result<Finding, Failure> {
    let cx = arena.admit(arena.acme()).await?;
    let read = async || tenant_here();
    // All of it from inside a scope, which is what does not spread.
    let bare = cx.scope(async {
        let mut set = JoinSet::new();
        set.spawn(read());
        let thread = std::thread::spawn(tenant_here);
        [
            tokio::spawn(read()).await.unwrap_or_default(),
            tokio::task::spawn_blocking(tenant_here)
                .await
                .unwrap_or_default(),
            set.join_next()
                .await
                .and_then(Result::ok)
                .unwrap_or_default(),
            thread.join().unwrap_or_default(),
        ]
    });
    let got = bare.await;
    let mut set = JoinSet::new();
    cx.spawn_on(&mut set, read());
    let thread = std::thread::spawn(cx.bind(tenant_here));
    let given = [
        cx.spawn(read()).await?,
        cx.spawn_blocking(tenant_here).await?,
        set.join_next().await.ok_or("no task")??,
        thread.join().map_err(|_| "the thread panicked")?,
    ];
    Ok(Finding {
        got: got.into(),
        twin_ok: given.iter().all(|tenant| tenant == "acme"),
    })
}

async fn moved(arena: &Arena<'_>) -> Result<Finding, Failure> {
    let contexts = [
        arena.admit(arena.acme()).await?,
        arena.admit(arena.globex()).await?,
    ];
    let mut set = JoinSet::new();
    for cx in contexts.iter().cycle().take(TASKS) {
        let own = cx.tenant().to_string();
        cx.spawn_on(&mut set, async move {
            for _ in 0..3 {
                yield_now().await;
                if tenant_here() != own {
                    return format!("{} in a task of {own}", tenant_here());
                }
            }
            OWN.to_owned()
        });
    }
    let got: BTreeSet<_> = set.join_all().await.into_iter().collect();
    // On the threads that ran them, nothing is left.
    let mut after = JoinSet::new();
    for _ in 0..8 {
        after.spawn(async { tenant_here() });
    }
    let after = after.join_all().await;
    Ok(Finding {
        got,
        twin_ok: after.iter().all(|tenant| tenant == NOTHING),
    })
}

async fn buffered(arena: &Arena<'_>) -> Result<Finding, Failure> {
    let cx = arena.admit(arena.acme()).await?;
    let sender = arena.sender()?;
    // In its own worker task, where no scope of the caller reaches.
    let buffer = Buffer::new(
        service_fn(move |request: Request<Full<Bytes>>| {
            let sender = sender.clone();
            async move { sender.send(request).await }
        }),
        8,
    );
    let call = |request: Request<Bytes>| buffer.clone().oneshot(request.map(Full::new));
    let ambient = cx.scope(call(arena.invoice("A3")?)).await;
    let got = refusal(ambient.err(), arena, "A3");
    let given = call(arena.invoice("A3-twin")?.in_context(&cx)).await;
    let seen = arena.system.log.take("A3-twin");
    Ok(Finding {
        got: [got].into(),
        twin_ok: given.is_ok_and(|response| response.status().is_success())
            && seen.len() == 2
            && seen.iter().all(|seen| is_clean(seen, "acme")),
    })
}

/// The reason in an error that other layers have wrapped.
fn refusal(error: Option<tower::BoxError>, arena: &Arena<'_>, id: &str) -> String {
    if let Some(ran) = arena.system.log.take(id).first() {
        return format!("handled by {}", ran.hop.service);
    }
    let Some(error) = error else {
        return "sent".into();
    };
    type Own = CarryError<hyper_util::client::legacy::Error>;
    match error.downcast_ref::<Own>().and_then(Own::refused) {
        Some(refused) => refused.reason().to_string(),
        None => error.to_string(),
    }
}

/// Tries once more after 503, with a request of its own making.
#[derive(Clone)]
struct OnceMore {
    keeps_extensions: bool,
    left: usize,
}

type Tried<B, E> = Result<Response<B>, E>;

impl<B, E> Policy<Request<Full<Bytes>>, Response<B>, E> for OnceMore {
    type Future = std::future::Ready<()>;

    fn retry(
        &mut self,
        _: &mut Request<Full<Bytes>>,
        tried: &mut Tried<B, E>,
    ) -> Option<Self::Future> {
        let busy = |response: &Response<_>| response.status() == StatusCode::SERVICE_UNAVAILABLE;
        self.left = match tried {
            Ok(response) if busy(response) => self.left.checked_sub(1)?,
            Ok(_) | Err(_) => return None,
        };
        Some(ready(()))
    }

    fn clone_request(&mut self, request: &Request<Full<Bytes>>) -> Option<Request<Full<Bytes>>> {
        let mut copy = Request::new(request.body().clone());
        *copy.method_mut() = request.method().clone();
        *copy.uri_mut() = request.uri().clone();
        *copy.headers_mut() = request.headers().clone();
        if self.keeps_extensions {
            *copy.extensions_mut() = request.extensions().clone();
        }
        Some(copy)
    }
}

async fn retried(arena: &Arena<'_>) -> Result<Finding, Failure> {
    let cx = arena.admit(arena.acme()).await?;
    let carry = outbound::carry(&[arena.system.services.proxy.address()]).build()?;
    let attempt = async |id: &str, keeps_extensions: bool| -> Result<_, Failure> {
        let (client, tries) = (net::client(), AtomicUsize::new(0));
        let tries = Arc::new(tries);
        // Busy at first, and then a client.
        let busy = service_fn(move |mut request: Request<Full<Bytes>>| {
            if tries.fetch_add(1, Ordering::Relaxed) == 0 {
                let order = http::HeaderValue::from_static("fail");
                request.headers_mut().insert("x-demo-proxy", order);
            }
            client.request(request)
        });
        let policy = OnceMore {
            keeps_extensions,
            left: 1,
        };
        let request = arena.invoice(id)?.in_context(&cx).map(Full::new);
        Ok(Retry::new(policy, carry.layer(busy)).oneshot(request).await)
    };
    let lost = attempt("A4", false).await?;
    let got = match (arena.system.log.take("A4").first(), lost) {
        (Some(ran), _) => format!("handled by {}", ran.hop.service),
        (None, Ok(response)) => format!("sent, and answered {}", response.status()),
        (None, Err(error)) => match error.refused() {
            Some(refused) => refused.reason().to_string(),
            None => error.to_string(),
        },
    };
    let kept = attempt("A4-twin", true).await?;
    let seen = arena.system.log.take("A4-twin");
    Ok(Finding {
        got: [got].into(),
        twin_ok: kept.is_ok_and(|response| response.status().is_success())
            && seen.len() == 2
            && seen.iter().all(|seen| is_clean(seen, "acme")),
    })
}

async fn shared(arena: &Arena<'_>) -> Result<Finding, Failure> {
    let contexts = [
        arena.admit(arena.acme()).await?,
        arena.admit(arena.globex()).await?,
    ];
    let sender = arena.sender()?;
    let proxy = arena.system.services.proxy.url();
    let mut set = JoinSet::new();
    for (n, cx) in contexts.iter().cycle().take(CALLS).enumerate() {
        let tenant = cx.tenant().to_string();
        let id = format!("A6-{n}");
        let request = Request::get(format!("{proxy}/t/{tenant}/invoices"))
            .header(crate::demo::log::CALL_FIELD, &id)
            .in_context(cx)
            .body(Full::default())?;
        let (sender, log) = (sender.clone(), arena.system.log.clone());
        set.spawn(async move {
            yield_now().await;
            let sent = sender.send(request).await;
            let seen = log.take(&id);
            let own = sent.is_ok_and(|response| response.status().is_success())
                && seen.len() == 2
                && seen.iter().all(|seen| is_clean(seen, &tenant));
            match own {
                true => OWN.to_owned(),
                false => format!("{tenant} was {seen:?}"),
            }
        });
    }
    let got = set.join_all().await.into_iter().collect();
    let [acme, _] = &contexts;
    let alone = arena.invoice("A6-twin")?.in_context(acme);
    Ok(Finding {
        got,
        twin_ok: arrives(arena, &sender, alone).await,
    })
}

async fn ambient(arena: &Arena<'_>) -> Result<Finding, Failure> {
    let cx = arena.admit(arena.acme()).await?;
    let look = || {
        let other = TRANSACTION.try_with(|it| *it).ok();
        (tenant_here(), other)
    };
    let spawning = TRANSACTION.scope("transaction 7", async {
        let inside = cx.scope(async { look() }).await;
        let mut set = JoinSet::new();
        cx.spawn_on(&mut set, async move { look() });
        let crossed = [
            cx.spawn(async move { look() }).await?,
            cx.spawn_blocking(look).await?,
            set.join_next().await.ok_or("no task")??,
            std::thread::spawn(cx.bind(look))
                .join()
                .map_err(|_| "the thread panicked")?,
        ];
        Ok::<_, Failure>((inside, crossed))
    });
    let (inside, crossed) = spawning.await?;
    let word = |(tenant, other): (String, Option<&str>)| match (tenant.as_str(), other) {
        ("acme", None) => "only the context".to_owned(),
        (tenant, other) => format!("{tenant} and {other:?}"),
    };
    Ok(Finding {
        got: crossed.map(word).into(),
        // The scope itself stays where it is, and so does the other one.
        twin_ok: inside == ("acme".into(), Some("transaction 7")),
    })
}

async fn deferred(arena: &Arena<'_>) -> Result<Finding, Failure> {
    let acme = arena.admit(arena.acme()).await?;
    let globex = arena.admit(arena.globex()).await?;
    // Handed over under one, first run under another: a future, a closure and a task.
    let work = async |cx: &TenantContext| -> Result<_, Failure> {
        let later = cx.scope(async { tenant_here() });
        let closure = cx.bind(tenant_here);
        let (future, closure) = globex.scope(async { (later.await, closure()) }).await;
        let queued = cx.scope(async { tenant_here() });
        let run = globex.scope(tokio::spawn(queued)).await?;
        Ok([future, closure, run])
    };
    let word = |tenant: String| match tenant.as_str() {
        "acme" => OWN.to_owned(),
        other => format!("{other} in work of acme"),
    };
    let got = work(&acme).await?.map(word);
    // And who started it is who it was.
    let starter = globex
        .scope(async {
            let _ = acme
                .scope(std::future::poll_fn(|_| Poll::Ready(tenant_here())))
                .await;
            tenant_here()
        })
        .await;
    Ok(Finding {
        got: got.into(),
        twin_ok: starter == "globex",
    })
}
