//! The signatures of Wycheproof, at the signature layer, and its mutations over claims of ours.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use throughline_core::Reason;
use throughline_core::freshness::Freshness;
use throughline_core::time::Timestamp;
use throughline_jose::verify::Envelope;
use throughline_jose::{AdmissionPolicy, KeySet, KeySource, TokenType, TrustDomain};

use crate::forge::{Signer, key_set, open};

/// Cases of `json_web_signature_test.json` whose verdict we do not share, each reviewed.
const SIGNATURE_ANOMALIES: &[(u64, &str)] = &[
    (
        346,
        "the key is for PS256, the token says PS384: one key, one algorithm",
    ),
    (
        347,
        "the key is for ES521, which does not exist, and the token says ES512, which we lack",
    ),
    (350, "as 346"),
    (351, "as 347"),
    (
        367,
        "labelled as bad padding, and there is none: the case is the valid 357 again",
    ),
    (370, "as 367"),
    (
        372,
        "`?` in the header, labelled valid: no character of base64url",
    ),
    (
        373,
        "`?` in the payload, labelled valid: no character of base64url",
    ),
];

fn groups(file: &str) -> Vec<Value> {
    let path = format!(
        "{}/../../tests/vectors/wycheproof/{file}",
        env!("CARGO_MANIFEST_DIR")
    );
    let file: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    let groups = file["testGroups"].as_array().unwrap().clone();
    let cases: usize = groups.iter().map(|group| tests(group).len()).sum();
    assert_eq!(file["numberOfTests"], cases);
    groups
}

fn tests(group: &Value) -> &[Value] {
    group["tests"].as_array().unwrap()
}

/// The token of a case; one in a JSON serialisation as its text.
fn token(case: &Value, member: &str) -> String {
    let token = &case[member];
    token
        .as_str()
        .map_or_else(|| token.to_string(), str::to_owned)
}

/// What a verifier of this group has: the public key, or the secret where there is only that.
fn keys(group: &Value) -> KeySet {
    let key = group.get("public").unwrap_or(&group["private"]);
    match key["keys"].as_array() {
        None => key_set(key, &AdmissionPolicy::new()),
        Some(keys) if keys.iter().all(|key| key["kty"] == "oct") => {
            let secrets = keys.iter().map(|key| key_set(key, &AdmissionPolicy::new()));
            let secrets = secrets.flat_map(|set| set.iter().cloned().collect::<Vec<_>>());
            KeySet::from_keys(secrets).unwrap()
        }
        // Secrets among public keys are no keys.
        Some(_) => KeySet::parse(key.to_string().as_bytes(), &AdmissionPolicy::new()).unwrap(),
    }
}

#[derive(Debug, Default, PartialEq)]
struct Tally {
    accepted: usize,
    refused: BTreeMap<Reason, usize>,
    /// Cases whose verdict differs from ours.
    differ: BTreeSet<u64>,
}

/// Replays a file. `keyless` are the groups, in order, whose key is not admitted.
fn replay(file: &str, keyless: &[&str]) -> Tally {
    let mut tally = Tally::default();
    let mut keyless = keyless.iter();
    for group in groups(file) {
        let cases: Vec<_> = tests(&group)
            .iter()
            .filter(|case| case.get("jws").is_some())
            .collect();
        if cases.is_empty() {
            continue;
        }
        let keys = keys(&group);
        if keys.is_empty() {
            // Else a refusal would say nothing about the case.
            let comment = group["comment"].as_str().unwrap();
            assert_eq!(keyless.next(), Some(&comment), "the key is not admitted");
        }
        for case in cases {
            let valid = match case["result"].as_str().unwrap() {
                "valid" => true,
                "invalid" => false,
                other => panic!("{other}"),
            };
            let verdict = open(&keys, &token(case, "jws"));
            if verdict.is_ok() != valid {
                tally.differ.insert(case["tcId"].as_u64().unwrap());
            }
            match verdict {
                Ok(_) => tally.accepted += 1,
                Err(refusal) => *tally.refused.entry(refusal.reason()).or_default() += 1,
            }
        }
    }
    assert_eq!(keyless.next(), None);
    tally
}

fn total(tally: &Tally) -> usize {
    tally.accepted + tally.refused.values().sum::<usize>()
}

#[test]
fn every_signature_is_judged_as_the_corpus_says_or_reviewed() {
    let tally = replay(
        "json_web_signature_test.json",
        &[
            "rfc7520",
            "rfc7520WithKeyOps",
            "rsa_encryption",
            "ec_key_for_encryption",
            "rsa_encryption",
            "ec_key_for_encryption",
        ],
    );
    let reviewed: BTreeSet<u64> = SIGNATURE_ANOMALIES.iter().map(|(case, _)| *case).collect();
    assert_eq!(tally.differ, reviewed);
    assert_eq!(total(&tally), 401);
    // 46 are labelled valid; of these we refuse six, and accept two that are labelled invalid.
    assert_eq!(tally.accepted, 42);
    assert_eq!(
        tally.refused,
        BTreeMap::from([
            (Reason::ContextTruncated, 4),
            (Reason::ContextMalformed, 39),
            (Reason::AlgorithmRefused, 12),
            (Reason::KeyUnknown, 10),
            (Reason::SignatureInvalid, 294),
        ])
    );
}

#[test]
fn the_lists_derived_from_the_corpus_agree_with_it() {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../tests/vectors/wycheproof/derived_jws_lists.json"
    );
    let lists: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    let cases = lists["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 427);
    let anomalies: BTreeSet<u64> = cases
        .iter()
        .filter(|case| !case["corpus_anomaly"].is_null())
        .map(|case| case["tcId"].as_u64().unwrap())
        .collect();
    // The list holds the anomalies among the valid ones.
    let ours = SIGNATURE_ANOMALIES.iter().map(|(case, _)| *case);
    let ours: BTreeSet<u64> = ours.filter(|case| ![367, 370].contains(case)).collect();
    assert_eq!(anomalies, ours);
    assert!(
        cases
            .iter()
            .all(|case| case["payload_is_json_object"] == false)
    );
}

#[test]
fn every_signature_of_the_crypto_corpus_is_judged_as_it_says() {
    let tally = replay("json_web_crypto_test.json", &["jws_rsa_roca_key"]);
    assert_eq!(tally.differ, BTreeSet::new());
    assert_eq!(total(&tally), 49);
    assert_eq!(tally.accepted, 4);
}

#[test]
fn every_encrypted_token_is_refused() {
    let mut cases = 0;
    for file in ["json_web_encryption_test.json", "json_web_crypto_test.json"] {
        for group in groups(file) {
            for case in tests(&group)
                .iter()
                .filter(|case| case.get("jwe").is_some())
            {
                let token = token(case, "jwe");
                let refusal = Envelope::read(token.as_bytes(), TokenType::DangerAny).unwrap_err();
                assert_eq!(refusal.reason(), Reason::ContextMalformed, "{case}");
                cases += 1;
            }
        }
    }
    assert_eq!(cases, 139 + 34);
}

// The mutations, over claims.

const NOW: u64 = 1_700_000_000;

fn claims() -> String {
    format!(
        r#"{{"aud":"prod","iat":{NOW},"exp":{},"txn":"t","sub":"okta/acme/ada","scope":"","req_wl":"w",
            "tctx":{{"kind":"user","tenant":"acme","idp":"okta","sub":"ada"}},"rctx":{{"as_of":{NOW}}}}}"#,
        NOW + 300
    )
}

/// The mutation that a comment of the corpus names, done to a token of ours.
fn mutate(signer: &Signer, class: &str) -> Option<String> {
    let honest = signer.seal(Signer::HEADER, &claims());
    let [h, p, s] = honest.split('.').collect::<Vec<_>>()[..] else {
        panic!("{honest}");
    };
    let header = |header: &str| signer.seal(header, &claims());
    let unsigned = |token: String| token.rsplit_once('.').unwrap().0.to_owned() + ".";
    let none = Signer::HEADER.replace("EdDSA", "none");
    Some(match class {
        "acceptsValid" | "ValidMac" | "ValidEdgeCaseMac" => honest.clone(),
        "ValidSpacesInJsonHeader" => {
            header(r#"{ "typ" : "txntoken+jwt", "kid" : "a", "alg" : "EdDSA" }"#)
        }
        "ValidWhiteSpaceInJsonHeader" => {
            header("{\"typ\":\"txntoken+jwt\",\n\t\"kid\":\"a\",\"alg\":\"EdDSA\"}")
        }
        "rejectsModifiedSignature" => format!("{h}.{p}.{}", other_first(s)),
        "rejectsMissingSignature" => format!("{h}.{p}."),
        "rejectsMissingSignatureAndSeparator" => format!("{h}.{p}"),
        "rejectsModifiedPayload" => format!("{h}.{}.{s}", other_first(p)),
        "rejectsMissingPayload" => format!("{h}..{s}"),
        "rejectsMissingPayloadAndSeparator" => format!("{h}.{s}"),
        "rejectsModifiedHeader" => {
            let header = URL_SAFE_NO_PAD.encode(Signer::HEADER.replace(r#""a""#, r#""X""#));
            format!("{header}.{p}.{s}")
        }
        "rejectsMissingHeader" => format!(".{p}.{s}"),
        "rejectsMissingHeaderAndSeparator" => format!("{p}.{s}"),
        "rejectsMissingHeaderAndSignature" => format!(".{p}."),
        "rejectsMissingHeaderSignatureAndSeparators" => p.into(),
        "rejectsEmptyString" => String::new(),
        "rejectsExtraEmptyComponent" => format!("{honest}."),
        "rejectsExtraComponent" => format!("{honest}.foo"),
        "rejectsNoneAlgorithmAndMissingSignature" => unsigned(header(&none)),
        "rejectsValidJsonSerialization" => {
            format!(r#"{{"payload":"{p}","signatures":[{{"protected":"{h}","signature":"{s}"}}]}}"#)
        }
        "rejectsSymmetryConfusionAttacks_aesKeyFromEcVerificationKeyBytes" => {
            let public = URL_SAFE_NO_PAD
                .decode(signer.jwk()["x"].as_str().unwrap())
                .unwrap();
            let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, &public);
            let header = URL_SAFE_NO_PAD.encode(Signer::HEADER.replace("EdDSA", "HS256"));
            let mac = aws_lc_rs::hmac::sign(&key, format!("{header}.{p}").as_bytes());
            format!("{header}.{p}.{}", URL_SAFE_NO_PAD.encode(mac))
        }
        "rejectsAttackerProvidedEmbeddedJwk" => {
            let attacker = Signer::new();
            let embedded = format!(r#"{{"jwk":{},"#, attacker.jwk());
            attacker.seal(&Signer::HEADER.replacen('{', &embedded, 1), &claims())
        }
        "rejectsSpacesInMac" => format!("{h}.{p}.    {s}"),
        "rejectsInvalidCharacterInsertedInMac" => format!("{h}.{p}.{s}?"),
        "rejects0ReplacedbyInvalidCharacter" => format!("{h}.{p}.?{}", s.split_at(1).1),
        "rejectsInvalidCharacters" => format!("{h}.{p}.????{}", s.split_at(4).1),
        "spacesInHeader" => signer.sign(&format!("{h}    .{p}")),
        "invalidCharactersInHeader" => signer.sign(&format!("{h}####.{p}")),
        "spacesInPayload" => signer.sign(&format!("{h}.    {p}")),
        "invalidCharactersInPayload" => signer.sign(&format!("{h}.####{p}")),
        "InvalidCharacterInPayload" => signer.sign(&format!("{h}.?{p}")),
        "InvalidCharacterInsertedInHeader" => format!("{h}?.{p}.{s}"),
        "InvalidCharacterInsertedInPayload" => format!("{h}.{p}?.{s}"),
        // What the corpus says and forgets to do.
        "invalidBase64Padding" => format!("{h}=.{p}.{s}"),
        "invalidBase64PaddingInPayload" => format!("{h}.{p}=.{s}"),
        "ModifiedUnusedBitsInPayload" | "MacOfIncorrectlyEncodedMessage" => {
            // One blank more, until there are unused bits; `B` has the lowest one set, and the last
            // sextet of a blank has none.
            let payload = (0..3)
                .map(|n| URL_SAFE_NO_PAD.encode(claims() + &" ".repeat(n)))
                .find(|payload| payload.len() % 4 == 2)
                .unwrap();
            let respelt = payload.strip_suffix('A').unwrap().to_owned() + "B";
            if class == "MacOfIncorrectlyEncodedMessage" {
                signer.sign(&format!("{h}.{respelt}"))
            } else {
                let signature = signer.sign(&format!("{h}.{payload}"));
                format!("{h}.{respelt}.{}", signature.rsplit_once('.').unwrap().1)
            }
        }
        _ => return None,
    })
}

/// The part with another first character, so that no unused bit is touched.
fn other_first(part: &str) -> String {
    let other = if part.starts_with('X') { 'Y' } else { 'X' };
    format!("{other}{}", part.split_at(1).1)
}

#[test]
fn the_mutations_of_the_corpus_are_refused_over_claims_too() {
    use Reason::{
        AlgorithmRefused, ContextMalformed, ContextTruncated, KeyUnknown, SignatureInvalid,
    };
    let signer = Signer::new();
    let domain = TrustDomain::new("prod")
        .unwrap()
        .with_keys(KeySource::set(signer.keys()))
        .with_freshness(Freshness::lifetime_only(Duration::from_secs(300)))
        .with_clock(|| Timestamp::from_unix(NOW));

    let mut classes = BTreeSet::new();
    for group in groups("json_web_signature_test.json") {
        if ["hs256", "es256", "base64"].contains(&group["comment"].as_str().unwrap()) {
            let comments = tests(&group).iter().map(|case| case["comment"].as_str());
            classes.extend(comments.map(|class| class.unwrap().to_owned()));
        }
    }
    assert_eq!(classes.len(), 38);
    let mut accepted = Vec::new();
    for class in &classes {
        let token = mutate(&signer, class).unwrap_or_else(|| panic!("{class} is not done here"));
        let expected = match class.as_str() {
            "rejectsModifiedSignature" | "rejectsModifiedPayload" | "rejectsMissingPayload" => {
                SignatureInvalid
            }
            "rejectsMissingSignature" => ContextTruncated,
            "rejectsModifiedHeader" => KeyUnknown,
            "rejectsNoneAlgorithmAndMissingSignature"
            | "rejectsSymmetryConfusionAttacks_aesKeyFromEcVerificationKeyBytes" => {
                AlgorithmRefused
            }
            _ => ContextMalformed,
        };
        match domain.verify(token.as_bytes()) {
            Ok(_) => accepted.push(class.as_str()),
            Err(refusal) => assert_eq!(refusal.reason(), expected, "{class}: {refusal}"),
        }
    }
    assert_eq!(
        accepted,
        [
            "ValidEdgeCaseMac",
            "ValidMac",
            "ValidSpacesInJsonHeader",
            "ValidWhiteSpaceInJsonHeader",
            "acceptsValid",
        ]
    );
}
