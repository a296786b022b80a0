//! Key sets that others published, replayed. `tests/vectors/` of the repository says whose.

use std::fs;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use throughline_jose::keys::{KeySetErrorKind, SkipReason};
use throughline_jose::{AdmissionPolicy, Algorithm, KeySet};

use SkipReason as R;

fn vectors() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors")
}

fn read(path: impl AsRef<Path>) -> Vec<u8> {
    fs::read(vectors().join(path)).unwrap()
}

/// Every file of a corpus that holds a key set, with its path in the corpus.
fn key_set_files(folder: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![vectors().join(folder)];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|is| is == "json")
                && !path.ends_with("discovery_document.json")
            {
                let inside = path.strip_prefix(vectors().join(folder)).unwrap();
                found.push(inside.to_str().unwrap().to_owned());
            }
        }
    }
    found.sort();
    found
}

/// The document as its publisher sent it; some captures wrap it with status and headers.
fn document(path: &str) -> Vec<u8> {
    let bytes = read(path);
    let parsed: Value = serde_json::from_slice(&bytes).unwrap();
    match parsed.get("body") {
        Some(body) => body.to_string().into_bytes(),
        None => bytes,
    }
}

/// What a corpus file holds: usable keys, and the entries that are skipped.
type Row = (&'static str, usize, &'static [(usize, SkipReason)]);

#[track_caller]
fn replay(folder: &str, policy: &AdmissionPolicy, rows: &[Row], no_sets: &[&str]) {
    for (path, usable, skips) in rows {
        let set = KeySet::parse(&document(&format!("{folder}/{path}")), policy)
            .unwrap_or_else(|error| panic!("{path}: {error}"));
        let skipped: Vec<_> = set
            .skipped()
            .iter()
            .map(|skipped| (skipped.index(), skipped.reason()))
            .collect();
        assert_eq!((set.len(), &skipped[..]), (*usable, *skips), "{path}");
        for key in set.iter().filter(|key| key.kid().is_some()) {
            assert_eq!(set.find(key.kid()), Some(key), "{path}");
        }
    }
    for path in no_sets {
        let error = KeySet::parse(&document(&format!("{folder}/{path}")), policy).unwrap_err();
        assert_eq!(error.kind(), KeySetErrorKind::NoKeys, "{path}");
    }
    let mut listed: Vec<_> = rows.iter().map(|(path, ..)| *path).collect();
    listed.extend(no_sets);
    listed.sort_unstable();
    assert_eq!(listed, key_set_files(folder), "files of {folder}");
}

const UNNAMED: (usize, SkipReason) = (0, R::AlgorithmUnnamed);

#[test]
fn key_sets_of_real_providers_are_read_key_by_key() {
    // Reviewed: keys without `alg` (Entra, OneLogin) wait for the issuer's configuration, see the
    // next test; the `enc` keys are Keycloak's; the library's own example keys have 2040 bits, and
    // two of them one `kid`; UAA publishes a shared secret.
    const ENTRA: &[(usize, SkipReason)] = &[
        UNNAMED,
        (1, R::AlgorithmUnnamed),
        (2, R::AlgorithmUnnamed),
        (3, R::AlgorithmUnnamed),
        (4, R::AlgorithmUnnamed),
        (5, R::AlgorithmUnnamed),
        (6, R::AlgorithmUnnamed),
        (7, R::AlgorithmUnnamed),
        (8, R::AlgorithmUnnamed),
        (9, R::AlgorithmUnnamed),
    ];
    const SHORT: &[(usize, SkipReason)] = &[(0, R::RsaSize), (1, R::RsaSize)];
    const ENC: &[(usize, SkipReason)] = &[(1, R::UseRefused)];
    let rows: &[Row] = &[
        ("dockyard/http/auth0/jwks.json", 2, &[]),
        ("dockyard/http/azure/jwks.json", 0, ENTRA),
        ("dockyard/http/cognito/jwks.json", 2, &[]),
        ("dockyard/http/google/jwks.json", 2, &[]),
        ("dockyard/http/keycloak/jwks.json", 1, ENC),
        ("dockyard/http/okta/jwks.json", 2, &[]),
        ("dockyard/http/onelogin/jwks.json", 0, &[UNNAMED]),
        ("dockyard/http/vault/jwks.json", 2, &[]),
        ("dockyard/jwks/jwks.json", 0, SHORT),
        ("firezone/http/auth0/jwks.json", 2, &[]),
        ("firezone/http/azure/jwks.json", 0, ENTRA),
        ("firezone/http/cognito/jwks.json", 2, &[]),
        ("firezone/http/google/jwks.json", 2, &[]),
        ("firezone/http/keycloak/jwks.json", 1, ENC),
        ("firezone/http/okta/jwks.json", 2, &[]),
        ("firezone/http/onelogin/jwks.json", 0, &[UNNAMED]),
        ("firezone/http/vault/jwks.json", 2, &[]),
        ("firezone/jwks/jwks.json", 0, SHORT),
        ("firezone/jwks/jwks_eddsa.json", 3, &[(3, R::RsaSize)]),
        ("uaa/JwkSet-ECProvider.json", 1, &[]),
        ("uaa/JwkSet-Hmac.json", 0, &[(0, R::SymmetricKey)]),
        ("uaa/JwkSet-Keycloak.json", 1, &[]),
        ("uaa/JwkSet-LegacyUaa.json", 1, &[]),
        (
            "uaa/JwkSet-Microsoft.json",
            0,
            &[UNNAMED, (1, R::AlgorithmUnnamed), (2, R::AlgorithmUnnamed)],
        ),
    ];
    // One key is no key set.
    let no_sets = ["dockyard/jwks/jwk.json", "firezone/jwks/jwk.json"];
    assert_eq!(rows.len() + no_sets.len(), 26);
    replay(
        "oidc-provider-fixtures",
        &AdmissionPolicy::new(),
        rows,
        &no_sets,
    );
}

#[test]
fn an_issuer_that_names_no_algorithm_is_configured_with_one() {
    let policy = AdmissionPolicy::new().with_algorithms([Algorithm::Rs256]);
    for (path, usable) in [("azure", 10), ("onelogin", 1)] {
        let document = document(&format!(
            "oidc-provider-fixtures/firezone/http/{path}/jwks.json"
        ));
        let set = KeySet::parse(&document, &policy).unwrap();
        assert_eq!(set.len(), usable, "{path}");
        assert!(set.skipped().is_empty(), "{path}");
        assert!(set.iter().all(|key| key.algorithm() == Algorithm::Rs256));
    }
    // Storm-0558: two of Entra's keys sign for consumer accounts only, and say so.
    let entra = document("oidc-provider-fixtures/firezone/http/azure/jwks.json");
    let entra = KeySet::parse(&entra, &policy).unwrap();
    let consumers = entra.iter().filter(|key| {
        key.issuer()
            .unwrap()
            .contains("9188040d-6c67-4c5b-b112-36a304b66dad")
    });
    assert_eq!(consumers.count(), 2);
    let tenants = entra
        .iter()
        .filter(|key| key.issuer().unwrap().contains("{tenantid}"));
    assert_eq!(tenants.count(), 8);
}

#[test]
fn key_sets_of_test_suites_are_read_key_by_key() {
    // Reviewed: secp256k1 has no algorithm here; `oct` is never admitted; X.509 and JWT SVIDs are
    // no tokens of ours, see the next test.
    const SVID: (usize, SkipReason) = (1, R::UseRefused);
    const X509: (usize, SkipReason) = (0, R::UseRefused);
    let rows: &[Row] = &[
        (
            "firebase-php-jwt/ec-jwkset.json",
            3,
            &[(2, R::CurveUnsupported)],
        ),
        ("firebase-php-jwt/ed25519-jwkset.json", 1, &[]),
        (
            "firebase-php-jwt/octet-jwkset.json",
            0,
            &[
                (0, R::SymmetricKey),
                (1, R::SymmetricKey),
                (2, R::SymmetricKey),
            ],
        ),
        ("firebase-php-jwt/rsa-jwkset-2.json", 1, &[]),
        ("firebase-php-jwt/rsa-jwkset.json", 2, &[]),
        ("oathkeeper/jwks-ecdsa.json", 2, &[]),
        ("oathkeeper/jwks-hs.json", 0, &[(0, R::SymmetricKey)]),
        ("oathkeeper/jwks-rsa-multiple.json", 2, &[]),
        ("oathkeeper/jwks-rsa-single.json", 1, &[]),
        ("spiffe/jwks_missing_kid.json", 2, &[]),
        ("spiffe/jwks_valid_1.json", 1, &[]),
        ("spiffe/jwks_valid_2.json", 2, &[]),
        ("spiffe/spiffebundle_missing_kid.json", 0, &[X509, SVID]),
        ("spiffe/spiffebundle_multiple_x509.json", 0, &[X509, SVID]),
        ("spiffe/spiffebundle_valid_1.json", 0, &[X509, SVID]),
        (
            "spiffe/spiffebundle_valid_2.json",
            0,
            &[
                X509,
                SVID,
                (2, R::UseRefused),
                (3, R::UseRefused),
                (4, R::UseRefused),
                (5, R::UseRefused),
                (6, R::UseRefused),
            ],
        ),
        (
            "spiffe/spiffebundle_valid_with_wit.json",
            0,
            &[
                X509,
                SVID,
                (2, R::UseRefused),
                (3, R::UseRefused),
                (4, R::UseRefused),
            ],
        ),
    ];
    let no_sets = ["spiffe/spiffebundle_no_keys.json"];
    assert_eq!(rows.len() + no_sets.len(), 18);
    replay("jwks", &AdmissionPolicy::new(), rows, &no_sets);
}

#[test]
fn a_spiffe_bundle_is_read_for_one_use() {
    for (uses, expected) in [("jwt-svid", [1, 6, 2]), ("wit-svid", [0, 0, 2])] {
        let policy = AdmissionPolicy::new().with_uses([uses]);
        let files = ["valid_1", "valid_2", "valid_with_wit"];
        for (file, usable) in files.into_iter().zip(expected) {
            let bundle = read(format!("jwks/spiffe/spiffebundle_{file}.json"));
            let set = KeySet::parse(&bundle, &policy).unwrap();
            assert_eq!(set.len(), usable, "{uses} in {file}");
        }
    }
}

/// Wycheproof cases labelled valid that are refused, and why that is right.
const WYCHEPROOF_ANOMALIES: [(u64, &str); 4] = [
    (2, "an HMAC secret in a published set is a leak"),
    (13, "as above; it verifies by the dangerous door"),
    (14, "as above"),
    (15, "as above"),
];

#[test]
fn wycheproof_key_sets_verify_only_what_they_should() {
    let file: Value = serde_json::from_slice(&read("wycheproof/json_web_key_test.json")).unwrap();
    let (mut ran, mut accepted, mut anomalies) = (0, 0, Vec::new());
    for group in file["testGroups"].as_array().unwrap() {
        let published = group.get("public").unwrap_or(&group["private"]);
        let set = KeySet::parse(published.to_string().as_bytes(), &AdmissionPolicy::new()).unwrap();
        for test in group["tests"].as_array().unwrap() {
            ran += 1;
            let case = test["tcId"].as_u64().unwrap();
            let verified = verify(&set, test["jws"].as_str().unwrap());
            match (test["result"].as_str().unwrap(), verified) {
                ("valid", true) => accepted += 1,
                ("valid", false) => anomalies.push(case),
                ("invalid", false) => {}
                (label, verified) => panic!("case {case} is {label}, verified: {verified}"),
            }
        }
    }
    assert_eq!((ran, accepted), (26, 1));
    assert_eq!(anomalies, WYCHEPROOF_ANOMALIES.map(|(case, _)| case));
}

#[test]
fn wycheproof_keys_are_skipped_for_the_reason_they_were_made_for() {
    let file: Value = serde_json::from_slice(&read("wycheproof/json_web_key_test.json")).unwrap();
    let mut found = Vec::new();
    for group in file["testGroups"].as_array().unwrap() {
        let published = group.get("public").unwrap_or(&group["private"]);
        let set = KeySet::parse(published.to_string().as_bytes(), &AdmissionPolicy::new()).unwrap();
        let reasons: Vec<_> = set
            .skipped()
            .iter()
            .map(|skipped| skipped.reason())
            .collect();
        found.push((
            group["comment"].as_str().unwrap().to_owned(),
            set.len(),
            reasons,
        ));
    }
    let found: Vec<_> = found
        .iter()
        .map(|(comment, usable, reasons)| (comment.as_str(), *usable, &reasons[..]))
        .collect();
    assert_eq!(
        found,
        [
            ("jws_mixedSymmetryKeyset", 1, &[R::SymmetricKey][..]),
            ("jws_keyset", 0, &[R::SymmetricKey; 2]),
            ("jws_duplicate_kid", 0, &[R::SymmetricKey; 2]),
            ("rs256", 1, &[]),
            ("rs256", 0, &[R::UseRefused]),
            ("jws_rsa_roca_key", 0, &[R::RsaWeak]),
            ("keysize_too_small", 0, &[R::RsaSize]),
            ("exponentOne", 0, &[R::RsaExponent]),
            ("HS256", 0, &[R::SymmetricKey]),
            ("HS384", 0, &[R::SymmetricKey]),
            ("HS512", 0, &[R::SymmetricKey]),
            ("HS256", 0, &[R::SymmetricKey]),
            ("HS384", 0, &[R::SymmetricKey]),
            ("HS512", 0, &[R::SymmetricKey]),
            ("HS256", 0, &[R::SymmetricKey]),
            ("HS384", 0, &[R::SymmetricKey]),
            ("HS512", 0, &[R::SymmetricKey]),
            ("wrong_algorithm", 0, &[R::AlgorithmUnknown]),
            ("invalid_algorithm", 0, &[R::AlgorithmUnknown]),
            ("invalid_use", 0, &[R::UseRefused]),
            ("invalid_point", 0, &[R::PointInvalid]),
            ("wrong_curve", 0, &[R::AlgorithmMismatch]),
            ("wrong_kty", 0, &[R::AlgorithmMismatch]),
            ("invalid_aes_gcm_key", 0, &[R::SymmetricKey]),
            ("invalid_aes_kw_key", 0, &[R::SymmetricKey]),
        ]
    );
}

#[test]
fn wycheproof_secrets_are_judged_by_the_dangerous_door() {
    let file: Value = serde_json::from_slice(&read("wycheproof/json_web_key_test.json")).unwrap();
    let (mut valid, mut refused) = (0, 0);
    for group in file["testGroups"].as_array().unwrap() {
        let keys = group["private"]["keys"].as_array().unwrap();
        let ([key], true) = (&keys[..], group.get("public").is_none()) else {
            continue;
        };
        let Some(algorithm) = Algorithm::from_name(key["alg"].as_str().unwrap()) else {
            continue;
        };
        let secret = URL_SAFE_NO_PAD.decode(key["k"].as_str().unwrap()).unwrap();
        let set = KeySet::danger_from_hmac_secret(key["kid"].as_str(), algorithm, &secret);
        for test in group["tests"].as_array().unwrap() {
            match (test["result"].as_str().unwrap(), &set) {
                ("valid", Ok(set)) => {
                    assert!(verify(set, test["jws"].as_str().unwrap()), "{test}");
                    valid += 1;
                }
                ("invalid", Err(_)) => refused += 1,
                (label, set) => panic!("{label}, {set:?}: {test}"),
            }
        }
    }
    assert_eq!((valid, refused), (3, 6));
}

/// The signature layer alone: key by `kid`, algorithm by key.
fn verify(set: &KeySet, jws: &str) -> bool {
    let (message, signature) = jws.rsplit_once('.').unwrap();
    let (header, _) = message.split_once('.').unwrap();
    let header: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header).unwrap()).unwrap();
    let named = header["alg"].as_str().and_then(Algorithm::from_name);
    let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
    set.find(header["kid"].as_str()).is_some_and(|key| {
        Some(key.algorithm()) == named && key.verify(message.as_bytes(), &signature)
    })
}
