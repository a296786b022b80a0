//! Path witnesses: the parameter of a route, of a template, or a segment by its place.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;
use throughline_core::witness::Sighting;

use crate::error::ConfigError;
use crate::request::RequestView;

/// The parameter `name` of the route that axum matched.
pub(super) fn of_route<'r>(request: &RequestView<'r>, name: &str) -> Sighting<'r> {
    #[cfg(feature = "axum")]
    if let Some(route) = request.extensions().get::<axum::extract::MatchedPath>() {
        let mut places = places_of(route.as_str(), name);
        return match (places.next(), places.next()) {
            (None, _) => Sighting::Absent,
            (Some(place), None) => segment(request.uri().path(), place),
            // Nested routers may both have it; which one a handler reads depends on how it asks.
            (Some(_), Some(_)) => Sighting::Ambiguous,
        };
    }
    let _ = (request, name);
    Sighting::Absent
}

/// The segment at `index`, percent-decoded once, as routers hand it to handlers.
///
/// It is ambiguous where somebody behind us who tidies the path first (RFC 3986 §6.2.2.3, merged
/// slashes) would find another segment at that place.
fn segment(path: &str, index: usize) -> Sighting<'_> {
    if has_dot_segments(path) {
        return Sighting::Ambiguous;
    }
    let mut rest = segments(path);
    for _ in 0..index {
        match rest.next() {
            Some("") => return absent_at_end(rest),
            Some(_) => {}
            None => return Sighting::Absent,
        }
    }
    match rest.next() {
        Some("") => absent_at_end(rest),
        None => Sighting::Absent,
        Some(raw) => match percent_decode_str(raw).decode_utf8() {
            Ok(text) => Sighting::Value(text),
            Err(_) => Sighting::Undecodable,
        },
    }
}

/// The same, where it is not known who routes: ambiguous too where somebody who decodes before they
/// split (`%2F`, or a backslash taken for a slash) would count other segments in front of it.
pub(super) fn counted(path: &str, index: usize) -> Sighting<'_> {
    let splits = |segment: &str| tidied(segment).contains(['/', '\\']);
    if segments(path).take(index).any(splits) {
        return Sighting::Ambiguous;
    }
    segment(path, index)
}

/// What an empty segment says: the path ends in a slash, or has two where one was meant.
fn absent_at_end<'r>(mut rest: std::str::Split<'_, char>) -> Sighting<'r> {
    match rest.next() {
        None => Sighting::Absent,
        Some(_) => Sighting::Ambiguous,
    }
}

fn segments(path: &str) -> std::str::Split<'_, char> {
    path.strip_prefix('/').unwrap_or(path).split('/')
}

/// Whether removing dot segments would change the path for some reader: spelt plainly or as percent
/// escapes, between slashes of either kind, with path parameters behind them (`..;x`).
fn has_dot_segments(path: &str) -> bool {
    // The usual path has neither a dot nor an escape at the start of a segment.
    if !path.contains("/.") && !path.contains(['%', '\\']) {
        return false;
    }
    tidied(path)
        .split(['/', '\\'])
        .map(|segment| segment.split(';').next().unwrap_or_default())
        .any(|segment| segment == "." || segment == "..")
}

fn tidied(path: &str) -> Cow<'_, str> {
    percent_decode_str(path).decode_utf8_lossy()
}

/// The places of `{name}` in a template.
fn places_of<'t>(template: &'t str, name: &'t str) -> impl Iterator<Item = usize> + 't {
    let places = segments(template).enumerate();
    places
        .filter(move |(_, segment)| parameter(segment) == Some(name))
        .map(|(place, _)| place)
}

/// The name of a `{name}` segment.
fn parameter(segment: &str) -> Option<&str> {
    segment
        .strip_prefix('{')?
        .strip_suffix('}')
        .filter(|name| !name.starts_with('*'))
}

fn is_rest(segment: &str) -> bool {
    segment.starts_with("{*") && segment.ends_with('}')
}

/// Path templates that share a parameter, checked for ambiguity when they are made.
#[derive(Clone, Debug)]
pub(super) struct Templates {
    /// Sorted, so that nothing depends on the order of declaration.
    templates: Vec<(Box<str>, usize)>,
}

impl Templates {
    pub(super) fn new<'t>(
        name: &str,
        templates: impl IntoIterator<Item = &'t str>,
    ) -> Result<Self, ConfigError> {
        if name.is_empty() {
            return Err(ConfigError::new("the name of a path parameter is empty"));
        }
        let mut templates: Vec<&str> = templates.into_iter().collect();
        templates.sort_unstable();
        templates.dedup();
        let mut known: Vec<(Box<str>, usize)> = Vec::new();
        for template in templates {
            let place = place_in(template, name)?;
            for (other, other_place) in &known {
                if place != *other_place && overlap(template, other) {
                    return Err(ConfigError::new(format!(
                        "path templates `{other}` and `{template}` match a common path and have \
                         `{{{name}}}` at different places, expected one place for each path"
                    )));
                }
            }
            known.push((template.into(), place));
        }
        if known.is_empty() {
            return Err(ConfigError::new(format!(
                "no path template is given for `{{{name}}}`"
            )));
        }
        Ok(Self { templates: known })
    }

    /// Whether something is seen at `path`.
    pub(super) fn claims(&self, path: &str) -> bool {
        self.see(path) != Sighting::Absent
    }

    pub(super) fn see<'r>(&self, path: &'r str) -> Sighting<'r> {
        // All templates that match a path agree on the place: `new` saw to it.
        let place = |path: &str| {
            let mut templates = self.templates.iter();
            templates.find_map(|(template, place)| matches(template, path).then_some(*place))
        };
        let found = place(path);
        if let Some(place) = found.filter(|_| is_tidy(path)) {
            return segment(path, place);
        }
        // A router that decodes, merges slashes or drops the last one may match where we do not, or
        // find another segment.
        let tidied = tidied(path);
        let parts = tidied.split(['/', '\\']).filter(|part| !part.is_empty());
        let parts: Vec<&str> = parts.collect();
        let theirs = place(&format!("/{}", parts.join("/"))).and_then(|place| parts.get(place));
        match (found.map(|place| segment(path, place)), theirs) {
            (Some(Sighting::Value(ours)), Some(theirs)) if ours != *theirs => Sighting::Ambiguous,
            (Some(seen), _) => seen,
            (None, None) if !has_dot_segments(path) => Sighting::Absent,
            (None, _) => Sighting::Ambiguous,
        }
    }
}

/// Whether nobody would change the path before matching it, dot segments aside: the usual one.
fn is_tidy(path: &str) -> bool {
    !path.contains(['%', '\\']) && !path.contains("//") && !path.ends_with('/')
}

/// The one place of `{name}` in a template that can match a path.
fn place_in(template: &str, name: &str) -> Result<usize, ConfigError> {
    if !template.starts_with('/') || template.contains(['?', '#']) {
        return Err(ConfigError::new(format!(
            "path template `{template}` is unusable, expected a path as in `/t/{{{name}}}`"
        )));
    }
    let mut rests = segments(template).skip_while(|segment| !is_rest(segment));
    if rests.nth(1).is_some() {
        return Err(ConfigError::new(format!(
            "path template `{template}` goes on after its rest, expected the rest at the end"
        )));
    }
    let mut places = places_of(template, name);
    match (places.next(), places.next()) {
        (Some(place), None) => Ok(place),
        (Some(_), Some(_)) => Err(ConfigError::new(format!(
            "path template `{template}` has `{{{name}}}` twice"
        ))),
        (None, _) => Err(ConfigError::new(format!(
            "path template `{template}` has no `{{{name}}}`"
        ))),
    }
}

fn matches(template: &str, path: &str) -> bool {
    let mut path = segments(path);
    for segment in segments(template) {
        if is_rest(segment) {
            return path.next().is_some_and(|first| !first.is_empty());
        }
        match path.next() {
            Some(found) if parameter(segment).is_some() && !found.is_empty() => {}
            Some(found) if found == segment => {}
            Some(_) | None => return false,
        }
    }
    path.next().is_none()
}

/// Whether some path matches both templates.
fn overlap(one: &str, two: &str) -> bool {
    let (mut one, mut two) = (segments(one), segments(two));
    loop {
        match (one.next(), two.next()) {
            (None, None) => return true,
            (Some(a), Some(b)) if is_rest(a) || is_rest(b) => return true,
            (Some(a), Some(b)) => {
                if a != b && parameter(a).is_none() && parameter(b).is_none() {
                    return false;
                }
            }
            (None, Some(_)) | (Some(_), None) => return false,
        }
    }
}
