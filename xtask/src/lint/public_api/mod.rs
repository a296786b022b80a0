//! Invariant 8: no public signature names a type of a package below 1.0, but for a written list.
//!
//! The signatures are read from rustdoc's JSON, which is exact: what is private, hidden behind a
//! private field or used in a body is not in it. The format is not stable, so the check trusts
//! nothing but two things in it: a public item mentions others by `id`, and `paths` tells the crate
//! of an id. It finds `http` in `throughline`, or says that it is blind.

mod recorded;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde_json::Value;

pub(super) use self::recorded::{is_recorded, judged};
use super::Findings;
use super::tree::{Package, Tree};
use crate::Error;
use crate::run::{cargo, root, status};

/// Packages below 1.0 that may be named, and why.
const ALLOWED: &[(&str, &str)] = &[
    ("axum-core", "an axum extractor is what the feature is for"),
    ("futures-core", "a stream that keeps a scope is a stream"),
    (
        "pin-project-lite",
        "`pin_project!` writes it into a bound that nobody names",
    ),
    ("reqwest", "what `throughline-reqwest` is for"),
    ("tonic", "what `throughline-tonic` is for"),
    ("tower-layer", "a layer is what the crate is for"),
    ("tower-service", "a service is what the crate is for"),
];

/// Parts of the toolchain.
const TOOLCHAIN: &[&str] = &["alloc", "core", "std"];

pub(super) fn names_no_unstable_type(tree: &Tree) -> Result<Findings, Error> {
    let mut findings = Findings::default();
    let mut all = BTreeSet::new();
    for package in libraries(tree) {
        let name = package.name();
        let (_, document) = document(name, tree.target())?;
        let named = names(&document)?;
        for (krate, items) in &named {
            if TOOLCHAIN.contains(&&**krate) {
                continue;
            }
            // Ours share one version and are released together.
            let ours = tree
                .members()
                .any(|package| package.name().replace('-', "_") == *krate);
            let unstable = tree.packages().find(|package| {
                !ours
                    && package.name().replace('-', "_") == *krate
                    && package.version().starts_with("0.")
            });
            let Some(unstable) = unstable else { continue };
            let items: Vec<&str> = items.iter().map(String::as_str).take(4).collect();
            findings.demand(
                ALLOWED
                    .iter()
                    .any(|(allowed, _)| *allowed == unstable.name()),
                format!(
                    "`{name}` names {} {} in public: {}",
                    unstable.name(),
                    unstable.version(),
                    items.join(", ")
                ),
            );
        }
        all.extend(named.into_keys());
    }
    findings.demand(
        all.contains("http"),
        "`throughline` does not name `http`; the check is blind",
    );
    Ok(findings)
}

/// What users can depend on.
fn libraries(tree: &Tree) -> impl Iterator<Item = Package<'_>> {
    tree.members().filter(|package| {
        let manifest = package.manifest();
        let folder = manifest.trim_end_matches("Cargo.toml");
        package.is_published() && tree.file(&format!("{folder}src/lib.rs")).is_ok()
    })
}

/// What rustdoc says about a crate, with all of its features, and where it wrote that.
fn document(package: &str, target: &Path) -> Result<(PathBuf, Value), Error> {
    let mut command = cargo(["rustdoc", "--lib", "--all-features", "--package", package]);
    command
        .args(["--", "-Z", "unstable-options", "--output-format", "json"])
        .env("RUSTDOC", root().join("xtask/rustdoc-json"));
    if !status(&mut command)? {
        return Err(format!("rustdoc wrote no json for `{package}`").into());
    }
    let path = target
        .join("doc")
        .join(format!("{}.json", package.replace('-', "_")));
    let document = serde_json::from_slice(&std::fs::read(&path)?)?;
    Ok((path, document))
}

/// The crates that the public items of `document` name, each with some of the named items.
fn names(document: &Value) -> Result<BTreeMap<String, BTreeSet<String>>, Error> {
    let part = |key: &str| document.get(key).and_then(Value::as_object);
    let (index, paths, crates) = (part("index"), part("paths"), part("external_crates"));
    let (Some(index), Some(paths), Some(crates)) = (index, paths, crates) else {
        return Err("rustdoc's json has another shape".into());
    };
    let mut named: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for item in index.values() {
        // What the compiler adds to every type is not ours to choose.
        let is_added = |imp: &Value| {
            imp.get("blanket_impl").is_some_and(|of| !of.is_null())
                || imp.get("is_synthetic") == Some(&Value::Bool(true))
        };
        let inner = item.get("inner").unwrap_or(&Value::Null);
        if item.get("crate_id") != Some(&0.into()) || inner.get("impl").is_some_and(is_added) {
            continue;
        }
        let mut ids = Vec::new();
        collect_ids(inner, &mut ids);
        for path in ids.into_iter().filter_map(|id| paths.get(&id)) {
            let krate = path.get("crate_id").and_then(Value::as_u64).unwrap_or(0);
            let krate = crates
                .get(&krate.to_string())
                .and_then(|krate| krate.get("name"));
            let segments = path.get("path").and_then(Value::as_array);
            if let (Some(krate), Some(segments)) = (krate.and_then(Value::as_str), segments) {
                let segments: Vec<&str> = segments.iter().filter_map(Value::as_str).collect();
                named
                    .entry(krate.to_owned())
                    .or_default()
                    .insert(segments.join("::"));
            }
        }
    }
    Ok(named)
}

/// Every `id` at any depth.
fn collect_ids(value: &Value, ids: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            for (key, value) in members {
                match value.as_u64() {
                    Some(id) if key == "id" => ids.push(id.to_string()),
                    Some(_) | None => collect_ids(value, ids),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| collect_ids(item, ids)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::names;

    #[test]
    fn a_foreign_type_is_found_in_what_is_ours_and_not_in_what_the_compiler_adds() {
        let document = json!({
            "external_crates": {"5": {"name": "young"}, "6": {"name": "blanket"}},
            "paths": {
                "10": {"crate_id": 5, "path": ["young", "Thing"]},
                "11": {"crate_id": 6, "path": ["blanket", "Trait"]},
                "12": {"crate_id": 0, "path": ["ours", "Own"]},
            },
            "index": {
                "1": {"crate_id": 0, "inner": {"function": {"sig": {"inputs": [
                    ["x", {"resolved_path": {"id": 10, "args": null}}],
                    ["y", {"resolved_path": {"id": 12}}],
                ]}}}},
                "2": {"crate_id": 0, "inner": {"impl": {
                    "trait": {"id": 11}, "blanket_impl": {"generic": "T"}, "is_synthetic": false,
                }}},
            },
        });
        let named = names(&document).unwrap();
        assert_eq!(named.keys().collect::<Vec<_>>(), ["young"]);
        assert!(named["young"].contains("young::Thing"));
    }
}
