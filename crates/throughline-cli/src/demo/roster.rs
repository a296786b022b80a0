//! Who works in the demo.

use throughline_core::{Principal, Tenant};

use super::hooli;
use super::net::Failure;

/// The alias under which the edge knows the identity provider.
pub(super) const PROVIDER: &str = "demo-idp";

/// A person of a tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct User {
    pub(super) name: &'static str,
    pub(super) tenant: &'static str,
    may_pay: bool,
}

/// `ada` works for two tenants on purpose: a subject alone is nobody.
pub(super) const USERS: [User; 6] = [
    user("ada", "acme", true),
    user("bob", "acme", false),
    user("ada", "globex", true),
    user("gus", "globex", false),
    user("ivy", "initech", true),
    user("jon", "initech", false),
];

pub(super) const ADA_OF_ACME: User = user("ada", "acme", true);
pub(super) const ADA_OF_GLOBEX: User = user("ada", "globex", true);

/// A tenant of the attacks alone, whose directory events harm no journey. They say for themselves
/// whether something was missed.
pub(super) const UMBRELLA: User = user("zoe", "umbrella", true);

const fn user(name: &'static str, tenant: &'static str, may_pay: bool) -> User {
    User {
        name,
        tenant,
        may_pay,
    }
}

impl User {
    pub(super) fn scope(self) -> &'static str {
        if self.may_pay {
            "orders.read orders.create payments.create"
        } else {
            "orders.read orders.create"
        }
    }

    pub(super) fn may_pay(self) -> bool {
        self.may_pay
    }

    pub(super) fn principal(self) -> Result<Principal, Failure> {
        Ok(Principal::new(
            PROVIDER,
            Tenant::new(self.tenant)?,
            self.name,
        )?)
    }
}

/// Every tenant of which the directory says by itself that nothing was missed.
pub(super) fn tenants() -> Result<Vec<Tenant>, Failure> {
    let mut names: Vec<&str> = USERS.iter().map(|user| user.tenant).collect();
    names.push(hooli::TENANT);
    names.dedup();
    names
        .into_iter()
        .map(|name| Ok(Tenant::new(name)?))
        .collect()
}
