//! A refusal: the reason, the place it was found at, and what the log should know.

use std::borrow::Cow;
use std::error::Error;
use std::fmt::{self, Write as _};

use crate::reason::Reason;

/// How much of a found value the log shows, in characters.
const SHOWN: usize = 96;

/// Where something was found: a kind of place and its name.
///
/// A place is configuration or protocol, never a value: a client may see it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Place {
    kind: &'static str,
    name: Cow<'static, str>,
}

impl Place {
    /// A place of some `kind` (as in `header`) with a `name` (as in `x-tenant`).
    #[must_use]
    pub fn new(kind: &'static str, name: impl Into<Cow<'static, str>>) -> Self {
        Self {
            kind,
            name: name.into(),
        }
    }

    /// An HTTP header field, gRPC metadata key or message attribute.
    #[must_use]
    pub fn header(name: impl Into<Cow<'static, str>>) -> Self {
        Self::new("header", name)
    }

    /// A claim of the token, by its path (`tctx.tenant`).
    #[must_use]
    pub fn claim(path: impl Into<Cow<'static, str>>) -> Self {
        Self::new("claim", path)
    }

    /// The kind of place.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        self.kind
    }

    /// The name of the place.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} `{}`", self.kind, self.name)
    }
}

/// Why a call was refused.
///
/// [`Display`](fmt::Display) is the log's sentence and may name tenants;
/// [`client_text`](Refusal::client_text) is the client's and never does.
///
/// ```
/// use throughline_core::{Place, Reason, Refusal};
///
/// let refusal = Refusal::new(Reason::TenantMismatch)
///     .at(Place::header("x-tenant"))
///     .because_differs("globex", "acme");
/// assert_eq!(
///     refusal.to_string(),
///     "tenant_mismatch: the tenants differ: header `x-tenant` is `globex`, context says `acme`",
/// );
/// assert_eq!(refusal.client_text(), "the request and its context name different tenants");
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Refusal(Box<Inner>);

#[derive(Clone, PartialEq, Eq)]
struct Inner {
    reason: Reason,
    place: Option<Place>,
    detail: Option<String>,
}

impl Refusal {
    /// A refusal for `reason`.
    #[must_use]
    pub fn new(reason: Reason) -> Self {
        Self(Box::new(Inner {
            reason,
            place: None,
            detail: None,
        }))
    }

    /// Says where it was found.
    #[must_use]
    pub fn at(mut self, place: Place) -> Self {
        self.0.place = Some(place);
        self
    }

    /// Says more, to the log only.
    #[must_use]
    pub fn because(mut self, detail: impl Into<String>) -> Self {
        self.0.detail = Some(detail.into());
        self
    }

    /// Says what was found and what the context says, to the log only.
    #[must_use]
    pub fn because_differs(self, found: impl AsRef<[u8]>, context: impl fmt::Display) -> Self {
        let found = shown(found.as_ref());
        self.because(format!("is `{found}`, context says `{context}`"))
    }

    /// The reason.
    #[must_use]
    pub fn reason(&self) -> Reason {
        self.0.reason
    }

    /// Where it was found, if that is one place.
    #[must_use]
    pub fn place(&self) -> Option<&Place> {
        self.0.place.as_ref()
    }

    /// The client's sentence: no tenant, key, issuer or policy in it.
    #[must_use]
    pub fn client_text(&self) -> &'static str {
        self.0.reason.client_text()
    }

    /// What only the log may know, beyond reason and place.
    #[must_use]
    pub fn detail(&self) -> Option<&str> {
        self.0.detail.as_deref()
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner {
            reason,
            place,
            detail,
        } = &*self.0;
        write!(f, "{reason}: {}", reason.log_text())?;
        match (place, detail) {
            (Some(place), Some(detail)) => write!(f, ": {place} {detail}"),
            (Some(place), None) => write!(f, ": {place}"),
            (None, Some(detail)) => write!(f, ": {detail}"),
            (None, None) => Ok(()),
        }
    }
}

impl fmt::Debug for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Refusal({self})")
    }
}

impl Error for Refusal {}

impl From<Reason> for Refusal {
    fn from(reason: Reason) -> Self {
        Self::new(reason)
    }
}

/// Makes bytes of a stranger fit for a log line: printable, one line, short, and no token, which a
/// client may put anywhere.
#[must_use]
pub fn shown(bytes: &[u8]) -> String {
    if is_like_token(bytes) {
        return format!("something like a token, {} bytes", bytes.len());
    }
    let mut text = String::new();
    for (n, c) in String::from_utf8_lossy(bytes).chars().enumerate() {
        if n == SHOWN {
            text.push('…');
            break;
        }
        // A back-quote would end the quotation it stands in.
        if c.is_control() || c == '`' || c == '\u{2028}' || c == '\u{2029}' {
            let _ = write!(text, "{}", c.escape_unicode());
        } else {
            text.push(c);
        }
    }
    text
}

/// Whether it may be a token, whole or cut at its front.
fn is_like_token(bytes: &[u8]) -> bool {
    // How the JSON object at the beginning of every JWS and JWE begins in base64.
    let begins = bytes.len() > 32 && bytes.windows(3).any(|start| start == b"eyJ");
    // A signature, or the rest of claims; the thumbprint that a key may be named by is shorter.
    let is_base64url = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    begins
        || bytes.split(|byte| !is_base64url(byte)).any(|run| {
            run.len() > 64
                && run.iter().any(u8::is_ascii_uppercase)
                && run.iter().any(u8::is_ascii_lowercase)
                && run.iter().any(u8::is_ascii_digit)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_strangers_stay_on_one_short_line() {
        assert_eq!(shown(b"a\r\nb`"), "a\\u{d}\\u{a}b\\u{60}");
        assert_eq!(shown(&[b'x'; 4096]).chars().count(), SHOWN + 1);
        assert_eq!(shown(b"\xff"), "\u{fffd}");
    }

    #[test]
    fn a_token_in_the_wrong_place_does_not_reach_the_log() {
        let token = "eyJhbGciOiJFZERTQSJ9.eyJ0ZW5hbnQiOiJhY21lIn0.c2lnbmF0dXJl";
        for value in [
            token.to_owned(),
            format!("Bearer {token}"),
            format!("acme;{token}"),
        ] {
            let refusal = Refusal::new(Reason::TenantMismatch)
                .at(Place::header("x-tenant"))
                .because_differs(&value, "acme");
            assert!(!refusal.to_string().contains("eyJ"), "{refusal}");
        }
        assert_eq!(shown(b"eyJack"), "eyJack", "a name is no token");
        // What is left of one that lost its front: claims from their middle on, a signature.
        let signature = "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
        assert!(shown(format!("acme.{signature}").as_bytes()).starts_with("something"));
        // While the thumbprint of a key is what the log is read for.
        let key = "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k";
        assert_eq!(shown(key.as_bytes()), key);
    }

    #[test]
    fn a_text_is_taken_for_a_token_past_the_length_of_names_and_thumbprints_only() {
        let like = |text: &str| shown(text.as_bytes()).starts_with("something like a token");
        let front = format!("eyJ{}", "x".repeat(29));
        assert!(!like(&front) && like(&format!("{front}x")));
        let mixed = format!("{}aB1", "x".repeat(61));
        assert!(!like(&mixed) && like(&format!("{mixed}x")));
        for plain in [
            "x".repeat(65),
            "aB".repeat(33),
            "a1".repeat(33),
            "B1".repeat(33),
        ] {
            assert!(!like(&plain), "{plain}");
        }
    }

    #[test]
    fn separators_that_some_viewers_take_for_a_new_line_are_escaped() {
        assert_eq!(
            shown("a\u{2028}b\u{2029}".as_bytes()),
            "a\\u{2028}b\\u{2029}"
        );
    }

    #[test]
    fn a_place_has_a_kind_and_a_name() {
        for (place, kind) in [
            (Place::header("x"), "header"),
            (Place::claim("x"), "claim"),
            (Place::new("host", "x"), "host"),
        ] {
            assert_eq!((place.kind(), place.name()), (kind, "x"));
            assert_eq!(place.to_string(), format!("{kind} `x`"));
        }
    }

    #[test]
    fn the_client_gets_the_sentence_of_the_reason_and_the_log_the_detail() {
        let refusal = Refusal::new(Reason::TenantMismatch).because("seen twice");
        assert_eq!(refusal.client_text(), Reason::TenantMismatch.client_text());
        assert_eq!(refusal.detail(), Some("seen twice"));
        assert_eq!(Refusal::new(Reason::TenantMismatch).detail(), None);
    }

    #[test]
    fn a_refusal_fits_in_a_register() {
        assert_eq!(size_of::<Refusal>(), size_of::<usize>());
    }
}
