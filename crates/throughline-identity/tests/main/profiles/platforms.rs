//! SPIFFE and Kubernetes.

use serde_json::{Value, json};
use throughline_core::Reason;
use throughline_identity::{
    Audience, CredentialKind, Issuer, IssuerBuilder, Issuers, Profile, Tenancy,
};

use super::Vendor;
use crate::kit::{
    Key, NOW, assert_refused, but, jwks, load, one, principal, problem, published, set, several,
    tenant, verdict, with, without,
};

pub(super) fn spiffe(alias: &str, domain: &str) -> IssuerBuilder {
    Issuer::builder(alias, Profile::SPIFFE)
        .named(domain)
        .with_audience(Audience::one_of(["spiffe://prod.example/orders"]))
        .with_tenancy(Tenancy::one(tenant("acme")))
}

pub(super) fn svid() -> Value {
    json!({
        "sub": "spiffe://prod.example/ns/shop/sa/checkout", "aud": ["spiffe://prod.example/orders"],
        "exp": NOW + 290, "iat": NOW - 10,
    })
}

/// A workload that does not say since when.
pub(crate) fn undated_workload(until: u64) -> (Issuers, String) {
    let key = Key::ec(0);
    let issuer = spiffe("mesh", "spiffe://prod.example").with_keys(set(&[&key]));
    let claims = but(without(svid(), "/iat"), "/exp", json!(until));
    (one(issuer), key.sign(&claims))
}

fn svid_key(n: usize) -> Key {
    Key::ec(n).publishing("use", json!("jwt-svid"))
}

#[tokio::test]
async fn a_workload_is_its_spiffe_id() {
    let key = svid_key(0);
    let vendor = spiffe("mesh", "spiffe://prod.example");
    let issuers = one(vendor.with_keys(published(jwks(&[&key]))));
    load(&issuers).await;
    let identity = verdict(&issuers, &key.sign(&svid())).unwrap();
    assert_eq!(identity.kind(), CredentialKind::Workload);
    assert_eq!(
        identity.principal().subject(),
        "spiffe://prod.example/ns/shop/sa/checkout"
    );
    // No `iat` is promised; then nothing says that it is younger than the longest lifetime.
    let undated = verdict(&issuers, &key.sign(&without(svid(), "/iat"))).unwrap();
    assert_eq!(undated.as_of().as_unix(), NOW + 290 - 3600);

    for (claims, reason, what) in [
        (without(svid(), "/aud"), Reason::ClaimMissing, "no audience"),
        (
            but(svid(), "/aud", json!(["spiffe://prod.example/billing"])),
            Reason::AudienceMismatch,
            "another audience",
        ),
        (
            but(svid(), "/sub", json!("spiffe://test.example/ns/shop")),
            Reason::IssuerUntrusted,
            "another trust domain",
        ),
        (
            but(svid(), "/sub", json!("spiffe://prod.example.evil.test/x")),
            Reason::IssuerUntrusted,
            "a longer trust domain",
        ),
        (
            but(svid(), "/sub", json!("spiffe://prod.example")),
            Reason::ClaimMissing,
            "no path",
        ),
        (
            but(svid(), "/sub", json!("spiffe://prod.example/")),
            Reason::TypeRefused,
            "an empty path",
        ),
        (
            but(svid(), "/sub", json!("spiffe://prod.example/a//b")),
            Reason::TypeRefused,
            "an empty segment",
        ),
        (
            but(svid(), "/sub", json!("spiffe://prod.example/a/../b")),
            Reason::TypeRefused,
            "a path upwards",
        ),
        (
            but(svid(), "/sub", json!("spiffe://prod.example/a%2Fb")),
            Reason::TypeRefused,
            "an encoded slash",
        ),
        (
            but(svid(), "/sub", json!("ada@users.test")),
            Reason::ClaimMissing,
            "a user",
        ),
        (
            with(svid(), json!({"iss": "https://oidc.prod.example"})),
            Reason::IssuerUntrusted,
            "an `iss` that nobody named",
        ),
        (
            with(svid(), json!({"iss": null})),
            Reason::ClaimInvalid,
            "an `iss` of null",
        ),
        (without(svid(), "/exp"), Reason::ClaimMissing, "no end"),
    ] {
        assert_refused(verdict(&issuers, &key.sign(&claims)), reason, what);
    }
}

#[test]
fn an_issuer_that_is_named_does_not_stand_in_for_the_trust_domain() {
    let key = Key::ec(0);
    let vendor = spiffe("mesh", "spiffe://prod.example").named("https://oidc.prod.example");
    let issuers = one(vendor.with_keys(set(&[&key])));
    let named = with(svid(), json!({"iss": "https://oidc.prod.example"}));
    assert!(verdict(&issuers, &key.sign(&svid())).is_ok());
    assert!(verdict(&issuers, &key.sign(&named)).is_ok());
    let elsewhere = but(named, "/sub", json!("spiffe://test.example/ns/shop"));
    let verdict = verdict(&issuers, &key.sign(&elsewhere));
    assert_refused(
        verdict,
        Reason::IssuerUntrusted,
        "a workload of another domain",
    );
    // Without its trust domain nobody could pass.
    let nameless = Issuer::builder("mesh", Profile::SPIFFE)
        .named("https://oidc.prod.example")
        .with_audience(Audience::one_of(["x"]))
        .with_tenancy(Tenancy::one(tenant("acme")))
        .with_keys(set(&[&key]));
    assert!(problem(nameless).contains("trust domain"));
    let with_slash = spiffe("mesh", "spiffe://prod.example/").with_keys(set(&[&key]));
    assert!(problem(with_slash).contains("trust domain"));
}

#[tokio::test]
async fn a_bundle_without_kids_vouches_where_it_holds_one_key_and_marks_its_use() {
    let tls = Key::ec(1)
        .without_kid()
        .publishing("use", json!("x509-svid"));
    let key = svid_key(0).without_kid();
    let vendor = spiffe("mesh", "spiffe://prod.example");
    let issuers = one(vendor.with_keys(published(jwks(&[&tls, &key]))));
    load(&issuers).await;
    assert!(verdict(&issuers, &key.sign(&svid())).is_ok());
    assert_refused(
        verdict(&issuers, &tls.sign(&svid())),
        Reason::SignatureInvalid,
        "a key for TLS",
    );
    let named = key.with_kid("made-up").sign(&svid());
    assert_refused(
        verdict(&issuers, &named),
        Reason::KeyUnknown,
        "a name that no key has",
    );
}

#[test]
fn two_trust_domains_are_two_issuers() {
    let [prod, test] = [Key::ec(0), Key::ec(1)];
    let issuers = several([
        spiffe("mesh", "spiffe://prod.example").with_keys(set(&[&prod])),
        spiffe("lab", "spiffe://test.example").with_keys(set(&[&test])),
    ]);
    let of_test = but(svid(), "/sub", json!("spiffe://test.example/ns/shop"));
    assert!(
        principal(&issuers, &prod.sign(&svid()))
            .unwrap()
            .starts_with("mesh/")
    );
    assert!(
        principal(&issuers, &test.sign(&of_test))
            .unwrap()
            .starts_with("lab/")
    );
    for (key, claims) in [(&prod, &of_test), (&test, &svid())] {
        assert_refused(
            verdict(&issuers, &key.sign(claims)),
            Reason::SignatureInvalid,
            "across",
        );
    }
}

// ---- Kubernetes

pub(super) fn cluster() -> IssuerBuilder {
    Issuer::builder("cluster", Profile::KUBERNETES)
        .named("https://kubernetes.default.svc.cluster.local")
        .with_audience(Audience::one_of(["orders"]))
}

pub(super) fn pod() -> Value {
    json!({
        "aud": ["orders"], "exp": NOW + 3597, "iat": NOW - 10, "nbf": NOW - 10,
        "iss": "https://kubernetes.default.svc.cluster.local", "jti": "k-1",
        "kubernetes.io": {
            "namespace": "shop",
            "node": {"name": "n1", "uid": "u1"},
            "pod": {"name": "checkout-7d", "uid": "u2"},
            "serviceaccount": {"name": "checkout", "uid": "u3"},
            "warnafter": NOW + 3000,
        },
        "sub": "system:serviceaccount:shop:checkout",
    })
}

#[test]
fn a_service_account_is_that_of_its_namespace() {
    let vendor = Vendor::new(cluster(), None);
    let (kind, who, scope) = vendor.accepts(&pod());
    assert_eq!(kind, CredentialKind::Workload);
    assert_eq!(
        who,
        "cluster/shop/system%3Aserviceaccount%3Ashop%3Acheckout"
    );
    assert_eq!(scope, "");
    for (claims, reason, what) in [
        (
            but(
                pod(),
                "/sub",
                json!("system:serviceaccount:billing:checkout"),
            ),
            Reason::TypeRefused,
            "a `sub` of another namespace",
        ),
        (
            but(pod(), "/kubernetes.io/namespace", json!("billing")),
            Reason::TypeRefused,
            "another namespace",
        ),
        (
            but(pod(), "/kubernetes.io/serviceaccount/name", json!("admin")),
            Reason::TypeRefused,
            "another account",
        ),
        (
            but(pod(), "/sub", json!("system:node:n1")),
            Reason::TypeRefused,
            "a node",
        ),
        (
            without(pod(), "/kubernetes.io"),
            Reason::ClaimMissing,
            "no account",
        ),
        (
            but(pod(), "/aud", json!(["https://kubernetes.default.svc"])),
            Reason::AudienceMismatch,
            "for the API server",
        ),
        (
            with(pod(), json!({"kubernetes.io/namespace": "billing"})),
            Reason::ClaimInvalid,
            "a claim that reads like a path",
        ),
    ] {
        vendor.refuses(reason, &claims, what);
    }
    // A token of the kind that never ended: no `aud`, no `exp`.
    let legacy = json!({
        "iss": "kubernetes/serviceaccount", "kubernetes.io/serviceaccount/namespace": "shop",
        "kubernetes.io/serviceaccount/service-account.name": "checkout",
        "sub": "system:serviceaccount:shop:checkout",
    });
    vendor.refuses(Reason::IssuerUntrusted, &legacy, "a legacy token");
    let legacy = but(
        legacy,
        "/iss",
        json!("https://kubernetes.default.svc.cluster.local"),
    );
    vendor.refuses(
        Reason::ClaimMissing,
        &legacy,
        "a legacy token of this cluster",
    );
    vendor.needs(
        &pod(),
        &["iss", "aud", "sub", "iat", "exp", "kubernetes.io"],
    );
}
