//! The layer and its builder.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use throughline_core::hop::Requirement;
use throughline_core::time::Clock;
use throughline_core::{ActorKind, Caller, Kind};
use throughline_jose::SystemClock;
use tower_layer::Layer;

use super::service::Require;
use crate::error::ConfigError;
use crate::mode::Mode;
use crate::observe::{DefaultObserve, Observe};
use crate::request::RequestView;

/// Knows who is at the other end of a request's connection. Closures implement it.
///
/// The default reads a [`Caller`] from the request's extensions, where whoever terminates mutual
/// TLS puts it. Never take it from a header that a client can set.
pub trait CallerSource: Send + Sync + 'static {
    /// The authenticated workload at the other end, if there is one.
    fn caller(&self, request: &RequestView<'_>) -> Option<Caller>;
}

impl<F> CallerSource for F
where
    F: Fn(&RequestView<'_>) -> Option<Caller> + Send + Sync + 'static,
{
    fn caller(&self, request: &RequestView<'_>) -> Option<Caller> {
        self(request)
    }
}

fn caller_extension(request: &RequestView<'_>) -> Option<Caller> {
    request.extensions().get::<Caller>().cloned()
}

/// Puts [`Require`] in front of a service. See the [module](super).
#[derive(Clone)]
pub struct RequireLayer {
    config: Arc<Config>,
}

impl RequireLayer {
    /// Starts a layer that demands an admitted context and nothing else.
    pub fn builder() -> RequireBuilder {
        RequireBuilder {
            config: Config {
                requirement: Requirement::new(),
                callers: Arc::new(caller_extension),
                mode: Mode::Enforce,
                clock: Arc::new(SystemClock),
                observe: Arc::new(DefaultObserve),
            },
            problems: Vec::new(),
        }
    }
}

impl<S> Layer<S> for RequireLayer {
    type Service = Require<S>;

    fn layer(&self, inner: S) -> Require<S> {
        Require::new(inner, Arc::clone(&self.config))
    }
}

impl fmt::Debug for RequireLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequireLayer")
            .field("config", &self.config)
            .finish()
    }
}

pub(super) struct Config {
    pub(super) requirement: Requirement,
    pub(super) callers: Arc<dyn CallerSource>,
    pub(super) mode: Mode,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) observe: Arc<dyn Observe>,
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("requirement", &self.requirement)
            .field("mode", &self.mode)
            .finish_non_exhaustive()
    }
}

/// Builds a [`RequireLayer`].
#[must_use = "a builder does nothing until it is built"]
pub struct RequireBuilder {
    config: Config,
    problems: Vec<String>,
}

impl RequireBuilder {
    /// Demands a scope token; repeated calls add up. Default: none.
    pub fn scope(mut self, scope: &str) -> Self {
        if scope.is_empty() {
            // It would demand nothing, which nobody asks for on purpose.
            self.problems
                .push("scope is empty, expected a scope token".into());
        }
        match self.config.requirement.clone().add_scope(scope) {
            Ok(requirement) => self.config.requirement = requirement,
            Err(error) => self.problems.push(format!("scope `{scope}`: {error}")),
        }
        self
    }

    /// Allows this workload at the other end of the connection; repeated calls allow several.
    /// Default: any, also none.
    pub fn caller(self, id: &str) -> Self {
        self.change(|requirement| requirement.add_caller(id))
    }

    /// Replaces where the caller is read. Default: a [`Caller`] in the request's extensions.
    pub fn with_caller_source(mut self, source: impl CallerSource) -> Self {
        self.config.callers = Arc::new(source);
        self
    }

    /// Allows this kind of context; repeated calls allow several. Default: every kind.
    pub fn kind(self, kind: Kind) -> Self {
        self.change(|requirement| requirement.add_kind(kind))
    }

    /// Demands that the nearest actor is of this kind. Default: anybody, also nobody.
    pub fn actor(self, kind: ActorKind) -> Self {
        self.change(|requirement| requirement.with_actor(kind))
    }

    /// Demands that the principal acts itself, through nobody.
    pub fn no_actor(self) -> Self {
        self.change(Requirement::without_actor)
    }

    /// Demands that the work is bound to a task.
    pub fn task(self) -> Self {
        self.change(Requirement::with_task)
    }

    /// Demands a task for this purpose.
    pub fn purpose(self, purpose: &str) -> Self {
        self.change(|requirement| requirement.with_purpose(purpose))
    }

    /// Demands that the data scope allows `action` on some data of `kind`; repeated calls add up.
    /// Which data is for the handler to check, with
    /// [`DataScope::permits`](throughline_core::grant::DataScope::permits).
    pub fn data(self, kind: &str, action: &str) -> Self {
        self.change(|requirement| requirement.add_data(kind, action))
    }

    /// Demands an authentication at most this long ago; the challenge says so as `max_age`.
    pub fn authenticated_within(self, age: Duration) -> Self {
        self.change(|requirement| requirement.authenticated_within(age))
    }

    /// Accepts this authentication context class; repeated calls accept several, by preference. The
    /// challenge says so as `acr_values`.
    pub fn class(mut self, class: &str) -> Self {
        if class.is_empty()
            || !class
                .bytes()
                .all(|b| b.is_ascii_graphic() && b != b'"' && b != b'\\')
        {
            self.problems.push(format!(
                "authentication context class `{class}` is unusable, expected visible ascii \
                 without `\"` and `\\`"
            ));
        }
        self.change(|requirement| requirement.add_class(class))
    }

    /// Replaces the mode. Default: [`Mode::Enforce`].
    pub fn with_mode(mut self, mode: Mode) -> Self {
        self.config.mode = mode;
        self
    }

    /// Replaces the clock that the age of an authentication is measured with. Default: the
    /// system's.
    pub fn with_clock(mut self, clock: impl Clock) -> Self {
        self.config.clock = Arc::new(clock);
        self
    }

    /// Replaces what sees the decisions. Default: [`DefaultObserve`]. Acceptances are no events
    /// here, as `Accept` told of the context already.
    pub fn with_observe(mut self, observe: impl Observe) -> Self {
        self.config.observe = Arc::new(observe);
        self
    }

    /// Builds the layer.
    ///
    /// # Errors
    ///
    /// A scope or an authentication context class is unusable.
    pub fn build(self) -> Result<RequireLayer, ConfigError> {
        ConfigError::all(self.problems)?;
        Ok(RequireLayer {
            config: Arc::new(self.config),
        })
    }

    fn change(mut self, change: impl FnOnce(Requirement) -> Requirement) -> Self {
        self.config.requirement = change(self.config.requirement);
        self
    }
}

impl fmt::Debug for RequireBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequireBuilder")
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}
