//! What a test domain signs, honestly or not.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use throughline_core::grant::{Grant, Scope};
use throughline_core::time::Clock as _;
use throughline_core::{Draft, Principal, Tenant};

use super::TestDomain;
use crate::key::TestKey;

impl TestDomain {
    /// Work of Ada of `tenant`, as of now, with the scope `orders.* documents.read`.
    ///
    /// # Panics
    ///
    /// `tenant` is no tenant.
    #[track_caller]
    #[expect(
        clippy::expect_used,
        reason = "the argument is a constant of the test, and everything else is one of ours"
    )]
    pub fn draft(&self, tenant: &str) -> Draft {
        let tenant = Tenant::new(tenant).expect("the test names a tenant");
        let ada = Principal::new(Self::PROVIDER, tenant, Self::SUBJECT).expect("ada has a name");
        let scope = Scope::new("orders.* documents.read").expect("the scope is well-formed");
        Draft::user(ada, self.parts.clock.now())
            .expect("a user has a tenant")
            .with_grant(Grant::new(scope))
    }

    /// An honest token of Ada of `tenant`.
    ///
    /// # Panics
    ///
    /// `tenant` is no tenant.
    #[must_use]
    #[track_caller]
    #[expect(
        clippy::expect_used,
        reason = "the draft is ours, as of now, small and without a deadline"
    )]
    pub fn token(&self, tenant: &str) -> String {
        let minted = self.parts.issuer.mint(self.draft(tenant));
        minted.expect("an honest draft is minted")
    }

    /// What an honest token of Ada of `tenant` says: fresh by the clock, to be changed and signed.
    ///
    /// # Panics
    ///
    /// `tenant` is no tenant.
    #[must_use]
    #[track_caller]
    pub fn claims(&self, tenant: &str) -> Value {
        let token = self.token(tenant);
        let payload = token.split('.').nth(1).unwrap_or_default();
        let payload = URL_SAFE_NO_PAD.decode(payload).unwrap_or_default();
        serde_json::from_slice(&payload).unwrap_or_default()
    }

    /// Signs anything with the key of the domain, as no honest service would.
    #[must_use]
    pub fn sign(&self, header: &Value, claims: &Value) -> String {
        self.key().sign(header, claims)
    }

    /// The key that signs now.
    #[must_use]
    pub fn key(&self) -> TestKey {
        self.parts.signing.key()
    }
}
