//! The name of a trust domain: the set of workloads that accept each other's contexts.

use std::error::Error;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// The name of a trust domain, the `aud` of its contexts.
///
/// 1 to 255 bytes of `[a-z0-9._-]`, starting with a letter or digit (the grammar of SPIFFE trust
/// domain names); compared byte for byte.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TrustDomainName(Arc<str>);

impl TrustDomainName {
    /// Reads a name.
    ///
    /// # Errors
    ///
    /// `text` does not fit the grammar.
    pub fn new(text: &str) -> Result<Self, TrustDomainNameError> {
        let fits = text.len() <= 255
            && text.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
            && text
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._-".contains(&b));
        if fits {
            Ok(Self(text.into()))
        } else {
            Err(TrustDomainNameError(text.into()))
        }
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for TrustDomainName {
    type Err = TrustDomainNameError;

    fn from_str(text: &str) -> Result<Self, TrustDomainNameError> {
        Self::new(text)
    }
}

impl fmt::Display for TrustDomainName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A text is not the name of a trust domain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustDomainNameError(Box<str>);

impl fmt::Display for TrustDomainNameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "trust domain `{}` does not fit its grammar, expected 1 to 255 bytes of `[a-z0-9._-]` \
             starting with a letter or digit",
            self.0
        )
    }
}

impl Error for TrustDomainNameError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_grammar_has_edges() {
        for good in ["a", "0", "prod.example", "a_b-c.d", &"x".repeat(255)] {
            assert_eq!(TrustDomainName::new(good).unwrap().to_string(), good);
        }
        for bad in ["", ".a", "-a", "Prod", "a b", "a/b", "é", &"x".repeat(256)] {
            assert!(TrustDomainName::new(bad).is_err(), "{bad:?}");
        }
        assert_eq!(
            TrustDomainName::new("Prod").unwrap_err().to_string(),
            "trust domain `Prod` does not fit its grammar, expected 1 to 255 bytes of \
             `[a-z0-9._-]` starting with a letter or digit"
        );
    }
}
