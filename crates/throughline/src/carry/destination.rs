//! Destinations: an explicit list of who belongs to the trust domain.

use std::fmt;

use http::Uri;

use crate::error::ConfigError;

/// The hosts that belong to the trust domain. What is not listed is outside.
///
/// A pattern is `host`, `*.suffix`, either with `:port` behind it and `http://` or `https://` in
/// front:
///
/// | pattern | matches |
/// |---|---|
/// | `billing.internal` | that host, any port, `http` and `https` |
/// | `*.svc.internal` | what ends in `.svc.internal`, not `svc.internal` itself |
/// | `https://billing.internal:8443` | exactly that |
/// | `127.0.0.1:9000`, `[::1]:9000` | addresses |
///
/// Hosts are compared without case. There is no pattern for "everywhere".
#[derive(Clone, Debug, Default)]
pub struct Destinations(Vec<Pattern>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Pattern {
    scheme: Option<Box<str>>,
    host: Host,
    port: Option<u16>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Host {
    Exact(Box<str>),
    /// With its leading dot.
    Suffix(Box<str>),
}

impl Destinations {
    /// Reads patterns.
    ///
    /// # Errors
    ///
    /// Every pattern that is unusable, or a list that is empty.
    pub fn new<'p>(patterns: impl IntoIterator<Item = &'p str>) -> Result<Self, ConfigError> {
        let mut problems = Vec::new();
        let mut known = Vec::new();
        for text in patterns {
            match Pattern::read(text) {
                Some(pattern) if known.contains(&pattern) => {
                    problems.push(format!("destination `{text}` is declared twice"));
                }
                Some(pattern) => known.push(pattern),
                None => problems.push(format!(
                    "destination `{text}` is unusable, expected as in `billing.internal`, \
                     `*.svc.internal` or `https://billing.internal:8443`"
                )),
            }
        }
        if known.is_empty() && problems.is_empty() {
            problems.push("no destination is declared, so no context could be sent".into());
        }
        ConfigError::all(problems)?;
        Ok(Self(known))
    }

    /// Whether `uri` is inside. A target without a host is not.
    #[must_use]
    pub fn contains(&self, uri: &Uri) -> bool {
        let Some(host) = uri.host() else { return false };
        // RFC 3986 §3.2.1: user information in front of a host is a way to show another one.
        if uri
            .authority()
            .is_some_and(|authority| authority.as_str().contains('@'))
        {
            return false;
        }
        let host = host.strip_suffix('.').unwrap_or(host);
        self.0.iter().any(|pattern| pattern.matches(uri, host))
    }
}

impl Pattern {
    fn read(text: &str) -> Option<Self> {
        let (scheme, rest) = match text.split_once("://") {
            Some((scheme @ ("http" | "https"), rest)) => (Some(scheme.into()), rest),
            Some(_) => return None,
            None => (None, text),
        };
        let (host, port) = match rest.rsplit_once(':') {
            Some((host, port)) if !port.contains(']') => (host, Some(port.parse().ok()?)),
            Some(_) | None => (rest, None),
        };
        let host = host.to_ascii_lowercase();
        let (suffix, name) = match host.strip_prefix('*') {
            Some(suffix) => (true, suffix.strip_prefix('.')?),
            None => (false, host.as_str()),
        };
        let is_address = !suffix
            && name
                .strip_prefix('[')
                .and_then(|name| name.strip_suffix(']'))
                .is_some_and(|inner| inner.parse::<std::net::Ipv6Addr>().is_ok());
        let is_name = name.split('.').all(|label| {
            !label.is_empty()
                && label
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
        });
        // `*.internal` would be a whole top-level domain; somebody else may register below it.
        if !(is_address || is_name) || (suffix && !name.contains('.')) {
            return None;
        }
        let host = match suffix {
            true => Host::Suffix(format!(".{name}").into()),
            false => Host::Exact(name.into()),
        };
        Some(Self { scheme, host, port })
    }

    fn matches(&self, uri: &Uri, host: &str) -> bool {
        let scheme = uri.scheme_str().unwrap_or("http");
        let default = match scheme {
            "https" => 443,
            "http" => 80,
            _ => return false,
        };
        let port = uri.port_u16().unwrap_or(default);
        let same_host = match &self.host {
            Host::Exact(own) => own.eq_ignore_ascii_case(host),
            Host::Suffix(suffix) => host
                .len()
                .checked_sub(suffix.len())
                .filter(|at| *at > 0)
                .and_then(|at| host.get(at..))
                .is_some_and(|end| end.eq_ignore_ascii_case(suffix)),
        };
        same_host
            && self.port.is_none_or(|own| own == port)
            && self.scheme.as_deref().is_none_or(|own| own == scheme)
    }
}

impl fmt::Display for Destinations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, Pattern { scheme, host, port }) in self.0.iter().enumerate() {
            if n > 0 {
                f.write_str(", ")?;
            }
            if let Some(scheme) = scheme {
                write!(f, "{scheme}://")?;
            }
            match host {
                Host::Exact(host) => f.write_str(host)?,
                Host::Suffix(suffix) => write!(f, "*{suffix}")?,
            }
            if let Some(port) = port {
                write!(f, ":{port}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inside(patterns: &[&str], uri: &str) -> bool {
        Destinations::new(patterns.iter().copied())
            .unwrap()
            .contains(&uri.parse().unwrap())
    }

    #[test]
    fn what_is_listed_is_inside_and_nothing_else() {
        let list = [
            "billing.internal",
            "*.svc.internal",
            "https://ledger.internal:8443",
            "[::1]:9",
        ];
        for uri in [
            "http://billing.internal/x",
            "https://BILLING.internal:9000/",
            "http://billing.internal./",
            "http://a.svc.internal",
            "http://a.b.svc.internal",
            "https://ledger.internal:8443/",
            "http://[::1]:9/",
        ] {
            assert!(inside(&list, uri), "{uri}");
        }
        for uri in [
            "/only/a/path",
            "http://billing.internal.evil.example/",
            "http://xbilling.internal/",
            "http://svc.internal/",
            "http://evilsvc.internal/",
            "http://ledger.internal:8443/",
            "https://ledger.internal/",
            "http://[::1]:10/",
            "http://billing.internal@evil.example/",
            "http://evil.example#@billing.internal/",
            "ftp://billing.internal/",
        ] {
            assert!(!inside(&list, uri), "{uri}");
        }
    }

    #[test]
    fn an_address_needs_no_port_and_a_suffix_needs_a_name_in_front() {
        assert!(inside(&["[::1]"], "http://[::1]/"));
        assert!(inside(&["[::1]"], "https://[::1]:8443/"));
        assert!(inside(&["*.svc.internal"], "http://a.svc.internal/"));
        for host in [".svc.internal", "svc.internal"] {
            let uri: Result<Uri, _> = format!("http://{host}/").parse();
            let list = Destinations::new(["*.svc.internal"]).unwrap();
            assert!(uri.is_ok_and(|uri| !list.contains(&uri)), "{host}");
        }
    }

    #[test]
    fn a_list_is_shown_as_it_was_written() {
        let list = ["billing.internal", "*.svc.internal", "https://[::1]:9"];
        let shown = Destinations::new(list).unwrap().to_string();
        assert_eq!(shown, "billing.internal, *.svc.internal, https://[::1]:9");
    }

    #[test]
    fn patterns_that_say_too_much_or_nothing_are_refused() {
        for text in [
            "",
            "*",
            "*.",
            "*.internal",
            "a.*.b",
            "*a.b",
            "http://",
            "ftp://a",
            "a b",
            "a/b",
            "a:x",
        ] {
            let error = Destinations::new([text]).unwrap_err();
            assert!(error.to_string().contains("is unusable"), "{text}: {error}");
        }
        assert!(Destinations::new([]).is_err());
        assert!(
            Destinations::new(["a.b", "A.b"])
                .unwrap_err()
                .to_string()
                .contains("twice")
        );
    }
}
