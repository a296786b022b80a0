//! The ways in which a key server fails.

use std::time::Duration;

/// What a [`KeyServer`](super::KeyServer) does instead of answering honestly.
///
/// The first column is what a token signed by an honest key gets where no set was loaded before,
/// the second what it gets where a good set was.
///
/// | fault | first load | good set at hand |
/// |---|---|---|
/// | [`DuplicateKids`](Self::DuplicateKids) | `keys_unavailable` | `keys_unavailable` |
/// | [`Empty`](Self::Empty) | `keys_unavailable` | `keys_unavailable` |
/// | [`Gone`](Self::Gone) | `keys_unavailable` | passes |
/// | [`Half`](Self::Half) | `keys_unavailable` | passes |
/// | [`Html`](Self::Html) | `keys_unavailable` | passes |
/// | [`Huge`](Self::Huge) | `keys_unavailable` | passes |
/// | [`PrivateKeys`](Self::PrivateKeys) | `keys_unavailable`, and an alarm | `keys_unavailable`, and an alarm |
/// | [`Redirect`](Self::Redirect) | `keys_unavailable` | passes |
/// | [`Shrinking`](Self::Shrinking) | `key_unknown`, at the last key `keys_unavailable` | the same |
/// | [`Slow`](Self::Slow) | passes, or `keys_unavailable` beyond the fetch limit | passes |
/// | [`Stalled`](Self::Stalled) | `keys_unavailable` | passes |
/// | [`Status`](Self::Status) | `keys_unavailable` | passes |
/// | [`Stranger`](Self::Stranger) | `signature_invalid` | `signature_invalid` |
/// | [`Unpublished`](Self::Unpublished) | `key_unknown` | `key_unknown` |
///
/// What was published counts, what could not be fetched changes nothing: a good set survives the
/// faults of the way, and not those of the publisher.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyFault {
    /// Each `kid` twice: once with its key and once with a stranger's. Which one is meant cannot be
    /// told, so neither may count.
    DuplicateKids,
    /// A well-formed set without a key.
    Empty,
    /// Nobody answers: the connection is closed without a byte.
    Gone,
    /// The first half of the document. Over HTTP the connection breaks there, short of the length
    /// that was announced.
    Half,
    /// An error page with status 200, as proxies and captive portals send.
    Html,
    /// The honest set, padded with blanks to 4 MiB: whoever reads without a cap takes it.
    Huge,
    /// Every key with its private half.
    PrivateKeys,
    /// A redirect. Over HTTP it leads to a stranger's keys under our `kid`s, so whoever follows it
    /// believes an attacker.
    Redirect,
    /// One key fewer at each fetch, the newest first.
    Shrinking,
    /// The honest set, after this time by tokio's clock.
    Slow(Duration),
    /// Never answers, and keeps the connection.
    Stalled,
    /// This status, with the honest set in the body.
    Status(u16),
    /// A stranger's keys under our `kid`s: what an attacker on the way, or a wrong deployment, would
    /// publish. Tokens of the stranger are believed then, as whoever publishes is who is trusted.
    Stranger,
    /// Every key but the newest is there, and a stranger's in its place under a `kid` of its own: the
    /// service signs with a key that it does not publish.
    Unpublished,
}
