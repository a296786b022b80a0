//! The URL, and where it names the tenant.

use std::fmt;

use http::Uri;
use http::uri::PathAndQuery;
use throughline_core::refusal::shown;

/// What stands for the tenant.
const TENANT: &str = "{tenant}";

/// A URL taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Address {
    scheme: String,
    /// With the port.
    authority: String,
    path: String,
    query: Option<String>,
}

impl Address {
    /// A URL, in which `{tenant}` may stand.
    pub(super) fn parse(url: &str) -> Result<Self, AddressError> {
        if url.contains('#') {
            return Err(AddressError("has a fragment, which is never sent"));
        }
        let (scheme, rest) = url
            .split_once("://")
            .ok_or(AddressError("is no `http://` or `https://` url"))?;
        let scheme = scheme.to_ascii_lowercase();
        if scheme != "http" && scheme != "https" {
            return Err(AddressError("is no `http://` or `https://` url"));
        }
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, target) = rest.split_at(end);
        if authority.contains('@') {
            // It may be a password, so nothing of it is repeated.
            return Err(AddressError("holds a user name or password"));
        }
        let (path, query) = match target.split_once('?') {
            Some((path, query)) => (path, Some(query.to_owned())),
            None => (target, None),
        };
        let address = Self {
            scheme,
            authority: authority.to_owned(),
            path: if path.is_empty() { "/" } else { path }.to_owned(),
            query,
        };
        let probe: Result<Uri, _> = address.to_string().replace(TENANT, "t").parse();
        match probe {
            Ok(uri) if uri.host().is_some_and(|host| !host.is_empty()) => Ok(address),
            Ok(_) | Err(_) => Err(AddressError("is no url")),
        }
    }

    /// Puts `{tenant}` where the tenant's name is a whole segment of the path, label of the host
    /// or value of the query, unless it stands somewhere already.
    pub(super) fn find(&mut self, tenant: &str) {
        if self.names_tenant() {
            return;
        }
        let segments = self.path.split('/');
        let segments = segments.map(|part| if part == tenant { TENANT } else { part });
        self.path = segments.collect::<Vec<_>>().join("/");
        self.query = self.query.take().map(|query| {
            let pairs = query.split('&').map(|pair| match pair.split_once('=') {
                Some((key, value)) if value == tenant => format!("{key}={TENANT}"),
                Some(_) | None => pair.to_owned(),
            });
            pairs.collect::<Vec<_>>().join("&")
        });
        let (host, port) = self.host_and_port();
        // A number of an address is no label.
        if host.parse::<std::net::IpAddr>().is_err() && !host.starts_with('[') {
            let labels = host.split('.');
            let labels = labels.map(|label| {
                if label.eq_ignore_ascii_case(tenant) {
                    TENANT
                } else {
                    label
                }
            });
            self.authority = labels.collect::<Vec<_>>().join(".") + &port;
        }
    }

    /// Whether a value stands where a tenant can.
    pub(super) fn mentions(&self, value: &str) -> bool {
        let mut copy = self.clone();
        copy.find(value);
        !self.names_tenant() && copy.names_tenant()
    }

    /// Whether `{tenant}` stands anywhere.
    pub(super) fn names_tenant(&self) -> bool {
        self.to_string().contains(TENANT)
    }

    /// Scheme, host and port, as the tenant has them.
    pub(super) fn base(&self, tenant: &str) -> String {
        format!(
            "{}://{}",
            self.scheme,
            self.authority.replace(TENANT, tenant)
        )
    }

    /// The host, if it names the tenant.
    pub(super) fn host(&self) -> Option<&str> {
        let host = self.authority.as_str();
        host.contains(TENANT).then_some(host)
    }

    /// The path and the query.
    pub(super) fn target(&self) -> String {
        match &self.query {
            Some(query) => format!("{}?{query}", self.path),
            None => self.path.clone(),
        }
    }

    /// Replaces the path, for a gRPC method.
    pub(super) fn with_target(mut self, target: PathAndQuery) -> Self {
        self.path = target.path().to_owned();
        self.query = target.query().map(str::to_owned);
        self
    }

    fn host_and_port(&self) -> (String, String) {
        // `[::1]` has colons of its own.
        match self.authority.rsplit_once(':') {
            Some((host, port)) if !port.contains(']') => (host.to_owned(), format!(":{port}")),
            Some(_) | None => (self.authority.clone(), String::new()),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}{}", self.scheme, self.authority, self.target())
    }
}

/// What is wrong with a URL.
#[derive(Debug)]
pub(super) struct AddressError(&'static str);

impl fmt::Display for AddressError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the url {}", self.0)
    }
}

impl std::error::Error for AddressError {}

/// A name of a tenant that can stand in a path, a host and a header as it is.
pub(super) fn check_tenant(name: &str) -> Result<(), String> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"._~:@-".contains(&byte);
    if name.is_empty() || name.len() > 128 || !name.bytes().all(fits) {
        return Err(format!(
            "`{}` is no name of a tenant that fits into paths and headers",
            shown(name.as_bytes())
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(url: &str, tenant: &str) -> String {
        let mut address = Address::parse(url).unwrap();
        address.find(tenant);
        address.to_string()
    }

    #[test]
    fn the_tenant_is_found_where_it_stands_alone() {
        for (url, expected) in [
            ("http://a.b/t/acme/orders", "http://a.b/t/{tenant}/orders"),
            ("http://a.b/acme", "http://a.b/{tenant}"),
            ("https://acme.b:8443/x", "https://{tenant}.b:8443/x"),
            ("https://ACME.b/acme", "https://{tenant}.b/{tenant}"),
            (
                "http://a.b/?t=acme&u=acmes",
                "http://a.b/?t={tenant}&u=acmes",
            ),
            (
                "http://a.b/acme-orders/my.acme",
                "http://a.b/acme-orders/my.acme",
            ),
            ("http://a.b/ACME", "http://a.b/ACME"),
            ("http://[::1]:80/acme", "http://[::1]:80/{tenant}"),
        ] {
            assert_eq!(found(url, "acme"), expected);
        }
        assert_eq!(found("http://127.0.0.1:1/7", "127"), "http://127.0.0.1:1/7");
    }

    #[test]
    fn a_place_that_is_marked_is_the_only_one() {
        let url = "http://acme.b/t/{tenant}/acme";
        assert_eq!(found(url, "acme"), url);
        let address = Address::parse("https://{tenant}.b:1/x?y").unwrap();
        assert_eq!(address.base("acme"), "https://acme.b:1");
        assert_eq!(address.host(), Some("{tenant}.b:1"));
        assert_eq!(address.target(), "/x?y");
    }

    #[test]
    fn what_is_no_url_is_refused() {
        for url in [
            "",
            "acme",
            "ftp://a.b/",
            "http://",
            "http:///x",
            "http://a b/",
            "http://a.b/x y",
            "http://a.b/#x",
            "http://u:s3cr3t@a.b/",
        ] {
            let error = Address::parse(url).unwrap_err().to_string();
            assert!(!error.contains("s3cr3t"), "{error}");
        }
    }

    #[test]
    fn a_tenant_has_a_name_that_needs_no_escape() {
        check_tenant("org_01J8Z:eu").unwrap();
        check_tenant("org-01J8Z:eu").unwrap();
        for name in ["", "a/b", "a b", "{tenant}", "ä"] {
            assert!(check_tenant(name).is_err(), "{name}");
        }
    }
}
