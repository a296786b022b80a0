//! Issuers that keep to the standards.

use throughline_core::{ActorKind, Refusal};
use throughline_jose::{Algorithm, TokenType};

use super::{ActorFrom, DAY, Facts, KeysFrom, Mapping, unknown_kind};
use crate::claims::Claims;
use crate::kind::CredentialKind;

/// RFC 9068: `at+jwt`, so that an id token does not open the door, and the claims of its §2.2.
pub(super) static RFC9068: Facts = Facts {
    name: "rfc9068",
    about: "access tokens as RFC 9068 wants them",
    types: TokenType::Foreign {
        types: &["at+jwt"],
        untyped: false,
    },
    algorithms: &Algorithm::ASYMMETRIC,
    key_uses: None,
    names: &[],
    keys: KeysFrom::Discovery,
    audience_claim: "aud",
    names_issuer: true,
    asks_for_actor: true,
    required: &["iss", "aud", "sub", "client_id", "iat", "jti"],
    tenant_claim: None,
    nobodys: &[],
    everybodys: &[],
    decide,
    mappings: MAPPINGS,
    max_lifetime: DAY,
};

/// An OpenID provider whose access tokens are JWTs without a type. Only the audience tells them
/// from id tokens, whose audience is a client: so one must be required.
pub(super) static OIDC: Facts = Facts {
    name: "oidc",
    about: "OpenID providers whose access tokens have no `typ`",
    types: TokenType::Foreign {
        types: &["at+jwt"],
        untyped: true,
    },
    algorithms: &Algorithm::ASYMMETRIC,
    key_uses: None,
    names: &[],
    keys: KeysFrom::Discovery,
    audience_claim: "aud",
    names_issuer: true,
    asks_for_actor: true,
    required: &["iss", "sub", "iat"],
    tenant_claim: None,
    nobodys: &[],
    everybodys: &[],
    decide,
    mappings: MAPPINGS,
    max_lifetime: DAY,
};

const SCOPE: &[&str] = &["scope"];

const MAPPINGS: &[Mapping] = &[
    Mapping {
        kind: CredentialKind::Session,
        subject: "sub",
        actor: None,
        session: Some("sid"),
        scope: SCOPE,
        required: &[],
    },
    Mapping {
        kind: CredentialKind::ImpersonatedSession,
        subject: "sub",
        actor: Some(ActorFrom {
            claim: "act",
            kind: ActorKind::Person,
            session: None,
            of_tenant: true,
            nested: true,
        }),
        session: Some("sid"),
        scope: SCOPE,
        required: &[],
    },
    Mapping {
        kind: CredentialKind::DelegatedAgent,
        subject: "sub",
        actor: Some(ActorFrom {
            claim: "act",
            kind: ActorKind::Agent,
            session: None,
            of_tenant: true,
            nested: true,
        }),
        session: Some("sid"),
        scope: SCOPE,
        required: &[],
    },
    Mapping {
        kind: CredentialKind::Machine,
        subject: "sub",
        actor: None,
        session: None,
        scope: SCOPE,
        required: &[],
    },
];

/// RFC 9068 §2.2: where no person is involved, `sub` is the client. What an actor is, no standard
/// says, so the configuration does.
fn decide(claims: &Claims, actor: Option<ActorKind>) -> Result<CredentialKind, Refusal> {
    let subject = claims.required_text("sub")?;
    let client = claims.text("client_id")?.or(claims.text("azp")?);
    match (claims.contains("act"), actor) {
        (false, _) if client == Some(subject) => Ok(CredentialKind::Machine),
        (false, _) => Ok(CredentialKind::Session),
        (true, Some(ActorKind::Agent)) => Ok(CredentialKind::DelegatedAgent),
        (true, Some(ActorKind::Person)) => Ok(CredentialKind::ImpersonatedSession),
        (true, _) => Err(unknown_kind(
            "`act` is there, and the configuration does not say what an actor of this issuer is",
        )),
    }
}
