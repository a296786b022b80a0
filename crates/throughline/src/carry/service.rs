//! The service: plumbing around the writing.

use std::collections::HashMap;
use std::fmt;
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{Extensions, HeaderMap, HeaderValue, Request, Response};
use throughline_core::carrier::TOKEN_FIELD;
use throughline_core::reason::Position;
use throughline_core::time::{Clock, Timestamp};
use throughline_core::{Admitted, Reason, Refusal};
use tokio::runtime::Handle;
use tokio::sync::watch;
use tower_service::Service;

use super::future::ResponseFuture;
use super::layer::Config;
use super::outgoing::{Outgoing, Promised};
use super::write::{strip_message, write_context};
use crate::body::ResponseBody;
use crate::carry::CarryError;
use crate::context::{admitted, reported_copies};
use crate::observe::Event;
use crate::refused::Refused;
use crate::tokens::{ReplaceFuture, Replaced, Replacement, Tokens};

/// Sends calls with their context, or not at all. See the [module](super).
#[derive(Clone)]
pub struct Carry<S> {
    inner: S,
    config: Arc<Config>,
}

impl<S> Carry<S> {
    pub(super) fn new(inner: S, config: Arc<Config>) -> Self {
        Self { inner, config }
    }

    inner_service!();
}

impl<S, B, R> Service<Request<B>> for Carry<S>
where
    S: Service<Request<B>, Response = Response<R>> + Clone,
{
    type Response = Response<ResponseBody<R>>;
    type Error = CarryError<S::Error>;
    type Future = ResponseFuture<S, B>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx).map_err(CarryError::Client)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let config = &self.config;
        match prepare(config, &mut request, config.clock.now()) {
            Ok(Prepared::Ready(promised)) => {
                ResponseFuture::inner(self.inner.call(request), promised, Arc::clone(config))
            }
            Ok(Prepared::Renew(parent)) => {
                // The instance that was polled ready is the one that is called, so it goes along.
                let clone = self.inner.clone();
                let ready = mem::replace(&mut self.inner, clone);
                ResponseFuture::renewing(parent, ready, request, Arc::clone(config))
            }
            Err(refusal) => ResponseFuture::refused(refuse(config, refusal)),
        }
    }
}

/// What remains to be done before a call can be sent.
enum Prepared {
    /// With what it carries, or would if it stayed in the domain.
    Ready(Promised),
    /// The token is about to expire.
    Renew(Admitted),
}

/// Steps 1 to 4, but for waiting.
fn prepare<B>(
    config: &Config,
    request: &mut Request<B>,
    now: Timestamp,
) -> Result<Prepared, Refusal> {
    let given = request.extensions_mut().remove::<Outgoing>();
    let is_given = given.is_some();
    let outgoing = given.or_else(|| {
        admitted(request.extensions())
            .ok()
            .cloned()
            .map(Outgoing::Admitted)
    });

    // Whether a call leaves the domain cannot be told without a host, and both guesses are wrong.
    if request.uri().host().is_none() {
        return Err(Refusal::new(Reason::DestinationMismatch).because(
            "the call names no host, expected an absolute target (for tonic: `with_origin`)",
        ));
    }
    if !config.destinations.contains(request.uri()) {
        // A layer behind this one may know the destination, and would else send another context.
        if let Some(given) = outgoing.as_ref().filter(|_| is_given) {
            request.extensions_mut().insert(given.clone());
        }
        let promised = promised(outgoing, request.extensions());
        strip_message(config, promised.copies(), request.headers_mut());
        return Ok(Prepared::Ready(promised));
    }
    let Some(outgoing) = outgoing else {
        if config.required {
            return Err(Refusal::new(Reason::ContextMissing)
                .because("the call was given no context, and its destination requires one"));
        }
        let promised = promised(None, request.extensions());
        strip_message(config, promised.copies(), request.headers_mut());
        return Ok(Prepared::Ready(promised));
    };
    let expires_at = outgoing.context().lifetime().expires_at;
    if expires_at <= now {
        return Err(Refusal::new(Reason::ContextExpired)
            .because(format!("expired at {expires_at}, now is {now}")));
    }
    if let (Some(renewal), Outgoing::Admitted(parent)) = (&config.renewal, &outgoing)
        && expires_at.since(now) <= renewal.before
    {
        // A call that has this very token already gets the new one in its place.
        let headers = request.headers_mut();
        if headers.get(TOKEN_FIELD).map(HeaderValue::as_bytes) == Some(parent.token()) {
            remove_one(headers);
        }
        return Ok(Prepared::Renew(parent.clone()));
    }
    write_context(
        config,
        outgoing.token(),
        outgoing.context(),
        request.headers_mut(),
    )?;
    Ok(Prepared::Ready(Promised::By(outgoing)))
}

/// What is ours on a call that goes without a context.
fn promised(outgoing: Option<Outgoing>, extensions: &Extensions) -> Promised {
    let reported = || reported_copies(extensions).cloned().map(Promised::Reported);
    outgoing
        .map(Promised::By)
        .or_else(reported)
        .unwrap_or(Promised::Nothing)
}

/// Removes the token where it is alone; a second one is left to be refused.
fn remove_one(headers: &mut HeaderMap) {
    if headers.get_all(TOKEN_FIELD).iter().count() == 1 {
        headers.remove(TOKEN_FIELD);
    }
}

/// Writes a replaced context.
pub(super) fn finish<B>(
    config: &Config,
    replaced: &Replaced,
    request: &mut Request<B>,
) -> Result<(), Refused> {
    write_context(
        config,
        replaced.token(),
        replaced.context(),
        request.headers_mut(),
    )
    .map_err(|refusal| refuse(config, refusal))
}

pub(super) fn refuse(config: &Config, refusal: Refusal) -> Refused {
    let refused = Refused::new(refusal, Position::Inside);
    config.observe.observe(&Event::Refused {
        refused: &refused,
        verified: None,
    });
    refused
}

/// Replaces tokens before they expire, once for all calls that carry the same one.
pub(super) struct Renewal {
    tokens: Arc<dyn Tokens>,
    before: Duration,
    under_way: Mutex<UnderWay>,
}

#[derive(Default)]
struct UnderWay {
    /// By token, the replacement of it that is there or under way.
    by_token: HashMap<Bytes, Shared>,
    /// When it was last cleared of tokens that expired.
    cleared_at: Timestamp,
}

struct Shared {
    /// When the token expires that is replaced: nobody asks for it from then on.
    expires_at: Timestamp,
    flight: Flight,
}

/// An exchange: `None` until it has landed.
type Flight = watch::Receiver<Option<Result<Replaced, Refusal>>>;

/// How long an exchange that calls share may take.
const EXCHANGE_LIMIT: Duration = Duration::from_secs(30);

/// How many tokens may be under renewal at once before calls stop sharing.
const MAX_SHARED: usize = 4096;

impl Renewal {
    pub(super) fn new(tokens: impl Tokens, before: Duration) -> Self {
        Self {
            tokens: Arc::new(tokens),
            before,
            under_way: Mutex::default(),
        }
    }

    /// The replacement of `parent`'s token. Whoever comes first starts the exchange, and all who
    /// wait for it get its outcome; a failure is not kept.
    pub(super) async fn renew(
        self: &Arc<Self>,
        parent: &Admitted,
        clock: &Arc<dyn Clock>,
    ) -> Result<Replaced, Refusal> {
        match self.flight(parent, clock) {
            Some(flight) => land(flight).await,
            None => self.replace(parent, &**clock).await,
        }
    }

    async fn replace(&self, parent: &Admitted, clock: &dyn Clock) -> Result<Replaced, Refusal> {
        let replacing: ReplaceFuture = self.tokens.replace(parent, Replacement::renewed());
        let replaced = replacing.await?;
        // Whoever replaces a token is not believed either.
        replaced.check(parent)?;
        // The wait may have been long.
        replaced.check_alive(clock.now())?;
        Ok(replaced)
    }

    /// The exchange that is shared; none where there is no room to share, or no runtime to start
    /// one in: such a call asks by itself.
    fn flight(self: &Arc<Self>, parent: &Admitted, clock: &Arc<dyn Clock>) -> Option<Flight> {
        let now = clock.now();
        let mut under_way = self.lock();
        let UnderWay {
            by_token,
            cleared_at,
        } = &mut *under_way;
        if let Some(shared) = by_token.get(parent.token()) {
            if is_usable(&shared.flight, now) {
                return Some(shared.flight.clone());
            }
            by_token.remove(parent.token());
        }
        if by_token.len() >= MAX_SHARED && *cleared_at < now {
            by_token.retain(|_, shared| shared.expires_at > now);
            *cleared_at = now;
        }
        if by_token.len() >= MAX_SHARED {
            return None;
        }
        let runtime = Handle::try_current().ok()?;
        let (sender, flight) = watch::channel(None);
        let shared = Shared {
            expires_at: parent.lifetime().expires_at,
            flight: flight.clone(),
        };
        by_token.insert(parent.token().clone(), shared);
        drop(under_way);
        let landing = Landing {
            renewal: Arc::clone(self),
            parent: parent.clone(),
            outcome: Err(abandoned()),
            sender,
        };
        // A task of its own: no call owns the exchange, so none can hold it up for the others.
        runtime.spawn(fly(landing, Arc::clone(clock)));
        Some(flight)
    }

    fn lock(&self) -> MutexGuard<'_, UnderWay> {
        self.under_way
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether an exchange is under way, or brought what can still be sent.
fn is_usable(flight: &Flight, now: Timestamp) -> bool {
    match &*flight.borrow() {
        // A replacement may die before the token it replaces.
        Some(Ok(replaced)) => replaced.check_alive(now).is_ok(),
        Some(Err(_)) => false,
        None => true,
    }
}

/// The task of one exchange. It ends, so that a service that never answers holds up those who wait
/// for it, and not whoever comes later.
async fn fly(mut landing: Landing, clock: Arc<dyn Clock>) {
    let replacing = landing.renewal.replace(&landing.parent, &*clock);
    landing.outcome = match tokio::time::timeout(EXCHANGE_LIMIT, replacing).await {
        Ok(outcome) => outcome,
        Err(_) => {
            Err(Refusal::new(Reason::ExchangeUnavailable).because("there was no answer in time"))
        }
    };
}

async fn land(mut flight: Flight) -> Result<Replaced, Refusal> {
    match flight.wait_for(Option::is_some).await {
        Ok(outcome) => outcome.clone().unwrap_or_else(|| Err(abandoned())),
        Err(_) => Err(abandoned()),
    }
}

fn abandoned() -> Refusal {
    Refusal::new(Reason::ExchangeUnavailable).because("the exchange was abandoned")
}

/// Ends an exchange on every path: outcome, panic, runtime shut down.
struct Landing {
    renewal: Arc<Renewal>,
    parent: Admitted,
    outcome: Result<Replaced, Refusal>,
    sender: watch::Sender<Option<Result<Replaced, Refusal>>>,
}

impl Drop for Landing {
    fn drop(&mut self) {
        if self.outcome.is_err() {
            let mut under_way = self.renewal.lock();
            // Nobody replaces an exchange under way, so what is there is this one, unless it was
            // cleared with its token, which nobody asks for any more.
            under_way.by_token.remove(self.parent.token());
        }
        // Last, so that whoever wakes up finds the failure gone.
        let outcome = mem::replace(&mut self.outcome, Err(abandoned()));
        self.sender.send_replace(Some(outcome));
    }
}

impl<S: fmt::Debug> fmt::Debug for Carry<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Carry")
            .field("inner", &self.inner)
            .finish_non_exhaustive()
    }
}
