//! The official emulator of WorkOS, beside which the edge is tested.

use std::path::Path;
use std::process::Command;

use super::{apt_install, can_be_run};
use crate::Error;
use crate::run::{output, status};

const NEEDS_NODE: &str = "the tests need Node.js 20 or later with npm, as in Debian's packages nodejs \
                          and npm, and a package registry";

const EMULATOR: &str = "workos@0.14.0";

/// What the emulator imports. The rest of what its package wants is a command line that nobody
/// starts here.
const IMPORTED: [&str; 2] = ["hono@4", "@hono/node-server@1"];

/// Installs it into `npm` in `target`, unless it is there.
pub(super) fn prepare(target: &Path) -> Result<(), Error> {
    let folder = target.join("npm");
    // Written last, so that what was left half made is made anew.
    let made = folder.join("made");
    if std::fs::read_to_string(&made).is_ok_and(|made| made == EMULATOR) {
        return Ok(());
    }
    if !can_be_run(Command::new("npm").arg("--version")) {
        apt_install(&["nodejs", "npm"], NEEDS_NODE)?;
    }
    let version = output(Command::new("node").arg("--version"))?;
    let version = String::from_utf8_lossy(&version);
    let major = version.trim().trim_start_matches('v').split('.').next();
    if major
        .and_then(|major| major.parse::<u32>().ok())
        .unwrap_or(0)
        < 20
    {
        return Err(format!("Node.js is {}; {NEEDS_NODE}", version.trim()).into());
    }

    if folder.exists() {
        std::fs::remove_dir_all(&folder)?;
    }
    let package = folder.join("node_modules/workos");
    std::fs::create_dir_all(&package)?;
    let mut import = npm(&folder, &["install", "--no-package-lock", "--no-save"]);
    let mut fetch = npm(&folder, &["pack", EMULATOR]);
    if !status(import.args(IMPORTED))? || !status(&mut fetch)? {
        return Err(format!("npm cannot install the emulator; {NEEDS_NODE}").into());
    }
    std::fs::create_dir_all(&package)?;
    let archive = folder.join(EMULATOR.replace('@', "-") + ".tgz");
    let mut unpack = Command::new("tar");
    unpack.arg("-xzf").arg(archive).arg("-C").arg(&package);
    if !status(unpack.arg("--strip-components=1"))? {
        return Err("the package of the emulator cannot be unpacked".into());
    }
    std::fs::write(made, EMULATOR)?;
    Ok(())
}

/// No script of a package runs.
fn npm(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new("npm");
    command.args(arguments).current_dir(folder);
    // Else it would look for a package further up.
    command.args(["--prefix", "."]);
    command.args(["--ignore-scripts", "--no-audit", "--no-fund", "--silent"]);
    command
}
