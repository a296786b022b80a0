use std::borrow::Cow;

use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Value, json};
use throughline_core::Reason;
use throughline_core::witness::Sighting;

use super::decide::{check_head, read, see};
use super::*;

fn headers(lines: &[(&str, &str)]) -> HeaderMap {
    let line = |(name, value): &(&str, &str)| {
        let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
        (name, HeaderValue::from_str(value).unwrap())
    };
    let mut headers = HeaderMap::new();
    for (name, value) in lines.iter().map(line) {
        headers.append(name, value);
    }
    headers
}

#[test]
fn a_pointer_leads_through_objects_and_arrays() {
    let document = json!({
        "tenant": "acme",
        "order": {"tenant_id": "acme", "lines": [{"tenant": "globex"}]},
        "a/b": {"m~n": "acme"},
        "null": null, "number": 1, "bool": true, "array": ["acme"], "object": {}, "empty": "",
    });
    let value = |text: &'static str| Sighting::Value(Cow::Borrowed(text));
    for (pointer, expected) in [
        ("/tenant", value("acme")),
        ("/order/tenant_id", value("acme")),
        ("/order/lines/0/tenant", value("globex")),
        ("/a~1b/m~0n", value("acme")),
        ("/empty", value("")),
        ("/missing", Sighting::Absent),
        ("/tenant/more", Sighting::Absent),
        ("/order/lines/1/tenant", Sighting::Absent),
        ("/order/lines/-/tenant", Sighting::Absent),
        ("/null", Sighting::Undecodable),
        ("/number", Sighting::Undecodable),
        ("/bool", Sighting::Undecodable),
        ("/array", Sighting::Undecodable),
        ("/object", Sighting::Undecodable),
    ] {
        assert_eq!(see(&document, pointer), expected, "{pointer}");
    }
    assert_eq!(see(&json!(["acme"]), "/tenant"), Sighting::Absent);
    assert_eq!(see(&Value::Null, "/tenant"), Sighting::Absent);
}

#[test]
fn a_member_that_differs_in_case_is_ambiguous_on_the_whole_way() {
    for document in [
        json!({"order": {"tenant": "acme", "TENANT": "globex"}}),
        json!({"order": {"Tenant": "acme"}}),
        json!({"order": {"tenant": "acme"}, "Order": {"tenant": "globex"}}),
    ] {
        let seen = see(&document, "/order/tenant");
        assert_eq!(seen, Sighting::Ambiguous, "{document}");
    }
    // As Go folds, and as parsers fold that take one convention of names for another.
    for name in [
        "tenant\u{17f}_\u{212a}ey",
        "tenants-key",
        "TenantsKey",
        "tenants__key",
    ] {
        for document in [
            json!({"tenants_key": "acme", name: "globex"}),
            json!({name: "acme"}),
        ] {
            let seen = see(&document, "/tenants_key");
            assert_eq!(seen, Sighting::Ambiguous, "{document}");
        }
    }
    for name in ["tenant_key", "tenants_key_id", "tenants.key", "ténants_key"] {
        let document = json!({"tenants_key": "acme", name: "globex"});
        let seen = see(&document, "/tenants_key");
        assert_eq!(seen, Sighting::Value("acme".into()), "{document}");
    }
    let elsewhere = json!({"order": {"tenant": "acme"}, "Other": 1, "OTHER": 2});
    let seen = see(&elsewhere, "/order/tenant");
    assert_eq!(seen, Sighting::Value("acme".into()));
}

#[test]
fn an_encoded_body_is_refused_before_it_is_read() {
    for value in ["gzip", "identity, gzip", "br", "", "IDENTITY x"] {
        let refusal = check_head(&headers(&[("content-encoding", value)])).unwrap_err();
        assert_eq!(refusal.reason(), Reason::ContextMalformed, "{value}");
        assert_eq!(
            refusal.place().unwrap().to_string(),
            "header `content-encoding`"
        );
    }
    let two = headers(&[
        ("content-encoding", "identity"),
        ("content-encoding", "gzip"),
    ]);
    assert!(check_head(&two).is_err(), "the second line counts too");
    for plain in [&[][..], &[("content-encoding", "Identity")]] {
        assert!(check_head(&headers(plain)).is_ok());
    }
}

#[test]
fn only_json_is_read_and_only_an_empty_body_is_none() {
    let text = br#"{"tenant":"acme"}"#;
    for accepted in [
        &[][..],
        &[("content-type", "application/json")],
        &[("content-type", "Application/JSON; charset=utf-8")],
        &[("content-type", "application/merge-patch+json")],
        &[("content-type", "text/json")],
    ] {
        let read = read(&headers(accepted), text);
        assert!(read.unwrap().is_some(), "{accepted:?}");
    }
    for other in [
        "application/x-www-form-urlencoded",
        "text/plain",
        "multipart/form-data; boundary=json",
        "application/jsonp",
        "application/json, text/plain",
        "application/xml; x=+json",
        "",
    ] {
        let headers = headers(&[("content-type", other)]);
        let refusal = read(&headers, text).unwrap_err();
        assert_eq!(refusal.reason(), Reason::ContextMalformed, "{other}");
        assert_eq!(
            refusal.place().unwrap().to_string(),
            "header `content-type`"
        );
        assert_eq!(read(&headers, b"").unwrap(), None, "{other}");
    }
    let json = ("content-type", "application/json");
    let refusal = read(&headers(&[json, json]), text).unwrap_err();
    assert_eq!(refusal.reason(), Reason::ContextAmbiguous, "two types");
}

#[test]
fn json_is_strict() {
    for (text, reason) in [
        (
            &br#"{"tenant":"acme","tenant":"globex"}"#[..],
            Reason::ContextAmbiguous,
        ),
        (br#"{"x":{"y":[{"a":1,"a":1}]}}"#, Reason::ContextAmbiguous),
        (
            br#"{"tenant":"acme","\u0074enant":"globex"}"#,
            Reason::ContextAmbiguous,
        ),
        (
            b"\xef\xbb\xbf{\"tenant\":\"acme\"}",
            Reason::ContextMalformed,
        ),
        (b"{\"tenant\":\"acme\"} x", Reason::ContextMalformed),
        (b"{'tenant':'acme'}", Reason::ContextMalformed),
        (b"{\"tenant\":\"ac\xffme\"}", Reason::ContextMalformed),
        (b"{\"tenant\":\"acme\",}", Reason::ContextMalformed),
        (b"{\"tenant\":\"acme\"", Reason::ContextMalformed),
        (b"{\0\"\0t\0", Reason::ContextMalformed),
        (b" ", Reason::ContextMalformed),
    ] {
        let refusal = read(&HeaderMap::new(), text).unwrap_err();
        let text = String::from_utf8_lossy(text);
        assert_eq!(refusal.reason(), reason, "{text}");
        assert_eq!(refusal.place().unwrap().to_string(), "body `json`");
    }
    let deep = ["[".repeat(100_000), "]".repeat(100_000)].concat();
    let refusal = read(&HeaderMap::new(), deep.as_bytes()).unwrap_err();
    assert_eq!(refusal.reason(), Reason::ContextMalformed, "nesting");
}

#[test]
fn every_mistake_of_a_configuration_has_a_message() {
    let message = |builder: BodyWitnessBuilder| builder.build().unwrap_err().to_string();
    for pointer in ["", "/", "tenant", "#/tenant", "/a~", "/a~2b"] {
        assert_eq!(
            message(BodyWitnessLayer::builder().add_tenant_field(pointer)),
            format!(
                "body field `{pointer}` is no json pointer to a member, expected as in \
                 `/order/tenant_id`"
            )
        );
    }
    let none = BodyWitnessLayer::builder();
    assert_eq!(message(none), "no body field is declared as a witness");
    let twice = BodyWitnessLayer::builder()
        .add_tenant_field("/tenant")
        .add_optional_tenant_field("/tenant");
    assert_eq!(
        message(twice),
        "body field `/tenant` is declared twice as a witness"
    );
}
