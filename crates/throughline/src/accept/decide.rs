//! The decision: steps 1 to 8 of the hop over the head of a request, without waiting.

use throughline_core::projection::{CopyPlace, Projection};
use throughline_core::time::Timestamp;
use throughline_core::witness::Sighting;
use throughline_core::{Admitted, Context, Refusal, Verified, hop};

use super::layer::Config;
use crate::carrier::Fields;
use crate::mode::Mode;
use crate::request::{Exempt, RequestView};
use crate::witness::{BaggageOnce, header};

/// What becomes of a request.
#[derive(Debug)]
pub(super) enum Decision {
    Admit(Admitted),
    /// No context came, and none had to.
    Anonymous,
    Refuse(Refusal, Option<Verified>),
    /// The call passes without an admitted context.
    Report(Refusal, Verified),
}

pub(super) fn decide(config: &Config, request: &RequestView<'_>, now: Timestamp) -> Decision {
    match try_decide(config, request, now) {
        Ok(decision) => decision,
        Err(refusal) => Decision::Refuse(refusal, None),
    }
}

fn try_decide(
    config: &Config,
    request: &RequestView<'_>,
    now: Timestamp,
) -> Result<Decision, Refusal> {
    let exempt = is_exempt(config, request);

    // 1, 2: nothing is looked up for a request that does not say one thing, once.
    let fields = Fields(request.headers());
    let owned = config.owned.fields.read(&fields)?;
    if exempt && owned.token().is_none() {
        return Ok(Decision::Anonymous);
    }
    let token = hop::present(owned.token())?;

    // 3 to 6
    let verified = config.domain.verify_at(token, now)?;

    // 7, 8: refusals know the verified context from here on. A rule in report mode is compared all
    // the same; what it finds then costs the call its proof and nothing else.
    let baggage = BaggageOnce::default();
    let mut reported = None;

    let witnesses = match config.witness_mode {
        Mode::Enforce | Mode::Report => config.witnesses.as_slice(),
        Mode::Off => &[],
    };
    let seen = witnesses
        .iter()
        .map(|witness| (witness, witness.see(request, &baggage)));
    let seen = seen.filter(|(_, seen)| !(exempt && *seen == Sighting::Absent));
    let agreed = match hop::agree(&verified, seen.map(|(witness, seen)| (&witness.rule, seen))) {
        Ok(agreed) => agreed,
        Err(refusal) if config.witness_mode == Mode::Report => {
            reported = Some(refusal);
            hop::agree(&verified, [])?
        }
        Err(refusal) => return Ok(Decision::Refuse(refusal, Some(verified))),
    };

    let copies = match config.copies_mode {
        Mode::Enforce | Mode::Report => config.copies.as_slice(),
        Mode::Off => &[],
    };
    let seen = copies
        .iter()
        .map(|copy| (copy, see_copy(copy, request, &baggage)));
    match hop::complete(agreed, seen) {
        Ok(admitted) => Ok(match reported {
            None => Decision::Admit(admitted),
            Some(refusal) => Decision::Report(refusal, verified),
        }),
        Err(refusal) if config.copies_mode == Mode::Report => {
            Ok(Decision::Report(reported.unwrap_or(refusal), verified))
        }
        Err(refusal) => Ok(Decision::Refuse(refusal, Some(verified))),
    }
}

/// Step 7 for a context that is not verified by this layer.
pub(super) fn compare(
    config: &Config,
    request: &RequestView<'_>,
    context: &Context,
) -> Result<(), Refusal> {
    if config.witness_mode != Mode::Enforce {
        return Ok(());
    }
    let exempt = is_exempt(config, request);
    let baggage = BaggageOnce::default();
    for witness in &config.witnesses {
        let seen = witness.see(request, &baggage);
        if !(exempt && seen == Sighting::Absent) {
            witness.rule.compare(&seen, context)?;
        }
    }
    Ok(())
}

pub(super) fn is_exempt(config: &Config, request: &RequestView<'_>) -> bool {
    config.exempt_paths.contains(request.uri().path())
        || request.extensions().get::<Exempt>().is_some()
}

fn see_copy<'r>(
    copy: &Projection,
    request: &RequestView<'r>,
    baggage: &BaggageOnce<'r>,
) -> Sighting<'r> {
    match copy.copy_place() {
        CopyPlace::Baggage(key) => baggage.member(request, key),
        CopyPlace::Header(field) => match http::HeaderName::from_bytes(field.as_bytes()) {
            Ok(field) => header(request, &field),
            Err(_) => Sighting::Absent,
        },
    }
}

/// The refusal of a token that nobody vouched for. Only the domain knows whether a wait for keys
/// could change it: [`TrustDomain::keys_wait`](crate::TrustDomain::keys_wait).
pub(super) fn waits_for_keys(decision: &Decision) -> Option<&Refusal> {
    match decision {
        Decision::Refuse(refusal, None) => Some(refusal),
        Decision::Admit(_) | Decision::Anonymous | Decision::Refuse(..) | Decision::Report(..) => {
            None
        }
    }
}
