//! Step 3: well-formed.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use throughline_core::Reason;

use super::forge::{Signer, claims};
use super::{accepted, domain, refused};
use crate::TokenType;
use crate::keys::MAX_KID_LEN;
use crate::verify::Envelope;

// CVE-2025-30204, CVE-2025-27144: parts were split without a bound.
#[test]
fn a_token_has_exactly_two_dots() {
    let signer = Signer::ed25519("a");
    let domain = domain([&signer]);
    let honest = signer.token(&claims());
    accepted(&domain, &honest);

    let (start, signature) = honest.rsplit_once('.').unwrap();
    let (header, payload) = start.split_once('.').unwrap();
    for token in [
        String::new(),
        format!("{header}{payload}{signature}"),
        format!("{header}.{payload}{signature}"),
        format!("{header}.{payload}.{signature}."),
        format!(".{header}.{payload}.{signature}"),
        format!("{header}..{payload}.{signature}"),
        format!("{header}.{payload}.{signature}.{signature}"),
        format!("{header}.{payload}.{signature}.{signature}.{signature}"),
        ".".into(),
        "..".into(),
        "...".into(),
        ".".repeat(1 << 20),
        format!("{header}.{}", ".".repeat(1 << 20)),
    ] {
        refused(&domain, token, Reason::ContextMalformed);
    }
}

#[test]
fn nothing_stands_around_a_token() {
    let signer = Signer::ed25519("a");
    let domain = domain([&signer]);
    let honest = signer.token(&claims());
    accepted(&domain, &honest);
    for token in [
        format!(" {honest}"),
        format!("{honest} "),
        format!("{honest}\n"),
        format!("\u{feff}{honest}"),
        format!("Bearer {honest}"),
        format!("\"{honest}\""),
        format!("{honest},{honest}"),
        format!("{honest}\0"),
    ] {
        refused(&domain, token, Reason::ContextMalformed);
    }
}

/// What leaves a value as it is for a lenient decoder, and is another spelling of it.
fn respellings(part: &str) -> Vec<String> {
    let (start, end) = part.split_at(part.len() / 2);
    let (_, behind) = end.split_at(1);
    let mut respelt = vec![
        format!("{part}="),
        format!("{part}=="),
        format!("{start} {end}"),
        format!("{start}\r\n{end}"),
        format!("{start}.{end}"),
        format!("{start}%2D{end}"),
        format!("{start}+{behind}"),
        format!("{start}/{behind}"),
        // A single character more holds six bits, which make no byte.
        format!("{part}{}", &"A".repeat((5 - part.len() % 4) % 4)),
    ];
    respelt.extend(trailing_bits(part));
    respelt
}

/// `part` with each of the bits set that lie beyond its last byte.
fn trailing_bits(part: &str) -> Vec<String> {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let spare = match part.len() % 4 {
        2 => 4,
        3 => 2,
        _ => 0,
    };
    let (start, last) = part.split_at(part.len() - 1);
    let is_last = |b: &u8| last.as_bytes() == [*b];
    let sextet = ALPHABET.iter().position(is_last).unwrap();
    (0..spare)
        .map(|bit| format!("{start}{}", char::from(ALPHABET[sextet | 1 << bit])))
        .collect()
}

#[test]
fn each_part_is_strict_base64url_whoever_signed_it() {
    let signer = Signer::ed25519("a");
    let domain = domain([&signer]);
    // Blanks in JSON move the ends of the parts, so that each has trailing bits at some length.
    for blanks in ["", " ", "  "] {
        let header = URL_SAFE_NO_PAD.encode(signer.header().to_string() + blanks);
        let payload = URL_SAFE_NO_PAD.encode(claims().to_string() + blanks);
        let honest = signer.sign(format!("{header}.{payload}"));
        accepted(&domain, &honest);
        let signature = honest.rsplit_once('.').unwrap().1;

        for header in respellings(&header) {
            refused(
                &domain,
                signer.sign(format!("{header}.{payload}")),
                Reason::ContextMalformed,
            );
        }
        for payload in respellings(&payload) {
            refused(
                &domain,
                signer.sign(format!("{header}.{payload}")),
                Reason::ContextMalformed,
            );
            // Told before any key is looked for.
            let unknown = Signer::ed25519("b");
            let header = URL_SAFE_NO_PAD.encode(unknown.header().to_string());
            refused(
                &domain,
                unknown.sign(format!("{header}.{payload}")),
                Reason::ContextMalformed,
            );
        }
        for signature in respellings(signature) {
            refused(
                &domain,
                format!("{header}.{payload}.{signature}"),
                Reason::ContextMalformed,
            );
        }
    }
}

#[test]
fn a_header_is_an_object_of_bounded_size() {
    let signer = Signer::ed25519("a");
    let domain = domain([&signer]);
    let padded = |n: usize| format!("{}{}", signer.header(), " ".repeat(n));
    accepted(&domain, &signer.with_header(&padded(0)));
    accepted(&domain, &signer.with_header(&padded(1_800)));
    accepted(
        &domain,
        &signer.with_header("{ \"alg\" :\n\"EdDSA\",\"kid\":\"a\",\t\"typ\":\"txntoken+jwt\" }"),
    );
    // An escaped name is the name.
    accepted(
        &domain,
        &signer.with_header(r#"{"\u0061lg":"EdDSA","kid":"\u0061","t\u0079p":"txntoken+jwt"}"#),
    );
    for header in [
        "",
        "{}",
        "null",
        "7",
        "\"EdDSA\"",
        // A derived reader would take this for a header.
        r#"["EdDSA","txntoken+jwt","a"]"#,
        r#"["EdDSA","txntoken+jwt","a",{}]"#,
        r#"{"alg":"EdDSA","kid":"a","typ":"txntoken+jwt"}{}"#,
        r#"{"alg":"EdDSA","kid":"a","typ":"txntoken+jwt",}"#,
        r#"{"alg":"EdDSA","kid":"a","typ":"txntoken+jwt""#,
        r#"{"kid":"a","typ":"txntoken+jwt"}"#,
        r#"{"alg":null,"kid":"a","typ":"txntoken+jwt"}"#,
        r#"{"alg":["EdDSA"],"kid":"a","typ":"txntoken+jwt"}"#,
        r#"{"alg":"EdDSA","kid":"\ud800","typ":"txntoken+jwt"}"#,
        &padded(4_000),
    ] {
        refused(
            &domain,
            signer.with_header(header),
            Reason::ContextMalformed,
        );
    }
    let mut bytes = signer.header().to_string().into_bytes();
    bytes.insert(9, 0xff);
    refused(
        &domain,
        signer.seal(bytes, claims().to_string()),
        Reason::ContextMalformed,
    );
}

// CVE-2025-59420: an unknown `crit` was ignored. CVE-2018-0114: an embedded key was believed.
#[test]
fn a_header_changes_nothing_and_brings_no_key() {
    let signer = Signer::ed25519("a");
    let domain = domain([&signer]);
    let with = |name: &str, value: Value| {
        let mut header = signer.header();
        header[name] = value;
        signer.with_header(&header.to_string())
    };
    accepted(&domain, &with("x-note", json!("harmless")));
    accepted(&domain, &with("iss", json!({"a": ["b", {"c": null}]})));

    let key = Signer::ed25519("a").jwk();
    for (name, value) in [
        ("crit", json!(["x"])),
        ("crit", json!([])),
        ("crit", json!(["x", "x"])),
        ("crit", json!("x")),
        ("crit", json!(["exp"])),
        ("crit", json!(["b64"])),
        ("crit", Value::Null),
        ("b64", json!(false)),
        ("b64", json!(true)),
        ("zip", json!("DEF")),
        ("enc", json!("A256GCM")),
        ("jwk", key),
        ("jwk", Value::Null),
        ("jku", json!("https://attacker.example/keys")),
        ("x5u", json!("https://attacker.example/chain")),
        ("x5c", json!(["MIIB"])),
        ("cty", json!("JWT")),
        ("cty", json!("json")),
    ] {
        refused(&domain, with(name, value), Reason::ContextMalformed);
    }
    refused(
        &domain,
        signer.with_header(r#"{"alg":"EdDSA","kid":"a","typ":"txntoken+jwt","cr\u0069t":["x"]}"#),
        Reason::ContextMalformed,
    );
}

#[test]
fn no_member_of_a_header_is_repeated() {
    let signer = Signer::ed25519("a");
    let domain = domain([&signer]);
    accepted(
        &domain,
        &signer.with_header(r#"{"alg":"EdDSA","kid":"a","typ":"txntoken+jwt","x":{"y":1}}"#),
    );
    for header in [
        r#"{"alg":"EdDSA","alg":"EdDSA","kid":"a","typ":"txntoken+jwt"}"#,
        r#"{"alg":"none","alg":"EdDSA","kid":"a","typ":"txntoken+jwt"}"#,
        r#"{"alg":"EdDSA","\u0061lg":"none","kid":"a","typ":"txntoken+jwt"}"#,
        r#"{"alg":"EdDSA","kid":"a","k\u0069d":"a","typ":"txntoken+jwt"}"#,
        r#"{"alg":"EdDSA","kid":"b","kid":"a","typ":"txntoken+jwt"}"#,
        r#"{"alg":"EdDSA","kid":"a","typ":"at+jwt","typ":"txntoken+jwt"}"#,
        r#"{"alg":"EdDSA","kid":"a","typ":"txntoken+jwt","x":1,"x":1}"#,
        r#"{"alg":"EdDSA","kid":"a","typ":"txntoken+jwt","x":{"y":1,"\u0079":1}}"#,
    ] {
        refused(
            &domain,
            signer.with_header(header),
            Reason::ContextMalformed,
        );
    }
}

#[test]
fn a_kid_is_a_bounded_text() {
    let signer = Signer::ed25519("a");
    let domain = domain([&signer]);
    accepted(&domain, &signer.with_member("kid", json!("a")));
    // The set has one key, so a token without a kid can only mean that.
    accepted(&domain, &signer.with_member("kid", Value::Null));

    let with = |value: &str| {
        signer.with_header(&format!(
            r#"{{"alg":"EdDSA","typ":"txntoken+jwt","kid":{value}}}"#
        ))
    };
    let longest = "k".repeat(MAX_KID_LEN);
    for (value, reason) in [
        ("5", Reason::ContextMalformed),
        ("null", Reason::ContextMalformed),
        ("[\"a\"]", Reason::ContextMalformed),
        ("{\"a\":1}", Reason::ContextMalformed),
        (&format!("\"{longest}k\""), Reason::ContextMalformed),
        (&format!("\"{longest}\""), Reason::KeyUnknown),
        ("\"\"", Reason::KeyUnknown),
        ("\"A\"", Reason::KeyUnknown),
        ("\"a\\u0000\"", Reason::KeyUnknown),
        ("\"../a\"", Reason::KeyUnknown),
        ("\"a' or 1=1 --\"", Reason::KeyUnknown),
    ] {
        refused(&domain, with(value), reason);
    }
}

#[test]
fn a_header_and_a_token_are_read_up_to_their_longest_and_no_further() {
    let read = |token: &str| {
        let read = Envelope::read(token.as_bytes(), TokenType::Transaction);
        read.map(drop).map_err(|refusal| refusal.reason())
    };
    // 2 KiB in whole groups of base64url.
    let header = |bytes: usize| {
        let header = r#"{"alg":"EdDSA","typ":"txntoken+jwt","x":""}"#;
        let filler = "x".repeat(bytes - header.len());
        URL_SAFE_NO_PAD.encode(header.replace("\"\"", &format!("\"{filler}\"")))
    };
    let longest = 2 * 1024 + 1;
    assert_eq!(read(&format!("{}..", header(longest))), Ok(()));
    let longer = format!("{}..", header(longest + 1));
    assert_eq!(read(&longer), Err(Reason::ContextMalformed));

    let start = format!("{}.AAAA.", header(64));
    let signature = |bytes: usize| "A".repeat(bytes - start.len());
    let longest = 64 * 1024;
    assert_eq!(read(&format!("{start}{}", signature(longest))), Ok(()));
    let longer = format!("{start}{}", signature(longest + 1));
    assert_eq!(read(&longer), Err(Reason::ContextMalformed));
}

#[test]
fn whoever_learns_the_kind_later_reads_first_and_compares_then() {
    let signer = Signer::ed25519("a");
    let access = signer.with_member("typ", json!("at+jwt"));
    let envelope = Envelope::read(access.as_bytes(), TokenType::DangerAny).unwrap();
    assert_eq!(
        (envelope.typ(), envelope.kid()),
        (Some("at+jwt"), Some("a"))
    );
    let foreign = TokenType::Foreign {
        types: &["at+jwt"],
        untyped: false,
    };
    assert_eq!(envelope.check_type(foreign), Ok(()));
    let refused = envelope.check_type(TokenType::Transaction).unwrap_err();
    assert_eq!(refused.reason(), Reason::TypeRefused);

    // The payload nobody vouched for is the one that is opened, where a key vouches for it.
    let payload = envelope.danger_unverified_payload();
    assert_eq!(serde_json::from_slice::<Value>(payload).unwrap(), claims());
    assert_eq!(envelope.open(&signer.public()).unwrap(), payload);
    let untyped = signer.with_member("typ", Value::Null);
    let untyped = Envelope::read(untyped.as_bytes(), TokenType::DangerAny).unwrap();
    assert_eq!(untyped.typ(), None);
}
