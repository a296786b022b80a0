//! What the shop sees of a request, and the ways in which it can be read.

use axum::extract::Request;
use http::Method;

use super::TENANTS;

pub(super) struct Incoming {
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) raw_query: String,
    fields: Vec<(String, String)>,
}

impl Incoming {
    pub(super) fn of(request: &Request) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Self {
            method: request.method().clone(),
            path: request.uri().path().to_owned(),
            raw_query: request.uri().query().unwrap_or_default().to_owned(),
            fields: request
                .headers()
                .iter()
                .map(|(name, value)| (name.as_str().to_owned(), text(value.as_bytes())))
                .collect(),
        }
    }

    pub(super) fn fields(&self, name: &str) -> impl Iterator<Item = &str> {
        let named = self.fields.iter().filter(move |(found, _)| found == name);
        named.map(|(_, value)| value.as_str())
    }

    pub(super) fn field(&self, name: &str) -> Option<&str> {
        self.fields(name).next()
    }

    /// All fields that CGI would give this name.
    pub(super) fn folded(&self, name: &str) -> impl Iterator<Item = &str> {
        let same = move |found: &str| found.replace(['_', '.'], "-") == name;
        let named = self.fields.iter().filter(move |(found, _)| same(found));
        named.map(|(_, value)| value.as_str())
    }

    /// The last value of a query key.
    pub(super) fn query(&self, key: &str) -> Option<String> {
        let pairs = self
            .raw_query
            .split('&')
            .filter_map(|pair| pair.split_once('='));
        let mut values = pairs.filter(|(found, _)| *found == key);
        values.next_back().map(|(_, value)| decoded(value))
    }

    pub(super) fn cookie(&self, name: &str) -> Option<String> {
        let all = self.fields("cookie").flat_map(|value| value.split(';'));
        let mut pairs = all.filter_map(|pair| pair.trim().split_once('='));
        let (_, value) = pairs.find(|(found, _)| *found == name)?;
        Some(value.to_owned())
    }

    /// The tenant that the baggage names.
    pub(super) fn baggage(&self) -> Option<String> {
        let all = self.fields("baggage").flat_map(|value| value.split(','));
        let mut pairs = all.filter_map(|pair| pair.trim().split_once('='));
        let (_, value) = pairs.find(|(key, _)| key.trim().starts_with("tenant"))?;
        Some(value.trim().to_owned())
    }
}

/// The tenant that a path of the shop names, if it is one; `None` inside where it names none.
pub(super) fn tenant_in(path: &str) -> Option<Option<String>> {
    let segments: Vec<_> = path.split('/').collect();
    match segments.as_slice() {
        ["", "orders"] => Some(None),
        ["", "t", tenant, "orders"] if !tenant.is_empty() => Some(Some((*tenant).to_owned())),
        _ => None,
    }
}

/// Without `..`, as RFC 3986 §5.2.4 removes it, and without empty segments, as nginx merges them.
pub(super) fn resolved(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    for segment in path.split('/').skip(1) {
        match segment {
            ".." => drop(kept.pop()),
            "." | "" => {}
            other => kept.push(other),
        }
    }
    format!("/{}", kept.join("/"))
}

/// Without percent signs.
pub(super) fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let code = tail.get(..2).and_then(|two| std::str::from_utf8(two).ok());
        match code.and_then(|code| u8::from_str_radix(code, 16).ok()) {
            Some(byte) if *first == b'%' => {
                bytes.push(byte);
                rest = &tail[2..];
            }
            _ => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The tenant that a host of the shop names, however it is spelled.
pub(super) fn tenant_in_host(host: &str) -> Option<String> {
    let host = host.to_ascii_lowercase();
    let name = host.split(':').next()?.trim_end_matches('.');
    Some(name.strip_suffix(".shop.invalid")?.to_owned())
}

/// The first label of a host.
pub(super) fn label(host: &str) -> Option<String> {
    host.split('.').next().map(str::to_ascii_lowercase)
}

pub(super) fn known(tenant: &str) -> bool {
    TENANTS.iter().any(|(name, _)| *name == tenant)
}
