//! The body of a response: the inner service's, or that of a refusal.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use crate::carrier::Owned;

pin_project! {
    /// The body of a response: the inner service's, or a refusal's.
    ///
    /// The inner service's passes through as it is, but for owned fields in its trailers.
    #[derive(Debug)]
    pub struct ResponseBody<B> {
        #[pin]
        kind: Kind<B>,
    }
}

pin_project! {
    #[project = KindProj]
    #[derive(Debug)]
    enum Kind<B> {
        Inner { #[pin] body: B, owned: Option<Arc<Owned>> },
        Refusal { problem: Option<Bytes> },
    }
}

impl<B> ResponseBody<B> {
    pub(crate) fn inner(body: B) -> Self {
        Self {
            kind: Kind::Inner { body, owned: None },
        }
    }

    /// Without what is owned in its trailers (RFC 9110 §6.5): some clients merge them.
    pub(crate) fn stripped(body: B, owned: Arc<Owned>) -> Self {
        Self {
            kind: Kind::Inner {
                body,
                owned: Some(owned),
            },
        }
    }

    /// A whole body: of an answer that a layer gives in the place of the inner service.
    #[must_use]
    pub fn full(bytes: Bytes) -> Self {
        Self::refusal(bytes)
    }

    pub(crate) fn refusal(problem: Bytes) -> Self {
        Self {
            kind: Kind::Refusal {
                // An empty body is none: HTTP/2 ends such a response with its head.
                problem: (!problem.is_empty()).then_some(problem),
            },
        }
    }
}

impl<B: Body<Data = Bytes>> Body for ResponseBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        match self.project().kind.project() {
            KindProj::Inner { body, owned } => {
                let mut frame = ready!(body.poll_frame(cx));
                if let (Some(Ok(frame)), Some(owned)) = (&mut frame, owned)
                    && let Some(trailers) = frame.trailers_mut()
                {
                    owned.strip(trailers);
                }
                Poll::Ready(frame)
            }
            KindProj::Refusal { problem } => Poll::Ready(problem.take().map(Frame::data).map(Ok)),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.kind {
            Kind::Inner { body, .. } => body.is_end_stream(),
            Kind::Refusal { problem } => problem.is_none(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            Kind::Inner { body, .. } => body.size_hint(),
            Kind::Refusal { problem } => {
                SizeHint::with_exact(problem.as_ref().map_or(0, |problem| problem.len() as u64))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::Full;

    use super::*;

    #[test]
    fn an_end_that_is_known_is_told_before_it_is_polled_for() {
        let full = |text: &'static str| Full::new(Bytes::from_static(text.as_bytes()));
        for (text, ends) in [("", true), ("x", false)] {
            assert_eq!(ResponseBody::inner(full(text)).is_end_stream(), ends);
        }
        let mut refusal = ResponseBody::<Full<Bytes>>::refusal(Bytes::from_static(b"x"));
        assert!(!refusal.is_end_stream());
        assert_eq!(refusal.size_hint().exact(), Some(1));
        let mut cx = Context::from_waker(std::task::Waker::noop());
        assert!(Pin::new(&mut refusal).poll_frame(&mut cx).is_ready());
        assert!(refusal.is_end_stream());
        assert_eq!(refusal.size_hint().exact(), Some(0));
    }

    #[test]
    fn a_refusal_in_the_form_of_grpc_has_no_body_at_all() {
        use throughline_core::Reason;
        use throughline_core::reason::Position;

        use crate::protocol::Protocol;
        use crate::refused::Refused;

        for (protocol, ends) in [(Protocol::Grpc, true), (Protocol::Http, false)] {
            let refused = Refused::new(Reason::ContextMissing.into(), Position::Inside);
            let response = refused.over(protocol).to_response();
            let mut body = ResponseBody::<Full<Bytes>>::refusal(response.into_body());
            assert_eq!(body.is_end_stream(), ends, "{protocol:?}");
            let mut cx = Context::from_waker(std::task::Waker::noop());
            let Poll::Ready(frame) = Pin::new(&mut body).poll_frame(&mut cx) else {
                panic!("it waits");
            };
            assert_eq!(frame.is_none(), ends, "{protocol:?}");
        }
    }
}
