//! W3C Baggage, read strictly: a hint to compare, never an authority.
//!
//! Anyone on the way may add, change, duplicate or drop members, and peers disagree about what a
//! header says: some read the first line only, some keep the last duplicate, some decode keys, some
//! fold properties into the value. So a key that matters is asked for by name, and the answer says
//! when two readers could differ. Members nobody asks for never make the whole unreadable, and are
//! handed on byte for byte.
//!
//! 1. All lines are one list. Size comes first: bytes over all lines, with the commas that would
//!    join them, are counted before anything is parsed, then members ([`Limits`]).
//! 2. A member is `key=value` with optional properties, by the grammar of Baggage, "Definition".
//!    Blank list slots are nothing; every other slot is kept, read or not
//!    ([`Baggage::malformed`]).
//! 3. [`Baggage::member`] answers [`Found::One`] only for a member that every reader reads alike:
//!    once over all lines, its key spelt exactly as asked, no properties, no blanks around `=`, a
//!    value of whole percent escapes that decode to UTF-8.
//! 4. A look-alike of the key is the key for somebody, so it is never absent and never one: other
//!    ASCII case, `_`, `.` and `-` exchanged, letters spelt as percent escapes (also escaped twice),
//!    padded with blanks that a decoding peer trims.
//! 5. A slot that is no member but begins with the key is never absent either.
//! 6. Properties hold no members, whatever they decode to.
//!
//! Baggage, "value", replaces octets that are not UTF-8 by U+FFFD. The result is not what was sent,
//! so here such a value is [`Found::Undecodable`], and the member still travels on untouched.
//!
//! Nothing here says that baggage is complete or true. A key cut short is another key, so a missing
//! or changed copy is found by comparing with what the signed context promises.
//!
//! ```
//! use throughline_core::baggage::{Baggage, Found, Limits};
//!
//! let lines = ["trace=1;sampled", "tenant=org%3Aacme"].map(str::as_bytes);
//! let baggage = Baggage::read(lines, Limits::new())?;
//! assert_eq!(baggage.member("tenant"), Found::One("org:acme".into()));
//! assert_eq!(baggage.member("user"), Found::Absent);
//!
//! // One hop reads the first, the next one the last: neither is taken.
//! let lines = ["tenant=acme", "Tenant=globex"].map(str::as_bytes);
//! let baggage = Baggage::read(lines, Limits::new())?;
//! assert_eq!(baggage.member("tenant"), Found::Ambiguous);
//! # Ok::<(), throughline_core::baggage::BaggageError>(())
//! ```

use std::borrow::Cow;
use std::error::Error;
use std::fmt;

#[cfg(test)]
mod tests;

/// How much baggage is read: 8192 bytes and 64 members unless told otherwise.
///
/// Up to both sizes every hop has to hand all of it on (Baggage, "Limits"); beyond either, any hop
/// may drop any member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    bytes: usize,
    members: usize,
}

impl Limits {
    /// 8192 bytes and 64 members.
    #[must_use]
    pub const fn new() -> Self {
        Limits {
            bytes: 8192,
            members: 64,
        }
    }

    /// Replaces the number of bytes, counted over all lines with the commas between them.
    ///
    /// Default: 8192.
    #[must_use]
    pub const fn with_bytes(self, bytes: usize) -> Self {
        Limits { bytes, ..self }
    }

    /// Replaces the number of members, malformed ones counted and blank list slots not.
    ///
    /// Default: 64.
    #[must_use]
    pub const fn with_members(self, members: usize) -> Self {
        Limits { members, ..self }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Limits::new()
    }
}

/// The baggage of one request, over all its lines.
#[derive(Clone, Debug)]
pub struct Baggage<'a> {
    slots: Vec<Slot<'a>>,
}

impl<'a> Baggage<'a> {
    /// Reads the values of all `baggage` fields, each as it arrived.
    ///
    /// Members that cannot be read are no error: they are kept, and matter only to who asks for
    /// their key. No line means empty baggage.
    ///
    /// # Errors
    ///
    /// There are more bytes or more members than `limits` allow. The lines are refused whole, as
    /// what another hop keeps of them is not known.
    pub fn read<I>(lines: I, limits: Limits) -> Result<Self, BaggageError>
    where
        I: IntoIterator<Item = &'a [u8]>,
    {
        let lines = Lines::sized(lines, limits)?;
        let mut slots = Vec::new();
        for raw in lines.slots() {
            if slots.len() == limits.members {
                return Err(BaggageError(Kind::TooManyMembers(limits.members)));
            }
            slots.push(Slot::read(raw));
        }
        Ok(Baggage { slots })
    }

    /// What all lines together say about `key`.
    ///
    /// The answer does not depend on the order of lines or members.
    #[must_use]
    pub fn member(&self, key: &str) -> Found<'a> {
        let mut claims = self.slots.iter().filter(|slot| slot.claims(key));
        let Some(slot) = claims.next() else {
            return Found::Absent;
        };
        if claims.next().is_some() {
            return Found::Ambiguous;
        }
        let Form::Member(member) = slot.form else {
            return Found::Undecodable;
        };
        if member.key != key || !member.bare {
            return Found::Ambiguous;
        }
        percent_decoded(member.value).map_or(Found::Undecodable, Found::One)
    }

    /// The members that can be read, in the order they arrived, duplicates included.
    pub fn members(&self) -> impl Iterator<Item = Member<'a>> + '_ {
        self.slots.iter().filter_map(Slot::decoded)
    }

    /// The members that cannot be read, as they arrived: not by the grammar, or with a value that
    /// does not decode.
    pub fn malformed(&self) -> impl Iterator<Item = &'a [u8]> + '_ {
        let unread = |slot: &&Slot<'a>| slot.decoded().is_none();
        self.slots.iter().filter(unread).map(|slot| slot.raw)
    }

    /// Whether no member arrived, not even a malformed one.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// One line with every foreign member byte for byte, or `None` when none is left.
    ///
    /// What goes: each slot that [`member`](Self::member) counts for one of the `owned` keys, which
    /// includes look-alikes and malformed slots; and slots with control bytes that no field value
    /// can carry (RFC 9110 §5.5), as one of them would cost the whole line. Properties stay as they
    /// came, even where a peer may decode them into a member: the receiver then sees a duplicate.
    ///
    /// ```
    /// use throughline_core::baggage::{Baggage, Limits};
    ///
    /// let lines = ["a=1;p, TENANT=evil", "b=%zz,tenant"].map(str::as_bytes);
    /// let baggage = Baggage::read(lines, Limits::new())?;
    /// assert_eq!(baggage.without(&["tenant"]), Some(b"a=1;p,b=%zz".to_vec()));
    /// assert_eq!(baggage.without(&["tenant", "a", "b"]), None);
    /// # Ok::<(), throughline_core::baggage::BaggageError>(())
    /// ```
    #[must_use]
    pub fn without(&self, owned: &[&str]) -> Option<Vec<u8>> {
        let foreign = |slot: &&Slot<'_>| {
            slot.raw.iter().copied().all(is_field_byte) && !owned.iter().any(|key| slot.claims(key))
        };
        let kept: Vec<&[u8]> = self.slots.iter().filter(foreign).map(|s| s.raw).collect();
        (!kept.is_empty()).then(|| kept.join(&b','))
    }
}

/// What baggage says about one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found<'a> {
    /// No slot has this key, or one that a peer could take for it.
    Absent,
    /// Readers could differ: several slots claim the key, or the only one is spelt otherwise, has
    /// properties, or blanks around `=`.
    Ambiguous,
    /// The decoded value of the one member, which may be empty.
    One(Cow<'a, str>),
    /// The key is there once, without a value that can be read: not by the grammar, or with percent
    /// escapes that are cut or decode to something else than UTF-8.
    Undecodable,
}

/// A member that can be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member<'a> {
    key: &'a str,
    value: Cow<'a, str>,
    raw: &'a [u8],
}

impl<'a> Member<'a> {
    /// The key as it arrived; percent escapes in it mean themselves (Baggage, "key").
    #[must_use]
    pub fn key(&self) -> &'a str {
        self.key
    }

    /// The value, decoded, without properties.
    #[must_use]
    pub fn value(&self) -> &str {
        &self.value
    }

    /// The whole member as it arrived, properties included, without the blanks around it.
    #[must_use]
    pub fn raw(&self) -> &'a [u8] {
        self.raw
    }
}

/// Why baggage was not read at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BaggageError(Kind);

/// Each with its limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    TooManyBytes(usize),
    TooManyMembers(usize),
}

impl BaggageError {
    /// Whether the lines together are too long.
    #[must_use]
    pub fn is_too_many_bytes(&self) -> bool {
        matches!(self.0, Kind::TooManyBytes(_))
    }

    /// Whether there are too many members, in lines that are not too long.
    #[must_use]
    pub fn is_too_many_members(&self) -> bool {
        matches!(self.0, Kind::TooManyMembers(_))
    }
}

impl fmt::Display for BaggageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Kind::TooManyBytes(limit) => write!(f, "baggage is longer than `{limit}` bytes"),
            Kind::TooManyMembers(limit) => write!(f, "baggage has more than `{limit}` members"),
        }
    }
}

impl Error for BaggageError {}

/// Writes one member of ours so that every peer reads and re-emits it alike.
///
/// All of the value but `A`-`Z`, `a`-`z`, `0`-`9`, `-`, `.`, `_` and `~` is percent-encoded: a raw `+`
/// is a blank to some peers, and some cut at a raw `=`. No properties and no blanks are written.
///
/// ```
/// use throughline_core::baggage::encode_member;
///
/// assert_eq!(encode_member("tenant", "org:acme")?, "tenant=org%3Aacme");
/// assert!(encode_member("tenant id", "acme").unwrap_err().is_key());
/// # Ok::<(), throughline_core::baggage::EncodeError>(())
/// ```
///
/// # Errors
///
/// The key is empty or has a byte beyond the ones above (fewer than a token may have, as peers
/// respell the others), or the value is empty (which some peers drop).
pub fn encode_member(key: &str, value: &str) -> Result<String, EncodeError> {
    if key.is_empty() || !key.bytes().all(is_unreserved) {
        return Err(EncodeError(Unwritable::Key));
    }
    if value.is_empty() {
        return Err(EncodeError(Unwritable::EmptyValue));
    }
    let mut member = String::with_capacity(key.len() + 1 + value.len());
    member.push_str(key);
    member.push('=');
    for byte in value.bytes() {
        if is_unreserved(byte) {
            member.push(char::from(byte));
        } else {
            member.push('%');
            member.extend([byte >> 4, byte & 0xf].map(upper_hex));
        }
    }
    Ok(member)
}

/// Why a member was not written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EncodeError(Unwritable);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unwritable {
    EmptyValue,
    Key,
}

impl EncodeError {
    /// Whether the value is empty.
    #[must_use]
    pub fn is_empty_value(&self) -> bool {
        self.0 == Unwritable::EmptyValue
    }

    /// Whether the key is not one that every peer keeps as it is.
    #[must_use]
    pub fn is_key(&self) -> bool {
        self.0 == Unwritable::Key
    }
}

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Unwritable::EmptyValue => "baggage value is empty",
            Unwritable::Key => "baggage key has characters other than letters, digits and `-._~`",
        })
    }
}

impl Error for EncodeError {}

/// All lines, known to be within the limit of bytes. The first is apart, so that the usual single
/// line costs no allocation.
struct Lines<'a> {
    first: &'a [u8],
    more: Vec<&'a [u8]>,
}

impl<'a> Lines<'a> {
    /// Takes no line after the one that passes the limit.
    fn sized<I>(lines: I, limits: Limits) -> Result<Self, BaggageError>
    where
        I: IntoIterator<Item = &'a [u8]>,
    {
        let refused = BaggageError(Kind::TooManyBytes(limits.bytes));
        let mut lines = lines.into_iter();
        let first = lines.next().unwrap_or_default();
        let mut left = limits.bytes.checked_sub(first.len()).ok_or(refused)?;
        let mut more = Vec::new();
        for line in lines {
            left = left
                .checked_sub(1)
                .and_then(|left| left.checked_sub(line.len()))
                .ok_or(refused)?;
            if !line.is_empty() {
                more.push(line);
            }
        }
        Ok(Lines { first, more })
    }

    fn slots(&self) -> impl Iterator<Item = &'a [u8]> + '_ {
        std::iter::once(&self.first)
            .chain(&self.more)
            .flat_map(|line| line.split(|byte| *byte == b','))
            .map(trimmed)
            .filter(|slot| !slot.is_empty())
    }
}

/// One list slot that is not blank.
#[derive(Clone, Copy, Debug)]
struct Slot<'a> {
    raw: &'a [u8],
    form: Form<'a>,
}

#[derive(Clone, Copy, Debug)]
enum Form<'a> {
    Malformed,
    Member(Encoded<'a>),
}

/// A member by the grammar, its value still percent-encoded.
#[derive(Clone, Copy, Debug)]
struct Encoded<'a> {
    key: &'a str,
    value: &'a str,
    /// Whether there are neither properties nor blanks around `=`. Peers fold properties into the
    /// value, drop or respell them, and some refuse the blanks.
    bare: bool,
}

impl<'a> Slot<'a> {
    fn read(raw: &'a [u8]) -> Self {
        let form = Encoded::read(raw).map_or(Form::Malformed, Form::Member);
        Slot { raw, form }
    }

    fn decoded(&self) -> Option<Member<'a>> {
        let Form::Member(Encoded { key, value, .. }) = self.form else {
            return None;
        };
        Some(Member {
            key,
            value: percent_decoded(value)?,
            raw: self.raw,
        })
    }

    /// Whether this slot is about `key` for some reader.
    fn claims(&self, key: &str) -> bool {
        match self.form {
            Form::Malformed => {
                // Lenient peers take all before `=` as the key and trim what they think is blank.
                let before_value = self.raw.split(|byte| matches!(byte, b'=' | b';')).next();
                look_alike(before_value.unwrap_or_default(), key)
                    || look_alike(first_token(self.raw), key)
            }
            Form::Member(member) => look_alike(member.key.as_bytes(), key),
        }
    }
}

impl<'a> Encoded<'a> {
    /// Baggage, "Definition": `list-member = key OWS "=" OWS value *( OWS ";" OWS property )`.
    fn read(raw: &'a [u8]) -> Option<Self> {
        let mut parts = raw.split(|byte| *byte == b';');
        let head = parts.next()?;
        let (key, value) = split_at_equals(head);
        let (key, value) = (trimmed(key), value?);
        let bare_value = trimmed(value);
        let mut properties = parts.peekable();
        let bare = properties.peek().is_none() && key.len() + 1 + bare_value.len() == head.len();
        if !is_token(key) || !is_value(bare_value) || !properties.all(is_property) {
            return None;
        }
        Some(Encoded {
            key: std::str::from_utf8(key).ok()?,
            value: std::str::from_utf8(bare_value).ok()?,
            bare,
        })
    }
}

/// `property = key OWS "=" OWS value / key OWS`, with the percent escapes of the value whole.
fn is_property(property: &[u8]) -> bool {
    let (key, value) = split_at_equals(property);
    let whole = |value: &[u8]| {
        let mut escapes = value.split(|byte| *byte == b'%');
        escapes.next();
        escapes.all(|after| matches!(after, [high, low, ..] if octet(*high, *low).is_some()))
    };
    is_token(trimmed(key)) && value.is_none_or(|value| is_value(trimmed(value)) && whole(value))
}

fn split_at_equals(text: &[u8]) -> (&[u8], Option<&[u8]>) {
    let mut parts = text.splitn(2, |byte| *byte == b'=');
    (parts.next().unwrap_or_default(), parts.next())
}

/// Whether some reader could take `spelt` for `key`.
fn look_alike(spelt: &[u8], key: &str) -> bool {
    let (spelt, key) = (unescaped(spelt), unescaped(key.as_bytes()));
    let folded = |char: char| match char {
        '_' | '.' => '-',
        other => other.to_ascii_lowercase(),
    };
    let spelt = spelt.trim_matches(is_padding).chars().map(folded);
    spelt.eq(key.trim_matches(is_padding).chars().map(folded))
}

/// Peers that decode keys trim afterwards, and to some `+` is a blank.
fn is_padding(char: char) -> bool {
    char == '+' || char == '\u{feff}' || char.is_whitespace() || char.is_control()
}

/// Resolves percent escapes until none is left, as each hop may resolve them once.
fn unescaped(text: &[u8]) -> Cow<'_, str> {
    if !text.contains(&b'%') {
        return String::from_utf8_lossy(text);
    }
    let mut resolved = Vec::with_capacity(text.len());
    for byte in text {
        resolved.push(*byte);
        while let [head @ .., b'%', high, low] = resolved.as_slice()
            && let Some(octet) = octet(*high, *low)
        {
            resolved.truncate(head.len());
            resolved.push(octet);
        }
    }
    Cow::Owned(String::from_utf8_lossy(&resolved).into_owned())
}

/// The first run of token characters, wherever it starts.
fn first_token(raw: &[u8]) -> &[u8] {
    raw.split(|byte| !is_token_byte(*byte))
        .find(|run| !run.is_empty())
        .unwrap_or_default()
}

/// `None` when an escape is cut or the octets are not UTF-8.
fn percent_decoded(value: &str) -> Option<Cow<'_, str>> {
    if !value.contains('%') {
        return Some(Cow::Borrowed(value));
    }
    let mut octets = Vec::with_capacity(value.len());
    let mut bytes = value.bytes();
    while let Some(byte) = bytes.next() {
        octets.push(match byte {
            b'%' => octet(bytes.next()?, bytes.next()?)?,
            other => other,
        });
    }
    String::from_utf8(octets).ok().map(Cow::Owned)
}

fn octet(high: u8, low: u8) -> Option<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    u8::try_from(digit(high)? << 4 | digit(low)?).ok()
}

fn upper_hex(nibble: u8) -> char {
    char::from_digit(nibble.into(), 16).map_or('0', |digit| digit.to_ascii_uppercase())
}

/// Without the blanks (`OWS`) around it.
fn trimmed(mut text: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = text {
        text = rest;
    }
    text
}

fn is_token(text: &[u8]) -> bool {
    !text.is_empty() && text.iter().copied().all(is_token_byte)
}

/// RFC 9110 §5.6.2: `tchar`.
fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// Baggage, "Definition": `*baggage-octet`, visible ASCII without quote, comma, semicolon and backslash.
fn is_value(text: &[u8]) -> bool {
    text.iter()
        .all(|byte| byte.is_ascii_graphic() && !b"\",;\\".contains(byte))
}

/// RFC 9110 §5.5: `field-vchar`, blank and tab.
fn is_field_byte(byte: u8) -> bool {
    byte == b'\t' || !byte.is_ascii_control()
}

fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)
}
