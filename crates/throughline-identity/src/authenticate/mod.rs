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
//! # Cancel safety
//!
//! A dropped request stops waiting. Fetches of keys go on for others.
//!
//! # Example
//!
//! See the crate's [`AuthenticateLayer`].

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
