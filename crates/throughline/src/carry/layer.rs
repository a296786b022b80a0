//! The layer and its builder.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use throughline_core::carrier::OwnedFields;
use throughline_core::projection::{Member, Projection};
use throughline_core::time::Clock;
use throughline_jose::SystemClock;
use tower_layer::Layer;

use super::destination::Destinations;
use super::service::Carry;
use super::service::Renewal;
use crate::carrier::Owned;
use crate::error::ConfigError;
use crate::observe::{DefaultObserve, Observe};
use crate::tokens::Tokens;
use crate::witness::owned_header;

/// Puts [`Carry`] around a client. See the [module](super).
#[derive(Clone)]
pub struct CarryLayer {
    config: Arc<Config>,
}

impl CarryLayer {
    /// Starts a layer for these [destinations](Destinations).
    pub fn builder<'p>(destinations: impl IntoIterator<Item = &'p str>) -> CarryBuilder {
        let mut problems = Vec::new();
        let destinations = Destinations::new(destinations).unwrap_or_else(|error| {
            problems = error.into_problems();
            Destinations::default()
        });
        CarryBuilder {
            config: Config {
                destinations,
                owned: Arc::new(Owned {
                    fields: OwnedFields::token_only()
                        .with_max_bytes(OwnedFields::DEFAULT_SENDER_MAX_BYTES),
                    baggage: Vec::new(),
                }),
                required: true,
                indexed: false,
                renewal: None,
                clock: Arc::new(SystemClock),
                observe: Arc::new(DefaultObserve),
            },
            problems,
        }
    }
}

impl<S> Layer<S> for CarryLayer {
    type Service = Carry<S>;

    fn layer(&self, inner: S) -> Carry<S> {
        Carry::new(inner, Arc::clone(&self.config))
    }
}

impl fmt::Debug for CarryLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CarryLayer")
            .field("destinations", &self.config.destinations)
            .finish()
    }
}

pub(super) struct Config {
    pub(super) destinations: Destinations,
    pub(super) owned: Arc<Owned>,
    pub(super) required: bool,
    /// Whether the token is a field like any other to HTTP/2.
    pub(super) indexed: bool,
    pub(super) renewal: Option<Arc<Renewal>>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) observe: Arc<dyn Observe>,
}

/// Builds a [`CarryLayer`].
#[must_use = "a builder does nothing until it is built"]
pub struct CarryBuilder {
    config: Config,
    problems: Vec<String>,
}

impl CarryBuilder {
    /// Lets calls pass that have no context, without one. Default: they are refused.
    pub fn allow_missing(mut self) -> Self {
        self.config.required = false;
        self
    }

    /// Lets HTTP/2 remember the token and send the same one again as one byte (RFC 7541 §2.3.2).
    /// Default: the token is marked sensitive, which forbids that and sends it whole each time.
    ///
    /// What is gained shows where calls of one token share a connection: a call of 30 µs takes about
    /// 2 µs less. Guessing the token by what a call weighs stays hopeless, as only whole values are
    /// compared and a signature cannot be guessed (RFC 7541 §7.1.1).
    ///
    /// What is lost is the mark itself. Layers below this one and in front of the receiver's
    /// [`Accept`](crate::accept::Accept) see a plain field, and one that logs fields logs a token.
    pub fn allow_indexing(mut self) -> Self {
        self.config.indexed = true;
        self
    }

    /// Replaces tokens that expire within `before`. Default: they are sent as they are until they
    /// expire.
    ///
    /// The calls with one token share one exchange, which a task of its own does within 30 s. A
    /// failure is the failure of all that waited, and the next call asks again.
    pub fn with_renewal(mut self, tokens: impl Tokens, before: Duration) -> Self {
        if before < Duration::from_secs(1) {
            self.problems.push(format!(
                "renewal is {before:?} before a token expires, expected at least 1s"
            ));
        }
        self.config.renewal = Some(Arc::new(Renewal::new(tokens, before)));
        self
    }

    /// Owns one more header: it is removed from calls that leave the domain and from responses.
    /// Headers that a token projects are owned without being named here.
    pub fn add_owned_header(mut self, name: &str) -> Self {
        match owned_header(name) {
            Ok(field) => {
                let owned = Arc::make_mut(&mut self.config.owned);
                owned.fields = owned.fields.clone().add_field(field.as_str());
            }
            Err(error) => self.problems.extend(error.into_problems()),
        }
        self
    }

    /// Owns one more baggage member, as [`CarryBuilder::add_owned_header`].
    pub fn add_owned_baggage(mut self, key: &str) -> Self {
        if Projection::baggage(Member::Tenant, key).is_err() {
            self.problems.push(format!(
                "baggage key `{key}` is unusable, expected 1 to 64 bytes of `[a-z0-9.-]`"
            ));
        }
        let owned = Arc::make_mut(&mut self.config.owned);
        owned.baggage.push(key.into());
        self
    }

    /// Replaces the cap over the context on the wire, in bytes. Default: 6 KiB, so that a sender
    /// hears of it before a receiver does.
    pub fn with_max_bytes(mut self, bytes: usize) -> Self {
        let owned = Arc::make_mut(&mut self.config.owned);
        owned.fields = owned.fields.clone().with_max_bytes(bytes);
        self
    }

    /// Replaces the clock. Default: the system's.
    pub fn with_clock(mut self, clock: impl Clock) -> Self {
        self.config.clock = Arc::new(clock);
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
    /// Everything that is wrong with it: a destination that is unusable or says too much, none at
    /// all, a header or baggage member that cannot be owned, a renewal that would never happen.
    pub fn build(self) -> Result<CarryLayer, ConfigError> {
        ConfigError::all(self.problems)?;
        Ok(CarryLayer {
            config: Arc::new(self.config),
        })
    }
}

impl fmt::Debug for CarryBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CarryBuilder").finish_non_exhaustive()
    }
}
