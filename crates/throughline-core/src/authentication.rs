//! How and when the principal was authenticated (RFC 9470 §6, OpenID Connect Core §2).

use std::time::Duration;

use crate::time::Timestamp;

/// The facts of the authentication behind a context. Renewing a token does not move them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Authentication {
    pub(crate) time: Option<Timestamp>,
    pub(crate) class: Option<Box<str>>,
    pub(crate) methods: Vec<Box<str>>,
    pub(crate) session: Option<Box<str>>,
}

impl Authentication {
    /// Nothing is known, as for a workload.
    #[must_use]
    pub fn unknown() -> Self {
        Self::default()
    }

    /// Authenticated at `time` (`auth_time`).
    #[must_use]
    pub fn at(time: Timestamp) -> Self {
        Self {
            time: Some(time),
            ..Self::default()
        }
    }

    /// Names the authentication context class (`acr`).
    #[must_use]
    pub fn with_class(mut self, class: &str) -> Self {
        self.class = Some(class.into());
        self
    }

    /// Names the methods used (`amr`).
    #[must_use]
    pub fn with_methods<'a>(mut self, methods: impl IntoIterator<Item = &'a str>) -> Self {
        self.methods = methods.into_iter().map(Box::from).collect();
        self
    }

    /// Names the session, so that it can be revoked on its own (`sid`).
    #[must_use]
    pub fn in_session(mut self, session: &str) -> Self {
        self.session = Some(session.into());
        self
    }

    /// When (`auth_time`).
    #[must_use]
    pub fn time(&self) -> Option<Timestamp> {
        self.time
    }

    /// The context class (`acr`).
    #[must_use]
    pub fn class(&self) -> Option<&str> {
        self.class.as_deref()
    }

    /// The methods (`amr`).
    pub fn methods(&self) -> impl Iterator<Item = &str> {
        self.methods.iter().map(AsRef::as_ref)
    }

    /// The session (`sid`).
    #[must_use]
    pub fn session(&self) -> Option<&str> {
        self.session.as_deref()
    }

    /// Whether it happened at most `age` before `now`. An unknown time is not recent.
    #[must_use]
    pub fn is_within(&self, age: Duration, now: Timestamp) -> bool {
        self.time.is_some_and(|time| now.since(time) <= age)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_stated_is_what_is_told() {
        let facts = Authentication::at(Timestamp::from_unix(50))
            .with_class("urn:strong")
            .with_methods(["pwd", "otp"])
            .in_session("s-1");
        assert_eq!(facts.time(), Some(Timestamp::from_unix(50)));
        assert_eq!(facts.class(), Some("urn:strong"));
        assert_eq!(facts.methods().collect::<Vec<_>>(), ["pwd", "otp"]);
        assert_eq!(facts.session(), Some("s-1"));
        let unknown = Authentication::unknown();
        assert_eq!((unknown.time(), unknown.class()), (None, None));
        assert_eq!((unknown.methods().count(), unknown.session()), (0, None));
    }

    #[test]
    fn an_age_is_allowed_to_its_last_second_and_an_unknown_one_is_not_recent() {
        let facts = Authentication::at(Timestamp::from_unix(50));
        let within = |now| facts.is_within(Duration::from_secs(10), Timestamp::from_unix(now));
        assert!(within(60) && !within(61));
        assert!(!Authentication::unknown().is_within(Duration::MAX, Timestamp::MAX));
    }
}
