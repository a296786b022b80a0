//! How a refusal leaves a hop: problem details for the client, a line for the log, one id in both.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, WWW_AUTHENTICATE};
use http::{HeaderValue, Response, StatusCode};
use throughline_core::reason::Position;
use throughline_core::{Reason, Refusal};

use crate::protocol::Protocol;

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
/// A gRPC or gRPC-Web request is answered in gRPC's form: HTTP 200 with `grpc-status`, the client's sentence as
/// `grpc-message`, and the metadata `throughline-reason` and `throughline-refusal-id`.
///
/// Nothing in it names a tenant, a subject, a key, an issuer or a policy.
#[derive(Clone)]
pub struct Refused(Arc<Inner>);

#[derive(Clone)]
struct Inner {
    refusal: Refusal,
    id: RefusalId,
    position: Position,
    protocol: Protocol,
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
    /// Refuses a call with a new id: for middleware of one's own that answers the way these layers
    /// do, such as an edge that takes a foreign credential.
    #[must_use]
    pub fn new(refusal: Refusal, position: Position) -> Self {
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
            protocol: Protocol::Http,
            challenge,
        }))
    }

    /// Replaces the protocol it is answered in. Default: [`Protocol::Http`].
    #[must_use]
    pub fn over(mut self, protocol: Protocol) -> Self {
        Arc::make_mut(&mut self.0).protocol = protocol;
        self
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
    /// for one; or a gRPC status. The refusal itself is in the response's extensions.
    #[must_use]
    pub fn to_response(&self) -> Response<Bytes> {
        let mut response = match self.0.protocol {
            Protocol::Grpc => self.to_status("application/grpc"),
            Protocol::GrpcWeb => self.to_status("application/grpc-web+proto"),
            Protocol::Http => self.to_problem(),
        };
        response.extensions_mut().insert(self.clone());
        response
    }

    /// "Trailers-Only" of the gRPC specification: the status stands in the header fields.
    fn to_status(&self, content_type: &'static str) -> Response<Bytes> {
        let reason = self.reason();
        let mut response = Response::new(Bytes::new());
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        // It is a success to HTTP, which some cache might keep.
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(
            "grpc-status",
            HeaderValue::from(u16::from(reason.grpc_code().number())),
        );
        // Percent-coding would be needed for bytes that these sentences do not have.
        headers.insert(
            "grpc-message",
            HeaderValue::from_static(reason.client_text()),
        );
        headers.insert(
            "throughline-reason",
            HeaderValue::from_static(reason.code()),
        );
        if let Ok(id) = HeaderValue::from_str(&self.0.id.to_string()) {
            headers.insert("throughline-refusal-id", id);
        }
        response
    }

    fn to_problem(&self) -> Response<Bytes> {
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

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use serde_json::Value;
    use throughline_core::Place;

    use super::*;

    const SECRETS: [&str; 8] = [
        "acme",
        "globex",
        "ada@okta",
        "key-1",
        "tokens.example",
        "policy-7",
        "eyJ",
        "SECRET",
    ];

    fn refused(reason: Reason, position: Position) -> Refused {
        let detail = "is `globex`, context says `acme`: ada@okta key-1 tokens.example policy-7 eyJ";
        let refusal = Refusal::new(reason)
            .at(Place::header("x-tenant"))
            .because(detail);
        Refused::new(refusal, position)
    }

    fn both() -> impl Iterator<Item = (Reason, Position)> {
        let all = Reason::ALL.iter().copied();
        all.flat_map(|reason| [(reason, Position::Edge), (reason, Position::Inside)])
    }

    #[test]
    fn a_grpc_request_is_refused_with_a_status_and_says_as_little() {
        let grpc = (Protocol::Grpc, "application/grpc");
        let web = (Protocol::GrpcWeb, "application/grpc-web+proto");
        let all = both().flat_map(|what| [(what, grpc), (what, web)]);
        for ((reason, position), (protocol, content_type)) in all {
            let refused = refused(reason, position).over(protocol);
            let response = refused.to_response();
            assert_eq!(response.status(), 200, "{reason}");
            let text = |name: &str| response.headers()[name].to_str().unwrap();
            assert_eq!(text("content-type"), content_type);
            assert_eq!(text("cache-control"), "no-store");
            assert_eq!(text("grpc-status"), reason.grpc_code().number().to_string());
            assert_eq!(text("grpc-message"), reason.client_text());
            assert!(
                text("grpc-message")
                    .bytes()
                    .all(|b| (0x20..0x7f).contains(&b) && b != b'%')
            );
            assert_eq!(text("throughline-reason"), reason.code());
            assert_eq!(text("throughline-refusal-id"), refused.id().to_string());
            assert!(response.body().is_empty());
            let all = format!("{:?}", response.headers());
            assert!(SECRETS.iter().all(|secret| !all.contains(secret)), "{all}");
        }
    }

    #[test]
    fn no_answer_to_a_client_says_what_only_the_log_may_know() {
        for (reason, position) in both() {
            let refused = refused(reason, position);
            assert!(refused.to_string().contains("acme"), "the log must know");
            let response = refused.to_response();
            let headers = response.headers().iter();
            let mut text: String = headers
                .map(|(name, value)| format!("{name}: {}\n", value.to_str().unwrap()))
                .collect();
            text.push_str(str::from_utf8(response.body()).unwrap());
            for secret in SECRETS {
                assert!(!text.contains(secret), "{reason}: {secret} in {text}");
            }
        }
    }

    #[test]
    fn an_answer_is_problem_details_with_the_reason_and_the_id() {
        for (reason, position) in both() {
            let refused = refused(reason, position);
            let response = refused.to_response();
            assert_eq!(response.headers()[CONTENT_TYPE], "application/problem+json");
            assert_eq!(response.headers()[CACHE_CONTROL], "no-store");
            let status = reason.http_status(position);
            assert_eq!(response.status().as_u16(), status);
            let problem: Value = serde_json::from_slice(response.body()).unwrap();
            let expected = serde_json::json!({
                "type": reason.link(),
                "title": reason.client_text(),
                "status": status,
                "instance": format!("urn:uuid:{}", refused.id()),
                "reason": reason.code(),
                "place": "header `x-tenant`",
            });
            assert_eq!(problem, expected);
            let carried = response.extensions().get::<Refused>().unwrap();
            assert_eq!((carried.reason(), carried.id()), (reason, refused.id()));
        }
        let nowhere = Refused::new(Reason::KeyUnknown.into(), Position::Inside).to_response();
        let problem: Value = serde_json::from_slice(nowhere.body()).unwrap();
        assert_eq!(problem.get("place"), None);
    }

    #[test]
    fn an_id_is_a_uuid_of_version_4_and_no_two_are_alike() {
        let mut ids = HashSet::new();
        for _ in 0..1000 {
            let id = RefusalId::random().to_string();
            let parts: Vec<&str> = id.split('-').collect();
            let lengths: Vec<usize> = parts.iter().map(|part| part.len()).collect();
            assert_eq!(lengths, [8, 4, 4, 4, 12], "{id}");
            let is_hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
            assert!(parts.concat().bytes().all(is_hex), "{id}");
            assert!(parts[2].starts_with('4'), "{id}");
            assert!(parts[3].starts_with(['8', '9', 'a', 'b']), "{id}");
            assert!(ids.insert(id), "an id came twice");
        }
    }

    #[test]
    fn challenges_are_those_of_the_standards() {
        let challenge = Challenge {
            scope: Some("orders.read payments.create".into()),
            max_age: Some(Duration::from_secs(300)),
            classes: Some("urn:loa3 urn:loa2".into()),
        };
        let answer = |reason: Reason, position| {
            let refused = Refused::with_challenge(reason.into(), position, challenge.clone());
            let challenge = refused
                .to_response()
                .headers()
                .get(WWW_AUTHENTICATE)
                .cloned();
            challenge.map(|value| value.to_str().unwrap().to_owned())
        };
        let (edge, inside) = (Position::Edge, Position::Inside);
        // RFC 6750 §3: no error code for a request that brought no credential.
        let missing = answer(Reason::ContextMissing, edge);
        assert_eq!(missing.as_deref(), Some("Bearer"));
        // RFC 6750 §3.1.
        let expired = answer(Reason::ContextExpired, edge);
        assert_eq!(expired.as_deref(), Some("Bearer error=\"invalid_token\""));
        let scope = "Bearer error=\"insufficient_scope\", scope=\"orders.read payments.create\"";
        let insufficient = answer(Reason::ScopeInsufficient, edge);
        assert_eq!(insufficient.as_deref(), Some(scope));
        // RFC 9470 §3, inside too.
        let stale = "Bearer error=\"insufficient_user_authentication\", \
                     acr_values=\"urn:loa3 urn:loa2\", max_age=\"300\"";
        for position in [edge, inside] {
            let answer = answer(Reason::AuthenticationStale, position);
            assert_eq!(answer.as_deref(), Some(stale));
        }
        for (reason, position) in both() {
            let expected =
                reason.bearer_error(position).is_some() || reason.http_status(position) == 401;
            let found = answer(reason, position).is_some();
            assert_eq!(found, expected, "{reason} at {position:?}");
        }
    }
}
