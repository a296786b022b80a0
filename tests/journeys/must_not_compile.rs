//! Invariant 2: proof types cannot be made by skipping a step.

#[test]
fn no_handler_gets_a_context_that_skipped_a_step() {
    let cases = trybuild::TestCases::new();
    cases.compile_fail("must_not_compile/*.rs");
}
