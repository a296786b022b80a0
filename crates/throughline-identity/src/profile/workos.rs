//! WorkOS: one vendor, several kinds of credential, and an `act` that means opposite things.

use throughline_core::{ActorKind, Refusal};
use throughline_jose::Algorithm;

use super::{ActorFrom, DAY, Facts, HOUR, KeysFrom, Mapping, UNTYPED, unknown_kind};
use crate::claims::Claims;
use crate::kind::CredentialKind;

/// How WorkOS names users.
const USER: &str = "user_";

const SCOPE: &[&str] = &["permissions"];

/// The session of an agent: what a revocation names.
const AGENT_SESSION: &str = "agent_instance_session_id";

/// Sessions and agents, which may share an issuer and its keys.
///
/// In an impersonated session `sub` is the user and `act.sub` the admin, by e-mail address, who
/// belongs to whoever runs the platform. In the token of an agent it is the other way round: `sub`
/// is the agent and `act.sub` the user for whom it acts. Everything else is refused.
pub(super) static AUTHKIT: Facts = Facts {
    name: "workos-authkit",
    about: "WorkOS AuthKit: sessions, impersonated ones, agents",
    types: UNTYPED,
    algorithms: &[Algorithm::Rs256],
    key_uses: None,
    names: &[
        "https://api.workos.com/user_management/{client_id}",
        "https://api.workos.com",
        "https://api.workos.com/",
    ],
    keys: KeysFrom::Address("https://api.workos.com/sso/jwks/{client_id}"),
    audience_claim: "aud",
    names_issuer: true,
    asks_for_actor: false,
    required: &["iss", "iat", "sub"],
    tenant_claim: Some("org_id"),
    nobodys: &[],
    everybodys: &[],
    decide: |claims, _| {
        let is_user = claims.required_text("sub")?.starts_with(USER);
        let actor = actor(claims)?;
        match (is_user, actor) {
            (true, None) => Ok(CredentialKind::Session),
            (false, None) => Ok(CredentialKind::AutonomousAgent),
            (true, Some(actor)) if actor.starts_with(USER) => {
                Err(unknown_kind("`sub` and `act.sub` are users"))
            }
            // An admin is named by address; whatever else acts for a user is of no known kind.
            (true, Some(actor)) if actor.contains('@') => Ok(CredentialKind::ImpersonatedSession),
            (true, Some(_)) => Err(unknown_kind("`act.sub` is no address of an admin")),
            (false, Some(actor)) if actor.starts_with(USER) => Ok(CredentialKind::DelegatedAgent),
            (false, Some(_)) => Err(unknown_kind("neither `sub` nor `act.sub` is a user")),
        }
    },
    mappings: &[
        Mapping {
            kind: CredentialKind::Session,
            subject: "sub",
            actor: None,
            session: Some("sid"),
            scope: SCOPE,
            required: &["sid"],
        },
        Mapping {
            kind: CredentialKind::ImpersonatedSession,
            subject: "sub",
            actor: Some(ActorFrom {
                claim: "act/sub",
                kind: ActorKind::Person,
                session: None,
                of_tenant: false,
                nested: false,
            }),
            session: Some("sid"),
            scope: SCOPE,
            required: &["sid"],
        },
        Mapping {
            kind: CredentialKind::DelegatedAgent,
            subject: "act/sub",
            actor: Some(ActorFrom {
                claim: "sub",
                kind: ActorKind::Agent,
                session: Some(AGENT_SESSION),
                of_tenant: true,
                nested: false,
            }),
            session: None,
            scope: SCOPE,
            required: &[AGENT_SESSION],
        },
        Mapping {
            kind: CredentialKind::AutonomousAgent,
            subject: "sub",
            actor: None,
            session: Some(AGENT_SESSION),
            scope: SCOPE,
            required: &[AGENT_SESSION],
        },
    ],
    max_lifetime: HOUR,
};

/// OAuth applications, MCP clients and machines. There is no `act` here. `sid` is a consent.
pub(super) static CONNECT: Facts = Facts {
    name: "workos-connect",
    about: "WorkOS Connect: OAuth and MCP clients, machines",
    types: UNTYPED,
    algorithms: &[Algorithm::Rs256],
    key_uses: None,
    names: &[],
    keys: KeysFrom::Discovery,
    audience_claim: "aud",
    names_issuer: true,
    asks_for_actor: false,
    required: &["iss", "iat", "sub"],
    tenant_claim: Some("org_id"),
    nobodys: &[],
    everybodys: &[],
    decide: |claims, _| {
        if claims.contains("act") {
            return Err(unknown_kind("`act` is there, expected none"));
        }
        let subject = claims.required_text("sub")?;
        match (subject.starts_with(USER), claims.text("sid")?) {
            (true, Some(_)) => Ok(CredentialKind::Session),
            (true, None) => Err(unknown_kind("a user without `sid`")),
            // A machine has no consent.
            (false, None) => Ok(CredentialKind::Machine),
            (false, Some(_)) => Err(unknown_kind("`sid` is there, and `sub` is no user")),
        }
    },
    mappings: &[
        Mapping {
            kind: CredentialKind::Session,
            subject: "sub",
            actor: None,
            session: Some("sid"),
            scope: &["scope", "permissions"],
            required: &[],
        },
        Mapping {
            kind: CredentialKind::Machine,
            subject: "sub",
            actor: None,
            session: None,
            scope: &["scope", "permissions"],
            required: &[],
        },
    ],
    max_lifetime: DAY,
};

/// Whoever stands in `act`: one, and nobody behind.
fn actor(claims: &Claims) -> Result<Option<&str>, Refusal> {
    let Some(act) = claims.at("act") else {
        return Ok(None);
    };
    if !act.is_object() {
        return Err(unknown_kind("`act` is no object"));
    }
    if claims.contains("act/act") {
        return Err(unknown_kind("`act` is nested"));
    }
    claims.required_text("act/sub").map(Some)
}
