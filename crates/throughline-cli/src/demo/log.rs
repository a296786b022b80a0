//! What services report of the calls they handled: in their answers, in a log that shows whether a
//! handler ran at all, and in lines for a person.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use http::header::{AUTHORIZATION, COOKIE};
use http::{HeaderMap, HeaderName, HeaderValue};
use serde::{Deserialize, Serialize};
use throughline_core::time::Timestamp;
use throughline_core::{Admitted, Context};
use tracing::level_filters::LevelFilter;

use super::edge::SESSION_COOKIE;
use super::net::Failure;
use super::proxy::ORDERS_FIELD;

/// Names a call in the log. It is the demo's own thread through the services, and no identity.
pub(super) const CALL_FIELD: &str = "x-demo-call";

/// Writes every line of this process down to `level` to standard error: ours, and those of hyper,
/// h2 and tonic below.
pub(super) fn to_stderr(level: LevelFilter) -> Result<(), Failure> {
    tracing_subscriber::fmt()
        .with_max_level(level)
        .with_ansi(false)
        .with_writer(std::io::stderr)
        .try_init()
}

/// What one service saw when it handled a call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Hop {
    pub(super) service: String,
    pub(super) tenant: Option<String>,
    /// The alias of the identity provider: with tenant and subject, the principal.
    pub(super) idp: Option<String>,
    pub(super) subject: Option<String>,
    /// The kind of work that the context stands for.
    pub(super) kind: Option<String>,
    /// Who acts for the principal, nearest first, each as kind and principal.
    pub(super) actors: Vec<String>,
    pub(super) txn: Option<String>,
    pub(super) verdict: String,
    /// When the token that arrived ends; it stays in the log.
    #[serde(skip)]
    pub(super) expires_at: Option<Timestamp>,
    /// The attributes that arrived, each with its source; they stay in the log.
    #[serde(skip)]
    pub(super) attributes: Vec<(String, String)>,
}

impl Hop {
    pub(super) fn of(service: &str, context: &Admitted) -> Self {
        let context: &Context = context;
        let principal = context.principal();
        let actors = context.actors().into_iter();
        let attributes = context.attributes().iter();
        Self {
            service: service.into(),
            tenant: context.tenant().map(ToString::to_string),
            idp: Some(principal.provider().into()),
            subject: Some(principal.subject().into()),
            kind: Some(context.kind().to_string()),
            actors: actors
                .map(|actor| format!("{} {}", actor.kind(), actor.principal()))
                .collect(),
            txn: Some(context.transaction().into()),
            verdict: "accepted".into(),
            expires_at: Some(context.lifetime().expires_at),
            attributes: attributes
                .map(|(name, attribute)| (name.to_string(), attribute.source().to_owned()))
                .collect(),
        }
    }

    /// A call that was served without a context, where none is required.
    pub(super) fn anonymous(service: &str) -> Self {
        Self::without_context(service, "anonymous")
    }

    /// A call to somebody who must see no context at all.
    pub(super) fn outside(service: &str) -> Self {
        Self::without_context(service, "outside")
    }

    fn without_context(service: &str, verdict: &str) -> Self {
        Self {
            service: service.into(),
            tenant: None,
            idp: None,
            subject: None,
            kind: None,
            actors: Vec::new(),
            txn: None,
            verdict: verdict.into(),
            expires_at: None,
            attributes: Vec::new(),
        }
    }
}

/// The answer of every service of the demo.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Answer {
    pub(super) hops: Vec<Hop>,
}

/// A handler ran.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub(super) hop: Hop,
    /// The fields that reached the handler and name a tenant to somebody, with their values.
    /// Outside of the domain, all fields.
    pub(super) fields: Vec<(String, String)>,
}

/// Which handlers ran, by call.
#[derive(Clone, Debug, Default)]
pub(super) struct Log(Arc<Mutex<HashMap<String, Vec<Seen>>>>);

impl Log {
    /// Notes that a handler runs.
    pub(super) fn note(&self, headers: &HeaderMap, hop: &Hop) {
        let Some(call) = headers.get(CALL_FIELD) else {
            return;
        };
        let call = String::from_utf8_lossy(call.as_bytes()).into_owned();
        tracing::debug!(
            call,
            service = hop.service,
            tenant.id = hop.tenant,
            "handler runs"
        );
        let seen = Seen {
            hop: hop.clone(),
            fields: match hop.verdict.as_str() {
                "outside" => texts(headers.iter()),
                _ => of_us(headers),
            },
        };
        self.lock().entry(call).or_default().push(seen);
    }

    /// The handlers that ran for `call`.
    pub(super) fn take(&self, call: &str) -> Vec<Seen> {
        self.lock().remove(call).unwrap_or_default()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, Vec<Seen>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The fields that are ours, or pass for ours on some hop, the baggage, and credentials that only
/// the edge may see.
pub(super) fn of_us(headers: &HeaderMap) -> Vec<(String, String)> {
    let fields = headers.iter();
    texts(fields.filter(|(name, value)| speaks_of_us(name.as_str()) || is_credential(name, value)))
}

fn is_credential(name: &HeaderName, value: &HeaderValue) -> bool {
    let session = format!("{SESSION_COOKIE}=");
    *name == AUTHORIZATION
        || *name == COOKIE && String::from_utf8_lossy(value.as_bytes()).contains(&session)
}

fn texts<'h>(
    fields: impl Iterator<Item = (&'h HeaderName, &'h HeaderValue)>,
) -> Vec<(String, String)> {
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    fields
        .map(|(name, value)| (name.as_str().into(), text(value)))
        .collect()
}

fn speaks_of_us(name: &str) -> bool {
    let name = name.replace(['_', '.'], "-");
    name == "baggage" || name.starts_with("txn-token") || name.starts_with("x-tenant")
}

/// Hands on what the demo itself puts into a request: its name in the log, and what the proxy is to
/// do with it.
pub(super) fn pass_on(from: &HeaderMap, to: &mut HeaderMap) {
    for name in [CALL_FIELD, ORDERS_FIELD] {
        if let Some(value) = from.get(name) {
            to.insert(name, value.clone());
        }
    }
}
