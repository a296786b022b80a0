//! How a refusal leaves a hop: problem details for the client, a line for the log, one id in both.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, WWW_AUTHENTICATE};
use http::{HeaderValue, Response, StatusCode};
use throughline_core::reason::Position;
use throughline_core::{Reason, Refusal};

/// Names one refusal: what the client sees and the log explains. 128 random bits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct RefusalId([u8; 16]);

impl RefusalId {
    fn random() -> Self {
        let mut bytes = [0; 16];
        // Without randomness ids repeat, which costs a search in the log and nothing else.
        let _ = aws_lc_rs::rand::fill(&mut bytes);
        // A version 4 UUID (RFC 9562 §5.4), so that `urn:uuid:` is true.
        bytes[6] = bytes[6] & 0x0f | 0x40;
        bytes[8] = bytes[8] & 0x3f | 0x80;
        Self(bytes)
    }
}

impl fmt::Display for RefusalId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, byte) in self.0.iter().enumerate() {
            if matches!(n, 4 | 6 | 8 | 10) {
                f.write_str("-")?;
            }
            write!(f, "{byte:02x}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for RefusalId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RefusalId({self})")
    }
}

/// A call that was refused, or would have been.
///
/// It is found in the extensions of the response, where metrics and logs read the typed reason.
/// As a response it is `application/problem+json` (RFC 9457):
///
/// ```json
/// {
///   "type": "https://docs.rs/throughline-core/…#variant.TenantMismatch",
///   "title": "the request and its context name different tenants",
///   "status": 403,
///   "instance": "urn:uuid:0b9e7c8e-9d55-4a6c-8a43-1b8f4f7b6d1e",
///   "reason": "tenant_mismatch",
///   "place": "header `x-tenant`"
/// }
/// ```
///
/// Nothing in it names a tenant, a subject, a key, an issuer or a policy.
#[derive(Clone)]
pub struct Refused(Arc<Inner>);

struct Inner {
    refusal: Refusal,
    id: RefusalId,
    position: Position,
    challenge: Challenge,
}

/// What a `WWW-Authenticate` challenge asks for (RFC 6750 §3, RFC 9470 §3).
#[derive(Clone, Debug, Default)]
pub(crate) struct Challenge {
    pub(crate) scope: Option<Box<str>>,
    pub(crate) max_age: Option<Duration>,
    pub(crate) classes: Option<Box<str>>,
}

impl Refused {
    pub(crate) fn new(refusal: Refusal, position: Position) -> Self {
        Self::with_challenge(refusal, position, Challenge::default())
    }

    pub(crate) fn with_challenge(
        refusal: Refusal,
        position: Position,
        challenge: Challenge,
    ) -> Self {
        Self(Arc::new(Inner {
            refusal,
            id: RefusalId::random(),
            position,
            challenge,
        }))
    }

    /// Why.
    #[must_use]
    pub fn reason(&self) -> Reason {
        self.0.refusal.reason()
    }

    /// Why and where, with what only the log may know.
    #[must_use]
    pub fn refusal(&self) -> &Refusal {
        &self.0.refusal
    }

    /// The id that the client sees and the log explains.
    #[must_use]
    pub fn id(&self) -> RefusalId {
        self.0.id
    }

    /// The HTTP status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.reason().http_status(self.0.position))
            .unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// The answer to the client: problem details with the id, and a challenge where a standard asks
    /// for one. The refusal itself is in the response's extensions.
    #[must_use]
    pub fn to_response(&self) -> Response<Bytes> {
        let reason = self.reason();
        let mut problem = serde_json::Map::new();
        let mut member = |name: &str, value: serde_json::Value| problem.insert(name.into(), value);
        member("type", reason.link().into());
        member("title", reason.client_text().into());
        member("status", self.status().as_u16().into());
        member("instance", format!("urn:uuid:{}", self.0.id).into());
        member("reason", reason.code().into());
        if let Some(place) = self.0.refusal.place() {
            member("place", place.to_string().into());
        }
        let mut response = Response::new(Bytes::from(serde_json::Value::from(problem).to_string()));
        *response.status_mut() = self.status();
        let headers = response.headers_mut();
        headers.insert(
            CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(challenge) = self.challenge() {
            headers.insert(WWW_AUTHENTICATE, challenge);
        }
        response.extensions_mut().insert(self.clone());
        response
    }

    fn challenge(&self) -> Option<HeaderValue> {
        let Inner {
            position,
            challenge,
            ..
        } = &*self.0;
        let error = self.reason().bearer_error(*position);
        if error.is_none() && self.status() != StatusCode::UNAUTHORIZED {
            return None;
        }
        let mut parameters = Vec::new();
        if let Some(error) = error {
            parameters.push(format!("error=\"{error}\""));
        }
        if self.reason() == Reason::AuthenticationStale {
            parameters.extend(
                challenge
                    .classes
                    .as_ref()
                    .map(|list| format!("acr_values=\"{list}\"")),
            );
            parameters.extend(
                challenge
                    .max_age
                    .map(|age| format!("max_age=\"{}\"", age.as_secs())),
            );
        }
        if self.reason() == Reason::ScopeInsufficient {
            parameters.extend(
                challenge
                    .scope
                    .as_ref()
                    .map(|scope| format!("scope=\"{scope}\"")),
            );
        }
        let challenge = format!("Bearer {}", parameters.join(", "));
        HeaderValue::from_str(challenge.trim_end()).ok()
    }
}

/// The log's sentence.
impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.refusal.fmt(f)
    }
}

impl fmt::Debug for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Refused({}, {self})", self.0.id)
    }
}

impl std::error::Error for Refused {}
