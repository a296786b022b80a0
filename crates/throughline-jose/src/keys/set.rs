//! A set of admitted keys.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::admission::{self, AdmissionPolicy};
use super::error::{KeySetError, KeySetErrorKind, SecretError, SkipReason, SkippedKey};
use super::key::VerifyingKey;
use crate::algorithm::Algorithm;

/// The keys of one issuer, each under its own `kid`.
///
/// Two sets are [the same](KeySet::same_keys) whatever the order they were written in. Cloning is
/// cheap.
#[derive(Clone, Debug, Default)]
pub struct KeySet {
    /// INVARIANT: ordered by [`VerifyingKey::identity`], no `kid` twice, no key twice.
    keys: Arc<[VerifyingKey]>,
    skipped: Arc<[SkippedKey]>,
}

impl KeySet {
    /// Reads a JWK set (RFC 7517 §5) key by key. [`KeySet::skipped`] lists what was not admitted;
    /// a set without any usable key is read, and [`KeySet::is_empty`].
    ///
    /// # Errors
    ///
    /// The document as a whole is no key set: not JSON, no `keys` array, a top-level member twice,
    /// or over the limits of `policy`. Whoever fetched it keeps what was there before.
    pub fn parse(document: &[u8], policy: &AdmissionPolicy) -> Result<Self, KeySetError> {
        let mut admitted = Vec::new();
        let mut skipped = Vec::new();
        for (index, text) in split(document, policy)?.into_iter().enumerate() {
            match admission::admit(text.get().as_bytes(), policy) {
                Ok(key) => admitted.push((index, key)),
                Err(reason) => skipped.push(SkippedKey::new(index, reason)),
            }
        }
        let (keys, conflicts) = settle(admitted);
        skipped.extend(
            conflicts
                .into_iter()
                .map(|index| SkippedKey::new(index, SkipReason::KidConflict)),
        );
        skipped.sort_by_key(SkippedKey::index);
        Ok(Self {
            keys: keys.into(),
            skipped: skipped.into(),
        })
    }

    /// A set of keys at hand. The same key twice is one key.
    ///
    /// # Errors
    ///
    /// Different keys have the same `kid`, or HMAC secrets are mixed with public keys. Such a set
    /// would lose keys, and here somebody can still be told.
    pub fn from_keys(keys: impl IntoIterator<Item = VerifyingKey>) -> Result<Self, KeySetError> {
        let keys: Vec<_> = keys.into_iter().enumerate().collect();
        let secrets = keys.iter().filter(|(_, key)| key.is_secret()).count();
        if secrets != 0 && secrets != keys.len() {
            return Err(KeySetErrorKind::MixedKinds.into());
        }
        let (keys, conflicts) = settle(keys);
        if !conflicts.is_empty() {
            return Err(KeySetErrorKind::KidConflict.into());
        }
        Ok(Self {
            keys: keys.into(),
            skipped: Arc::default(),
        })
    }

    /// A set of one HMAC secret, for a process that both makes and checks its tokens.
    ///
    /// Everyone who can check such a token can make one, so it proves nothing to a second party.
    /// The secret is a random value, never a password (RFC 8725bis §3.5).
    ///
    /// ```
    /// use throughline_jose::keys::{KeySet, SecretErrorKind};
    /// use throughline_jose::Algorithm;
    ///
    /// let secret = [0x5a; 32];
    /// assert!(KeySet::danger_from_hmac_secret(Some("local"), Algorithm::Hs256, &secret).is_ok());
    ///
    /// // A public key as the secret lets everybody make tokens.
    /// let pem = b"\n-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA\n-----END PUBLIC KEY-----\n";
    /// let refused = KeySet::danger_from_hmac_secret(None, Algorithm::Hs256, pem).unwrap_err();
    /// assert_eq!(refused.kind(), SecretErrorKind::KeyText);
    /// ```
    ///
    /// # Errors
    ///
    /// `algorithm` is no HMAC, `kid` is no valid one, or the secret is shorter than the hash of
    /// the algorithm or is the text of a key.
    pub fn danger_from_hmac_secret(
        kid: Option<&str>,
        algorithm: Algorithm,
        secret: &[u8],
    ) -> Result<Self, SecretError> {
        let key = VerifyingKey::secret(kid, algorithm, secret)?;
        Ok(Self {
            keys: Arc::new([key]),
            skipped: Arc::default(),
        })
    }

    /// The one key that may have signed a token whose header names this `kid`.
    ///
    /// - A token that names a `kid` gets the key of exactly that `kid`. A key without one is never
    ///   tried in its place.
    /// - A token that names none gets the key of the set if there is only one, named or not.
    ///   Otherwise it would be tried against key after key, and which one vouched for it would be
    ///   chance.
    #[must_use]
    pub fn find(&self, kid: Option<&str>) -> Option<&VerifyingKey> {
        match (kid, &*self.keys) {
            (None, [only]) => Some(only),
            (None, _) => None,
            (kid @ Some(_), keys) => {
                let place = keys.binary_search_by(|key| key.kid().cmp(&kid)).ok()?;
                keys.get(place)
            }
        }
    }

    /// The keys, in an order that does not depend on the document.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &VerifyingKey> {
        self.keys.iter()
    }

    /// How many keys are usable.
    #[must_use]
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether no key is usable, so that no token can be genuine.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// What the document held and was not admitted, in its order.
    #[must_use]
    pub fn skipped(&self) -> &[SkippedKey] {
        &self.skipped
    }

    /// Whether both sets admit exactly the same keys under the same names, for the same algorithms
    /// and issuers. What was skipped does not count.
    #[must_use]
    pub fn same_keys(&self, other: &Self) -> bool {
        self.keys == other.keys
    }
}

/// Orders keys, merges the same ones and takes out those that share a `kid` with another one,
/// whose places it returns.
fn settle(mut keys: Vec<(usize, VerifyingKey)>) -> (Vec<VerifyingKey>, Vec<usize>) {
    keys.sort_by(|(_, a), (_, b)| a.identity().cmp(&b.identity()));
    let mut kept = Vec::with_capacity(keys.len());
    let mut conflicts = Vec::new();
    for named_alike in keys.chunk_by(|(_, a), (_, b)| a.kid().is_some() && a.kid() == b.kid()) {
        match named_alike {
            [(_, first), rest @ ..] if rest.iter().all(|(_, key)| key == first) => {
                kept.push(first.clone());
            }
            _ => conflicts.extend(named_alike.iter().map(|(index, _)| *index)),
        }
    }
    // Only keys without a name can be left twice.
    kept.dedup();
    (kept, conflicts)
}

/// The texts of the keys, unread. Each is checked on its own, so that a member repeated in one key
/// costs that key and not the set.
fn split<'a>(
    document: &'a [u8],
    policy: &AdmissionPolicy,
) -> Result<Vec<&'a RawValue>, KeySetError> {
    if document.len() > policy.max_document_bytes() {
        return Err(KeySetErrorKind::TooLarge.into());
    }
    // RFC 8259 §8.1. Left to the parser, a member that nobody reads may hold any bytes.
    let text = str::from_utf8(document).map_err(|_| KeySetErrorKind::NotJson)?;
    let top: Top<'a> = serde_json::from_str(text).map_err(|_| KeySetErrorKind::NotJson)?;
    if top.repeated {
        return Err(KeySetErrorKind::RepeatedMember.into());
    }
    let keys: Vec<&'a RawValue> = top
        .keys
        .and_then(|keys| serde_json::from_str(keys.get()).ok())
        .ok_or(KeySetErrorKind::NoKeys)?;
    if keys.len() > policy.max_keys() {
        return Err(KeySetErrorKind::TooManyKeys.into());
    }
    Ok(keys)
}

/// The top of a document. A derived structure would also be read from an array.
#[derive(Default)]
struct Top<'a> {
    keys: Option<&'a RawValue>,
    repeated: bool,
}

impl<'de: 'a, 'a> Deserialize<'de> for Top<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TopVisitor;

        impl<'de> Visitor<'de> for TopVisitor {
            type Value = Top<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a key set")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Top<'de>, A::Error> {
                let mut top = Top::default();
                let mut seen = HashSet::new();
                while let Some(name) = members.next_key::<String>()? {
                    if name == "keys" {
                        top.keys = Some(members.next_value()?);
                    } else {
                        members.next_value::<IgnoredAny>()?;
                    }
                    top.repeated |= !seen.insert(name);
                }
                Ok(top)
            }
        }

        deserializer.deserialize_map(TopVisitor)
    }
}
