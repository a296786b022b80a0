//! What can come of an attack.

use std::fmt;

use throughline_core::Reason;

use crate::attack::Need;
use crate::run::Failure;

/// What came of an attack.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// It got through.
    Accepted {
        /// In which way.
        how: How,
    },
    /// It was refused.
    Held {
        /// Why, if the service says so in our words.
        reason: Option<Reason>,
        /// Whether that is a reason that the attack expects.
        expected: bool,
    },
    /// It was served as if the attack were not there.
    Neutralised,
    /// It does not apply to this service, or more is needed to try it.
    NotApplicable {
        /// What is not at hand.
        needs: Vec<Need>,
    },
    /// It was sent, and what came back says nothing.
    NotJudged {
        /// Why.
        why: Doubt,
    },
    /// It was not tried in a way that would prove anything: its twin failed, or nothing was sent.
    NotRun {
        /// Why.
        why: String,
    },
}

impl Verdict {
    /// The word for it, in reports.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Accepted { .. } => "accepted",
            Self::Held { .. } => "refused",
            Self::Neutralised => "neutralised",
            Self::NotApplicable { .. } => "not applicable",
            Self::NotJudged { .. } => "not judged",
            Self::NotRun { .. } => "not run",
        }
    }

    /// Of several requests of one attack the worst decides.
    pub(crate) fn badness(&self) -> u8 {
        match self {
            Self::NotApplicable { .. } => 0,
            Self::Held { expected: true, .. } => 1,
            Self::Neutralised => 2,
            Self::Held {
                expected: false, ..
            } => 3,
            Self::NotJudged { .. } => 4,
            Self::NotRun { .. } => 5,
            Self::Accepted { .. } => 6,
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())?;
        match self {
            Self::Accepted { how } => write!(f, ": {how}"),
            Self::Held {
                reason: Some(reason),
                ..
            } => write!(f, ": {reason}"),
            Self::Held {
                reason: None,
                expected: false,
            } => f.write_str(", without a reason"),
            Self::Held { reason: None, .. } | Self::Neutralised => Ok(()),
            Self::NotApplicable { needs } => {
                f.write_str(": needs ")?;
                for (n, need) in needs.iter().enumerate() {
                    let comma = if n == 0 { "" } else { ", " };
                    write!(f, "{comma}{need}")?;
                }
                Ok(())
            }
            Self::NotJudged { why } => write!(f, ": {why}"),
            Self::NotRun { why } => write!(f, ": {why}"),
        }
    }
}

/// How an attack got through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum How {
    /// It was served, and not as its honest twin.
    DiffersFromTwin,
    /// The answer repeats a credential.
    Echoed,
    /// The answer is, or holds, what belongs to the other tenant.
    OtherMarker,
    /// It was served.
    Served,
    /// Two refusals differ, and tell what they must not.
    ToldApart,
}

impl fmt::Display for How {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::DiffersFromTwin => "it was served, and not as its honest twin",
            Self::Echoed => "the answer repeats a credential",
            Self::OtherMarker => "the answer holds what belongs to the other tenant",
            Self::Served => "it was served",
            Self::ToldApart => "the refusals differ, and tell an outsider what exists",
        })
    }
}

/// Why an answer says nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Doubt {
    /// After it, the honest twin was no longer served.
    Aftermath(String),
    /// There is no answer.
    Failed(Failure),
    /// A gRPC answer without a status, or with one that an overwhelmed server gives.
    GrpcStatus(Option<u32>),
    /// Answers to the two tenants are the same, so this one could be either's.
    Indistinct,
    /// What the other tenant is answered is not known, so this answer could be its.
    OneSided,
    /// The service wants us elsewhere.
    Redirected(String),
    /// A status that is neither served nor refused.
    Status(u16),
    /// The service says that we are too fast, or early.
    TooFast(u16),
    /// Two answers to the same honest request differ too much to be compared with a third.
    Unstable,
}

impl From<Doubt> for Verdict {
    fn from(why: Doubt) -> Self {
        Self::NotJudged { why }
    }
}

impl fmt::Display for Doubt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Aftermath(what) => {
                write!(f, "afterwards the honest request was not served: {what}")
            }
            Self::Failed(failure) => failure.fmt(f),
            Self::GrpcStatus(Some(code)) => write!(f, "grpc-status {code} is no refusal"),
            Self::GrpcStatus(None) => f.write_str("the answer has no grpc-status"),
            Self::Indistinct => f.write_str(
                "both tenants get the same answer, so it could be either's; let the service answer \
                 something of its tenant, or name markers",
            ),
            Self::OneSided => f.write_str(
                "what the other tenant gets is not known, so this answer could be its; give its \
                 token, or name markers",
            ),
            Self::Redirected(to) => write!(f, "the service redirects to {to}"),
            Self::Status(status) => write!(f, "status {status} is no refusal"),
            Self::TooFast(status) => write!(f, "status {status}: too fast, or too early"),
            Self::Unstable => f.write_str(
                "two answers to the same honest request differ, so a third cannot be compared; \
                 name markers",
            ),
        }
    }
}
