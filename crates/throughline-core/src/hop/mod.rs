//! The decision of a hop, as pure functions in the frozen order.
//!
//! | step | function | refuses with |
//! |---|---|---|
//! | 1 read totally | [`OwnedFields::read`](crate::carrier::OwnedFields::read) | `context_oversized` `context_ambiguous` `context_stripped` |
//! | 2 present? | [`present`] | `context_missing` |
//! | 3 well-formed, 4 genuine | [`authenticate`], through the seam [`Vouch`](crate::context::Vouch) | `context_malformed` `type_refused` `key_unknown` `algorithm_refused` `context_truncated` `signature_invalid` |
//! | 5 for us, now | [`authenticate`] once, [`verify`] each time | `claim_*` `issuer_untrusted` `audience_mismatch` `context_expired` `context_not_yet_valid` `lifetime_excessive` `tenant_invalid` `depth_exceeded` `loop_detected` |
//! | 6 still true | [`verify`] | `tenant_suspended` `freshness_unknown` `revoked` |
//! | 7 agreed | [`agree`] | `witness_missing` `context_ambiguous` `tenant_mismatch` `subject_mismatch` `actor_mismatch` |
//! | 8 complete | [`complete`] | `projection_truncated` `projection_mismatch` |
//! | – | [`admit`] makes the proof out of the results of 7 and 8 | |
//! | 10 enough | [`Requirement::check`] | `caller_refused` `scope_insufficient` … |
//!
//! Nothing here reads a clock, waits or allocates on the way to an acceptance. A refusal stops the
//! hop where it is found: cheap before dear, and no claim is parsed before its signature is
//! checked.

mod policy;
mod requirement;

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;

pub use self::policy::TokenPolicy;
pub(crate) use self::policy::TokenTimes;
pub use self::requirement::Requirement;
use crate::context::{Admitted, Genuine, Verified, Vouch, read_claims};
use crate::freshness::Freshness;
use crate::projection::Projection;
use crate::reason::Reason;
use crate::refusal::{Place, Refusal};
use crate::time::Timestamp;
use crate::witness::{Sighting, WitnessRule};

/// Step 2: a token is there and decodable.
///
/// # Errors
///
/// [`Reason::ContextMissing`] for none; [`Reason::ContextMalformed`] for bytes that no token has,
/// which must not read as absent.
pub fn present(token: Option<&[u8]>) -> Result<&[u8], Refusal> {
    let token = token.ok_or(Reason::ContextMissing)?;
    if token.is_empty() || !token.iter().all(u8::is_ascii_graphic) {
        return Err(Refusal::new(Reason::ContextMalformed)
            .at(Place::header(crate::carrier::TOKEN_FIELD))
            .because("holds bytes that no token has"));
    }
    Ok(token)
}

/// Steps 3 to 5 for a token that is seen for the first time.
///
/// `seam` checks form and signature; only then are the claims parsed and held against `policy`.
/// What comes out may be cached: [`verify`] repeats every check that depends on time.
///
/// # Errors
///
/// The refusals of steps 3, 4 and 5.
pub fn authenticate(
    token: &[u8],
    seam: &(impl Vouch + ?Sized),
    policy: &TokenPolicy,
    now: Timestamp,
) -> Result<Arc<Genuine>, Refusal> {
    let (payload, vouched) = seam.vouch(token)?;
    let context = read_claims(&payload, policy, vouched.issuer.as_deref(), now)?;
    Ok(Arc::new(Genuine::assertion(
        context,
        Bytes::copy_from_slice(token),
        vouched,
    )))
}

/// Steps 5 and 6 for a genuine context: for us, now, and still true.
///
/// # Errors
///
/// The refusals of step 5 that depend on the reader or the time, and those of step 6.
pub fn verify(
    genuine: Arc<Genuine>,
    policy: &TokenPolicy,
    freshness: &Freshness,
    now: Timestamp,
) -> Result<Verified, Refusal> {
    let context = genuine.context();
    let lifetime = context.lifetime();
    policy.check_issuer(
        lifetime.issuer.as_deref(),
        genuine.vouched().issuer.as_deref(),
    )?;
    policy.check_audience(Some(&lifetime.audience))?;
    policy.check_times(
        TokenTimes {
            issued_at: lifetime.issued_at,
            not_before: lifetime.not_before,
            expires_at: lifetime.expires_at,
            as_of: context.as_of(),
        },
        now,
    )?;
    // A task's deadline ends the grant, however long the token lives.
    let deadline = context.grant().task().and_then(|task| task.deadline());
    if let Some(deadline) = deadline.filter(|deadline| *deadline <= now) {
        return Err(Refusal::new(Reason::ContextExpired)
            .at(Place::claim("tctx.task.deadline"))
            .because(format!("is {deadline}, now is {now}")));
    }
    freshness.check(context, now)?;
    Ok(Verified::assertion(genuine))
}

/// Step 7: every declared witness agrees with the context.
///
/// Each witness is compared with the token, never with another witness, and a witness that passes
/// ends nothing: the verdict does not depend on their order, only the place that is named first.
///
/// # Errors
///
/// The first refusal of [`WitnessRule::compare`].
pub fn agree<'r>(
    verified: &Verified,
    witnesses: impl IntoIterator<Item = (&'r WitnessRule, Sighting<'r>)>,
) -> Result<(), Refusal> {
    witnesses
        .into_iter()
        .try_for_each(|(rule, seen)| rule.compare(&seen, verified))
}

/// Step 8: every copy this receiver relies on is promised by the token, present and equal.
///
/// `copies` are the projections relied on, with what was seen at their places.
///
/// # Errors
///
/// [`Reason::ProjectionTruncated`] for a copy that is absent or that the token does not promise,
/// as a check that finds nothing to compare is a refusal; [`Reason::ProjectionMismatch`] for one
/// that differs; [`Reason::ContextAmbiguous`], [`Reason::ContextOversized`] and
/// [`Reason::ContextMalformed`] for one that cannot be read.
pub fn complete<'r>(
    verified: &Verified,
    copies: impl IntoIterator<Item = (&'r Projection, Sighting<'r>)>,
) -> Result<(), Refusal> {
    copies.into_iter().try_for_each(|(copy, seen)| {
        let refuse = |reason| Refusal::new(reason).at(copy.place());
        if !verified.projections().contains(copy) {
            return Err(refuse(Reason::ProjectionTruncated).because("is not promised by the token"));
        }
        let said = copy.member().of(verified);
        match (seen, said) {
            (Sighting::Value(value), Some(said)) if value == said => Ok(()),
            (Sighting::Value(value), said) => {
                let said: Cow<'_, str> = said.unwrap_or_default();
                Err(refuse(Reason::ProjectionMismatch).because_differs(value.as_bytes(), said))
            }
            // A member that the context does not have is promised by nobody.
            (Sighting::Absent, None) => Ok(()),
            (Sighting::Absent, Some(_)) => Err(refuse(Reason::ProjectionTruncated)),
            (Sighting::Ambiguous, _) => Err(refuse(Reason::ContextAmbiguous)),
            (Sighting::Oversized, _) => Err(refuse(Reason::ContextOversized)),
            (Sighting::Undecodable, _) => Err(refuse(Reason::ContextMalformed)),
        }
    })
}

/// Makes the proof that a handler gets, out of a verified context and the results of [`agree`] and
/// [`complete`].
///
/// A rule that is reported or off at this hop passes `Ok` here by explicit configuration; a rule
/// that refused in report mode must not come here at all.
///
/// # Errors
///
/// The first error among the arguments.
pub fn admit(
    verified: Verified,
    agreed: Result<(), Refusal>,
    completed: Result<(), Refusal>,
) -> Result<Admitted, Refusal> {
    agreed.and(completed)?;
    Ok(Admitted::assertion(verified.into_genuine()))
}

#[cfg(test)]
mod tests;
