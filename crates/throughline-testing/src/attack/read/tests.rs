//! What is wrong with a file of attacks is said, and what is right is read.

use serde_json::json;

use super::*;

fn attack() -> Value {
    json!({
        "id": "mine/own",
        "title": "a title",
        "why": "a reason",
        "imitates": {"what": "an incident", "link": "CVE-2000-0001"},
        "attack": [{"header_set": ["{tenant_header}", "{other}"]}],
        "twin": [],
        "expect": {"refused": ["tenant_mismatch"]},
    })
}

fn with(name: &str, value: Value) -> Value {
    let mut attack = attack();
    attack[name] = value;
    attack
}

fn read(attacks: &[Value]) -> Result<Vec<Attack>, String> {
    all(&json!(attacks).to_string()).map_err(|error| error.to_string())
}

#[test]
fn what_is_wrong_with_an_attack_is_said_with_its_id() {
    assert!(read(&[attack()]).is_ok());
    for (name, value, expected) in [
        ("id", json!("own"), "is no id"),
        ("id", json!("Mine/own"), "is no id"),
        ("id", json!("mine/own/more"), "is no id"),
        ("title", json!(" "), "lacks a `title`"),
        ("why", json!(""), "lacks a `title` or a `why`"),
        (
            "imitates",
            json!({"what": "", "link": "x"}),
            "names no source",
        ),
        ("imitates", json!({"what": "x"}), "missing field `link`"),
        (
            "expect",
            json!({"refused": ["no_such"]}),
            "`no_such` is no reason",
        ),
        ("expect", json!({"tolerated": []}), "unknown variant"),
        ("attack", json!([{"header_set": ["a"]}]), "HeaderSet"),
        (
            "attack",
            json!([{"headers": ["a", "b"]}]),
            "unknown variant `headers`",
        ),
        (
            "attack",
            json!([{"body": "{nobody}"}]),
            "`{nobody}` is no placeholder",
        ),
        ("each", json!(["x"]), "no `{each}` to put them"),
        ("each", json!([]), "no `{each}` to put them"),
        ("needs", json!(["luck"]), "unknown variant `luck`"),
        ("over", json!(["smtp"]), "unknown variant `smtp`"),
        ("before", json!([{"clock": "noon"}]), "invalid type"),
        ("comment", json!("x"), "unknown field `comment`"),
    ] {
        let error = read(&[with(name, value.clone())]).unwrap_err();
        let at = format!("{name}: {value}: {error}");
        assert!(
            error.contains(expected) && error.starts_with("attack `"),
            "{at}"
        );
    }
    let twice = read(&[attack(), attack()]).unwrap_err();
    assert_eq!(twice, "attack `mine/own`: the id is used twice");
}

#[test]
fn a_placeholder_within_the_claims_of_a_forgery_is_checked_too() {
    let forging = |value: &str| {
        let forge = json!({"claims": [{"set": ["/a", [value]]}]});
        read(&[with("attack", json!([{"credential": {"forge": forge}}]))])
    };
    assert!(forging("{other}").is_ok());
    assert!(forging("{others}").unwrap_err().contains("`{others}`"));
}

#[test]
fn each_value_makes_a_variant_and_keeps_its_type() {
    let mut each = with("attack", json!([{"credential": {"forge": "{each}"}}]));
    each["each"] = json!([{"text": [{"cut": 1}]}, {"sign": "none"}]);
    let attacks = read(&[each]).unwrap();
    assert_eq!(attacks[0].variants().len(), 2);
    let mut each = with("attack", json!([{"body": "<{each}>"}]));
    each["each"] = json!([7, "x", null]);
    assert_eq!(read(&[each]).unwrap()[0].variants().len(), 3);
}

#[test]
fn what_an_attack_takes_is_seen_in_its_steps() {
    for (steps, expected) in [
        (json!([]), vec![]),
        (json!([{"path_tenant": "x"}]), vec![Need::PathTenant]),
        (json!([{"credential": "other"}]), vec![Need::OtherToken]),
        (json!([{"body": "{other_token}"}]), vec![Need::OtherToken]),
        (
            json!([{"credential": {"forge": {"text": [{"cut": 1}]}}}]),
            vec![],
        ),
        (
            json!([{"credential": {"forge": {"sign": "none"}}}]),
            vec![Need::Jws],
        ),
        (
            json!([{"credential": {"forge": {"sign": {"hmac": "pem"}}}}]),
            vec![Need::Jws, Need::PublicKeys],
        ),
        (
            json!([{"credential": {"forge": {"claims_of": "other", "sign": "trusted"}}}]),
            vec![Need::Jws, Need::OtherToken, Need::SigningKey],
        ),
    ] {
        let attacks = read(&[with("attack", steps.clone())]).unwrap();
        assert_eq!(attacks[0].needs(), expected, "{steps}");
    }
    let mut before = attack();
    before["before"] = json!([{"clock": 1}, "revoke_user", {"keys": "gone"}]);
    let needs = read(&[before]).unwrap()[0].needs().to_vec();
    assert_eq!(needs, [Need::Clock, Need::Freshness, Need::KeyServer]);
}

#[test]
fn the_page_beside_the_files_explains_every_placeholder() {
    let page = include_str!("../../../catalogue/README.md");
    for name in Slot::NAMES {
        assert!(page.contains(&format!("`{{{name}}}`")), "{name}");
    }
}
