//! `cargo xtask bench`: builds and runs the benchmark harness.

use std::process::{Command, Stdio};

use serde_json::Value;

use crate::Error;
use crate::run::{cargo, output, root, status};

/// Builds the harness in release and hands it `arguments`. A missed bound is no failure.
pub(crate) fn run(arguments: &[&str]) -> Result<bool, Error> {
    let mut build = cargo(["build", "--release", "--package", "throughline-bench"]);
    if !status(&mut build)? {
        return Ok(false);
    }
    let metadata = output(&mut cargo(["metadata", "--format-version=1", "--no-deps"]))?;
    let metadata: Value = serde_json::from_slice(&metadata)?;
    let target = metadata.get("target_directory").and_then(Value::as_str);
    let target = target.ok_or("cargo names no target directory")?;
    let harness = format!(
        "{target}/release/throughline-bench{}",
        std::env::consts::EXE_SUFFIX
    );
    let mut harness = Command::new(harness);
    harness
        .args(arguments)
        .current_dir(root())
        .stdin(Stdio::null());
    status(&mut harness)
}
