//! Tools that are programs of their own, in the version that is asked for.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::Error;
use crate::run::{cargo, output, root, status};

/// Where cargo puts what it makes.
pub(crate) fn target_directory() -> Result<PathBuf, Error> {
    let metadata = output(&mut cargo(["metadata", "--format-version=1", "--no-deps"]))?;
    let metadata: Value = serde_json::from_slice(&metadata)?;
    let target = metadata.get("target_directory").and_then(Value::as_str);
    Ok(target.ok_or("cargo names no target directory")?.into())
}

/// A subcommand of cargo that is a program of its own.
pub(crate) struct Tool {
    program: PathBuf,
    subcommand: &'static str,
}

impl Tool {
    /// `cargo-SUBCOMMAND` where it is installed in this `version`, else built into the target
    /// folder: once, and without optimisation, which is a third of the time to build and makes no
    /// difference to what they do here.
    ///
    /// A version is named exactly, so that a verdict does not change between two runs over one
    /// tree.
    pub(crate) fn find(subcommand: &'static str, version: &str) -> Result<Self, Error> {
        let name = format!("cargo-{subcommand}");
        let folder = target_directory()?.join("tools");
        let built = folder.join("bin").join(&name);
        for program in [PathBuf::from(&name), built.clone()] {
            let tool = Self {
                program,
                subcommand,
            };
            let wanted = format!("{name} {version}");
            let says = tool.command().arg("--version").output();
            if says.is_ok_and(|output| output.stdout.trim_ascii() == wanted.as_bytes()) {
                return Ok(tool);
            }
        }
        let mut install = cargo(["install", &name, "--version", version, "--locked"]);
        install
            .args(["--debug", "--force", "--root"])
            .arg(&folder)
            .env("CARGO_PROFILE_DEV_DEBUG", "0")
            // Not among our own artefacts: cargo removes a folder that it chose itself.
            .env_remove("CARGO_TARGET_DIR");
        if !status(&mut install)? {
            return Err(format!("{name} {version} could not be installed").into());
        }
        Ok(Self {
            program: built,
            subcommand,
        })
    }

    /// Runs it in the root of the workspace, without standard input.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command
            // Which cargo would say, too.
            .arg(self.subcommand)
            .current_dir(root())
            .stdin(Stdio::null());
        command
    }
}
