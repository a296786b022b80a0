//! The examples of RFC 7520, RFC 8037 and RFC 7797, and the tokens that the RFCs print.

use std::fs;
use std::time::Duration;

use serde_json::Value;
use throughline_core::Reason;
use throughline_core::freshness::Freshness;
use throughline_core::time::Timestamp;
use throughline_jose::verify::Envelope;
use throughline_jose::{AdmissionPolicy, Algorithm, KeySource, TokenType, TrustDomain};

use crate::forge::{key_set, open};

fn read(path: &str) -> Value {
    let path = format!("{}/../../tests/vectors/{path}", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

/// Keys of the examples name no `alg`, so the reader's configuration does.
fn policy(algorithm: &str) -> AdmissionPolicy {
    match Algorithm::from_name(algorithm) {
        Some(algorithm) => AdmissionPolicy::new().with_algorithms([algorithm]),
        None => AdmissionPolicy::new(),
    }
}

/// What becomes of the compact form of an example, if it has one.
enum Compact {
    Accepted,
    None,
    Refused(Reason, &'static str),
}
use Compact::{Accepted, None as JsonOnly, Refused};

const COOKBOOK: [(&str, Compact); 11] = [
    ("curve25519/jws.json", Accepted),
    ("jws/4_1.rsa_v15_signature.json", Accepted),
    ("jws/4_2.rsa-pss_signature.json", Accepted),
    (
        "jws/4_3.ecdsa_signature.json",
        Refused(
            Reason::KeyUnknown,
            "ES512 over P-521: no key of that curve is admitted",
        ),
    ),
    ("jws/4_4.hmac-sha2_integrity_protection.json", Accepted),
    (
        "jws/4_5.signature_with_detached_content.json",
        Refused(
            Reason::SignatureInvalid,
            "the payload is elsewhere: an empty one was not signed",
        ),
    ),
    ("jws/4_6.protecting_specific_header_fields.json", JsonOnly),
    ("jws/4_7.protecting_content_only.json", JsonOnly),
    ("jws/4_8.multiple_signatures.json", JsonOnly),
    ("rfc7797/4.2.hmac-sha2_b64_false.json", JsonOnly),
    (
        "rfc7797/hmac-sha2_b64_false.json",
        Refused(
            Reason::ContextMalformed,
            "`b64: false`: the payload stands there unencoded",
        ),
    ),
];

#[test]
fn compact_examples_are_accepted_at_the_signature_layer_and_no_other_form_is() {
    let (mut compact_forms, mut json_forms) = (0, 0);
    for (path, expected) in &COOKBOOK {
        let example = read(&format!("ietf-jose-cookbook/{path}"));
        let output = &example["output"];
        match (output["compact"].as_str(), expected) {
            (Some(compact), Accepted) => {
                let keys = key_set(
                    &example["input"]["key"],
                    &policy(example["input"]["alg"].as_str().unwrap()),
                );
                let payload =
                    open(&keys, compact).unwrap_or_else(|error| panic!("{path}: {error}"));
                assert_eq!(
                    payload,
                    example["input"]["payload"].as_str().unwrap().as_bytes()
                );
                compact_forms += 1;
            }
            (Some(compact), Refused(reason, why)) => {
                let keys = key_set(
                    &example["input"]["key"],
                    &policy(example["input"]["alg"].as_str().unwrap()),
                );
                let refusal = open(&keys, compact).unwrap_err();
                assert_eq!(refusal.reason(), *reason, "{path}: {why}");
                compact_forms += 1;
            }
            (None, JsonOnly) => {}
            (found, _) => panic!("{path}: {found:?}"),
        }
        for form in ["json", "json_flat"] {
            if let Some(serialised) = output.get(form) {
                let text = serialised.to_string();
                let refusal = Envelope::read(text.as_bytes(), TokenType::DangerAny).unwrap_err();
                assert_eq!(refusal.reason(), Reason::ContextMalformed, "{path}");
                json_forms += 1;
            }
        }
    }
    assert_eq!((compact_forms, json_forms), (7, 21));
}

/// Examples that RFC 7515, RFC 7519 and RFC 8037 print: `typ` apart, what a domain says to them.
const PRINTED: [(&str, Result<Reason, Reason>); 5] = [
    ("RFC7515-A.1", Ok(Reason::ClaimMissing)),
    ("RFC7515-A.2", Ok(Reason::ClaimMissing)),
    ("RFC7515-A.3", Ok(Reason::ClaimMissing)),
    // No key is for `none`.
    (
        "RFC7515-A.5 / RFC7519-6.1 (unsecured)",
        Err(Reason::AlgorithmRefused),
    ),
    // A text, not claims.
    ("RFC8037-A.4", Ok(Reason::ClaimInvalid)),
];

#[test]
fn printed_examples_are_genuine_and_no_transaction_tokens() {
    let file = read("rfc-examples/rfc_examples.json");
    let cases = file["cases"].as_array().unwrap();
    assert_eq!(cases.len(), PRINTED.len());
    // The unsecured one has no key; it meets a key all the same.
    let some_key = &cases[0]["jwk"];
    for (case, (id, verdict)) in cases.iter().zip(PRINTED) {
        assert_eq!(case["id"], id);
        let token = case.get("jwt").unwrap_or(&case["jws"]).as_str().unwrap();
        let key = case.get("jwk").unwrap_or(some_key);
        let keys = key_set(key, &policy(case["alg"].as_str().unwrap()));
        let opened = open(&keys, token)
            .map(drop)
            .map_err(|refusal| refusal.reason());
        assert_eq!(opened, verdict.map(drop), "{id}");

        // While they were young, so that it is not their age.
        let domain = TrustDomain::new("prod.acme.internal")
            .unwrap()
            .with_keys(KeySource::set(keys))
            .with_freshness(Freshness::lifetime_only(Duration::from_secs(300)))
            .with_clock(|| Timestamp::from_unix(1_300_819_000));
        let refusal = domain.verify(token.as_bytes()).unwrap_err();
        assert_eq!(refusal.reason(), Reason::TypeRefused, "{id}");
        // And if a domain were so careless as not to look at the type:
        let careless = domain.with_token_type(TokenType::DangerAny);
        let refusal = careless.verify(token.as_bytes()).unwrap_err();
        assert_eq!(
            refusal.reason(),
            verdict.unwrap_or_else(|reason| reason),
            "{id}: {refusal}"
        );
    }
}
