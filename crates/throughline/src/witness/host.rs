//! Host witnesses: `:authority` and `Host`, which must be one host.

use std::borrow::Cow;
use std::net::IpAddr;

use ipnet::IpNet;
use throughline_core::witness::Sighting;

use crate::error::ConfigError;
use crate::request::RequestView;

#[derive(Clone, Debug)]
pub(super) struct HostSource {
    /// With a leading dot, lower case; none for the whole host.
    domain: Option<Box<str>>,
    proxies: Vec<IpNet>,
}

impl HostSource {
    pub(super) fn whole() -> Self {
        Self {
            domain: None,
            proxies: Vec::new(),
        }
    }

    pub(super) fn subdomain_of(domain: &str) -> Result<Self, ConfigError> {
        let fits = !domain.is_empty()
            && domain.split('.').all(|label| {
                !label.is_empty()
                    && label
                        .bytes()
                        .all(|b| b.is_ascii_alphanumeric() || b == b'-')
            });
        if !fits {
            return Err(ConfigError::new(format!(
                "domain `{domain}` is not a host name, expected labels of `[A-Za-z0-9-]` without \
                 port"
            )));
        }
        let domain = format!(".{}", domain.to_ascii_lowercase());
        Ok(Self {
            domain: Some(domain.into()),
            proxies: Vec::new(),
        })
    }

    pub(super) fn trust<'p>(
        &mut self,
        proxies: impl IntoIterator<Item = &'p str>,
    ) -> Result<(), ConfigError> {
        for proxy in proxies {
            let address = || proxy.parse::<IpAddr>().map(IpNet::from);
            let net = proxy.parse::<IpNet>().or_else(|_| address()).map_err(|_| {
                ConfigError::new(format!(
                    "proxy `{proxy}` is not an address or network, expected as in `10.0.0.0/8`"
                ))
            })?;
            self.proxies.push(canonical(net));
        }
        Ok(())
    }

    pub(super) fn see<'r>(&self, request: &RequestView<'r>) -> Sighting<'r> {
        let seen = match self.is_behind_proxy(request) {
            true => forwarded(request),
            false => host(request),
        };
        match (seen, &self.domain) {
            (Sighting::Value(host), Some(domain)) => label(host, domain),
            (seen, _) => seen,
        }
    }

    fn is_behind_proxy(&self, request: &RequestView<'_>) -> bool {
        // An IPv4 peer of a dual-stack socket is an IPv6 address that maps one.
        let peer = || request.peer().map(|peer| peer.to_canonical());
        !self.proxies.is_empty()
            && peer().is_some_and(|peer| self.proxies.iter().any(|net| net.contains(&peer)))
    }
}

/// An IPv4 network that was written as IPv6 addresses that map it, as the peer is compared.
fn canonical(net: IpNet) -> IpNet {
    const MAPPED: u8 = 96;
    match (
        net.addr().to_canonical(),
        net.prefix_len().checked_sub(MAPPED),
    ) {
        // No IPv4 network has a prefix as long as `MAPPED`.
        (IpAddr::V4(address), Some(prefix)) => {
            IpNet::new(IpAddr::V4(address), prefix).unwrap_or(net)
        }
        (IpAddr::V4(_) | IpAddr::V6(_), _) => net,
    }
}

/// RFC 9112 §3.2 and RFC 9113 §8.3.1: one `Host` at most, and equal to `:authority` where both are
/// there.
fn host<'r>(request: &RequestView<'r>) -> Sighting<'r> {
    let authority = request
        .uri()
        .authority()
        .map(|authority| authority.as_str().as_bytes());
    let fields = request.headers().get_all(http::header::HOST);
    if fields.iter().nth(1).is_some() {
        return Sighting::Ambiguous;
    }
    one_of(
        authority
            .into_iter()
            .chain(fields.iter().map(|host| host.as_bytes())),
    )
}

fn forwarded<'r>(request: &RequestView<'r>) -> Sighting<'r> {
    let fields = request.headers().get_all("x-forwarded-host");
    match fields.iter().nth(1) {
        None => one_of(fields.iter().map(|host| host.as_bytes())),
        Some(_) => Sighting::Ambiguous,
    }
}

/// The one host that all of these name.
fn one_of<'r>(hosts: impl Iterator<Item = &'r [u8]>) -> Sighting<'r> {
    let mut found: Option<Cow<'_, str>> = None;
    for host in hosts {
        let Some(host) = normal(host) else {
            return Sighting::Undecodable;
        };
        match &found {
            Some(before) if *before != host => return Sighting::Ambiguous,
            Some(_) | None => found = Some(host),
        }
    }
    found.map_or(Sighting::Absent, Sighting::Value)
}

/// Without port and final dot, in lower case: hosts ignore case. User information, lists and
/// anything else that is no host name (IPv6 literals too, which name no tenant) is undecodable.
fn normal(host: &[u8]) -> Option<Cow<'_, str>> {
    let host = str::from_utf8(host).ok()?;
    let host = match host.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) => host,
        Some(_) => return None,
        None => host,
    };
    let host = host.strip_suffix('.').unwrap_or(host);
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_');
    if host.split('.').any(str::is_empty) || !host.bytes().all(plain) {
        return None;
    }
    if host.bytes().any(|b| b.is_ascii_uppercase()) {
        Some(Cow::Owned(host.to_ascii_lowercase()))
    } else {
        Some(Cow::Borrowed(host))
    }
}

fn label<'r>(host: Cow<'r, str>, domain: &str) -> Sighting<'r> {
    let len = match host.strip_suffix(domain) {
        None => return Sighting::Absent,
        Some(label) if label.contains('.') => return Sighting::Undecodable,
        Some(label) => label.len(),
    };
    Sighting::Value(match host {
        Cow::Borrowed(host) => Cow::Borrowed(host.get(..len).unwrap_or_default()),
        Cow::Owned(mut host) => {
            host.truncate(len);
            Cow::Owned(host)
        }
    })
}
