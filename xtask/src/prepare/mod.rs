//! What tests need beyond cargo.
//!
//! What is missing is installed as root (`apt-get install --yes …`); as anybody else this fails with
//! a sentence that names the packages. No test is ever skipped for want of it.

mod emulator;
mod python;

use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::Error;
use crate::run::status;

/// Installs everything, or says what is missing.
pub(crate) fn prepare() -> Result<(), Error> {
    let target = target()?;
    python::prepare(&target)?;
    emulator::prepare(&target)
}

/// Cargo's target folder: this program stands in a profile's folder of it.
fn target() -> Result<PathBuf, Error> {
    let this = std::env::current_exe()?;
    let target = this.ancestors().nth(2).ok_or("xtask runs from nowhere")?;
    Ok(target.to_owned())
}

/// Installs packages of Debian as root; `needed` is the sentence for anybody else.
fn apt_install(packages: &[&str], needed: &'static str) -> Result<(), Error> {
    let id = Command::new("id").arg("-u").output()?;
    if id.stdout.trim_ascii() != b"0" || !can_be_run(Command::new("apt-get").arg("--version")) {
        return Err(needed.into());
    }
    let install = [&["install", "--yes", "--quiet"][..], packages].concat();
    for arguments in [&["update", "--quiet"][..], &install] {
        let mut apt = Command::new("apt-get");
        apt.args(arguments).env("DEBIAN_FRONTEND", "noninteractive");
        if !status(&mut apt)? {
            return Err(format!("apt-get cannot install {}; {needed}", packages.join(" ")).into());
        }
    }
    Ok(())
}

/// Whether it runs, and succeeds. What it says is nobody's concern.
fn can_be_run(command: &mut Command) -> bool {
    status(command.stdout(Stdio::null())).unwrap_or(false)
}
