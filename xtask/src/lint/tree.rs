//! The files of the repository, and what cargo says about its packages.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

use crate::Error;
use crate::run::{cargo, output, root};

/// The repository as it lies on disk, build output aside.
pub(super) struct Tree {
    /// Text files by path from the root.
    files: BTreeMap<String, String>,
    /// `cargo metadata` with all features on.
    metadata: Value,
}

impl Tree {
    pub(super) fn read() -> Result<Self, Error> {
        let mut files = BTreeMap::new();
        read_folder(&root(), "", &mut files)?;
        let metadata = output(&mut cargo([
            "metadata",
            "--format-version=1",
            "--all-features",
        ]))?;
        Ok(Self {
            files,
            metadata: serde_json::from_slice(&metadata)?,
        })
    }

    pub(super) fn files(&self) -> impl Iterator<Item = (&str, &str)> {
        self.files
            .iter()
            .map(|(path, text)| (path.as_str(), text.as_str()))
    }

    /// Rust files, wherever they are.
    pub(super) fn sources(&self) -> impl Iterator<Item = (&str, &str)> {
        self.files().filter(|(path, _)| path.ends_with(".rs"))
    }

    pub(super) fn file(&self, path: &str) -> Result<&str, Error> {
        let text = self.files.get(path).map(String::as_str);
        text.ok_or_else(|| format!("there is no file `{path}`").into())
    }

    /// Where cargo puts what it makes.
    pub(super) fn target(&self) -> &Path {
        Path::new(text(&self.metadata, "target_directory"))
    }

    /// All packages, ours and those they need.
    pub(super) fn packages(&self) -> impl Iterator<Item = Package<'_>> {
        list(&self.metadata, "packages").iter().map(Package)
    }

    /// Ours.
    pub(super) fn members(&self) -> impl Iterator<Item = Package<'_>> {
        let members = list(&self.metadata, "workspace_members");
        self.packages()
            .filter(move |package| members.iter().any(|id| id == package.id()))
    }

    /// What is compiled into or for the packages `from` where somebody uses them: themselves,
    /// their dependencies and those they are built with, all the way down. Not what only their
    /// tests need.
    pub(super) fn reach(&self, from: impl IntoIterator<Item = String>) -> Vec<Package<'_>> {
        let nodes = self
            .metadata
            .get("resolve")
            .map_or(&[][..], |resolve| list(resolve, "nodes"));
        let mut reached = Vec::new();
        let mut open: Vec<String> = from.into_iter().collect();
        while let Some(id) = open.pop() {
            if reached.contains(&id) {
                continue;
            }
            let node = nodes.iter().find(|node| text(node, "id") == id);
            for dependency in node.map_or(&[][..], |node| list(node, "deps")) {
                let kinds = list(dependency, "dep_kinds");
                if kinds.iter().any(|kind| text(kind, "kind") != "dev") {
                    open.push(text(dependency, "pkg").to_owned());
                }
            }
            reached.push(id);
        }
        self.packages()
            .filter(|package| reached.iter().any(|id| id == package.id()))
            .collect()
    }
}

fn read_folder(
    folder: &Path,
    prefix: &str,
    files: &mut BTreeMap<String, String>,
) -> Result<(), Error> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = format!("{prefix}{name}");
        if entry.file_type()?.is_dir() {
            if !matches!(path.as_str(), ".git" | "target") {
                read_folder(&entry.path(), &format!("{path}/"), files)?;
            }
        } else if let Ok(text) = std::fs::read_to_string(entry.path()) {
            files.insert(path, text);
        }
    }
    Ok(())
}

fn list<'v>(value: &'v Value, key: &str) -> &'v [Value] {
    value
        .get(key)
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}

fn text<'v>(value: &'v Value, key: &str) -> &'v str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

/// A package, as `cargo metadata` describes it.
#[derive(Clone, Copy)]
pub(super) struct Package<'t>(&'t Value);

impl<'t> Package<'t> {
    pub(super) fn id(self) -> &'t str {
        text(self.0, "id")
    }

    pub(super) fn name(self) -> &'t str {
        text(self.0, "name")
    }

    pub(super) fn version(self) -> &'t str {
        text(self.0, "version")
    }

    pub(super) fn rust_version(self) -> Option<&'t str> {
        self.0.get("rust_version").and_then(Value::as_str)
    }

    /// Whether users get it.
    pub(super) fn is_published(self) -> bool {
        self.0.get("publish").is_none_or(Value::is_null)
    }

    /// The path of its manifest from the root of the repository.
    pub(super) fn manifest(self) -> String {
        let path = Path::new(text(self.0, "manifest_path"));
        let path = path.strip_prefix(root()).unwrap_or(path);
        path.to_string_lossy().replace('\\', "/")
    }

    /// Its features, but for the default.
    pub(super) fn features(self) -> Vec<&'t str> {
        let features = self.0.get("features").and_then(Value::as_object);
        let names = features.into_iter().flat_map(|features| features.keys());
        names
            .map(String::as_str)
            .filter(|name| *name != "default")
            .collect()
    }

    /// The names of the packages its manifest names, and whether only its tests use them.
    pub(super) fn dependencies(self) -> impl Iterator<Item = (&'t str, bool)> {
        list(self.0, "dependencies")
            .iter()
            .map(|dependency| (text(dependency, "name"), text(dependency, "kind") == "dev"))
    }
}
