//! The kind of a token: `typ`.

use serde_json::{Value, json};
use throughline_core::Reason;

use super::forge::{Signer, claims};
use super::{accepted, domain, refused};
use crate::TokenType;

/// Other kinds of tokens that one signer may sign with one key.
const OTHERS: [&str; 12] = [
    "at+jwt",
    "JWT",
    "jwt",
    "JOSE",
    "throughline-context+jwt",
    "throughline-seal+jwt",
    "secevent+jwt",
    "wit+jwt",
    "dpop+jwt",
    "statuslist+jwt",
    "txntoken",
    "",
];

// failure: X6
#[test]
fn another_kind_of_token_by_a_trusted_key_is_no_transaction_token() {
    let signer = Signer::ed25519("a");
    let domain = domain([&signer]);
    let typ = |name: &str| signer.with_member("typ", json!(name));
    accepted(&domain, &typ("txntoken+jwt"));

    for other in OTHERS {
        refused(&domain, typ(other), Reason::TypeRefused);
    }
    // An id token as most issuers write it.
    refused(
        &domain,
        signer.with_member("typ", Value::Null),
        Reason::TypeRefused,
    );
    // A `typ` of another type is no `typ`.
    for value in [json!(5), json!(["txntoken+jwt"]), json!({})] {
        refused(
            &domain,
            signer.with_member("typ", value),
            Reason::ContextMalformed,
        );
    }
    refused(
        &domain,
        signer.with_header(r#"{"alg":"EdDSA","kid":"a","typ":null}"#),
        Reason::ContextMalformed,
    );
}

// failure: X6
#[test]
fn the_old_spelling_is_accepted_only_where_somebody_said_so() {
    let signer = Signer::ed25519("a");
    let strict = domain([&signer]);
    let lenient = strict
        .clone()
        .with_token_type(TokenType::TransactionOrLegacy);
    let typ = |name: &str| signer.with_member("typ", json!(name));
    for spelling in ["txn_token", "application/txn_token", "TXN_TOKEN"] {
        refused(&strict, typ(spelling), Reason::TypeRefused);
        accepted(&lenient, &typ(spelling));
        refused(&strict, typ(spelling), Reason::TypeRefused);
    }
    accepted(&lenient, &typ("txntoken+jwt"));
    for other in OTHERS {
        refused(&lenient, typ(other), Reason::TypeRefused);
    }
}

// failure: X6
#[test]
fn a_type_is_compared_as_a_media_type() {
    let signer = Signer::ed25519("a");
    let domain = domain([&signer]);
    let typ = |name: &str| signer.with_member("typ", json!(name));
    for same in [
        "txntoken+jwt",
        "application/txntoken+jwt",
        "TxnToken+JWT",
        "APPLICATION/TXNTOKEN+JWT",
    ] {
        accepted(&domain, &typ(same));
    }
    for other in [
        "text/txntoken+jwt",
        "application/application/txntoken+jwt",
        "application/",
        "/txntoken+jwt",
        "txntoken+jwt;charset=utf-8",
        " txntoken+jwt",
        "txntoken+jwt ",
        "txntoken jwt",
        "txntoken+jwt\u{0}",
        "txnto\u{212a}en+jwt",
        "applicatïon/txntoken+jwt",
    ] {
        refused(&domain, typ(other), Reason::TypeRefused);
    }
}

#[test]
fn only_danger_accepts_a_token_of_any_kind() {
    let signer = Signer::ed25519("a");
    let any = domain([&signer]).with_token_type(TokenType::DangerAny);
    for other in OTHERS {
        accepted(&any, &signer.with_member("typ", json!(other)));
    }
    // Any kind is still one by a known key.
    refused(
        &any,
        Signer::ed25519("a").token(&claims()),
        Reason::SignatureInvalid,
    );
}

// failure: X6
#[test]
fn a_foreign_kind_is_one_of_those_named_and_untyped_only_where_somebody_said_so() {
    let signer = Signer::ed25519("a");
    let types = &["at+jwt", "secevent+jwt"];
    let foreign = |untyped| {
        let foreign = TokenType::Foreign { types, untyped };
        domain([&signer]).with_token_type(foreign)
    };
    let (named, lenient) = (foreign(false), foreign(true));
    let typ = |name: &str| signer.with_member("typ", json!(name));
    for name in ["at+jwt", "application/AT+JWT", "secevent+jwt"] {
        accepted(&named, &typ(name));
        accepted(&lenient, &typ(name));
    }
    let absent = signer.with_member("typ", Value::Null);
    for untyped in [typ("JWT"), typ("jwt"), typ("JOSE"), absent] {
        refused(&named, &untyped, Reason::TypeRefused);
        accepted(&lenient, &untyped);
    }
    for other in ["txntoken+jwt", "dpop+jwt", ""] {
        refused(&named, typ(other), Reason::TypeRefused);
        refused(&lenient, typ(other), Reason::TypeRefused);
    }
}

#[test]
fn the_time_of_a_domain_is_that_of_its_clock() {
    let domain = domain([&Signer::ed25519("a")]);
    assert_eq!(domain.now().as_unix(), super::NOW);
}

#[test]
fn the_name_of_a_domain_that_is_none_is_said() {
    let error = crate::TrustDomain::new("Prod").unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("trust domain `Prod` does not fit its grammar")
    );
}

// failure: X6
#[test]
fn a_header_that_was_accepted_for_one_kind_of_token_is_read_again_for_another() {
    let signer = Signer::ed25519("a");
    let access = signer.with_member("typ", json!("at+jwt"));
    let lax = domain([&signer]).with_token_type(TokenType::DangerAny);
    accepted(&lax, &access);
    // The same domain, its last header in memory, made strict.
    let strict = lax.clone().with_token_type(TokenType::Transaction);
    refused(&strict, &access, Reason::TypeRefused);
    accepted(&strict, &signer.token(&claims()));
    // A known header vouches for nothing but itself.
    refused(&strict, &access, Reason::TypeRefused);
    let forged = Signer::ed25519("a").token(&claims());
    refused(&strict, &forged, Reason::SignatureInvalid);
    // The lax one still takes what it took, and both headers in turn.
    for _ in 0..3 {
        accepted(&lax, &access);
        accepted(&lax, &signer.token(&claims()));
    }
}
