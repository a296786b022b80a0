//! For whom a credential is.

use std::collections::BTreeSet;

use throughline_core::refusal::shown;
use throughline_core::{Place, Reason, Refusal};

use crate::claims::{Claims, missing};

/// Which `aud` the credentials of an issuer must have. There is no "checked if present": a check
/// that is skipped when the claim is left out can be skipped by leaving it out.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct Audience(Rule);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Rule {
    /// None may be there.
    Absent,
    /// One of these must be there.
    OneOf(BTreeSet<Box<str>>),
}

impl Audience {
    /// One of these values, byte for byte, is in `aud`.
    pub fn one_of<A: Into<Box<str>>>(values: impl IntoIterator<Item = A>) -> Self {
        Self(Rule::OneOf(values.into_iter().map(Into::into).collect()))
    }

    /// The credentials of this issuer have no `aud`; one that has is for somebody else.
    ///
    /// Then only the keys say for whom the issuer signs, so each environment needs keys of its own.
    pub fn none() -> Self {
        Self(Rule::Absent)
    }

    /// Whether no value could pass.
    pub(crate) fn is_impossible(&self) -> bool {
        match &self.0 {
            Rule::Absent => false,
            Rule::OneOf(values) => values.is_empty() || values.iter().any(|value| value.is_empty()),
        }
    }

    /// Whether a credential that has one is refused.
    pub(crate) fn is_absent(&self) -> bool {
        self.0 == Rule::Absent
    }

    pub(crate) fn check(&self, claims: &Claims, claim: &str) -> Result<(), Refusal> {
        let mismatch = |found: &str, expected: &str| {
            Err(Refusal::new(Reason::AudienceMismatch)
                .at(Place::claim(claim.to_owned()))
                .because(format!("is {found}, expected {expected}")))
        };
        match (&self.0, claims.one_or_several(claim)?) {
            (Rule::Absent, None) => Ok(()),
            (Rule::Absent, Some(_)) => mismatch("there", "none"),
            (Rule::OneOf(_), None) => Err(missing(claim)),
            (Rule::OneOf(ours), Some(theirs)) if theirs.iter().any(|one| ours.contains(*one)) => {
                Ok(())
            }
            (Rule::OneOf(ours), Some(theirs)) => {
                let found = theirs.first().map_or("an empty list".to_owned(), |first| {
                    format!("`{}` ({} in all)", shown(first.as_bytes()), theirs.len())
                });
                let ours: Vec<&str> = ours.iter().map(AsRef::as_ref).collect();
                mismatch(&found, &format!("one of `{}`", ours.join("`, `")))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(audience: &Audience, claims: &str) -> Result<(), Reason> {
        let claims = Claims::read(claims.as_bytes()).unwrap();
        audience
            .check(&claims, "aud")
            .map_err(|refusal| refusal.reason())
    }

    // failure: T5
    #[test]
    fn an_audience_is_required_or_it_is_absent_and_never_checked_if_present() {
        let ours = Audience::one_of(["api://orders", "api://billing"]);
        assert_eq!(check(&ours, r#"{"aud": "api://orders"}"#), Ok(()));
        assert_eq!(check(&ours, r#"{"aud": ["x", "api://billing"]}"#), Ok(()));
        for other in [
            "\"api://order\"",
            "\"API://orders\"",
            "\"\"",
            "[]",
            "[\"api://orders/\"]",
        ] {
            let claims = format!(r#"{{"aud": {other}}}"#);
            assert_eq!(
                check(&ours, &claims),
                Err(Reason::AudienceMismatch),
                "{other}"
            );
        }
        for odd in ["null", "{}", "7", "[7]", "[[\"api://orders\"]]"] {
            let claims = format!(r#"{{"aud": {odd}}}"#);
            assert_eq!(check(&ours, &claims), Err(Reason::ClaimInvalid), "{odd}");
        }
        assert_eq!(check(&ours, "{}"), Err(Reason::ClaimMissing));

        let none = Audience::none();
        assert_eq!(check(&none, "{}"), Ok(()));
        for there in ["\"x\"", "[]", "\"\""] {
            let claims = format!(r#"{{"aud": {there}}}"#);
            assert_eq!(
                check(&none, &claims),
                Err(Reason::AudienceMismatch),
                "{there}"
            );
        }
    }
}
