//! The Python that `cargo xtask test` makes for the tests, with the packages of `requirements.txt`.
//!
//! Included by the test binaries that need it.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The variable that names another interpreter, with the same packages.
const OVERRIDE: &str = "THROUGHLINE_TEST_PYTHON";

/// A command that runs `script`, a path from the root of the repository.
///
/// # Panics
///
/// There is no interpreter: never a reason to skip a test.
pub(crate) fn python(root: &Path, script: &str) -> Command {
    let interpreter = std::env::var_os(OVERRIDE).map_or_else(beside_the_tests, PathBuf::from);
    let mut command = Command::new(interpreter);
    // `-B`: nothing is written beside the sources.
    command.arg("-B").arg(root.join(script));
    command.stdin(Stdio::null());
    command
}

/// `venv` in cargo's target folder, wherever that is: some folder above this binary.
fn beside_the_tests() -> PathBuf {
    let binary = std::env::current_exe().unwrap();
    let interpreters = binary
        .ancestors()
        .map(|above| above.join("venv/bin/python"));
    interpreters
        .into_iter()
        .find(|interpreter| interpreter.exists())
        .unwrap_or_else(|| {
            panic!(
                "no Python with the packages of tests/python/requirements.txt is at hand: run \
                 `cargo xtask test` once, which makes it in target/venv, or name one in {OVERRIDE}"
            )
        })
}
