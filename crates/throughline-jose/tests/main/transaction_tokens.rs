//! The figures of the transaction token draft, signed by us: what they lack for our profile.

use std::fs;
use std::time::Duration;

use serde_json::{Value, json};
use throughline_core::Reason;
use throughline_core::freshness::Freshness;
use throughline_core::time::Timestamp;
use throughline_jose::verify::Envelope;
use throughline_jose::{KeySource, TokenType, TrustDomain};

use crate::forge::Signer;

fn figures() -> Vec<Value> {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../tests/vectors/transaction-tokens/draft_examples.json"
    );
    let file: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    let examples = file["examples"].as_array().unwrap();
    assert_eq!(examples.len(), 8);
    let figures: Vec<Value> = examples
        .iter()
        .map(|example| example["json"].clone())
        .filter(|json| !json.is_null())
        .collect();
    assert_eq!(figures.len(), 4);
    figures
}

fn domain(signer: &Signer, now: u64) -> TrustDomain {
    TrustDomain::new("trust-domain.example")
        .unwrap()
        .with_keys(KeySource::set(signer.keys()))
        .with_freshness(Freshness::lifetime_only(Duration::from_secs(300)))
        .with_clock(move || Timestamp::from_unix(now))
}

#[test]
fn the_header_of_the_draft_is_a_header_of_ours() {
    let header = figures()
        .into_iter()
        .find(|figure| figure["typ"] == "txntoken+jwt");
    let token = Signer::new().seal(&header.unwrap().to_string(), "{}");
    let envelope = Envelope::read(token.as_bytes(), TokenType::Transaction).unwrap();
    assert_eq!(envelope.kid(), Some("identifier-to-key"));
}

#[test]
fn the_body_of_the_draft_lacks_what_makes_a_tenant_context() {
    let mut body = figures()
        .into_iter()
        .find(|figure| figure["txn"].is_string())
        .unwrap();
    let issued_at = body["iat"].as_u64().unwrap();
    let signer = Signer::new();
    let domain = domain(&signer, issued_at + 60);
    let verify = |body: &Value| {
        let token = signer.seal(Signer::HEADER, &body.to_string());
        domain.verify(token.as_bytes())
    };

    for (claim, value) in [
        ("rctx.as_of", json!(issued_at)),
        ("tctx.kind", json!("user")),
        ("tctx.idp", json!("exchange")),
        ("tctx.sub", json!("d084sdrt234fsaw34tr23t")),
        ("tctx.tenant", json!("acme")),
    ] {
        let refusal = verify(&body).unwrap_err();
        assert_eq!(refusal.reason(), Reason::ClaimMissing, "{claim}: {refusal}");
        assert_eq!(refusal.place().unwrap().name(), claim);
        let (object, name) = claim.split_once('.').unwrap();
        body[object][name] = value;
    }
    // The draft's `sub` is unique by itself; ours is composed of its parts.
    let refusal = verify(&body).unwrap_err();
    assert_eq!(refusal.reason(), Reason::ClaimInvalid);
    assert_eq!(refusal.place().unwrap().name(), "sub");
    body["sub"] = "exchange/acme/d084sdrt234fsaw34tr23t".into();

    // What the draft says besides, about its trade, is not in the way.
    let verified = verify(&body).unwrap();
    assert_eq!(verified.tenant().unwrap().as_str(), "acme");
    assert_eq!(verified.requester(), "apigateway.trust-domain.example");
    assert!(verified.grant().scope().allows("trade.stocks"));
}

#[test]
fn the_contexts_of_the_draft_alone_are_no_token() {
    let signer = Signer::new();
    let domain = domain(&signer, 1_686_536_286);
    let mut seen = Vec::new();
    for figure in figures() {
        let token = signer.seal(Signer::HEADER, &figure.to_string());
        let refusal = domain.verify(token.as_bytes()).unwrap_err();
        assert_eq!(refusal.reason(), Reason::ClaimMissing);
        seen.push(refusal.place().unwrap().name().to_owned());
    }
    assert_eq!(seen, ["aud", "aud", "aud", "rctx.as_of"]);
}
