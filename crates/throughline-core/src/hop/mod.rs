//! The decision of a hop, as pure functions in the frozen order.
//!
//! | step | function | refuses with |
//! |---|---|---|
//! | 1 read totally | [`OwnedFields::read`](crate::carrier::OwnedFields) | `context_oversized` `context_ambiguous` `context_stripped` |
//! | 2 present? | [`present`] | `context_missing` |
//! | 3 well-formed, 4 genuine | [`authenticate`], through the seam [`Vouch`] | `context_malformed` `type_refused` `key_unknown` `algorithm_refused` `context_truncated` `signature_invalid` |
//! | 5 for us, now | [`authenticate`] once, [`verify`] each time | `claim_*` `issuer_untrusted` `audience_mismatch` `context_expired` `context_not_yet_valid` `lifetime_excessive` `tenant_invalid` `depth_exceeded` `loop_detected` |
//! | 6 still true | [`verify`] | `tenant_suspended` `freshness_unknown` `revoked` |
//! | 7 agreed | [`agree`], which makes an [`Agreed`] | `witness_missing` `context_ambiguous` `tenant_mismatch` `subject_mismatch` `actor_mismatch` |
//! | 8 complete | [`complete`], which makes the [`Admitted`] | `projection_truncated` `projection_mismatch` |
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
use crate::context::{Admitted, Context, Genuine, Verified, Vouch, read_claims};
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
    // To the end in any case, which compiles to vector instructions: the first step of each hop.
    let decodable = token.iter().fold(true, |all, b| all & b.is_ascii_graphic());
    if token.is_empty() || !decodable {
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
    let context = read_claims(&payload, policy, &vouched.issuers, now)?;
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
    policy.check_issuer(lifetime.issuer.as_deref(), &genuine.vouched().issuers)?;
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
    check_deadline(context, now)?;
    freshness.check(context, now)?;
    Ok(Verified::assertion(genuine))
}

/// Step 6 once more, for work that outlives its request: whether an admitted context is still true.
///
/// # Errors
///
/// The refusals of step 6, and [`Reason::ContextExpired`] past the deadline of its task.
pub fn still_true(
    context: &Admitted,
    freshness: &Freshness,
    now: Timestamp,
) -> Result<(), Refusal> {
    check_deadline(context, now)?;
    freshness.check(context, now)
}

/// A task's deadline ends the grant, however long the token lives.
fn check_deadline(context: &Context, now: Timestamp) -> Result<(), Refusal> {
    let deadline = context.grant().task().and_then(|task| task.deadline());
    match deadline.filter(|deadline| *deadline <= now) {
        Some(deadline) => Err(Refusal::new(Reason::ContextExpired)
            .at(Place::claim("tctx.task.deadline"))
            .because(format!("is {deadline}, now is {now}"))),
        None => Ok(()),
    }
}

/// A verified context that every declared witness agreed with: steps 1 to 7 passed.
#[derive(Clone, Debug)]
pub struct Agreed(Verified);

/// Step 7: every declared witness agrees with the context.
///
/// Each witness is compared with the token, never with another witness, and a witness that passes
/// ends nothing: the verdict does not depend on their order, only the place that is named first.
/// A hop that declares none says so with an empty list.
///
/// # Errors
///
/// The first refusal of [`WitnessRule::compare`].
pub fn agree<'r>(
    verified: &Verified,
    witnesses: impl IntoIterator<Item = (&'r WitnessRule, Sighting<'r>)>,
) -> Result<Agreed, Refusal> {
    witnesses
        .into_iter()
        .try_for_each(|(rule, seen)| rule.compare(&seen, verified))?;
    Ok(Agreed(verified.clone()))
}

/// Step 8: every copy this receiver relies on is promised by the token, present and equal. It makes
/// the proof that a handler gets.
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
    agreed: Agreed,
    copies: impl IntoIterator<Item = (&'r Projection, Sighting<'r>)>,
) -> Result<Admitted, Refusal> {
    let Agreed(verified) = agreed;
    copies
        .into_iter()
        .try_for_each(|(copy, seen)| check_copy(&verified, copy, &seen))?;
    Ok(Admitted::assertion(verified.into_genuine()))
}

fn check_copy(verified: &Verified, copy: &Projection, seen: &Sighting<'_>) -> Result<(), Refusal> {
    let refuse = |reason| Refusal::new(reason).at(copy.place());
    if !verified.projections().contains(copy) {
        return Err(refuse(Reason::ProjectionTruncated).because("is not promised by the token"));
    }
    match (seen, copy.member().of(verified)) {
        (Sighting::Value(value), Some(said)) if *value == said => Ok(()),
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
}

#[cfg(test)]
mod tests;
