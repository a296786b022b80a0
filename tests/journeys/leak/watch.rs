//! A log that holds every line, and the span it was written in, against the truth.

use std::fmt;
use std::sync::Arc;

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Dispatch, Event, Subscriber};
use tracing_subscriber::layer::{Context, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::{Layer, Registry};

use super::truth::{Place, Truth};

/// What lines of this test are written under.
pub(crate) const TARGET: &str = "leak";

pub(crate) struct Watch(Arc<Truth>);

impl Watch {
    /// One log for all threads of a run.
    pub(crate) fn over(truth: Arc<Truth>) -> Dispatch {
        Dispatch::new(Registry::default().with(Self(truth)))
    }
}

/// Writes a line.
pub(crate) fn log(request: u64, tenant: &str) {
    tracing::info!(target: TARGET, request, tenant.id = tenant);
}

/// The span that a server opens for a request, before anybody knows whose it is.
pub(crate) fn span(request: u64) -> tracing::Span {
    tracing::info_span!(
        target: TARGET,
        "request",
        request,
        tenant.id = tracing::field::Empty,
        throughline.state = tracing::field::Empty,
    )
}

#[derive(Default)]
struct Said {
    request: Option<u64>,
    tenant: Option<String>,
}

impl Visit for Said {
    fn record_u64(&mut self, field: &Field, value: u64) {
        if field.name() == "request" {
            self.request = Some(value);
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "tenant.id" {
            self.tenant = Some(value.to_owned());
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.record_str(field, &format!("{value:?}"));
    }
}

impl<S: Subscriber + for<'l> LookupSpan<'l>> Layer<S> for Watch {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut said = Said::default();
        attributes.record(&mut said);
        if let Some(span) = context.span(id) {
            span.extensions_mut().insert(said);
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        if let Some(span) = context.span(id)
            && let Some(said) = span.extensions_mut().get_mut::<Said>()
        {
            values.record(said);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        if event.metadata().target() != TARGET {
            return;
        }
        let mut line = Said::default();
        event.record(&mut line);
        let request = line.request.unwrap();
        self.0
            .saw(Place::Log, request, &line.tenant.unwrap_or_default());
        // Every line of this test is written in the span of its request.
        let span = context.event_span(event);
        let own = span.as_ref().map(|span| span.extensions());
        let own = own.as_ref().and_then(|own| own.get::<Said>());
        let tenant = own.and_then(|own| own.tenant.as_deref());
        self.0.saw(Place::Span, request, tenant.unwrap_or_default());
        self.0.check(
            Place::Span,
            own.and_then(|own| own.request) == Some(request),
            || format!("a line of request {request} was written in another one's span"),
        );
    }
}
