//! Rolling a rule out without breaking anyone.

/// A group of checks whose mode can be chosen. Steps 1 to 6 of the hop are not among them: a
/// context that is not genuine, for us and now is always refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Rule {
    /// Step 8: the copies this receiver relies on are complete.
    Projections,
    /// Step 7: every declared witness agrees.
    Witnesses,
}

/// What happens when a rule does not hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Mode {
    /// The call is refused.
    #[default]
    Enforce,
    /// The call passes *without* an admitted context: the extractor
    /// [`TenantContext`](crate::TenantContext) refuses, [`Observed`](crate::Observed) answers with
    /// the refusal that would have been.
    Report,
    /// The rule is not looked at.
    Off,
}
