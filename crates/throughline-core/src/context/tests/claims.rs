//! Every claim: absent, of another type, out of its grammar, in contradiction to another one.

use std::collections::BTreeSet;
use std::time::Duration;

use super::*;
use crate::fixture::{platform_claims, vouched};
use crate::freshness::Freshness;
use crate::hop;

// failure: X8
// failure: X10
#[test]
fn every_required_claim_is_missed_by_its_name() {
    assert_eq!(verdict(&claims()), Ok(()));
    let cases = [
        ("/aud", "aud"),
        ("/iat", "iat"),
        ("/exp", "exp"),
        ("/txn", "txn"),
        ("/sub", "sub"),
        ("/scope", "scope"),
        ("/req_wl", "req_wl"),
        ("/tctx", "tctx"),
        ("/rctx", "rctx"),
        ("/rctx/as_of", "rctx.as_of"),
        ("/tctx/kind", "tctx.kind"),
        ("/tctx/tenant", "tctx.tenant"),
        ("/tctx/idp", "tctx.idp"),
        ("/tctx/sub", "tctx.sub"),
        ("/act", "act"),
        ("/act/sub", "act.sub"),
        ("/act/kind", "act.kind"),
        ("/act/act/sub", "act.sub"),
        ("/act/act/kind", "act.kind"),
        ("/tctx/attr/plan/value", "tctx.attr"),
        ("/tctx/attr/plan/source", "tctx.attr"),
        ("/tctx/attr/plan/at", "tctx.attr"),
    ];
    for (pointer, claim) in cases {
        let found = verdict(&without(claims(), pointer));
        assert_eq!(found, refused(Reason::ClaimMissing, claim), "{pointer}");
    }
    // What is left is optional, but for the parts of a detail.
    let required: BTreeSet<_> = cases.iter().map(|(pointer, _)| *pointer).collect();
    for pointer in pointers(&claims()) {
        if required.contains(&*pointer) || pointer.contains("/0") || pointer.ends_with("/1") {
            continue;
        }
        let expected = match &*pointer {
            "/tctx/task/id" => Err(Reason::ClaimInvalid),
            _ => Ok(()),
        };
        assert_eq!(reason(&without(claims(), &pointer)), expected, "{pointer}");
    }
    assert_eq!(
        verdict(&without(claims(), "/tctx/data/0/type")),
        refused(Reason::ClaimInvalid, "tctx.data")
    );
}

// failure: X8
#[test]
fn a_key_speaks_for_the_issuer_it_is_pinned_to_and_for_no_other() {
    let read = |iss: Option<&str>, policy: &crate::hop::TokenPolicy, pinned: Option<&str>| {
        let issuers = match pinned {
            Some(pinned) => Issuers::OneOf([pinned.into()].into()),
            None => Issuers::any(),
        };
        let claims = match iss {
            Some(iss) => with(claims(), "/iss", json!(iss)),
            None => without(claims(), "/iss"),
        };
        let payload = claims.to_string();
        named(read_claims(payload.as_bytes(), policy, &issuers, NOW).map(|_| ()))
    };
    let other = "https://other.example";
    let any = policy();
    let demanding = policy().with_issuer(ISSUER);
    let missing = refused(Reason::ClaimMissing, "iss");
    let untrusted = refused(Reason::IssuerUntrusted, "iss");

    assert_eq!(read(Some(ISSUER), &any, Some(ISSUER)), Ok(()));
    assert_eq!(read(Some(other), &any, Some(ISSUER)), untrusted);
    assert_eq!(
        read(Some(&format!("{ISSUER}/")), &any, Some(ISSUER)),
        untrusted
    );
    assert_eq!(read(Some(""), &any, Some(ISSUER)), untrusted);
    assert_eq!(read(None, &any, Some(ISSUER)), missing);

    assert_eq!(read(Some(ISSUER), &demanding, None), Ok(()));
    assert_eq!(read(Some(other), &demanding, None), untrusted);
    assert_eq!(read(None, &demanding, None), missing);
    // A key of another issuer does not help a policy that names one, nor the other way round.
    assert_eq!(read(Some(other), &demanding, Some(other)), untrusted);
    assert_eq!(read(Some(ISSUER), &demanding, Some(other)), untrusted);

    assert_eq!(read(None, &any, None), Ok(()));
}

// failure: X8
#[test]
fn a_key_speaks_for_each_of_several_names_or_for_all_that_nobody_else_is_pinned_to() {
    let among = |iss: &str, issuers: &Issuers| {
        let payload = with(claims(), "/iss", json!(iss)).to_string();
        named(read_claims(payload.as_bytes(), &policy(), issuers, NOW).map(|_| ()))
    };
    let untrusted = refused(Reason::IssuerUntrusted, "iss");
    let own = Issuers::OneOf(["a".into(), "b".into()].into());
    let others = Issuers::AllBut(["a".into(), "b".into()].into());
    for (iss, of_own, of_others) in [
        ("a", Ok(()), untrusted.clone()),
        ("b", Ok(()), untrusted.clone()),
        ("c", untrusted.clone(), Ok(())),
        ("", untrusted.clone(), Ok(())),
        ("A", untrusted.clone(), Ok(())),
    ] {
        assert_eq!(among(iss, &own), of_own, "{iss}");
        assert_eq!(among(iss, &others), of_others, "{iss}");
    }
    assert_eq!(among("a", &Issuers::OneOf([].into())), untrusted);
}

// failure: X7
#[test]
fn request_context_under_another_name_is_missing() {
    let mut renamed = claims();
    let rctx = renamed.pointer("/rctx").unwrap().clone();
    put(&mut renamed, "/req_ctx", rctx);
    assert_eq!(verdict(&renamed), Ok(()), "the other name alone is ignored");
    cut(&mut renamed, "/rctx");
    assert_eq!(verdict(&renamed), refused(Reason::ClaimMissing, "rctx"));
}

// failure: X10
#[test]
fn only_the_platform_has_no_tenant() {
    assert_eq!(verdict(&platform_claims()), Ok(()));
    for kind in ["user", "delegated_agent", "autonomous_agent", "workload"] {
        let mut own = with(claims(), "/tctx/kind", json!(kind));
        if matches!(kind, "user" | "workload") {
            cut(&mut own, "/act");
        }
        assert_eq!(verdict(&own), Ok(()), "{kind}");
        cut(&mut own, "/tctx/tenant");
        let missing = refused(Reason::ClaimMissing, "tctx.tenant");
        assert_eq!(verdict(&own), missing, "{kind}");
        // Nor is it one when the composition agrees that there is none.
        put(&mut own, "/sub", json!("okta//ada"));
        assert_eq!(verdict(&own), missing, "{kind}");
    }
    let mut platform = platform_claims();
    put(&mut platform, "/tctx/tenant", json!("acme"));
    assert_eq!(verdict(&platform), refused(Reason::ClaimInvalid, "sub"));
    put(&mut platform, "/sub", json!("okta/acme/ada"));
    assert_eq!(
        verdict(&platform),
        refused(Reason::ClaimInvalid, "tctx.tenant")
    );
    let unsaid = without(platform_claims(), "/tctx/kind");
    assert_eq!(verdict(&unsaid), refused(Reason::ClaimMissing, "tctx.kind"));
}

// failure: X19
#[test]
fn a_tenant_of_the_wrong_type_is_invalid_and_nothing_stands_in_for_it() {
    for wrong in [
        json!(null),
        json!(true),
        json!(0),
        json!(17),
        json!([]),
        json!(["acme"]),
        json!(["acme", "globex"]),
        json!({}),
        json!({"id": "acme"}),
    ] {
        let claims = with(claims(), "/tctx/tenant", wrong.clone());
        assert_eq!(reason(&claims), Err(Reason::ClaimInvalid), "{wrong}");
    }
}

#[test]
fn a_tenant_outside_its_grammar_is_no_tenant() {
    for wrong in [
        "",
        " ",
        "-acme",
        ".acme",
        ":",
        "acme ",
        "ac me",
        "acme/globex",
        "acme,globex",
        "acme%2F",
        "acmé",
        "acme\0",
        "acme\n",
        "*",
        "{tenant}",
        "${TENANT}",
        "\u{feff}acme",
        &"a".repeat(Tenant::MAX_LEN + 1),
    ] {
        let claims = with(claims(), "/tctx/tenant", json!(wrong));
        let expected = refused(Reason::TenantInvalid, "tctx.tenant");
        assert_eq!(verdict(&claims), expected, "{wrong:?}");
        // It is invalid before it is asked whether anything agrees with it.
        let composed = with(claims, "/sub", json!(format!("okta/{wrong}/ada")));
        assert_eq!(verdict(&composed), expected, "{wrong:?}");
    }
    for right in ["acme:eu", &"a".repeat(Tenant::MAX_LEN)] {
        let mut claims = with(claims(), "/tctx/tenant", json!(right));
        let sub = format!("okta/{}/ada", right.replace(':', "%3A"));
        put(&mut claims, "/sub", json!(sub));
        assert_eq!(verdict(&claims), Ok(()), "{right}");
    }
}

// failure: X19
#[test]
fn a_claim_of_another_type_is_invalid_wherever_it_stands() {
    let wrong = [
        json!(null),
        json!(true),
        json!(-1),
        json!(1e300),
        json!(18_446_744_073_709_551_615_u64),
        json!("text"),
        json!(""),
        json!([]),
        json!(["text"]),
        json!({}),
        json!({"a": "b"}),
    ];
    let mut tried = 0;
    let all = claims();
    for pointer in pointers(&all) {
        // A constraint nobody knows is read, and permits nothing: it has a test of its own. The
        // value of an attribute has several types, and array members are tried with the array.
        let free = pointer.starts_with("/tctx/data/0/select/") || pointer.ends_with("/value");
        if free {
            continue;
        }
        let right = all.pointer(&pointer).unwrap();
        for wrong in &wrong {
            let same_type = match (right, wrong) {
                (Value::String(_), Value::String(_))
                | (Value::Array(_), Value::Array(_))
                | (Value::Object(_), Value::Object(_)) => true,
                // One audience may stand in an array.
                (_, Value::Array(_)) => pointer == "/aud",
                // Any number but those above is a date; an epoch may be large.
                (Value::Number(_), Value::Number(number)) => {
                    pointer == "/rctx/epoch" && number.is_u64()
                }
                _ => false,
            };
            if same_type {
                continue;
            }
            let claims = with(all.clone(), &pointer, wrong.clone());
            let found = reason(&claims);
            assert_eq!(found, Err(Reason::ClaimInvalid), "{pointer} is {wrong}");
            tried += 1;
        }
    }
    assert_eq!(tried, 481);
}

// failure: X19
#[test]
fn an_array_is_not_an_object_with_the_names_left_out() {
    for (pointer, array) in [
        ("/tctx", json!(["delegated_agent", "acme", "okta", "ada"])),
        ("/rctx", json!([AS_OF])),
        ("/act", json!(["agents/acme/bot", "agent", "a-1"])),
        ("/act/act", json!(["ops/globex/broker", "service"])),
        ("/tctx/task", json!(["q3"])),
        ("/tctx/attr/plan", json!(["gold", "billing", IAT])),
        (
            "/tctx/attr",
            json!([["plan", {"value": 1, "source": "a", "at": 1}]]),
        ),
        ("/tctx/data/0", json!([["type", "order"]])),
    ] {
        let claims = with(claims(), pointer, array);
        assert_eq!(reason(&claims), Err(Reason::ClaimInvalid), "{pointer}");
    }
    let whole = json!([
        ISSUER, "prod.example", IAT, IAT, IAT + 300, "t-1", "okta/acme/ada", "orders.read", "edge",
        {"sub": "agents/acme/bot", "kind": "agent"},
        claims().pointer("/tctx").unwrap(), claims().pointer("/rctx").unwrap(),
    ]);
    assert_eq!(reason(&whole), Err(Reason::ClaimInvalid));
    for other in ["", "null", "1", "\"\"", "[]", "{", "{}x"] {
        let found = read_bytes(other.as_bytes()).unwrap_err().reason();
        assert_eq!(found, Reason::ClaimInvalid, "{other}");
    }
    assert_eq!(verdict(&json!({})), refused(Reason::ClaimMissing, "aud"));
}

#[test]
fn a_date_is_seconds_and_may_have_a_fraction() {
    let dates = [
        ("/iat", "iat"),
        ("/nbf", "nbf"),
        ("/exp", "exp"),
        ("/rctx/as_of", "rctx.as_of"),
        ("/rctx/auth_time", "rctx.auth_time"),
        ("/tctx/task/deadline", "tctx.task"),
        ("/tctx/attr/plan/at", "tctx.attr"),
    ];
    for (pointer, claim) in dates {
        let seconds = claims().pointer(pointer).unwrap().as_u64().unwrap();
        let fraction = with(claims(), pointer, json!(seconds as f64 + 0.75));
        assert_eq!(
            read(&fraction).unwrap(),
            read(&claims()).unwrap(),
            "{claim}"
        );
        for wrong in [
            json!(seconds * 1000),
            json!(seconds * 1_000_000),
            json!(-1),
            json!(-0.5),
            json!(253_402_300_800_u64),
            json!(1e18),
        ] {
            let claims = with(claims(), pointer, wrong.clone());
            assert_eq!(
                verdict(&claims),
                refused(Reason::ClaimInvalid, claim),
                "{wrong}"
            );
        }
        let text = with(claims(), pointer, json!(seconds.to_string()));
        assert_eq!(reason(&text), Err(Reason::ClaimInvalid), "{claim}");
    }
}

#[test]
fn an_audience_is_one() {
    let aud = |aud: Value| verdict(&with(claims(), "/aud", aud));
    let other = refused(Reason::AudienceMismatch, "aud");
    assert_eq!(aud(json!("prod.example")), Ok(()));
    assert_eq!(aud(json!(["prod.example"])), Ok(()));
    assert_eq!(aud(json!("staging.example")), other);
    assert_eq!(aud(json!("PROD.example")), other);
    assert_eq!(aud(json!("prod.example.")), other);
    assert_eq!(aud(json!("")), other);
    assert_eq!(aud(json!([])), other);
    assert_eq!(aud(json!(["prod.example", "staging.example"])), other);
    assert_eq!(aud(json!(["staging.example", "prod.example"])), other);
    assert_eq!(aud(json!(["prod.example", "prod.example"])), other);
}

#[test]
fn the_composed_sub_agrees_with_its_parts_byte_for_byte() {
    let invalid = refused(Reason::ClaimInvalid, "sub");
    for sub in [
        "okta/globex/ada",
        "okta/acme/eve",
        "entra/acme/ada",
        "ada",
        "okta//ada",
        "okta/acme/ada/",
        "okta/acme/%61da",
        "OKTA/acme/ada",
        "",
    ] {
        let claims = with(claims(), "/sub", json!(sub));
        assert_eq!(verdict(&claims), invalid, "{sub}");
    }
    for (pointer, part) in [
        ("/tctx/idp", "entra"),
        ("/tctx/tenant", "globex"),
        ("/tctx/sub", "eve"),
    ] {
        let claims = with(claims(), pointer, json!(part));
        assert_eq!(verdict(&claims), invalid, "{pointer}");
    }
    // `a/b` of one part is not the border of two.
    let mut claims = with(claims(), "/tctx/sub", json!("eu/ada"));
    put(&mut claims, "/sub", json!("okta/acme/eu/ada"));
    assert_eq!(verdict(&claims), invalid);
    put(&mut claims, "/sub", json!("okta/acme/eu%2Fada"));
    assert_eq!(verdict(&claims), Ok(()));
}

#[test]
fn a_principal_without_usable_parts_is_invalid() {
    for (pointer, part) in [
        ("/tctx/idp", ""),
        ("/tctx/idp", "ok/ta"),
        ("/tctx/idp", "-okta"),
        ("/tctx/sub", ""),
        ("/tctx/sub", "a\nb"),
        ("/tctx/sub", "a\u{85}b"),
        ("/tctx/sub", &"x".repeat(Principal::MAX_SUBJECT_LEN + 1)),
    ] {
        let claims = with(claims(), pointer, json!(part));
        assert_eq!(verdict(&claims), refused(Reason::ClaimInvalid, "tctx"));
    }
}

#[test]
fn names_are_short_and_visible() {
    for (pointer, claim) in [("/txn", "txn"), ("/req_wl", "req_wl")] {
        for wrong in [
            "",
            " ",
            "a b",
            "a\n",
            "é",
            &"x".repeat(Draft::MAX_NAME_LEN + 1),
        ] {
            let claims = with(claims(), pointer, json!(wrong));
            assert_eq!(verdict(&claims), refused(Reason::ClaimInvalid, claim));
        }
        let longest = with(claims(), pointer, json!("x".repeat(Draft::MAX_NAME_LEN)));
        assert_eq!(verdict(&longest), Ok(()));
    }
}

#[test]
fn what_is_listed_is_known() {
    for (pointer, claim, wrong) in [
        ("/tctx/kind", "tctx.kind", json!("User")),
        ("/tctx/kind", "tctx.kind", json!("")),
        ("/act/kind", "act.kind", json!("robot")),
        ("/act/sub", "act.sub", json!("bot")),
        ("/act/sub", "act.sub", json!("agents/-acme/bot")),
        ("/scope", "scope", json!("orders.* *")),
        ("/scope", "scope", json!("orders.read  orders.write")),
        ("/tctx/proj", "tctx.proj", json!(["tenant@cookie:tenant"])),
        ("/tctx/proj", "tctx.proj", json!(["tenant"])),
        ("/act/sid", "act.sid", json!("")),
        ("/act/sid", "act.sid", json!("a\n")),
        ("/act/sid", "act.sid", json!("a".repeat(256))),
        ("/tctx/proj", "tctx.proj", json!(["email@header:x-email"])),
        ("/tctx/task", "tctx.task", json!({"id": ""})),
        ("/tctx/task", "tctx.task", json!({"id": "a b"})),
        ("/tctx/task", "tctx.task", json!({"id": "a", "purpose": ""})),
        ("/tctx/task", "tctx.task", json!({})),
        ("/rctx/auth_time", "rctx.auth_time", json!(IAT + 1)),
        ("/rctx/as_of", "rctx.as_of", json!(IAT + 1)),
        ("/exp", "exp", json!(IAT)),
    ] {
        let claims = with(claims(), pointer, wrong.clone());
        let expected = refused(Reason::ClaimInvalid, claim);
        assert_eq!(verdict(&claims), expected, "{pointer} is {wrong}");
    }
}

#[test]
fn a_delegated_agent_names_the_agent() {
    let missing = without(claims(), "/act");
    assert_eq!(verdict(&missing), refused(Reason::ClaimMissing, "act"));
    for kind in ["service", "person"] {
        let claims = with(claims(), "/act/kind", json!(kind));
        assert_eq!(verdict(&claims), refused(Reason::ClaimMissing, "act"));
    }
    // A service in front of the agent does not hide it, and an agent is not hidden behind a kind.
    let behind = with(claims(), "/act/act/kind", json!("agent"));
    let behind = with(behind, "/act/kind", json!("service"));
    assert_eq!(verdict(&behind), Ok(()));
    for kind in ["user", "workload"] {
        let claims = with(behind.clone(), "/tctx/kind", json!(kind));
        assert_eq!(verdict(&claims), refused(Reason::ClaimInvalid, "act"));
        let alone = with(missing.clone(), "/tctx/kind", json!(kind));
        assert_eq!(verdict(&alone), Ok(()));
    }
}

#[test]
fn chains_of_actors_end_and_do_not_run_in_circles() {
    let chain = |names: &[String]| {
        let act = names
            .iter()
            .rev()
            .fold(None, |behind: Option<Value>, name| {
                let mut act = json!({"sub": format!("agents/acme/{name}"), "kind": "agent"});
                if let Some(behind) = behind {
                    put(&mut act, "/act", behind);
                }
                Some(act)
            });
        verdict(&with(claims(), "/act", act.unwrap()))
    };
    let names = |n: usize| (0..n).map(|n| format!("a{n}")).collect::<Vec<_>>();
    let most = ActorChain::MAX_DEPTH;
    assert_eq!(chain(&names(most)), Ok(()));
    assert_eq!(
        chain(&names(most + 1)),
        refused(Reason::DepthExceeded, "act")
    );
    assert_eq!(chain(&names(20)), refused(Reason::DepthExceeded, "act"));
    // Beyond what JSON may nest it is not even read.
    assert_eq!(chain(&names(40)), Err((Reason::ClaimInvalid, None)));
    for (one, two) in [(0, 1), (0, 3), (2, 3)] {
        let mut names = names(4);
        names[two] = names[one].clone();
        assert_eq!(chain(&names), refused(Reason::LoopDetected, "act"));
    }
}

#[test]
fn a_repeated_member_is_invalid_at_every_depth_however_it_is_spelt() {
    let escaped = |name: &str| {
        name.chars()
            .map(|c| format!("\\u{:04x}", u32::from(c)))
            .collect::<String>()
    };
    let mut claims = claims();
    put(&mut claims, "/unknown", json!({"deep": [{"a": 1}]}));
    let objects: Vec<String> = std::iter::once(String::new())
        .chain(pointers(&claims))
        .filter(|pointer| claims.pointer(pointer).is_some_and(Value::is_object))
        .collect();
    assert_eq!(objects.len(), 15);
    let plain = render(&claims, "", &as_it_is, None);
    assert_eq!(read_bytes(plain.as_bytes()), read(&claims));
    for object in &objects {
        for spell in [&str::to_owned as Spell<'_>, &escaped] {
            let text = render(&claims, "", &as_it_is, Some((object, spell)));
            let found = read_bytes(text.as_bytes()).unwrap_err();
            assert_eq!(found.reason(), Reason::ClaimInvalid, "{text}");
            assert!(found.to_string().contains("repeats"), "{found}");
        }
    }
}

#[test]
fn an_escaped_claim_is_read_like_a_plain_one() {
    let text = claims()
        .to_string()
        .replace("\"tenant\"", "\"\\u0074enant\"")
        .replace("\"acme\"", "\"\\u0061cme\"");
    assert_ne!(text, claims().to_string());
    assert_eq!(read_bytes(text.as_bytes()), read(&claims()));
}

#[test]
fn what_holds_in_the_second_of_issue_is_not_of_the_future() {
    for (pointer, claim) in [
        ("/rctx/auth_time", "rctx.auth_time"),
        ("/tctx/attr/plan/at", "tctx.attr"),
    ] {
        assert_eq!(verdict(&with(claims(), pointer, json!(IAT))), Ok(()));
        let later = with(claims(), pointer, json!(IAT + 1));
        assert_eq!(verdict(&later), refused(Reason::ClaimInvalid, claim));
    }
}

#[test]
fn the_log_learns_what_was_found_in_a_claim_of_another_type_but_not_in_broken_json() {
    let detail = |payload: &[u8]| {
        read_bytes(payload)
            .unwrap_err()
            .detail()
            .unwrap()
            .to_owned()
    };
    let shape = detail(with(claims(), "/txn", json!(17)).to_string().as_bytes());
    assert!(shape.starts_with("invalid type: integer"), "{shape}");
    assert_eq!(detail(b"{"), "text is not json");
    let twice = claims().to_string().replacen('{', "{\"txn\":\"t-1\",", 1);
    assert_eq!(
        detail(twice.as_bytes()),
        "json repeats a member name in one object"
    );
}

#[test]
fn what_a_context_says_can_be_asked() {
    let context = read(&claims()).unwrap();
    assert_eq!(
        context.request().facts.get("ip").map(|ip| &**ip),
        Some("192.0.2.1")
    );
    assert_eq!(
        context.request().trace_id.as_deref().map(str::len),
        Some(32)
    );
    assert_eq!(context.epoch(), Some(7));
    assert_eq!(context.requester(), "edge");
    assert_eq!(context.transaction(), "t-1");
    let silent = read(&without(claims(), "/rctx/epoch")).unwrap();
    assert_eq!(silent.epoch(), None);
}

#[test]
fn members_nobody_knows_are_ignored_outside_of_the_data_scope() {
    let expected = read(&claims()).unwrap();
    for object in [
        "",
        "/tctx",
        "/rctx",
        "/act",
        "/act/act",
        "/tctx/task",
        "/tctx/attr/plan",
    ] {
        for value in [json!(null), json!({"tenant": "globex"}), json!("globex")] {
            let claims = with(claims(), &format!("{object}/org"), value);
            assert_eq!(read(&claims).unwrap(), expected, "{object}");
        }
    }
}

#[test]
fn what_a_key_vouched_for_is_kept_byte_for_byte() {
    let spaced = serde_json::to_vec_pretty(&claims()).unwrap();
    let seam = |token: &[u8]| Ok((token.to_vec(), vouched()));
    let genuine = hop::authenticate(&spaced, &seam, &policy(), NOW).unwrap();
    assert_eq!(&**genuine.token(), &*spaced);
    assert_eq!(genuine.vouched(), &vouched());
    let tenant = genuine.tenant_for_accounting().map(Tenant::as_str);
    assert_eq!(tenant, Some("acme"));
    assert_eq!(genuine.expires_at().as_unix(), IAT + 300);
    // What is forwarded are the bytes that came, at every step of the proof.
    let fresh = Freshness::lifetime_only(Duration::from_secs(3_600));
    let verified = hop::verify(genuine, &policy(), &fresh, NOW).unwrap();
    assert_eq!(&**verified.token(), &*spaced);
    let agreed = hop::agree(&verified, []).unwrap();
    let admitted = hop::complete(agreed, []).unwrap();
    assert_eq!(&**admitted.token(), &*spaced);
    assert_eq!(admitted.tenant().map(Tenant::as_str), Some("acme"));
}
