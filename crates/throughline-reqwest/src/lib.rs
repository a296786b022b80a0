//! Tenant context for reqwest.
//!
//! reqwest follows redirects by itself, below every layer, and takes only the well-known credential
//! fields out of a request that goes to another host: a context would travel on. So a client that
//! carries contexts needs both halves of this crate:
//!
//! 1. [`ReqwestService`] makes a [`reqwest::Client`] a service over `http`, for
//!    [`CarryLayer`](throughline::CarryLayer).
//! 2. [`stay_inside`] is a redirect policy that follows within the trust domain and stops at its
//!    border: the caller gets the 3xx response, and nothing of ours reaches the other host.
//!
//! ```
//! use reqwest::Client;
//! use throughline::{CarryLayer, Destinations, InContext, TenantContext};
//! use throughline_reqwest::{ReqwestService, stay_inside};
//! use tower::{Layer, ServiceExt};
//!
//! # async fn example(cx: TenantContext) -> Result<(), Box<dyn std::error::Error>> {
//! let inside = ["billing.internal", "*.svc.internal"];
//! let client = Client::builder().redirect(stay_inside(Destinations::new(inside)?)).build()?;
//! let client = CarryLayer::builder(inside).build()?.layer(ReqwestService::new(client));
//!
//! let call = http::Request::get("http://billing.internal/invoices").in_context(&cx).body("")?;
//! let response = client.oneshot(call).await?;
//! # Ok(())
//! # }
//! ```

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::{Request, Response, Uri};
use pin_project_lite::pin_project;
use reqwest::redirect::Policy;
use reqwest::{Body, Client};
use throughline::Destinations;
use tower_service::Service;

/// The most redirects that are followed, as with reqwest's own policy.
const MAX_REDIRECTS: usize = 10;

/// A redirect policy that follows only from inside of `destinations` to inside, at most 10 times,
/// and otherwise hands the 3xx response to the caller.
#[must_use]
pub fn stay_inside(destinations: Destinations) -> Policy {
    Policy::custom(move |attempt| {
        let inside = |url: &reqwest::Url| {
            url.as_str()
                .parse::<Uri>()
                .is_ok_and(|uri| destinations.contains(&uri))
        };
        let stays = inside(attempt.url()) && attempt.previous().iter().all(inside);
        if stays && attempt.previous().len() <= MAX_REDIRECTS {
            attempt.follow()
        } else {
            attempt.stop()
        }
    })
}

/// A [`reqwest::Client`] as a service over `http` types.
#[derive(Clone, Debug)]
pub struct ReqwestService(Client);

impl ReqwestService {
    /// Wraps a client. Build it with [`stay_inside`] as its redirect policy, or with none.
    #[must_use]
    pub fn new(client: Client) -> Self {
        Self(client)
    }
}

impl<B: Into<Body>> Service<Request<B>> for ReqwestService {
    type Response = Response<Body>;
    type Error = reqwest::Error;
    type Future = ResponseFuture;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), reqwest::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> ResponseFuture {
        ResponseFuture {
            state: match reqwest::Request::try_from(request) {
                Ok(request) => State::Sent {
                    future: self.0.call(request),
                },
                Err(error) => State::Unusable { error: Some(error) },
            },
        }
    }
}

pin_project! {
    /// The response of the client.
    pub struct ResponseFuture {
        #[pin]
        state: State,
    }
}

pin_project! {
    #[project = StateProj]
    enum State {
        Sent { #[pin] future: <Client as Service<reqwest::Request>>::Future },
        Unusable { error: Option<reqwest::Error> },
    }
}

impl Future for ResponseFuture {
    type Output = Result<Response<Body>, reqwest::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().state.project() {
            StateProj::Sent { future } => Poll::Ready(ready!(future.poll(cx)).map(Response::from)),
            StateProj::Unusable { error } => match error.take() {
                Some(error) => Poll::Ready(Err(error)),
                // Polled after it was done, which a future may answer as it likes.
                None => Poll::Pending,
            },
        }
    }
}

impl fmt::Debug for ResponseFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
