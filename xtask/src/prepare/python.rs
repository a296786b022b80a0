//! A private Python, with the independent verifiers of `tests/differential` and what runs the golden
//! vectors.

use std::path::Path;
use std::process::Command;

use super::{apt_install, can_be_run};
use crate::Error;
use crate::run::{root, status};

const NEEDS_PYTHON: &str = "the tests need Python 3.11 or later with `venv`, as in Debian's packages \
                            python3 and python3-venv, and a package index";

/// Makes `venv` in `target`, unless it is there with these very packages.
pub(super) fn prepare(target: &Path) -> Result<(), Error> {
    let venv = target.join("venv");
    let python = venv.join("bin/python");
    let requirements = root().join("tests/python/requirements.txt");
    let wanted = std::fs::read_to_string(&requirements)?;
    // Written last, so that what was left half made is made anew.
    let made = venv.join("requirements.txt");
    if python.exists() && std::fs::read_to_string(&made).is_ok_and(|made| made == wanted) {
        return Ok(());
    }
    let mut create = Command::new("python3");
    create.args(["-m", "venv", "--clear"]).arg(&venv);
    if !can_be_run(&mut create) {
        apt_install(&["python3", "python3-venv"], NEEDS_PYTHON)?;
        if !status(&mut create)? {
            return Err(format!("`python3 -m venv` fails; {NEEDS_PYTHON}").into());
        }
    }
    let mut install = Command::new(&python);
    install.args(["-m", "pip", "install", "--quiet", "--no-input"]);
    install.args(["--disable-pip-version-check", "--require-hashes"]);
    install.args(["--only-binary", ":all:", "--requirement"]);
    if !status(install.arg(&requirements))? {
        let name = "tests/python/requirements.txt";
        return Err(format!("pip cannot install {name}; {NEEDS_PYTHON}").into());
    }
    std::fs::write(made, wanted)?;
    Ok(())
}
