//! One file that says what an edge trusts.
//!
//! 1. **It is TOML**, and a field that nobody knows is refused.
//! 2. **What decides is said.** Audience, freshness and owners have no default; an error says the
//!    line, what is wrong and what to write instead.
//! 3. **No request meets an error.** Issuers, their tenants and the map of trust are checked by
//!    [`EdgeConfig::read`]; places of credentials, exempt paths and witnesses when the layer is
//!    built. [`AuthenticateLayer::from_config`] does both, before it waits for any key.
//! 4. **Secrets are named** by file or environment, and nothing shows them.
//!
//! ```toml
//! trust_domain = "prod.acme.internal"
//! freshness    = { lifetime_only = 3600 }    # seconds, until there is a feed
//!
//! [[issuer]]
//! name      = "workforce"
//! profile   = "workos-authkit"
//! client_id = "client_01J"
//! audience  = "none"                         # AuthKit sessions carry none: said, never omitted
//! tenancy   = { claim = "org_id" }
//!
//! [[issuer]]
//! name      = "partners"
//! profile   = "entra"
//! # In version 2 `aud` is the client id of the API, a GUID, and no `api://` address.
//! audience  = "0c4f5a8e-6d1b-4f0e-9a57-3b2d8e7c6f10"
//! tenancy   = { claim = "tid", map = { "72f988bf-86f1-41af-91ab-2d7cd011db47" = "contoso" } }
//!
//! [ownership]
//! authentication  = "identity team"
//! rules           = "platform security"
//! attributes.role = "workforce"
//! ```
//!
//! # Of the whole edge
//!
//! | field | |
//! |---|---|
//! | `trust_domain` | whose contexts are minted: the `aud` of each |
//! | `freshness` | `{ lifetime_only = SECONDS }`: how old may be what an issuer said, counted from the `iat` of its credential |
//! | `signing_key` | `{ file = … }` or `{ env = … }`: PKCS #8 of an Ed25519 key, in PEM. Default: one of this process, for one process |
//! | `[edge]` | `credentials` (`"bearer"`, `"cookie:NAME"`, `"websocket:MARKER"`), `exempt` paths, `resource`, `requester`, `legacy_header`, `wait_for_keys` |
//! | `[[witness]]` | one of `path` (a parameter of axum's route), `header`, `host_below`, `query`, `baggage`; `optional` |
//! | `[ownership]` | `authentication`, `rules`, `attributes.NAME`, `read` (attributes that rules read), `strangers` (`"drop"` or `"refuse"`) |
//!
//! # Of an issuer
//!
//! | field | |
//! |---|---|
//! | `name` | the alias, in every principal |
//! | `profile` | see [`Profile`](crate::Profile) |
//! | `issuer` | the exact `iss`, or several. Default: what the profile knows |
//! | `client_id` | where the profile needs it for names or keys |
//! | `keys` | the address of the key set, or `"none"` beside `introspection`: then its signed tokens are refused. Default: what the profile knows, or discovery |
//! | `discovery`, `oauth_metadata`, `key_origins` | another address of the discovery document; whether that of RFC 8414 is good too; other origins that it may name for keys |
//! | `in_private_network` | whether the issuer is in a private network, as in a cluster. Default: its addresses must be of the Internet |
//! | `audience` | one, several, or `"none"`: then a credential that has one is refused |
//! | `tenancy` | `{ tenant }`, or `{ claim }` with `map`, `only`, `joined_by` |
//! | `kinds` | which kinds of credential. Default: people, machines, workloads |
//! | `actor` | what an `act` of this issuer is: `"agent"` or `"person"` |
//! | `attributes` | `{ NAME = "claim" }` |
//! | `clock_skew`, `max_lifetime` | seconds |
//! | `introspection` | of opaque tokens: `{ url, client_id, client_secret = { env } or { file } }`, `answers_for_one_issuer` |
//! | `open_to_every_tenant` | `"danger"`: of an issuer that serves everybody, whoever opens an account there. Without it `tenancy` lists who counts |
//!
//! # Caveats
//!
//! - **A credential older than `lifetime_only` is refused** with `context_expired`, also where its
//!   `exp` is later. Let it be no shorter than the lifetime of the access tokens, and no shorter in
//!   the services inside: they count from the same time, and answer 503.
//! - **Without `signing_key` each process signs with a key of its own**, and what one instance of
//!   an edge minted is unknown to services that know the keys of another.
//! - **No witness is required of a file.** What names a tenant and is not declared is not compared.
//! - The file is read once. What changes in it counts after a restart.
//!
//! # Example
//!
//! [`AuthenticateLayer::from_config`] is all of an edge that calls nobody. Services inside verify
//! what it minted, so they need its keys, which are published outside the layer:
//!
//! ```no_run
//! use std::time::Duration;
//!
//! use axum::{Router, routing::get};
//! use throughline_identity::EdgeConfig;
//! use throughline_identity::discovery::Startup;
//!
//! # async fn start() -> Result<(), Box<dyn std::error::Error>> {
//! let config = EdgeConfig::read("throughline.toml")?;
//! let (tokens, issuers) = (config.tokens().clone(), config.issuers().clone());
//! let edge = config.into_builder().build()?; // code may add to it: memberships, API keys
//! issuers.load(Startup::Wait { time: Duration::from_secs(30) }).await?;
//!
//! let app: Router = Router::new()
//!     .route("/t/{tenant}/orders", get(|| async { "orders" }))
//!     .layer(edge)
//!     .route("/jwks.json", get(move || async move { tokens.jwks() }));
//! # let _ = app;
//! # Ok(())
//! # }
//! ```
//!
//! What is accepted and refused of a file: [`EdgeConfig`].

mod build;
mod error;
mod file;
mod secret;

use std::path::Path;
use std::time::Duration;

use throughline::{TrustDomain, Witness};
use throughline_jose::TokenIssuer;

use crate::authenticate::{AuthenticateBuilder, AuthenticateLayer, ResourceMetadata};
use crate::credential::CredentialSource;
use crate::discovery::Startup;
use crate::issuer::Issuers;
use crate::opaque::OpaqueCredentials;
use crate::trust::TrustMap;

pub use self::error::EdgeConfigError;
pub use self::secret::Secret;

/// How long a start waits for the keys of all issuers.
const STARTUP_TIME: Duration = Duration::from_secs(30);

/// What a file says, checked. See the [module](self).
///
/// ```
/// use throughline_identity::EdgeConfig;
///
/// let file = r#"
/// trust_domain = "prod.acme.internal"
/// freshness = { lifetime_only = 3600 }
/// [[issuer]]
/// name = "workforce"
/// profile = "workos-authkit"
/// client_id = "client_01J"
/// audience = "none"
/// [ownership]
/// authentication = "identity team"
/// rules = "platform security"
/// "#;
/// let config = EdgeConfig::parse(file, ".".as_ref())?;
/// assert!(config.issuers().by_alias("workforce").is_some());
///
/// // Not said is not "none".
/// let silent = file.replace("audience = \"none\"\n", "");
/// let error = EdgeConfig::parse(&silent, ".".as_ref()).unwrap_err();
/// assert_eq!(error.line(), Some(4));
/// assert!(error.to_string().contains("audience"));
/// # Ok::<(), throughline_identity::EdgeConfigError>(())
/// ```
#[derive(Debug)]
pub struct EdgeConfig {
    issuers: Issuers,
    opaque: Vec<OpaqueCredentials>,
    tokens: TokenIssuer,
    domain: TrustDomain,
    witnesses: Vec<Witness>,
    credentials: Vec<CredentialSource>,
    exempt: Vec<String>,
    resource: Option<ResourceMetadata>,
    requester: Option<String>,
    legacy_header: Option<String>,
    wait_for_keys: bool,
}

impl EdgeConfig {
    /// Reads a file, and fetches nothing. What it names by a relative path is beside it.
    ///
    /// # Errors
    ///
    /// It cannot be read, or says something that cannot be.
    pub fn read(path: impl AsRef<Path>) -> Result<Self, EdgeConfigError> {
        let path = path.as_ref();
        let text = std::fs::read_to_string(path)
            .map_err(|error| EdgeConfigError::unreadable(path, &error))?;
        let folder = path.parent().unwrap_or(Path::new("."));
        Self::parse(&text, folder).map_err(|error| error.in_file(path))
    }

    /// Reads a text. What it names by a relative path is in `folder`.
    ///
    /// # Errors
    ///
    /// It says something that cannot be.
    pub fn parse(text: &str, folder: &Path) -> Result<Self, EdgeConfigError> {
        build::build(text, folder)
    }

    /// The issuers.
    #[must_use]
    pub fn issuers(&self) -> &Issuers {
        &self.issuers
    }

    /// The opaque credentials.
    #[must_use]
    pub fn opaque(&self) -> &[OpaqueCredentials] {
        &self.opaque
    }

    /// The map of trust.
    pub fn trust(&self) -> &TrustMap {
        self.issuers.trust()
    }

    /// Who mints here. Its [`jwks`](TokenIssuer::jwks) are for the services inside.
    #[must_use]
    pub fn tokens(&self) -> &TokenIssuer {
        &self.tokens
    }

    /// The domain whose contexts are minted.
    #[must_use]
    pub fn domain(&self) -> &TrustDomain {
        &self.domain
    }

    /// Whether a start waits for the keys of every issuer.
    #[must_use]
    pub fn waits_for_keys(&self) -> bool {
        self.wait_for_keys
    }

    /// A layer as the file says, once the keys are there: what [`AuthenticateLayer::from_config`]
    /// does with a file. Take the [keys](EdgeConfig::tokens) for the services inside first.
    ///
    /// # Errors
    ///
    /// The layer cannot be built so, or keys could not be had in time.
    pub async fn start(self) -> Result<AuthenticateLayer, EdgeConfigError> {
        let wait_for_keys = self.wait_for_keys;
        // Nobody waits for keys to be told of a slip of the pen.
        let built = self.into_builder().build();
        let layer = built.map_err(EdgeConfigError::layer)?;
        if wait_for_keys {
            let loaded = layer.issuers().load(Startup::Wait { time: STARTUP_TIME });
            loaded
                .await
                .map_err(|error| EdgeConfigError::keys(&error))?;
        }
        Ok(layer)
    }

    /// A layer as the file says, to be changed further in code. Keys are fetched with the first
    /// request, or by [`Issuers::load`], whatever [`EdgeConfig::waits_for_keys`] says.
    pub fn into_builder(self) -> AuthenticateBuilder {
        let Self {
            issuers,
            opaque,
            tokens,
            domain,
            witnesses,
            credentials,
            exempt,
            resource,
            requester,
            legacy_header,
            wait_for_keys: _,
        } = self;
        let mut builder = AuthenticateLayer::builder(issuers, tokens, domain).accepting(|accept| {
            let accept = witnesses
                .into_iter()
                .fold(accept, throughline::AcceptBuilder::add_witness);
            let accept = exempt
                .iter()
                .fold(accept, |accept, path| accept.exempt(path));
            match &legacy_header {
                Some(name) => accept.with_legacy_header(name),
                None => accept,
            }
        });
        for source in opaque {
            builder = builder.add_opaque(source);
        }
        for source in credentials {
            builder = builder.add_credential(source);
        }
        if let Some(resource) = resource {
            builder = builder.with_resource(resource);
        }
        match requester {
            Some(requester) => builder.with_requester(&requester),
            None => builder,
        }
    }
}

impl AuthenticateLayer {
    /// A layer as the file says, once the keys are there. Waits up to 30 s for the keys of every issuer, unless the file says
    /// `wait_for_keys = false`: then requests that come before them wait, and are refused with
    /// [`Reason::KeysUnavailable`](throughline_core::Reason) where they do not come.
    ///
    /// Where services inside need the keys of this edge, or code adds to the file, take the steps
    /// one by one: see the [module](crate::config).
    ///
    /// # Errors
    ///
    /// As for [`EdgeConfig::read`]; the layer cannot be built so; or keys could not be had in time.
    pub async fn from_config(path: impl AsRef<Path>) -> Result<Self, EdgeConfigError> {
        let path = path.as_ref();
        let started = EdgeConfig::read(path)?.start().await;
        started.map_err(|error| error.in_file(path))
    }
}

#[cfg(test)]
mod tests;
