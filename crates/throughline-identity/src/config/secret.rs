//! Secrets, which a file names and does not hold.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, Error, MapAccess, SeqAccess, Visitor};

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
#[derive(Debug)]
pub(super) struct SecretTable(Place);

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Place {
    #[serde(default)]
    env: Option<String>,
    #[serde(default)]
    file: Option<PathBuf>,
}

/// By hand, as serde shows a value of another type than it expected, and that may be the secret.
impl<'de> Deserialize<'de> for SecretTable {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Table;

        fn no_table<E: Error>() -> Result<SecretTable, E> {
            Err(E::custom(
                "a secret stands in the file, expected `{ env = … }` or `{ file = … }`",
            ))
        }

        impl<'de> Visitor<'de> for Table {
            type Value = SecretTable;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("`{ env = … }` or `{ file = … }`")
            }

            fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<SecretTable, A::Error> {
                Place::deserialize(MapAccessDeserializer::new(members)).map(SecretTable)
            }

            fn visit_str<E: Error>(self, _: &str) -> Result<SecretTable, E> {
                no_table()
            }

            fn visit_bool<E: Error>(self, _: bool) -> Result<SecretTable, E> {
                no_table()
            }

            fn visit_i64<E: Error>(self, _: i64) -> Result<SecretTable, E> {
                no_table()
            }

            fn visit_u64<E: Error>(self, _: u64) -> Result<SecretTable, E> {
                no_table()
            }

            fn visit_i128<E: Error>(self, _: i128) -> Result<SecretTable, E> {
                no_table()
            }

            fn visit_u128<E: Error>(self, _: u128) -> Result<SecretTable, E> {
                no_table()
            }

            fn visit_f64<E: Error>(self, _: f64) -> Result<SecretTable, E> {
                no_table()
            }

            fn visit_seq<A: SeqAccess<'de>>(self, _: A) -> Result<SecretTable, A::Error> {
                no_table()
            }
        }

        deserializer.deserialize_any(Table)
    }
}

impl SecretTable {
    /// Without the end of the last line, which editors add.
    pub(super) fn read(&self, folder: &Path) -> Result<Secret, String> {
        let text = match (&self.0.env, &self.0.file) {
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
