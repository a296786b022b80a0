//! The layer and its builder.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use http::HeaderName;
use throughline_core::carrier::OwnedFields;
use throughline_core::projection::{CopyPlace, Projection};
use throughline_core::reason::Position;
use throughline_core::{Context, Refusal};
use throughline_jose::TrustDomain;
use tower_layer::Layer;

use super::decide::{compare, is_exempt};
use super::service::Accept;
use crate::carrier::Owned;
use crate::error::ConfigError;
use crate::mode::{Mode, Rule};
use crate::observe::{DefaultObserve, Observe};
use crate::request::RequestView;
use crate::witness::{Witness, owned_header};

/// Puts [`Accept`] in front of a service. See the [module](super).
#[derive(Clone)]
pub struct AcceptLayer {
    config: Arc<Config>,
}

impl AcceptLayer {
    /// Accepts the contexts of `domain`, without witnesses.
    #[must_use]
    pub fn new(domain: TrustDomain) -> Self {
        Self {
            config: Arc::new(Config::new(domain)),
        }
    }

    /// Starts a layer with witnesses, exempt routes or modes.
    pub fn builder(domain: TrustDomain) -> AcceptBuilder {
        AcceptBuilder {
            config: Config::new(domain),
            legacy_header: None,
            owned_copies: Vec::new(),
            problems: Vec::new(),
        }
    }
}

impl AcceptLayer {
    /// Step 7 by itself: compares `context` with everything this layer has witnesses for.
    ///
    /// For an edge, which compares before it looks anything up for a caller, and puts this layer
    /// behind itself: an agreement here admits nothing.
    ///
    /// # Errors
    ///
    /// As the layer refuses a request. A rule in [`Mode::Report`] or [`Mode::Off`] refuses nothing.
    pub fn compare(&self, request: &RequestView<'_>, context: &Context) -> Result<(), Refusal> {
        compare(&self.config, request, context)
    }

    /// Where the service stands.
    #[must_use]
    pub fn position(&self) -> Position {
        self.config.position
    }

    /// Whether a request without a context passes.
    #[must_use]
    pub fn is_exempt(&self, request: &RequestView<'_>) -> bool {
        is_exempt(&self.config, request)
    }
}

impl<S> Layer<S> for AcceptLayer {
    type Service = Accept<S>;

    fn layer(&self, inner: S) -> Accept<S> {
        Accept::new(inner, Arc::clone(&self.config))
    }
}

impl fmt::Debug for AcceptLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AcceptLayer")
            .field("config", &self.config)
            .finish()
    }
}

/// Everything an `Accept` service decides by. Made once, shared by all clones, never changed.
pub(super) struct Config {
    pub(super) domain: TrustDomain,
    /// Removed from requests, and from responses on the way back.
    pub(super) owned: Arc<Owned>,
    pub(super) witnesses: Vec<Witness>,
    pub(super) copies: Vec<Projection>,
    pub(super) exempt_paths: BTreeSet<Box<str>>,
    pub(super) legacy_header: Option<HeaderName>,
    pub(super) witness_mode: Mode,
    pub(super) copies_mode: Mode,
    pub(super) position: Position,
    pub(super) observe: Arc<dyn Observe>,
}

impl Config {
    fn new(domain: TrustDomain) -> Self {
        Self {
            domain,
            owned: Arc::new(Owned {
                fields: OwnedFields::token_only(),
                baggage: Vec::new(),
            }),
            witnesses: Vec::new(),
            copies: Vec::new(),
            exempt_paths: BTreeSet::new(),
            legacy_header: None,
            witness_mode: Mode::Enforce,
            copies_mode: Mode::Enforce,
            position: Position::Inside,
            observe: Arc::new(DefaultObserve),
        }
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("domain", &self.domain)
            .field("witnesses", &self.witnesses)
            .field("copies", &self.copies)
            .field("exempt_paths", &self.exempt_paths)
            .field("witness_mode", &self.witness_mode)
            .field("copies_mode", &self.copies_mode)
            .finish_non_exhaustive()
    }
}

/// Builds an [`AcceptLayer`], and says everything that is wrong with it at once.
#[must_use = "a builder does nothing until it is built"]
pub struct AcceptBuilder {
    config: Config,
    legacy_header: Option<Box<str>>,
    /// Owned, and not relied on.
    owned_copies: Vec<Projection>,
    problems: Vec<String>,
}

impl AcceptBuilder {
    /// Adds a witness. Default: none.
    pub fn add_witness(mut self, witness: Witness) -> Self {
        self.config.witnesses.push(witness);
        self
    }

    /// Relies on a copy: a token that does not promise it, or whose copy is missing or differs, is
    /// refused. Repeated calls add up. Default: none.
    pub fn relies_on(mut self, copy: Projection) -> Self {
        self.config.copies.push(copy);
        self
    }

    /// Owns a copy without relying on it: whatever comes in under its name, or a look-alike, is read
    /// totally and removed. For a hop that makes contexts with this copy, as a copy from outside
    /// would look like one of ours behind it. Repeated calls add up. Default: none.
    pub fn owning(mut self, copy: Projection) -> Self {
        self.owned_copies.push(copy);
        self
    }

    /// Exempts this path, compared byte for byte, and not what begins with it: a request without a
    /// token passes there, and has no context. One with a token is checked as anywhere, but its
    /// absent witnesses are forgiven. Default: none.
    pub fn exempt(mut self, path: &str) -> Self {
        if !path.starts_with('/') || path.contains(['?', '#', '*', '{']) {
            self.problems.push(format!(
                "exempt path `{path}` is unusable, expected one exact path as in `/health`"
            ));
        }
        self.config.exempt_paths.insert(path.into());
        self
    }

    /// Sets this header to the admitted tenant, for handlers that still read it. Whatever came in
    /// under its name, or a look-alike, is removed first. Default: none.
    ///
    /// On its own it is no witness: a value that a caller sends is replaced, not compared. Add
    /// [`Witness::header`] to refuse a caller that names another tenant.
    pub fn with_legacy_header(mut self, name: &str) -> Self {
        self.legacy_header = Some(name.into());
        self
    }

    /// Replaces the mode of a rule. Default: [`Mode::Enforce`] for all.
    pub fn with_mode(mut self, rule: Rule, mode: Mode) -> Self {
        match rule {
            Rule::Projections => self.config.copies_mode = mode,
            Rule::Witnesses => self.config.witness_mode = mode,
        }
        self
    }

    /// Replaces the cap over names and values of all owned fields, in bytes. Default: 8 KiB, the
    /// field limit of common proxies.
    pub fn with_max_bytes(mut self, bytes: usize) -> Self {
        if bytes < 256 {
            self.problems.push(format!(
                "a cap of {bytes} bytes fits no context, expected 256 or more"
            ));
        }
        let owned = Arc::make_mut(&mut self.config.owned);
        owned.fields = owned.fields.clone().with_max_bytes(bytes);
        self
    }

    /// Replaces where the service stands, which decides between the statuses 401 and 400. Default:
    /// [`Position::Inside`].
    pub fn at(mut self, position: Position) -> Self {
        self.config.position = position;
        self
    }

    /// Replaces what sees the decisions. Default: [`DefaultObserve`].
    pub fn with_observe(mut self, observe: impl Observe) -> Self {
        self.config.observe = Arc::new(observe);
        self
    }

    /// Builds the layer.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with it: a place that is a witness twice, an exempt path that a
    /// template of a witness matches too, a header that cannot be owned.
    pub fn build(self) -> Result<AcceptLayer, ConfigError> {
        let Self {
            mut config,
            legacy_header,
            owned_copies,
            mut problems,
        } = self;
        let Owned {
            mut fields,
            mut baggage,
        } = Owned::clone(&config.owned);
        let mut places = BTreeSet::new();
        for witness in &config.witnesses {
            let place = witness.rule.place();
            if !places.insert((place.kind(), place.name().to_owned())) {
                problems.push(format!("{place} is declared twice as a witness"));
            }
            if witness.rule.is_contradictory() {
                problems.push(format!(
                    "{place} has an alias, which names tenants, and is no witness of a tenant"
                ));
            }
            for path in &config.exempt_paths {
                if witness.claims_path(path) {
                    problems.push(format!(
                        "path `{path}` is exempt, and matches a template of the witness {place} \
                         too, expected one or the other"
                    ));
                }
            }
            if let Some(field) = witness.owned_header() {
                fields = fields.add_field(field.as_str());
            }
            baggage.extend(witness.owned_baggage_key().map(Box::from));
        }
        for copy in config.copies.iter().chain(&owned_copies) {
            match copy.copy_place() {
                CopyPlace::Baggage(key) => baggage.push(key.clone()),
                CopyPlace::Header(field) => match owned_header(field) {
                    Ok(field) => fields = fields.add_field(field.as_str()),
                    Err(error) => problems.extend(error.into_problems()),
                },
            }
        }
        if let Some(name) = legacy_header {
            match owned_header(&name) {
                Ok(field) => {
                    fields = fields.add_field(field.as_str());
                    config.legacy_header = Some(field);
                }
                Err(error) => problems.extend(error.into_problems()),
            }
        }
        baggage.sort();
        baggage.dedup();
        if !baggage.is_empty() {
            fields = fields.add_shared_field("baggage");
        }
        config.owned = Arc::new(Owned { fields, baggage });
        ConfigError::all(problems)?;
        Ok(AcceptLayer {
            config: Arc::new(config),
        })
    }
}

impl fmt::Debug for AcceptBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AcceptBuilder")
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}
