//! The tenant: one value with a grammar, never empty and never a default.

use std::error::Error;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// The tenant a piece of work belongs to.
///
/// 1 to 128 bytes of `[A-Za-z0-9._~:-]`, starting with a letter or a digit; compared byte for
/// byte. There is no empty value and no `Default`, so two lost tenants can never be equal.
///
/// ```
/// use throughline_core::Tenant;
///
/// let acme: Tenant = "org_01H.acme".parse()?;
/// assert_eq!(acme.as_str(), "org_01H.acme");
///
/// // What a template makes of a missing part is not a tenant.
/// assert!("-acme".parse::<Tenant>().is_err());
/// assert!("".parse::<Tenant>().is_err());
/// # Ok::<(), throughline_core::TenantError>(())
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tenant(Arc<str>);

impl Tenant {
    /// The longest tenant, in bytes.
    pub const MAX_LEN: usize = 128;

    /// Reads a tenant.
    ///
    /// # Errors
    ///
    /// `text` does not fit the grammar.
    pub fn new(text: &str) -> Result<Self, TenantError> {
        if Self::fits(text.as_bytes()) {
            Ok(Self(text.into()))
        } else {
            Err(TenantError(()))
        }
    }

    /// The tenant as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn fits(text: &[u8]) -> bool {
        text.len() <= Self::MAX_LEN
            && text.first().is_some_and(u8::is_ascii_alphanumeric)
            && text
                .iter()
                .all(|b| b.is_ascii_alphanumeric() || b"._~:-".contains(b))
    }
}

impl FromStr for Tenant {
    type Err = TenantError;

    fn from_str(text: &str) -> Result<Self, TenantError> {
        Self::new(text)
    }
}

impl AsRef<str> for Tenant {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl fmt::Display for Tenant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Tenant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tenant({self})")
    }
}

/// A text is not a tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TenantError(());

impl fmt::Display for TenantError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "tenant does not fit its grammar, expected 1 to 128 bytes of `[A-Za-z0-9._~:-]` \
             starting with a letter or digit",
        )
    }
}

impl Error for TenantError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_grammar_has_edges() {
        for good in ["a", "0", "A.b_c~d:e-f", &"x".repeat(128)] {
            assert_eq!(Tenant::new(good).unwrap().as_str(), good);
        }
        for bad in [
            "",
            "-",
            "-a",
            ".a",
            "~",
            ":a",
            "_a",
            "a b",
            "a/b",
            "a,b",
            "é",
            "a\0",
            &"x".repeat(129),
        ] {
            assert!(Tenant::new(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_tenant_is_the_same_text_however_it_is_asked() {
        let acme: Tenant = "acme".parse().unwrap();
        assert_eq!(AsRef::<str>::as_ref(&acme), "acme");
        assert_eq!(acme.to_string(), "acme");
        assert_eq!(
            Tenant::new("").unwrap_err().to_string(),
            "tenant does not fit its grammar, expected 1 to 128 bytes of `[A-Za-z0-9._~:-]` \
             starting with a letter or digit"
        );
    }
}
