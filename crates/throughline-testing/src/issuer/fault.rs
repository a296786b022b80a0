//! The ways in which a token service fails.

use std::time::Duration;

/// What a [`TestIssuer`](super::TestIssuer) does instead of answering honestly, and the reason with
/// which the one who asked refuses it.
///
/// | fault | renewal and narrowing are refused with |
/// |---|---|
/// | [`AnotherDomain`](Self::AnotherDomain) | `parent_mismatch` at `aud` |
/// | [`AnotherTenant`](Self::AnotherTenant) | `parent_mismatch` at `sub` |
/// | [`AnotherWork`](Self::AnotherWork) | `parent_mismatch` at `txn` |
/// | [`Down`](Self::Down) | `exchange_unavailable` |
/// | [`Expired`](Self::Expired) | `context_expired`, at the latest when it is sent |
/// | [`Fresher`](Self::Fresher) | `parent_mismatch` at `rctx.as_of` |
/// | [`Garbage`](Self::Garbage) | `parent_mismatch` |
/// | [`Slow`](Self::Slow) | nothing: the answer is honest, and late |
/// | [`Stalled`](Self::Stalled) | nothing: the call waits as long as its own deadline lets it |
/// | [`Swapped`](Self::Swapped) | `parent_mismatch` |
/// | [`Widening`](Self::Widening) | `scope_widened` |
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum IssuerFault {
    /// A token for another trust domain.
    AnotherDomain,
    /// The same work for the other tenant of the domain, well signed.
    AnotherTenant,
    /// A token of another chain of work of the same principal.
    AnotherWork,
    /// Does not answer the question: the way is down, or the service is.
    Down,
    /// A token that has just expired.
    Expired,
    /// The same work, said to be true as of now: a revocation since then would be lost.
    Fresher,
    /// An error page where the token should be, and an honest word about what it says.
    Garbage,
    /// The honest answer, after this time by tokio's clock.
    Slow(Duration),
    /// Never answers.
    Stalled,
    /// The token of the other tenant, and an honest word about what it says.
    Swapped,
    /// A wider grant than the work has: one more scope.
    Widening,
}
