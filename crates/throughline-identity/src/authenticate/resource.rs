//! What a client may learn about this resource (RFC 9728).

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, Response, Uri};
use serde_json::json;

/// The metadata of a protected resource: where its tokens come from (RFC 9728 §2).
///
/// The layer serves it at its well-known address, without a credential, and names that address in
/// every challenge, so that a client that was refused knows whom to ask.
#[derive(Clone, Debug)]
pub struct ResourceMetadata {
    path: Box<str>,
    /// The parameter of a challenge, ready to be written.
    parameter: Box<str>,
    document: Bytes,
}

impl ResourceMetadata {
    /// `resource` is the identifier of this resource: what its tokens have in `aud`. Its tokens come
    /// from `servers`, by their issuer identifiers.
    ///
    /// Nothing where `resource` is no `https` URL, or an `http` one with another host than this
    /// machine: RFC 9728 §1.2 wants the first, and the second is for trying things out.
    #[must_use]
    pub fn new<'s>(resource: &str, servers: impl IntoIterator<Item = &'s str>) -> Option<Self> {
        let uri: Uri = resource.parse().ok()?;
        let (scheme, authority) = (uri.scheme_str()?, uri.authority()?.as_str());
        let host = uri.host()?;
        let local = matches!(host, "localhost" | "127.0.0.1" | "[::1]");
        let plain = resource
            .bytes()
            .all(|b| b.is_ascii_graphic() && b != b'"' && b != b'\\');
        if !plain || resource.contains('#') || (scheme != "https" && !(scheme == "http" && local)) {
            return None;
        }
        // RFC 9728 §3.1: between the host and the path.
        let below = uri.path().trim_end_matches('/');
        let path = format!("/.well-known/oauth-protected-resource{below}");
        let servers: Vec<&str> = servers.into_iter().collect();
        let document = json!({
            "resource": resource,
            "authorization_servers": servers,
            "bearer_methods_supported": ["header"],
        });
        Some(Self {
            parameter: format!("resource_metadata=\"{scheme}://{authority}{path}\"").into(),
            path: path.into(),
            document: Bytes::from(document.to_string()),
        })
    }

    /// The path at which it is served.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The document as a response.
    #[must_use]
    pub fn to_response(&self) -> Response<Bytes> {
        let mut response = Response::new(self.document.clone());
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("max-age=3600"));
        response
    }

    /// Adds the address to a challenge.
    pub(super) fn extend(&self, challenge: &HeaderValue) -> Option<HeaderValue> {
        let text = challenge.to_str().ok()?;
        let rest = text.strip_prefix("Bearer")?;
        if rest.contains("resource_metadata=") {
            return None;
        }
        let separator = if rest.trim().is_empty() { " " } else { ", " };
        HeaderValue::from_str(&format!("{text}{separator}{}", self.parameter)).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_stands_between_host_and_path_and_in_each_challenge() {
        let metadata = ResourceMetadata::new("https://api.example/mcp", ["https://id.example"]);
        let metadata = metadata.unwrap();
        assert_eq!(metadata.path(), "/.well-known/oauth-protected-resource/mcp");
        let address = "https://api.example/.well-known/oauth-protected-resource/mcp";
        let extended = |challenge: &'static str| {
            let extended = metadata.extend(&HeaderValue::from_static(challenge));
            extended.map(|value| value.to_str().unwrap().to_owned())
        };
        assert_eq!(
            extended("Bearer"),
            Some(format!("Bearer resource_metadata=\"{address}\""))
        );
        assert_eq!(
            extended("Bearer error=\"invalid_token\""),
            Some(format!(
                "Bearer error=\"invalid_token\", resource_metadata=\"{address}\""
            ))
        );
        assert_eq!(extended("Basic realm=\"x\""), None);
        let document: serde_json::Value =
            serde_json::from_slice(metadata.to_response().body()).unwrap();
        assert_eq!(document["resource"], "https://api.example/mcp");
        assert_eq!(document["authorization_servers"][0], "https://id.example");
    }

    #[test]
    fn a_resource_that_is_no_https_url_has_no_metadata() {
        for resource in [
            "api://orders",
            "http://api.example",
            "https://api.example/#x",
            "https://api.example/\"",
            "/orders",
            "",
        ] {
            assert!(ResourceMetadata::new(resource, []).is_none(), "{resource}");
        }
        assert!(ResourceMetadata::new("http://127.0.0.1:8080", []).is_some());
    }
}
