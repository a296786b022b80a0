//! `cargo xtask bench`: builds and runs the benchmark harness.

use std::process::{Command, Stdio};

use crate::Error;
use crate::run::{cargo, root, status};
use crate::tools::target_directory;

/// Builds the harness in release and hands it `arguments`. A missed bound is no failure.
pub(crate) fn run(arguments: &[&str]) -> Result<bool, Error> {
    let mut build = cargo(["build", "--release", "--package", "throughline-bench"]);
    if !status(&mut build)? {
        return Ok(false);
    }
    let harness = format!("throughline-bench{}", std::env::consts::EXE_SUFFIX);
    let harness = target_directory()?.join("release").join(harness);
    let mut harness = Command::new(harness);
    harness
        .args(arguments)
        .current_dir(root())
        .stdin(Stdio::null());
    status(&mut harness)
}
