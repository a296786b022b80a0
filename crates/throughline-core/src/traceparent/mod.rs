//! W3C Trace Context, Level 2: which trace a request belongs to.
//!
//! Trace ids correlate; they are no proof of anything, and `tracestate` is for tracing systems only:
//! no tenant is read from here. A header that breaks a rule is not used at all, and the trace starts
//! anew; it never makes a request fail.
//!
//! 1. There is one `traceparent`. Two lines, or two values joined by a comma on the way, are
//!    refused even when they are equal.
//! 2. Version `00` is exactly `00-<32 hex>-<16 hex>-<2 hex>`, in lower case, with ids that are not
//!    all zero ("traceparent Header Field Values"). Version `ff` is invalid.
//! 3. A higher version is read by its known beginning, which must be followed by nothing or by `-`
//!    ("Versioning of traceparent"), and written back as `00`.
//! 4. Flags other than *sampled* and *random* are reserved: read as nothing, written as zero
//!    ("Other Flags").
//!
//! ```
//! use throughline_core::traceparent::TraceParent;
//!
//! let line = b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".as_slice();
//! let parent = TraceParent::read([line])?.unwrap();
//! assert_eq!(parent.trace_id().to_string(), "4bf92f3577b34da6a3ce929d0e0e4736");
//! assert!(parent.is_sampled() && !parent.is_random());
//!
//! assert_eq!(TraceParent::read([])?, None);
//! assert!(TraceParent::read([line, line]).unwrap_err().is_repeated());
//! # Ok::<(), throughline_core::traceparent::TraceParentError>(())
//! ```

use std::error::Error;
use std::fmt;

mod state;
#[cfg(test)]
mod tests;

pub use state::{TraceState, TraceStateError};

/// Where a request stands in its trace.
///
/// `Display` writes the header value, as version `00`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TraceParent {
    trace_id: TraceId,
    parent_id: ParentId,
    flags: u8,
}

impl TraceParent {
    const SAMPLED: u8 = 0b01;
    const RANDOM: u8 = 0b10;

    /// Reads the values of all `traceparent` fields, each as it arrived; `None` when there is none.
    ///
    /// # Errors
    ///
    /// There is more than one value, or the value breaks a rule of this module. The caller starts a
    /// new trace.
    pub fn read<'a, I>(lines: I) -> Result<Option<Self>, TraceParentError>
    where
        I: IntoIterator<Item = &'a [u8]>,
    {
        let mut lines = lines.into_iter();
        let Some(line) = lines.next() else {
            return Ok(None);
        };
        if lines.next().is_some() || line.contains(&b',') {
            return Err(TraceParentError(Kind::Repeated));
        }
        Self::parse(trimmed(line))
            .map(Some)
            .map_err(TraceParentError)
    }

    fn parse(value: &[u8]) -> Result<Self, Kind> {
        let mut parts = value.split(|byte| *byte == b'-');
        let mut part = || parts.next().ok_or(Kind::Malformed);
        let [version] = hex(part()?).ok_or(Kind::Malformed)?;
        let trace_id = hex(part()?).ok_or(Kind::Malformed)?;
        let parent_id = hex(part()?).ok_or(Kind::Malformed)?;
        let [flags] = hex(part()?).ok_or(Kind::Malformed)?;
        // "Vendors MUST NOT parse or assume anything about unknown fields" of a higher version.
        if version == 0xff || version == 0 && parts.next().is_some() {
            return Err(Kind::Malformed);
        }
        if trace_id == [0; 16] || parent_id == [0; 8] {
            return Err(Kind::ZeroId);
        }
        Ok(TraceParent {
            trace_id: TraceId(trace_id),
            parent_id: ParentId(parent_id),
            flags: flags & (Self::SAMPLED | Self::RANDOM),
        })
    }

    /// The trace, the same at all hops.
    #[must_use]
    pub fn trace_id(&self) -> TraceId {
        self.trace_id
    }

    /// The span of the caller.
    #[must_use]
    pub fn parent_id(&self) -> ParentId {
        self.parent_id
    }

    /// Whether the caller may have recorded this trace.
    #[must_use]
    pub fn is_sampled(&self) -> bool {
        self.flags & Self::SAMPLED != 0
    }

    /// Whether the right seven bytes of the trace id are said to be random ("Random Trace ID Flag").
    #[must_use]
    pub fn is_random(&self) -> bool {
        self.flags & Self::RANDOM != 0
    }
}

impl fmt::Display for TraceParent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "00-{}-{}-{:02x}",
            self.trace_id, self.parent_id, self.flags
        )
    }
}

/// The id of a trace, never all zero.
///
/// `Display` writes 32 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TraceId([u8; 16]);

impl TraceId {
    /// The sixteen bytes of the id.
    #[must_use]
    pub fn to_bytes(self) -> [u8; 16] {
        self.0
    }
}

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(&self.0, f)
    }
}

impl fmt::Debug for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The id of the caller's span, never all zero.
///
/// `Display` writes 16 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ParentId([u8; 8]);

impl ParentId {
    /// The eight bytes of the id.
    #[must_use]
    pub fn to_bytes(self) -> [u8; 8] {
        self.0
    }
}

impl fmt::Display for ParentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(&self.0, f)
    }
}

impl fmt::Debug for ParentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Why a `traceparent` is not used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceParentError(Kind);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Malformed,
    Repeated,
    ZeroId,
}

impl TraceParentError {
    /// Whether there was more than one value, on several lines or on one.
    #[must_use]
    pub fn is_repeated(&self) -> bool {
        self.0 == Kind::Repeated
    }

    /// Whether an id is all zero in a value that is well-formed otherwise.
    #[must_use]
    pub fn is_zero_id(&self) -> bool {
        self.0 == Kind::ZeroId
    }
}

impl fmt::Display for TraceParentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Kind::Malformed => "`traceparent` is not of a known form",
            Kind::Repeated => "`traceparent` has more than one value",
            Kind::ZeroId => "`traceparent` has an id that is all zero",
        })
    }
}

impl Error for TraceParentError {}

/// Exactly `N` bytes in lower-case hexadecimal digits (`HEXDIGLC`).
fn hex<const N: usize>(digits: &[u8]) -> Option<[u8; N]> {
    let nibble = |digit: u8| match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    };
    let (pairs, []) = digits.as_chunks::<2>() else {
        return None;
    };
    let mut bytes = [0; N];
    if pairs.len() != N {
        return None;
    }
    for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
        *byte = nibble(*high)? << 4 | nibble(*low)?;
    }
    Some(bytes)
}

fn write_hex(bytes: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
}

/// Without the blanks (`OWS`) around it.
fn trimmed(mut text: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = text {
        text = rest;
    }
    text
}
