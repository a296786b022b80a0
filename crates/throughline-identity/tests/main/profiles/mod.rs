//! Each profile, by tokens that are shaped like those of its vendor: every kind that it knows is
//! accepted, and every neighbour is refused for a reason that has a name.

mod captured;
mod clerk;
mod cloud;
mod entra;
mod generic;
mod keycloak;
mod neighbours;
mod okta;
mod platforms;
mod workos;

use serde_json::Value;
use throughline_core::Reason;
use throughline_identity::{CredentialKind, Identity, IssuerBuilder, Issuers};

pub(crate) use self::platforms::undated_workload;

use crate::kit::{Key, Verdict, assert_refused, one, set, verdict};

/// A vendor: an issuer, and the key with which it signs.
pub(crate) struct Vendor {
    pub(crate) issuers: Issuers,
    pub(crate) key: Key,
    typ: Option<&'static str>,
}

impl Vendor {
    pub(crate) fn new(issuer: IssuerBuilder, typ: Option<&'static str>) -> Self {
        Self::with_key(issuer, typ, Key::rsa(0))
    }

    pub(crate) fn with_key(issuer: IssuerBuilder, typ: Option<&'static str>, key: Key) -> Self {
        Self {
            issuers: one(issuer.with_keys(set(&[&key]))),
            key,
            typ,
        }
    }

    pub(crate) fn token(&self, claims: &Value) -> String {
        self.key.sign_as(&self.key.header(self.typ), claims)
    }

    pub(crate) fn verdict(&self, claims: &Value) -> Verdict {
        verdict(&self.issuers, &self.token(claims))
    }

    /// With another `typ`.
    pub(crate) fn typed(&self, typ: Option<&str>, claims: &Value) -> Verdict {
        let token = self.key.sign_as(&self.key.header(typ), claims);
        verdict(&self.issuers, &token)
    }

    /// The kind, the principal and the scope of a credential that is accepted.
    pub(crate) fn accepts(&self, claims: &Value) -> (CredentialKind, String, String) {
        let identity = self.verdict(claims).unwrap();
        (
            identity.kind(),
            identity.principal().to_string(),
            scope(&identity),
        )
    }

    /// Each claim by itself is taken away, made null, and mistyped: none of it may pass.
    pub(crate) fn needs(&self, claims: &Value, names: &[&str]) {
        assert!(self.verdict(claims).is_ok(), "the honest twin was refused");
        for name in names {
            let pointer = format!("/{name}");
            let gone = self.verdict(&crate::kit::without(claims.clone(), &pointer));
            let reason = gone.err();
            let named = [
                Reason::ClaimMissing,
                Reason::TypeRefused,
                Reason::IssuerUntrusted,
            ];
            assert!(
                reason.is_some_and(|it| named.contains(&it)),
                "without {name}: {reason:?}"
            );
            for odd in ["null", "{}", "[]", "true"] {
                let odd: Value = serde_json::from_str(odd).unwrap();
                let found = self.verdict(&crate::kit::but(claims.clone(), &pointer, odd.clone()));
                // What lay in an object is missing with it.
                let named = [
                    Reason::ClaimInvalid,
                    Reason::ClaimMissing,
                    Reason::AudienceMismatch,
                    Reason::TypeRefused,
                ];
                let reason = found.err();
                assert!(
                    reason.is_some_and(|it| named.contains(&it)),
                    "{name} is {odd}: {reason:?}"
                );
            }
        }
    }

    pub(crate) fn refuses(&self, reason: Reason, claims: &Value, what: &str) {
        assert_refused(self.verdict(claims), reason, what);
    }
}

pub(crate) fn scope(identity: &Identity) -> String {
    identity.scope().to_string()
}
