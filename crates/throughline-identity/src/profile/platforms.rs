//! Platforms that give workloads an identity.

use throughline_core::Refusal;
use throughline_jose::Algorithm;

use super::{DAY, Facts, HOUR, KeysFrom, Mapping, UNTYPED, unknown_kind};
use crate::claims::Claims;
use crate::kind::CredentialKind;

/// SPIFFE JWT-SVID §2 and §3: `sub` is the SPIFFE id, `iss` is not promised, keys are marked
/// `jwt-svid`, and `aud` is always there. Nothing but the keys and the audience says what it is.
pub(super) static SPIFFE: Facts = Facts {
    name: "spiffe",
    about: "SPIFFE JWT-SVIDs",
    types: UNTYPED,
    algorithms: &[
        Algorithm::Rs256,
        Algorithm::Rs384,
        Algorithm::Rs512,
        Algorithm::Es256,
        Algorithm::Es384,
        Algorithm::Ps256,
        Algorithm::Ps384,
        Algorithm::Ps512,
    ],
    key_uses: Some(&["jwt-svid"]),
    names: &[],
    keys: KeysFrom::Configured,
    audience_claim: "aud",
    names_issuer: false,
    asks_for_actor: false,
    required: &["sub", "aud"],
    tenant_claim: None,
    nobodys: &[],
    everybodys: &[],
    decide: |claims, _| {
        let id = claims.required_text("sub")?.strip_prefix("spiffe://");
        match id.and_then(|id| id.split_once('/')) {
            Some((domain, path)) if !domain.is_empty() && path.split('/').all(is_segment) => {
                Ok(CredentialKind::Workload)
            }
            Some(_) | None => Err(unknown_kind("`sub` is no SPIFFE id of a workload")),
        }
    },
    mappings: &[Mapping {
        kind: CredentialKind::Workload,
        subject: "sub",
        actor: None,
        session: None,
        scope: &[],
        required: &[],
    }],
    max_lifetime: HOUR,
};

/// SPIFFE-ID §2.2: so that no two spellings name one workload to somebody behind us.
fn is_segment(segment: &str) -> bool {
    let fits = |b: u8| b.is_ascii_alphanumeric() || b"-._".contains(&b);
    !matches!(segment, "" | "." | "..") && segment.bytes().all(fits)
}

/// Bound tokens of service accounts. `sub` and the namespace in `kubernetes.io` must agree, so that
/// a tenancy by namespace and the subject cannot drift apart.
pub(super) static KUBERNETES: Facts = Facts {
    name: "kubernetes",
    about: "Kubernetes service accounts, by projected tokens",
    types: UNTYPED,
    algorithms: &[Algorithm::Rs256, Algorithm::Es256],
    key_uses: None,
    names: &[],
    keys: KeysFrom::Discovery,
    audience_claim: "aud",
    names_issuer: true,
    asks_for_actor: false,
    required: &["iss", "aud", "sub", "iat"],
    tenant_claim: Some("kubernetes.io/namespace"),
    nobodys: &[],
    everybodys: &[],
    decide: kubernetes,
    mappings: &[Mapping {
        kind: CredentialKind::Workload,
        subject: "sub",
        actor: None,
        session: None,
        scope: &[],
        required: &[],
    }],
    max_lifetime: DAY,
};

fn kubernetes(
    claims: &Claims,
    _: Option<throughline_core::ActorKind>,
) -> Result<CredentialKind, Refusal> {
    let subject = claims.required_text("sub")?;
    let namespace = claims.required_text("kubernetes.io/namespace")?;
    let account = claims.required_text("kubernetes.io/serviceaccount/name")?;
    if subject == format!("system:serviceaccount:{namespace}:{account}") {
        Ok(CredentialKind::Workload)
    } else {
        Err(unknown_kind(
            "`sub` and `kubernetes.io` name different service accounts",
        ))
    }
}
