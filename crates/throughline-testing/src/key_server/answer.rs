//! What is answered to one fetch: a pure decision, whatever the face.

use std::time::Duration;

use serde_json::{Value, json};

use super::fault::KeyFault;
use crate::key::TestKey;

/// How long a document has to be before every consumer with a cap gives up.
const HUGE: usize = 4 * 1024 * 1024;

const PAGE: &[u8] = b"<!doctype html><title>Sign in</title><h1>Sign in to the network</h1>";

/// One answer, and what happens before it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) wait: Wait,
    pub(super) reply: Reply,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Wait {
    No,
    For(Duration),
    Forever,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Reply {
    Closed,
    /// The document breaks off after so many bytes.
    Cut(Vec<u8>, usize),
    Document(Vec<u8>),
    Page(&'static [u8]),
    Redirect,
    Status(u16, Vec<u8>),
}

/// What a server that publishes `keys`, the newest last, answers under `fault`. `since` counts the
/// fetches from the moment the fault was set, the first being 1.
pub(super) fn decide(
    keys: &[TestKey],
    stranger: &TestKey,
    fault: Option<KeyFault>,
    since: usize,
) -> Answer {
    let honest = || set(keys.iter().map(TestKey::public_jwk));
    let mut wait = Wait::No;
    let reply = match fault {
        None => Reply::Document(honest()),
        Some(KeyFault::DuplicateKids) => {
            let doubled = keys
                .iter()
                .flat_map(|key| [key.public_jwk(), disguised(stranger, key)]);
            Reply::Document(set(doubled))
        }
        Some(KeyFault::Empty) => Reply::Document(set([])),
        Some(KeyFault::Gone) => Reply::Closed,
        Some(KeyFault::Half) => {
            let document = honest();
            let half = document.len() / 2;
            Reply::Cut(document, half)
        }
        Some(KeyFault::Html) => Reply::Page(PAGE),
        Some(KeyFault::Huge) => {
            let mut document = honest();
            document.resize(HUGE.max(document.len()), b' ');
            Reply::Document(document)
        }
        Some(KeyFault::PrivateKeys) => {
            Reply::Document(set(keys.iter().map(TestKey::danger_private_jwk)))
        }
        Some(KeyFault::Redirect) => Reply::Redirect,
        Some(KeyFault::Shrinking) => {
            let left = keys.len().saturating_sub(since);
            Reply::Document(set(keys.iter().take(left).map(TestKey::public_jwk)))
        }
        Some(KeyFault::Slow(time)) => {
            wait = Wait::For(time);
            Reply::Document(honest())
        }
        Some(KeyFault::Stalled) => {
            wait = Wait::Forever;
            Reply::Closed
        }
        Some(KeyFault::Status(code)) => Reply::Status(code, honest()),
        Some(KeyFault::Stranger) => Reply::Document(strangers(keys, stranger)),
        Some(KeyFault::Unpublished) => {
            let left = keys.len().saturating_sub(1);
            let known = keys.iter().take(left).chain([stranger]);
            Reply::Document(set(known.map(TestKey::public_jwk)))
        }
    };
    Answer { wait, reply }
}

/// A stranger's key under each of our names.
pub(super) fn strangers(keys: &[TestKey], stranger: &TestKey) -> Vec<u8> {
    set(keys.iter().map(|key| disguised(stranger, key)))
}

fn disguised(stranger: &TestKey, key: &TestKey) -> Value {
    stranger.clone().with_kid(key.kid()).public_jwk()
}

fn set(keys: impl IntoIterator<Item = Value>) -> Vec<u8> {
    let keys: Vec<Value> = keys.into_iter().collect();
    json!({ "keys": keys }).to_string().into_bytes()
}
