//! The service: plumbing around the decisions.

use std::fmt;
use std::mem;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Request, Response};
use http_body::Body;
use throughline::observe::Event;
use throughline::{Protocol, Refused, RequestView, ResponseBody};
use throughline_core::carrier::TOKEN_FIELD;
use throughline_core::reason::Position;
use throughline_core::{Reason, Refusal};
use tower_service::Service;

use super::decide::{Progress, Step};
use super::future::ResponseFuture;
use super::layer::Config;

/// Turns the credential of a request into an admitted context, or refuses it. See the
/// [module](super).
#[derive(Clone)]
pub struct Authenticate<S> {
    inner: S,
    config: Arc<Config>,
}

impl<S> Authenticate<S> {
    pub(super) fn new(inner: S, config: Arc<Config>) -> Self {
        Self { inner, config }
    }

    /// The inner service.
    pub fn get_ref(&self) -> &S {
        &self.inner
    }

    /// The inner service, to be changed.
    pub fn get_mut(&mut self) -> &mut S {
        &mut self.inner
    }

    /// The inner service, taken out.
    pub fn into_inner(self) -> S {
        self.inner
    }
}

impl<S, B, R> Service<Request<B>> for Authenticate<S>
where
    S: Service<Request<B>, Response = Response<ResponseBody<R>>> + Clone,
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
        if let Some(resource) = &config.resource
            && request.method() == Method::GET
            && RequestView::of(&request).uri().path() == resource.path()
        {
            return ResponseFuture::answered(resource.to_response());
        }
        strip_foreign(config, &mut request);
        let view = RequestView::of(&request);
        let begun = Progress::begin(config, &view).and_then(|progress| {
            let Some(mut progress) = progress else {
                return Ok(None);
            };
            let step = progress.advance(config, &view, config.domain.now())?;
            Ok(Some((progress, step)))
        });
        match begun {
            Ok(None) => ResponseFuture::inner(self.inner.call(request), Arc::clone(config)),
            Ok(Some((_, Step::Minted(token)))) => match install(config, &mut request, &token) {
                Ok(()) => ResponseFuture::inner(self.inner.call(request), Arc::clone(config)),
                Err(refused) => ResponseFuture::refused(&refused, config),
            },
            Ok(Some((progress, Step::Wait(wait)))) => {
                // The instance that was polled ready is the one that is called, so it goes along.
                let clone = self.inner.clone();
                let ready = mem::replace(&mut self.inner, clone);
                ResponseFuture::waiting(wait, progress, ready, request, Arc::clone(config))
            }
            Err(refusal) => {
                let refused = refuse(config, &request, refusal);
                ResponseFuture::refused(&refused, config)
            }
        }
    }
}

/// Step 1: a context from outside, look-alikes included.
fn strip_foreign<B>(config: &Config, request: &mut Request<B>) {
    let is_foreign = |name: &&HeaderName| config.foreign.owns(name.as_str());
    while let Some(name) = request.headers().keys().find(is_foreign).cloned() {
        request.headers_mut().remove(name);
    }
}

/// Puts the minted context in the place of the credential.
pub(super) fn install<B>(
    config: &Config,
    request: &mut Request<B>,
    token: &Bytes,
) -> Result<(), Refused> {
    if !config.keeps_credential {
        for source in &config.credentials {
            source.remove(request.headers_mut());
        }
    }
    let value = HeaderValue::from_maybe_shared(token.clone());
    let installed = value.is_ok_and(|mut value| {
        value.set_sensitive(true);
        let field = HeaderName::from_static(TOKEN_FIELD);
        // `insert` would panic in a map that is full.
        request.headers_mut().try_insert(field, value).is_ok()
    });
    if installed {
        return Ok(());
    }
    let refusal = Refusal::new(Reason::ContextTruncated)
        .because("the minted context was not taken by the request");
    Err(refuse(config, request, refusal))
}

pub(super) fn refuse<B>(config: &Config, request: &Request<B>, refusal: Refusal) -> Refused {
    let protocol = Protocol::of_request(request);
    let refused = Refused::new(refusal, Position::Edge).over(protocol);
    config.observe.observe(&Event::Refused {
        refused: &refused,
        verified: None,
    });
    refused
}

impl<S: fmt::Debug> fmt::Debug for Authenticate<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authenticate")
            .field("inner", &self.inner)
            .finish_non_exhaustive()
    }
}
