//! What services report of the calls they handled: in their answers, and in a log that shows
//! whether a handler ran at all.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use http::HeaderMap;
use serde::{Deserialize, Serialize};
use throughline_core::{Admitted, Context};

/// Names a call in the log. It is the demo's own thread through the services, and no identity.
pub(super) const CALL_FIELD: &str = "x-demo-call";

/// What one service saw when it handled a call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Hop {
    pub(super) service: String,
    pub(super) tenant: String,
    pub(super) subject: String,
    pub(super) txn: String,
    pub(super) verdict: String,
}

impl Hop {
    pub(super) fn of(service: &str, context: &Admitted) -> Self {
        let context: &Context = context;
        Self {
            service: service.into(),
            tenant: context.tenant().map_or("", |tenant| tenant.as_str()).into(),
            subject: context.principal().subject().into(),
            txn: context.transaction().into(),
            verdict: "accepted".into(),
        }
    }

    /// A call that was served without a context, where none is required.
    pub(super) fn anonymous(service: &str) -> Self {
        Self {
            service: service.into(),
            tenant: String::new(),
            subject: String::new(),
            txn: String::new(),
            verdict: "anonymous".into(),
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
        let fields = headers
            .iter()
            .filter(|(name, _)| speaks_of_us(name.as_str()));
        let text = |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into();
        let seen = Seen {
            hop: hop.clone(),
            fields: fields
                .map(|(name, value)| (name.as_str().into(), text(value)))
                .collect(),
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

fn speaks_of_us(name: &str) -> bool {
    let name = name.replace('_', "-");
    name == "baggage" || name == "txn-token" || name.starts_with("x-tenant")
}
