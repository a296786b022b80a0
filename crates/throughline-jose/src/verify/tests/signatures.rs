//! Step 4: genuine.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use throughline_core::Reason;

use super::forge::{Signer, claims, claims_but};
use super::{accepted, domain, refused, with_source};
use crate::Algorithm;
use crate::keys::KeySet;
use crate::source::KeySource;

#[test]
fn a_key_nobody_published_is_unknown() {
    let (a, b) = (Signer::ed25519("a"), Signer::ed25519("b"));
    accepted(&domain([&a, &b]), &b.token(&claims()));
    refused(&domain([&a]), b.token(&claims()), Reason::KeyUnknown);
    // Which of two keys is meant is not found out by trying.
    refused(
        &domain([&a, &b]),
        b.with_member("kid", Value::Null),
        Reason::KeyUnknown,
    );
}

#[test]
fn a_token_does_not_choose_its_algorithm() {
    let signer = Signer::ed25519("a");
    let domain = domain([&signer]);
    let alg = |name: &str| signer.with_member("alg", json!(name));
    accepted(&domain, &alg("EdDSA"));
    accepted(&domain, &alg("Ed25519"));
    for name in [
        "none",
        "NONE",
        "None",
        "nOnE",
        "",
        "eddsa",
        "EDDSA",
        "ed25519",
        "EdDSA ",
        "Ed448",
        "HS256",
        "ES256",
        "ES256K",
        "ES512",
        "RS256",
        "PS256",
        "ML-DSA-44",
        "EdDSA\0",
    ] {
        refused(&domain, alg(name), Reason::AlgorithmRefused);
        // As it is really forged: without a signature.
        let unsigned = alg(name);
        let unsigned = unsigned.rsplit_once('.').unwrap().0.to_owned() + ".";
        refused(&domain, unsigned, Reason::AlgorithmRefused);
    }
}

// CVE-2022-29217: the text of a public key served as an HMAC secret.
#[test]
fn a_public_key_is_no_secret() {
    for signer in [
        Signer::ed25519("a"),
        Signer::new("a", Algorithm::Es256),
        Signer::new("a", Algorithm::Rs256),
    ] {
        let domain = domain([&signer]);
        accepted(&domain, &signer.token(&claims()));
        for secret in [
            signer.public_bytes(),
            signer.jwk().to_string().into_bytes(),
            URL_SAFE_NO_PAD.encode(signer.public_bytes()).into_bytes(),
            Vec::new(),
        ] {
            let forged = Signer::hs256("a", &secret);
            refused(&domain, forged.token(&claims()), Reason::AlgorithmRefused);
            // With the algorithm of the key the MAC is no signature.
            let mislabelled = forged.with_member("alg", json!(signer.algorithm.name()));
            assert!(domain.verify(mislabelled.as_bytes()).is_err());
        }
    }
}

#[test]
fn a_secret_vouches_only_where_somebody_said_danger() {
    let secret = Signer::hs256("local", &[0x5a; 32]);
    let set =
        KeySet::danger_from_hmac_secret(Some("local"), Algorithm::Hs256, &[0x5a; 32]).unwrap();
    let domain = with_source(KeySource::set(set));
    accepted(&domain, &secret.token(&claims()));
    let other = Signer::hs256("local", &[0x5b; 32]);
    refused(&domain, other.token(&claims()), Reason::SignatureInvalid);
}

// failure: H8
#[test]
fn a_token_that_was_cut_anywhere_is_refused_and_never_read_in_part() {
    for signer in [
        Signer::ed25519("a"),
        Signer::new("a", Algorithm::Es256),
        Signer::new("a", Algorithm::Es384),
        Signer::new("a", Algorithm::Rs256),
        Signer::hs256("a", &[7; 32]),
    ] {
        let domain = domain([&signer]);
        let honest = signer.token(&claims());
        accepted(&domain, &honest);
        let last_dot = honest.rfind('.').unwrap();
        for cut in 0..honest.len() {
            let expected = if cut <= last_dot {
                Reason::ContextMalformed
            } else {
                Reason::ContextTruncated
            };
            refused(&domain, &honest.as_bytes()[..cut], expected);
            // A hop that drops the beginning.
            let rest = domain.verify(&honest.as_bytes()[honest.len() - cut..]);
            assert!(rest.is_err(), "the last {cut} bytes are accepted");
        }
    }
}

#[test]
fn every_bit_of_a_signature_counts() {
    for signer in [
        Signer::ed25519("a"),
        Signer::new("a", Algorithm::Es256),
        Signer::hs256("a", &[7; 32]),
    ] {
        let domain = domain([&signer]);
        let honest = signer.token(&claims());
        accepted(&domain, &honest);
        let (start, signature) = honest.rsplit_once('.').unwrap();
        let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
        for bit in 0..signature.len() * 8 {
            let mut flipped = signature.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let flipped = URL_SAFE_NO_PAD.encode(flipped);
            refused(
                &domain,
                format!("{start}.{flipped}"),
                Reason::SignatureInvalid,
            );
        }
    }
}

// CVE-2022-21449: a signature of zeros was good for every message.
#[test]
fn a_signature_of_zeros_ones_or_more_bytes_is_invalid() {
    for signer in [
        Signer::ed25519("a"),
        Signer::new("a", Algorithm::Es256),
        Signer::new("a", Algorithm::Es384),
        Signer::new("a", Algorithm::Ps256),
    ] {
        let domain = domain([&signer]);
        let honest = signer.token(&claims());
        accepted(&domain, &honest);
        let (start, signature) = honest.rsplit_once('.').unwrap();
        let good = URL_SAFE_NO_PAD.decode(signature).unwrap();
        let mut one = vec![0; good.len()];
        one[good.len() / 2 - 1] = 1;
        one[good.len() - 1] = 1;
        let longer = [&good[..], &[0]].concat();
        let doubled = [&good[..], &good[..]].concat();
        let in_front = [&[0], &good[..]].concat();
        for bad in [
            vec![0; good.len()],
            vec![0xff; good.len()],
            one,
            longer,
            doubled,
            in_front,
        ] {
            let bad = URL_SAFE_NO_PAD.encode(bad);
            refused(&domain, format!("{start}.{bad}"), Reason::SignatureInvalid);
        }
    }
}

// CVE-2022-21449, in all its forms.
#[test]
fn an_ecdsa_signature_is_made_of_numbers_inside_the_group() {
    // The orders of the groups, FIPS 186-4 §D.1.2.
    for (algorithm, order) in [
        (
            Algorithm::Es256,
            "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551",
        ),
        (
            Algorithm::Es384,
            "ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf\
             581a0db248b0a77aecec196accc52973",
        ),
    ] {
        let signer = Signer::new("a", algorithm);
        let domain = domain([&signer]);
        let honest = signer.token(&claims());
        accepted(&domain, &honest);
        let (start, _) = honest.rsplit_once('.').unwrap();

        let order: Vec<u8> = order
            .as_bytes()
            .chunks(2)
            .map(|digits| u8::from_str_radix(str::from_utf8(digits).unwrap(), 16).unwrap())
            .collect();
        let zero = vec![0; order.len()];
        let with_last = |number: &[u8], last: u8| {
            let mut number = number.to_vec();
            *number.last_mut().unwrap() = last;
            number
        };
        let last = *order.last().unwrap();
        let numbers = [
            zero.clone(),
            with_last(&zero, 1),
            with_last(&order, last - 1),
            order.clone(),
            with_last(&order, last + 1),
            vec![0xff; order.len()],
        ];
        for r in &numbers {
            for s in &numbers {
                let signature = URL_SAFE_NO_PAD.encode([&r[..], s].concat());
                refused(
                    &domain,
                    format!("{start}.{signature}"),
                    Reason::SignatureInvalid,
                );
            }
        }
    }
}

#[test]
fn an_ed25519_signature_has_one_form() {
    // RFC 8032 §5.1.7: S is below the order of the group, else S + L would be a second form.
    const ORDER: [u8; 32] = [
        0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde,
        0x14, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
    ];
    let signer = Signer::ed25519("a");
    let domain = domain([&signer]);
    let honest = signer.token(&claims());
    accepted(&domain, &honest);
    let (start, signature) = honest.rsplit_once('.').unwrap();
    let mut signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
    let mut carry = 0;
    for (byte, order) in signature[32..].iter_mut().zip(ORDER) {
        let sum = u16::from(*byte) + u16::from(order) + carry;
        *byte = sum as u8;
        carry = sum >> 8;
    }
    let other = URL_SAFE_NO_PAD.encode(signature);
    refused(
        &domain,
        format!("{start}.{other}"),
        Reason::SignatureInvalid,
    );
}

#[test]
fn a_signature_vouches_for_its_own_header_and_payload() {
    let signer = Signer::ed25519("a");
    let domain = domain([&signer]);
    let acme = signer.token(&claims());
    let mut globex = claims_but("tctx.tenant", json!("globex"));
    globex["sub"] = "okta/globex/ada".into();
    let globex = signer.token(&globex);
    accepted(&domain, &acme);
    accepted(&domain, &globex);

    let parts = |token: &str| token.split('.').map(str::to_owned).collect::<Vec<_>>();
    let (acme, globex) = (parts(&acme), parts(&globex));
    refused(
        &domain,
        format!("{}.{}.{}", acme[0], globex[1], acme[2]),
        Reason::SignatureInvalid,
    );
    let respaced = URL_SAFE_NO_PAD.encode(format!(" {}", signer.header()));
    refused(
        &domain,
        format!("{respaced}.{}.{}", acme[1], acme[2]),
        Reason::SignatureInvalid,
    );
}
