//! The service: reads the body, then decides.

use std::error::Error;
use std::fmt;
use std::mem;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Extensions, Request, Response};
use http_body::Body;
use throughline_core::Refusal;
use tower_service::Service;

use super::buffered::BufferedBody;
use super::decide::check_head;
use super::future::ResponseFuture;
use super::layer::Config;
use crate::body::ResponseBody;
use crate::context::{admitted, position, protocol};
use crate::observe::Event;
use crate::refused::Refused;

/// Lets a request through whose body agrees with its context. See the [module](super).
#[derive(Clone)]
pub struct BodyWitness<S> {
    inner: S,
    config: Arc<Config>,
}

impl<S> BodyWitness<S> {
    pub(super) fn new(inner: S, config: Arc<Config>) -> Self {
        Self { inner, config }
    }

    inner_service!();
}

impl<S, B, R> Service<Request<B>> for BodyWitness<S>
where
    S: Service<Request<BufferedBody>, Response = Response<R>> + Clone,
    B: Body<Data = Bytes>,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
    R: Body<Data = Bytes>,
{
    type Response = Response<ResponseBody<R>>;
    type Error = S::Error;
    type Future = ResponseFuture<S, B>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let context = admitted(request.extensions()).cloned();
        let head = context.and_then(|context| {
            check_head(request.headers())
                .map_err(|refusal| refuse(refusal, request.extensions()))?;
            Ok(context)
        });
        match head {
            Ok(context) => {
                // The instance that was polled ready is the one that is called, once the body is
                // there.
                let clone = self.inner.clone();
                let ready = mem::replace(&mut self.inner, clone);
                ResponseFuture::reading(ready, request, context, Arc::clone(&self.config))
            }
            Err(refused) => {
                self.config.observe.observe(&Event::Refused {
                    refused: &refused,
                    verified: None,
                });
                ResponseFuture::refused(&refused)
            }
        }
    }
}

/// In the place and the protocol that the `Accept` in front found.
pub(super) fn refuse(refusal: Refusal, extensions: &Extensions) -> Refused {
    Refused::new(refusal, position(extensions)).over(protocol(extensions))
}

impl<S: fmt::Debug> fmt::Debug for BodyWitness<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BodyWitness")
            .field("inner", &self.inner)
            .finish_non_exhaustive()
    }
}
