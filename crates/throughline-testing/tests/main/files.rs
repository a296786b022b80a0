//! The catalogue's files: complete, sourced, and enough of them.

use std::collections::BTreeSet;

use throughline_testing::attack::{Attack, Need, Wire};
use throughline_testing::catalogue::Catalogue;
use throughline_testing::run::{Run, World};
use throughline_testing::target::{CredentialPlace, Target};

/// Every attack, over either protocol.
fn all() -> Vec<(String, Attack)> {
    let http = Catalogue::http();
    let grpc = Catalogue::grpc("/a.B/C");
    let both = http.attacks().chain(grpc.attacks());
    let mut all: Vec<_> = both
        .map(|attack| (attack.id().to_owned(), attack.clone()))
        .collect();
    all.sort_by(|(one, _), (other, _)| one.cmp(other));
    all.dedup_by(|(one, _), (other, _)| one == other);
    all
}

#[test]
fn ids_are_unique_over_all_files_and_begin_with_the_files_name() {
    let mut seen = BTreeSet::new();
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/catalogue");
    let mut attacks = 0;
    for file in std::fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        if path.extension().is_none_or(|kind| kind != "json") {
            continue;
        }
        let group = path.file_stem().unwrap().to_str().unwrap();
        for attack in Attack::parse_all(&std::fs::read_to_string(&path).unwrap()).unwrap() {
            assert_eq!(attack.group(), group, "{}", attack.id());
            assert!(seen.insert(attack.id().to_owned()), "{}", attack.id());
            attacks += 1;
        }
    }
    // A file that nobody includes would be a file that nobody runs.
    assert_eq!(attacks, all().len());
}

#[test]
fn there_are_enough_attacks_and_most_take_two_tokens_and_nothing_else() {
    let all = all();
    assert!(all.len() >= 110, "{}", all.len());
    let of_a_stranger = [
        Need::OtherToken,
        Need::Jws,
        Need::PathTenant,
        Need::HostTenant,
        Need::QueryTenant,
        Need::TenantHeader,
        Need::BodyTenant,
        Need::BaggageTenant,
        Need::Bearer,
        Need::TransactionToken,
        Need::PublicKeys,
    ];
    let stranger = all
        .iter()
        .filter(|(_, attack)| {
            attack
                .needs()
                .iter()
                .all(|need| of_a_stranger.contains(need))
        })
        .count();
    assert!(stranger >= 60, "{stranger}");
    let over = |wire| {
        all.iter()
            .filter(|(_, attack)| attack.over().contains(&wire))
            .count()
    };
    assert!(over(Wire::Grpc) >= 110, "{}", over(Wire::Grpc));
    for group in [
        "headers",
        "tokens",
        "keys",
        "caches",
        "baggage",
        "process",
        "grpc",
        "witnesses",
        "signatures",
        "claims",
        "times",
        "freshness",
        "copies",
        "answers",
        "jose",
    ] {
        assert!(
            all.iter().any(|(_, attack)| attack.group() == group),
            "{group}"
        );
    }
}

#[test]
fn every_attack_says_what_it_imitates_and_why_it_matters() {
    for (id, attack) in all() {
        let source = attack.imitates();
        let link = &source.link;
        let public = link.starts_with("https://") || link.starts_with("CVE-");
        assert!(public && !link.contains(' '), "{id}: {link}");
        assert!(source.what.len() > 10, "{id}");
        for text in [attack.title(), attack.why()] {
            assert!(!text.ends_with('.'), "{id}: {text}");
            assert!(
                text.starts_with(|c: char| c.is_lowercase() || c == '`'),
                "{id}: {text}"
            );
        }
        assert!(!attack.variants().is_empty(), "{id}");
    }
}

#[test]
fn a_stranger_with_two_tokens_can_try_most_of_a_bearer_service() {
    let target = Target::http("/t/{tenant}/orders").unwrap();
    let catalogue = Catalogue::aimed(target.with_credential(CredentialPlace::Bearer));
    // Two tokens of somebody else's issuer.
    let token = |tenant: &str| {
        let domain = throughline_testing::TestDomain::new();
        domain.token(tenant)
    };
    let world = World::strangers(token("acme"), Some(token("globex")));
    let plan = Run::new(&catalogue, world).plan();
    let tried = plan.attacks().filter(|attack| attack.missing().is_empty());
    let tried: Vec<_> = tried.collect();
    assert!(tried.len() >= 100, "{}", tried.len());
    for attack in tried {
        let problems: Vec<_> = attack.problems().collect();
        assert_eq!(problems, [""; 0], "{}", attack.id());
    }
}

#[test]
fn a_plan_lists_every_request_and_shows_no_token() {
    let domain = throughline_testing::TestDomain::new();
    let (own, other) = (domain.token("acme"), domain.token("globex"));
    let catalogue = Catalogue::http().at("/t/{tenant}/orders");
    let run = Run::new(
        &catalogue,
        World::strangers(own.clone(), Some(other.clone())),
    );
    let plan = run.plan();
    let text = plan.to_string();
    assert!(plan.requests() > 500, "{}", plan.requests());
    assert!(text.contains("txn-token: ‹token of acme"), "{text}");
    for token in [own, other] {
        for part in token.split('.') {
            assert!(!text.contains(part), "a part of a token is shown");
        }
    }
}

#[test]
fn what_is_left_out_or_kept_must_exist() {
    let kept = Catalogue::http().only(["headers/", "tokens/none"]);
    assert!(kept.has("tokens/none") && kept.has("headers/") && !kept.has("tokens/empty"));
    let misspelt = std::panic::catch_unwind(|| Catalogue::http().without(["headers/tenat"], "?"));
    assert!(misspelt.is_err());
}
