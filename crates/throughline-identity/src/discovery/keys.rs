//! What to fetch keys from, by settings.

use std::time::Duration;

use throughline_jose::KeySource;
use throughline_jose::endpoint::{Endpoint, Origin, Reach};

use super::error::{DiscoveryError, DiscoveryErrorKind};
use super::fetch::Discovery;
use super::place::Place;
use crate::profile::{KeysFrom, Profile};

/// Keys that the discovery document of an issuer points to. See the [module](super).
///
/// ```
/// use throughline_identity::discovery::DiscoveredKeys;
///
/// let keys = DiscoveredKeys::of("https://accounts.google.com")
///     .add_key_origin("https://www.googleapis.com")
///     .build()?;
///
/// // Microsoft Entra has one document for all directories, whose issuer is a template.
/// let of_all_directories = DiscoveredKeys::of("https://login.microsoftonline.com/common/v2.0")
///     .stating("https://login.microsoftonline.com/{tenantid}/v2.0")
///     .build()?;
/// # let _ = (keys, of_all_directories);
/// assert!(DiscoveredKeys::of("https://127.0.0.1").build().is_err());
/// # Ok::<(), throughline_identity::discovery::DiscoveryError>(())
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct DiscoveredKeys {
    issuer: Box<str>,
    stated: Option<Box<str>>,
    document: Option<Box<str>>,
    oauth: bool,
    key_origins: Vec<Box<str>>,
    private_network: bool,
}

impl DiscoveredKeys {
    /// The age at which a document is read again, with the next fetch of keys.
    pub const MAX_AGE: Duration = Duration::from_secs(10 * 60);

    /// The keys of `issuer`: an `https` address, or an `http` one on this machine.
    pub fn of(issuer: &str) -> Self {
        Self {
            issuer: issuer.into(),
            stated: None,
            document: None,
            oauth: false,
            key_origins: Vec::new(),
            private_network: false,
        }
    }

    /// Replaces what the document must say its issuer is. Default: the issuer.
    pub fn stating(mut self, issuer: &str) -> Self {
        self.stated = Some(issuer.into());
        self
    }

    /// Replaces the address of the document. Default: made from the issuer.
    pub fn with_document(mut self, url: &str) -> Self {
        self.document = Some(url.into());
        self
    }

    /// Reads the document of RFC 8414 where there is none of OpenID Connect (404).
    pub fn or_oauth_metadata(mut self) -> Self {
        self.oauth = true;
        self
    }

    /// Adds an origin that the keys may be at, beside that of the document. Default: none.
    pub fn add_key_origin(mut self, origin: &str) -> Self {
        self.key_origins.push(origin.into());
        self
    }

    /// States that the issuer is within a private network, so that its addresses may be of one.
    /// Addresses of this machine and of the link, where clouds hand out credentials, stay refused.
    pub fn in_private_network(mut self) -> Self {
        self.private_network = true;
        self
    }

    /// The source of keys. Nothing is fetched yet.
    ///
    /// # Errors
    ///
    /// An address cannot be asked: it is no address, plain `http` beyond this machine, or within.
    pub fn build(self) -> Result<KeySource, DiscoveryError> {
        let mut urls = match self.document {
            Some(url) => vec![url.into()],
            None => vec![Place::parse(&self.issuer)?.openid()],
        };
        if self.oauth {
            urls.push(Place::parse(&self.issuer)?.oauth());
        }
        let mut documents: Vec<Endpoint> = Vec::new();
        for url in urls {
            let document = match documents.first() {
                Some(first) => first.beside(&url),
                None => Endpoint::new(&url, reach(&origin(&url)?, self.private_network)),
            };
            documents.push(document.map_err(|cause| address(&url).caused_by(cause))?);
        }
        let key_origins = self
            .key_origins
            .iter()
            .map(|listed| origin(listed))
            .collect::<Result<_, _>>()?;
        let name = format!("keys of issuer {}", self.issuer);
        let stated = self.stated.unwrap_or(self.issuer);
        Ok(KeySource::fetch_named(
            name,
            Discovery::new(stated, documents, key_origins),
        ))
    }
}

/// An issuer on this machine has its keys on this machine, and no other has them there.
fn reach(document: &Origin, private_network: bool) -> Reach {
    if document.is_loopback() && !document.is_secure() {
        Reach::Loopback
    } else if private_network {
        Reach::Network
    } else {
        Reach::Internet
    }
}

fn origin(url: &str) -> Result<Origin, DiscoveryError> {
    Origin::parse(url).map_err(|cause| address(url).caused_by(cause))
}

fn address(url: &str) -> DiscoveryError {
    DiscoveryError::new(
        DiscoveryErrorKind::Address,
        format!("address `{url}` cannot be asked for keys"),
    )
}

/// Where the keys of an issuer are, as far as its profile does not know.
///
/// ```
/// use throughline_identity::Profile;
/// use throughline_identity::discovery::KeySettings;
///
/// // Found by discovery, at an address of its own, or wherever one says.
/// Profile::AUTH0.keys(&KeySettings::of("https://acme.eu.auth0.com/"))?;
/// Profile::WORKOS_AUTHKIT.keys(
///     &KeySettings::of("https://api.workos.com").with_client_id("client_01J0"),
/// )?;
/// Profile::SPIFFE.keys(
///     &KeySettings::of("spiffe://prod.example").with_jwks_url("https://spire.example/keys"),
/// )?;
///
/// assert!(Profile::WORKOS_AUTHKIT.keys(&KeySettings::of("https://api.workos.com")).is_err());
/// assert!(Profile::SPIFFE.keys(&KeySettings::of("spiffe://prod.example")).is_err());
/// # Ok::<(), throughline_identity::discovery::DiscoveryError>(())
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct KeySettings {
    discovered: DiscoveredKeys,
    client_id: Option<Box<str>>,
    jwks_url: Option<Box<str>>,
}

impl KeySettings {
    /// Those of `issuer`: its name, or the template of its names.
    pub fn of(issuer: &str) -> Self {
        Self {
            discovered: DiscoveredKeys::of(issuer),
            client_id: None,
            jwks_url: None,
        }
    }

    /// The client of ours that the issuer knows: some publish keys for each. Default: none.
    pub fn with_client_id(mut self, id: &str) -> Self {
        self.client_id = Some(id.into());
        self
    }

    /// States where the keys are, and nothing is discovered. The operator's word is enough for it,
    /// so it may be anywhere; plain `http` stays on this machine. Default: what the profile says.
    pub fn with_jwks_url(mut self, url: &str) -> Self {
        self.jwks_url = Some(url.into());
        self
    }

    /// As [`DiscoveredKeys::with_document`].
    pub fn with_document(mut self, url: &str) -> Self {
        self.discovered = self.discovered.with_document(url);
        self
    }

    /// As [`DiscoveredKeys::stating`].
    pub fn stating(mut self, issuer: &str) -> Self {
        self.discovered = self.discovered.stating(issuer);
        self
    }

    /// As [`DiscoveredKeys::or_oauth_metadata`].
    pub fn or_oauth_metadata(mut self) -> Self {
        self.discovered = self.discovered.or_oauth_metadata();
        self
    }

    /// As [`DiscoveredKeys::add_key_origin`].
    pub fn add_key_origin(mut self, origin: &str) -> Self {
        self.discovered = self.discovered.add_key_origin(origin);
        self
    }

    /// As [`DiscoveredKeys::in_private_network`].
    pub fn in_private_network(mut self) -> Self {
        self.discovered = self.discovered.in_private_network();
        self
    }
}

impl Profile {
    /// Where the keys of an issuer of this profile are fetched from. Nothing is fetched yet.
    ///
    /// # Errors
    ///
    /// The profile needs to be told more, or an address cannot be asked.
    pub fn keys(self, settings: &KeySettings) -> Result<KeySource, DiscoveryError> {
        if let Some(url) = &settings.jwks_url {
            return KeySource::url(url).map_err(|cause| address(url).caused_by(cause));
        }
        let incomplete = |what: &str| {
            DiscoveryError::new(
                DiscoveryErrorKind::Incomplete,
                format!("profile `{}` needs {what}", self.name()),
            )
        };
        match self.0.keys {
            KeysFrom::Address(template) => {
                let id = settings.client_id.as_deref().unwrap_or_default();
                let is_plain = |b: u8| b.is_ascii_alphanumeric() || b"-_".contains(&b);
                if id.is_empty() || !id.bytes().all(is_plain) {
                    return Err(incomplete("the client id, of `[A-Za-z0-9_-]`"));
                }
                let url = template.replace("{client_id}", id);
                let endpoint = Endpoint::new(&url, Reach::Internet)
                    .map_err(|cause| address(&url).caused_by(cause))?;
                Ok(KeySource::endpoint(endpoint))
            }
            KeysFrom::Configured => Err(incomplete("the address of the keys")),
            KeysFrom::Discovery => {
                let mut keys = settings.discovered.clone();
                if self == Self::GOOGLE {
                    // One of the two spellings of its `iss` has no scheme.
                    keys.issuer = GOOGLE.into();
                    keys.stated.get_or_insert_with(|| GOOGLE.into());
                    keys = keys.add_key_origin("https://www.googleapis.com");
                }
                if let Some((before, rest)) = settings.discovered.issuer.split_once('{') {
                    let (_, after) = rest.split_once('}').unwrap_or_default();
                    if self == Self::ENTRA {
                        keys.stated
                            .get_or_insert_with(|| format!("{before}{{tenantid}}{after}").into());
                        keys.issuer = format!("{before}common{after}").into();
                    } else if keys.document.is_none() || keys.stated.is_none() {
                        return Err(incomplete(
                            "the address of the keys, as the issuer is a template",
                        ));
                    }
                }
                keys.build()
            }
        }
    }
}

const GOOGLE: &str = "https://accounts.google.com";
