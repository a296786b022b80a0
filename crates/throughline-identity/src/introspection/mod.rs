//! Introspection (RFC 7662): the issuer is asked what stands behind an opaque token.
//!
//! [`Introspection`] is a source for [`OpaqueCredentials`](crate::OpaqueCredentials), which keeps
//! the answers and judges them:
//!
//! 1. **The endpoint is configured**, `https` or on this machine; no redirect is followed, and the
//!    client's secret goes nowhere else.
//! 2. **`active` is true, or it is not.** Anything but the two JSON booleans is refused: the text
//!    `"true"`, a number, nothing at all; and an answer in which it stands twice.
//! 3. **It was an access token.** Some issuers call refresh tokens active too: a `token_type` or
//!    `token_use` that says something else is refused. So is a token bound to a proof (`DPoP`), as
//!    nobody has seen the proof (RFC 9449 §7.2).
//! 4. **No answer is none.** Another status than 200, HTML, or what is no JSON: `keys_unavailable`.
//!
//! # Caveat
//!
//! A token that was withdrawn goes on for as long as the last answer counts
//! ([`OpaqueBuilder::with_max_age`](crate::opaque::OpaqueBuilder::with_max_age)).
//!
//! # Example
//!
//! ```no_run
//! use throughline_identity::opaque::{OpaqueCredentials, Secret};
//! use throughline_identity::{Audience, Introspection, Issuer, Profile, Tenancy, TrustMap};
//!
//! # fn secret_of_the_client() -> Secret { Secret::new("") }
//! let issuer = Issuer::builder("partners", Profile::OIDC)
//!     .named("https://id.example")
//!     .without_keys()
//!     .with_audience(Audience::one_of(["api://orders"]))
//!     .with_tenancy(Tenancy::claim("org"))
//!     .build()?;
//! let endpoint = Introspection::at(
//!     "https://id.example/introspect",
//!     "orders",
//!     secret_of_the_client(),
//! )?;
//! let trust = TrustMap::new("identity team", "platform security");
//! let tokens = OpaqueCredentials::builder(issuer, trust, endpoint).build()?;
//! # let _ = tokens;
//!
//! // The secret does not travel in plain text.
//! assert!(Introspection::at("http://id.example/", "orders", secret_of_the_client()).is_err());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderValue;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value};
use throughline_core::json;
use throughline_core::{Reason, Refusal};
use throughline_jose::endpoint::{Endpoint, Origin, Reach, UrlError};

use crate::claims::{Claims, invalid, missing};
use crate::opaque::{LookUpCredential, LookUpError, LookUpFuture, Secret, Standing};

/// The longest answer that is read.
const MAX_ANSWER_BYTES: usize = 64 * 1024;

/// An introspection endpoint, asked over HTTP. See the [module](self). `Debug` shows no secret.
#[derive(Clone)]
#[must_use]
pub struct Introspection {
    endpoint: Endpoint,
    client_id: Box<str>,
    secret: Secret,
    authentication: ClientAuthentication,
}

/// How we prove to the endpoint who asks (RFC 6749 §2.3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientAuthentication {
    /// In the field `Authorization`: `client_secret_basic`.
    Basic,
    /// In the form: `client_secret_post`.
    Post,
}

impl Introspection {
    /// The endpoint at `url`, asked in the name of `client_id`.
    ///
    /// # Errors
    ///
    /// `url` is no address to send a secret to.
    pub fn at(url: &str, client_id: &str, secret: Secret) -> Result<Self, UrlError> {
        let origin = Origin::parse(url)?;
        // The operator names it, so it may be anywhere; in plain text only on this machine.
        let reach = if origin.is_secure() || !origin.is_loopback() {
            Reach::Anywhere
        } else {
            Reach::Loopback
        };
        Ok(Self {
            endpoint: Endpoint::new(url, reach)?.keeping_connections(),
            client_id: client_id.into(),
            secret,
            authentication: ClientAuthentication::Basic,
        })
    }

    /// Replaces how we prove who asks. Default: [`ClientAuthentication::Basic`].
    pub fn with_authentication(mut self, authentication: ClientAuthentication) -> Self {
        self.authentication = authentication;
        self
    }

    /// RFC 7662 §2.1.
    async fn ask(self, token: Secret) -> Result<Standing, LookUpError> {
        let mut form = format!(
            "token={}&token_type_hint=access_token",
            encoded(token.danger_expose())
        );
        let id = encoded(&self.client_id);
        let secret = encoded(self.secret.danger_expose());
        let authorization = match self.authentication {
            ClientAuthentication::Basic => {
                let value = format!("Basic {}", STANDARD.encode(format!("{id}:{secret}")));
                let value = HeaderValue::try_from(value);
                Some(value.map_err(|_| LookUpError::unavailable("the client id is too long"))?)
            }
            ClientAuthentication::Post => {
                form.push_str(&format!("&client_id={id}&client_secret={secret}"));
                None
            }
        };
        let answer = self
            .endpoint
            .post_form(form, "application/json", authorization, MAX_ANSWER_BYTES)
            .await
            .map_err(|error| {
                let name = self.endpoint.name();
                LookUpError::unavailable(format!("introspection at `{name}`: {error}"))
            })?;
        standing(answer.body())
    }
}

impl LookUpCredential for Introspection {
    fn look_up(&self, credential: Secret) -> LookUpFuture {
        LookUpFuture::new(self.clone().ask(credential))
    }
}

/// RFC 6749 appendix B, where a blank may be `%20` as well.
fn encoded(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

/// RFC 7662 §2.2.
fn standing(answer: &[u8]) -> Result<Standing, LookUpError> {
    let members: Map<String, Value> = json::parse(answer).map_err(|error| {
        if error.is_duplicate_member() {
            LookUpError::from(
                Refusal::new(Reason::ClaimInvalid)
                    .because(format!("the answer of the introspection: {error}")),
            )
        } else {
            LookUpError::unavailable(format!("the answer of the introspection: {error}"))
        }
    })?;
    match members.get("active") {
        Some(Value::Bool(true)) => {}
        Some(Value::Bool(false)) => return Ok(Standing::Inactive),
        Some(_) => return Err(invalid("active", "is neither true nor false").into()),
        None => return Err(missing("active").into()),
    }
    let claims = Claims::from(members);
    for (claim, ours) in [
        ("token_type", &["bearer", "access_token"][..]),
        ("token_use", &["access", "access_token"][..]),
    ] {
        if let Some(found) = claims.text(claim)?
            && !ours.iter().any(|own| found.eq_ignore_ascii_case(own))
        {
            return Err(Refusal::new(Reason::TypeRefused)
                .at(throughline_core::Place::claim(claim))
                .because("is not that of an access token without a proof")
                .into());
        }
    }
    Ok(Standing::Active(claims))
}

impl fmt::Debug for Introspection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Introspection")
            .field("endpoint", &self.endpoint)
            .field("client_id", &self.client_id)
            .field("authentication", &self.authentication)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(answer: &str) -> Result<&'static str, String> {
        match standing(answer.as_bytes()) {
            Ok(Standing::Active(_)) => Ok("active"),
            Ok(Standing::Inactive) => Ok("inactive"),
            Ok(Standing::Revoked | Standing::Unknown) => Ok("other"),
            Err(error) => Err(error.to_string()),
        }
    }

    #[test]
    fn active_is_true_or_it_is_not() {
        assert_eq!(read(r#"{"active": true, "sub": "ada"}"#), Ok("active"));
        assert_eq!(read(r#"{"active": false}"#), Ok("inactive"));
        for odd in ["\"true\"", "1", "null", "[true]", "{}", "\"\""] {
            let refused = read(&format!(r#"{{"active": {odd}, "sub": "ada"}}"#)).unwrap_err();
            assert!(refused.starts_with("claim_invalid"), "{odd}: {refused}");
        }
        let refused = read(r#"{"sub": "ada"}"#).unwrap_err();
        assert!(refused.starts_with("claim_missing"), "{refused}");
        let refused = read(r#"{"active": false, "active": true}"#).unwrap_err();
        assert!(refused.starts_with("claim_invalid"), "{refused}");
        for down in ["", "<html>", "true", "[]", "{\"active\": true"] {
            let down = read(down).unwrap_err();
            assert!(down.starts_with("the answer"), "{down}");
        }
    }

    #[test]
    fn only_an_access_token_without_a_proof_counts() {
        for good in [
            r#""token_type": "Bearer""#,
            r#""token_type": "bearer""#,
            r#""token_type": "access_token""#,
            r#""token_use": "access_token", "token_type": "Bearer""#,
        ] {
            let answer = format!(r#"{{"active": true, {good}}}"#);
            assert_eq!(read(&answer), Ok("active"), "{good}");
        }
        for other in [
            r#""token_type": "refresh_token""#,
            r#""token_use": "refresh_token", "token_type": "Bearer""#,
            r#""token_type": "DPoP""#,
            r#""token_type": "N_A""#,
        ] {
            let refused = read(&format!(r#"{{"active": true, {other}}}"#)).unwrap_err();
            assert!(refused.starts_with("type_refused"), "{other}: {refused}");
        }
        let refused = read(r#"{"active": true, "token_type": null}"#).unwrap_err();
        assert!(refused.starts_with("claim_invalid"), "{refused}");
    }

    #[test]
    fn debug_shows_no_secret() {
        let secret = Secret::new("hunter2");
        let endpoint = Introspection::at("https://id.example/?key=hunter2", "us", secret).unwrap();
        assert!(!format!("{endpoint:?}").contains("hunter2"), "{endpoint:?}");
    }
}
