//! The edge: whose word counts, about whom, for which tenant.
//!
//! A foreign credential becomes one verified answer: who acts, for which tenant, with what
//! authority, as of when. What it takes to get there is decided per [`Issuer`], and no two issuers
//! are pooled: see [`issuer`] for the rules and [`Issuers::verify`] for the order.
//!
//! Where to start:
//!
//! - [`AuthenticateLayer::from_config`]: the whole edge from one file ([`config`]). For most, this
//!   is all.
//! - [`AuthenticateLayer::builder`]: the same in code ([`authenticate`]), with memberships
//!   ([`membership`]), opaque tokens and API keys ([`opaque`]), cookies ([`credential`]).
//! - [`Issuers`]: only the verdict on a credential, without a web server.
//!
//! # Caveats
//!
//! - A credential that outlives its session is believed until it ends, unless something knows
//!   better: a freshness feed behind the edge, or [`membership`].
//! - What an admin of a tenant can write into a claim is that tenant's word, whoever signed it. So
//!   attributes count only from their owners ([`TrustMap`]), and a tenant's id is never made from
//!   parts that may be empty ([`Tenancy::joined_by`]).
//!
//! # Example
//!
//! ```
//! use throughline_core::{Reason, Tenant};
//! use throughline_identity::{Audience, Issuer, Issuers, Profile, Tenancy, TrustMap};
//! use throughline_jose::{KeySet, KeySource};
//! # use throughline_core::time::{Clock as _, Timestamp};
//! # use throughline_jose::SystemClock;
//! # let key = throughline_jose::SigningKey::generate()?;
//! # let pair = aws_lc_rs::signature::Ed25519KeyPair::from_pkcs8(&key.danger_to_pkcs8()?)?;
//! # let jwks = format!(r#"{{"keys": [{}]}}"#, key.public_jwk());
//! # let keys = || KeySet::parse(jwks.as_bytes(), &Default::default());
//!
//! let issuers = Issuers::new(
//!     [Issuer::builder("workforce", Profile::RFC9068)
//!         .named("https://id.example")
//!         .with_keys(KeySource::set(keys()?))
//!         .with_audience(Audience::one_of(["api://orders"]))
//!         .with_tenancy(Tenancy::claim("org").only([Tenant::new("acme")?]))
//!         .build()?],
//!     TrustMap::new("identity team", "platform security"),
//! )?;
//! # let now = SystemClock.now();
//! # let sign = |org: &str| {
//! #     use base64::Engine as _;
//! #     let b64 = base64::engine::general_purpose::URL_SAFE_NO_PAD;
//! #     let header = format!(r#"{{"typ":"at+jwt","alg":"EdDSA","kid":"{}"}}"#, key.kid());
//! #     let (iat, exp) = (now.as_unix(), now.as_unix() + 300);
//! #     let claims = format!(r#"{{"iss":"https://id.example","aud":"api://orders","sub":"ada",
//! #         "client_id":"web","jti":"1","org":"{org}","iat":{iat},"exp":{exp}}}"#);
//! #     let input = format!("{}.{}", b64.encode(header), b64.encode(claims));
//! #     format!("{input}.{}", b64.encode(pair.sign(input.as_bytes())))
//! # };
//! # let [token, token_of_globex] = [sign("acme"), sign("globex")];
//!
//! let ada = issuers.verify(token.as_bytes(), now)?;
//! assert_eq!(ada.principal().to_string(), "workforce/acme/ada");
//!
//! // Well signed, and for a tenant that nobody registered.
//! let refusal = issuers.verify(token_of_globex.as_bytes(), now).unwrap_err();
//! assert_eq!(refusal.reason(), Reason::TenantInvalid);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod audience;
pub mod authenticate;
mod claims;
pub mod config;
pub mod credential;
pub mod discovery;
mod identity;
pub mod introspection;
pub mod issuer;
mod kind;
pub mod membership;
pub mod opaque;
pub mod profile;
mod tenancy;
mod trust;

pub use self::audience::Audience;
pub use self::authenticate::{Authenticate, AuthenticateBuilder, AuthenticateLayer};
pub use self::claims::Claims;
pub use self::config::{EdgeConfig, EdgeConfigError};
pub use self::identity::Identity;
pub use self::introspection::Introspection;
pub use self::issuer::{Issuer, IssuerBuilder, IssuerError, Issuers, IssuersError};
pub use self::kind::CredentialKind;
pub use self::membership::Memberships;
pub use self::opaque::OpaqueCredentials;
pub use self::profile::Profile;
pub use self::tenancy::Tenancy;
pub use self::trust::{TrustError, TrustMap, TrustRow};
