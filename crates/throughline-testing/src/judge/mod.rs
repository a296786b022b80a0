//! Judging: what came of an attack, from the answers alone.
//!
//! The judge knows nothing of the service. It sees the answer to the attack, the answers to the
//! honest twin, and whose answer they are meant to be:
//!
//! 1. **Refused** is a status of 400 to 499 (a `grpc-status` other than 0 over gRPC), or 503 with a
//!    reason of Throughline's.
//! 2. **Served** is a status of 200 to 299 (`grpc-status` 0).
//! 3. **The other tenant's marker is a leak**, whatever the status, unless the request said it first.
//! 4. **Anything else is no verdict**: a redirect leads to where nobody was attacked; an error of the
//!    server may be the very refusal that was hoped for, or a request that broke it; "too many" says
//!    that we went too fast.
//! 5. **What changes by itself says nothing.** Where two answers to the same honest request differ,
//!    that part of the answer is not compared.
//!
//! ```
//! use bytes::Bytes;
//! use http::{HeaderMap, StatusCode};
//! use throughline_testing::attack::{Expect, Wire};
//! use throughline_testing::judge::{Case, How, Twins, Verdict};
//! use throughline_testing::run::Answer;
//!
//! let answer = |status: u16, body: &'static str| {
//!     let status = StatusCode::from_u16(status).unwrap();
//!     Answer::new(status, HeaderMap::new(), Bytes::from_static(body.as_bytes()), HeaderMap::new())
//! };
//! let honest = answer(200, "orders of acme");
//! let expect = Expect::Harmless(vec![]);
//! let other = answer(200, "orders of globex");
//! let case = Case::new(Wire::Http, &expect, Twins::of(&honest, &honest))
//!     .with_others(Some(Twins::of(&other, &other)));
//!
//! assert_eq!(case.judge(Ok(&answer(200, "orders of acme"))), Verdict::Neutralised);
//! assert!(matches!(case.judge(Ok(&answer(403, "no"))), Verdict::Held { .. }));
//! let leak = Verdict::Accepted { how: How::DiffersFromTwin };
//! assert_eq!(case.judge(Ok(&answer(200, "orders of globex"))), leak);
//! ```

mod alike;
mod verdict;

use throughline_core::Reason;

pub(crate) use self::alike::{Mask, told_apart};
pub use self::verdict::{Doubt, How, Verdict};
use crate::attack::{Expect, Wire};
use crate::run::{Answer, Failure};

/// The answers to the honest twin, before the attack and after it.
#[derive(Clone, Copy, Debug)]
pub struct Twins<'a> {
    first: &'a Answer,
    second: &'a Answer,
}

impl<'a> Twins<'a> {
    /// Two answers to the same honest request.
    #[must_use]
    pub fn of(first: &'a Answer, second: &'a Answer) -> Self {
        Self { first, second }
    }
}

/// What an answer is judged by.
#[derive(Clone, Copy, Debug)]
pub struct Case<'a> {
    wire: Wire,
    expect: &'a Expect,
    twins: Twins<'a>,
    own_marker: Option<&'a str>,
    other_marker: Option<&'a str>,
    others: Option<Twins<'a>>,
    anonymous: bool,
    credentials: &'a [&'a str],
}

impl<'a> Case<'a> {
    /// An attack of which `expect` is expected, beside its honest twins.
    #[must_use]
    pub fn new(wire: Wire, expect: &'a Expect, twins: Twins<'a>) -> Self {
        Self {
            wire,
            expect,
            twins,
            own_marker: None,
            other_marker: None,
            others: None,
            anonymous: false,
            credentials: &[],
        }
    }

    /// Says what every answer for the own tenant contains.
    #[must_use]
    pub fn with_own_marker(mut self, marker: Option<&'a str>) -> Self {
        self.own_marker = marker;
        self
    }

    /// Says what no answer for the own tenant contains, and the request does not either.
    #[must_use]
    pub fn with_other_marker(mut self, marker: Option<&'a str>) -> Self {
        self.other_marker = marker;
        self
    }

    /// Says what the other tenant is answered to its own honest request.
    #[must_use]
    pub fn with_others(mut self, answers: Option<Twins<'a>>) -> Self {
        self.others = answers;
        self
    }

    /// Says that the request had no credential.
    #[must_use]
    pub fn anonymous(mut self) -> Self {
        self.anonymous = true;
        self
    }

    /// Says which credentials the request had.
    #[must_use]
    pub fn with_credentials(mut self, credentials: &'a [&'a str]) -> Self {
        self.credentials = credentials;
        self
    }

    /// What came of it.
    #[must_use]
    pub fn judge(&self, answer: Result<&Answer, &Failure>) -> Verdict {
        let answer = match answer {
            Ok(answer) => answer,
            Err(failure) if failure.is_unsent() => {
                return Verdict::NotRun {
                    why: failure.to_string(),
                };
            }
            Err(failure) => {
                return Verdict::NotJudged {
                    why: Doubt::Failed(failure.clone()),
                };
            }
        };
        let text = answer.text();
        if self
            .other_marker
            .is_some_and(|marker| text.contains(marker))
        {
            return Verdict::Accepted {
                how: How::OtherMarker,
            };
        }
        match (kind(self.wire, answer), self.expect) {
            (Kind::Doubtful(why), _) => Verdict::NotJudged { why },
            (kind @ (Kind::Served | Kind::Refused(_)), Expect::Silent(_)) => {
                if self.credentials.iter().any(|token| text.contains(token)) {
                    let how = How::Echoed;
                    return Verdict::Accepted { how };
                }
                match kind {
                    Kind::Refused(reason) => self.held(reason),
                    Kind::Doubtful(_) | Kind::Served => Verdict::Neutralised,
                }
            }
            (
                Kind::Refused(reason),
                Expect::Alike(_) | Expect::Elsewhere(_) | Expect::Harmless(_) | Expect::Refused(_),
            ) => self.held(reason),
            (Kind::Served, Expect::Refused(_) | Expect::Alike(_)) => {
                let how = How::Served;
                Verdict::Accepted { how }
            }
            (Kind::Served, Expect::Elsewhere(_)) => self.elsewhere(answer, &text),
            (Kind::Served, Expect::Harmless(_)) => self.harmless(answer, &text),
        }
    }

    fn held(&self, reason: Option<Reason>) -> Verdict {
        let reasons = self.expect.reasons();
        // No reason is asked for where a router may be the first to refuse.
        let expected = reasons.is_empty() || reason.is_some_and(|reason| reasons.contains(&reason));
        Verdict::Held { reason, expected }
    }

    /// Served: as the twin was?
    fn harmless(&self, answer: &Answer, text: &str) -> Verdict {
        let how = How::DiffersFromTwin;
        match (self.own_marker, self.twins.mask()) {
            // The marker says whose it is; the rest may be a matter of what was asked.
            (Some(marker), _) if text.contains(marker) => Verdict::Neutralised,
            (Some(_), _) => Verdict::Accepted { how },
            (None, None) => Doubt::Unstable.into(),
            (None, Some(mask)) if !mask.matches(answer) => Verdict::Accepted { how },
            (None, Some(mask)) => match self.others {
                None => Doubt::OneSided.into(),
                Some(others) if mask.matches(others.first) => Doubt::Indistinct.into(),
                Some(_) => Verdict::Neutralised,
            },
        }
    }

    /// Served: something that belongs to nobody?
    fn elsewhere(&self, answer: &Answer, text: &str) -> Verdict {
        let others = self.others.and_then(|others| others.mask());
        if let Some(marker) = self.own_marker {
            // The other tenant's was looked for before.
            let how = How::Served;
            return match self.anonymous && text.contains(marker) {
                true => Verdict::Accepted { how },
                false => Verdict::Neutralised,
            };
        }
        match (self.twins.mask(), others) {
            (None, _) => Doubt::Unstable.into(),
            (Some(own), _) if own.matches(answer) => match self.anonymous {
                true => Verdict::Accepted { how: How::Served },
                // Could it be the other's?
                false => self.harmless(answer, text),
            },
            (Some(_), Some(other)) if other.matches(answer) => Verdict::Accepted {
                how: How::OtherMarker,
            },
            (Some(_), Some(_)) => Verdict::Neutralised,
            (Some(_), None) => Doubt::OneSided.into(),
        }
    }
}

impl Twins<'_> {
    fn mask(&self) -> Option<Mask> {
        Mask::learn(self.first, self.second)
    }
}

/// What an answer is, before anything is expected of it.
pub(crate) enum Kind {
    Doubtful(Doubt),
    Refused(Option<Reason>),
    Served,
}

pub(crate) fn kind(wire: Wire, answer: &Answer) -> Kind {
    let reason = answer.reason();
    let status = answer.status().as_u16();
    match (wire, status) {
        (_, 300..=399) => {
            let location = answer.headers().get(http::header::LOCATION);
            let location = location.and_then(|value| value.to_str().ok());
            Kind::Doubtful(Doubt::Redirected(location.unwrap_or("nowhere").to_owned()))
        }
        (_, 408 | 425 | 429) => Kind::Doubtful(Doubt::TooFast(status)),
        (Wire::Grpc, 200) => match answer.grpc_status() {
            Some(0) => Kind::Served,
            // A client may not tell these from a server that is at a loss.
            Some(code @ (2 | 4 | 8 | 12..=15)) if reason.is_none() => {
                Kind::Doubtful(Doubt::GrpcStatus(Some(code)))
            }
            Some(_) => Kind::Refused(reason),
            None => Kind::Doubtful(Doubt::GrpcStatus(None)),
        },
        (Wire::Http, 200..=299) => Kind::Served,
        // Over gRPC, a bare HTTP refusal is one too: of a proxy, or of a layer that knows no gRPC.
        (_, 400..=499) => Kind::Refused(reason),
        (_, 503) if reason.is_some() => Kind::Refused(reason),
        _ => Kind::Doubtful(Doubt::Status(status)),
    }
}

#[cfg(test)]
mod tests;
