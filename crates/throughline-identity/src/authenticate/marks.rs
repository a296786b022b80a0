//! Marks on a response that depends on who asked.

use http::header::{CACHE_CONTROL, VARY, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderName, HeaderValue};

use super::resource::ResourceMetadata;

/// Keeps shared caches from handing this response to somebody else, and names the resource's
/// metadata in its challenges.
pub(super) fn mark(headers: &mut HeaderMap, resource: Option<&ResourceMetadata>) {
    keep_private(headers);
    if let Some(resource) = resource {
        challenge(headers, resource);
    }
}

/// RFC 9111 §5.2.2: `no-store` keeps every cache from storing, `private` each shared one. A handler
/// that said either knows what it does; `public` or `s-maxage` (RFC 9111 §3.5) would hand the
/// response of one tenant to another, and so does saying nothing to a cache that ignores
/// `Authorization`.
fn keep_private(headers: &mut HeaderMap) {
    let mut strict = false;
    let mut shared = false;
    for line in headers.get_all(CACHE_CONTROL) {
        for directive in line.as_bytes().split(|b| *b == b',') {
            let name = directive.split(|b| *b == b'=').next().unwrap_or_default();
            let name = name.trim_ascii();
            let is = |known: &str| name.eq_ignore_ascii_case(known.as_bytes());
            // `private="set-cookie"` keeps one field private and the rest shared.
            strict |= is("no-store") || (is("private") && !directive.contains(&b'='));
            // RFC 9111 §5.2.2.3: `must-understand` takes `no-store` back. What is quoted may hold a
            // comma, and is not worth a parser.
            shared |= is("public") || is("s-maxage") || is("must-understand");
            shared |= directive.contains(&b'"');
        }
    }
    if !strict || shared {
        headers.remove(CACHE_CONTROL);
        let value = HeaderValue::from_static("private, no-store");
        // `insert` would panic in a map that is full.
        let _ = headers.try_insert(CACHE_CONTROL, value);
    }
    // RFC 9213 §2.2: a cache of a CDN goes by these, and does not look at `Cache-Control` then.
    while let Some(name) = headers.keys().find(|name| is_targeted(name)).cloned() {
        headers.remove(name);
    }
    let _ = headers.try_append(VARY, HeaderValue::from_static("authorization, cookie"));
}

/// `CDN-Cache-Control`, those of one vendor, and what came before them; and what a proxy that is no
/// CDN looks at first (nginx).
fn is_targeted(name: &HeaderName) -> bool {
    name.as_str().ends_with("cdn-cache-control")
        || ["surrogate-control", "edge-control", "x-accel-expires"].contains(&name.as_str())
}

fn challenge(headers: &mut HeaderMap, resource: &ResourceMetadata) {
    for value in headers
        .get_all(WWW_AUTHENTICATE)
        .iter()
        .cloned()
        .collect::<Vec<_>>()
    {
        if let Some(extended) = resource.extend(&value)
            && headers.get_all(WWW_AUTHENTICATE).iter().count() == 1
        {
            let _ = headers.try_insert(WWW_AUTHENTICATE, extended);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // failure: C4
    #[test]
    fn no_shared_cache_may_keep_a_response_of_a_context() {
        let marked = |values: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(CACHE_CONTROL, HeaderValue::from_static(value));
            }
            mark(&mut headers, None);
            assert_eq!(headers[VARY], "authorization, cookie");
            let lines = headers.get_all(CACHE_CONTROL).iter();
            lines
                .map(|line| line.to_str().unwrap().to_owned())
                .collect::<Vec<_>>()
        };
        for shared in [
            &[][..],
            &["max-age=60"],
            &["public, max-age=60"],
            &["public, private"],
            &["private, s-maxage=60"],
            &["private=\"set-cookie\""],
            &["no-cache"],
            &["no-store, must-understand, must-revalidate, max-age=60"],
            &["max-age=60, ext=\"a, no-store, b\""],
        ] {
            assert_eq!(marked(shared), ["private, no-store"], "{shared:?}");
        }
        assert_eq!(marked(&["private, max-age=60"]), ["private, max-age=60"]);
        assert_eq!(marked(&["No-Store"]), ["No-Store"]);
    }

    // failure: C4
    #[test]
    fn no_word_for_a_cdn_alone_stays() {
        let mut headers = HeaderMap::new();
        let targeted = [
            "cdn-cache-control",
            "cloudflare-cdn-cache-control",
            "surrogate-control",
            "edge-control",
            "x-accel-expires",
        ];
        for name in targeted {
            headers.insert(name, HeaderValue::from_static("max-age=60"));
        }
        headers.insert("x-kept", HeaderValue::from_static("1"));
        mark(&mut headers, None);
        assert!(targeted.iter().all(|name| !headers.contains_key(*name)));
        assert!(headers.contains_key("x-kept"));
        assert_eq!(headers[CACHE_CONTROL], "private, no-store");
    }
}
