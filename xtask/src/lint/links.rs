//! Links in Markdown lead to a file, a folder or a heading that is there. rustdoc checks those in
//! documentation comments; links to other places are not followed, as a check that depends on the
//! network says nothing about the tree.

use std::collections::BTreeSet;

use super::Findings;
use super::tree::Tree;
use crate::Error;

/// Copies of what others wrote, kept as they are.
const FOREIGN: &[&str] = &["LICENSE", "UPSTREAM"];

pub(super) fn lead_somewhere(tree: &Tree) -> Result<Findings, Error> {
    let mut findings = Findings::default();
    let mut seen = 0;
    let texts = tree.files().filter(|(path, _)| path.ends_with(".md"));
    for (path, text) in texts {
        let name = path.rsplit('/').next().unwrap_or(path);
        if FOREIGN.iter().any(|foreign| name.starts_with(foreign)) {
            continue;
        }
        for (number, link) in links(text) {
            if link.contains("://") || link.starts_with("mailto:") {
                continue;
            }
            seen += 1;
            if let Some(problem) = broken(tree, path, link) {
                findings.problem(format!("{path}:{number} links to `{link}`: {problem}"));
            }
        }
    }
    findings.demand(seen > 5, "hardly a link was found; the check is blind");
    Ok(findings)
}

/// What is wrong with a `link` in the file at `from`.
fn broken(tree: &Tree, from: &str, link: &str) -> Option<String> {
    let (path, heading) = match link.split_once('#') {
        Some((path, heading)) => (path, Some(heading)),
        None => (link, None),
    };
    let Some(path) = resolved(from, path) else {
        return Some("it leads out of the repository".to_owned());
    };
    let folder = format!("{}/", path.trim_end_matches('/'));
    let mut files = tree.files();
    if !files.any(|(file, _)| file == path || file.starts_with(&folder)) {
        return Some("there is no such file".to_owned());
    }
    let heading = heading?;
    let text = tree.file(&path).unwrap_or_default();
    // A line of a source file is no heading, and moves.
    (!headings(text).contains(heading)).then(|| "there is no such heading".to_owned())
}

/// `path` as it stands in the file `from`, from the root of the repository.
fn resolved(from: &str, path: &str) -> Option<String> {
    if path.is_empty() {
        return Some(from.to_owned());
    }
    let folder = from.rsplit_once('/').map_or("", |(folder, _)| folder);
    let start = if path.starts_with('/') { "" } else { folder };
    let mut parts: Vec<&str> = start.split('/').filter(|part| !part.is_empty()).collect();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

/// Where inline links and reference definitions lead, with their lines.
fn links(text: &str) -> Vec<(usize, &str)> {
    let mut links = Vec::new();
    for (number, line) in prose(text) {
        for (at, _) in line.match_indices("](") {
            let rest = line.get(at + 2..).unwrap_or_default();
            let end = rest.find([')', ' ']).unwrap_or(rest.len());
            links.push((number, rest.get(..end).unwrap_or_default()));
        }
        let definition = line
            .strip_prefix('[')
            .and_then(|line| line.split_once("]: "));
        if let Some((_, target)) = definition {
            links.push((number, target.trim()));
        }
    }
    links
}

/// The headings of a text, as a link names them.
fn headings(text: &str) -> BTreeSet<String> {
    let lines = prose(text).filter(|(_, line)| line.starts_with('#'));
    let mut found = BTreeSet::new();
    for (_, line) in lines {
        let kept = line
            .trim_start_matches('#')
            .trim()
            .chars()
            .filter_map(|c| match c {
                ' ' => Some('-'),
                '-' | '_' => Some(c),
                c if c.is_alphanumeric() => Some(c.to_ascii_lowercase()),
                _ => None,
            });
        let name: String = kept.collect();
        // The second of the same name is numbered.
        let mut unique = name.clone();
        for n in 1.. {
            if found.insert(unique) {
                break;
            }
            unique = format!("{name}-{n}");
        }
    }
    found
}

/// The lines outside of fenced code.
fn prose(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut fenced = false;
    (1..).zip(text.lines()).filter(move |(_, line)| {
        let is_fence = line.trim_start().starts_with("```");
        fenced ^= is_fence;
        !fenced && !is_fence
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# A title, `quoted`\n[one](a/b.md#c) and [two](../d \"title\")\n\
        ```sh\n# no heading\n[none](e)\n```\n## Twice\n## Twice\n[ref]: f.md\n";

    #[test]
    fn links_and_headings_are_read_outside_of_code() {
        assert_eq!(links(TEXT), [(2, "a/b.md#c"), (2, "../d"), (9, "f.md")]);
        let headings: Vec<String> = headings(TEXT).into_iter().collect();
        assert_eq!(headings, ["a-title-quoted", "twice", "twice-1"]);
    }

    #[test]
    fn a_path_is_resolved_from_the_file_it_stands_in() {
        let from = "crates/a/README.md";
        assert_eq!(resolved(from, "src/x.rs").unwrap(), "crates/a/src/x.rs");
        assert_eq!(resolved(from, "../b/").unwrap(), "crates/b");
        assert_eq!(resolved(from, "/README.md").unwrap(), "README.md");
        assert_eq!(resolved(from, "").unwrap(), from);
        assert_eq!(resolved("README.md", "../x"), None);
    }
}
