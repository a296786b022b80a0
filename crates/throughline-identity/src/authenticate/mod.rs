//! The layer at the edge: a foreign credential in, an admitted context behind.
//!
//! For each request, in this order:
//!
//! 1. **A context from outside is taken away**, look-alikes included. Nobody outside mints.
//! 2. **The credential is read**: one, at one place ([`CredentialSource`](crate::credential::CredentialSource)).
//!    None is left to the accept layer behind, which knows the exempt routes.
//! 3. **It is verified** by the issuer that it names ([`Issuers::verify`](crate::Issuers::verify)):
//!    kind, tenant and mapping included. An opaque one is answered for by its issuer.
//! 4. **It is compared** with every witness of the request, before anything is looked up for it.
//! 5. **Membership is confirmed**, where its issuer has somebody to ask.
//! 6. **A context is minted** through the [seam](MintContext), as of the time at which the issuer
//!    last knew, and the credential is taken out of the request.
//! 7. **It is accepted** like any context at a hop ([`throughline::accept`]): verified, compared and
//!    installed. There is no second way to an admitted context.
//!
//! On the way back no owned field leaves, a challenge names the metadata of the resource (RFC 9728
//! §5.1), and a response is marked so that no shared cache hands it to somebody else (RFC 9111
//! §3.5): `Cache-Control: private, no-store`, unless the handler said something as strict.
//!
//! # Caveats
//!
//! - A credential that is there is judged on exempt routes too: a bad one is refused, not ignored.
//! - Nothing here tells a browser's own request from one that another site made it send. Where a
//!   cookie is a credential, see [`CredentialSource::cookie`](crate::credential::CredentialSource::cookie).
//!
//! # Cancel safety
//!
//! A dropped request stops waiting. Fetches of keys go on for others.
//!
//! # Example
//!
//! ```
//! use axum::{Router, body::Body, routing::get};
//! use http::{Request, StatusCode};
//! use throughline::{Freshness, TenantContext, TrustDomain, Witness};
//! use throughline_core::TrustDomainName;
//! use throughline_identity::opaque::{LookUpError, OpaqueCredentials, Secret, Standing};
//! use throughline_identity::{
//!     Audience, AuthenticateLayer, Claims, Issuer, Issuers, Profile, Tenancy, TrustMap,
//! };
//! use throughline_jose::{SigningKey, TokenIssuer};
//! use tower::ServiceExt as _;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let tokens = TokenIssuer::new(TrustDomainName::new("prod.acme.internal")?, SigningKey::generate()?);
//! let domain = TrustDomain::new("prod.acme.internal")?
//!     .with_keys(tokens.key_source())
//!     .with_freshness(Freshness::lifetime_only(std::time::Duration::from_secs(300)));
//!
//! // One API key, of acme. Signed credentials need no source: see `AuthenticateLayer`.
//! let trust = TrustMap::new("identity team", "platform security");
//! let issuer = Issuer::builder("keys", Profile::API_KEYS)
//!     .named("https://keys.acme.example")
//!     .without_keys()
//!     .with_audience(Audience::none())
//!     .with_tenancy(Tenancy::claim("org"))
//!     .build()?;
//! let table = |key: Secret| async move {
//!     Ok::<_, LookUpError>(match key.danger_expose() {
//!         "sk_1" => Standing::Active(Claims::read(br#"{"sub": "key_01", "org": "acme"}"#)?),
//!         _ => Standing::Unknown,
//!     })
//! };
//! let keys = OpaqueCredentials::builder(issuer.clone(), trust.clone(), table).build()?;
//! let edge = AuthenticateLayer::builder(Issuers::new([issuer], trust)?, tokens, domain)
//!     .add_opaque(keys)
//!     .accepting(|accept| accept.add_witness(Witness::path("tenant")))
//!     .build()?;
//!
//! let app: Router = Router::new()
//!     .route("/t/{tenant}/orders", get(|cx: TenantContext| async move { cx.tenant().to_string() }))
//!     .layer(edge);
//! let call = async |path: &str, key: &str| -> Result<StatusCode, Box<dyn std::error::Error>> {
//!     let call = Request::get(path).header("authorization", format!("Bearer {key}"));
//!     Ok(app.clone().oneshot(call.body(Body::empty())?).await?.status())
//! };
//! assert_eq!(call("/t/acme/orders", "sk_1").await?, StatusCode::OK);
//! assert_eq!(call("/t/globex/orders", "sk_1").await?, StatusCode::FORBIDDEN);
//! assert_eq!(call("/t/acme/orders", "sk_2").await?, StatusCode::UNAUTHORIZED);
//! # Ok(())
//! # }
//! ```

mod decide;
mod future;
mod layer;
mod marks;
mod mint;
mod resource;
mod service;

pub use self::future::ResponseFuture;
pub use self::layer::{AuthenticateBuilder, AuthenticateLayer};
pub use self::mint::{MintContext, MintFuture, Minting};
pub use self::resource::ResourceMetadata;
pub use self::service::Authenticate;
