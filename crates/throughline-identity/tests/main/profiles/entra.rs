//! Microsoft Entra ID: one issuer for every directory of the world.

use serde_json::{Value, json};
use throughline_core::Reason;
use throughline_identity::membership::Membership;
use throughline_identity::{
    Audience, CredentialKind, Issuer, IssuerBuilder, Memberships, Profile, Tenancy,
};

use super::Vendor;
use crate::kit::{
    Key, NOW, assert_refused, but, jwks, load, one, principal, problem, published, set, tenant,
    verdict, with, without,
};

const CONTOSO: &str = "72f988bf-86f1-41af-91ab-2d7cd011db47";
const FABRIKAM: &str = "6babcaad-604b-40ac-a9d7-9fd97c0b779f";
/// The directory of every personal account.
const CONSUMERS: &str = "9188040d-6c67-4c5b-b112-36a304b66dad";
const TEMPLATE: &str = "https://login.microsoftonline.com/{tid}/v2.0";

fn iss(tid: &str) -> String {
    TEMPLATE.replace("{tid}", tid)
}

fn bare() -> IssuerBuilder {
    Issuer::builder("partners", Profile::ENTRA)
        .named(TEMPLATE)
        .with_audience(Audience::one_of(["api://orders"]))
}

pub(super) fn entra() -> IssuerBuilder {
    let map = [(CONTOSO, tenant("contoso")), (FABRIKAM, tenant("fabrikam"))];
    bare().with_tenancy(Tenancy::claim("tid").mapped(map))
}

pub(super) fn user() -> Value {
    json!({
        "aud": "api://orders", "iss": iss(CONTOSO), "iat": NOW - 10, "nbf": NOW - 10,
        "exp": NOW + 3900, "aio": "AXQAi/8T", "azp": "6e74172b-be56-4843-9ff4-e66a39bb12e3",
        "azpacr": "0", "name": "Ada", "oid": "690222be-ff1a-4d56-abd1-7e4f7d38e474",
        "preferred_username": "ada@contoso.example", "rh": "I", "scp": "orders.read orders.create",
        "sub": "HKZpfaHyWadeOouYlitjrI-KffTm222X5rrV3xDqfKQ", "tid": CONTOSO,
        "uti": "fqiBqXLPj0eQa82S-IYFAA", "ver": "2.0",
    })
}

fn application() -> Value {
    let own = json!("f8a1b9d7-6a04-4a28-8d6b-1f5f6bd0a0c1");
    let claims = without(without(user(), "/scp"), "/preferred_username");
    with(
        claims,
        json!({"oid": own, "sub": own, "roles": ["orders.sync"], "azpacr": "1"}),
    )
}

/// What a browser gets beside it: of the same user, by the same key.
fn id_token() -> Value {
    with(
        without(user(), "/scp"),
        json!({"aud": "api://orders", "nonce": "n-0S6"}),
    )
}

#[test]
fn a_user_and_an_application_are_told_apart_and_an_id_token_is_neither() {
    let vendor = Vendor::new(entra(), Some("JWT"));
    let (kind, who, scope) = vendor.accepts(&user());
    assert_eq!(kind, CredentialKind::Session);
    assert_eq!(who, "partners/contoso/690222be-ff1a-4d56-abd1-7e4f7d38e474");
    assert_eq!(scope, "orders.create orders.read");
    let (kind, who, scope) = vendor.accepts(&application());
    assert_eq!(kind, CredentialKind::Machine);
    assert_eq!(who, "partners/contoso/f8a1b9d7-6a04-4a28-8d6b-1f5f6bd0a0c1");
    assert_eq!(scope, "orders.sync");
    let declared = with(application(), json!({"idtyp": "app"}));
    assert_eq!(vendor.accepts(&declared).0, CredentialKind::Machine);

    for (neighbour, what) in [
        (id_token(), "an id token"),
        (
            with(application(), json!({"scp": "orders.read"})),
            "both at once",
        ),
        (
            with(user(), json!({"idtyp": "app"})),
            "a user who is an application",
        ),
        (but(user(), "/ver", json!("1.0")), "a token of version 1"),
        (with(user(), json!({"act": {"sub": "x"}})), "an actor"),
    ] {
        vendor.refuses(Reason::TypeRefused, &neighbour, what);
    }
    vendor.needs(
        &user(),
        &["iss", "aud", "sub", "oid", "tid", "ver", "iat", "exp"],
    );
}

#[test]
fn an_agent_identity_is_neither_a_person_nor_a_machine() {
    let vendor = Vendor::new(entra(), Some("JWT"));
    for honest in [user(), application()] {
        for facets in ["9 3 5", "9", "111 113", "1 1"] {
            let other = json!({"xms_act_fct": facets, "xms_sub_fct": facets});
            assert!(
                vendor.verdict(&with(honest.clone(), other)).is_ok(),
                "{facets}"
            );
        }
        for agent in [
            json!({"xms_act_fct": "9 11"}),
            json!({"xms_act_fct": "11"}),
            json!({"xms_sub_fct": "13 9"}),
            json!({"xms_sub_fct": ["13"]}),
            json!({"xms_sub_fct": "9", "xms_act_fct": "3 11 9"}),
            json!({"xms_par_app_azp": "6e74172b-be56-4843-9ff4-e66a39bb12e3"}),
        ] {
            let what = agent.to_string();
            vendor.refuses(Reason::TypeRefused, &with(honest.clone(), agent), &what);
        }
    }
}

// advisory 20 (CVE-2023-3128): an address is nobody.
#[test]
fn one_subject_and_one_address_in_two_directories_are_two_principals() {
    let vendor = Vendor::new(entra(), Some("JWT"));
    let fabrikam = with(user(), json!({"tid": FABRIKAM, "iss": iss(FABRIKAM)}));
    let [one, two] = [user(), fabrikam].map(|claims| vendor.verdict(&claims).unwrap());
    assert_eq!(one.principal().subject(), two.principal().subject());
    assert_ne!(one.principal(), two.principal());
    assert_ne!(one.tenant(), two.tenant());
    // The address alone changes nothing.
    let renamed = but(
        user(),
        "/preferred_username",
        json!("grace@fabrikam.example"),
    );
    assert_eq!(
        vendor.verdict(&renamed).unwrap().principal(),
        one.principal()
    );
}

#[test]
fn the_directory_in_the_issuer_is_the_one_in_the_claim() {
    let vendor = Vendor::new(entra(), Some("JWT"));
    assert!(vendor.verdict(&user()).is_ok());
    let other = but(user(), "/tid", json!(FABRIKAM));
    vendor.refuses(
        Reason::IssuerUntrusted,
        &other,
        "a `tid` of another directory",
    );
    let other = but(user(), "/iss", json!(iss(FABRIKAM)));
    vendor.refuses(
        Reason::IssuerUntrusted,
        &other,
        "an `iss` of another directory",
    );
    for odd in [
        "https://login.microsoftonline.com/common/v2.0/x",
        "https://login.microsoftonline.com//v2.0",
        "https://login.microsoftonline.com/v2.0",
        "https://login.microsoftonline.com/{tid}/v2.0",
        "https://login.microsoftonline.com/72f988bf-86f1-41af-91ab-2d7cd011db47/v2.0/",
        "https://login.microsoftonline.com/72f988bf-86f1-41af-91ab-2d7cd011db47",
        "https://sts.windows.net/72f988bf-86f1-41af-91ab-2d7cd011db47/",
    ] {
        vendor.refuses(
            Reason::IssuerUntrusted,
            &but(user(), "/iss", json!(odd)),
            odd,
        );
    }
    // Well signed, of a directory that nobody registered.
    let stranger = "11111111-2222-3333-4444-555555555555";
    let stranger = with(user(), json!({"tid": stranger, "iss": iss(stranger)}));
    vendor.refuses(Reason::TenantInvalid, &stranger, "a stranger");
}

#[test]
fn a_template_that_is_open_to_everybody_is_an_error_unless_it_is_said() {
    let keys = || set(&[&Key::rsa(0)]);
    let silent = bare().with_keys(keys());
    assert!(problem(silent).contains("list of its claim `tid`"));
    let said = bare().with_keys(keys()).danger_open_to_every_tenant();
    let issuers = one(said);
    let key = Key::rsa(0);
    assert_eq!(
        principal(&issuers, &key.sign(&user())),
        Ok(format!(
            "partners/{CONTOSO}/690222be-ff1a-4d56-abd1-7e4f7d38e474"
        ))
    );
    // Even then everybody's personal accounts are not one tenant, in which they see each other.
    let consumer = with(user(), json!({"tid": CONSUMERS, "iss": iss(CONSUMERS)}));
    assert_refused(
        verdict(&issuers, &key.sign(&consumer)),
        Reason::TenantInvalid,
        "a consumer",
    );
    // Who wants them says so.
    let named = Tenancy::claim("tid").mapped([(CONSUMERS, tenant("consumers"))]);
    let issuers = one(bare().with_keys(keys()).with_tenancy(named));
    let consumer = principal(&issuers, &key.sign(&consumer));
    assert_eq!(
        consumer.unwrap(),
        "partners/consumers/690222be-ff1a-4d56-abd1-7e4f7d38e474"
    );
}

/// Whoever has a directory can have a token for our audience.
#[test]
fn one_tenant_for_every_directory_of_the_world_is_an_error_unless_it_is_said() {
    let keys = || set(&[&Key::rsa(0)]);
    let contoso = || tenant("contoso");
    for tenancy in [
        Tenancy::one(contoso()),
        Tenancy::claim("azp").only([contoso()]),
        Tenancy::claim("azp").mapped([("6e74172b", contoso())]),
        Tenancy::claim("tid"),
    ] {
        let open = || bare().with_keys(keys()).with_tenancy(tenancy.clone());
        let problem = problem(open());
        assert!(problem.contains("list of its claim `tid`"), "{problem}");
        assert!(open().danger_open_to_every_tenant().build().is_ok());
        let confirmed = Memberships::of(|_| async { Ok(Membership::Stranger) });
        assert!(open().with_memberships(confirmed).build().is_ok());
    }
    for tenancy in [
        Tenancy::claim("tid").only([contoso()]),
        Tenancy::claim("tid").mapped([(CONTOSO, contoso())]),
    ] {
        let listed = bare().with_keys(keys()).with_tenancy(tenancy);
        assert!(listed.build().is_ok());
    }
    // One directory has a name of its own, and may be one tenant.
    let own = Issuer::builder("own", Profile::ENTRA)
        .named(&iss(CONTOSO))
        .with_audience(Audience::one_of(["api://orders"]))
        .with_tenancy(Tenancy::one(contoso()));
    let issuers = one(own.with_keys(keys()));
    let key = Key::rsa(0);
    assert!(verdict(&issuers, &key.sign(&user())).is_ok());
    let stranger = with(user(), json!({"tid": FABRIKAM, "iss": iss(FABRIKAM)}));
    assert_refused(
        verdict(&issuers, &key.sign(&stranger)),
        Reason::IssuerUntrusted,
        "another directory",
    );
}

// advisory 18 (Storm-0558): a key for consumers signed for an enterprise.
#[tokio::test]
async fn a_key_vouches_for_the_issuer_for_which_it_is_published() {
    let of_all = Key::rsa(0).publishing("alg", Value::Null);
    let of_all = of_all.publishing(
        "issuer",
        json!("https://login.microsoftonline.com/{tenantid}/v2.0"),
    );
    let of_consumers = Key::rsa(1)
        .with_kid("consumers")
        .publishing("alg", Value::Null);
    let of_consumers = of_consumers.publishing("issuer", json!(iss(CONSUMERS)));
    let document = jwks(&[&of_all, &of_consumers]);
    let map = [
        (CONTOSO, tenant("contoso")),
        (CONSUMERS, tenant("consumers")),
    ];
    let tenancy = Tenancy::claim("tid").mapped(map);
    let issuers = one(bare().with_tenancy(tenancy).with_keys(published(document)));
    load(&issuers).await;

    let consumer = with(user(), json!({"tid": CONSUMERS, "iss": iss(CONSUMERS)}));
    assert!(verdict(&issuers, &of_all.sign(&user())).is_ok());
    assert!(verdict(&issuers, &of_consumers.sign(&consumer)).is_ok());
    assert_refused(
        verdict(&issuers, &of_consumers.sign(&user())),
        Reason::IssuerUntrusted,
        "a key for consumers, an enterprise `tid`",
    );
}

// advisory 1 (CVE-2026-22817, CVE-2026-22818): a key without `alg` is no key for any `alg`.
#[tokio::test]
async fn keys_without_an_algorithm_get_the_one_of_the_profile() {
    let key = Key::rsa(0).publishing("alg", Value::Null);
    let issuers = one(entra().with_keys(published(jwks(&[&key]))));
    load(&issuers).await;
    assert!(verdict(&issuers, &key.sign(&user())).is_ok());
    let header = |alg: &str| json!({"alg": alg, "kid": crate::kit::KID, "typ": "JWT"});
    let other = key.sign_as(&header("RS512"), &user());
    assert_refused(
        verdict(&issuers, &other),
        Reason::AlgorithmRefused,
        "RS512, well signed",
    );
    for alg in ["HS256", "none", "NONE", "rs256", "PS256", ""] {
        let token = key.sign_as(&header(alg), &user());
        assert_refused(verdict(&issuers, &token), Reason::AlgorithmRefused, alg);
    }
}
