//! Services that cannot be judged: the probe says why, and ends.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::broken::{ALL, Broken, Service, token};
use super::instances::balanced;
use super::{Probe, ids};

fn probe(service: &Service) -> Probe {
    let (own, other) = (token("acme"), token("globex"));
    Probe::new(service.address, "/t/acme/orders", own, other).flags(&[
        "--tenant",
        "acme",
        "--other-tenant",
        "globex",
        "--timeout",
        "1",
    ])
}

/// What the reason must say. A machine under load may not get to the end of a limit in time.
fn words(broken: Broken) -> &'static [&'static str] {
    const ENDLESS: &str = "did not end within its limit";
    const LATE: &str = "no answer came in time";
    match broken {
        Broken::Closes | Broken::Cut => &["the connection was closed"],
        Broken::EndlessBody | Broken::Trickles => &[ENDLESS],
        Broken::EndlessHead => &["the header of the answer is over its limit", LATE],
        Broken::EndlessInterim => &[ENDLESS, LATE],
        Broken::Garbage => &["the answer is no HTTP"],
        Broken::Hangs => &[LATE],
        Broken::InternalError => &["500"],
        Broken::Redirects => &["redirects to /login"],
    }
}

/// All at once, as most of the time is spent waiting for them.
fn each(test: impl Fn(Broken) + Sync) {
    std::thread::scope(|scope| {
        for broken in ALL {
            let test = &test;
            scope.spawn(move || test(broken));
        }
    });
}

#[test]
fn a_service_that_is_broken_from_the_start_is_not_judged() {
    each(|broken| {
        let service = Service::start(broken, 0);
        let (status, report) = probe(&service).report();
        assert_eq!(status, 3, "{broken:?}: {report:#}");
        let why = report["unjudged"].as_str().unwrap();
        assert!(
            why.starts_with("the honest request was not served"),
            "{why}"
        );
        let said = words(broken).iter().any(|words| why.contains(words));
        assert!(said, "{broken:?}: {why}");
        // It was asked for its honest answer, and not attacked.
        assert!(service.asked() <= 2, "{broken:?}: {}", service.asked());
        assert!(ids(&report, "refused").is_empty() && ids(&report, "accepted").is_empty());
    });
}

#[test]
fn a_service_that_breaks_under_attack_is_not_judged_by_what_it_no_longer_says() {
    each(|broken| {
        let service = Service::start(broken, 200);
        let (status, report) = probe(&service).report();
        assert_eq!(status, 3, "{broken:?}: {report:#}");
        assert!(
            ids(&report, "accepted").is_empty(),
            "{broken:?}: {report:#}"
        );
        assert!(
            !ids(&report, "refused").is_empty(),
            "{broken:?}: {report:#}"
        );
        let why = report["unjudged"].as_str().unwrap();
        let said = words(broken).iter().any(|words| why.contains(words));
        assert!(said, "{broken:?}: {why}");
    });
}

#[test]
fn its_twin_that_stays_whole_is_judged() {
    let service = Service::start(Broken::Hangs, usize::MAX);
    let (status, report) = probe(&service).report();
    assert_eq!(
        status,
        0,
        "{} {:?}",
        report["unjudged"],
        ids(&report, "accepted")
    );
    assert!(ids(&report, "refused").len() > 20, "{report:#}");
}

#[test]
fn an_address_where_nobody_listens_is_not_judged() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = free.local_addr().unwrap();
    drop(free);
    let (own, other) = (token("acme"), token("globex"));
    let probe = Probe::new(address, "/t/acme/orders", own, other);
    let names = ["--tenant", "acme", "--other-tenant", "globex"];
    let (status, report) = probe.flags(&names).report();
    assert_eq!(status, 3);
    let why = report["unjudged"].as_str().unwrap();
    assert!(why.contains("no connection was made"), "{why}");
}

#[test]
fn a_token_that_opens_nothing_accuses_nobody() {
    let service = Service::start(Broken::Hangs, usize::MAX);
    let mut probe = probe(&service);
    probe.own = token("nobody");
    let (status, report) = probe.report();
    assert_eq!(status, 3);
    let why = report["unjudged"].as_str().unwrap();
    assert!(why.contains("refused with status 403"), "{why}");
}

#[test]
fn a_run_that_comes_to_its_limit_says_what_it_did_not_try() {
    let service = Service::start(Broken::Hangs, usize::MAX);
    let (status, report) = probe(&service).flags(&["--max", "300"]).report();
    assert_eq!(status, 3, "{:?}", ids(&report, "accepted"));
    assert_eq!(report["requests"], 300);
    assert_eq!(service.asked(), 300);
    assert!(!ids(&report, "refused").is_empty());
    let why = report["unjudged"].as_str().unwrap();
    assert!(why.contains("`--max`"), "{why}");
}

/// A token as some issuers sign them: without a key id, and with a signature whose length in base64
/// leaves no bits over.
fn short_headed(tenant: &str) -> String {
    let claims = URL_SAFE_NO_PAD.encode(format!(r#"{{"sub":"ada","tenant":"{tenant}"}}"#));
    let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"ES384"}"#);
    let signature = [tenant.as_bytes()[0]; 96];
    format!("{header}.{claims}.{}", URL_SAFE_NO_PAD.encode(signature))
}

#[test]
fn what_a_token_has_no_part_for_is_no_gap() {
    let (address, _runtime) = balanced(1, short_headed);
    let probe = || {
        let (own, other) = (short_headed("acme"), short_headed("globex"));
        Probe::new(address, "/t/acme/orders", own, other)
    };
    let (status, report) = probe().report();
    assert_eq!(
        status,
        0,
        "{:?} {}",
        ids(&report, "accepted"),
        report["unjudged"]
    );
    let absent = ids(&report, "not applicable");
    for id in ["signatures/no-key-id", "tokens/spare-bits"] {
        assert!(absent.contains(&id), "{absent:?}");
    }
    // But where nothing else was tried, nothing is known.
    let (status, report) = probe().flags(&["--only", "tokens/spare-bits"]).report();
    assert_eq!(status, 3, "{report:#}");
}
