//! The algorithms that other issuers sign with.

use serde_json::json;
use throughline_core::Reason;

use super::forge::{Signer, claims};
use super::{accepted, domain, refused};
use crate::Algorithm;

const SIGNED: [Algorithm; 5] = [
    Algorithm::EdDsa,
    Algorithm::Es256,
    Algorithm::Es384,
    Algorithm::Ps256,
    Algorithm::Rs256,
];

#[test]
fn a_token_of_each_algorithm_is_accepted_by_its_own_key_only() {
    let signers = SIGNED.map(|algorithm| Signer::new(algorithm.name(), algorithm));
    let domain = domain(&signers);
    for signer in &signers {
        accepted(&domain, &signer.token(&claims()));
        for other in SIGNED.iter().filter(|other| **other != signer.algorithm) {
            refused(
                &domain,
                signer.with_member("alg", json!(other.name())),
                Reason::AlgorithmRefused,
            );
            // The header is honest about another key.
            let mut header = signer.header();
            header["alg"] = other.name().into();
            header["kid"] = other.name().into();
            let refusal = domain
                .verify(signer.with_header(&header.to_string()).as_bytes())
                .unwrap_err();
            assert!(
                matches!(
                    refusal.reason(),
                    Reason::SignatureInvalid | Reason::ContextTruncated
                ),
                "{refusal}"
            );
        }
    }
}

#[test]
fn one_rsa_key_signs_with_one_padding() {
    let pkcs1 = Signer::new("a", Algorithm::Rs256);
    let domain = domain([&pkcs1]);
    accepted(&domain, &pkcs1.token(&claims()));
    for other in ["PS256", "RS384", "RS512", "PS384"] {
        refused(
            &domain,
            pkcs1.with_member("alg", json!(other)),
            Reason::AlgorithmRefused,
        );
    }
}

#[test]
fn an_asn1_signature_is_not_a_jose_signature() {
    // RFC 7518 §3.4: r and s side by side, and nothing around them.
    let signer = Signer::new("a", Algorithm::Es256);
    let domain = domain([&signer]);
    let honest = signer.token(&claims());
    accepted(&domain, &honest);
    let (start, _) = honest.rsplit_once('.').unwrap();
    let fixed = signer.signature(start.as_bytes());
    let mut der = vec![0x30, 0];
    for number in fixed.chunks(32) {
        let sign = usize::from(number[0] >> 7);
        der.extend([0x02, (32 + sign) as u8]);
        der.extend(vec![0; sign]);
        der.extend(number);
    }
    der[1] = (der.len() - 2) as u8;
    let der = base64::Engine::encode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, der);
    refused(&domain, format!("{start}.{der}"), Reason::SignatureInvalid);
}
