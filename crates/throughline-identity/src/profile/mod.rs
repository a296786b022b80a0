//! How the credentials of a vendor look: data, and one function that decides the kind.
//!
//! A profile says which `typ` and algorithms its issuer uses, which claims are always there, how
//! kinds are told apart, and for each kind which claim is the subject, the actor, the session and
//! the authority. Where it is the user's decision (audience, tenants), it says nothing.
//!
//! # Caveat
//!
//! A profile knows what its vendor documents. Claims that an administrator adds mean what the
//! administrator says, so none is read unless the configuration names it.
//!
//! # Example
//!
//! ```
//! use throughline_identity::Profile;
//!
//! let authkit = Profile::by_name("workos-authkit").ok_or("there is one")?;
//! assert_eq!(authkit.tenant_claim(), Some("org_id"));
//! assert!(!authkit.names(Some("client_01J")).is_empty());
//!
//! // A name that depends on the client is not guessed, and no profile is found by half its name.
//! assert!(authkit.names(None).is_empty());
//! assert!(Profile::by_name("workos").is_none());
//! # Ok::<(), &str>(())
//! ```

mod generic;
mod platforms;
mod vendors;
mod workos;

use std::fmt;
use std::time::Duration;

use throughline_core::{ActorKind, Reason, Refusal};
use throughline_jose::{Algorithm, TokenType};

use crate::claims::Claims;
use crate::kind::CredentialKind;

/// A profile. See the [module](self).
#[derive(Clone, Copy)]
pub struct Profile(pub(crate) &'static Facts);

/// What a profile says.
pub(crate) struct Facts {
    pub(crate) name: &'static str,
    /// For whom, in a few words.
    pub(crate) about: &'static str,
    pub(crate) types: TokenType,
    pub(crate) algorithms: &'static [Algorithm],
    /// The `use` of its keys, where it is not `sig` or absent.
    pub(crate) key_uses: Option<&'static [&'static str]>,
    /// The names of the issuer where the vendor fixes them; `{client_id}` is replaced.
    pub(crate) names: &'static [&'static str],
    pub(crate) keys: KeysFrom,
    /// The claim in which it says for whom a credential is.
    pub(crate) audience_claim: &'static str,
    /// Whether `iss` is in its credentials. If not, the trust domain in `sub` stands in for it.
    pub(crate) names_issuer: bool,
    /// Whether the configuration says what an `act` is, as no standard does.
    pub(crate) asks_for_actor: bool,
    /// Claims that are always there, beside `exp` and the subject.
    pub(crate) required: &'static [&'static str],
    /// The claim that names the tenant, where the vendor has one for it.
    pub(crate) tenant_claim: Option<&'static str>,
    /// Values of that claim which mean no tenant, but everybody who has none.
    pub(crate) nobodys: &'static [&'static str],
    /// Of an issuer that serves everybody in the world under one name: the claims whose listed values
    /// say who counts. Empty where whoever runs the issuer decides who has an account.
    pub(crate) everybodys: &'static [&'static str],
    pub(crate) decide: fn(&Claims, Option<ActorKind>) -> Result<CredentialKind, Refusal>,
    pub(crate) mappings: &'static [Mapping],
    pub(crate) max_lifetime: Duration,
}

/// Where the keys of an issuer are published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeysFrom {
    /// In the discovery document of the issuer (OpenID Connect Discovery 1.0 §4).
    Discovery,
    /// At an address that depends on the client id: `{client_id}` is replaced.
    Address(&'static str),
    /// Wherever the configuration says.
    Configured,
}

/// What the claims of one kind of credential mean.
pub(crate) struct Mapping {
    pub(crate) kind: CredentialKind,
    /// The principal.
    pub(crate) subject: &'static str,
    pub(crate) actor: Option<ActorFrom>,
    pub(crate) session: Option<&'static str>,
    /// The claims whose words are the authority, together.
    pub(crate) scope: &'static [&'static str],
    /// Claims that are always there in this kind.
    pub(crate) required: &'static [&'static str],
}

/// Who acts for the principal.
#[derive(Clone, Copy)]
pub(crate) struct ActorFrom {
    pub(crate) claim: &'static str,
    pub(crate) kind: ActorKind,
    pub(crate) session: Option<&'static str>,
    /// Whether the actor belongs to the tenant, or to whoever runs the platform.
    pub(crate) of_tenant: bool,
    /// Whether further actors are nested in it (RFC 8693 §4.1).
    pub(crate) nested: bool,
}

impl Profile {
    /// Amazon Cognito user pools: access tokens.
    pub const COGNITO: Self = Self(&vendors::COGNITO);
    /// Auth0, with or without Organizations: access tokens.
    pub const AUTH0: Self = Self(&vendors::AUTH0);
    /// Clerk: session tokens.
    pub const CLERK: Self = Self(&vendors::CLERK);
    /// Microsoft Entra ID: access tokens of version 2.
    pub const ENTRA: Self = Self(&vendors::ENTRA);
    /// Google: ID tokens of a workspace and of service accounts.
    pub const GOOGLE: Self = Self(&vendors::GOOGLE);
    /// Keycloak: access tokens.
    pub const KEYCLOAK: Self = Self(&vendors::KEYCLOAK);
    /// Kubernetes: projected tokens of service accounts.
    pub const KUBERNETES: Self = Self(&platforms::KUBERNETES);
    /// Okta: access tokens of a custom authorisation server.
    pub const OKTA: Self = Self(&vendors::OKTA);
    /// Any issuer of access tokens as RFC 9068 wants them.
    pub const RFC9068: Self = Self(&generic::RFC9068);
    /// Any OpenID provider whose access tokens have no `typ`.
    pub const OIDC: Self = Self(&generic::OIDC);
    /// SPIFFE: JWT-SVIDs.
    pub const SPIFFE: Self = Self(&platforms::SPIFFE);
    /// WorkOS AuthKit: sessions, with or without an impersonating admin, and agents.
    pub const WORKOS_AUTHKIT: Self = Self(&workos::AUTHKIT);
    /// WorkOS Connect and MCP: tokens of an OAuth application, and of a machine.
    pub const WORKOS_CONNECT: Self = Self(&workos::CONNECT);

    /// Every profile, by name.
    pub const ALL: [Self; 13] = [
        Self::AUTH0,
        Self::CLERK,
        Self::COGNITO,
        Self::ENTRA,
        Self::GOOGLE,
        Self::KEYCLOAK,
        Self::KUBERNETES,
        Self::OIDC,
        Self::OKTA,
        Self::RFC9068,
        Self::SPIFFE,
        Self::WORKOS_AUTHKIT,
        Self::WORKOS_CONNECT,
    ];

    /// The name in a configuration.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.0.name
    }

    /// For whom it is, in a few words.
    #[must_use]
    pub const fn about(self) -> &'static str {
        self.0.about
    }

    /// The profile of that name.
    #[must_use]
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|profile| profile.name() == name)
    }

    /// The kinds of credential it can tell apart.
    pub fn kinds(self) -> impl Iterator<Item = CredentialKind> {
        self.0.mappings.iter().map(|mapping| mapping.kind)
    }

    /// The claim that names the tenant, where the vendor has one for it.
    #[must_use]
    pub const fn tenant_claim(self) -> Option<&'static str> {
        self.0.tenant_claim
    }

    /// The exact names of the issuer, where the vendor fixes them. One that depends on the client
    /// needs `client_id`.
    #[must_use]
    pub fn names(self, client_id: Option<&str>) -> Vec<String> {
        let named = self.0.names.iter().filter_map(|name| {
            let needs_client = name.contains("{client_id}");
            match client_id {
                Some(client) => Some(name.replace("{client_id}", client)),
                None => (!needs_client).then(|| (*name).to_owned()),
            }
        });
        // A client that was not named leaves no name at all: half of them would be a guess.
        let complete =
            client_id.is_some() || !self.0.names.iter().any(|it| it.contains("{client_id}"));
        if complete {
            named.collect()
        } else {
            Vec::new()
        }
    }

    pub(crate) fn mapping(self, kind: CredentialKind) -> Option<&'static Mapping> {
        self.0.mappings.iter().find(|mapping| mapping.kind == kind)
    }
}

impl PartialEq for Profile {
    fn eq(&self, other: &Self) -> bool {
        self.name() == other.name()
    }
}

impl Eq for Profile {}

impl fmt::Debug for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Profile").field(&self.name()).finish()
    }
}

/// The kind cannot be told, so nothing is mapped.
pub(crate) fn unknown_kind(why: &str) -> Refusal {
    Refusal::new(Reason::TypeRefused).because(format!("the kind of the credential: {why}"))
}

const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// No `typ`, or one that types nothing.
const UNTYPED: TokenType = TokenType::Foreign {
    types: &[],
    untyped: true,
};
