//! Allocation within a factor of the input: a length that somebody else wrote is never believed.

use std::alloc::System;

use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// How much may be allocated over an input: `per_byte` for each of its bytes, and `fixed` anyway.
///
/// All that is allocated counts, though it be freed at once: what is bounded in sum is bounded at
/// any moment. The budgets of the targets are a third above the worst that could be made by hand,
/// which `kept/` holds. It is JSON in JSON: an object of one member takes a node of a tree, so
/// `{"":{"":…}}` costs about 125 bytes for each of its own, wherever it is read into a value.
#[derive(Clone, Copy, Debug)]
pub struct Budget {
    /// For each byte of the input.
    pub per_byte: usize,
    /// In any case.
    pub fixed: usize,
}

impl Budget {
    /// Does `work` on an input of `len` bytes.
    ///
    /// # Panics
    ///
    /// More was allocated. Other threads are not told apart, so there must be none at work.
    pub fn hold<R>(self, len: usize, work: impl FnOnce() -> R) -> R {
        let before = ALLOCATOR.stats().bytes_allocated;
        let result = work();
        let used = ALLOCATOR.stats().bytes_allocated.saturating_sub(before);
        let allowed = self.per_byte.saturating_mul(len).saturating_add(self.fixed);
        assert!(
            used <= allowed,
            "{used} bytes were allocated over an input of {len} bytes, expected at most {allowed}"
        );
        result
    }
}
