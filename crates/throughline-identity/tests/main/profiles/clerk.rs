//! Clerk.

use serde_json::{Value, json};
use throughline_core::Reason;
use throughline_identity::{Audience, CredentialKind, Issuer, IssuerBuilder, Profile};

use super::Vendor;
use crate::kit::{NOW, actors, but, with, without};

pub(super) fn clerk() -> IssuerBuilder {
    Issuer::builder("clerk", Profile::CLERK)
        .named("https://clerk.acme.example")
        .with_audience(Audience::one_of(["https://app.acme.example"]))
}

pub(super) fn clerk_user() -> Value {
    json!({
        "azp": "https://app.acme.example", "exp": NOW + 50, "fva": [10, -1], "iat": NOW - 10,
        "iss": "https://clerk.acme.example", "jti": "c-1", "nbf": NOW - 20,
        "o": {"id": "org_2o", "slg": "acme", "rol": "admin", "per": "read,manage", "fpm": "3"},
        "pla": "o:pro", "fea": "o:dashboard", "sid": "sess_2a", "sts": "active",
        "sub": "user_2u", "v": 2,
    })
}

#[test]
fn clerk_sessions_are_active_and_an_actor_impersonates() {
    let vendor = Vendor::new(clerk(), Some("JWT"));
    let (kind, who, _) = vendor.accepts(&clerk_user());
    assert_eq!(
        (kind, who),
        (CredentialKind::Session, "clerk/org_2o/user_2u".into())
    );
    let session = vendor.verdict(&clerk_user()).unwrap();
    assert_eq!(session.authentication().session(), Some("sess_2a"));

    let by_dashboard = json!({"act": {"iss": "https://dashboard.clerk.com", "sid": "sess_d",
        "sub": "user_admin"}});
    let by_dashboard = with(clerk_user(), by_dashboard);
    vendor.refuses(
        Reason::TypeRefused,
        &by_dashboard,
        "an impersonation that nobody wanted",
    );
    let wanted = clerk().with_kinds([CredentialKind::ImpersonatedSession]);
    let wanted = Vendor::new(wanted, Some("JWT"));
    let identity = wanted.verdict(&by_dashboard).unwrap();
    assert_eq!(identity.principal().subject(), "user_2u");
    assert_eq!(actors(&identity), ["person clerk//user_admin"]);
    assert_eq!(identity.actors().next().unwrap().session(), Some("sess_d"));
    // An actor token of the application names the person only.
    let by_application = with(clerk_user(), json!({"act": {"sub": "user_support"}}));
    let identity = wanted.verdict(&by_application).unwrap();
    assert_eq!(actors(&identity), ["person clerk//user_support"]);
    wanted.refuses(
        Reason::TypeRefused,
        &clerk_user(),
        "a session, where none is wanted",
    );

    for (neighbour, what) in [
        (
            but(clerk_user(), "/sts", json!("pending")),
            "a session that waits for a factor",
        ),
        (but(clerk_user(), "/sub", json!("mch_2m")), "a machine"),
        (
            with(clerk_user(), json!({"act": "user_admin"})),
            "an `act` that is no object",
        ),
        (
            with(
                clerk_user(),
                json!({"act": {"sub": "a", "act": {"sub": "b"}}}),
            ),
            "a nested `act`",
        ),
    ] {
        wanted.refuses(Reason::TypeRefused, &neighbour, what);
        vendor.refuses(Reason::TypeRefused, &neighbour, what);
    }
    let personal = without(clerk_user(), "/o");
    vendor.refuses(Reason::ClaimMissing, &personal, "a personal account");
    let shadowed = with(clerk_user(), json!({"o/id": "org_other"}));
    vendor.refuses(
        Reason::ClaimInvalid,
        &shadowed,
        "a claim that reads like a path",
    );
    vendor.needs(
        &clerk_user(),
        &["iss", "azp", "sub", "sid", "o", "iat", "exp"],
    );
}
