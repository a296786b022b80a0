//! Where a request carries its credential.
//!
//! A [`CredentialSource`] looks at one place and answers with [`Found`], and there is no order of
//! preference between places:
//!
//! 1. All sources look at the whole request. Two that find something are ambiguous, equal or not
//!    (RFC 6750 §2: one method in each request).
//! 2. A source that rejects ends it: what cannot be read is not absent.
//! 3. The credential is taken out of the request before the handler runs, and is forwarded nowhere.
//!
//! # Caveat
//!
//! What a [`CredentialSource::custom`] found stays in the request, as nothing says where it was: take
//! it out behind the layer, before anything is forwarded.
//!
//! # Example
//!
//! ```
//! use throughline_core::Reason;
//! use throughline_identity::credential::{CredentialSource, Found, Token};
//!
//! // Absent is for others to answer; twice, or unreadable, is refused.
//! let api_key = CredentialSource::custom("field `x-api-key`", |request| {
//!     let mut values = request.headers().get_all("x-api-key").iter();
//!     match (values.next(), values.next()) {
//!         (None, _) => Found::NotApplicable,
//!         (Some(one), None) => Found::Token(Token::new(one.as_bytes().to_vec())),
//!         (Some(_), Some(_)) => Found::Rejected(Reason::ContextAmbiguous.into()),
//!     }
//! });
//! # let _ = api_key;
//! ```

mod bearer;
mod cookie;
mod websocket;

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use http::HeaderMap;
use throughline::RequestView;
use throughline_core::{Place, Reason, Refusal};

/// The longest credential that is read, in bytes. Sessions with many permissions come close to 8
/// KiB, and no proxy lets 16 through.
pub const MAX_CREDENTIAL_BYTES: usize = 16 * 1024;

/// What a source found.
#[derive(Clone, Debug)]
pub enum Found {
    /// Nothing that is for this source.
    NotApplicable,
    /// Something that is for this source, and cannot be a credential.
    Rejected(Refusal),
    /// A credential, unverified.
    Token(Token),
}

/// A credential, unverified. `Debug` shows its length.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(Bytes);

impl Token {
    /// Wraps the bytes of a credential.
    #[must_use]
    pub fn new(bytes: impl Into<Bytes>) -> Self {
        Self(bytes.into())
    }

    pub(crate) fn bytes(&self) -> &Bytes {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Token({} bytes)", self.0.len())
    }
}

/// A place of a request that may carry a credential. See the [module](self).
#[derive(Clone)]
#[must_use]
pub struct CredentialSource(Kind);

#[derive(Clone)]
enum Kind {
    Bearer,
    Cookie(Box<str>),
    Custom {
        place: &'static str,
        resolve: Arc<dyn Fn(&RequestView<'_>) -> Found + Send + Sync>,
    },
    WebSocket(Box<str>),
}

impl CredentialSource {
    /// `Authorization: Bearer` (RFC 6750 §2.1).
    pub fn bearer() -> Self {
        Self(Kind::Bearer)
    }

    /// The cookie `name`.
    ///
    /// A browser sends it with requests that other sites start. Set it `SameSite=Strict` or `Lax`,
    /// or have something in front that refuses those.
    pub fn cookie(name: impl Into<Box<str>>) -> Self {
        Self(Kind::Cookie(name.into()))
    }

    /// The subprotocol after `marker` in `Sec-WebSocket-Protocol`, for browsers, which cannot set
    /// other fields of a handshake: `marker, TOKEN`. The marker stays for the handler to choose.
    pub fn websocket_protocol(marker: impl Into<Box<str>>) -> Self {
        Self(Kind::WebSocket(marker.into()))
    }

    /// Whatever `resolve` finds. `place` names it in refusals. The request is left as it is.
    pub fn custom(
        place: &'static str,
        resolve: impl Fn(&RequestView<'_>) -> Found + Send + Sync + 'static,
    ) -> Self {
        Self(Kind::Custom {
            place,
            resolve: Arc::new(resolve),
        })
    }

    fn find(&self, request: &RequestView<'_>) -> Found {
        let found = match &self.0 {
            Kind::Bearer => bearer::find(request.headers()),
            Kind::Cookie(name) => cookie::find(request.headers(), name),
            Kind::Custom { resolve, .. } => resolve(request),
            Kind::WebSocket(marker) => websocket::find(request.headers(), marker),
        };
        match found {
            Found::Token(Token(bytes)) if bytes.len() > MAX_CREDENTIAL_BYTES => Found::Rejected(
                Refusal::new(Reason::ContextOversized)
                    .at(self.place())
                    .because(format!("{} bytes", bytes.len())),
            ),
            Found::Token(Token(bytes)) if bytes.is_empty() => {
                Found::Rejected(Refusal::new(Reason::ContextMalformed).at(self.place()))
            }
            found @ (Found::NotApplicable | Found::Rejected(_) | Found::Token(_)) => found,
        }
    }

    /// Takes the credential out of a request.
    pub(crate) fn remove(&self, headers: &mut HeaderMap) {
        match &self.0 {
            Kind::Bearer => bearer::remove(headers),
            Kind::Cookie(name) => cookie::remove(headers, name),
            Kind::Custom { .. } => {}
            Kind::WebSocket(marker) => websocket::remove(headers, marker),
        }
    }

    fn place(&self) -> Place {
        match &self.0 {
            Kind::Bearer => Place::header("authorization"),
            Kind::Cookie(name) => Place::new("cookie", name.to_string()),
            Kind::Custom { place, .. } => Place::new("credential", *place),
            Kind::WebSocket(_) => Place::header("sec-websocket-protocol"),
        }
    }

    /// What makes two sources look at the same place.
    pub(crate) fn key(&self) -> String {
        self.place().to_string()
    }
}

impl fmt::Debug for CredentialSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CredentialSource({})", self.place())
    }
}

/// The one credential of a request, if it has one.
pub(crate) fn find(
    sources: &[CredentialSource],
    request: &RequestView<'_>,
) -> Result<Option<Token>, Refusal> {
    let mut found = None;
    for source in sources {
        match source.find(request) {
            Found::NotApplicable => {}
            Found::Rejected(refusal) => return Err(refusal),
            Found::Token(token) if found.is_none() => found = Some(token),
            Found::Token(_) => {
                return Err(Refusal::new(Reason::ContextAmbiguous)
                    .at(source.place())
                    .because("carries a second credential"));
            }
        }
    }
    Ok(found)
}

fn ambiguous(place: &'static str) -> Found {
    Found::Rejected(Refusal::new(Reason::ContextAmbiguous).at(Place::header(place)))
}

fn malformed(place: &'static str) -> Found {
    Found::Rejected(Refusal::new(Reason::ContextMalformed).at(Place::header(place)))
}

#[cfg(test)]
mod tests;
