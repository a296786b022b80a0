//! Forged tokens say what they were told to say, and nothing else.

use serde_json::{Value, json};

use super::*;
use crate::attack::{Fill, Side};
use crate::domain::TestDomain;

struct Kit {
    fill: Fill,
    attacker: Attacker,
    domain: TestDomain,
    jwks: String,
}

impl Kit {
    fn new() -> Self {
        let domain = TestDomain::new();
        let side = |tenant: &str| Side {
            tenant: tenant.into(),
            token: domain.token(tenant),
            ..Side::default()
        };
        Self {
            fill: Fill {
                own: side("acme"),
                other: side("globex"),
                credential_header: "txn-token".into(),
                tenant_header: "x-tenant-id".into(),
                copy_header: String::new(),
                nonce: "n1".into(),
            },
            attacker: Attacker::new(),
            jwks: json!({"keys": [domain.key().public_jwk()]}).to_string(),
            domain,
        }
    }

    fn forge(&self, how: Value) -> Result<String, ForgeError> {
        let key = self.domain.key();
        let mut material = Material::new(&self.fill, &self.attacker);
        material.trusted = Some(&key);
        material.public_keys = Some(&self.jwks);
        let token = forge(&serde_json::from_value(how).unwrap(), &material)?;
        Ok(String::from_utf8(token).unwrap())
    }

    fn own(&self) -> &str {
        &self.fill.own.token
    }
}

fn part(token: &str, n: usize) -> String {
    let part = token.split('.').nth(n).unwrap();
    String::from_utf8(URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

fn header(token: &str) -> Value {
    serde_json::from_str(&part(token, 0)).unwrap()
}

fn claims(token: &str) -> Value {
    serde_json::from_str(&part(token, 1)).unwrap()
}

#[test]
fn nothing_edited_is_the_honest_token_byte_for_byte() {
    let kit = Kit::new();
    assert_eq!(kit.forge(json!({})).unwrap(), kit.own());
    assert_eq!(
        kit.forge(json!({"from": "other"})).unwrap(),
        kit.fill.other.token
    );
}

#[tokio::test]
async fn what_the_trusted_key_signs_is_believed_and_what_an_attacker_signs_is_not() {
    let kit = Kit::new();
    kit.domain.load().await.unwrap();
    let verify = |how: Value| {
        let token = kit.forge(how).unwrap();
        let verified = kit.domain.trust_domain().verify(token.as_bytes());
        verified
            .map(drop)
            .map_err(|refusal| refusal.reason().code())
    };
    assert_eq!(verify(json!({"sign": "trusted"})), Ok(()));
    for (sign, reason) in [
        (json!({"attacker": "eddsa"}), "signature_invalid"),
        (json!({"attacker": "es256"}), "algorithm_refused"),
        (json!({"attacker": "rs256"}), "algorithm_refused"),
        (json!({"embedded": "eddsa"}), "context_malformed"),
        (json!({"hmac": "jwks"}), "algorithm_refused"),
        (json!({"zeros": 64}), "signature_invalid"),
        (json!("none"), "context_truncated"),
    ] {
        assert_eq!(verify(json!({"sign": sign})), Err(reason), "{sign}");
    }
}

#[test]
fn an_embedded_key_verifies_its_own_signature() {
    use aws_lc_rs::signature::{
        ECDSA_P256_SHA256_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents,
        UnparsedPublicKey,
    };

    let kit = Kit::new();
    for algorithm in ["eddsa", "es256", "rs256"] {
        let token = kit.forge(json!({"sign": {"embedded": algorithm}})).unwrap();
        let jwk = &header(&token)["jwk"];
        let member = |name: &str| URL_SAFE_NO_PAD.decode(jwk[name].as_str().unwrap()).unwrap();
        let (input, signature) = token.rsplit_once('.').unwrap();
        let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
        let verified = match algorithm {
            "eddsa" => {
                UnparsedPublicKey::new(&ED25519, member("x")).verify(input.as_bytes(), &signature)
            }
            "es256" => {
                let point = [&[4][..], &member("x"), &member("y")].concat();
                let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point);
                key.verify(input.as_bytes(), &signature)
            }
            _ => {
                let (n, e) = (member("n"), member("e"));
                let key = RsaPublicKeyComponents { n, e };
                key.verify(&RSA_PKCS1_2048_8192_SHA256, input.as_bytes(), &signature)
            }
        };
        assert!(verified.is_ok(), "{algorithm}");
    }
}

#[test]
fn an_hmac_is_computed_with_the_key_that_it_names() {
    use aws_lc_rs::hmac;

    let kit = Kit::new();
    let jwk = kit.domain.key().public_jwk();
    let x = URL_SAFE_NO_PAD.decode(jwk["x"].as_str().unwrap()).unwrap();
    for (name, key) in [
        ("empty", Vec::new()),
        ("secret", b"secret".to_vec()),
        ("jwks", kit.jwks.clone().into_bytes()),
        ("jwk", jwk.to_string().into_bytes()),
        ("raw", x),
    ] {
        let token = kit.forge(json!({"sign": {"hmac": name}})).unwrap();
        assert_eq!(header(&token)["alg"], "HS256");
        let (input, mac) = token.rsplit_once('.').unwrap();
        let mac = URL_SAFE_NO_PAD.decode(mac).unwrap();
        let key = hmac::Key::new(hmac::HMAC_SHA256, &key);
        assert!(hmac::verify(&key, input.as_bytes(), &mac).is_ok(), "{name}");
    }
}

#[test]
fn edits_change_their_place_and_nothing_else() {
    let kit = Kit::new();
    let honest = claims(kit.own());
    for (edit, pointer, expected) in [
        (
            json!({"set": ["/tctx/tenant", "{other}"]}),
            "/tctx/tenant",
            json!("globex"),
        ),
        (json!({"set": ["/new", [1]]}), "/new", json!([1])),
        (json!({"remove": "/aud"}), "/aud", Value::Null),
        (
            json!({"rename": ["/aud", "audience"]}),
            "/audience",
            honest["aud"].clone(),
        ),
        (
            json!({"shift": ["/exp", 60]}),
            "/exp",
            json!(honest["exp"].as_u64().unwrap() + 60),
        ),
        (json!({"nest": ["/x", 3]}), "/x", json!([[[]]])),
    ] {
        let token = kit.forge(json!({"claims": [edit]})).unwrap();
        let mut edited = claims(&token);
        let found = edited.pointer(pointer).cloned().unwrap_or_default();
        assert_eq!(found, expected, "{edit}");
        // The header and the signature are the honest ones.
        assert_eq!(part(&token, 0), part(kit.own(), 0));
        assert_eq!(token.rsplit('.').next(), kit.own().rsplit('.').next());
        let mut rest = honest.clone();
        for object in [&mut edited, &mut rest] {
            for name in ["aud", "audience", "new", "exp", "x"] {
                object.as_object_mut().unwrap().remove(name);
            }
            object["tctx"]["tenant"] = Value::Null;
        }
        assert_eq!(edited, rest, "{edit}");
    }
}

#[test]
fn a_member_can_be_there_twice() {
    let kit = Kit::new();
    for (edit, expected) in [
        ("duplicate_before", r#""tenant":"globex","tenant":"acme""#),
        ("duplicate_after", r#""tenant":"acme","tenant":"globex""#),
        (
            "duplicate_escaped",
            r#""tenan\u0074":"globex","tenant":"acme""#,
        ),
    ] {
        let token = kit
            .forge(json!({"claims": [{edit: ["/tctx/tenant", "{other}"]}]}))
            .unwrap();
        assert!(part(&token, 1).contains(expected), "{}", part(&token, 1));
    }
}

#[test]
fn parts_can_be_mixed_and_replaced() {
    let kit = Kit::new();
    let mixed = kit.forge(json!({"claims_of": "other"})).unwrap();
    assert_eq!(part(&mixed, 1), part(&kit.fill.other.token, 1));
    assert_eq!(mixed.rsplit('.').next(), kit.own().rsplit('.').next());
    let nested = kit.forge(json!({"payload": "{token}"})).unwrap();
    assert_eq!(part(&nested, 1), kit.own());
}

#[test]
fn the_finished_text_can_be_cut_turned_and_lengthened() {
    let kit = Kit::new();
    let own = kit.own();
    let text = |edit: Value| kit.forge(json!({"text": [edit]})).unwrap();
    assert_eq!(text(json!({"cut": 3})), own.get(..own.len() - 3).unwrap());
    assert_eq!(
        text(json!({"keep": 500})),
        own.get(..own.len() / 2).unwrap()
    );
    assert_eq!(text(json!({"append": "=="})), format!("{own}=="));
    assert_eq!(text(json!({"prepend": "x"})), format!("x{own}"));
    let (header, rest) = own.split_once('.').unwrap();
    assert_eq!(
        text(json!({"after_header": " "})),
        format!("{header} .{rest}")
    );
    let differing = |token: &str| {
        let pairs = own.bytes().zip(token.bytes()).enumerate();
        let places = pairs.filter(|(_, (a, b))| a != b).map(|(n, _)| n);
        places.collect::<Vec<_>>()
    };
    assert_eq!(differing(&text(json!({"flip": 0}))), [0]);
    assert_eq!(
        differing(&text(json!({"flip_signature": 4}))),
        [own.len() - 5]
    );
    let other = text(json!("spare_bits"));
    assert_eq!(differing(&other), [own.len() - 1]);
    assert_eq!(
        base64::engine::GeneralPurpose::new(
            &base64::alphabet::URL_SAFE,
            base64::engine::general_purpose::NO_PAD.with_decode_allow_trailing_bits(true),
        )
        .decode(other.rsplit('.').next().unwrap())
        .unwrap(),
        URL_SAFE_NO_PAD
            .decode(own.rsplit('.').next().unwrap())
            .unwrap(),
    );
}

#[test]
fn what_cannot_be_forged_says_why() {
    let mut kit = Kit::new();
    let place = ForgeError::NoPlace("/nothing/there".into());
    let how = json!({"claims": [{"set": ["/nothing/there", 1]}]});
    assert_eq!(kit.forge(how), Err(place));
    kit.jwks = "{}".into();
    let how = json!({"sign": {"hmac": "jwk"}});
    assert_eq!(kit.forge(how), Err(ForgeError::NoPublicKey));
    kit.fill.own.token = "opaque-token".into();
    assert_eq!(kit.forge(json!({"sign": "none"})), Err(ForgeError::NotJws));
    // It can be cut and lengthened all the same.
    assert!(kit.forge(json!({"text": [{"cut": 1}]})).is_ok());
    assert!(is_jws(&kit.fill.other.token) && !is_jws("a.b.c"));
}
