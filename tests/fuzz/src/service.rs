//! A service behind `Accept`, called once and without waiting.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

use axum::body::Body;
use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, Request, Response};
use throughline::{AcceptLayer, Refused, admitted};
use tower_layer::Layer as _;
use tower_service::Service;

/// What became of a request.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    /// The handler got a context.
    Admitted {
        tenant: Option<String>,
        token: Bytes,
        headers: HeaderMap,
    },
    /// The handler ran without one.
    Passed { headers: HeaderMap },
    /// It did not run.
    Refused(Refused),
}

impl Answer {
    /// Verdict and tenant, or the reason: what must not depend on chance.
    pub(crate) fn verdict(&self) -> (&'static str, Option<&str>) {
        match self {
            Self::Admitted { tenant, .. } => ("admitted", tenant.as_deref()),
            Self::Passed { .. } => ("passed", None),
            Self::Refused(refused) => (refused.reason().code(), None),
        }
    }
}

/// Remembers the head it was called with.
#[derive(Clone, Default)]
struct Handler(Arc<Mutex<Option<Parts>>>);

impl Service<Request<()>> for Handler {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<()>) -> Self::Future {
        let (head, ()) = request.into_parts();
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(head);
        ready(Ok(Response::new(Body::empty())))
    }
}

/// Sends `request` through `layer`.
pub(crate) fn call(layer: &AcceptLayer, request: Request<()>) -> Answer {
    let handler = Handler::default();
    let mut service = layer.layer(handler.clone());
    // The keys are at hand, so nothing waits.
    let answer = pin!(service.call(request)).poll(&mut Context::from_waker(Waker::noop()));
    let answer = match answer {
        Poll::Ready(Ok(answer)) => Some(answer),
        Poll::Pending => None,
    };
    let answer = answer.expect("a hop does not wait");
    let head = handler
        .0
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .take();
    match (head, answer.extensions().get::<Refused>()) {
        (Some(head), refused) => {
            assert!(refused.is_none(), "refused, and the handler ran");
            match admitted(&head.extensions) {
                Ok(context) => Answer::Admitted {
                    tenant: context.tenant().map(|tenant| tenant.as_str().to_owned()),
                    token: context.token().clone(),
                    headers: head.headers,
                },
                Err(_) => Answer::Passed {
                    headers: head.headers,
                },
            }
        }
        (None, refused) => {
            let refused = refused.expect("a refusal is in the answer");
            assert_eq!(answer.status(), refused.to_response().status());
            Answer::Refused(refused.clone())
        }
    }
}
