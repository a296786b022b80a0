//! What came back.

use std::fmt;
use std::time::Duration;

use ::http::HeaderMap;
use ::http::header::CACHE_CONTROL;
use bytes::Bytes;

/// An answer with status 200. `Debug` shows its length.
#[derive(Clone)]
pub struct Answer {
    headers: HeaderMap,
    body: Bytes,
}

impl Answer {
    pub(super) fn new(headers: HeaderMap, body: Bytes) -> Self {
        Self { headers, body }
    }

    /// The bytes as they came.
    #[must_use]
    pub fn body(&self) -> &Bytes {
        &self.body
    }

    /// `Cache-Control`, RFC 9111 §5.2.2, as far as it can hasten the next time.
    #[must_use]
    pub fn max_age(&self) -> Option<Duration> {
        let directives = self
            .headers
            .get_all(CACHE_CONTROL)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','));
        directives
            .filter_map(|directive| {
                let (name, value) = directive.split_once('=').unwrap_or((directive, "0"));
                match name.trim().to_ascii_lowercase().as_str() {
                    "max-age" => value.trim().trim_matches('"').parse().ok(),
                    "no-cache" | "no-store" => Some(0),
                    _ => None,
                }
            })
            .min()
            .map(Duration::from_secs)
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer")
            .field("bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use ::http::HeaderValue;

    use super::*;

    fn max_age(lines: &[&'static str]) -> Option<u64> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(CACHE_CONTROL, HeaderValue::from_static(line));
        }
        let age = Answer::new(headers, Bytes::new()).max_age();
        age.map(|age| age.as_secs())
    }

    #[test]
    fn of_several_ages_the_shortest_counts_and_what_nobody_knows_counts_for_nothing() {
        for (lines, expected) in [
            (&[][..], None),
            (&["public"], None),
            (&["max-age=60"], Some(60)),
            (&["public, Max-Age = \"60\""], Some(60)),
            (&["max-age=60, max-age=30"], Some(30)),
            (&["max-age=60", "no-cache"], Some(0)),
            (&["no-store"], Some(0)),
            (&["max-age"], Some(0)),
            (&["max-age=soon, s-maxage=10"], None),
        ] {
            assert_eq!(max_age(lines), expected, "{lines:?}");
        }
    }
}
