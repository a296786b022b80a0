//! The discovery document, read without believing more of it than its two members.

use serde_json::{Map, Value};
use throughline_core::json;
use throughline_core::refusal::shown;
use throughline_jose::endpoint::{Endpoint, Origin};

use super::error::{DiscoveryError, DiscoveryErrorKind};

/// Where the keys are, according to `document`: of the issuer `expected`, at `own` origin or a
/// listed one.
pub(super) fn keys_in(
    document: &[u8],
    expected: &str,
    from: &Endpoint,
    listed: &[Origin],
) -> Result<Endpoint, DiscoveryError> {
    use DiscoveryErrorKind as Kind;
    let error = |kind, about: String| {
        DiscoveryError::new(
            kind,
            format!("discovery document at `{}` {about}", from.name()),
        )
    };
    // Strictly: with a member that stands there twice, readers differ.
    let members: Map<String, Value> = json::parse(document)
        .map_err(|cause| error(Kind::Document, "cannot be read".to_owned()).caused_by(cause))?;
    // The rest of it is for clients.
    let text = |name: &str| {
        let text = members.get(name).and_then(Value::as_str);
        text.ok_or_else(|| error(Kind::Document, format!("has no text in `{name}`")))
    };
    let (issuer, address) = (text("issuer")?, text("jwks_uri")?);
    if issuer != expected {
        let found = shown(issuer.as_bytes());
        return Err(error(
            Kind::Issuer,
            format!("is of issuer `{found}`, expected `{expected}`"),
        ));
    }
    let shown_address = shown(address.as_bytes());
    let keys = from.beside(address).map_err(|cause| {
        let about = format!("points to `{shown_address}`, which is not asked");
        error(Kind::Origin, about).caused_by(cause)
    })?;
    if keys.origin() != from.origin() && !listed.contains(keys.origin()) {
        return Err(error(
            Kind::Origin,
            format!("points to `{shown_address}`, an origin that is not listed"),
        ));
    }
    Ok(keys)
}

#[cfg(test)]
mod tests {
    use throughline_jose::endpoint::Reach;

    use super::*;

    const ISSUER: &str = "https://id.example";

    fn read(document: &str) -> Result<String, DiscoveryErrorKind> {
        let from = Endpoint::new("https://id.example/doc", Reach::Internet).unwrap();
        let listed = [Origin::parse("https://keys.example").unwrap()];
        keys_in(document.as_bytes(), ISSUER, &from, &listed)
            .map(|keys| keys.name())
            .map_err(|error| error.kind())
    }

    fn of(issuer: &str, keys: &str) -> String {
        format!(r#"{{"issuer": {issuer}, "jwks_uri": {keys}, "other": [1]}}"#)
    }

    #[test]
    fn the_issuer_is_the_configured_one_byte_for_byte() {
        let keys = r#""https://id.example/keys""#;
        assert_eq!(
            read(&of(r#""https://id.example""#, keys)),
            Ok("https://id.example/keys".into())
        );
        for other in [
            "https://id.example/",
            "https://id.exampl",
            "https://id.example.evil.test",
            "HTTPS://id.example",
            "http://id.example",
            " https://id.example",
            "",
        ] {
            let document = of(&format!("\"{other}\""), keys);
            assert_eq!(read(&document), Err(DiscoveryErrorKind::Issuer), "{other}");
        }
        for odd in ["null", "[\"https://id.example\"]", "7", "{}"] {
            assert_eq!(read(&of(odd, keys)), Err(DiscoveryErrorKind::Document));
        }
    }

    #[test]
    fn keys_are_at_the_origin_of_the_issuer_or_at_a_listed_one() {
        let issuer = r#""https://id.example""#;
        for good in [
            "https://id.example/oauth2/keys",
            "https://id.example:443/keys",
            "https://keys.example/keys",
        ] {
            assert!(read(&of(issuer, &format!("\"{good}\""))).is_ok(), "{good}");
        }
        for elsewhere in [
            "https://evil.test/keys",
            "https://id.example:8443/keys",
            "https://a.id.example/keys",
            "https://id.example.evil.test/keys",
            "https://id.example@evil.test/keys",
            "https://evil.test/https://id.example",
            "http://id.example/keys",
            "https://127.0.0.1/keys",
            "https://169.254.169.254/keys",
            "https://[::1]/keys",
            "https://localhost/keys",
            "https://10.0.0.1/keys",
            "file:///etc/keys",
            "/keys",
            "",
        ] {
            let document = of(issuer, &format!("\"{elsewhere}\""));
            let found = read(&document);
            assert_eq!(found, Err(DiscoveryErrorKind::Origin), "{elsewhere}");
        }
    }

    #[test]
    fn what_readers_could_read_differently_is_no_document() {
        for document in [
            r#"{"issuer": "https://id.example"}"#,
            r#"{"jwks_uri": "https://id.example/keys"}"#,
            r#"{"issuer": "https://evil.test", "issuer": "https://id.example",
                "jwks_uri": "https://id.example/keys"}"#,
            r#"{"issuer": "https://id.example", "jwks_uri": "https://evil.test/keys",
                "jwks_uri": "https://id.example/keys"}"#,
            r#"["https://id.example", "https://id.example/keys"]"#,
            "<html>",
            "{}",
            "",
        ] {
            assert_eq!(
                read(document),
                Err(DiscoveryErrorKind::Document),
                "{document}"
            );
        }
    }
}
