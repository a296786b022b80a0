//! Issuers are never pooled: whose keys vouch, for what, and whose cache knows it.

use serde_json::{Value, json};
use throughline_core::Reason;
use throughline_identity::{Audience, Issuer, IssuerBuilder, Issuers, Profile, Tenancy};
use throughline_jose::{AdmissionPolicy, KeySet, KeySource};

use crate::kit::{
    KID, Key, NOW, assert_refused, but, jwks, principal, problem, published, refusal, set, several,
    trust, verdict,
};

mod cache;
mod claims;
mod forged;

const ONE: &str = "https://one.example";
const TWO: &str = "https://two.example";

pub(crate) fn issuer(alias: &str, name: &str) -> IssuerBuilder {
    Issuer::builder(alias, Profile::RFC9068)
        .named(name)
        .with_audience(Audience::one_of(["api://orders"]))
        .with_tenancy(Tenancy::claim("org"))
}

pub(crate) fn claims(name: &str, org: &str) -> Value {
    json!({
        "iss": name, "aud": "api://orders", "sub": "ada", "client_id": "web", "org": org,
        "email": "ada@users.test", "scope": "orders.read", "jti": "1",
        "iat": NOW - 10, "exp": NOW + 290,
    })
}

/// Two issuers whose keys differ and have one name.
fn two(order: [usize; 2]) -> (Issuers, [Key; 2]) {
    let keys = [Key::ed(0), Key::ed(1)];
    let built = [
        issuer("one", ONE).with_keys(set(&[&keys[0]])),
        issuer("two", TWO).with_keys(set(&[&keys[1]])),
    ];
    let mut built: Vec<Option<IssuerBuilder>> = built.into_iter().map(Some).collect();
    let issuers = several(order.map(|n| built[n].take().unwrap()));
    (issuers, keys)
}

// advisory 13 (CVE-2025-59936): an issuer that publishes the other's `kid` signs for itself only.
#[test]
fn a_key_of_one_issuer_never_vouches_for_another_in_either_order() {
    for order in [[0, 1], [1, 0]] {
        let (issuers, [one, two]) = two(order);
        let [of_one, of_two] = [claims(ONE, "acme"), claims(TWO, "acme")];
        assert_eq!(
            principal(&issuers, &one.sign_access(&of_one)),
            Ok("one/acme/ada".into())
        );
        assert_eq!(
            principal(&issuers, &two.sign_access(&of_two)),
            Ok("two/acme/ada".into())
        );
        for (key, claims) in [(&one, &of_two), (&two, &of_one)] {
            let found = verdict(&issuers, &key.sign_access(claims));
            assert_refused(found, Reason::SignatureInvalid, "across");
        }
    }
}

// advisory 13, as it is fetched: in either order, and with strings that collide when joined.
#[tokio::test]
async fn key_sets_that_are_fetched_are_kept_apart() {
    let [own, other] = [Key::ed(0), Key::ed(1)];
    for order in [[0, 1], [1, 0]] {
        let built = [
            issuer("a", "https://id.example/a").with_keys(published(jwks(&[&own]))),
            issuer("a.b", "https://id.example/a.b").with_keys(published(jwks(&[&other]))),
        ];
        let issuers = several(built);
        let all: Vec<&Issuer> = issuers.iter().collect();
        for n in order {
            all[n].keys().load().await.unwrap();
        }
        let [of_a, of_b] =
            ["https://id.example/a", "https://id.example/a.b"].map(|it| claims(it, "acme"));
        assert_eq!(
            principal(&issuers, &own.sign_access(&of_a)),
            Ok("a/acme/ada".into())
        );
        assert_eq!(
            principal(&issuers, &other.sign_access(&of_b)),
            Ok("a.b/acme/ada".into())
        );
        for (key, claims) in [(&own, &of_b), (&other, &of_a)] {
            let found = verdict(&issuers, &key.sign_access(claims));
            assert_refused(found, Reason::SignatureInvalid, "across");
        }
    }
}

#[test]
fn two_issuers_that_one_name_could_mean_are_an_error_of_configuration() {
    let key = Key::ed(0);
    let build = |names: [&str; 2], aliases: [&str; 2]| {
        let built = [0, 1].map(|n| {
            let tenancy = Tenancy::claim("org").only([crate::kit::tenant("acme")]);
            let issuer = issuer(aliases[n], names[n]).with_tenancy(tenancy);
            let issuer = issuer.danger_open_to_every_tenant();
            issuer.with_keys(set(&[&key])).build().unwrap()
        });
        Issuers::new(built, trust()).map_err(|error| error.to_string())
    };
    assert!(build([ONE, TWO], ["one", "two"]).is_ok());
    assert!(
        build(
            ["https://id.example/{tid}/v2", "https://id.example/{tid}/v1"],
            ["one", "two"]
        )
        .is_ok()
    );
    for names in [
        [ONE, ONE],
        ["https://id.example/{tid}", "https://id.example/acme"],
        ["https://id.example/acme", "https://id.example/{tid}"],
        ["https://id.example/{tid}/v2", "https://id.example/{org}/v2"],
        ["https://id.example/{tid}/v2", "https://id.example/acme/{v}"],
    ] {
        let error = build(names, ["one", "two"]).unwrap_err();
        assert!(error.contains("could mean"), "{names:?}: {error}");
    }
    let twins = build([ONE, TWO], ["one", "one"]).unwrap_err();
    assert!(twins.contains("two issuers have the alias"), "{twins}");
    let nobody = Issuers::new([], trust()).unwrap_err().to_string();
    assert!(nobody.contains("no issuer"), "{nobody}");
}

#[test]
fn an_issuer_that_leaves_a_decision_open_is_an_error_of_configuration() {
    let keys = || set(&[&Key::ed(0)]);
    let bare = || Issuer::builder("one", Profile::RFC9068);
    let problems = bare().build().unwrap_err();
    let all = problems.to_string();
    for missing in ["no name", "no audience", "no tenancy", "no keys"] {
        assert!(all.contains(missing), "{missing}: {all}");
    }
    assert!(issuer("one", ONE).with_keys(keys()).build().is_ok());
    let without = Issuer::builder("one", Profile::OIDC)
        .named(ONE)
        .with_audience(Audience::none())
        .with_tenancy(Tenancy::claim("org"));
    assert!(without.with_keys(keys()).build().is_ok());
    for (odd, says) in [
        (issuer("", ONE), "alias"),
        (issuer("on/e", ONE), "alias"),
        (issuer("one", ""), "no name"),
        (issuer("one", "https://{host}/x"), "no template"),
        (
            issuer("one", ONE).with_audience(Audience::one_of([""; 0])),
            "audience",
        ),
        (
            issuer("one", ONE).with_audience(Audience::one_of(["a", ""])),
            "audience",
        ),
        (
            bare()
                .named(ONE)
                .with_audience(Audience::none())
                .with_tenancy(Tenancy::claim("org")),
            "always have `aud`",
        ),
        (
            issuer("one", ONE).with_tenancy(Tenancy::claim("")),
            "tenancy",
        ),
        (
            issuer("one", ONE).with_tenancy(Tenancy::claim("org").only([])),
            "no tenant",
        ),
        (issuer("one", ONE).with_kinds([]), "no kind"),
        (
            issuer("one", ONE)
                .add_attribute("role", "role")
                .add_attribute("role", "roles"),
            "twice",
        ),
    ] {
        let problem = problem(odd.with_keys(keys()));
        assert!(problem.contains(says), "{says}: {problem}");
    }
}

// advisory 20 (CVE-2023-3128): the same subject and address, and nobody the same.
#[test]
fn one_subject_and_one_address_under_two_issuers_or_tenants_are_two_principals() {
    let (issuers, [one, two]) = two([0, 1]);
    let all = [
        one.sign_access(&claims(ONE, "acme")),
        one.sign_access(&claims(ONE, "globex")),
        two.sign_access(&claims(TWO, "acme")),
    ];
    let all = all.map(|token| principal(&issuers, &token).unwrap());
    assert_eq!(all, ["one/acme/ada", "one/globex/ada", "two/acme/ada"]);
}

#[tokio::test]
async fn an_issuer_without_keys_refuses_its_own_and_nobody_elses() {
    let key = Key::ed(0);
    let empty = KeySet::parse(br#"{"keys": []}"#, &AdmissionPolicy::new()).unwrap();
    let issuers = several([
        issuer("one", ONE).with_keys(KeySource::set(empty)),
        issuer("two", TWO).with_keys(set(&[&key])),
    ]);
    let refused = refusal(&issuers, &key.sign_access(&claims(ONE, "acme")));
    assert_eq!(refused.reason(), Reason::KeysUnavailable);
    assert!(!issuers.is_ready());
    assert!(verdict(&issuers, &key.sign_access(&claims(TWO, "acme"))).is_ok());
}

#[test]
fn a_refusal_says_to_the_client_nothing_of_issuers_keys_and_tenants() {
    let (issuers, [one, two]) = two([0, 1]);
    let unknown = Key::ed(2).with_kid("key-of-nobody");
    for token in [
        one.sign_access(&claims("https://evil.test", "acme")),
        two.sign_access(&claims(ONE, "acme")),
        unknown.sign_access(&claims(ONE, "acme")),
        one.sign_access(&but(claims(ONE, "acme"), "/org", json!("*acme*"))),
        one.sign_access(&but(claims(ONE, "acme"), "/aud", json!("api://billing"))),
    ] {
        let refused = refusal(&issuers, &token);
        let place = refused.place().map(ToString::to_string).unwrap_or_default();
        let told = format!("{} {place}", refused.client_text());
        for secret in ["acme", "one", "evil", KID, "nobody", "billing", "ada"] {
            let words = told.split(|c: char| !c.is_alphanumeric());
            assert!(
                !words.clone().any(|word| word == secret),
                "{secret}: {told}"
            );
        }
        // The log is told.
        assert!(refused.to_string().len() > refused.client_text().len());
    }
}
