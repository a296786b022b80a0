//! Streams that run in a context.

use std::fmt;
use std::pin::Pin;
use std::task::{Context as TaskContext, Poll, ready};

use futures_core::Stream;
use pin_project_lite::pin_project;
use throughline_core::Refusal;
use throughline_jose::TrustDomain;

use super::CURRENT;
use crate::context::TenantContext;

pin_project! {
    /// A stream that is polled in a context.
    pub struct ScopedStream<S> {
        context: TenantContext,
        #[pin]
        stream: S,
    }
}

impl<S> ScopedStream<S> {
    pub(super) fn new(context: TenantContext, stream: S) -> Self {
        Self { context, stream }
    }
}

impl<S: Stream> Stream for ScopedStream<S> {
    type Item = S::Item;

    fn poll_next(self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Option<S::Item>> {
        let this = self.project();
        CURRENT.sync_scope(this.context.clone(), || this.stream.poll_next(cx))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.stream.size_hint()
    }
}

impl<S> fmt::Debug for ScopedStream<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScopedStream").finish_non_exhaustive()
    }
}

pin_project! {
    /// A stream that ends when its context is no longer true.
    pub struct Guarded<S> {
        #[pin]
        stream: ScopedStream<S>,
        domain: TrustDomain,
        ended: bool,
    }
}

impl<S> Guarded<S> {
    pub(super) fn new(context: TenantContext, domain: TrustDomain, stream: S) -> Self {
        Self {
            stream: ScopedStream::new(context, stream),
            domain,
            ended: false,
        }
    }
}

impl<S: Stream> Stream for Guarded<S> {
    type Item = Result<S::Item, Refusal>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Option<Self::Item>> {
        let this = self.project();
        if *this.ended {
            return Poll::Ready(None);
        }
        // Asked again once the item is there: it may have been a long wait.
        let context = this.stream.context.clone();
        let item = match context.guard(this.domain) {
            Ok(()) => ready!(this.stream.poll_next(cx)),
            Err(refusal) => {
                *this.ended = true;
                return Poll::Ready(Some(Err(refusal)));
            }
        };
        match (item, context.guard(this.domain)) {
            (None, _) => {
                *this.ended = true;
                Poll::Ready(None)
            }
            (Some(item), Ok(())) => Poll::Ready(Some(Ok(item))),
            (Some(_), Err(refusal)) => {
                *this.ended = true;
                Poll::Ready(Some(Err(refusal)))
            }
        }
    }
}

impl<S> fmt::Debug for Guarded<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guarded").finish_non_exhaustive()
    }
}
