use std::error::Error;
use std::fmt;

use super::trimmed;

/// What tracing systems along the trace have noted, newest first.
///
/// All lines are one list of at most 32 members (Trace Context, "tracestate Header Field
/// Values"), in which blank ones are nothing. One member that is not by the grammar voids the list. A
/// key that occurs twice does not: the public harness lets a receiver keep what it gets.
///
/// `Display` writes one line, without blanks and empty members.
///
/// ```
/// use throughline_core::traceparent::TraceState;
///
/// let state = TraceState::read(["rojo=1", "congo@t=2 , "].map(str::as_bytes))?;
/// assert_eq!(state.get("congo@t"), Some("2"));
/// assert_eq!(state.to_string(), "rojo=1,congo@t=2");
///
/// assert!(TraceState::read(["rojo=1,Congo=2"].map(str::as_bytes)).is_err());
/// # Ok::<(), throughline_core::traceparent::TraceStateError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TraceState<'a> {
    members: Vec<(&'a str, &'a str)>,
}

impl<'a> TraceState<'a> {
    /// How many members a list may have (Trace Context, "list").
    pub const MAX_MEMBERS: usize = 32;

    /// Reads the values of all `tracestate` fields in their order, each as it arrived.
    ///
    /// # Errors
    ///
    /// A member is not by the grammar, or there are more than [`MAX_MEMBERS`](Self::MAX_MEMBERS).
    /// The caller drops the list and keeps the `traceparent`.
    pub fn read<I>(lines: I) -> Result<Self, TraceStateError>
    where
        I: IntoIterator<Item = &'a [u8]>,
    {
        let slots = lines
            .into_iter()
            .flat_map(|line| line.split(|byte| *byte == b','))
            .map(trimmed)
            .filter(|slot| !slot.is_empty());
        let mut members = Vec::new();
        for slot in slots {
            if members.len() == Self::MAX_MEMBERS {
                return Err(TraceStateError(Kind::TooManyMembers));
            }
            members.push(member(slot).ok_or(TraceStateError(Kind::Malformed))?);
        }
        Ok(TraceState { members })
    }

    /// The value of the newest member of that key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&'a str> {
        self.iter().find(|(k, _)| *k == key).map(|(_, value)| value)
    }

    /// The members as keys and values, newest first.
    pub fn iter(&self) -> impl Iterator<Item = (&'a str, &'a str)> + '_ {
        self.members.iter().copied()
    }
}

impl fmt::Display for TraceState<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for (key, value) in self.iter() {
            write!(f, "{separator}{key}={value}")?;
            separator = ",";
        }
        Ok(())
    }
}

/// Why a `tracestate` is not used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceStateError(Kind);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Malformed,
    TooManyMembers,
}

impl TraceStateError {
    /// Whether there are too many members.
    #[must_use]
    pub fn is_too_many_members(&self) -> bool {
        self.0 == Kind::TooManyMembers
    }
}

impl fmt::Display for TraceStateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Kind::Malformed => "`tracestate` has a member that is not by the grammar",
            Kind::TooManyMembers => "`tracestate` has more than `32` members",
        })
    }
}

impl Error for TraceStateError {}

fn member(slot: &[u8]) -> Option<(&str, &str)> {
    let (key, value) = std::str::from_utf8(slot).ok()?.split_once('=')?;
    (is_key(key.as_bytes()) && is_value(value.as_bytes())).then_some((key, value))
}

/// Trace Context, "Key", as w3c/trace-context#584 has it: `@` stands anywhere but at the beginning.
fn is_key(key: &[u8]) -> bool {
    let alphanumeric = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let Some((first, rest)) = key.split_first() else {
        return false;
    };
    alphanumeric(*first)
        && rest.len() < 256
        && rest
            .iter()
            .all(|byte| alphanumeric(*byte) || b"_-*/@".contains(byte))
}

/// Trace Context, "Value": up to 256 printable characters; the blanks at the end are already gone.
fn is_value(value: &[u8]) -> bool {
    (1..=256).contains(&value.len())
        && value
            .iter()
            .all(|byte| matches!(byte, b' '..=b'~') && !b",=".contains(byte))
}
