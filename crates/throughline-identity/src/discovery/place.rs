//! The addresses of an issuer's documents, made from its name.

use super::error::{DiscoveryError, DiscoveryErrorKind};

/// An issuer's name, taken apart: origin and path, without a slash at the end.
pub(super) struct Place<'i> {
    origin: &'i str,
    path: &'i str,
}

impl<'i> Place<'i> {
    /// OpenID Connect Discovery 1.0 §3: scheme, host, maybe port and path; no query, no fragment.
    /// And nothing that one parser reads as another place than the next.
    pub(super) fn parse(issuer: &'i str) -> Result<Self, DiscoveryError> {
        let unusable = |rule: &str| {
            DiscoveryError::new(
                DiscoveryErrorKind::Address,
                format!("issuer `{issuer}` {rule}"),
            )
        };
        if !issuer.bytes().all(|b| b.is_ascii_graphic())
            || issuer.contains([
                '?', '#', '@', '\\', '%', '{', '}', '"', '<', '>', '^', '`', '|',
            ])
        {
            return Err(unusable(
                "has a character that no address of a document has",
            ));
        }
        let rest = ["https://", "http://"]
            .iter()
            .find_map(|scheme| issuer.strip_prefix(scheme))
            .ok_or_else(|| unusable("is no `https` address"))?;
        let start = issuer.len() - rest.len();
        let end = rest.find('/').map_or(issuer.len(), |at| start + at);
        let (origin, path) = issuer
            .split_at_checked(end)
            .ok_or_else(|| unusable("is no `https` address"))?;
        // Some do end in a slash (Auth0), which the documents' addresses do not double.
        let path = path.strip_suffix('/').unwrap_or(path);
        let mut segments = path.split('/').skip(1);
        if segments.any(|segment| segment.is_empty() || segment == "." || segment == "..") {
            return Err(unusable("has a path with an empty segment, or one of dots"));
        }
        Ok(Self { origin, path })
    }

    /// OpenID Connect Discovery 1.0 §4.1: behind the path.
    pub(super) fn openid(&self) -> String {
        format!(
            "{}{}/.well-known/openid-configuration",
            self.origin, self.path
        )
    }

    /// RFC 8414 §3.1: before the path.
    pub(super) fn oauth(&self) -> String {
        format!(
            "{}/.well-known/oauth-authorization-server{}",
            self.origin, self.path
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_addresses_are_those_of_the_standards() {
        for (issuer, openid, oauth) in [
            (
                "https://example.com",
                "https://example.com/.well-known/openid-configuration",
                "https://example.com/.well-known/oauth-authorization-server",
            ),
            (
                "https://tenant.auth0.com/",
                "https://tenant.auth0.com/.well-known/openid-configuration",
                "https://tenant.auth0.com/.well-known/oauth-authorization-server",
            ),
            (
                "https://example.com/issuer1",
                "https://example.com/issuer1/.well-known/openid-configuration",
                "https://example.com/.well-known/oauth-authorization-server/issuer1",
            ),
            (
                "http://127.0.0.1:8080/realms/acme",
                "http://127.0.0.1:8080/realms/acme/.well-known/openid-configuration",
                "http://127.0.0.1:8080/.well-known/oauth-authorization-server/realms/acme",
            ),
        ] {
            let place = Place::parse(issuer).unwrap();
            assert_eq!(place.openid(), openid);
            assert_eq!(place.oauth(), oauth);
        }
    }

    // CVE-2026-32301 Centrifugo: names that one parser reads as another place than the next.
    #[test]
    fn a_name_that_could_mean_another_place_is_none() {
        for issuer in [
            "https://id.example@evil.test",
            "https://id.example/../evil",
            "https://id.example/a/./b",
            "https://id.example//evil.test",
            "https://id.example/a//",
            "https://id.example\\@evil.test",
            "https://id.example/%2e%2e/evil",
            "https://id.example?x=1",
            "https://id.example#x",
            "https://id.example/{tid}/v2.0",
            "https://id.example /",
            "HTTPS://id.example",
            "ftp://id.example",
            "accounts.google.com",
            "",
        ] {
            assert!(Place::parse(issuer).is_err(), "{issuer}");
        }
    }
}
