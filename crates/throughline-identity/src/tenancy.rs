//! For which tenant a credential counts.

use std::collections::BTreeMap;

use throughline_core::refusal::shown;
use throughline_core::{Place, Reason, Refusal, Tenant};

use crate::claims::{Claims, missing};

/// How the tenant of a credential is found. There is no default tenant: a credential from which no
/// tenant follows opens nothing.
///
/// ```
/// use throughline_core::Tenant;
/// use throughline_identity::Tenancy;
///
/// // One issuer, one tenant: whoever it vouches for belongs to acme.
/// let own_provider = Tenancy::one(Tenant::new("acme")?);
///
/// // One issuer, many tenants: a claim says which, and only these count.
/// let shared = Tenancy::claim("tid").mapped([("72f988bf", Tenant::new("contoso")?)]);
/// # let _ = (own_provider, shared);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Tenancy(Rule);

#[derive(Clone, Debug)]
enum Rule {
    Claim {
        claim: Box<str>,
        values: Values,
        /// The issuer's template joins parts by this; none of them may be empty.
        joined_by: Option<char>,
    },
    One(Tenant),
}

#[derive(Clone, Debug)]
enum Values {
    /// Each under its own name.
    Allowed(BTreeMap<Box<str>, Tenant>),
    /// Whatever fits the grammar.
    Any,
    Mapped(BTreeMap<Box<str>, Tenant>),
}

impl Tenancy {
    /// The issuer vouches for this tenant and no other. That is for an issuer of this tenant alone:
    /// one that serves everybody vouches for strangers too, and is not built so.
    pub fn one(tenant: Tenant) -> Self {
        Self(Rule::One(tenant))
    }

    /// The claim at this path names the tenant ([`Claims::contains`]).
    ///
    /// Any value counts that fits the grammar of a tenant. That is right where the issuer decides
    /// who becomes a tenant; where anybody can become one by signing up with the issuer, limit it
    /// with [`Tenancy::mapped`] or [`Tenancy::only`], or have memberships confirmed.
    pub fn claim(path: impl Into<Box<str>>) -> Self {
        Self(Rule::Claim {
            claim: path.into(),
            values: Values::Any,
            joined_by: None,
        })
    }

    /// Only these values of the claim count, each for its tenant.
    pub fn mapped<V: Into<Box<str>>>(self, map: impl IntoIterator<Item = (V, Tenant)>) -> Self {
        let map = map
            .into_iter()
            .map(|(value, tenant)| (value.into(), tenant));
        self.with_values(Values::Mapped(map.collect()))
    }

    /// Only these tenants count.
    pub fn only(self, tenants: impl IntoIterator<Item = Tenant>) -> Self {
        let named = |tenant: Tenant| (tenant.as_str().into(), tenant);
        self.with_values(Values::Allowed(tenants.into_iter().map(named).collect()))
    }

    /// The issuer makes the claim from parts, joined by `separator`. A part that the issuer did not
    /// know is empty then (`acme-`, `-`), so an empty part is refused.
    pub fn joined_by(self, separator: char) -> Self {
        Self(match self.0 {
            Rule::Claim { claim, values, .. } => Rule::Claim {
                claim,
                values,
                joined_by: Some(separator),
            },
            one @ Rule::One(_) => one,
        })
    }

    fn with_values(self, values: Values) -> Self {
        Self(match self.0 {
            Rule::Claim {
                claim, joined_by, ..
            } => Rule::Claim {
                claim,
                values,
                joined_by,
            },
            one @ Rule::One(_) => one,
        })
    }

    /// Whether only listed values of one of these claims count. One fixed tenant takes whoever the
    /// issuer vouches for, and lists nobody.
    pub(crate) fn lists_values_of(&self, claims: &[&str]) -> bool {
        match &self.0 {
            Rule::One(_) => false,
            Rule::Claim { claim, values, .. } => match values {
                Values::Any => false,
                Values::Allowed(_) | Values::Mapped(_) => claims.contains(&&**claim),
            },
        }
    }

    /// The tenants of a tenancy that lists them, and the claim it reads: for a map of trust.
    pub(crate) fn to_words(&self) -> String {
        match &self.0 {
            Rule::One(tenant) => format!("`{tenant}`"),
            Rule::Claim { claim, values, .. } => match values {
                Values::Any => format!("any, by claim `{claim}`"),
                Values::Allowed(tenants) => format!("{} by claim `{claim}`", tenants.len()),
                Values::Mapped(map) => format!("{} by a map of claim `{claim}`", map.len()),
            },
        }
    }

    /// `nobodys` are values that mean no tenant, but everybody who has none: they count where they
    /// are named.
    pub(crate) fn resolve(&self, claims: &Claims, nobodys: &[&str]) -> Result<Tenant, Refusal> {
        let (claim, values, joined_by) = match &self.0 {
            Rule::One(tenant) => return Ok(tenant.clone()),
            Rule::Claim {
                claim,
                values,
                joined_by,
            } => (claim, values, joined_by),
        };
        // An empty text is mistyped: a tenant that was lost, and equal to every other lost one.
        let value = claims.text(claim)?.ok_or_else(|| missing(claim))?;
        if let Some(separator) = joined_by
            && value.split(*separator).any(str::is_empty)
        {
            return Err(refuse(claim, value, "parts that are not empty"));
        }
        match values {
            Values::Mapped(map) => map
                .get(value)
                .cloned()
                .ok_or_else(|| refuse(claim, value, "one of the mapped values")),
            Values::Allowed(tenants) => tenants
                .get(value)
                .cloned()
                .ok_or_else(|| refuse(claim, value, "one of the listed tenants")),
            Values::Any if nobodys.contains(&value) => {
                Err(refuse(claim, value, "a tenant of its own"))
            }
            Values::Any => tenant(claim, value),
        }
    }

    /// What is wrong with it, if anything.
    pub(crate) fn problem(&self) -> Option<String> {
        match &self.0 {
            Rule::One(_) => None,
            Rule::Claim { claim, .. } if claim.is_empty() => {
                Some("the claim of the tenancy has no name".to_owned())
            }
            Rule::Claim { values, .. } => match values {
                Values::Mapped(map) if map.is_empty() => {
                    Some("the tenancy maps no value, so nobody can pass".to_owned())
                }
                Values::Allowed(tenants) if tenants.is_empty() => {
                    Some("the tenancy lists no tenant, so nobody can pass".to_owned())
                }
                Values::Any | Values::Mapped(_) | Values::Allowed(_) => None,
            },
        }
    }
}

fn tenant(claim: &str, value: &str) -> Result<Tenant, Refusal> {
    Tenant::new(value).map_err(|error| {
        Refusal::new(Reason::TenantInvalid)
            .at(Place::claim(claim.to_owned()))
            .because(error.to_string())
    })
}

fn refuse(claim: &str, value: &str, expected: &str) -> Refusal {
    Refusal::new(Reason::TenantInvalid)
        .at(Place::claim(claim.to_owned()))
        .because(format!(
            "is `{}`, expected {expected}",
            shown(value.as_bytes())
        ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tenant_of(tenancy: &Tenancy, claims: &str) -> Result<String, Reason> {
        let claims = Claims::read(claims.as_bytes()).unwrap();
        let tenant = tenancy
            .resolve(&claims, &["everybody"])
            .map_err(|refusal| refusal.reason())?;
        Ok(tenant.to_string())
    }

    // failure: T3
    #[test]
    fn a_tenant_that_is_absent_null_empty_or_oddly_typed_is_refused_and_never_empty() {
        let tenancy = Tenancy::claim("org_id");
        assert_eq!(
            tenant_of(&tenancy, r#"{"org_id": "org_01"}"#),
            Ok("org_01".into())
        );
        assert_eq!(tenant_of(&tenancy, "{}"), Err(Reason::ClaimMissing));
        for odd in [r#""""#, "null", "[]", r#"["org_01"]"#, "7", "{}", "true"] {
            let claims = format!(r#"{{"org_id": {odd}}}"#);
            assert_eq!(
                tenant_of(&tenancy, &claims),
                Err(Reason::ClaimInvalid),
                "{odd}"
            );
        }
        for odd in [" org_01", "org 01", "org_01\\u0000", "*", "../b", "orgé"] {
            let claims = format!(r#"{{"org_id": "{odd}"}}"#);
            assert_eq!(
                tenant_of(&tenancy, &claims),
                Err(Reason::TenantInvalid),
                "{odd}"
            );
        }
    }

    // failure: T7
    #[test]
    fn a_tenant_of_joined_parts_has_no_empty_part() {
        let tenancy = Tenancy::claim("key").joined_by('-');
        assert_eq!(
            tenant_of(&tenancy, r#"{"key": "acme-eu"}"#),
            Ok("acme-eu".into())
        );
        for half in ["-", "acme-", "-acme", "acme--eu"] {
            let claims = format!(r#"{{"key": "{half}"}}"#);
            assert_eq!(
                tenant_of(&tenancy, &claims),
                Err(Reason::TenantInvalid),
                "{half}"
            );
        }
        // The grammar alone refuses what begins with the separator.
        let grammar = Tenancy::claim("key");
        assert_eq!(
            tenant_of(&grammar, r#"{"key": "-"}"#),
            Err(Reason::TenantInvalid)
        );
        assert_eq!(
            tenant_of(&grammar, r#"{"key": "-acme"}"#),
            Err(Reason::TenantInvalid)
        );
    }

    // failure: X11
    #[test]
    fn a_tenant_that_nobody_registered_gets_no_other_in_its_place() {
        let acme = Tenant::new("acme").unwrap();
        let mapped = Tenancy::claim("tid").mapped([("72f9", acme.clone())]);
        assert_eq!(tenant_of(&mapped, r#"{"tid": "72f9"}"#), Ok("acme".into()));
        // The name of the tenant is no value of the claim.
        for other in [
            "72f90",
            "72F9",
            "acme",
            "9188040d-6c67-4c5b-b112-36a304b66dad",
        ] {
            let claims = format!(r#"{{"tid": "{other}"}}"#);
            assert_eq!(
                tenant_of(&mapped, &claims),
                Err(Reason::TenantInvalid),
                "{other}"
            );
        }
        let listed = Tenancy::claim("org").only([acme]);
        assert_eq!(tenant_of(&listed, r#"{"org": "acme"}"#), Ok("acme".into()));
        assert_eq!(
            tenant_of(&listed, r#"{"org": "acme2"}"#),
            Err(Reason::TenantInvalid)
        );
    }

    #[test]
    fn a_value_that_everybody_shares_is_a_tenant_only_where_it_is_named() {
        let shared = r#"{"tid": "everybody"}"#;
        let open = Tenancy::claim("tid");
        assert_eq!(tenant_of(&open, r#"{"tid": "acme"}"#), Ok("acme".into()));
        assert_eq!(tenant_of(&open, shared), Err(Reason::TenantInvalid));
        let consumers = Tenant::new("consumers").unwrap();
        let mapped = Tenancy::claim("tid").mapped([("everybody", consumers)]);
        assert_eq!(tenant_of(&mapped, shared), Ok("consumers".into()));
    }

    #[test]
    fn one_tenant_is_whatever_the_claims_say() {
        let tenancy = Tenancy::one(Tenant::new("acme").unwrap());
        assert_eq!(
            tenant_of(&tenancy, r#"{"org_id": "globex"}"#),
            Ok("acme".into())
        );
    }
}
