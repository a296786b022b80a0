//! Clocks: from when, until when, for how long at most.

use std::time::Duration;

use serde_json::{Value, json};
use throughline_core::Reason;
use throughline_core::time::Timestamp;
use throughline_identity::{IssuerBuilder, Issuers};

use crate::issuers::{claims, issuer};
use crate::kit::{Key, NOW, one, problem, set, with, without};

const NAME: &str = "https://one.example";

fn issuers(change: impl FnOnce(IssuerBuilder) -> IssuerBuilder) -> Issuers {
    one(change(issuer("one", NAME)).with_keys(set(&[&Key::ed(0)])))
}

fn at(issuers: &Issuers, claims: &Value, time: u64) -> Result<u64, Reason> {
    let token = Key::ed(0).sign_access(claims);
    let verified = issuers.verify(token.as_bytes(), Timestamp::from_unix(time));
    let identity = verified.map_err(|refusal| refusal.reason())?;
    Ok(identity.as_of().as_unix())
}

fn says(more: Value) -> Value {
    with(claims(NAME, "acme"), more)
}

#[test]
fn the_end_is_the_end_but_for_the_skew() {
    let strict = issuers(|it| it.with_skew(Duration::ZERO));
    let usual = issuers(|it| it);
    let claims = says(json!({"iat": NOW - 10, "exp": NOW}));
    assert!(at(&strict, &claims, NOW - 1).is_ok());
    assert_eq!(at(&strict, &claims, NOW), Err(Reason::ContextExpired));
    assert!(at(&usual, &claims, NOW + 29).is_ok());
    assert_eq!(at(&usual, &claims, NOW + 30), Err(Reason::ContextExpired));
    let lax = issuers(|it| it.with_skew(Duration::from_secs(300)));
    assert!(at(&lax, &claims, NOW + 299).is_ok());
    assert_eq!(at(&lax, &claims, NOW + 300), Err(Reason::ContextExpired));
    // More is not forgiven, and who asks for it is told.
    let key = Key::ed(0);
    let more = issuer("one", NAME).with_skew(Duration::from_secs(301));
    assert!(problem(more.with_keys(set(&[&key]))).contains("at most 300"));
}

#[test]
fn the_beginning_is_the_beginning_but_for_the_skew() {
    let issuers = issuers(|it| it);
    for claim in ["iat", "nbf"] {
        let begins = |from: u64| says(json!({claim: from}));
        assert!(at(&issuers, &begins(NOW + 30), NOW).is_ok(), "{claim}");
        assert_eq!(
            at(&issuers, &begins(NOW + 31), NOW),
            Err(Reason::ContextNotYetValid),
            "{claim}"
        );
    }
    // A login of the future would stay recent.
    let login = |time: u64| says(json!({"auth_time": time}));
    assert!(at(&issuers, &login(NOW + 30), NOW).is_ok());
    assert_eq!(
        at(&issuers, &login(NOW + 31), NOW),
        Err(Reason::ClaimInvalid)
    );
}

#[test]
fn a_life_is_no_longer_than_the_cap() {
    let issuers = issuers(|it| it.with_max_lifetime(Duration::from_secs(600)));
    let lives = |seconds: u64| says(json!({"iat": NOW - 10, "exp": NOW - 10 + seconds}));
    assert_eq!(at(&issuers, &lives(600), NOW), Ok(NOW - 10));
    assert_eq!(
        at(&issuers, &lives(601), NOW),
        Err(Reason::LifetimeExcessive)
    );
    assert_eq!(
        at(&issuers, &lives(u64::from(u32::MAX)), NOW),
        Err(Reason::LifetimeExcessive)
    );
    let backwards = says(json!({"iat": NOW + 20, "exp": NOW + 20}));
    assert_eq!(at(&issuers, &backwards, NOW), Err(Reason::ClaimInvalid));
    let backwards = says(json!({"iat": NOW + 20, "exp": NOW + 10}));
    assert_eq!(at(&issuers, &backwards, NOW), Err(Reason::ClaimInvalid));
}

#[test]
fn milliseconds_are_no_seconds_and_fractions_are_cut() {
    let issuers = issuers(|it| it);
    for claim in ["iat", "nbf", "exp", "auth_time"] {
        for odd in [
            json!(NOW * 1000),
            json!(1e300),
            json!(-0.5),
            json!(u64::MAX),
        ] {
            let reason = at(&issuers, &says(json!({claim: odd.clone()})), NOW).unwrap_err();
            assert_eq!(reason, Reason::ClaimInvalid, "{claim} {odd}");
        }
    }
    let fractions = json!({"iat": NOW as f64 - 9.5, "exp": NOW as f64 + 290.9});
    assert_eq!(at(&issuers, &says(fractions), NOW), Ok(NOW - 10));
    // Cut, so that a fraction prolongs nothing.
    let strict = self::issuers(|it| it.with_skew(Duration::ZERO));
    let ends = says(json!({"exp": NOW as f64 + 0.9}));
    assert_eq!(at(&strict, &ends, NOW), Err(Reason::ContextExpired));
}

#[test]
fn what_never_ends_or_never_began_is_refused() {
    let issuers = issuers(|it| it);
    assert!(at(&issuers, &says(json!({})), NOW).is_ok());
    for claim in ["exp", "iat"] {
        let claims = without(says(json!({})), &format!("/{claim}"));
        assert_eq!(
            at(&issuers, &claims, NOW),
            Err(Reason::ClaimMissing),
            "{claim}"
        );
    }
    assert!(at(&issuers, &says(json!({"exp": 0})), NOW).is_err());
}

#[test]
fn without_a_beginning_it_is_as_old_as_it_may_be() {
    // SPIFFE promises no `iat`.
    use crate::profiles::undated_workload;
    let (issuers, token) = undated_workload(NOW + 3600);
    let verified = issuers
        .verify(token.as_bytes(), Timestamp::from_unix(NOW))
        .unwrap();
    assert_eq!(verified.as_of().as_unix(), NOW);
    // A difference of clocks is forgiven, and no more.
    let (issuers, token) = undated_workload(NOW + 3630);
    assert!(
        issuers
            .verify(token.as_bytes(), Timestamp::from_unix(NOW))
            .is_ok()
    );
    let (issuers, token) = undated_workload(NOW + 3631);
    let refused = issuers
        .verify(token.as_bytes(), Timestamp::from_unix(NOW))
        .unwrap_err();
    assert_eq!(refused.reason(), Reason::LifetimeExcessive);
}
