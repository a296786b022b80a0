//! What the probe prints: for people, for programs and for code scanning.

use serde_json::Value;

use super::Probe;
use super::leaky::{Leak, Shop};

/// A shop that leaks in one way, attacked in three.
fn probe(shop: &Shop) -> Probe {
    let (own, other) = (shop.token("acme"), shop.token("globex"));
    Probe::new(shop.address, "/t/acme/orders", own, other).flags(&[
        "--only",
        "headers/tenant-of-another",
        "--only",
        "witnesses/path-of-another",
        "--only",
        "witnesses/query-of-another",
    ])
}

#[test]
fn the_figures_come_first_then_what_was_accepted_and_why_it_matters() {
    let shop = Shop::start(Leak::Header);
    let output = probe(&shop).run();
    assert_eq!(crate::code(&output), 1);
    let text = crate::stdout(&output);
    let mut lines = text.lines();
    assert_eq!(
        lines.next().unwrap(),
        " 2 attacks · 1 refused · 1 accepted · 1 not applicable"
    );
    let rate = lines.next().unwrap();
    assert!(
        rate.contains(&format!(
            " requests to http://{}/t/{{tenant}}/orders in ",
            shop.address
        )) && rate.ends_with("/s"),
        "{rate}"
    );
    for part in [
        "\n ACCEPTED headers/tenant-of-another: ",
        "\n  sent:\n    GET /t/acme/orders\n",
        "authorization: Bearer ‹token of acme, ",
        "x-tenant-id: globex",
        "\n  came back:\n    200 OK\n",
        "doomsday-lever-4402",
        "\n  why it matters: ",
        "\n  seen in: OWASP",
        "(https://",
        "\n not applicable\n  1 needs query_tenant: `{tenant}` in the url's query\n",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(!text.contains("witnesses/path-of-another"), "{text}");
}

#[test]
fn a_service_that_holds_is_told_in_two_lines_and_what_was_guessed() {
    let shop = Shop::start(None);
    let output = probe(&shop)
        .flags(&["--skip", "witnesses/query-of-another"])
        .run();
    assert_eq!(crate::code(&output), 0);
    let text = crate::stdout(&output);
    assert!(
        text.starts_with(" 2 attacks · 2 refused · 0 accepted · 1 left out\n"),
        "{text}"
    );
    let rest: Vec<_> = text.lines().skip(2).collect();
    assert_eq!(
        rest,
        [
            " note: the own tenant is `acme`, as its token says at /tenant",
            " note: the other tenant is `globex`, as its token says at /tenant"
        ]
    );
}

#[test]
fn the_rate_is_kept_and_reported() {
    let shop = Shop::start(None);
    let (status, report) = probe(&shop).slow("100/s").report();
    assert_eq!(status, 0);
    let (requests, seconds) = (&report["requests"], &report["seconds"]);
    let (requests, seconds) = (requests.as_f64().unwrap(), seconds.as_f64().unwrap());
    // The first goes at once, and no machine is too slow for this.
    let most = (requests - 1.0) / seconds;
    assert!(most <= 100.0, "{most}");
    assert_eq!(report["rate"].as_f64().unwrap(), requests / seconds);
}

fn sarif(probe: Probe) -> (i32, Value) {
    let output = probe.flags(&["--sarif"]).run();
    let log = serde_json::from_slice(&output.stdout).unwrap();
    (crate::code(&output), log)
}

#[test]
fn sarif_has_the_attacks_as_rules_and_what_was_accepted_as_failures() {
    let shop = Shop::start(Leak::Header);
    let (status, log) = sarif(probe(&shop));
    assert_eq!(status, 1);
    check(&log);
    let run = &log["runs"][0];
    let rules = run["tool"]["driver"]["rules"].as_array().unwrap();
    let ids: Vec<_> = rules
        .iter()
        .map(|rule| rule["id"].as_str().unwrap())
        .collect();
    assert_eq!(
        ids,
        [
            "headers/tenant-of-another",
            "witnesses/path-of-another",
            "witnesses/query-of-another"
        ]
    );
    let results = run["results"].as_array().unwrap();
    assert_eq!(results.len(), 1);
    let result = &results[0];
    assert_eq!(result["ruleId"], "headers/tenant-of-another");
    assert_eq!(result["ruleIndex"], 0);
    assert_eq!(result["kind"], "fail");
    assert_eq!(result["level"], "error");
    let text = result["message"]["text"].as_str().unwrap();
    assert!(text.contains("x-tenant-id: globex"), "{text}");
    let place = &result["locations"][0]["physicalLocation"]["artifactLocation"];
    assert!(
        place["uri"]
            .as_str()
            .unwrap()
            .ends_with("/t/%7Btenant%7D/orders")
    );
    let invocation = &run["invocations"][0];
    assert_eq!(invocation["executionSuccessful"], true);
    assert_eq!(invocation["exitCode"], 1);
}

#[test]
fn sarif_leaves_open_what_could_not_be_judged() {
    let shop = Shop::start(None);
    let mut probe = probe(&shop);
    probe.own = shop.expired("acme");
    let (status, log) = sarif(probe);
    assert_eq!(status, 3);
    check(&log);
    let run = &log["runs"][0];
    let results = run["results"].as_array().unwrap();
    assert!(!results.is_empty());
    for result in results {
        assert_eq!(result["kind"], "open");
        assert_eq!(result["level"], "none");
    }
    let invocation = &run["invocations"][0];
    assert_eq!(invocation["executionSuccessful"], false);
    let told = &invocation["toolExecutionNotifications"][0]["message"]["text"];
    let told = told.as_str().unwrap();
    assert!(
        told.starts_with("the honest request was not served"),
        "{told}"
    );
}

/// The members that the schema of SARIF 2.1.0 requires, and the words it allows, for every object
/// that is written here.
fn check(log: &Value) {
    let text = |value: &Value| assert!(value["text"].as_str().is_some_and(|text| !text.is_empty()));
    assert_eq!(log["version"], "2.1.0");
    assert!(
        log["$schema"]
            .as_str()
            .unwrap()
            .ends_with("sarif-schema-2.1.0.json")
    );
    for run in log["runs"].as_array().unwrap() {
        let driver = &run["tool"]["driver"];
        assert!(driver["name"].is_string());
        let rules = driver["rules"].as_array().unwrap();
        for rule in rules {
            assert!(rule["id"].is_string());
            for description in ["shortDescription", "fullDescription", "help"] {
                text(&rule[description]);
            }
            let uri = rule.get("helpUri").map(|uri| uri.as_str().unwrap());
            assert!(uri.is_none_or(|uri| uri.parse::<http::Uri>().is_ok()));
        }
        for invocation in run["invocations"].as_array().unwrap() {
            assert!(invocation["executionSuccessful"].is_boolean());
            let told = invocation["toolExecutionNotifications"].as_array();
            for notification in told.into_iter().flatten() {
                text(&notification["message"]);
            }
        }
        for result in run["results"].as_array().unwrap() {
            text(&result["message"]);
            let index = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
            assert_eq!(result["ruleId"], rules[index]["id"]);
            let kinds = [
                "fail",
                "informational",
                "notApplicable",
                "open",
                "pass",
                "review",
            ];
            assert!(kinds.contains(&result["kind"].as_str().unwrap()));
            let is_failure = result["kind"] == "fail";
            assert_eq!(result["level"] != "none", is_failure);
            for location in result["locations"].as_array().unwrap() {
                let uri = &location["physicalLocation"]["artifactLocation"]["uri"];
                uri.as_str().unwrap().parse::<http::Uri>().unwrap();
            }
        }
    }
}
