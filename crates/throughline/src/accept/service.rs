//! The service: plumbing around the decision.

use std::fmt;
use std::mem;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{HeaderValue, Request, Response};
use http_body::Body;
use throughline_core::time::Timestamp;
use tower_service::Service;

use super::decide::{Decision, decide, waits_for_keys};
use super::future::ResponseFuture;
use super::layer::Config;
use crate::body::ResponseBody;
use crate::carry::drop_given;
use crate::context::{Installed, Outcome};
use crate::observe::Event;
use crate::protocol::Protocol;
use crate::refused::Refused;
use crate::request::RequestView;

/// Lets a request through with an admitted context, or refuses it. See the [module](super).
#[derive(Clone)]
pub struct Accept<S> {
    inner: S,
    config: Arc<Config>,
}

impl<S> Accept<S> {
    pub(super) fn new(inner: S, config: Arc<Config>) -> Self {
        Self { inner, config }
    }

    inner_service!();
}

impl<S, B, R> Service<Request<B>> for Accept<S>
where
    S: Service<Request<B>, Response = Response<R>> + Clone,
    R: Body<Data = Bytes>,
{
    type Response = Response<ResponseBody<R>>;
    type Error = S::Error;
    type Future = ResponseFuture<S, B>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let config = &self.config;
        let decision = decide(config, &RequestView::of(&request), config.domain.now());
        if let Some(refusal) = waits_for_keys(&decision)
            && let Some(wait) = config.domain.keys_wait(refusal)
        {
            // The instance that was polled ready is the one that is called, so it goes along.
            let clone = self.inner.clone();
            let ready = mem::replace(&mut self.inner, clone);
            return ResponseFuture::waiting(wait, ready, request, Arc::clone(config));
        }
        match settle(config, decision, &mut request) {
            Ok(()) => ResponseFuture::inner(self.inner.call(request), Arc::clone(&config.owned)),
            Err(refused) => ResponseFuture::refused(&refused),
        }
    }
}

/// Decides anew after a wait for keys; whatever comes out now is final.
pub(super) fn decide_finally<B>(
    config: &Config,
    request: &mut Request<B>,
    now: Timestamp,
) -> Result<(), Refused> {
    let decision = decide(config, &RequestView::of(request), now);
    settle(config, decision, request)
}

/// Carries a decision out: strips, installs, and tells the observer.
fn settle<B>(config: &Config, decision: Decision, request: &mut Request<B>) -> Result<(), Refused> {
    let protocol = Protocol::of_request(request);
    let outcome = match decision {
        Decision::Admit(admitted) => {
            config.observe.observe(&Event::Accepted(&admitted));
            Outcome::Admitted(admitted)
        }
        Decision::Anonymous => Outcome::Anonymous,
        Decision::Report(refusal, verified) => {
            let refused = Refused::new(refusal, config.position).over(protocol);
            config.observe.observe(&Event::Reported {
                refused: &refused,
                verified: Some(&verified),
            });
            Outcome::Reported {
                refused,
                promised: verified.projections().into(),
            }
        }
        Decision::Refuse(refusal, verified) => {
            let refused = Refused::new(refusal, config.position).over(protocol);
            config.observe.observe(&Event::Refused {
                refused: &refused,
                verified: verified.as_ref(),
            });
            return Err(refused);
        }
    };
    config.owned.strip(request.headers_mut());
    if let (Some(field), Outcome::Admitted(admitted)) = (&config.legacy_header, &outcome)
        && let Some(tenant) = admitted.tenant()
        && let Ok(value) = HeaderValue::from_str(tenant.as_str())
    {
        // `insert` would panic in a map that is full.
        let _ = request.headers_mut().try_insert(field, value);
    }
    // Of a caller in this process: what the handler sends is its own.
    drop_given(request.extensions_mut());
    request.extensions_mut().insert(Installed {
        outcome,
        position: config.position,
        protocol,
        observe: Arc::clone(&config.observe),
    });
    Ok(())
}

impl<S: fmt::Debug> fmt::Debug for Accept<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Accept")
            .field("inner", &self.inner)
            .finish_non_exhaustive()
    }
}
