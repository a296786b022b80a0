//! Public keys as texts that some library takes for an HMAC's key.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::Value;

use super::ForgeError;
use crate::attack::Hmac;

/// The bytes that are taken for a secret.
pub(super) fn secret(hmac: Hmac, jwks: Option<&str>) -> Result<Vec<u8>, ForgeError> {
    let first = || {
        let jwks: Value = serde_json::from_str(jwks?).ok()?;
        jwks.get("keys")?.get(0).cloned()
    };
    let first = || first().ok_or(ForgeError::NoPublicKey);
    let pem = || pem(&first()?).ok_or(ForgeError::NoPublicKey);
    match hmac {
        Hmac::Empty => Ok(Vec::new()),
        Hmac::Jwk => Ok(first()?.to_string().into_bytes()),
        Hmac::Jwks => Ok(jwks.ok_or(ForgeError::NoPublicKey)?.as_bytes().to_vec()),
        Hmac::Pem => Ok(pem()?.into_bytes()),
        Hmac::PemAfterBlank => Ok(format!("\n{}", pem()?).into_bytes()),
        Hmac::Raw => raw(&first()?).ok_or(ForgeError::NoPublicKey),
        Hmac::Secret => Ok(b"secret".to_vec()),
    }
}

fn member(jwk: &Value, name: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(jwk.get(name)?.as_str()?).ok()
}

/// The bytes of a public key, without any wrapping.
fn raw(jwk: &Value) -> Option<Vec<u8>> {
    match jwk.get("kty")?.as_str()? {
        "EC" => Some([&[4][..], &member(jwk, "x")?, &member(jwk, "y")?].concat()),
        "RSA" => member(jwk, "n"),
        _ => member(jwk, "x"),
    }
}

/// `SubjectPublicKeyInfo` (RFC 5280 §4.1.2.7) as PEM.
fn pem(jwk: &Value) -> Option<String> {
    const ED25519: &[u8] = &[0x30, 5, 6, 3, 0x2b, 0x65, 0x70];
    const P256: &[u8] = &[
        0x30, 0x13, 6, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1, 6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d,
        3, 1, 7,
    ];
    const RSA: &[u8] = &[
        0x30, 0x0d, 6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1, 5, 0,
    ];
    let curve = jwk.get("crv").and_then(Value::as_str);
    let (algorithm, key) = match (jwk.get("kty")?.as_str()?, curve) {
        ("OKP", Some("Ed25519")) => (ED25519, raw(jwk)?),
        ("EC", Some("P-256")) => (P256, raw(jwk)?),
        ("RSA", _) => {
            let numbers = [integer(&member(jwk, "n")?), integer(&member(jwk, "e")?)].concat();
            (RSA, tagged(0x30, &numbers))
        }
        _ => return None,
    };
    let bits = tagged(3, &[&[0], &key[..]].concat());
    let der = tagged(0x30, &[algorithm, &bits].concat());
    let text = STANDARD.encode(der);
    let mut pem = String::from("-----BEGIN PUBLIC KEY-----\n");
    for (n, letter) in text.chars().enumerate() {
        if n > 0 && n % 64 == 0 {
            pem.push('\n');
        }
        pem.push(letter);
    }
    pem.push_str("\n-----END PUBLIC KEY-----\n");
    Some(pem)
}

/// A positive integer of DER: a leading bit that is set would read as a sign.
fn integer(number: &[u8]) -> Vec<u8> {
    let signed = number.first().is_some_and(|byte| byte & 0x80 != 0);
    let zero: &[u8] = if signed { &[0] } else { &[] };
    tagged(2, &[zero, number].concat())
}

fn tagged(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len().to_be_bytes();
    let length = length
        .iter()
        .copied()
        .skip_while(|byte| *byte == 0)
        .collect::<Vec<_>>();
    let mut out = vec![tag];
    match length.as_slice() {
        [] => out.push(0),
        [short] if *short < 0x80 => out.push(*short),
        long => {
            // No key is as long as its length would have more than a handful of bytes.
            out.push(0x80 | u8::try_from(long.len()).unwrap_or(0x7f));
            out.extend(long);
        }
    }
    out.extend(content);
    out
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_key_has_the_pem_that_openssl_writes() {
        // RFC 8410 §10.1.
        let jwk = json!({
            "kty": "OKP", "crv": "Ed25519",
            "x": "Gb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE",
        });
        assert_eq!(
            pem(&jwk).as_deref(),
            Some(
                "-----BEGIN PUBLIC KEY-----\n\
                 MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n\
                 -----END PUBLIC KEY-----\n"
            )
        );
        assert_eq!(pem(&json!({"kty": "oct", "k": "AAAA"})), None);
    }

    #[test]
    fn integers_keep_their_sign_and_lengths_their_form() {
        assert_eq!(integer(&[1, 0, 1]), [2, 3, 1, 0, 1]);
        assert_eq!(integer(&[0x80]), [2, 2, 0, 0x80]);
        assert_eq!(tagged(3, &[7; 200])[..3], [3, 0x81, 200]);
        assert_eq!(tagged(3, &[7; 300])[..4], [3, 0x82, 1, 44]);
    }
}
