//! Scopes: sets of scope tokens with literal, wildcard and opaque members.

use std::error::Error;
use std::fmt;

/// A set of scope tokens (RFC 6749 §3.3): sorted, each once.
///
/// A token is, by its bytes, in this order:
///
/// | token | form | covers |
/// |---|---|---|
/// | literal | `seg.seg…`, a segment is a lower-case letter, then lower-case letters, digits, `_`, `-` | itself |
/// | wildcard | literal segments, then `.*` | literals and wildcards below it, at any depth |
/// | opaque | any other scope token without `*` | itself |
///
/// Anything else (`*`, `crm.re*`, `crm.*.read`) is malformed. Letters are compared as they are.
///
/// ```
/// use throughline_core::grant::Scope;
///
/// let scope = Scope::new("orders.* profile")?;
/// assert!(scope.allows("orders.refunds.create"));
/// assert!(!scope.allows("orders"), "a wildcard stands for what is below it");
/// assert!(Scope::new("orders.*.create").is_err());
/// # Ok::<(), throughline_core::grant::ScopeError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Scope(
    /// Sorted tokens, joined by one space: the wire form.
    Box<str>,
);

impl Scope {
    /// The most tokens a scope holds. Coverage compares each with each.
    pub const MAX_TOKENS: usize = 256;

    /// Reads a space-delimited list of scope tokens. The empty text is the empty scope.
    ///
    /// # Errors
    ///
    /// A token is malformed, tokens are not separated by exactly one space, or there are more than
    /// [`Scope::MAX_TOKENS`].
    pub fn new(text: &str) -> Result<Self, ScopeError> {
        if text.is_empty() {
            return Ok(Self::default());
        }
        let mut sorted = true;
        let mut before = "";
        for (n, token) in text.split(' ').enumerate() {
            if n == Self::MAX_TOKENS || form(token).is_none() {
                return Err(ScopeError(()));
            }
            sorted &= before < token;
            before = token;
        }
        // What `Display` wrote is sorted already: no need to take it apart.
        Ok(if sorted {
            Self(text.into())
        } else {
            Self(distinct(text.split(' ')).join(" ").into())
        })
    }

    /// Takes scope tokens, in whatever order and however often each is there.
    ///
    /// ```
    /// use throughline_core::grant::Scope;
    ///
    /// let scope = Scope::from_tokens(["profile", "orders.read", "profile"])?;
    /// assert_eq!(scope.as_str(), "orders.read profile");
    ///
    /// // A token with a blank in it would be read as two.
    /// assert!(Scope::from_tokens(["viewer orders.read"]).is_err());
    /// # Ok::<(), throughline_core::grant::ScopeError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// A token is malformed, or there are more than [`Scope::MAX_TOKENS`] different ones.
    pub fn from_tokens<'t>(tokens: impl IntoIterator<Item = &'t str>) -> Result<Self, ScopeError> {
        let distinct = distinct(tokens);
        let well_formed = distinct.iter().all(|token| form(token).is_some());
        if well_formed && distinct.len() <= Self::MAX_TOKENS {
            Ok(Self(distinct.join(" ").into()))
        } else {
            Err(ScopeError(()))
        }
    }

    /// The tokens, sorted.
    pub fn tokens(&self) -> impl Iterator<Item = &str> {
        self.0.split(' ').filter(|token| !token.is_empty())
    }

    /// Whether there is no token.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The tokens as on the wire: sorted, separated by one space.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether some token covers `token`. A malformed `token` is not covered by anything.
    #[must_use]
    pub fn allows(&self, token: &str) -> bool {
        form(token).is_some() && self.tokens().any(|own| covers(own, token))
    }

    /// Whether every token of `child` is covered.
    #[must_use]
    pub fn covers(&self, child: &Self) -> bool {
        child.tokens().all(|token| self.allows(token))
    }

    /// The greatest scope that both cover.
    #[must_use]
    pub fn meet(&self, other: &Self) -> Self {
        let mut tokens = Vec::new();
        for one in self.tokens() {
            for two in other.tokens() {
                if covers(one, two) {
                    tokens.push(two);
                } else if covers(two, one) {
                    tokens.push(one);
                }
            }
        }
        Self(distinct(tokens).join(" ").into())
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Sorted, each once.
fn distinct<'t>(tokens: impl IntoIterator<Item = &'t str>) -> Vec<&'t str> {
    let mut tokens: Vec<&str> = tokens.into_iter().collect();
    tokens.sort_unstable();
    tokens.dedup();
    tokens
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Literal,
    Opaque,
    Wildcard,
}

fn form(token: &str) -> Option<Form> {
    if is_literal(token) {
        return Some(Form::Literal);
    }
    if let Some(above) = token.strip_suffix(".*") {
        return is_literal(above).then_some(Form::Wildcard);
    }
    // RFC 6749 §3.3: scope-token = 1*( %x21 / %x23-5B / %x5D-7E )
    let opaque = !token.is_empty()
        && token
            .bytes()
            .all(|b| matches!(b, 0x21 | 0x23..=0x5b | 0x5d..=0x7e) && b != b'*');
    opaque.then_some(Form::Opaque)
}

fn is_literal(token: &str) -> bool {
    // At the start, and behind each dot.
    let mut begins = true;
    for b in token.bytes() {
        begins = match b {
            b'a'..=b'z' => false,
            b'0'..=b'9' | b'_' | b'-' if !begins => false,
            b'.' if !begins => true,
            _ => return false,
        };
    }
    !begins
}

/// Both are well-formed.
fn covers(parent: &str, child: &str) -> bool {
    if parent == child {
        return true;
    }
    // An opaque child could begin like the wildcard and mean something else.
    match (parent.strip_suffix(".*"), form(child)) {
        (Some(above), Some(Form::Literal | Form::Wildcard)) => child
            .strip_prefix(above)
            .is_some_and(|below| below.starts_with('.')),
        (Some(_), Some(Form::Opaque) | None) | (None, _) => false,
    }
}

/// A scope is malformed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScopeError(());

impl fmt::Display for ScopeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "scope is malformed, expected at most 256 tokens separated by one space, \
             with `*` only as the last segment",
        )
    }
}

impl Error for ScopeError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_taken_one_by_one_and_each_is_one() {
        let of = |tokens: &[&str]| Scope::from_tokens(tokens.iter().copied());
        assert_eq!(of(&[]), Ok(Scope::default()));
        assert_eq!(of(&["b", "a", "b"]), Ok(Scope("a b".into())));
        for odd in ["", "a b", "*", "a.*.b", " "] {
            assert_eq!(of(&["a", odd]), Err(ScopeError(())), "{odd}");
        }
        let many: Vec<String> = (0..=Scope::MAX_TOKENS).map(|n| format!("t{n}")).collect();
        let mut many: Vec<&str> = many.iter().map(String::as_str).collect();
        assert!(of(&many).is_err());
        assert!(of(&many[1..]).is_ok());
        // One that is there twice counts once.
        many[0] = many[1];
        assert!(of(&many).is_ok());
    }

    #[test]
    fn coverage_is_by_segments() {
        for (parent, child, covered) in [
            ("a.*", "a.b", true),
            ("a.*", "a.b.c", true),
            ("a.*", "a.b.*", true),
            ("a.*", "a.*", true),
            ("a.*", "a", false),
            ("a.*", "ab.c", false),
            ("a.b", "a.*", false),
            ("a.b.*", "a.*", false),
            ("a.*", "a.B", false),
            // A segment begins with a letter: this one is opaque.
            ("a.*", "a.1b", false),
            ("a.*", "a.b1", true),
            ("a.*", "a.https://x", false),
            ("https://x", "https://x", true),
            ("Read", "read", false),
        ] {
            let parent = Scope::new(parent).unwrap();
            let child = Scope::new(child).unwrap();
            assert_eq!(parent.covers(&child), covered, "{parent} over {child}");
        }
    }

    #[test]
    fn malformed_tokens_are_refused() {
        for text in [
            "*",
            "crm.re*",
            "crm.*.read",
            "a  b",
            " a",
            "a ",
            "a\"",
            "a\\b",
            "é",
            "A.*",
        ] {
            assert!(Scope::new(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_scope_is_a_set() {
        let scope = Scope::new("b a b").unwrap();
        assert_eq!(scope.as_str(), "a b");
        assert_eq!(Scope::new("").unwrap().tokens().count(), 0);
        assert!(!Scope::default().allows(""));
    }
}
