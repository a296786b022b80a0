//! The verifier, refusal by refusal. Each refusal stands beside an honest twin that is accepted, so
//! that none is refused for another reason than the one it is about.

mod algorithms;
mod claims;
mod differential;
mod forge;
mod form;
mod issuers;
mod mutations;
mod order;
mod signatures;
mod types;

use std::time::Duration;

use throughline_core::Reason;
use throughline_core::freshness::Freshness;
use throughline_core::time::Timestamp;

use self::forge::Signer;
use super::TrustDomain;
use crate::keys::KeySet;
use crate::source::KeySource;

/// What time it is in all tests.
const NOW: u64 = 1_700_000_000;

/// The name of the domain that verifies.
const DOMAIN: &str = "prod.acme.internal";

/// A domain whose keys are in memory.
fn domain<'s>(signers: impl IntoIterator<Item = &'s Signer>) -> TrustDomain {
    with_source(KeySource::set(
        KeySet::from_keys(signers.into_iter().map(Signer::public)).unwrap(),
    ))
}

fn with_source(source: KeySource) -> TrustDomain {
    TrustDomain::new(DOMAIN)
        .unwrap()
        .with_keys(source)
        .with_freshness(Freshness::lifetime_only(Duration::from_secs(300)))
        .with_clock(|| Timestamp::from_unix(NOW))
}

#[track_caller]
fn accepted(domain: &TrustDomain, token: &str) {
    let verified = domain.verify(token.as_bytes()).unwrap();
    assert_eq!(verified.token().as_ref(), token.as_bytes());
}

#[track_caller]
fn refused(domain: &TrustDomain, token: impl AsRef<[u8]>, reason: Reason) {
    let token = token.as_ref();
    match domain.verify(token) {
        Ok(_) => panic!("accepted: {}", String::from_utf8_lossy(token)),
        Err(refusal) => assert_eq!(
            refusal.reason(),
            reason,
            "{refusal}: {}",
            String::from_utf8_lossy(token)
        ),
    }
}
