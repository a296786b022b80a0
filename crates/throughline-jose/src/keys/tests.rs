use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    self, ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, ED25519, EcdsaKeyPair,
    Ed25519KeyPair, KeyPair, ParsedPublicKey, RsaEncoding, RsaKeyPair,
};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE, URL_SAFE_NO_PAD};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::admission::AdmissionPolicy;
use super::error::{
    KeyError, KeySetError, KeySetErrorKind, SecretError, SecretErrorKind, SkipReason,
};
use super::key::{MAX_KID_LEN, VerifyingKey};
use super::set::KeySet;
use super::weakness::is_weak_modulus;
use crate::algorithm::Algorithm;

/// RFC 8037 appendix A.2.
fn ed25519() -> Value {
    json!({"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"})
}

/// RFC 7517 appendix A.1.
fn p256() -> Value {
    json!({"kty": "EC", "crv": "P-256",
        "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
        "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"})
}

/// RFC 7638 §3.1.
fn rsa() -> Value {
    json!({"kty": "RSA", "alg": "RS256", "e": "AQAB", "n": "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2a\
        iAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5Js\
        GY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZH\
        zu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw\
        0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw"})
}

/// `key` with some members set; `null` takes one out.
fn with(mut key: Value, changes: Value) -> Value {
    let members = key.as_object_mut().unwrap();
    for (name, value) in changes.as_object().unwrap() {
        if value.is_null() {
            members.remove(name);
        } else {
            members.insert(name.clone(), value.clone());
        }
    }
    key
}

fn admit(key: &Value) -> Result<VerifyingKey, SkipReason> {
    admit_by(key, &AdmissionPolicy::new())
}

fn admit_by(key: &Value, policy: &AdmissionPolicy) -> Result<VerifyingKey, SkipReason> {
    VerifyingKey::from_jwk(key.to_string().as_bytes(), policy).map_err(|error| error.reason())
}

fn base64url(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn hex(text: &str) -> Vec<u8> {
    let digit = |byte: &u8| u8::try_from(char::from(*byte).to_digit(16).unwrap()).unwrap();
    let pairs = text.as_bytes().chunks_exact(2);
    pairs
        .map(|pair| digit(&pair[0]) * 16 + digit(&pair[1]))
        .collect()
}

/// An odd number of exactly that many bits, without a weakness that is looked for.
fn modulus(bits: usize) -> Vec<u8> {
    let mut number = vec![0xb5; bits.div_ceil(8)];
    let spare = number.len() * 8 - bits;
    number[0] = 0xff >> spare;
    while is_weak_modulus(&number) {
        let end = number.len() - 2;
        let low = u16::from_be_bytes([number[end], number[end + 1]]) + 2;
        number[end..].copy_from_slice(&low.to_be_bytes());
    }
    number
}

#[test]
fn well_formed_keys_are_admitted() {
    for (key, algorithm, signature_len) in [
        (ed25519(), Algorithm::EdDsa, 64),
        (
            with(ed25519(), json!({"alg": "EdDSA"})),
            Algorithm::EdDsa,
            64,
        ),
        (
            with(ed25519(), json!({"alg": "Ed25519"})),
            Algorithm::EdDsa,
            64,
        ),
        (p256(), Algorithm::Es256, 64),
        (
            with(p256(), json!({"alg": "ES256", "use": "sig"})),
            Algorithm::Es256,
            64,
        ),
        (rsa(), Algorithm::Rs256, 256),
        (with(rsa(), json!({"alg": "PS512"})), Algorithm::Ps512, 256),
        (
            with(rsa(), json!({"key_ops": ["verify"]})),
            Algorithm::Rs256,
            256,
        ),
        (
            with(rsa(), json!({"key_ops": ["sign", "verify"]})),
            Algorithm::Rs256,
            256,
        ),
        (
            with(rsa(), json!({"status": 5, "value": "-----BEGIN"})),
            Algorithm::Rs256,
            256,
        ),
        (
            with(rsa(), json!({"x5c": ["MIIC"], "x5t": "a"})),
            Algorithm::Rs256,
            256,
        ),
        (with(rsa(), json!({"e": "Aw"})), Algorithm::Rs256, 256),
        (
            with(rsa(), json!({"n": base64url(modulus(2049))})),
            Algorithm::Rs256,
            257,
        ),
        (
            with(rsa(), json!({"n": base64url(modulus(8192))})),
            Algorithm::Rs256,
            1024,
        ),
    ] {
        let admitted = admit(&key).unwrap_or_else(|reason| panic!("{reason}: {key}"));
        assert_eq!(admitted.algorithm(), algorithm, "{key}");
        assert_eq!(admitted.signature_len(), signature_len, "{key}");
    }
}

#[test]
fn each_admission_rule_refuses_what_breaks_it() {
    use SkipReason as R;

    let long = "k".repeat(MAX_KID_LEN + 1);
    let x = ed25519()["x"].as_str().unwrap().to_owned();
    for (key, reason) in [
        // One key, one algorithm.
        (with(rsa(), json!({"alg": null})), R::AlgorithmUnnamed),
        (with(rsa(), json!({"alg": "none"})), R::AlgorithmUnknown),
        (with(rsa(), json!({"alg": "rs256"})), R::AlgorithmUnknown),
        (with(rsa(), json!({"alg": "RSA-OAEP"})), R::AlgorithmUnknown),
        (with(rsa(), json!({"alg": "ES256"})), R::AlgorithmMismatch),
        (with(rsa(), json!({"alg": "HS256"})), R::AlgorithmMismatch),
        (with(p256(), json!({"alg": "ES384"})), R::AlgorithmMismatch),
        (with(p256(), json!({"alg": "ES512"})), R::AlgorithmUnknown),
        (
            with(ed25519(), json!({"alg": "RS256"})),
            R::AlgorithmMismatch,
        ),
        // For this use.
        (with(rsa(), json!({"use": "enc"})), R::UseRefused),
        (with(rsa(), json!({"use": "SIG"})), R::UseRefused),
        (with(rsa(), json!({"use": ""})), R::UseRefused),
        (with(rsa(), json!({"use": "x509-svid"})), R::UseRefused),
        (with(rsa(), json!({"key_ops": []})), R::KeyOpsRefused),
        (with(rsa(), json!({"key_ops": ["sign"]})), R::KeyOpsRefused),
        (
            with(rsa(), json!({"key_ops": ["verify", "verify"]})),
            R::KeyOpsRefused,
        ),
        (
            with(rsa(), json!({"key_ops": ["Verify"]})),
            R::KeyOpsRefused,
        ),
        // Well-formed: types and members.
        (with(rsa(), json!({"key_ops": "verify"})), R::MemberType),
        (
            with(rsa(), json!({"key_ops": ["verify", 5]})),
            R::MemberType,
        ),
        (with(rsa(), json!({"use": 5})), R::MemberType),
        (with(rsa(), json!({"kid": 5})), R::MemberType),
        (with(rsa(), json!({"kty": 5})), R::MemberType),
        (with(rsa(), json!({"alg": ["RS256"]})), R::MemberType),
        (with(rsa(), json!({"x5c": "s"})), R::MemberType),
        (with(rsa(), json!({"x5t": 1})), R::MemberType),
        (with(rsa(), json!({"issuer": {}})), R::MemberType),
        (with(rsa(), json!({"n": 5})), R::MemberType),
        (with(rsa(), json!({"kty": null})), R::MemberMissing),
        (with(rsa(), json!({"n": null})), R::MemberMissing),
        (with(rsa(), json!({"e": null})), R::MemberMissing),
        (with(p256(), json!({"crv": null})), R::MemberMissing),
        (with(p256(), json!({"x": null})), R::MemberMissing),
        (with(p256(), json!({"y": null})), R::MemberMissing),
        (with(ed25519(), json!({"crv": null})), R::MemberMissing),
        (with(ed25519(), json!({"x": null})), R::MemberMissing),
        (with(rsa(), json!({"kid": ""})), R::KidInvalid),
        (with(rsa(), json!({"kid": "a\u{0}b"})), R::KidInvalid),
        (with(rsa(), json!({"kid": long})), R::KidInvalid),
        // Kinds that are not known.
        (
            json!({"kty": "AKP", "alg": "ML-DSA-44", "pub": "AA"}),
            R::KeyTypeUnsupported,
        ),
        (with(rsa(), json!({"kty": "rsa"})), R::KeyTypeUnsupported),
        (
            with(p256(), json!({"crv": "secp256k1"})),
            R::CurveUnsupported,
        ),
        (with(p256(), json!({"crv": "P-521"})), R::CurveUnsupported),
        (
            with(ed25519(), json!({"crv": "X25519"})),
            R::CurveUnsupported,
        ),
        (
            with(ed25519(), json!({"crv": "Ed448"})),
            R::CurveUnsupported,
        ),
        // Lengths.
        (with(p256(), json!({"crv": "P-384"})), R::LengthInvalid),
        (with(p256(), json!({"x": ""})), R::LengthInvalid),
        (
            with(p256(), json!({"x": base64url([1; 31])})),
            R::LengthInvalid,
        ),
        (
            with(p256(), json!({"y": base64url([1; 33])})),
            R::LengthInvalid,
        ),
        (
            with(ed25519(), json!({"x": base64url([1; 5])})),
            R::LengthInvalid,
        ),
        (
            with(ed25519(), json!({"x": base64url([1; 33])})),
            R::LengthInvalid,
        ),
        (with(rsa(), json!({"n": ""})), R::LengthInvalid),
        (
            with(
                rsa(),
                json!({"n": base64url([vec![0], modulus(2048)].concat())}),
            ),
            R::LengthInvalid,
        ),
        (with(rsa(), json!({"e": "AAEAAQ"})), R::LengthInvalid),
        // Points.
        (
            with(p256(), json!({"x": base64url([1; 32])})),
            R::PointInvalid,
        ),
        (
            with(
                p256(),
                json!({"x": base64url([0; 32]), "y": base64url([0; 32])}),
            ),
            R::PointInvalid,
        ),
        // RSA strength.
        (
            with(rsa(), json!({"n": base64url(modulus(1024))})),
            R::RsaSize,
        ),
        (
            with(rsa(), json!({"n": base64url(modulus(2047))})),
            R::RsaSize,
        ),
        (
            with(rsa(), json!({"n": base64url(modulus(8193))})),
            R::RsaSize,
        ),
        (with(rsa(), json!({"e": "AQ"})), R::RsaExponent),
        (with(rsa(), json!({"e": "Ag"})), R::RsaExponent),
        (with(rsa(), json!({"e": "AQAA"})), R::RsaExponent),
        (
            with(rsa(), json!({"e": base64url([0x02, 0, 0, 0, 1])})),
            R::RsaExponent,
        ),
        (
            with(rsa(), json!({"n": base64url([0xff; 256])})),
            R::RsaWeak,
        ),
        // Public.
        (with(rsa(), json!({"d": "AA"})), R::PrivateMember),
        (with(rsa(), json!({"qi": 5})), R::PrivateMember),
        (with(rsa(), json!({"oth": []})), R::PrivateMember),
        (
            with(p256(), json!({"d": "AA", "use": "enc"})),
            R::PrivateMember,
        ),
        (with(ed25519(), json!({"d": x})), R::PrivateMember),
        (
            with(p256(), json!({"crv": "secp256k1", "d": "AA"})),
            R::PrivateMember,
        ),
        (with(ed25519(), json!({"k": "AA"})), R::PrivateMember),
        (
            json!({"kty": "oct", "alg": "HS256", "k": base64url([7; 32])}),
            R::SymmetricKey,
        ),
        (
            json!({"kty": "oct", "alg": "HS256", "k": ""}),
            R::SymmetricKey,
        ),
        (json!({"kty": "oct"}), R::SymmetricKey),
        // No object.
        (json!(null), R::NotAnObject),
        (json!("key"), R::NotAnObject),
        (json!([["kty", "RSA"]]), R::NotAnObject),
    ] {
        assert_eq!(admit(&key).map(|key| key.algorithm()), Err(reason), "{key}");
    }
}

#[test]
fn a_member_that_is_null_is_no_absent_member() {
    for name in ["alg", "use", "kid", "key_ops", "x5c", "issuer"] {
        let text = ed25519()
            .to_string()
            .replacen('{', &format!(r#"{{"{name}": null,"#), 1);
        let error = VerifyingKey::from_jwk(text.as_bytes(), &AdmissionPolicy::new()).unwrap_err();
        assert_eq!(error.reason(), SkipReason::MemberType, "{name}");
    }
}

#[test]
fn base64url_has_one_spelling() {
    let x = URL_SAFE_NO_PAD
        .decode(ed25519()["x"].as_str().unwrap())
        .unwrap();
    assert!(admit(&with(ed25519(), json!({"x": base64url(&x)}))).is_ok());
    let mut trailing_bits = base64url(&x);
    trailing_bits.replace_range(42.., "p");
    for spelling in [
        URL_SAFE.encode(&x),
        STANDARD.encode(&x),
        format!(" {}", base64url(&x)),
        format!("{}\n", base64url(&x)),
        trailing_bits,
    ] {
        let key = with(ed25519(), json!({"x": spelling}));
        assert_eq!(
            admit(&key).unwrap_err(),
            SkipReason::EncodingInvalid,
            "{key}"
        );
    }
}

#[test]
fn the_policy_gives_a_key_without_alg_the_only_algorithm_that_fits() {
    let unnamed = with(rsa(), json!({"alg": null}));
    for (algorithms, expected) in [
        (&[Algorithm::Rs256][..], Ok(Algorithm::Rs256)),
        (&[Algorithm::EdDsa, Algorithm::Ps384], Ok(Algorithm::Ps384)),
        (
            &[Algorithm::Rs256, Algorithm::Ps256],
            Err(SkipReason::AlgorithmUnnamed),
        ),
        (&[Algorithm::EdDsa], Err(SkipReason::AlgorithmNotAllowed)),
        (&[Algorithm::Hs256], Err(SkipReason::AlgorithmNotAllowed)),
        (&[], Err(SkipReason::AlgorithmNotAllowed)),
    ] {
        let policy = AdmissionPolicy::new().with_algorithms(algorithms.iter().copied());
        let admitted = admit_by(&unnamed, &policy).map(|key| key.algorithm());
        assert_eq!(admitted, expected, "{algorithms:?}");
    }
}

#[test]
fn the_policy_lists_the_algorithms_of_an_issuer() {
    let policy = AdmissionPolicy::new().with_algorithms([Algorithm::Rs256]);
    assert!(admit_by(&rsa(), &policy).is_ok());
    let other = with(rsa(), json!({"alg": "RS512"}));
    assert_eq!(
        admit_by(&other, &policy).unwrap_err(),
        SkipReason::AlgorithmNotAllowed
    );
}

#[test]
fn the_policy_can_ask_for_another_use() {
    let policy = AdmissionPolicy::new().with_uses(["jwt-svid"]);
    let svid = with(p256(), json!({"use": "jwt-svid"}));
    assert!(admit_by(&svid, &policy).is_ok());
    for other in [p256(), with(p256(), json!({"use": "sig"}))] {
        assert_eq!(
            admit_by(&other, &policy).unwrap_err(),
            SkipReason::UseRefused
        );
    }
}

#[test]
fn leaks_raise_an_alarm_and_other_refusals_do_not() {
    assert!(SkipReason::PrivateMember.is_alarm());
    assert!(SkipReason::SymmetricKey.is_alarm());
    assert!(!SkipReason::UseRefused.is_alarm());
}

#[test]
fn thumbprints_are_those_of_the_rfcs() {
    for (key, thumbprint) in [
        (rsa(), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"),
        (ed25519(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"),
    ] {
        let named = with(key, json!({"kid": "of no account"}));
        let admitted = admit(&named).unwrap().thumbprint();
        assert_eq!(admitted.to_string(), thumbprint);
        assert_eq!(URL_SAFE_NO_PAD.encode(admitted.as_bytes()), thumbprint);
    }
}

#[test]
fn messages() {
    let key = KeyError::from(SkipReason::MemberMissing);
    assert_eq!(
        key.to_string(),
        "key is not admitted: required member is absent"
    );
    for (kind, message) in [
        (
            KeySetErrorKind::KidConflict,
            "key set holds different keys under one `kid`",
        ),
        (
            KeySetErrorKind::MixedKinds,
            "key set mixes shared secrets with public keys",
        ),
        (KeySetErrorKind::NoKeys, "key set has no `keys` array"),
        (KeySetErrorKind::NotJson, "key set is not json"),
        (KeySetErrorKind::RepeatedMember, "key set repeats a member"),
        (
            KeySetErrorKind::TooLarge,
            "key set is larger than its policy allows",
        ),
        (
            KeySetErrorKind::TooManyKeys,
            "key set has more keys than its policy allows",
        ),
    ] {
        assert_eq!(KeySetError::from(kind).to_string(), message);
    }
    for (kind, message) in [
        (
            SecretErrorKind::AlgorithmNotHmac,
            "algorithm is not an hmac",
        ),
        (SecretErrorKind::KeyText, "secret is the text of a key"),
        (
            SecretErrorKind::KidInvalid,
            "`kid` is empty, too long or holds control characters",
        ),
        (SecretErrorKind::Randomness, "system gave no random bytes"),
        (
            SecretErrorKind::TooShort,
            "secret is shorter than the hash of its algorithm",
        ),
    ] {
        assert_eq!(SecretError::from(kind).to_string(), message);
    }
}

#[test]
fn the_issuer_of_a_key_is_kept() {
    let issuer = "https://login.example/{tenantid}/v2.0";
    let key = admit(&with(rsa(), json!({"issuer": issuer}))).unwrap();
    assert_eq!(key.issuer(), Some(issuer));
    assert_eq!(admit(&rsa()).unwrap().issuer(), None);
}

#[test]
fn an_ed25519_point_of_small_order_is_refused_because_it_verifies_anything() {
    // The neutral point, and a signature made of nothing.
    let mut neutral = [0; 32];
    neutral[0] = 1;
    let signature = [neutral, [0; 32]].concat();
    let library = ParsedPublicKey::new(&ED25519, neutral).unwrap();
    assert!(library.verify_sig(b"whatever", &signature).is_ok());

    let mut negative = neutral;
    negative[31] = 0x80;
    let order_8 = "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05";
    let order_8 = hex(order_8);
    let zero = [0; 32];
    for point in [&neutral[..], &negative, &order_8, &zero] {
        let key = with(ed25519(), json!({"x": base64url(point)}));
        assert_eq!(admit(&key).unwrap_err(), SkipReason::PointInvalid, "{key}");
    }
}

#[test]
fn signatures_of_every_algorithm_are_told_from_forged_and_cut_ones() {
    let random = SystemRandom::new();
    let message = b"header.payload";
    let mut cases = Vec::new();

    let pair = Ed25519KeyPair::generate().unwrap();
    let key = json!({"kty": "OKP", "crv": "Ed25519", "x": base64url(pair.public_key())});
    cases.push((key, Algorithm::EdDsa, pair.sign(message).as_ref().to_vec()));

    for (curve, len, algorithm, signing) in [
        (
            "P-256",
            32,
            Algorithm::Es256,
            &ECDSA_P256_SHA256_FIXED_SIGNING,
        ),
        (
            "P-384",
            48,
            Algorithm::Es384,
            &ECDSA_P384_SHA384_FIXED_SIGNING,
        ),
    ] {
        let pair = EcdsaKeyPair::generate(signing).unwrap();
        let (x, y) = pair.public_key().as_ref()[1..].split_at(len);
        let key = json!({"kty": "EC", "crv": curve, "x": base64url(x), "y": base64url(y)});
        let signature = pair.sign(&random, message).unwrap();
        cases.push((key, algorithm, signature.as_ref().to_vec()));
    }

    let pair = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
    // RFC 8017 A.1.1: a sequence of two integers; 2048 bits fix every length up to the exponent.
    let der = pair.public_key().as_ref();
    let (n, e) = (base64url(&der[9..9 + 256]), base64url(&der[9 + 256 + 2..]));
    let encodings: [(Algorithm, &'static dyn RsaEncoding); 6] = [
        (Algorithm::Ps256, &signature::RSA_PSS_SHA256),
        (Algorithm::Ps384, &signature::RSA_PSS_SHA384),
        (Algorithm::Ps512, &signature::RSA_PSS_SHA512),
        (Algorithm::Rs256, &signature::RSA_PKCS1_SHA256),
        (Algorithm::Rs384, &signature::RSA_PKCS1_SHA384),
        (Algorithm::Rs512, &signature::RSA_PKCS1_SHA512),
    ];
    for (algorithm, encoding) in encodings {
        let mut signature = vec![0; pair.public_modulus_len()];
        pair.sign(encoding, &random, message, &mut signature)
            .unwrap();
        let key = json!({"kty": "RSA", "n": n, "e": e, "alg": algorithm.name()});
        cases.push((key, algorithm, signature));
    }

    assert_eq!(cases.len(), Algorithm::ASYMMETRIC.len());
    for (key, algorithm, signature) in &cases {
        let key = admit(key).unwrap();
        assert_eq!(key.algorithm(), *algorithm);
        assert_eq!(key.signature_len(), signature.len(), "{algorithm}");
        assert!(key.verify(message, signature), "{algorithm}");

        assert!(!key.verify(b"header.other", signature), "{algorithm}");
        assert!(
            !key.verify(message, &signature[..signature.len() - 1]),
            "{algorithm}"
        );
        assert!(
            !key.verify(message, &[&signature[..], &[0]].concat()),
            "{algorithm}"
        );
        assert!(!key.verify(message, &[]), "{algorithm}");
        for bit in [0, 7, 8 * signature.len() - 1] {
            let mut flipped = signature.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(!key.verify(message, &flipped), "{algorithm}, bit {bit}");
        }
    }
    // What one RSA algorithm signed is no signature of another: the key fixes it.
    for (_, made_by, signature) in &cases[3..] {
        for (key, algorithm, _) in &cases[3..] {
            let verified = admit(key).unwrap().verify(message, signature);
            assert_eq!(
                verified,
                made_by == algorithm,
                "{made_by} by a key of {algorithm}"
            );
        }
    }
}

#[test]
fn ecdsa_signatures_of_border_values_are_refused() {
    // CVE-2022-21449: r and s of 0, 1, n - 1 and n.
    let orders = [
        (
            "P-256",
            "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551",
        ),
        (
            "P-384",
            "ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf\
             581a0db248b0a77aecec196accc52973",
        ),
    ];
    for (curve, order) in orders {
        let n = hex(order);
        let zero = vec![0; n.len()];
        let (mut one, mut below) = (zero.clone(), n.clone());
        *one.last_mut().unwrap() = 1;
        *below.last_mut().unwrap() -= 1;
        let signing = match curve {
            "P-256" => &ECDSA_P256_SHA256_FIXED_SIGNING,
            _ => &ECDSA_P384_SHA384_FIXED_SIGNING,
        };
        let pair = EcdsaKeyPair::generate(signing).unwrap();
        let (x, y) = pair.public_key().as_ref()[1..].split_at(n.len());
        let key = json!({"kty": "EC", "crv": curve, "x": base64url(x), "y": base64url(y)});
        let key = admit(&key).unwrap();
        let good = pair.sign(&SystemRandom::new(), b"message").unwrap();
        assert!(key.verify(b"message", good.as_ref()));
        for r in [&zero, &one, &below, &n] {
            for s in [&zero, &one, &below, &n] {
                assert!(
                    !key.verify(b"message", &[&r[..], &s[..]].concat()),
                    "{curve}"
                );
            }
        }
    }
}

#[test]
fn a_secret_is_a_key_only_by_the_dangerous_door() {
    for (algorithm, len) in [
        (Algorithm::Hs256, 32),
        (Algorithm::Hs384, 48),
        (Algorithm::Hs512, 64),
    ] {
        let secret = vec![0x5a; len];
        let set = KeySet::danger_from_hmac_secret(Some("local"), algorithm, &secret).unwrap();
        let key = set.find(Some("local")).unwrap();
        assert_eq!((key.algorithm(), key.signature_len()), (algorithm, len));
        assert!(!key.verify(b"message", &vec![0; len]));

        let short = KeySet::danger_from_hmac_secret(None, algorithm, &secret[1..]).unwrap_err();
        assert_eq!(short.kind(), SecretErrorKind::TooShort);
    }
    let refused = KeySet::danger_from_hmac_secret(None, Algorithm::Rs256, &[0; 64]).unwrap_err();
    assert_eq!(refused.kind(), SecretErrorKind::AlgorithmNotHmac);
    let refused = KeySet::danger_from_hmac_secret(Some(""), Algorithm::Hs256, &[0; 64]);
    assert_eq!(refused.unwrap_err().kind(), SecretErrorKind::KidInvalid);
}

#[test]
fn an_hmac_of_rfc_7515_verifies() {
    // Appendix A.1.
    let secret = "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9\
        CAow";
    let secret = URL_SAFE_NO_PAD.decode(secret).unwrap();
    let message = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTk\
        zODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
    let signature = URL_SAFE_NO_PAD
        .decode("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk")
        .unwrap();
    let set = KeySet::danger_from_hmac_secret(None, Algorithm::Hs256, &secret).unwrap();
    let key = set.find(None).unwrap();
    assert!(key.verify(message.as_bytes(), &signature));
    assert!(!key.verify(message.as_bytes(), &signature[..31]));
    assert!(!key.verify(b"other", &signature));
}

#[test]
fn the_text_of_a_key_is_no_secret() {
    // CVE-2022-29217, CVE-2026-34950.
    let pem = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA\n-----END PUBLIC KEY-----\n";
    let jwk = rsa().to_string();
    let set = json!({"keys": [ed25519()]}).to_string();
    let ssh = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl";
    let broken = jwk.replace('}', ",}");
    for text in [pem, &jwk, &set, ssh, &broken] {
        for blank in ["", " ", "\n", "\r\n\t ", "\u{feff}", "\u{a0}\u{2003}"] {
            let secret = format!("{blank}{text}");
            let refused =
                KeySet::danger_from_hmac_secret(None, Algorithm::Hs256, secret.as_bytes());
            assert_eq!(
                refused.unwrap_err().kind(),
                SecretErrorKind::KeyText,
                "{secret:?}"
            );
        }
    }
    // Random bytes may begin like that.
    for secret in [
        b"{9\xf1!kJq0Zp2sVn8tYw4uXa6bCd1eFg3h".as_slice(),
        b"[....ssh-....................................]",
    ] {
        KeySet::danger_from_hmac_secret(None, Algorithm::Hs256, secret).unwrap();
    }
}

#[test]
fn debug_shows_nothing_of_a_key() {
    let key = admit(&with(rsa(), json!({"kid": "shown"}))).unwrap();
    let text = format!("{key:?}");
    assert_eq!(
        text,
        "VerifyingKey { kid: Some(\"shown\"), algorithm: Rs256, thumbprint: Thumbprint(NzbLsXh8…), .. }"
    );

    // The thumbprint of a secret is no digest of it: two keys of one secret have two.
    let made = || {
        let secret = b"0123456789abcdef0123456789abcdef";
        KeySet::danger_from_hmac_secret(None, Algorithm::Hs256, secret).unwrap()
    };
    let (one, other) = (made(), made());
    assert_ne!(
        one.find(None).unwrap().thumbprint(),
        other.find(None).unwrap().thumbprint()
    );
    let text = format!("{one:?}");
    for shown in ["0123456789", "MDEyMzQ1", "30313233", "48, 49, 50"] {
        assert!(!text.contains(shown), "{text}");
    }
}

fn document(keys: &[Value]) -> String {
    json!({"keys": keys}).to_string()
}

fn parse(keys: &[Value]) -> KeySet {
    KeySet::parse(document(keys).as_bytes(), &AdmissionPolicy::new()).unwrap()
}

fn skips(set: &KeySet) -> Vec<(usize, SkipReason)> {
    let skipped = set.skipped().iter();
    skipped
        .map(|skipped| (skipped.index(), skipped.reason()))
        .collect()
}

#[test]
fn one_bad_key_costs_only_itself() {
    let good = with(ed25519(), json!({"kid": "good"}));
    let repeated = rsa()
        .to_string()
        .replacen('{', r#"{"kid": "twice", "k\u0069d": "twice","#, 1);
    let deep = format!(r#"{{"deep": {}{}}}"#, "[".repeat(200), "]".repeat(200));
    let text = format!(
        r#"{{"keys": [{repeated}, {}, null, {}, {deep}, {}], "other": {{"a": 1}}}}"#,
        with(rsa(), json!({"use": 5})),
        good,
        with(rsa(), json!({"d": "AA"})),
    );
    let set = KeySet::parse(text.as_bytes(), &AdmissionPolicy::new()).unwrap();
    assert_eq!(set.len(), 1);
    assert!(set.find(Some("good")).is_some());
    assert_eq!(
        skips(&set),
        [
            (0, SkipReason::MemberRepeated),
            (1, SkipReason::MemberType),
            (2, SkipReason::NotAnObject),
            (4, SkipReason::NotAnObject),
            (5, SkipReason::PrivateMember),
        ]
    );
    assert_eq!(
        set.skipped()[0].to_string(),
        "key 0 is skipped: member is repeated"
    );
}

/// RFC 8259 §8.1, in a member that nobody reads too.
#[test]
fn bytes_that_are_no_text_are_no_key_set() {
    let set = document(&[ed25519()]).replacen('{', r#"{"note": "~", "#, 1);
    let policy = AdmissionPolicy::new();
    assert_eq!(KeySet::parse(set.as_bytes(), &policy).unwrap().len(), 1);
    let mut bytes = set.into_bytes();
    let tilde = bytes.iter().position(|byte| *byte == b'~').unwrap();
    bytes[tilde] = 0xff;
    let error = KeySet::parse(&bytes, &policy).unwrap_err();
    assert_eq!(error.kind(), KeySetErrorKind::NotJson);
}

#[test]
fn what_is_no_key_set_fails_as_a_whole() {
    use KeySetErrorKind as K;

    let key = ed25519().to_string();
    let set = document(&[ed25519()]);
    for (text, kind) in [
        (String::new(), K::NotJson),
        ("<!doctype html><html><body>Bad gateway".into(), K::NotJson),
        ("null".into(), K::NotJson),
        (format!("[[{key}]]"), K::NotJson),
        (format!("[{key}]"), K::NotJson),
        (format!("\u{feff}{set}"), K::NotJson),
        (format!("{set} trailing"), K::NotJson),
        (set.trim_end_matches('}').into(), K::NotJson),
        (set.split("kty").next().unwrap().into(), K::NotJson),
        (format!(r#"{{"keys": [{key},]}}"#), K::NotJson),
        (format!(r#"{{"keys": [{key}],}}"#), K::NotJson),
        ("{}".into(), K::NoKeys),
        (key.clone(), K::NoKeys),
        (format!(r#"{{"Keys": [{key}]}}"#), K::NoKeys),
        (format!(r#"{{"body": {set}}}"#), K::NoKeys),
        (r#"{"keys": null}"#.into(), K::NoKeys),
        (format!(r#"{{"keys": {key}}}"#), K::NoKeys),
        (r#"{"keys": "[]"}"#.into(), K::NoKeys),
        (
            format!(r#"{{"keys": [{key}], "keys": []}}"#),
            K::RepeatedMember,
        ),
        (
            format!(r#"{{"k\u0065ys": [], "keys": [{key}]}}"#),
            K::RepeatedMember,
        ),
        (
            format!(r#"{{"keys": [{key}], "a": 1, "a": 2}}"#),
            K::RepeatedMember,
        ),
    ] {
        let error = KeySet::parse(text.as_bytes(), &AdmissionPolicy::new()).unwrap_err();
        assert_eq!(error.kind(), kind, "{text}");
    }
    assert_eq!(
        KeySet::parse(set.as_bytes(), &AdmissionPolicy::new())
            .unwrap()
            .len(),
        1
    );
    // No usable key is a fact about the issuer and no failure to read.
    for text in [r#"{"keys": []}"#, r#"{"keys": [null]}"#] {
        assert!(
            KeySet::parse(text.as_bytes(), &AdmissionPolicy::new())
                .unwrap()
                .is_empty()
        );
    }
}

#[test]
fn a_document_has_limits() {
    let keys: Vec<Value> = (0..4)
        .map(|n| with(ed25519(), json!({"kid": format!("k{n}")})))
        .collect();
    let text = document(&keys);
    let policy = AdmissionPolicy::new()
        .with_max_keys(4)
        .with_max_document_bytes(text.len());
    assert_eq!(KeySet::parse(text.as_bytes(), &policy).unwrap().len(), 4);

    let fewer = policy.clone().with_max_keys(3);
    let error = KeySet::parse(text.as_bytes(), &fewer).unwrap_err();
    assert_eq!(error.kind(), KeySetErrorKind::TooManyKeys);
    let shorter = policy.with_max_document_bytes(text.len() - 1);
    let error = KeySet::parse(text.as_bytes(), &shorter).unwrap_err();
    assert_eq!(error.kind(), KeySetErrorKind::TooLarge);

    // The defaults.
    let nulls = |n: usize| json!({"keys": vec![Value::Null; n]}).to_string();
    let policy = AdmissionPolicy::new();
    assert!(KeySet::parse(nulls(256).as_bytes(), &policy).is_ok());
    assert!(KeySet::parse(nulls(257).as_bytes(), &policy).is_err());
    let padded = |len: usize| format!("{}{}", nulls(1), " ".repeat(len - nulls(1).len()));
    assert!(KeySet::parse(padded(512 * 1024).as_bytes(), &policy).is_ok());
    assert!(KeySet::parse(padded(512 * 1024 + 1).as_bytes(), &policy).is_err());
}

#[test]
fn different_keys_under_one_kid_are_all_dropped() {
    let set = parse(&[
        with(p256(), json!({"kid": "shared"})),
        with(ed25519(), json!({"kid": "own"})),
        with(ed25519(), json!({"kid": "shared"})),
    ]);
    assert!(set.find(Some("own")).is_some());
    assert!(set.find(Some("shared")).is_none());
    assert_eq!(
        skips(&set),
        [(0, SkipReason::KidConflict), (2, SkipReason::KidConflict)]
    );

    // One key for two algorithms is two keys.
    let set = parse(&[
        with(rsa(), json!({"kid": "shared"})),
        with(rsa(), json!({"kid": "shared", "alg": "PS256"})),
    ]);
    assert!(set.is_empty());

    // A key that was not admitted takes no name: Keycloak may publish both uses.
    let set = parse(&[
        with(rsa(), json!({"kid": "shared", "use": "enc"})),
        with(rsa(), json!({"kid": "shared", "use": "sig"})),
    ]);
    assert!(set.find(Some("shared")).is_some());
}

#[test]
fn the_same_key_twice_is_one_key() {
    let named = with(ed25519(), json!({"kid": "a"}));
    let set = parse(&[named.clone(), p256(), named, p256()]);
    assert_eq!(set.len(), 2);
    assert!(set.skipped().is_empty());
}

#[test]
fn a_set_that_mixes_secrets_and_public_keys_loses_its_secrets() {
    let secret = json!({"kty": "oct", "alg": "HS256", "kid": "s", "k": base64url([7; 32])});
    let set = parse(&[secret, with(p256(), json!({"kid": "p"}))]);
    assert!(set.find(Some("p")).is_some());
    assert!(set.find(Some("s")).is_none());
    assert_eq!(skips(&set), [(0, SkipReason::SymmetricKey)]);
}

#[test]
fn a_kid_finds_its_key_and_no_other() {
    let set = parse(&[
        with(ed25519(), json!({"kid": "b"})),
        p256(),
        with(rsa(), json!({"kid": "a"})),
        with(rsa(), json!({"kid": "c", "alg": "RS512"})),
    ]);
    for (kid, algorithm) in [
        ("a", Algorithm::Rs256),
        ("b", Algorithm::EdDsa),
        ("c", Algorithm::Rs512),
    ] {
        let key = set.find(Some(kid)).unwrap();
        assert_eq!((key.kid(), key.algorithm()), (Some(kid), algorithm));
    }
    for kid in ["", "A", "a ", "d", "ab", "../a"] {
        assert!(set.find(Some(kid)).is_none(), "{kid}");
    }
    // Four keys, so a token that names none has no key.
    assert!(set.find(None).is_none());
}

#[test]
fn without_a_kid_only_the_only_key_is_found() {
    let named = parse(&[with(p256(), json!({"kid": "a"}))]);
    assert!(named.find(None).is_some());
    let unnamed = parse(&[p256()]);
    assert!(unnamed.find(None).is_some());
    // A token that names a key means that key.
    assert!(unnamed.find(Some("a")).is_none());
    assert!(parse(&[p256(), ed25519()]).find(None).is_none());
    assert!(parse(&[]).find(None).is_none());
}

#[test]
fn sets_are_the_same_whatever_their_order() {
    let keys = [
        with(ed25519(), json!({"kid": "a"})),
        with(p256(), json!({"kid": "b"})),
        rsa(),
    ];
    let set = parse(&keys);
    let [a, b, c] = &keys;
    assert!(set.same_keys(&parse(&[c.clone(), a.clone(), b.clone()])));
    assert!(set.same_keys(&parse(&[
        a.clone(),
        json!(null),
        b.clone(),
        c.clone(),
        a.clone()
    ])));

    for other in [
        &[a.clone(), b.clone()][..],
        &[with(a.clone(), json!({"kid": "x"})), b.clone(), c.clone()],
        &[
            a.clone(),
            b.clone(),
            with(c.clone(), json!({"alg": "RS384"})),
        ],
        &[
            a.clone(),
            b.clone(),
            with(c.clone(), json!({"issuer": "https://a"})),
        ],
        &[a.clone(), b.clone(), with(c.clone(), json!({"e": "Aw"}))],
    ] {
        assert!(!set.same_keys(&parse(other)), "{other:?}");
    }
}

#[test]
fn keys_at_hand_make_a_set_unless_they_contradict() {
    let a = admit(&with(ed25519(), json!({"kid": "a"}))).unwrap();
    let b = admit(&with(p256(), json!({"kid": "b"}))).unwrap();
    let other_a = admit(&with(p256(), json!({"kid": "a"}))).unwrap();
    let secret = KeySet::danger_from_hmac_secret(Some("s"), Algorithm::Hs256, &[0; 32]).unwrap();
    let secret = secret.iter().next().unwrap();

    let set = KeySet::from_keys([a.clone(), b.clone(), a.clone()]).unwrap();
    assert_eq!(set.len(), 2);
    let error = KeySet::from_keys([a.clone(), other_a]).unwrap_err();
    assert_eq!(error.kind(), KeySetErrorKind::KidConflict);
    let error = KeySet::from_keys([a, secret.clone()]).unwrap_err();
    assert_eq!(error.kind(), KeySetErrorKind::MixedKinds);
    assert_eq!(KeySet::from_keys([secret.clone()]).unwrap().len(), 1);
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..256)) {
        let _ = KeySet::parse(&bytes, &AdmissionPolicy::new());
        let _ = VerifyingKey::from_jwk(&bytes, &AdmissionPolicy::new());
    }

    #[test]
    fn order_and_what_is_skipped_change_no_key(
        order in Just((0..5).collect::<Vec<usize>>()).prop_shuffle(),
    ) {
        let all = [
            with(ed25519(), json!({"kid": "a"})),
            with(rsa(), json!({"kid": "b"})),
            p256(),
            with(p256(), json!({"use": "enc"})),
            json!({"kty": "oct"}),
        ];
        let shuffled: Vec<Value> = order.iter().map(|at| all[*at].clone()).collect();
        let set = parse(&shuffled);
        prop_assert!(set.same_keys(&parse(&all)));
        for skipped in set.skipped() {
            prop_assert!(order[skipped.index()] >= 3);
        }
    }

    #[test]
    fn a_document_cut_anywhere_is_no_key_set(cut in 1_usize..4096) {
        let text = document(&[with(ed25519(), json!({"kid": "a"})), rsa()]);
        let kept = text.len() - 1 - cut % (text.len() - 1);
        let error = KeySet::parse(&text.as_bytes()[..kept], &AdmissionPolicy::new()).unwrap_err();
        prop_assert_eq!(error.kind(), KeySetErrorKind::NotJson);
    }
}
