//! Tools that are programs of their own, in the version that is asked for.

use std::path::PathBuf;
use std::process::Command;

use super::tree::Tree;
use crate::Error;
use crate::run::{cargo, status};

/// `name` where it is installed in this `version`, else built into the target folder: once, and
/// without optimisation, which is a third of the time to build and makes no difference to graphs
/// of this size.
///
/// A version is named exactly, so that a verdict does not change between two runs over one tree.
pub(super) fn tool(tree: &Tree, name: &str, version: &str) -> Result<PathBuf, Error> {
    let folder = tree.target().join("tools");
    let built = folder.join("bin").join(name);
    for tool in [PathBuf::from(name), built.clone()] {
        // A subcommand of cargo is told its own name first.
        let subcommand = name.trim_start_matches("cargo-");
        let says = Command::new(&tool).args([subcommand, "--version"]).output();
        let wanted = format!("{name} {version}");
        if says.is_ok_and(|output| output.stdout.trim_ascii() == wanted.as_bytes()) {
            return Ok(tool);
        }
    }
    let mut install = cargo(["install", name, "--version", version, "--locked"]);
    install
        .args(["--debug", "--force", "--root"])
        .arg(&folder)
        .env("CARGO_PROFILE_DEV_DEBUG", "0")
        // Not among our own artefacts: cargo removes a folder that it chose itself.
        .env_remove("CARGO_TARGET_DIR");
    if status(&mut install)? {
        Ok(built)
    } else {
        Err(format!("{name} {version} could not be installed").into())
    }
}
