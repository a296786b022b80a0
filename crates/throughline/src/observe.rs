//! Hooks: what a hop decided, for logs, spans and metrics.

use throughline_core::reason::Fault;
use throughline_core::{Admitted, Verified};
use tracing::Span;

use crate::refused::Refused;

/// What a hop decided.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event<'e> {
    /// The call is let through with this context.
    Accepted(&'e Admitted),
    /// The call is refused.
    Refused {
        /// Why.
        refused: &'e Refused,
        /// The context, where it was verified before it was refused: its tenant is genuine.
        verified: Option<&'e Verified>,
    },
    /// The call is let through, and would have been refused.
    Reported {
        /// Why.
        refused: &'e Refused,
        /// The context, as above.
        verified: Option<&'e Verified>,
    },
}

/// Sees what a hop decided. It cannot change it.
///
/// Closures implement it, `()` sees nothing, and [`DefaultObserve`] writes to `tracing`.
///
/// ```
/// use std::sync::atomic::{AtomicU64, Ordering};
/// use throughline::observe::{Event, Observe};
///
/// static REFUSED: AtomicU64 = AtomicU64::new(0);
/// let count = |event: &Event<'_>| {
///     if let Event::Refused { .. } = event {
///         REFUSED.fetch_add(1, Ordering::Relaxed);
///     }
/// };
/// # fn assert(_: impl Observe) {}
/// # assert(count);
/// # assert(());
/// ```
pub trait Observe: Send + Sync + 'static {
    /// Sees one decision, on the task that handles the request and before the inner service runs.
    fn observe(&self, event: &Event<'_>);
}

impl<F> Observe for F
where
    F: Fn(&Event<'_>) + Send + Sync + 'static,
{
    fn observe(&self, event: &Event<'_>) {
        self(event);
    }
}

/// Sees nothing.
impl Observe for () {
    fn observe(&self, _: &Event<'_>) {}
}

/// Writes to `tracing`: records the verified tenant in the current span's field `tenant.id` and
/// the state in `throughline.state`, where the span declares them, and writes one event for each
/// refusal, with its id.
///
/// Refusals that are the fault of a caller or a sender are warnings; those of an issuer, of this
/// configuration or of a dependency are errors. An acceptance is no event.
#[derive(Clone, Copy, Debug, Default)]
pub struct DefaultObserve;

impl Observe for DefaultObserve {
    fn observe(&self, event: &Event<'_>) {
        match event {
            Event::Accepted(context) => {
                let span = Span::current();
                // Asked first, as recording formats the value even where nobody listens.
                if !span.is_disabled() {
                    record(
                        &span,
                        "verified",
                        context.tenant().map(|tenant| tenant.as_str()),
                    );
                }
            }
            Event::Refused { refused, verified } => {
                write(refused, *verified, "rejected", "call refused");
            }
            Event::Reported { refused, verified } => {
                write(
                    refused,
                    *verified,
                    "reported",
                    "call would have been refused",
                );
            }
        }
    }
}

fn record(span: &Span, state: &str, tenant: Option<&str>) {
    if let Some(tenant) = tenant {
        span.record("tenant.id", tenant);
    }
    span.record("throughline.state", state);
}

fn write(refused: &Refused, verified: Option<&Verified>, state: &str, what: &'static str) {
    let tenant = verified
        .and_then(|verified| verified.tenant())
        .map(|tenant| tenant.as_str());
    let reason = refused.reason();
    let span = Span::current();
    record(&span, state, tenant);
    span.record("error.type", reason.code());
    macro_rules! event {
        ($level:ident) => {
            tracing::$level!(
                target: "throughline",
                id = %refused.id(),
                reason = reason.code(),
                fault = reason.fault().as_str(),
                tenant.id = tenant,
                detail = %refused,
                "{what}"
            )
        };
    }
    match reason.fault() {
        Fault::Caller | Fault::Sender => event!(warn),
        Fault::Configuration | Fault::Dependency | Fault::Issuer => event!(error),
    }
}
