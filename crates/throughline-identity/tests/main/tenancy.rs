//! Whose tenant: what a claim must be, and what is never made of one that is not.

use serde_json::{Value, json};
use throughline_core::Reason;
use throughline_identity::{Issuers, Tenancy};

use crate::issuers::{claims, issuer};
use crate::kit::{Key, assert_refused, but, one, principal, set, tenant, verdict, with, without};

const NAME: &str = "https://one.example";

fn by(tenancy: Tenancy) -> (Issuers, Key) {
    let key = Key::ed(0);
    let issuer = issuer("one", NAME).with_tenancy(tenancy);
    (one(issuer.with_keys(set(&[&key]))), key)
}

// failure: T3
#[test]
fn two_customers_whose_organisation_was_lost_are_not_one_tenant() {
    let (issuers, key) = by(Tenancy::claim("org"));
    let ada = claims(NAME, "acme");
    let bob = but(ada.clone(), "/sub", json!("bob"));
    assert_eq!(
        principal(&issuers, &key.sign_access(&ada)),
        Ok("one/acme/ada".into())
    );
    assert_eq!(
        principal(&issuers, &key.sign_access(&bob)),
        Ok("one/acme/bob".into())
    );
    for lost in [ada, bob] {
        let gone = without(lost.clone(), "/org");
        assert_refused(
            verdict(&issuers, &key.sign_access(&gone)),
            Reason::ClaimMissing,
            "absent",
        );
        for odd in [
            json!(""),
            json!(null),
            json!([]),
            json!(["acme"]),
            json!({}),
            json!(0),
            json!(false),
        ] {
            let claims = but(lost.clone(), "/org", odd.clone());
            assert_refused(
                verdict(&issuers, &key.sign_access(&claims)),
                Reason::ClaimInvalid,
                odd,
            );
        }
    }
}

// failure: T7
#[test]
fn a_tenant_that_a_template_made_of_parts_has_all_of_them() {
    let key_of = |tenancy: Tenancy, org: &str| {
        let (issuers, key) = by(tenancy);
        principal(&issuers, &key.sign_access(&claims(NAME, org)))
    };
    let joined = || Tenancy::claim("org").joined_by('-');
    assert_eq!(key_of(joined(), "acme-eu"), Ok("one/acme-eu/ada".into()));
    for half in ["-", "acme-", "-acme", "acme--eu", "--"] {
        assert_eq!(key_of(joined(), half), Err(Reason::TenantInvalid), "{half}");
    }
    // Not said to be made of parts, the grammar refuses what it can, and a list the rest.
    assert_eq!(
        key_of(Tenancy::claim("org"), "-"),
        Err(Reason::TenantInvalid)
    );
    assert_eq!(
        key_of(Tenancy::claim("org"), "-acme"),
        Err(Reason::TenantInvalid)
    );
    let listed = || Tenancy::claim("org").only([tenant("acme-eu")]);
    assert_eq!(key_of(listed(), "acme-"), Err(Reason::TenantInvalid));
    assert_eq!(key_of(listed(), "acme-eu"), Ok("one/acme-eu/ada".into()));
    // In either order of words.
    let both = Tenancy::claim("org")
        .joined_by('-')
        .mapped([("acme-", tenant("acme"))]);
    assert_eq!(key_of(both, "acme-"), Err(Reason::TenantInvalid));
}

// failure: X11
#[test]
fn a_tenant_that_fits_the_grammar_and_that_nobody_registered_is_no_tenant() {
    let mapped =
        Tenancy::claim("org").mapped([("72f9", tenant("contoso")), ("6bab", tenant("fabrikam"))]);
    let (issuers, key) = by(mapped);
    let of = |org: &str| principal(&issuers, &key.sign_access(&claims(NAME, org)));
    assert_eq!(of("72f9"), Ok("one/contoso/ada".into()));
    for other in ["72f8", "72F9", "contoso", "default", "72f9 ", "*"] {
        assert_eq!(of(other), Err(Reason::TenantInvalid), "{other}");
    }
}

#[test]
fn one_issuer_for_one_tenant_takes_no_word_for_another() {
    let (issuers, key) = by(Tenancy::one(tenant("acme")));
    let named = |org: Value| {
        with(
            claims(NAME, "globex"),
            json!({"org": org, "tenant": "globex"}),
        )
    };
    for org in [json!("globex"), json!(null), json!([])] {
        let token = key.sign_access(&named(org));
        assert_eq!(principal(&issuers, &token), Ok("one/acme/ada".into()));
    }
}

#[test]
fn a_tenant_may_stand_below_an_object_or_under_a_name_with_a_colon() {
    let (issuers, key) = by(Tenancy::claim("app_metadata/tenant"));
    let below = with(
        claims(NAME, "x"),
        json!({"app_metadata": {"tenant": "acme"}}),
    );
    assert_eq!(
        principal(&issuers, &key.sign_access(&below)),
        Ok("one/acme/ada".into())
    );
    let flat = with(claims(NAME, "x"), json!({"app_metadata": "acme"}));
    assert_refused(
        verdict(&issuers, &key.sign_access(&flat)),
        Reason::ClaimMissing,
        "flat",
    );
    let twice = with(below, json!({"app_metadata/tenant": "globex"}));
    assert_refused(
        verdict(&issuers, &key.sign_access(&twice)),
        Reason::ClaimInvalid,
        "twice",
    );
    let (issuers, key) = by(Tenancy::claim("https://acme.example/tenant"));
    let uri = with(
        claims(NAME, "x"),
        json!({"https://acme.example/tenant": "acme"}),
    );
    assert_eq!(
        principal(&issuers, &key.sign_access(&uri)),
        Ok("one/acme/ada".into())
    );
}
