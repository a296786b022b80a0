//! The manifests are true: what users depend on builds with the oldest versions that they name.
//!
//! A copy of the crates is resolved anew, our direct dependencies as old as their manifests allow,
//! and checked. What those depend on is as new as it is today, as with every user. Examples, tests
//! and benchmarks are left out: they run with what the lock file says, here and nowhere else.

use std::path::Path;

use super::Findings;
use super::tree::Tree;
use crate::Error;
use crate::run::{cargo, status};

pub(super) fn versions_suffice(tree: &Tree) -> Result<Findings, Error> {
    let mut findings = Findings::default();
    let folder = tree.target().join("minimal");
    let copy = folder.join("tree");
    copy_crates(tree, &copy)?;
    let mut resolve = cargo(["update", "--quiet", "-Z", "direct-minimal-versions"]);
    // Stable cargo, with one thing that is not stable yet; nothing is built here.
    resolve.current_dir(&copy).env("RUSTC_BOOTSTRAP", "1");
    if !status(&mut resolve)? {
        findings.problem("the oldest versions do not go together: raise a bound in the manifest");
        return Ok(findings);
    }
    let mut check = cargo(["check", "--workspace", "--lib", "--bins", "--all-features"]);
    check
        .current_dir(&copy)
        .env("CARGO_TARGET_DIR", folder.join("target"));
    findings.demand(
        status(&mut check)?,
        "an old version lacks what is used: raise its bound in the root manifest",
    );
    Ok(findings)
}

/// Only the crates, and a workspace of only them. Dependencies stay built from one run to the next.
fn copy_crates(tree: &Tree, copy: &Path) -> Result<(), Error> {
    if copy.exists() {
        std::fs::remove_dir_all(copy)?;
    }
    for (path, text) in tree.files() {
        let text = match path {
            "Cargo.toml" => with_only_crates(text)?,
            _ => text.to_owned(),
        };
        let to = copy.join(path);
        if let Some(folder) = to.parent() {
            std::fs::create_dir_all(folder)?;
        }
        std::fs::write(to, text)?;
    }
    Ok(())
}

fn with_only_crates(manifest: &str) -> Result<String, Error> {
    let members = manifest.lines().find(|line| line.starts_with("members = "));
    let members = members.ok_or("the root manifest names no members in one line")?;
    Ok(manifest.replacen(members, r#"members = ["crates/*"]"#, 1))
}

#[cfg(test)]
mod tests {
    use super::with_only_crates;

    #[test]
    fn the_copy_has_no_members_but_the_crates() {
        let manifest = "[workspace]\nmembers = [\"crates/*\", \"tests\"]\nresolver = \"3\"\n";
        let expected = "[workspace]\nmembers = [\"crates/*\"]\nresolver = \"3\"\n";
        assert_eq!(with_only_crates(manifest).unwrap(), expected);
        assert!(with_only_crates("[workspace]\n").is_err());
    }
}
