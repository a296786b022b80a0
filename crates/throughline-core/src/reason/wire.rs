//! How a reason leaves the process: HTTP (RFC 9110, 6585, 6750, 9470) and gRPC.

use super::Reason;

/// Where a hop stands. The same reason is a missing credential at the edge and a broken
/// carrier inside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Position {
    /// The outermost hop, which clients outside the trust domain reach with a bearer credential.
    Edge,
    /// A hop that only workloads of the trust domain reach, with a context.
    Inside,
}

/// A canonical gRPC status code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum GrpcCode {
    /// 3
    InvalidArgument,
    /// 4
    DeadlineExceeded,
    /// 7
    PermissionDenied,
    /// 8
    ResourceExhausted,
    /// 14
    Unavailable,
    /// 16
    Unauthenticated,
}

impl GrpcCode {
    /// The number on the wire.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::InvalidArgument => 3,
            Self::DeadlineExceeded => 4,
            Self::PermissionDenied => 7,
            Self::ResourceExhausted => 8,
            Self::Unavailable => 14,
            Self::Unauthenticated => 16,
        }
    }
}

/// What kind of answer a reason is, before a protocol spells it.
///
/// INVARIANT: the `match` that makes it has no wildcard arm, so a new reason does not compile
/// until somebody decided how it leaves.
#[derive(Clone, Copy)]
enum Answer {
    /// The carrier is unreadable.
    BadRequest,
    /// The credential is absent or not good. Inside, 401 would need a challenge that no scheme
    /// exists for, and WIMSE does not recommend it: 400 there.
    Credential,
    /// Authenticate anew: 401 with a challenge wherever it happens (RFC 9470 §3).
    StepUp,
    BodyTimeout,
    BodyTooLarge,
    Forbidden,
    TooLarge,
    Unavailable,
}

impl Reason {
    const fn answer(self) -> Answer {
        match self {
            Self::ContextAmbiguous | Self::ContextStripped | Self::WitnessMissing => {
                Answer::BadRequest
            }
            Self::ContextMissing
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
            | Self::RecordExpired => Answer::Credential,
            Self::AuthenticationStale => Answer::StepUp,
            Self::ProjectionTruncated
            | Self::ProjectionMismatch
            | Self::PayloadMismatch
            | Self::DestinationMismatch
            | Self::Replayed => Answer::BadRequest,
            Self::Revoked
            | Self::TenantSuspended
            | Self::TenantMismatch
            | Self::SubjectMismatch
            | Self::ActorMismatch
            | Self::ScopeWidened
            | Self::DataScopeWidened
            | Self::DepthExceeded
            | Self::LoopDetected
            | Self::ParentMismatch
            | Self::CallerRefused
            | Self::ScopeInsufficient
            | Self::TaskMismatch
            | Self::DataScopeExceeded
            | Self::DecisionDenied => Answer::Forbidden,
            Self::BodyTimeout => Answer::BodyTimeout,
            Self::BodyOversized => Answer::BodyTooLarge,
            Self::ContextOversized => Answer::TooLarge,
            Self::FreshnessUnknown
            | Self::DecisionUnavailable
            | Self::KeysUnavailable
            | Self::ExchangeUnavailable => Answer::Unavailable,
        }
    }

    /// The HTTP status code of a refusal with this reason.
    #[must_use]
    pub const fn http_status(self, position: Position) -> u16 {
        match (self.answer(), position) {
            (Answer::BadRequest, _) | (Answer::Credential, Position::Inside) => 400,
            (Answer::Credential, Position::Edge) | (Answer::StepUp, _) => 401,
            (Answer::Forbidden, _) => 403,
            (Answer::BodyTimeout, _) => 408,
            (Answer::BodyTooLarge, _) => 413,
            (Answer::TooLarge, _) => 431,
            (Answer::Unavailable, _) => 503,
        }
    }

    /// The gRPC status code of a refusal with this reason, at the edge and inside.
    #[must_use]
    pub const fn grpc_code(self) -> GrpcCode {
        match self.answer() {
            Answer::BadRequest => GrpcCode::InvalidArgument,
            Answer::Credential | Answer::StepUp => GrpcCode::Unauthenticated,
            Answer::Forbidden => GrpcCode::PermissionDenied,
            Answer::BodyTimeout => GrpcCode::DeadlineExceeded,
            Answer::BodyTooLarge | Answer::TooLarge => GrpcCode::ResourceExhausted,
            Answer::Unavailable => GrpcCode::Unavailable,
        }
    }

    /// The `error` code of a `WWW-Authenticate: Bearer` challenge, where a standard asks for one.
    ///
    /// - `invalid_token` at the edge for a credential that is not good (RFC 6750 §3.1); nothing
    ///   for one that is absent, as §3 of it says that such an answer SHOULD NOT carry a code;
    /// - `insufficient_scope` at the edge (RFC 6750 §3.1);
    /// - `insufficient_user_authentication` everywhere (RFC 9470 §3).
    #[must_use]
    pub const fn bearer_error(self, position: Position) -> Option<&'static str> {
        match (self, self.answer(), position) {
            (Self::ContextMissing, _, _) => None,
            (Self::ScopeInsufficient, _, Position::Edge) => Some("insufficient_scope"),
            (_, Answer::Credential, Position::Edge) => Some("invalid_token"),
            (_, Answer::StepUp, _) => Some("insufficient_user_authentication"),
            (
                _,
                Answer::BadRequest
                | Answer::BodyTimeout
                | Answer::BodyTooLarge
                | Answer::Credential
                | Answer::Forbidden
                | Answer::TooLarge
                | Answer::Unavailable,
                _,
            ) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_references_fix_is_so() {
        let inside = |reason: Reason| reason.http_status(Position::Inside);
        assert_eq!(inside(Reason::ContextAmbiguous), 400);
        assert_eq!(inside(Reason::ContextMalformed), 400);
        assert_eq!(inside(Reason::ContextMissing), 400);
        assert_eq!(inside(Reason::ContextOversized), 431);
        assert_eq!(inside(Reason::TenantMismatch), 403);
        assert_eq!(inside(Reason::AuthenticationStale), 401);
        assert_eq!(Reason::ClaimMissing.http_status(Position::Edge), 401);
        assert_eq!(Reason::ContextMissing.http_status(Position::Edge), 401);
    }

    #[test]
    fn a_401_says_how_to_do_better() {
        for reason in Reason::ALL {
            for position in [Position::Edge, Position::Inside] {
                let challenged = reason.bearer_error(position).is_some();
                if reason.http_status(position) == 401 {
                    assert!(challenged || *reason == Reason::ContextMissing, "{reason}");
                } else if challenged {
                    assert_eq!(*reason, Reason::ScopeInsufficient);
                }
            }
        }
    }
}
