//! Requests that are under way together, or begun and dropped.

use std::future::{Future, poll_fn};
use std::task::Poll;

/// Polls several futures at the same time; the outputs stand in their order.
pub(super) async fn together<F: Future>(futures: impl IntoIterator<Item = F>) -> Vec<F::Output> {
    let mut waiting: Vec<_> = futures.into_iter().map(|f| Some(Box::pin(f))).collect();
    let mut done: Vec<_> = waiting.iter().map(|_| None).collect();
    poll_fn(move |cx| {
        for (slot, output) in waiting.iter_mut().zip(&mut done) {
            if let Some(future) = slot
                && let Poll::Ready(value) = future.as_mut().poll(cx)
            {
                *output = Some(value);
                *slot = None;
            }
        }
        if waiting.iter().any(Option::is_some) {
            return Poll::Pending;
        }
        Poll::Ready(done.iter_mut().filter_map(Option::take).collect())
    })
    .await
}

/// Polls a future as often, and drops it.
pub(super) async fn abandoned<F: Future>(future: F, polls: u16) {
    let mut future = Box::pin(future);
    for _ in 0..polls {
        let ready = poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx).is_ready())).await;
        if ready {
            break;
        }
        tokio::task::yield_now().await;
    }
}
