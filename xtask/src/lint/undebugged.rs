//! What holds a token or a secret does not derive `Debug`: the log would hold it too. Read from
//! lines, so it sees a field by its name, and not what a type is used for.

use super::Findings;
use super::tree::Tree;
use crate::Error;

/// What fields with secrets are called, whole or at their end.
const NAMES: &[&str] = &[
    "token",
    "bearer",
    "secret",
    "password",
    "pkcs8",
    "private",
    "signature",
    "credential",
];

/// Types that print what they hold.
const TEXTS: &[&str] = &[
    "String",
    "Vec<u8>",
    "Bytes",
    "Box<str>",
    "Box<[u8]>",
    "Arc<str>",
    "Arc<[u8]>",
    "OsString",
    "&",
    "Option<String>",
    "Option<Bytes>",
    "Cow<",
];

/// Fields that look like a secret and are none to us, with why.
const KNOWN: &[(&str, &str)] = &[(
    "crates/throughline-cli/src/cli.rs",
    "arguments, which a shell and a process list show already; never formatted",
)];

pub(super) fn secrets(tree: &Tree) -> Result<Findings, Error> {
    let mut findings = Findings::default();
    let mut seen = 0;
    let ours = tree.sources().filter(|(path, _)| {
        path.starts_with("crates/") && path.contains("/src/") && !path.contains("tests")
    });
    for (path, text) in ours.filter(|(path, _)| !KNOWN.iter().any(|(known, _)| known == path)) {
        for (number, field, derives) in secret_fields(text) {
            seen += 1;
            findings.demand(
                !derives,
                format!("{path}:{number} derives `Debug` over `{field}`, expected it by hand"),
            );
        }
    }
    findings.demand(seen > 3, "hardly a secret was found; the check is blind");
    Ok(findings)
}

/// Fields of structs that look like a secret, and whether their struct derives `Debug`.
fn secret_fields(text: &str) -> Vec<(usize, &str, bool)> {
    let text = text
        .split("\n#[cfg(test)]\nmod tests")
        .next()
        .unwrap_or(text);
    let mut found = Vec::new();
    let (mut derives, mut inside) = (false, false);
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.trim();
        if line.starts_with("#[derive(") {
            derives |= line.contains("Debug");
        } else if line.contains("struct ") && line.ends_with('{') && !line.starts_with("//") {
            inside = true;
        } else if line == "}" || line.starts_with("impl") || line.starts_with("fn ") {
            (derives, inside) = (false, false);
        } else if inside && let Some((name, kind)) = line.split_once(": ") {
            let name = name.rsplit(' ').next().unwrap_or(name);
            let is_secret = NAMES.iter().any(|secret| name.ends_with(secret));
            if is_secret && TEXTS.iter().any(|text| kind.starts_with(text)) {
                found.push((number, name, derives));
            }
        } else if line.ends_with(';') || line.ends_with('}') {
            derives = false;
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::secret_fields;

    #[test]
    fn a_secret_is_seen_in_a_struct_that_derives_and_in_one_that_does_not() {
        let text = "#[derive(Clone, Debug)]\npub struct A {\n    pub(crate) access_token: String,\n}\n\
            #[derive(Clone)]\nstruct B<'t> {\n    /// A token: bytes.\n    token: &'t [u8],\n    tokens: u8,\n}\n";
        let expected = [(3, "access_token", true), (8, "token", false)];
        assert_eq!(secret_fields(text), expected);
    }
}
