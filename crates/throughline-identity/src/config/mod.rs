//! One file that says what an edge trusts.
//!
//! It is TOML. A field that nobody knows is refused, and so is everything that contradicts itself;
//! an error says the line, what is wrong and what to write instead. All of it is found when the file
//! is read, so no request meets it.
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
//! audience  = "api://orders"
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
//! | `freshness` | `{ lifetime_only = SECONDS }`: how old may be what an issuer said |
//! | `signing_key` | `{ file = … }` or `{ env = … }`: PKCS #8 of an Ed25519 key, in PEM. Default: one of this process, for one process |
//! | `[edge]` | `credentials` (`"bearer"`, `"cookie:NAME"`, `"websocket:MARKER"`), `exempt` paths, `resource`, `requester`, `legacy_header`, `wait_for_keys` |
//! | `[[witness]]` | one of `path`, `header`, `host_below`, `query`, `baggage`; `optional` |
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
//! | `keys` | the address of the key set, or `"none"`. Default: what the profile knows, or discovery |
//! | `discovery`, `oauth_metadata`, `key_origins` | another address of the discovery document; whether that of RFC 8414 is good too; other origins that it may name for keys |
//! | `in_private_network` | whether the issuer is in a private network, as in a cluster. Default: its addresses must be of the Internet |
//! | `audience` | one, several, or `"none"` |
//! | `tenancy` | `{ tenant }`, or `{ claim }` with `map`, `only`, `joined_by` |
//! | `kinds` | which kinds of credential. Default: people, machines, workloads |
//! | `actor` | what an `act` of this issuer is: `"agent"` or `"person"` |
//! | `attributes` | `{ NAME = "claim" }` |
//! | `clock_skew`, `max_lifetime` | seconds |
//! | `introspection` | of opaque tokens: `{ url, client_id, client_secret = { env } or { file } }`, `answers_for_one_issuer` |
//! | `open_to_every_tenant` | `"danger"`: of a template, whoever opens an account there |

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
    /// Reads a file. What it names by a relative path is beside it.
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

    /// A layer as the file says, to be changed further in code.
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
    /// A layer as the file says. Waits for the keys of every issuer, unless the file says
    /// `wait_for_keys = false`: then requests that come before them wait, and are refused with
    /// [`Reason::KeysUnavailable`](throughline_core::Reason) where they do not come.
    ///
    /// # Errors
    ///
    /// As for [`EdgeConfig::read`]; or keys could not be had.
    pub async fn from_config(path: impl AsRef<Path>) -> Result<Self, EdgeConfigError> {
        let path = path.as_ref();
        let config = EdgeConfig::read(path)?;
        if config.wait_for_keys {
            let loaded = config.issuers.load(Startup::Wait { time: STARTUP_TIME });
            let loaded = loaded.await;
            loaded.map_err(|error| EdgeConfigError::keys(&error).in_file(path))?;
        }
        let built = config.into_builder().build();
        built.map_err(|error| EdgeConfigError::layer(error).in_file(path))
    }
}

#[cfg(test)]
mod tests;
