//! Vendors of identity.

use throughline_core::{ActorKind, Refusal};
use throughline_jose::{Algorithm, TokenType};

use super::{ActorFrom, DAY, Facts, KeysFrom, Mapping, UNTYPED, unknown_kind};
use crate::claims::Claims;
use crate::kind::CredentialKind;

/// Access tokens have the `typ` of their dialect: `JWT` in the one of Auth0, `at+jwt` in that of
/// RFC 9068.
pub(super) static AUTH0: Facts = Facts {
    name: "auth0",
    about: "Auth0 access tokens, with or without Organizations",
    types: TokenType::Foreign {
        types: &["at+jwt"],
        untyped: true,
    },
    algorithms: &[Algorithm::Rs256, Algorithm::Ps256],
    key_uses: None,
    names: &[],
    keys: KeysFrom::Discovery,
    audience_claim: "aud",
    names_issuer: true,
    asks_for_actor: false,
    required: &["iss", "aud", "sub", "iat"],
    tenant_claim: Some("org_id"),
    nobodys: &[],
    everybodys: &[],
    decide: |claims, _| {
        no_actor(claims)?;
        let subject = claims.required_text("sub")?;
        // After an exchange it is a list.
        let granted = claims.one_or_several("gty")?.unwrap_or_default();
        let granted_to_machine = granted.contains(&"client-credentials");
        if claims.contains("nonce") {
            return Err(unknown_kind("`nonce` is there, as in an id token"));
        }
        // In the dialect of Auth0 `azp`, in that of RFC 9068 `client_id`; an id token has neither.
        let Some(client) = claims.text("azp")?.or(claims.text("client_id")?) else {
            return Err(unknown_kind(
                "no `azp` and no `client_id`, as in an id token",
            ));
        };
        // The whole subject: a directory of one's own may have users whose names end like it.
        let is_client = subject.strip_suffix("@clients") == Some(client);
        match (granted_to_machine, is_client) {
            (_, true) => Ok(CredentialKind::Machine),
            (false, false) if subject.contains('|') => Ok(CredentialKind::Session),
            (false, false) => Err(unknown_kind("`sub` is neither a user nor the client")),
            (true, false) => Err(unknown_kind("`gty` is a machine's, and `sub` is not")),
        }
    },
    mappings: &[
        session("sub", Some("sid"), &["scope", "permissions"]),
        machine("sub", &["scope", "permissions"]),
    ],
    max_lifetime: DAY,
};

/// Access tokens of version 2. `oid` names a user within the directory; `sub` is another one for
/// each application.
pub(super) static ENTRA: Facts = Facts {
    name: "entra",
    about: "Microsoft Entra ID access tokens, one directory or many",
    types: UNTYPED,
    algorithms: &[Algorithm::Rs256],
    key_uses: None,
    names: &["https://login.microsoftonline.com/{tid}/v2.0"],
    keys: KeysFrom::Discovery,
    audience_claim: "aud",
    names_issuer: true,
    asks_for_actor: false,
    required: &["iss", "aud", "sub", "iat", "tid", "oid", "ver"],
    tenant_claim: Some("tid"),
    // Personal accounts.
    nobodys: &["9188040d-6c67-4c5b-b112-36a304b66dad"],
    everybodys: &[],
    decide: |claims, _| {
        no_actor(claims)?;
        if claims.required_text("ver")? != "2.0" {
            return Err(unknown_kind("`ver` is not `2.0`"));
        }
        if is_agent(claims)? {
            return Err(unknown_kind(
                "it is of an agent, which is not told from others yet",
            ));
        }
        let is_application = claims.text("idtyp")? == Some("app");
        let has_scope = claims.text("scp")?.is_some();
        let is_own_object = claims.text("oid")? == claims.text("sub")?;
        match (has_scope, is_application || is_own_object) {
            (true, false) => Ok(CredentialKind::Session),
            (false, true) => Ok(CredentialKind::Machine),
            (true, true) => Err(unknown_kind("`scp` is there, and it is an application's")),
            (false, false) => Err(unknown_kind("no `scp`, as in an id token")),
        }
    },
    mappings: &[
        session("oid", Some("sid"), &["scp"]),
        machine("oid", &["roles"]),
    ],
    max_lifetime: DAY,
};

/// Access tokens of a custom authorisation server: `uid` is there for a person only.
pub(super) static OKTA: Facts = Facts {
    name: "okta",
    about: "Okta access tokens of a custom authorisation server",
    types: TokenType::Foreign {
        types: &["at+jwt", "okta-internal-at+jwt"],
        untyped: true,
    },
    algorithms: &[Algorithm::Rs256],
    key_uses: None,
    names: &[],
    keys: KeysFrom::Discovery,
    audience_claim: "aud",
    names_issuer: true,
    asks_for_actor: false,
    required: &["iss", "aud", "sub", "iat", "cid"],
    tenant_claim: None,
    nobodys: &[],
    everybodys: &[],
    decide: |claims, _| {
        no_actor(claims)?;
        let client = claims.required_text("cid")?;
        let subject = claims.required_text("sub")?;
        match (claims.text("uid")?, subject == client) {
            (Some(_), false) => Ok(CredentialKind::Session),
            (None, true) => Ok(CredentialKind::Machine),
            (Some(_), true) => Err(unknown_kind("`uid` is there, and `sub` is the client")),
            (None, false) => Err(unknown_kind("no `uid`, and `sub` is not the client")),
        }
    },
    mappings: &[
        // `sub` is a login name, which can change hands; `uid` cannot.
        session("uid", None, &["scp"]),
        machine("cid", &["scp"]),
    ],
    max_lifetime: DAY,
};

/// Access tokens say so in a claim `typ`; id and refresh tokens have the same keys.
pub(super) static KEYCLOAK: Facts = Facts {
    name: "keycloak",
    about: "Keycloak access tokens, a realm or an organisation for each tenant",
    types: TokenType::Foreign {
        types: &["at+jwt"],
        untyped: true,
    },
    algorithms: &[
        Algorithm::Rs256,
        Algorithm::Es256,
        Algorithm::Ps256,
        Algorithm::EdDsa,
    ],
    key_uses: None,
    names: &[],
    keys: KeysFrom::Discovery,
    audience_claim: "aud",
    names_issuer: true,
    asks_for_actor: false,
    required: &["iss", "aud", "sub", "iat", "typ"],
    tenant_claim: None,
    nobodys: &[],
    everybodys: &[],
    decide: |claims, _| {
        no_actor(claims)?;
        if claims.required_text("typ")? != "Bearer" {
            return Err(unknown_kind("the claim `typ` is not `Bearer`"));
        }
        let name = claims.text("preferred_username")?;
        // The account of a client is named after it. Where people choose their names, somebody can
        // choose one that begins like that.
        match name.and_then(|name| name.strip_prefix("service-account-")) {
            None if name.is_some() || claims.text("sid")?.is_some() => Ok(CredentialKind::Session),
            // The account of a client, where its scopes leave the name out.
            None => Err(unknown_kind("no `preferred_username` and no `sid`")),
            Some(client)
                if claims
                    .text("azp")?
                    .is_some_and(|azp| azp.eq_ignore_ascii_case(client)) =>
            {
                Ok(CredentialKind::Machine)
            }
            Some(_) => Err(unknown_kind(
                "`preferred_username` is the account of a client, and not of the one in `azp`",
            )),
        }
    },
    mappings: &[
        session("sub", Some("sid"), &["scope", "realm_access/roles"]),
        machine("sub", &["scope", "realm_access/roles"]),
    ],
    max_lifetime: DAY,
};

/// An access token has no `aud`: `client_id` says for which client it is.
pub(super) static COGNITO: Facts = Facts {
    name: "cognito",
    about: "Amazon Cognito access tokens of a user pool",
    types: UNTYPED,
    algorithms: &[Algorithm::Rs256],
    key_uses: None,
    names: &[],
    keys: KeysFrom::Discovery,
    audience_claim: "client_id",
    names_issuer: true,
    asks_for_actor: false,
    required: &["iss", "client_id", "sub", "iat", "token_use"],
    tenant_claim: None,
    nobodys: &[],
    everybodys: &[],
    decide: |claims, _| {
        no_actor(claims)?;
        if claims.required_text("token_use")? != "access" {
            return Err(unknown_kind("`token_use` is not `access`"));
        }
        let subject = claims.required_text("sub")?;
        match (
            claims.text("username")?,
            subject == claims.required_text("client_id")?,
        ) {
            (Some(_), false) => Ok(CredentialKind::Session),
            (None, true) => Ok(CredentialKind::Machine),
            (Some(_), true) => Err(unknown_kind("`username` is there, and `sub` is the client")),
            (None, false) => Err(unknown_kind("no `username`, and `sub` is not the client")),
        }
    },
    mappings: &[
        session("sub", Some("origin_jti"), &["scope"]),
        machine("sub", &["scope"]),
    ],
    max_lifetime: DAY,
};

/// ID tokens, as Google's access tokens are opaque. `hd` is the workspace; a consumer has none.
pub(super) static GOOGLE: Facts = Facts {
    name: "google",
    about: "Google ID tokens of a workspace, and of service accounts",
    types: UNTYPED,
    algorithms: &[Algorithm::Rs256],
    key_uses: None,
    names: &["https://accounts.google.com", "accounts.google.com"],
    keys: KeysFrom::Discovery,
    audience_claim: "aud",
    names_issuer: true,
    asks_for_actor: false,
    required: &["iss", "aud", "sub", "iat"],
    tenant_claim: Some("hd"),
    nobodys: &[],
    // A person of a workspace, and a service account of some project.
    everybodys: &["hd", "email", "sub"],
    decide: |claims, _| {
        no_actor(claims)?;
        let address = claims.text("email")?;
        let is_service = address.is_some_and(|it| it.ends_with(".gserviceaccount.com"));
        if address.is_some() && claims.flag("email_verified")? != Some(true) {
            return Err(unknown_kind("the address is not verified"));
        }
        match (claims.text("hd")?, is_service) {
            (Some(_), false) => Ok(CredentialKind::Session),
            (None, true) => Ok(CredentialKind::Machine),
            (None, false) => Err(crate::claims::missing("hd")),
            (Some(_), true) => Err(unknown_kind("`hd` is there, and it is a service account")),
        }
    },
    mappings: &[session("sub", None, &[]), machine("sub", &[])],
    max_lifetime: DAY,
};

/// Session tokens of version 2, whose organisation is in `o`. An actor is a person of Clerk's
/// dashboard or application, who impersonates.
pub(super) static CLERK: Facts = Facts {
    name: "clerk",
    about: "Clerk session tokens, with organisations",
    types: UNTYPED,
    algorithms: &[Algorithm::Rs256],
    key_uses: None,
    names: &[],
    keys: KeysFrom::Discovery,
    audience_claim: "azp",
    names_issuer: true,
    asks_for_actor: false,
    required: &["iss", "sub", "iat", "sid", "azp"],
    tenant_claim: Some("o/id"),
    nobodys: &[],
    everybodys: &[],
    decide: |claims, _| {
        if !claims.required_text("sub")?.starts_with("user_") {
            return Err(unknown_kind("`sub` is no user"));
        }
        // A session that waits for the second factor is none.
        if claims.text("sts")?.is_some_and(|status| status != "active") {
            return Err(unknown_kind("the session is not active"));
        }
        match claims.at("act") {
            None => Ok(CredentialKind::Session),
            Some(act) if act.is_object() && !claims.contains("act/act") => {
                Ok(CredentialKind::ImpersonatedSession)
            }
            Some(_) => Err(unknown_kind("`act` is nested, or no object")),
        }
    },
    mappings: &[
        // `o.per` is packed together with other members, and read by nobody but Clerk's libraries.
        session("sub", Some("sid"), &[]),
        Mapping {
            kind: CredentialKind::ImpersonatedSession,
            subject: "sub",
            actor: Some(ActorFrom {
                claim: "act/sub",
                kind: ActorKind::Person,
                session: Some("act/sid"),
                of_tenant: false,
                nested: false,
            }),
            session: Some("sid"),
            scope: &[],
            required: &[],
        },
    ],
    max_lifetime: DAY,
};

const fn session(
    subject: &'static str,
    session: Option<&'static str>,
    scope: &'static [&'static str],
) -> Mapping {
    Mapping {
        kind: CredentialKind::Session,
        subject,
        actor: None,
        session,
        scope,
        required: &[],
    }
}

const fn machine(subject: &'static str, scope: &'static [&'static str]) -> Mapping {
    Mapping {
        kind: CredentialKind::Machine,
        subject,
        actor: None,
        session: None,
        scope,
        required: &[],
    }
}

/// An agent identity of Entra: whoever acts or is acted for is one (facets 11 and 13), or its
/// blueprint is named. It looks like a person or a machine otherwise.
fn is_agent(claims: &Claims) -> Result<bool, Refusal> {
    if claims.contains("xms_par_app_azp") {
        return Ok(true);
    }
    for facets in ["xms_act_fct", "xms_sub_fct"] {
        let words = claims.words(facets)?.unwrap_or_default();
        if words.iter().any(|word| ["11", "13"].contains(word)) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// These vendors do not say what an actor would mean.
fn no_actor(claims: &Claims) -> Result<(), Refusal> {
    match claims.contains("act") {
        false => Ok(()),
        true => Err(unknown_kind("`act` is there, expected none")),
    }
}
