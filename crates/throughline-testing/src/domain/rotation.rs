//! The three steps in which keys are replaced.

use super::TestDomain;
use crate::key::{TestKey, TestKeyError};

impl TestDomain {
    /// First step of a rotation: publishes `key` beside those in use.
    ///
    /// # Errors
    ///
    /// A published key has the same `kid`, or it is unusable.
    pub fn publish_key(&self, key: &TestKey) -> Result<(), TestKeyError> {
        self.parts.issuer.publish(key.to_signing_key()?)?;
        self.parts.keys.publish(key.clone());
        self.known().push(key.clone());
        Ok(())
    }

    /// Second step: signs with the published key `kid` from now on.
    ///
    /// # Errors
    ///
    /// No published key has that `kid`.
    pub fn sign_with(&self, kid: &str) -> Result<(), TestKeyError> {
        self.parts.issuer.sign_with(kid)?;
        let known = self.known();
        let key = known.iter().rfind(|key| key.kid() == kid);
        if let Some(key) = key {
            self.parts.signing.set(key.clone());
        }
        Ok(())
    }

    /// Last step: publishes the key `kid` no more.
    ///
    /// # Errors
    ///
    /// No published key has that `kid`, or it is the one that signs.
    pub fn retire_key(&self, kid: &str) -> Result<(), TestKeyError> {
        self.parts.issuer.retire(kid)?;
        self.parts.keys.retire(kid);
        Ok(())
    }
}
