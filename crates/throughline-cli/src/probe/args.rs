//! What the probe is told.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;

use clap::Args;
use http::{HeaderName, HeaderValue, Method};

use super::pace::Rate;
use super::tokens::TokenSource;

/// Attacks a running service with the tokens of two tenants
///
/// Sends honest requests of both tenants, then the catalogue of attacks, each beside an honest twin
/// that differs in the attacked thing only. The service need not know of this project: an attack
/// counts as accepted when it is answered like an honest request, when the answer holds the other
/// tenant's data, or when it differs from its twin's answer. Parts that change from answer to
/// answer, such as times and ids, are learnt first and do not count. An attack whose twin is not
/// served is not judged.
///
/// The URL is a resource that the token may read and the other tenant's may not. Write `{tenant}`
/// where it names the tenant; where the own tenant's name is a whole segment of the path, label of
/// the host or value of the query, that place is taken. `--dry-run` shows it, and every request, and
/// sends nothing.
///
/// Sends GET and HEAD and what they lead to (an attack may spell its method as OPTIONS). Requests
/// that change something are sent with `--allow-changes` only. At most 20 requests a second and 2000
/// in all, unless told otherwise. Redirects are not followed. TLS certificates are checked against
/// the platform's roots, or those in the file that SSL_CERT_FILE names.
///
/// Tokens are read from elsewhere, never from the command line, and never printed.
///
///   throughline probe https://staging.example.com/t/acme/orders --token-from env:ACME_TOKEN
///   --other-tenant globex --other-token-from 'command:get-token globex'
///
/// Exit status: 0 when no attack was accepted; 1 when some were; 2 when the command could not be
/// carried out: bad flags, no token; 3 when none was accepted and the service, or some attack, could
/// not be judged.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct ProbeArgs {
    /// The resource, as its own tenant asks for it
    #[arg(value_name = "URL")]
    pub(super) url: String,
    /// Where the own tenant's token is: `env:NAME`, `file:PATH` or `command:COMMAND`
    #[arg(long, value_name = "SOURCE")]
    pub(super) token_from: TokenSource,
    /// Where the other tenant's token is; without it, what needs it is not run
    #[arg(long, value_name = "SOURCE")]
    pub(super) other_token_from: Option<TokenSource>,
    /// The own tenant's name, as paths and headers have it; without it, what the token says
    #[arg(long, value_name = "NAME")]
    pub(super) tenant: Option<String>,
    /// The other tenant's name; without it, what its token says
    #[arg(long, value_name = "NAME")]
    pub(super) other_tenant: Option<String>,
    /// A text that only the own tenant's data holds; without it, what the answers teach
    #[arg(long, value_name = "TEXT", requires = "other_marker")]
    pub(super) marker: Option<String>,
    /// A text that only the other tenant's data holds: any answer to the own tenant with it is a leak
    #[arg(long, value_name = "TEXT", requires = "marker")]
    pub(super) other_marker: Option<String>,
    /// Where the token stands: `bearer`, `txn-token`, `header:NAME` or `cookie:NAME`
    #[arg(long, value_name = "PLACE", default_value = "bearer")]
    pub(super) credential: Place,
    /// The header that names the tenant to the service, if one does
    #[arg(long, value_name = "NAME")]
    pub(super) tenant_header: Option<HeaderName>,
    /// A further header of every request, such as `accept: application/json`; no secret
    #[arg(long = "header", value_name = "NAME: VALUE")]
    pub(super) headers: Vec<Field>,
    /// The method of the honest request
    #[arg(long, default_value = "GET")]
    pub(super) method: Method,
    /// The body of the honest request; `{tenant}` in it becomes the tenant's name
    #[arg(long, value_name = "FILE")]
    pub(super) body: Option<PathBuf>,
    /// Call this gRPC method, such as `shop.Orders/List`, with the body as its message; over HTTP/2
    #[arg(long, value_name = "METHOD")]
    pub(super) grpc: Option<String>,
    /// Send HTTP/2 where HTTP/1.1 would be sent
    #[arg(long)]
    pub(super) http2: bool,
    /// Connect to this address, such as `10.0.0.7:8443`, whatever the URL's host resolves to
    #[arg(long, value_name = "IP:PORT")]
    pub(super) connect_to: Option<SocketAddr>,
    /// The issuer's public keys, a JWK set: for attacks that use them as secrets
    #[arg(long, value_name = "FILE")]
    pub(super) jwks: Option<PathBuf>,
    /// Where a token of the own tenant is whose time is over; a JWT
    #[arg(long, value_name = "SOURCE")]
    pub(super) expired_token_from: Option<TokenSource>,
    /// Requests in a second, at most
    #[arg(long, value_name = "N/s", default_value = "20/s")]
    pub(super) rate: Rate,
    /// Requests in all, at most
    #[arg(long, value_name = "N", default_value_t = 2000)]
    pub(super) max: u64,
    /// How long one request may take
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub(super) timeout: u64,
    /// How long the whole run may take
    #[arg(long, value_name = "SECONDS", default_value_t = 600, value_parser = clap::value_parser!(u64).range(1..=86400))]
    pub(super) deadline: u64,
    /// Only this attack, or with `group/` those of a group; can be repeated
    #[arg(long, value_name = "ID")]
    pub(super) only: Vec<String>,
    /// Not this attack, or with `group/` those of a group; can be repeated
    #[arg(long, value_name = "ID")]
    pub(super) skip: Vec<String>,
    /// Send requests with methods that change something
    #[arg(long)]
    pub(super) allow_changes: bool,
    /// Print what would be sent, and send nothing
    #[arg(long)]
    pub(super) dry_run: bool,
    /// Print one JSON object
    #[arg(long, conflicts_with = "sarif")]
    pub(super) json: bool,
    /// Print SARIF 2.1.0, as code scanning reads it
    #[arg(long, conflicts_with = "dry_run")]
    pub(super) sarif: bool,
}

/// Where a token stands in a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Bearer,
    Cookie(String),
    Header(HeaderName),
    TransactionToken,
}

impl FromStr for Place {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const EXPECTED: &str = "expected `bearer`, `txn-token`, `header:NAME` or `cookie:NAME`";
        match text.split_once(':') {
            None if text == "bearer" => Ok(Self::Bearer),
            None if text == "txn-token" => Ok(Self::TransactionToken),
            Some(("header", name)) => name.parse().map(Self::Header).map_err(|_| EXPECTED),
            // RFC 6265 §4.1.1: the name of a cookie is a token, as that of a header is.
            Some(("cookie", name)) if name.parse::<HeaderName>().is_ok() => {
                Ok(Self::Cookie(name.into()))
            }
            None | Some(_) => Err(EXPECTED),
        }
    }
}

/// A line of a header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Field(pub(super) HeaderName, pub(super) HeaderValue);

impl FromStr for Field {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const EXPECTED: &str = "expected `name: value`";
        let (name, value) = text.split_once(':').ok_or(EXPECTED)?;
        Ok(Self(
            name.trim().parse().map_err(|_| EXPECTED)?,
            value.trim().parse().map_err(|_| EXPECTED)?,
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_stands_in_one_of_four_places() {
        assert_eq!("bearer".parse(), Ok(Place::Bearer));
        assert_eq!("txn-token".parse(), Ok(Place::TransactionToken));
        assert_eq!(
            "header:X-Api-Token".parse(),
            Ok(Place::Header(HeaderName::from_static("x-api-token")))
        );
        assert_eq!("cookie:SID".parse(), Ok(Place::Cookie("SID".into())));
        for text in [
            "",
            "basic",
            "header:",
            "header:a b",
            "cookie:",
            "cookie:a=b",
        ] {
            assert!(text.parse::<Place>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_further_header_has_a_name_and_a_value() {
        let field: Field = "Accept: text/html; q=1".parse().unwrap();
        assert_eq!(field.0, "accept");
        assert_eq!(field.1, "text/html; q=1");
        for text in ["accept", ": x", "a b: c", "a: b\r\nc: d"] {
            assert!(text.parse::<Field>().is_err(), "{text}");
        }
    }
}
