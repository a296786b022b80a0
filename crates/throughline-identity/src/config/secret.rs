//! Secrets, which a file names and does not hold.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::Deserialize;

/// A secret from the environment or a file. Nothing shows it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Box<str>);

impl Secret {
    /// Wraps a secret.
    #[must_use]
    pub fn new(text: impl Into<Box<str>>) -> Self {
        Self(text.into())
    }

    /// The secret, to be sent or used and never written anywhere.
    #[must_use]
    pub fn danger_expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// Where a secret is.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SecretTable {
    #[serde(default)]
    env: Option<String>,
    #[serde(default)]
    file: Option<PathBuf>,
}

impl SecretTable {
    /// Without the end of the last line, which editors add.
    pub(super) fn read(&self, folder: &Path) -> Result<Secret, String> {
        let text = match (&self.env, &self.file) {
            (Some(name), None) => std::env::var(name)
                .map_err(|_| format!("environment variable `{name}` is not set, or no text"))?,
            (None, Some(file)) => {
                let path = folder.join(file);
                std::fs::read_to_string(&path)
                    .map_err(|error| format!("`{}` cannot be read: {error}", path.display()))?
            }
            (Some(_), Some(_)) | (None, None) => {
                return Err("expected one of `env` and `file`".to_owned());
            }
        };
        let text = text.trim_end_matches(['\r', '\n']);
        if text.is_empty() {
            return Err("it is empty".to_owned());
        }
        Ok(Secret::new(text))
    }
}
