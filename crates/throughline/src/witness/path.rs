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
        return match place_of(route.as_str(), name) {
            Some(place) => segment(request.uri().path(), place),
            None => Sighting::Absent,
        };
    }
    let _ = (request, name);
    Sighting::Absent
}

/// The segment at `index`, percent-decoded once, as routers hand it to handlers.
pub(super) fn segment(path: &str, index: usize) -> Sighting<'_> {
    match segments(path).nth(index) {
        None | Some("") => Sighting::Absent,
        Some(raw) => match percent_decode_str(raw).decode_utf8() {
            Ok(Cow::Borrowed(text)) => Sighting::Value(Cow::Borrowed(text)),
            Ok(Cow::Owned(text)) => Sighting::Value(Cow::Owned(text)),
            Err(_) => Sighting::Undecodable,
        },
    }
}

fn segments(path: &str) -> std::str::Split<'_, char> {
    path.strip_prefix('/').unwrap_or(path).split('/')
}

fn place_of(template: &str, name: &str) -> Option<usize> {
    segments(template).position(|segment| parameter(segment) == Some(name))
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
    name: Box<str>,
    /// Sorted, so that nothing depends on the order of declaration.
    templates: Vec<(Box<str>, usize)>,
}

impl Templates {
    pub(super) fn new<'t>(
        name: &str,
        templates: impl IntoIterator<Item = &'t str>,
    ) -> Result<Self, ConfigError> {
        let mut known: Vec<(Box<str>, usize)> = Vec::new();
        for template in templates {
            if !template.starts_with('/') {
                return Err(ConfigError::new(format!(
                    "path template `{template}` does not start with `/`"
                )));
            }
            let place = place_of(template, name).ok_or_else(|| {
                ConfigError::new(format!("path template `{template}` has no `{{{name}}}`"))
            })?;
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
        known.sort();
        Ok(Self {
            name: name.into(),
            templates: known,
        })
    }

    pub(super) fn matches(&self, path: &str) -> bool {
        self.templates
            .iter()
            .any(|(template, _)| matches(template, path))
    }

    pub(super) fn see<'r>(&self, path: &'r str) -> Sighting<'r> {
        debug_assert!(!self.name.is_empty());
        // All templates that match this path agree on the place: `new` saw to it.
        match self
            .templates
            .iter()
            .find(|(template, _)| matches(template, path))
        {
            Some((_, place)) => segment(path, *place),
            None => Sighting::Absent,
        }
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
