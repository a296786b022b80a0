//! API keys, as far as one profile fits them all.

use std::time::Duration;

use throughline_jose::{Algorithm, TokenType};

use crate::kind::CredentialKind;
use crate::profile::{Facts, KeysFrom, Mapping, Profile, unknown_kind};

/// The source is the user's own, so the names of the claims are its own too. `sub` is who acts, and
/// `owner` says whether that is a person.
static API_KEYS: Facts = Facts {
    name: "api-keys",
    about: "API keys, by a source of one's own",
    // Nothing signed is one.
    types: TokenType::Foreign {
        types: &[],
        untyped: false,
    },
    algorithms: &Algorithm::ASYMMETRIC,
    key_uses: None,
    names: &[],
    keys: KeysFrom::Configured,
    audience_claim: "aud",
    names_issuer: true,
    asks_for_actor: false,
    required: &["sub"],
    tenant_claim: None,
    nobodys: &[],
    everybodys: &[],
    decide: |claims, _| {
        if claims.contains("act") {
            return Err(unknown_kind("`act` is there, expected none"));
        }
        match claims.text("owner")? {
            None | Some("organization") => Ok(CredentialKind::Machine),
            Some("user") => Ok(CredentialKind::Session),
            Some(_) => Err(unknown_kind(
                "`owner` is another one than `organization` or `user`",
            )),
        }
    },
    mappings: &[
        mapping(CredentialKind::Machine),
        mapping(CredentialKind::Session),
    ],
    // They live until they are revoked, and are asked about again.
    max_lifetime: Duration::MAX,
};

const fn mapping(kind: CredentialKind) -> Mapping {
    Mapping {
        kind,
        subject: "sub",
        actor: None,
        session: None,
        scope: &["scope", "permissions"],
        required: &[],
    }
}

impl Profile {
    /// API keys, looked up in a source of one's own ([`opaque`](crate::opaque)): `sub` is who acts,
    /// `owner` is `organization` (where absent) or `user`, `scope` and `permissions` are the
    /// authority. It cannot be named in a configuration.
    pub const API_KEYS: Self = Self(&API_KEYS);
}
