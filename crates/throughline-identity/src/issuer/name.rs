//! The names of an issuer.

use std::fmt;

/// What `iss` must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum IssuerName {
    /// Byte for byte.
    Exact(Box<str>),
    /// One issuer for many tenants, whose address has the tenant in the middle.
    Template {
        before: Box<str>,
        after: Box<str>,
        /// The claim that must be the middle.
        claim: Box<str>,
    },
}

impl IssuerName {
    /// `https://login.microsoftonline.com/{tid}/v2.0`, or a name without braces.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let unusable = |why: &str| Err(format!("issuer `{text}` {why}"));
        if text.is_empty() || text.len() > 512 || text.bytes().any(|b| !b.is_ascii_graphic()) {
            return unusable("is no name, expected 1 to 512 visible ASCII characters");
        }
        match text.split_once('{') {
            None if text.contains('}') => unusable("has a brace that was never opened"),
            None => Ok(Self::Exact(text.into())),
            Some((before, rest)) => match rest.split_once('}') {
                // The middle ends where a path segment ends, so that it holds no slash.
                Some((claim, after))
                    if !claim.is_empty()
                        && !after.contains(['{', '}'])
                        && before.ends_with('/')
                        && before.matches('/').count() >= 3
                        && (after.is_empty() || after.starts_with('/')) =>
                {
                    Ok(Self::Template {
                        before: before.into(),
                        after: after.into(),
                        claim: claim.into(),
                    })
                }
                Some(_) | None => unusable(
                    "is no template, expected one path segment as in \
                     `https://login.example/{tid}/v2.0`",
                ),
            },
        }
    }

    /// The middle of `issuer` where it fits; nothing for an exact name.
    pub(crate) fn fits<'i>(&self, issuer: &'i str) -> Option<Option<&'i str>> {
        match self {
            Self::Exact(name) => (**name == *issuer).then_some(None),
            Self::Template { before, after, .. } => {
                let middle = issuer.strip_prefix(&**before)?.strip_suffix(&**after)?;
                is_middle(middle).then_some(Some(middle))
            }
        }
    }

    /// Whether some `iss` could be meant by both.
    pub(crate) fn overlaps(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Exact(one), _) => other.fits(one).is_some(),
            (_, Self::Exact(two)) => self.fits(two).is_some(),
            (
                Self::Template { before, after, .. },
                Self::Template {
                    before: other_before,
                    after: other_after,
                    ..
                },
            ) => {
                // Both middles are one segment, so both issuers have as many as their templates.
                let one = format!("{before}{MIDDLE}{after}");
                let two = format!("{other_before}{MIDDLE}{other_after}");
                one.split('/').count() == two.split('/').count()
                    && one.split('/').zip(two.split('/')).all(|pair| match pair {
                        (MIDDLE, MIDDLE) => true,
                        (MIDDLE, plain) | (plain, MIDDLE) => is_middle(plain),
                        (one, two) => one == two,
                    })
            }
        }
    }
}

/// In the place of a middle: no middle itself.
const MIDDLE: &str = "{}";

fn is_middle(segment: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._".contains(&b);
    !segment.is_empty() && segment.bytes().all(plain)
}

impl fmt::Display for IssuerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(name) => f.write_str(name),
            Self::Template {
                before,
                after,
                claim,
            } => write!(f, "{before}{{{claim}}}{after}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exact_name_is_compared_byte_for_byte() {
        let name = IssuerName::parse("https://id.example").unwrap();
        assert_eq!(name.fits("https://id.example"), Some(None));
        for other in [
            "https://id.example/",
            "https://id.exampl",
            "https://id.example.evil.test",
            "HTTPS://id.example",
            "http://id.example",
            " https://id.example",
            "",
        ] {
            assert_eq!(name.fits(other), None, "{other}");
        }
    }

    #[test]
    fn a_template_holds_one_plain_segment() {
        let name = IssuerName::parse("https://login.example/{tid}/v2.0").unwrap();
        let tenant = "72f988bf-86f1-41af-91ab-2d7cd011db47";
        let issuer = format!("https://login.example/{tenant}/v2.0");
        assert_eq!(name.fits(&issuer), Some(Some(tenant)));
        for other in [
            "https://login.example//v2.0",
            "https://login.example/a/b/v2.0",
            "https://login.example/{tid}/v2.0",
            "https://login.example/a%2fb/v2.0",
            "https://login.example/a/v2.0/",
            "https://login.example.evil.test/a/v2.0",
            "https://login.example/a@b/v2.0",
        ] {
            assert_eq!(name.fits(other), None, "{other}");
        }
    }

    #[test]
    fn two_names_overlap_when_one_issuer_could_be_meant_by_both() {
        let overlap = |one: &str, two: &str| {
            let [one, two] = [one, two].map(|name| IssuerName::parse(name).unwrap());
            assert_eq!(one.overlaps(&two), two.overlaps(&one), "{one} {two}");
            one.overlaps(&two)
        };
        for (one, two) in [
            ("https://id.example", "https://id.example"),
            ("https://id.example/{tid}", "https://id.example/acme"),
            ("https://id.example/{tid}/v2", "https://id.example/{org}/v2"),
            // `https://id.example/acme/v2` fits both.
            ("https://id.example/{tid}/v2", "https://id.example/acme/{v}"),
        ] {
            assert!(overlap(one, two), "{one} {two}");
        }
        for (one, two) in [
            ("https://id.example", "https://id.example/"),
            ("https://id.example/{tid}", "https://id.example/acme/v2"),
            ("https://id.example/{tid}/v2", "https://id.example/{tid}/v1"),
            ("https://id.example/{tid}/v2", "https://id.example/{tid}"),
            ("https://id.example/{tid}/v2", "https://id.test/{tid}/v2"),
            ("https://id.example/{tid}/v2", "https://id.example/a@b/{v}"),
        ] {
            assert!(!overlap(one, two), "{one} {two}");
        }
    }

    #[test]
    fn a_template_that_could_hold_more_than_a_segment_is_no_template() {
        for text in [
            "https://{host}/v2.0",
            "https://login.{region}.example/",
            "https://login.example/{}/v2.0",
            "https://login.example/x{tid}/v2.0",
            "https://login.example/{tid}v2.0",
            "https://login.example/{a}/{b}",
            "https://login.example/}",
            "https://login example/",
            "",
        ] {
            assert!(IssuerName::parse(text).is_err(), "{text}");
        }
    }
}
