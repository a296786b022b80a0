//! Token bytes, and the verdict of a trust domain.
//!
//! The first byte says what the rest is, so that the fuzzer gets past the signature:
//!
//! | byte | the rest is |
//! |---|---|
//! | `c` | claims, signed by the trusted key under an honest header |
//! | `h` | a header, signed by the trusted key over honest claims |
//! | `p` | a JSON merge patch over honest claims, then signed |
//! | `s` | the same, with `sub` composed anew from the patched parts |
//! | any other | a token |
//!
//! Oracles:
//!
//! 1. The verdict is the same for a domain that knows nothing and for one that has seen an honest
//!    token, and the same at the second sight, from the cache.
//! 2. What is accepted was signed by the key of this domain, over what a plain JSON parser reads
//!    the same way: tenant, principal, transaction, audience, scope, kind; no member twice.
//! 3. What is accepted is written back by `to_claims`, signed anew, to an equal context.
//! 4. An accepted token with one character changed, one cut off, or one second past its end is
//!    refused, whatever the cache holds.
//! 5. A refusal is one line without control characters, and does not hold the signature.
//! 6. Allocation stays within [`BUDGET`].

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use throughline_core::carrier::OwnedFields;
use throughline_core::time::Timestamp;
use throughline_core::{Context, Principal, Reason, Refusal, Verified};
use throughline_jose::TrustDomain;

use crate::allocations::Budget;
use crate::world::{DOMAIN, HEADER, NOW, WORLD, honest, patch, recompose};

/// For verifying a token that is seen for the first time.
pub const BUDGET: Budget = Budget {
    per_byte: 112,
    fixed: 4 * 1024,
};

/// Members of a header that change what is signed or bring a key along (RFC 7515, 7516, 7797).
const DANGEROUS: [&str; 8] = ["b64", "crit", "enc", "jku", "jwk", "x5c", "x5u", "zip"];

/// One input.
pub fn run(data: &[u8]) {
    let world = &*WORLD;
    let Some((form, rest)) = data.split_first() else {
        return;
    };
    match form {
        b'c' => check(world.seal(HEADER, rest).as_bytes(), true),
        b'h' => check(
            world.seal(rest, honest("acme").to_string()).as_bytes(),
            true,
        ),
        b'p' | b's' => {
            let Ok(patched) = serde_json::from_slice(rest) else {
                return;
            };
            let mut claims = honest("acme");
            patch(&mut claims, patched);
            if *form == b's' {
                recompose(&mut claims);
            }
            check(world.seal(HEADER, claims.to_string()).as_bytes(), true);
        }
        _ => check(rest, false),
    }
}

fn now() -> Timestamp {
    Timestamp::from_unix(NOW)
}

fn check(token: &[u8], signed: bool) {
    let cold = WORLD.domain();
    let first = BUDGET.hold(token.len(), || cold.verify_at(token, now()));
    assert_same(&first, &cold.verify_at(token, now()), "at the second sight");

    let warm = WORLD.domain();
    let known = warm.verify_at(WORLD.acme.as_bytes(), now());
    assert!(known.is_ok(), "the honest token is accepted");
    assert_same(
        &first,
        &warm.verify_at(token, now()),
        "behind an honest token",
    );

    match &first {
        Ok(verified) => check_accepted(&cold, token, verified),
        Err(refusal) => check_refused(token, signed, refusal),
    }
}

fn assert_same(one: &Result<Verified, Refusal>, two: &Result<Verified, Refusal>, when: &str) {
    assert_eq!(
        one.is_ok(),
        two.is_ok(),
        "another verdict {when}: {one:?}, {two:?}"
    );
    if let (Ok(one), Ok(two)) = (one, two) {
        assert!(**one == **two, "another context {when}: {one:?}, {two:?}");
        assert_eq!(one.token(), two.token(), "another token {when}");
    }
    if let (Err(one), Err(two)) = (one, two) {
        assert_eq!(one.reason(), two.reason(), "another reason {when}");
        assert_eq!(one.place(), two.place(), "another place {when}");
    }
}

fn check_accepted(domain: &TrustDomain, token: &[u8], verified: &Verified) {
    let context: &Context = verified;
    assert_eq!(verified.token(), token, "the exact bytes are kept");
    check_against_plain_reading(token, context);

    // Written back, it is the same context.
    let claims = context.to_claims();
    let again = WORLD.seal(HEADER, &claims);
    let again = WORLD.domain().verify_at(again.as_bytes(), now());
    let again = again.expect("what was accepted is accepted again");
    assert!(
        *again == *context,
        "another context once written: {context:?}, {:?}",
        *again
    );
    assert_eq!(again.to_claims(), claims, "other claims once read back");
    let own = context.check_descends_from(context);
    assert!(own.is_ok(), "a context is no wider than itself: {own:?}");

    // One character changed, one cut off.
    let at = token.iter().map(|b| usize::from(*b)).sum::<usize>() % token.len();
    let mut changed = token.to_vec();
    changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
    let changed = domain.verify_at(&changed, now());
    assert!(
        changed.is_err(),
        "accepted with another character at {at}: {changed:?}"
    );
    let cut = domain.verify_at(&token[..token.len() - 1], now());
    let cut = cut.err().map(|refusal| refusal.reason());
    assert_eq!(cut, Some(Reason::ContextTruncated), "cut by one character");

    // Past its end, from the cache and afresh.
    let skew = 30;
    let end = Timestamp::from_unix(context.lifetime().expires_at.as_unix() + skew);
    for domain in [domain, &WORLD.domain()] {
        assert!(domain.verify_at(token, end).is_err(), "accepted at its end");
    }

    // It travels, alone and whole.
    let mut carrier: Vec<(String, Vec<u8>)> = Vec::new();
    let fields = OwnedFields::token_only();
    match fields.write_token(&mut carrier, token) {
        Ok(()) => {
            let read = fields.read(&carrier).expect("what is written is readable");
            assert_eq!(read.token(), Some(token), "another token once carried");
        }
        Err(refusal) => assert_eq!(refusal.reason(), Reason::ContextOversized),
    }
}

/// Reads the token once more, with nothing of ours.
fn check_against_plain_reading(token: &[u8], context: &Context) {
    let text = str::from_utf8(token).expect("a token is text");
    let (input, signature) = text.rsplit_once('.').expect("a token has three parts");
    let (header, payload) = input.split_once('.').expect("a token has three parts");
    let decode = |part| {
        URL_SAFE_NO_PAD
            .decode(part)
            .expect("each part is base64url")
    };
    let signature = decode(signature);
    assert!(
        WORLD.signed(input.as_bytes(), &signature),
        "nobody signed it"
    );
    let (header, payload) = (decode(header), decode(payload));
    assert_no_member_twice(&header);
    assert_no_member_twice(&payload);
    let header: Value = serde_json::from_slice(&header).expect("the header is json");
    let claims: Value = serde_json::from_slice(&payload).expect("the claims are json");
    let said = |path: &str| claims.pointer(path).and_then(Value::as_str);

    assert!(matches!(header["alg"].as_str(), Some("EdDSA" | "Ed25519")));
    for member in DANGEROUS {
        assert!(header.get(member).is_none(), "accepted with `{member}`");
    }
    assert!(matches!(header.get("kid"), None | Some(Value::String(_))));
    let typ = header["typ"].as_str().unwrap_or_default();
    let typ = typ.to_ascii_lowercase();
    assert_eq!(
        typ.strip_prefix("application/").unwrap_or(&typ),
        "txntoken+jwt"
    );

    let tenant = context.tenant().map(|tenant| tenant.as_str());
    assert_eq!(tenant, said("/tctx/tenant"), "tenant");
    let principal = context.principal();
    assert_eq!(Some(principal.provider()), said("/tctx/idp"), "provider");
    assert_eq!(Some(principal.subject()), said("/tctx/sub"), "subject");
    assert_eq!(Some(&*principal.to_string()), said("/sub"), "sub");
    let composed = Principal::from_composed(said("/sub").unwrap_or_default());
    assert_eq!(composed.as_ref(), Ok(principal), "sub taken apart");
    assert_eq!(Some(context.transaction()), said("/txn"), "transaction");
    assert_eq!(Some(context.kind().as_str()), said("/tctx/kind"), "kind");
    assert_eq!(Some(context.requester()), said("/req_wl"), "requester");
    assert_eq!(&*context.lifetime().audience, DOMAIN, "audience");
    let audience = claims.pointer("/aud/0").or_else(|| claims.get("aud"));
    assert_eq!(audience, Some(&DOMAIN.into()), "audience");
    let scope: Vec<&str> = said("/scope").unwrap_or_default().split(' ').collect();
    for token in context.grant().scope().as_str().split(' ') {
        assert!(scope.contains(&token), "scope `{token}` was not granted");
    }
    let end = claims["exp"].as_f64().expect("a time is a number");
    assert!(end >= context.lifetime().expires_at.as_unix() as f64);
    assert!(end > (NOW - 30) as f64, "accepted past its end");
    let mut act = claims.get("act");
    for actor in context.actors().iter() {
        let sub = act.and_then(|act| act["sub"].as_str());
        assert_eq!(sub, Some(&*actor.principal().to_string()), "actor");
        act = act.and_then(|act| act.get("act"));
    }
    assert!(act.is_none(), "an actor was dropped");
}

/// A plain parser keeps one of several members of a name, so it counts fewer than there are colons.
fn assert_no_member_twice(text: &[u8]) {
    let (mut colons, mut quoted, mut escaped) = (0_usize, false, false);
    for byte in text {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b':' if !quoted => colons += 1,
            _ => {}
        }
    }
    let read: Value = serde_json::from_slice(text).expect("what is accepted is json");
    assert_eq!(members(&read), colons, "a member twice");
}

fn members(value: &Value) -> usize {
    match value {
        Value::Object(object) => object.values().map(|value| 1 + members(value)).sum(),
        Value::Array(list) => list.iter().map(members).sum(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 0,
    }
}

fn check_refused(token: &[u8], signed: bool, refusal: &Refusal) {
    let text = refusal.to_string();
    assert!(
        !text.contains(char::is_control),
        "a refusal with a control character: {text:?}"
    );
    assert!(text.len() <= 1_024, "a refusal of {} bytes", text.len());
    // A signature that the trusted key made cannot stand anywhere else in the token.
    let signature = token.rsplit(|b| *b == b'.').next().unwrap_or_default();
    if let (true, Ok(signature)) = (signed, str::from_utf8(signature)) {
        let shown = format!("{text}{refusal:?}");
        assert!(!shown.contains(signature), "a refusal with the signature");
    }
}
