//! The layer and its builder.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use throughline::observe::{DefaultObserve, Observe};
use throughline::{Accept, AcceptBuilder, AcceptLayer, ConfigError, TrustDomain};
use throughline_core::carrier::OwnedFields;
use throughline_core::projection::Projection;
use throughline_core::reason::Position;
use tower_layer::Layer;

use super::mint::MintContext;
use super::resource::ResourceMetadata;
use super::service::Authenticate;
use crate::credential::CredentialSource;
use crate::issuer::{Issuer, Issuers};
use crate::opaque::OpaqueCredentials;

/// Puts [`Authenticate`] in front of a service. See the [module](super).
///
/// ```
/// use throughline::{KeySource, TrustDomain, Witness};
/// use throughline_core::TrustDomainName;
/// use throughline_core::freshness::Freshness;
/// use throughline_identity::{
///     Audience, AuthenticateLayer, Issuer, Issuers, Profile, Tenancy, TrustMap,
/// };
/// use throughline_jose::{SigningKey, TokenIssuer};
///
/// let issuers = Issuers::new(
///     [Issuer::builder("workforce", Profile::WORKOS_AUTHKIT)
///         .named("https://api.workos.com/user_management/client_01J")
///         .with_keys(KeySource::url("https://api.workos.com/sso/jwks/client_01J")?)
///         .with_audience(Audience::none())
///         .build()?],
///     TrustMap::new("identity team", "platform security"),
/// )?;
///
/// // Contexts are minted here, and accepted here as at any hop of the domain.
/// let tokens = TokenIssuer::new(TrustDomainName::new("prod.acme.internal")?, SigningKey::generate()?);
/// let domain = TrustDomain::new("prod.acme.internal")?
///     .with_keys(tokens.key_source())
///     .with_freshness(Freshness::lifetime_only(std::time::Duration::from_secs(300)));
///
/// let edge = AuthenticateLayer::builder(issuers, tokens, domain)
///     .accepting(|accept| accept.add_witness(Witness::path("tenant")).exempt("/health"))
///     .build()?;
/// # let _ = edge;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct AuthenticateLayer {
    config: Arc<Config>,
}

impl AuthenticateLayer {
    /// Takes credentials of `issuers`, has contexts minted by `mint`, and accepts them as contexts
    /// of `domain`.
    pub fn builder(
        issuers: Issuers,
        mint: impl MintContext,
        domain: TrustDomain,
    ) -> AuthenticateBuilder {
        AuthenticateBuilder {
            issuers,
            opaque: Vec::new(),
            mint: Arc::new(mint),
            accept: AcceptLayer::builder(domain.clone()),
            domain,
            credentials: Vec::new(),
            projections: Vec::new(),
            requester: "edge".into(),
            resource: None,
            keeps_credential: false,
            observe: Arc::new(DefaultObserve),
        }
    }

    /// The issuers, for a readiness probe.
    #[must_use]
    pub fn issuers(&self) -> &Issuers {
        &self.config.issuers
    }
}

impl<S> Layer<S> for AuthenticateLayer {
    type Service = Authenticate<Accept<S>>;

    fn layer(&self, inner: S) -> Self::Service {
        Authenticate::new(self.config.accept.layer(inner), Arc::clone(&self.config))
    }
}

impl fmt::Debug for AuthenticateLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthenticateLayer")
            .field("issuers", &self.config.issuers)
            .field("credentials", &self.config.credentials)
            .finish_non_exhaustive()
    }
}

/// Everything an `Authenticate` service decides by. Made once, shared by all clones.
pub(super) struct Config {
    pub(super) issuers: Issuers,
    pub(super) opaque: Vec<OpaqueCredentials>,
    pub(super) mint: Arc<dyn MintContext>,
    pub(super) domain: TrustDomain,
    pub(super) accept: AcceptLayer,
    /// The token, which nobody outside gets to set.
    pub(super) foreign: OwnedFields,
    pub(super) credentials: Vec<CredentialSource>,
    pub(super) projections: Vec<Projection>,
    pub(super) requester: Box<str>,
    pub(super) resource: Option<ResourceMetadata>,
    pub(super) keeps_credential: bool,
    pub(super) observe: Arc<dyn Observe>,
}

impl Config {
    /// The issuer of that alias, whatever its credentials look like.
    pub(super) fn issuer(&self, alias: &str) -> Option<&Issuer> {
        let opaque = || self.opaque.iter().map(OpaqueCredentials::issuer);
        self.issuers
            .by_alias(alias)
            .or_else(|| opaque().find(|issuer| issuer.alias() == alias))
    }
}

/// Builds an [`AuthenticateLayer`].
#[must_use = "a builder does nothing until it is built"]
pub struct AuthenticateBuilder {
    issuers: Issuers,
    opaque: Vec<OpaqueCredentials>,
    mint: Arc<dyn MintContext>,
    domain: TrustDomain,
    accept: AcceptBuilder,
    credentials: Vec<CredentialSource>,
    projections: Vec<Projection>,
    requester: Box<str>,
    resource: Option<ResourceMetadata>,
    keeps_credential: bool,
    observe: Arc<dyn Observe>,
}

impl AuthenticateBuilder {
    /// Changes the accept layer behind: witnesses, exempt routes, modes. Default: none.
    pub fn accepting(mut self, change: impl FnOnce(AcceptBuilder) -> AcceptBuilder) -> Self {
        self.accept = change(self.accept);
        self
    }

    /// Adds a place where a credential may be. Default, where none is added:
    /// [`CredentialSource::bearer`].
    pub fn add_credential(mut self, source: CredentialSource) -> Self {
        self.credentials.push(source);
        self
    }

    /// Adds credentials that say nothing by themselves, and whoever knows them: API keys, or tokens
    /// that their issuer answers for. The first that is for a credential is asked, and its answer is
    /// final. Default: none.
    pub fn add_opaque(mut self, credentials: OpaqueCredentials) -> Self {
        self.opaque.push(credentials);
        self
    }

    /// Adds a copy that every context promises: the carry layers behind write it. Default: none.
    pub fn add_projection(mut self, copy: Projection) -> Self {
        self.projections.push(copy);
        self
    }

    /// Replaces the name of this workload, which asks for the contexts (`req_wl`). Default: `edge`.
    pub fn with_requester(mut self, workload: &str) -> Self {
        self.requester = workload.into();
        self
    }

    /// Serves this metadata, and names it in challenges. Default: none.
    pub fn with_resource(mut self, resource: ResourceMetadata) -> Self {
        self.resource = Some(resource);
        self
    }

    /// Leaves the credential in the request, for a handler that exchanges it elsewhere. Whatever is
    /// behind can then act as the user towards everybody who takes that credential. Default: it is
    /// taken out.
    pub fn danger_keep_credential(mut self) -> Self {
        self.keeps_credential = true;
        self
    }

    /// Replaces what sees the refusals of this layer. Default: [`DefaultObserve`].
    pub fn with_observe(mut self, observe: impl Observe) -> Self {
        self.observe = Arc::new(observe);
        self
    }

    /// Builds the layer.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with it: a place of a credential that stands there twice, a name of
    /// the workload that no context can hold, and what is wrong with the accept layer.
    pub fn build(self) -> Result<AuthenticateLayer, ConfigError> {
        let mut problems = Vec::new();
        let mut credentials = self.credentials;
        if credentials.is_empty() {
            credentials.push(CredentialSource::bearer());
        }
        let mut places = BTreeSet::new();
        for source in &credentials {
            if !places.insert(source.key()) {
                problems.push(format!("{} is named twice as a credential", source.key()));
            }
        }
        let mut aliases: BTreeSet<&str> = self.issuers.iter().map(Issuer::alias).collect();
        for source in &self.opaque {
            // Two issuers under one alias would be one provider in every principal; one issuer may
            // have credentials of both kinds.
            let alias = source.issuer().alias();
            let known = self.issuers.by_alias(alias);
            let is_known = known.is_some_and(|known| known.is_same(source.issuer()));
            if !aliases.insert(alias) && !is_known {
                problems.push(format!(
                    "two issuers have the alias `{}`",
                    source.issuer().alias()
                ));
            }
        }
        let fits = |b: u8| b.is_ascii_graphic();
        if self.requester.is_empty()
            || self.requester.len() > 255
            || !self.requester.bytes().all(fits)
        {
            problems.push(format!(
                "workload `{}` is unusable, expected 1 to 255 visible ASCII characters",
                self.requester
            ));
        }
        // A copy from outside would look like one of ours to everybody behind.
        let projections = self.projections.iter().cloned();
        let accept = projections.fold(self.accept, AcceptBuilder::owning);
        let accept = match accept.at(Position::Edge).build() {
            Ok(accept) => Some(accept),
            Err(error) => {
                problems.extend(error.into_problems());
                None
            }
        };
        match accept {
            Some(accept) if problems.is_empty() => Ok(AuthenticateLayer {
                config: Arc::new(Config {
                    issuers: self.issuers,
                    opaque: self.opaque,
                    mint: self.mint,
                    domain: self.domain,
                    accept,
                    foreign: OwnedFields::token_only(),
                    credentials,
                    projections: self.projections,
                    requester: self.requester,
                    resource: self.resource,
                    keeps_credential: self.keeps_credential,
                    observe: self.observe,
                }),
            }),
            Some(_) | None => Err(ConfigError::of(problems)),
        }
    }
}

impl fmt::Debug for AuthenticateBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthenticateBuilder")
            .field("issuers", &self.issuers)
            .field("credentials", &self.credentials)
            .finish_non_exhaustive()
    }
}
