//! What the manifests must say.

use super::Findings;
use super::tree::{Package, Tree};
use crate::Error;

/// The dependence star: a crate of ours, and those of ours it may use. Whoever adds a crate writes
/// here what it may know.
const STAR: &[(&str, &[&str])] = &[
    ("throughline-core", &[]),
    ("throughline-jose", &["throughline-core"]),
    ("throughline", &["throughline-core", "throughline-jose"]),
    (
        "throughline-identity",
        &["throughline", "throughline-core", "throughline-jose"],
    ),
    (
        "throughline-reqwest",
        &["throughline", "throughline-core", "throughline-jose"],
    ),
    (
        "throughline-testing",
        &["throughline", "throughline-core", "throughline-jose"],
    ),
    (
        "throughline-tonic",
        &["throughline", "throughline-core", "throughline-jose"],
    ),
];

/// These may use anything, and nothing uses them: by name, or by the folder of the manifest.
const TOPS: &[&str] = &["throughline-cli"];
const TOP_FOLDERS: &[&str] = &["examples/", "tests/", "xtask/"];

/// Satellites meet in the user's `main`, not in each other.
pub(super) fn star(tree: &Tree) -> Result<Findings, Error> {
    let mut findings = Findings::default();
    let ours: Vec<Package<'_>> = tree.members().collect();
    for package in &ours {
        let name = package.name();
        let allowed = STAR.iter().find(|(center, _)| *center == name);
        findings.demand(
            allowed.is_some() || is_top(*package),
            format!(
                "`{name}` has no place in the star, expected one in `xtask/src/lint/manifests.rs`"
            ),
        );
        for (used, only_tests) in package.dependencies() {
            let Some(target) = ours.iter().find(|target| target.name() == used) else {
                continue;
            };
            findings.demand(
                !is_top(*target),
                format!("`{name}` depends on `{used}`, which nothing may use"),
            );
            // A test may look at the whole star from wherever it stands.
            if let Some((_, allowed)) = allowed
                && !only_tests
            {
                findings.demand(
                    allowed.contains(&used),
                    format!("`{name}` depends on `{used}`, expected at most {allowed:?}"),
                );
            }
        }
        findings.demand(
            !package.is_published() || package.manifest().starts_with("crates/"),
            format!("`{name}` would be published, expected `publish = false` outside of `crates/`"),
        );
    }
    Ok(findings)
}

fn is_top(package: Package<'_>) -> bool {
    let manifest = package.manifest();
    TOPS.contains(&package.name())
        || TOP_FOLDERS
            .iter()
            .any(|folder| manifest.starts_with(folder))
}

/// Beginnings of names of packages that bring async, I/O or HTTP.
const IMPURE: &[&str] = &[
    "async-", "axum", "futures", "h2", "http", "hyper", "mio", "reqwest", "smol", "socket2",
    "time", "chrono", "jiff", "tokio", "tower", "tracing",
];

/// `throughline-core` has no async, no I/O, no HTTP and no clock of its own.
pub(super) fn core_is_pure(tree: &Tree) -> Result<Findings, Error> {
    let mut findings = Findings::default();
    let core = tree
        .members()
        .find(|package| package.name() == "throughline-core");
    let core = core.ok_or("there is no `throughline-core`")?;
    let reached = tree.reach([core.id().to_owned()]);
    findings.demand(
        reached.len() > 1,
        "nothing is reached from the core; the check is blind",
    );
    for package in reached {
        let name = package.name();
        findings.demand(
            !IMPURE.iter().any(|impure| name.starts_with(impure)),
            format!("`throughline-core` reaches `{name}`"),
        );
    }
    Ok(findings)
}

/// Lints are stated once, and `unsafe` is forbidden for all.
pub(super) fn lints_are_inherited(tree: &Tree) -> Result<Findings, Error> {
    let mut findings = Findings::default();
    let lines = |text: &str, wanted: &str| text.lines().any(|line| line.trim() == wanted);
    let root = tree.file("Cargo.toml")?;
    findings.demand(
        root.lines()
            .any(|line| line.starts_with(r#"unsafe_code = "forbid""#)),
        r#"the root manifest does not say `unsafe_code = "forbid"`"#,
    );
    for package in tree.members() {
        let manifest = package.manifest();
        let text = tree.file(&manifest)?;
        let inherits = lines(text, "lints.workspace = true")
            || text.split_once("[lints]").is_some_and(|(_, lints)| {
                lints.lines().find(|line| !line.is_empty()).map(str::trim)
                    == Some("workspace = true")
            });
        findings.demand(inherits, format!("`{manifest}` does not inherit the lints"));
    }
    Ok(findings)
}

/// The minimum supported Rust version is stated once, and what users compile asks for no more.
///
/// What only tests and benchmarks need may ask for more: users never compile it, and CI has a
/// newer toolchain. It is noted. That no newer item of std is used is clippy's part
/// (`incompatible_msrv`).
pub(super) fn msrv(tree: &Tree) -> Result<Findings, Error> {
    let mut findings = Findings::default();
    let manifests = tree
        .files()
        .filter(|(path, _)| path.ends_with("Cargo.toml"));
    let stated: Vec<(&str, &str)> = manifests
        .flat_map(|(path, text)| text.lines().map(move |line| (path, line)))
        .filter_map(|(path, line)| Some((path, line.strip_prefix("rust-version = ")?)))
        .collect();
    let [("Cargo.toml", ours)] = stated.as_slice() else {
        findings.problem(format!(
            "`rust-version` is stated in {stated:?}, expected the root only"
        ));
        return Ok(findings);
    };
    let ours = ours.trim_matches('"');
    for package in tree.members() {
        findings.demand(
            package.rust_version() == Some(ours),
            format!("`{}` does not inherit `rust-version`", package.name()),
        );
    }
    let clippy = tree.file(".clippy.toml")?;
    findings.demand(
        !clippy.lines().any(|line| line.starts_with("msrv")),
        "`.clippy.toml` states a version too, expected the manifest only",
    );

    let published = tree.members().filter(|package| package.is_published());
    let used = tree.reach(published.map(|package| package.id().to_owned()));
    for package in tree.packages() {
        let Some(theirs) = package.rust_version() else {
            continue;
        };
        if numbers(theirs) <= numbers(ours) {
            continue;
        }
        let (name, version) = (package.name(), package.version());
        let text = format!("`{name}` {version} asks for Rust {theirs}, expected at most {ours}");
        if used.iter().any(|used| used.id() == package.id()) {
            findings.problem(text);
        } else {
            findings.note(format!("{text}; only tests need it"));
        }
    }
    Ok(findings)
}

fn numbers(version: &str) -> [u64; 3] {
    let mut numbers = version.split('.').map(|part| part.parse().unwrap_or(0));
    std::array::from_fn(|_| numbers.next().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::numbers;

    #[test]
    fn versions_compare_by_number_and_length_does_not_count() {
        assert!(numbers("1.9") < numbers("1.88"));
        assert_eq!(numbers("1.88"), numbers("1.88.0"));
        assert!(numbers("1.88.1") > numbers("1.88"));
    }
}
