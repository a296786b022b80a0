//! What a reason means for a message: try again later, or park it with its bytes intact.

use super::Reason;

/// What a consumer does with a message that was refused. It is never dropped and never
/// acknowledged as done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Settlement {
    /// Back off and try again: nothing is wrong with the message.
    Retry,
    /// Put it aside, bytes intact, for somebody to look at: trying again cannot help.
    Park,
}

impl Settlement {
    /// The name used in logs and in the table of reasons.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Retry => "retry",
            Self::Park => "park",
        }
    }
}

impl Reason {
    /// What becomes of a message that is refused with this reason.
    ///
    /// INVARIANT: no wildcard arm; a new reason does not compile until somebody decided.
    #[must_use]
    pub const fn settlement(self) -> Settlement {
        match self {
            Self::FreshnessUnknown
            | Self::DecisionUnavailable
            | Self::KeysUnavailable
            | Self::ExchangeUnavailable => Settlement::Retry,
            Self::ContextMissing
            | Self::ContextAmbiguous
            | Self::ContextStripped
            | Self::ContextOversized
            | Self::ContextTruncated
            | Self::ContextMalformed
            | Self::AlgorithmRefused
            | Self::TypeRefused
            | Self::KeyUnknown
            | Self::SignatureInvalid
            | Self::IssuerUntrusted
            | Self::AudienceMismatch
            | Self::ContextExpired
            | Self::ContextNotYetValid
            | Self::LifetimeExcessive
            | Self::ClaimMissing
            | Self::ClaimInvalid
            | Self::TenantInvalid
            | Self::Revoked
            | Self::TenantSuspended
            | Self::WitnessMissing
            | Self::TenantMismatch
            | Self::SubjectMismatch
            | Self::ActorMismatch
            | Self::BodyOversized
            | Self::BodyTimeout
            | Self::ProjectionTruncated
            | Self::ProjectionMismatch
            | Self::ScopeWidened
            | Self::DataScopeWidened
            | Self::DepthExceeded
            | Self::LoopDetected
            | Self::ParentMismatch
            | Self::AuthenticationStale
            | Self::CallerRefused
            | Self::ScopeInsufficient
            | Self::TaskMismatch
            | Self::DataScopeExceeded
            | Self::PayloadMismatch
            | Self::DestinationMismatch
            | Self::RecordExpired
            | Self::Replayed
            | Self::DecisionDenied => Settlement::Park,
        }
    }
}
