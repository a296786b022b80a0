//! Which kind of credential it is: decided first, as the same claim means different things in
//! different kinds.

use std::fmt;

/// A kind of credential.
///
/// One vendor issues several. In a WorkOS session of an impersonating admin `act.sub` is the admin,
/// who acts; in the token of a WorkOS agent it is the user for whom the agent acts. A mapping that
/// does not know the kind swaps the two, so the kind is decided before anything is mapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum CredentialKind {
    /// A person who signed in.
    Session,
    /// A person, as whom an admin acts.
    ImpersonatedSession,
    /// A machine that acts for a tenant.
    Machine,
    /// An agent that acts for a person.
    DelegatedAgent,
    /// An agent that acts for itself, within a tenant.
    AutonomousAgent,
    /// A workload with an identity of its own: a SPIFFE id, a service account of a cluster.
    Workload,
}

impl CredentialKind {
    /// Every kind.
    pub const ALL: [Self; 6] = [
        Self::Session,
        Self::ImpersonatedSession,
        Self::Machine,
        Self::DelegatedAgent,
        Self::AutonomousAgent,
        Self::Workload,
    ];

    /// The name in a configuration.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Session => "session",
            Self::ImpersonatedSession => "impersonated-session",
            Self::Machine => "machine",
            Self::DelegatedAgent => "delegated-agent",
            Self::AutonomousAgent => "autonomous-agent",
            Self::Workload => "workload",
        }
    }

    /// The kind of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }
}

impl fmt::Display for CredentialKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
