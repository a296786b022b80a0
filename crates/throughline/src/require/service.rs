//! The service: plumbing around [`Requirement::check`](throughline_core::hop::Requirement::check).

use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use tower_service::Service;

use super::future::ResponseFuture;
use super::layer::Config;
use crate::body::ResponseBody;
use crate::context::{Installed, Outcome, admitted, position, protocol};
use crate::mode::Mode;
use crate::observe::Event;
use crate::refused::{Challenge, Refused};
use crate::request::RequestView;

/// Lets a request through whose admitted context is enough. See the [module](super).
#[derive(Clone)]
pub struct Require<S> {
    inner: S,
    config: Arc<Config>,
}

impl<S> Require<S> {
    pub(super) fn new(inner: S, config: Arc<Config>) -> Self {
        Self { inner, config }
    }

    inner_service!();
}

impl<S, B, R> Service<Request<B>> for Require<S>
where
    S: Service<Request<B>, Response = Response<R>>,
    R: Body<Data = Bytes>,
{
    type Response = Response<ResponseBody<R>>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        if let Err(refused) = decide(&self.config, &RequestView::of(&request)) {
            match self.config.mode {
                Mode::Enforce => {
                    let event = Event::Refused {
                        refused: &refused,
                        verified: None,
                    };
                    self.config.observe.observe(&event);
                    return ResponseFuture::refused(&refused);
                }
                Mode::Report => {
                    let event = Event::Reported {
                        refused: &refused,
                        verified: None,
                    };
                    self.config.observe.observe(&event);
                    report(&mut request, refused);
                }
                Mode::Off => {}
            }
        }
        ResponseFuture::inner(self.inner.call(request))
    }
}

fn decide(config: &Config, request: &RequestView<'_>) -> Result<(), Refused> {
    let context = admitted(request.extensions())?;
    let caller = config.callers.caller(request);
    config
        .requirement
        .check(context, caller.as_ref(), config.clock.now())
        .map_err(|refusal| {
            let requirement = &config.requirement;
            let classes: Vec<_> = requirement.classes().collect();
            let challenge = Challenge {
                scope: (!requirement.scope().is_empty())
                    .then(|| requirement.scope().as_str().into()),
                max_age: requirement.max_age(),
                classes: (!classes.is_empty()).then(|| classes.join(" ").into()),
            };
            Refused::with_challenge(refusal, position(request.extensions()), challenge)
                .over(protocol(request.extensions()))
        })
}

/// The call passes, but nothing behind this may take its context for admitted.
fn report<B>(request: &mut Request<B>, refused: Refused) {
    if let Some(installed) = request.extensions_mut().get_mut::<Installed>() {
        let promised = match &installed.outcome {
            Outcome::Admitted(admitted) => admitted.projections().into(),
            Outcome::Anonymous => Arc::default(),
            Outcome::Reported { promised, .. } => Arc::clone(promised),
        };
        installed.outcome = Outcome::Reported { refused, promised };
    }
}

impl<S: fmt::Debug> fmt::Debug for Require<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Require")
            .field("inner", &self.inner)
            .finish_non_exhaustive()
    }
}
