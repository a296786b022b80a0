//! The caller: the workload at the other end of the connection.

use std::fmt;
use std::sync::Arc;

/// The authenticated workload at the other end of the connection, such as a SPIFFE id from a
/// client certificate. A different question from the principal: who is *connected*, not for whom
/// the work is done.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Caller(Arc<str>);

impl Caller {
    /// A caller that the connection authenticated under `id`.
    ///
    /// Only whoever terminates the connection knows this; never make one from a header that a
    /// client can set.
    #[must_use]
    pub fn authenticated(id: &str) -> Self {
        Self(id.into())
    }

    /// The id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Caller({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_caller_is_shown_by_its_id() {
        let caller = Caller::authenticated("spiffe://prod.example/orders");
        assert_eq!(caller.id(), "spiffe://prod.example/orders");
        assert_eq!(caller.to_string(), caller.id());
    }
}
