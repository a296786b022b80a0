//! WorkOS: sessions, impersonated ones, agents, applications and machines.

use serde_json::{Value, json};
use throughline_core::{Kind, Reason};
use throughline_identity::{Audience, CredentialKind, Issuer, IssuerBuilder, Profile};

use super::{Vendor, scope};
use crate::kit::{NOW, actors, but, now, with, without};

const CLIENT: &str = "client_01J";
const ISSUER: &str = "https://api.workos.com/user_management/client_01J";
const DOMAIN: &str = "https://acme.authkit.app";
const ADMIN: &str = "support@platform.test";
const ALL: [CredentialKind; 4] = [
    CredentialKind::Session,
    CredentialKind::ImpersonatedSession,
    CredentialKind::DelegatedAgent,
    CredentialKind::AutonomousAgent,
];

pub(super) fn authkit() -> IssuerBuilder {
    let mut issuer = Issuer::builder("workforce", Profile::WORKOS_AUTHKIT);
    for name in Profile::WORKOS_AUTHKIT.names(Some(CLIENT)) {
        issuer = issuer.named(&name);
    }
    issuer.with_audience(Audience::none())
}

fn of_kinds(kinds: impl IntoIterator<Item = CredentialKind>) -> Vendor {
    Vendor::new(authkit().with_kinds(kinds), Some("JWT"))
}

pub(super) fn session() -> Value {
    json!({
        "iss": ISSUER, "sub": "user_01A", "org_id": "org_01A", "sid": "session_01A",
        "role": "member", "roles": ["member", "billing"],
        "permissions": ["orders.read", "orders.create"],
        "entitlements": ["audit-logs"], "feature_flags": ["new-ui"],
        "auth_time": NOW - 600, "jti": "01J", "iat": NOW - 10, "exp": NOW + 290,
    })
}

fn impersonated() -> Value {
    with(session(), json!({"act": {"sub": ADMIN}}))
}

/// The user delegates, so `act` is the user.
fn agent() -> Value {
    json!({
        "iss": ISSUER, "sub": "agent_instance_01A", "org_id": "org_01A",
        "act": {"sub": "user_01A"}, "agent_instance_session_id": "agent_session_01A",
        "intent": {"text": "summarise"}, "permissions": ["orders.read"],
        "jti": "01K", "iat": NOW - 10, "exp": NOW + 290,
    })
}

fn autonomous() -> Value {
    without(agent(), "/act")
}

fn connect() -> IssuerBuilder {
    Issuer::builder("apps", Profile::WORKOS_CONNECT)
        .named(DOMAIN)
        .with_audience(Audience::one_of(["https://mcp.example/orders"]))
}

fn application() -> Value {
    json!({
        "iss": DOMAIN, "aud": "https://mcp.example/orders", "sub": "user_01A", "org_id": "org_01A",
        "sid": "app_consent_01A", "client_id": "client_01APP", "scope": "openid orders.read",
        "jti": "01L", "iat": NOW - 10, "exp": NOW + 290,
    })
}

fn machine() -> Value {
    json!({
        "iss": DOMAIN, "aud": "https://mcp.example/orders", "sub": "client_01M2M",
        "org_id": "org_01A", "jti": "01M", "iat": NOW - 10, "exp": NOW + 290,
    })
}

#[test]
fn a_session_is_its_user_in_its_organisation() {
    let vendor = Vendor::new(authkit(), Some("JWT"));
    let identity = vendor.verdict(&session()).unwrap();
    assert_eq!(identity.kind(), CredentialKind::Session);
    assert_eq!(
        identity.principal().to_string(),
        "workforce/org_01A/user_01A"
    );
    assert_eq!(scope(&identity), "orders.create orders.read");
    assert_eq!(identity.authentication().session(), Some("session_01A"));
    let at = identity.authentication().time().unwrap();
    assert_eq!(at.as_unix(), NOW - 600);
    assert_eq!(identity.as_of().as_unix(), NOW - 10);
    assert_eq!(actors(&identity), [""; 0]);
    vendor.needs(&session(), &["iss", "sub", "org_id", "sid", "iat", "exp"]);
    // The other names that WorkOS has for itself, and no third one.
    for name in ["https://api.workos.com", "https://api.workos.com/"] {
        assert!(
            vendor.verdict(&but(session(), "/iss", json!(name))).is_ok(),
            "{name}"
        );
    }
    for name in [
        "https://api.workos.com/user_management/client_01K",
        "https://api.workos.com/user_management/client_01J/",
        "http://api.workos.com",
    ] {
        let other = but(session(), "/iss", json!(name));
        vendor.refuses(Reason::IssuerUntrusted, &other, name);
    }
}

#[test]
fn impersonation_and_agents_are_wanted_or_refused() {
    let by_default = Vendor::new(authkit(), Some("JWT"));
    assert!(by_default.verdict(&session()).is_ok());
    for (unwanted, what) in [
        (impersonated(), "an impersonating admin"),
        (agent(), "an agent for a user"),
        (autonomous(), "an agent for itself"),
    ] {
        by_default.refuses(Reason::TypeRefused, &unwanted, what);
        assert!(of_kinds(ALL).verdict(&unwanted).is_ok(), "{what}, wanted");
    }
}

// failure: T4
#[test]
fn the_principal_is_the_user_whichever_way_round_the_vendor_writes_it() {
    let vendor = of_kinds(ALL);
    let by_admin = vendor.verdict(&impersonated()).unwrap();
    assert_eq!(by_admin.kind(), CredentialKind::ImpersonatedSession);
    assert_eq!(
        by_admin.principal().to_string(),
        "workforce/org_01A/user_01A"
    );
    assert_eq!(
        actors(&by_admin),
        ["person workforce//support%40platform.test"]
    );

    let by_agent = vendor.verdict(&agent()).unwrap();
    assert_eq!(by_agent.kind(), CredentialKind::DelegatedAgent);
    assert_eq!(
        by_agent.principal().to_string(),
        "workforce/org_01A/user_01A"
    );
    assert_eq!(
        actors(&by_agent),
        ["agent workforce/org_01A/agent_instance_01A"]
    );
    // What a revocation names is the agent's session, and no session of the user.
    let session = by_agent.actors().next().unwrap().session();
    assert_eq!(session, Some("agent_session_01A"));
    assert_eq!(by_agent.authentication().session(), None);

    let alone = vendor.verdict(&autonomous()).unwrap();
    assert_eq!(alone.kind(), CredentialKind::AutonomousAgent);
    assert_eq!(
        alone.principal().to_string(),
        "workforce/org_01A/agent_instance_01A"
    );

    let kind = |claims: &Value| {
        let identity = vendor.verdict(claims).unwrap();
        let draft = identity.draft("edge", now()).unwrap();
        let lifetime = throughline_core::context::Lifetime {
            audience: "prod.example".into(),
            issuer: None,
            issued_at: now(),
            not_before: None,
            expires_at: now().plus(std::time::Duration::from_secs(60)),
        };
        draft.issue("t-1", lifetime).unwrap().kind()
    };
    assert_eq!(kind(&impersonated()), Kind::User);
    assert_eq!(kind(&agent()), Kind::DelegatedAgent);
    assert_eq!(kind(&autonomous()), Kind::AutonomousAgent);
}

// failure: T4
#[test]
fn an_agent_is_no_impersonation_and_an_impersonation_no_agent() {
    let impersonation = of_kinds([CredentialKind::ImpersonatedSession]);
    assert!(impersonation.verdict(&impersonated()).is_ok());
    impersonation.refuses(Reason::TypeRefused, &agent(), "an agent");
    let agents = of_kinds([CredentialKind::DelegatedAgent]);
    assert!(agents.verdict(&agent()).is_ok());
    agents.refuses(Reason::TypeRefused, &impersonated(), "an admin");

    // Whatever fits neither is of no kind, even where both are wanted.
    let both = of_kinds(ALL);
    let act = |claims: Value, act: Value| but(claims, "/act", act);
    for (claims, reason, what) in [
        (
            act(session(), json!({"sub": "user_02B"})),
            Reason::TypeRefused,
            "two users",
        ),
        (
            act(session(), json!({"sub": "agent_instance_01A"})),
            Reason::TypeRefused,
            "an agent in `act` of a user",
        ),
        (
            act(agent(), json!({"sub": ADMIN})),
            Reason::TypeRefused,
            "an admin in `act` of an agent",
        ),
        (
            act(agent(), json!({"sub": "agent_instance_02B"})),
            Reason::TypeRefused,
            "two agents",
        ),
        (
            act(session(), json!(ADMIN)),
            Reason::TypeRefused,
            "an `act` that is no object",
        ),
        (
            act(session(), Value::Null),
            Reason::TypeRefused,
            "an `act` of null",
        ),
        (
            act(session(), json!({})),
            Reason::ClaimMissing,
            "an `act` of nobody",
        ),
        (
            act(session(), json!({"sub": ""})),
            Reason::ClaimInvalid,
            "an `act` without a name",
        ),
        (
            act(session(), json!({"sub": [ADMIN]})),
            Reason::ClaimInvalid,
            "an `act` of a list",
        ),
        (
            act(session(), json!({"sub": ADMIN, "act": {"sub": ADMIN}})),
            Reason::TypeRefused,
            "a nested `act`",
        ),
        // A template of the environment may write any name, and this one reads like a path.
        (
            with(impersonated(), json!({"act/sub": "user_01A"})),
            Reason::ClaimInvalid,
            "a second `act/sub`",
        ),
    ] {
        both.refuses(reason, &claims, what);
    }
    let sessionless = without(agent(), "/agent_instance_session_id");
    both.refuses(
        Reason::ClaimMissing,
        &sessionless,
        "an agent without a session",
    );
}

// failure: T5
#[test]
fn a_token_of_an_application_is_for_this_resource() {
    let vendor = Vendor::new(connect(), Some("JWT"));
    let user = (
        "apps/org_01A/user_01A".to_owned(),
        "openid orders.read".to_owned(),
    );
    let (kind, who, scope) = vendor.accepts(&application());
    assert_eq!((kind, (who, scope)), (CredentialKind::Session, user));
    let (kind, who, _) = vendor.accepts(&machine());
    assert_eq!(kind, CredentialKind::Machine);
    assert_eq!(who, "apps/org_01A/client_01M2M");

    for other in [
        json!("https://mcp.example/billing"),
        json!(["https://mcp.example/orders/"]),
        json!(""),
    ] {
        let claims = but(application(), "/aud", other.clone());
        vendor.refuses(Reason::AudienceMismatch, &claims, &other.to_string());
    }
    let without = without(application(), "/aud");
    vendor.refuses(Reason::ClaimMissing, &without, "no `aud`");
    vendor.needs(
        &application(),
        &["iss", "aud", "sub", "org_id", "sid", "exp"],
    );
    vendor.needs(&machine(), &["aud", "sub", "org_id", "iat"]);
}

#[test]
fn what_is_neither_a_consented_user_nor_a_machine_is_no_application() {
    let vendor = Vendor::new(connect(), Some("JWT"));
    assert!(vendor.verdict(&machine()).is_ok());
    let odd = but(machine(), "/sid", json!("app_consent_01A"));
    vendor.refuses(Reason::TypeRefused, &odd, "a machine with a consent");
    let act = but(application(), "/act", json!({"sub": ADMIN}));
    vendor.refuses(Reason::TypeRefused, &act, "an actor");
    // A session of the same vendor is for another issuer.
    vendor.refuses(Reason::IssuerUntrusted, &session(), "a session");
    let sessions = Vendor::new(authkit(), Some("JWT"));
    sessions.refuses(Reason::IssuerUntrusted, &application(), "an application");
    // Under the name of the other, it is for somebody.
    let renamed = but(application(), "/iss", json!(ISSUER));
    sessions.refuses(Reason::AudienceMismatch, &renamed, "an application");
    let renamed = but(session(), "/iss", json!(DOMAIN));
    vendor.refuses(Reason::ClaimMissing, &renamed, "a session");
}

#[test]
fn a_session_lives_an_hour_at_most_and_says_when_it_began() {
    let vendor = Vendor::new(authkit(), Some("JWT"));
    let long = but(session(), "/exp", json!(NOW - 10 + 3600));
    assert!(vendor.verdict(&long).is_ok());
    let longer = but(session(), "/exp", json!(NOW - 10 + 3601));
    vendor.refuses(Reason::LifetimeExcessive, &longer, "a second more");
}
