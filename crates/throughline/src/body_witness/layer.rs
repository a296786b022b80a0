//! The layer and its builder.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use throughline_core::Place;
use throughline_core::witness::{About, ResolveAlias, WitnessRule};
use tower_layer::Layer;

use super::service::BodyWitness;
use crate::error::ConfigError;
use crate::observe::{DefaultObserve, Observe};

/// Puts [`BodyWitness`] in front of a service. See the [module](super).
#[derive(Clone, Debug)]
pub struct BodyWitnessLayer {
    config: Arc<Config>,
}

impl BodyWitnessLayer {
    /// Starts a layer without fields.
    pub fn builder() -> BodyWitnessBuilder {
        BodyWitnessBuilder {
            config: Config {
                fields: Vec::new(),
                max_bytes: BodyWitnessBuilder::DEFAULT_MAX_BYTES,
                deadline: BodyWitnessBuilder::DEFAULT_DEADLINE,
                observe: Arc::new(DefaultObserve),
            },
            problems: Vec::new(),
        }
    }
}

impl<S> Layer<S> for BodyWitnessLayer {
    type Service = BodyWitness<S>;

    fn layer(&self, inner: S) -> BodyWitness<S> {
        BodyWitness::new(inner, Arc::clone(&self.config))
    }
}

pub(super) struct Config {
    pub(super) fields: Vec<Field>,
    pub(super) max_bytes: usize,
    pub(super) deadline: Duration,
    pub(super) observe: Arc<dyn Observe>,
}

impl std::fmt::Debug for Config {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Config")
            .field("fields", &self.fields)
            .field("max_bytes", &self.max_bytes)
            .field("deadline", &self.deadline)
            .finish_non_exhaustive()
    }
}

/// A field that must agree: its rule and its JSON Pointer (RFC 6901).
#[derive(Debug)]
pub(super) struct Field {
    pub(super) rule: WitnessRule,
    pub(super) pointer: Box<str>,
}

/// Builds a [`BodyWitnessLayer`].
#[derive(Debug)]
#[must_use = "a builder does nothing until it is built"]
pub struct BodyWitnessBuilder {
    config: Config,
    problems: Vec<String>,
}

impl BodyWitnessBuilder {
    /// How much of a body is buffered by default: 256 KiB.
    pub const DEFAULT_MAX_BYTES: usize = 256 * 1024;
    /// How long a body may take by default: 10 seconds.
    pub const DEFAULT_DEADLINE: Duration = Duration::from_secs(10);

    /// Adds a field that names the tenant, by JSON Pointer (`/order/tenant_id`). Required.
    pub fn add_tenant_field(self, pointer: &str) -> Self {
        self.add(About::Tenant, pointer, |rule| rule)
    }

    /// Adds a field that names the tenant and may be absent.
    pub fn add_optional_tenant_field(self, pointer: &str) -> Self {
        self.add(About::Tenant, pointer, WitnessRule::optional)
    }

    /// Adds a field that names the tenant by a name that `alias` knows.
    pub fn add_aliased_tenant_field(self, pointer: &str, alias: impl ResolveAlias) -> Self {
        self.add(About::Tenant, pointer, |rule| rule.with_alias(alias))
    }

    /// Adds a field that names the principal's subject. Required.
    pub fn add_subject_field(self, pointer: &str) -> Self {
        self.add(About::Subject, pointer, |rule| rule)
    }

    fn add(
        mut self,
        about: About,
        pointer: &str,
        change: impl FnOnce(WitnessRule) -> WitnessRule,
    ) -> Self {
        // RFC 6901 §3: `~` begins an escape.
        let is_escaped = pointer
            .split('~')
            .skip(1)
            .all(|after| after.starts_with(['0', '1']));
        if !pointer.starts_with('/') || pointer.len() == 1 || !is_escaped {
            self.problems.push(format!(
                "body field `{pointer}` is no json pointer to a member, expected as in \
                 `/order/tenant_id`"
            ));
        }
        let rule = WitnessRule::new(about, Place::new("body field", pointer.to_owned()));
        self.config.fields.push(Field {
            rule: change(rule),
            pointer: pointer.into(),
        });
        self
    }

    /// Replaces how much of a body is buffered, in bytes. Default:
    /// [`BodyWitnessBuilder::DEFAULT_MAX_BYTES`].
    pub fn with_max_bytes(mut self, bytes: usize) -> Self {
        self.config.max_bytes = bytes;
        self
    }

    /// Replaces how long a body may take to arrive. Default:
    /// [`BodyWitnessBuilder::DEFAULT_DEADLINE`].
    pub fn with_deadline(mut self, deadline: Duration) -> Self {
        self.config.deadline = deadline;
        self
    }

    /// Replaces what sees the refusals. Default: [`DefaultObserve`].
    pub fn with_observe(mut self, observe: impl Observe) -> Self {
        self.config.observe = Arc::new(observe);
        self
    }

    /// Builds the layer.
    ///
    /// # Errors
    ///
    /// A field is no JSON Pointer to a member, is declared twice, or there is none.
    pub fn build(mut self) -> Result<BodyWitnessLayer, ConfigError> {
        if self.config.fields.is_empty() {
            self.problems
                .push("no body field is declared as a witness".into());
        }
        let mut pointers = BTreeSet::new();
        for field in &self.config.fields {
            if !pointers.insert(&*field.pointer) {
                self.problems.push(format!(
                    "{} is declared twice as a witness",
                    field.rule.place()
                ));
            }
        }
        ConfigError::all(self.problems)?;
        Ok(BodyWitnessLayer {
            config: Arc::new(self.config),
        })
    }
}
