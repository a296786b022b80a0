//! The file as it is written: shapes only.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde::de::{self, Deserializer, SeqAccess, Visitor};
use toml::Spanned;

use super::secret::SecretTable;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    pub(super) trust_domain: Spanned<String>,
    pub(super) freshness: Option<Spanned<FreshnessTable>>,
    pub(super) signing_key: Option<Spanned<SecretTable>>,
    #[serde(default)]
    pub(super) issuer: Vec<Spanned<IssuerTable>>,
    pub(super) ownership: Option<Spanned<OwnershipTable>>,
    #[serde(default)]
    pub(super) edge: EdgeTable,
    #[serde(default)]
    pub(super) witness: Vec<Spanned<WitnessTable>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FreshnessTable {
    pub(super) lifetime_only: u64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct IssuerTable {
    pub(super) name: Spanned<String>,
    pub(super) profile: Spanned<String>,
    #[serde(default)]
    pub(super) issuer: Option<OneOrSeveral>,
    pub(super) client_id: Option<Spanned<String>>,
    pub(super) keys: Option<Spanned<String>>,
    #[serde(default)]
    pub(super) key_origins: Vec<String>,
    pub(super) discovery: Option<String>,
    #[serde(default)]
    pub(super) oauth_metadata: bool,
    #[serde(default)]
    pub(super) in_private_network: bool,
    pub(super) audience: Option<OneOrSeveral>,
    pub(super) tenancy: Option<Spanned<TenancyTable>>,
    pub(super) kinds: Option<Spanned<Vec<String>>>,
    pub(super) actor: Option<Spanned<String>>,
    #[serde(default)]
    pub(super) attributes: BTreeMap<String, String>,
    pub(super) clock_skew: Option<u64>,
    pub(super) max_lifetime: Option<u64>,
    pub(super) introspection: Option<Spanned<IntrospectionTable>>,
    pub(super) open_to_every_tenant: Option<Spanned<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TenancyTable {
    pub(super) tenant: Option<String>,
    pub(super) claim: Option<String>,
    pub(super) map: Option<BTreeMap<String, String>>,
    pub(super) only: Option<Vec<String>>,
    pub(super) joined_by: Option<char>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct IntrospectionTable {
    pub(super) url: String,
    pub(super) client_id: String,
    pub(super) client_secret: SecretTable,
    #[serde(default)]
    pub(super) answers_for_one_issuer: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OwnershipTable {
    pub(super) authentication: String,
    pub(super) rules: String,
    #[serde(default)]
    pub(super) attributes: BTreeMap<String, String>,
    #[serde(default)]
    pub(super) read: Vec<String>,
    pub(super) strangers: Option<Spanned<String>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EdgeTable {
    pub(super) credentials: Option<Spanned<Vec<String>>>,
    #[serde(default)]
    pub(super) exempt: Vec<String>,
    pub(super) resource: Option<Spanned<String>>,
    pub(super) requester: Option<String>,
    pub(super) legacy_header: Option<String>,
    pub(super) wait_for_keys: Option<bool>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WitnessTable {
    pub(super) path: Option<String>,
    pub(super) header: Option<String>,
    pub(super) host_below: Option<String>,
    pub(super) query: Option<String>,
    pub(super) baggage: Option<String>,
    #[serde(default)]
    pub(super) optional: bool,
}

/// A text, or a list of texts.
#[derive(Debug, Default)]
pub(super) struct OneOrSeveral(pub(super) Vec<String>);

impl<'de> Deserialize<'de> for OneOrSeveral {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Texts;

        impl<'de> Visitor<'de> for Texts {
            type Value = OneOrSeveral;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text or a list of texts")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<OneOrSeveral, E> {
                Ok(OneOrSeveral(vec![text.to_owned()]))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<OneOrSeveral, A::Error> {
                let mut texts = Vec::new();
                while let Some(text) = items.next_element()? {
                    texts.push(text);
                }
                Ok(OneOrSeveral(texts))
            }
        }

        deserializer.deserialize_any(Texts)
    }
}
