//! Witnesses at an HTTP hop: whatever else in a request names a tenant, a subject or an actor.
//!
//! Each witness is read from the request as it arrived, and compared with the verified context.
//! None is a source of identity, none outranks another, and none wins silently:
//!
//! 1. Declared means required, unless [`Witness::optional`].
//! 2. Two values are ambiguous, equal or not: a parser behind us may choose differently.
//! 3. What cannot be decoded is refused, and never read as absent.
//! 4. A header that is a witness belongs to us from then on: it is read totally, and removed before
//!    the handler runs.
//!
//! ```
//! use throughline::Witness;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let by_path = Witness::path("tenant");
//! let by_header = Witness::header("x-tenant-id")?.optional();
//! // The path says `acme`, the token says `org_01H`: an alias knows both.
//! let by_name = Witness::path("tenant")
//!     .with_alias(|name: &str| (name == "acme").then(|| "org_01H".parse().ok()).flatten());
//!
//! // Names that could be mistaken on the way are refused when the service is built.
//! assert!(Witness::header("x_tenant").is_err());
//! assert!(Witness::path_in("tenant", ["/t/{tenant}", "/{tenant}/t"]).is_err());
//! # Ok(())
//! # }
//! ```

mod host;
mod path;
mod query;

use std::fmt;
use std::sync::Arc;

use http::{HeaderName, HeaderValue};
use throughline_core::Place;
use throughline_core::baggage::{Baggage, Found, Limits};
use throughline_core::witness::{About, ResolveAlias, Sighting, WitnessRule};

use self::host::HostSource;
use self::path::Templates;
use crate::error::ConfigError;
use crate::request::RequestView;

/// A place of the request that names a tenant (or a [subject](Witness::about_subject) or
/// [actor](Witness::about_actor)), and must agree with the context.
#[derive(Clone)]
#[must_use]
pub struct Witness {
    pub(crate) rule: WitnessRule,
    source: Source,
}

#[derive(Clone)]
enum Source {
    Baggage(Box<str>),
    Custom(Arc<dyn Fn(&RequestView<'_>) -> Sighting<'static> + Send + Sync>),
    Header(HeaderName),
    Host(HostSource),
    PathOfRoute(Box<str>),
    PathOfTemplates(Templates),
    PathSegment(usize),
    Query(Box<str>),
}

impl Witness {
    /// The parameter `name` of the matched axum route: `/t/{name}/orders`.
    ///
    /// Where no route with this parameter was matched, nothing is there: the witness is missing,
    /// unless it is optional. Without axum use [`Witness::path_in`].
    pub fn path(name: &str) -> Self {
        Self::new(
            Place::new("path parameter", name.to_owned()),
            Source::PathOfRoute(name.into()),
        )
    }

    /// The parameter `name` of whichever of these path templates matches: `/t/{name}/orders`, or
    /// `/t/{name}/{*rest}` for everything below.
    ///
    /// A path that matches only once it is tidied (decoded, slashes merged or dropped, dot segments
    /// removed), or has another value there then, is ambiguous: somebody behind us may tidy it.
    ///
    /// # Errors
    ///
    /// A template is no path, or does not have the parameter exactly once; or two templates match a
    /// common path and have the parameter at different places, so that which one counts would be
    /// chance.
    pub fn path_in<'t>(
        name: &str,
        templates: impl IntoIterator<Item = &'t str>,
    ) -> Result<Self, ConfigError> {
        let templates = Templates::new(name, templates)?;
        let place = Place::new("path parameter", name.to_owned());
        Ok(Self::new(place, Source::PathOfTemplates(templates)))
    }

    /// The path's segment at `index`, counted from 0: in `/t/acme`, `acme` is at 1.
    ///
    /// Behind a segment that holds an encoded slash it is ambiguous: who decodes first counts more.
    pub fn path_segment(index: usize) -> Self {
        Self::new(
            Place::new("path segment", index.to_string()),
            Source::PathSegment(index),
        )
    }

    /// The header `name`. It belongs to us from now on: a second value, a list or a look-alike
    /// name is refused, and the handler does not see it.
    ///
    /// # Errors
    ///
    /// `name` is not `[A-Za-z0-9-]`, or it is a field that HTTP itself needs.
    pub fn header(name: &str) -> Result<Self, ConfigError> {
        let field = owned_header(name)?;
        let place = Place::header(field.as_str().to_owned());
        Ok(Self::new(place, Source::Header(field)))
    }

    /// The whole host the request is for (`:authority` or `Host`), without port, in lower case.
    /// Most useful with an [alias](Witness::with_alias).
    pub fn host() -> Self {
        Self::new(
            Place::new("host", "host"),
            Source::Host(HostSource::whole()),
        )
    }

    /// The one label in front of `domain`: for `acme.example`, `t1` in `t1.acme.example`.
    ///
    /// A host elsewhere is no sighting; one with more labels in front is not one tenant.
    ///
    /// # Errors
    ///
    /// `domain` is not a host name.
    pub fn subdomain_of(domain: &str) -> Result<Self, ConfigError> {
        let source = HostSource::subdomain_of(domain)?;
        let place = Place::new("subdomain of", domain.to_ascii_lowercase());
        Ok(Self::new(place, Source::Host(source)))
    }

    /// For a host witness: reads `X-Forwarded-Host` instead, where the peer is one of these proxies
    /// (addresses or networks, `10.0.0.0/8`). From anybody else the field is not looked at.
    ///
    /// # Errors
    ///
    /// A proxy is not an address or a network, or the witness is not a host's.
    pub fn behind_proxies<'p>(
        mut self,
        proxies: impl IntoIterator<Item = &'p str>,
    ) -> Result<Self, ConfigError> {
        let Source::Host(host) = &mut self.source else {
            return Err(ConfigError::new(format!(
                "{} cannot be behind proxies, expected a witness of the host",
                self.rule.place()
            )));
        };
        host.trust(proxies)?;
        Ok(self)
    }

    /// The query parameter `name`. A repeated one, one whose name only looks like it and one beside
    /// a `;` are ambiguous.
    pub fn query(name: &str) -> Self {
        Self::new(
            Place::new("query parameter", name.to_owned()),
            Source::Query(name.into()),
        )
    }

    /// The W3C Baggage member `key`, over all lines. It belongs to us from now on and is removed
    /// before the handler runs; other members stay as they are.
    ///
    /// # Errors
    ///
    /// `key` is not 1 to 64 bytes of `[a-z0-9.-]`.
    pub fn baggage(key: &str) -> Result<Self, ConfigError> {
        let fits = (1..=64).contains(&key.len())
            && key
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b".-".contains(&b));
        if !fits {
            return Err(ConfigError::new(format!(
                "baggage key `{key}` is unusable as a witness, expected 1 to 64 bytes of \
                 `[a-z0-9.-]`"
            )));
        }
        let place = Place::new("baggage member", key.to_owned());
        Ok(Self::new(place, Source::Baggage(key.into())))
    }

    /// Whatever `see` finds. `place` names it in refusals.
    pub fn custom(
        place: &'static str,
        see: impl Fn(&RequestView<'_>) -> Sighting<'static> + Send + Sync + 'static,
    ) -> Self {
        Self::new(Place::new("witness", place), Source::Custom(Arc::new(see)))
    }

    fn new(place: Place, source: Source) -> Self {
        Self {
            rule: WitnessRule::tenant(place),
            source,
        }
    }

    /// Allows absence. A value that is there must agree all the same.
    pub fn optional(mut self) -> Self {
        self.rule = self.rule.optional();
        self
    }

    /// Reads the value as a name that stands for a tenant. A name that `alias` does not know is a
    /// mismatch, and looks like one from outside.
    pub fn with_alias(mut self, alias: impl ResolveAlias) -> Self {
        self.rule = self.rule.with_alias(alias);
        self
    }

    /// Compares with the principal's subject instead of the tenant.
    pub fn about_subject(mut self) -> Self {
        self.rule = self.rule.about(About::Subject);
        self
    }

    /// Compares with the nearest actor's subject instead of the tenant.
    pub fn about_actor(mut self) -> Self {
        self.rule = self.rule.about(About::Actor);
        self
    }

    /// What is seen in `request`.
    pub(crate) fn see<'r>(
        &self,
        request: &RequestView<'r>,
        baggage: &BaggageOnce<'r>,
    ) -> Sighting<'r> {
        match &self.source {
            Source::Baggage(key) => baggage.member(request, key),
            Source::Custom(see) => see(request),
            Source::Header(field) => header(request, field),
            Source::Host(host) => host.see(request),
            Source::PathOfRoute(name) => path::of_route(request, name),
            Source::PathOfTemplates(templates) => templates.see(request.uri().path()),
            Source::PathSegment(index) => path::counted(request.uri().path(), *index),
            Source::Query(name) => query::parameter(request.uri().query(), name),
        }
    }

    pub(crate) fn owned_header(&self) -> Option<&HeaderName> {
        match &self.source {
            Source::Header(field) => Some(field),
            Source::Baggage(_)
            | Source::Custom(_)
            | Source::Host(_)
            | Source::PathOfRoute(_)
            | Source::PathOfTemplates(_)
            | Source::PathSegment(_)
            | Source::Query(_) => None,
        }
    }

    pub(crate) fn owned_baggage_key(&self) -> Option<&str> {
        match &self.source {
            Source::Baggage(key) => Some(key),
            Source::Custom(_)
            | Source::Header(_)
            | Source::Host(_)
            | Source::PathOfRoute(_)
            | Source::PathOfTemplates(_)
            | Source::PathSegment(_)
            | Source::Query(_) => None,
        }
    }

    /// Whether an exact `path` matches one of this witness's templates.
    pub(crate) fn claims_path(&self, path: &str) -> bool {
        match &self.source {
            Source::PathOfTemplates(templates) => templates.claims(path),
            Source::Baggage(_)
            | Source::Custom(_)
            | Source::Header(_)
            | Source::Host(_)
            | Source::PathOfRoute(_)
            | Source::PathSegment(_)
            | Source::Query(_) => false,
        }
    }
}

impl fmt::Debug for Witness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Witness").field(&self.rule).finish()
    }
}

/// Checks that a header can belong to us.
pub(crate) fn owned_header(name: &str) -> Result<HeaderName, ConfigError> {
    let plain = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    let field = HeaderName::from_bytes(name.as_bytes())
        .ok()
        .filter(|_| plain)
        .ok_or_else(|| {
            ConfigError::new(format!(
                "header `{name}` is unusable, expected `[A-Za-z0-9-]`: other names are changed or \
             merged by hops on the way"
            ))
        })?;
    const NEEDED: [&str; 18] = [
        "authorization",
        "baggage",
        "connection",
        "content-encoding",
        "content-length",
        "content-type",
        "cookie",
        "expect",
        "forwarded",
        "host",
        "te",
        "traceparent",
        "tracestate",
        "trailer",
        "transfer-encoding",
        "txn-token",
        "upgrade",
        // Only as `Witness::behind_proxies`, which asks who sent it.
        "x-forwarded-host",
    ];
    if NEEDED.contains(&field.as_str()) {
        return Err(ConfigError::new(format!(
            "header `{name}` has a meaning of its own, expected a field that only names a tenant"
        )));
    }
    Ok(field)
}

pub(crate) fn header<'r>(request: &RequestView<'r>, field: &HeaderName) -> Sighting<'r> {
    let mut values = request
        .headers()
        .get_all(field)
        .iter()
        .map(HeaderValue::as_bytes);
    // RFC 9110 §5.3: two lines may have been joined on the way.
    match (values.next(), values.next()) {
        (Some(one), None) if one.contains(&b',') => Sighting::Ambiguous,
        (Some(one), None) => Sighting::of_bytes(one),
        (Some(_), Some(_)) => Sighting::Ambiguous,
        (None, _) => Sighting::Absent,
    }
}

/// The request's baggage, parsed at most once, and not at all where nobody asks.
#[derive(Default)]
pub(crate) struct BaggageOnce<'r>(std::cell::OnceCell<Option<Baggage<'r>>>);

impl<'r> BaggageOnce<'r> {
    pub(crate) fn member(&self, request: &RequestView<'r>, key: &str) -> Sighting<'r> {
        let baggage = self.0.get_or_init(|| {
            Baggage::read(baggage_lines(request.headers()), Limits::default()).ok()
        });
        let Some(baggage) = baggage else {
            return Sighting::Oversized;
        };
        match baggage.member(key) {
            Found::Absent => Sighting::Absent,
            Found::Ambiguous => Sighting::Ambiguous,
            Found::Undecodable => Sighting::Undecodable,
            Found::One(value) if value.is_empty() => Sighting::Undecodable,
            Found::One(value) => Sighting::Value(value),
        }
    }
}

pub(crate) fn baggage_lines(headers: &http::HeaderMap) -> impl Iterator<Item = &[u8]> {
    headers
        .get_all("baggage")
        .iter()
        .map(|line| line.as_bytes())
}

#[cfg(test)]
mod tests;
