//! Data scopes: an `authorization_details`-like list (RFC 9396) that can be compared.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::fmt;

/// On which data a grant works, always inside the context's own tenant.
///
/// RFC 9396 defines no comparison for `authorization_details`; this type does, and what it does
/// not know it denies: an unknown [`Constraint`] permits nothing, and a child may only keep it as
/// it is.
///
/// ```
/// use throughline_core::grant::{DataGrant, DataScope};
///
/// let scope = DataScope::limited([
///     DataGrant::of("document")?.acting(["read"])?.selecting("folder", ["q3", "q4"])?,
/// ]);
/// assert!(scope.permits("document", "read", &[("folder", "q3")]));
/// assert!(!scope.permits("document", "read", &[("folder", "q1")]));
/// assert!(!scope.permits("document", "read", &[]), "a selector that is not named is not met");
/// assert!(!scope.permits("document", "delete", &[("folder", "q3")]));
/// # Ok::<(), throughline_core::grant::DataScopeError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DataScope {
    /// All data of the tenant that the scope reaches.
    Unrestricted,
    /// What one of these allows; nothing if there is none.
    Limited(Vec<DataGrant>),
}

impl DataScope {
    /// Only what one of `grants` allows.
    #[must_use]
    pub fn limited(grants: impl IntoIterator<Item = DataGrant>) -> Self {
        Self::Limited(grants.into_iter().collect())
    }

    /// Whether `action` on data of `kind` with these selector values is allowed.
    #[must_use]
    pub fn permits(&self, kind: &str, action: &str, selectors: &[(&str, &str)]) -> bool {
        match self {
            Self::Unrestricted => true,
            Self::Limited(grants) => grants
                .iter()
                .any(|grant| grant.permits(kind, action, selectors)),
        }
    }

    /// Whether `child` allows nothing that this scope does not.
    #[must_use]
    pub fn covers(&self, child: &Self) -> bool {
        match (self, child) {
            (Self::Unrestricted, _) => true,
            (Self::Limited(_), Self::Unrestricted) => false,
            (Self::Limited(own), Self::Limited(child)) => child
                .iter()
                .all(|child| own.iter().any(|own| own.covers(child))),
        }
    }

    /// The greatest data scope that both cover.
    #[must_use]
    pub fn meet(&self, other: &Self) -> Self {
        let (own, other) = match (self, other) {
            (Self::Unrestricted, scope) | (scope, Self::Unrestricted) => return scope.clone(),
            (Self::Limited(own), Self::Limited(other)) => (own, other),
        };
        let mut grants = Vec::new();
        for grant in own
            .iter()
            .flat_map(|one| other.iter().filter_map(|two| one.meet(two)))
        {
            if !grants.contains(&grant) {
                grants.push(grant);
            }
        }
        Self::Limited(grants)
    }
}

/// One type of data, the actions on it and the constraints on its selectors.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataGrant {
    pub(crate) kind: Box<str>,
    /// `None` allows every action the scope allows.
    pub(crate) actions: Option<BTreeSet<Box<str>>>,
    pub(crate) selectors: BTreeMap<Box<str>, Constraint>,
}

impl DataGrant {
    /// All actions on all data of a type.
    ///
    /// # Errors
    ///
    /// `kind` is not 1 to 64 bytes of `[A-Za-z0-9._:/-]`.
    pub fn of(kind: &str) -> Result<Self, DataScopeError> {
        Ok(Self {
            kind: name(kind)?,
            actions: None,
            selectors: BTreeMap::new(),
        })
    }

    /// Only these actions.
    ///
    /// # Errors
    ///
    /// An action is not a name, as for [`DataGrant::of`].
    pub fn acting<'a>(
        mut self,
        actions: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, DataScopeError> {
        self.actions = Some(actions.into_iter().map(name).collect::<Result<_, _>>()?);
        Ok(self)
    }

    /// Only data whose `selector` has one of `values`.
    ///
    /// # Errors
    ///
    /// `selector` is not a name, as for [`DataGrant::of`].
    pub fn selecting<'a>(
        self,
        selector: &str,
        values: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, DataScopeError> {
        self.constrained(
            selector,
            Constraint::OneOf(values.into_iter().map(Box::from).collect()),
        )
    }

    /// Only data whose `selector` meets `constraint`.
    ///
    /// # Errors
    ///
    /// `selector` is not a name, as for [`DataGrant::of`].
    pub fn constrained(
        mut self,
        selector: &str,
        constraint: Constraint,
    ) -> Result<Self, DataScopeError> {
        self.selectors.insert(name(selector)?, constraint);
        Ok(self)
    }

    /// The type of data.
    #[must_use]
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// The actions, `None` for all that the scope allows.
    #[must_use]
    pub fn actions(&self) -> Option<&BTreeSet<Box<str>>> {
        self.actions.as_ref()
    }

    /// The constraints, by selector.
    #[must_use]
    pub fn selectors(&self) -> &BTreeMap<Box<str>, Constraint> {
        &self.selectors
    }

    fn permits(&self, kind: &str, action: &str, selectors: &[(&str, &str)]) -> bool {
        &*self.kind == kind
            && self
                .actions
                .as_ref()
                .is_none_or(|actions| actions.contains(action))
            && self.selectors.iter().all(|(name, constraint)| {
                let mut values = selectors
                    .iter()
                    .filter(|(given, _)| **given == **name)
                    .peekable();
                values.peek().is_some() && values.all(|(_, value)| constraint.permits(value))
            })
    }

    fn covers(&self, child: &Self) -> bool {
        let actions = match (&self.actions, &child.actions) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(own), Some(child)) => child.is_subset(own),
        };
        self.kind == child.kind
            && actions
            && self.selectors.iter().all(|(selector, constraint)| {
                child
                    .selectors
                    .get(selector)
                    .is_some_and(|child| constraint.covers(child))
            })
    }

    fn meet(&self, other: &Self) -> Option<Self> {
        if self.kind != other.kind {
            return None;
        }
        let actions = match (&self.actions, &other.actions) {
            (None, actions) | (actions, None) => actions.clone(),
            (Some(one), Some(two)) => Some(one & two),
        };
        if actions.as_ref().is_some_and(BTreeSet::is_empty) {
            return None;
        }
        let mut selectors = self.selectors.clone();
        for (selector, constraint) in &other.selectors {
            let met = match selectors.get(selector) {
                Some(own) => own.meet(constraint)?,
                None => constraint.clone(),
            };
            selectors.insert(selector.clone(), met);
        }
        Some(Self {
            kind: self.kind.clone(),
            actions,
            selectors,
        })
    }
}

/// What a selector's value must be.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Constraint {
    /// At most this number.
    Max(i64),
    /// At least this number.
    Min(i64),
    /// One of these texts.
    OneOf(BTreeSet<Box<str>>),
    /// A text that starts with this one.
    Prefix(Box<str>),
    /// A constraint this version does not know, as JSON text. It permits nothing.
    Unknown(Box<str>),
}

impl Constraint {
    /// Whether `value` meets the constraint. A text that is no number meets no bound.
    #[must_use]
    pub fn permits(&self, value: &str) -> bool {
        let number = || value.parse::<i64>().ok();
        match self {
            Self::Max(most) => number().is_some_and(|number| number <= *most),
            Self::Min(least) => number().is_some_and(|number| number >= *least),
            Self::OneOf(values) => values.contains(value),
            Self::Prefix(prefix) => value.starts_with(&**prefix),
            Self::Unknown(_) => false,
        }
    }

    /// Whether `child` permits nothing that this constraint does not.
    #[must_use]
    pub fn covers(&self, child: &Self) -> bool {
        match (self, child) {
            (Self::Max(own), Self::Max(child)) => child <= own,
            (Self::Min(own), Self::Min(child)) => child >= own,
            (Self::OneOf(own), Self::OneOf(child)) => child.is_subset(own),
            (Self::Prefix(own), Self::Prefix(child)) => child.starts_with(&**own),
            (own @ Self::Prefix(_), Self::OneOf(child)) => {
                child.iter().all(|value| own.permits(value))
            }
            (Self::Unknown(own), Self::Unknown(child)) => own == child,
            // Never inferred across types.
            (
                Self::Max(_) | Self::Min(_) | Self::OneOf(_) | Self::Prefix(_) | Self::Unknown(_),
                _,
            ) => false,
        }
    }

    /// The greatest constraint that both cover; none if there is none.
    fn meet(&self, other: &Self) -> Option<Self> {
        if self.covers(other) {
            return Some(other.clone());
        }
        if other.covers(self) {
            return Some(self.clone());
        }
        match (self, other) {
            (Self::OneOf(one), Self::OneOf(two)) => {
                let both: BTreeSet<_> = one & two;
                (!both.is_empty()).then_some(Self::OneOf(both))
            }
            (Self::OneOf(values), prefix @ Self::Prefix(_))
            | (prefix @ Self::Prefix(_), Self::OneOf(values)) => {
                let both: BTreeSet<_> = values
                    .iter()
                    .filter(|value| prefix.permits(value))
                    .cloned()
                    .collect();
                (!both.is_empty()).then_some(Self::OneOf(both))
            }
            // One selector holds one constraint: what would need two is refused, never widened.
            (
                Self::Max(_) | Self::Min(_) | Self::OneOf(_) | Self::Prefix(_) | Self::Unknown(_),
                _,
            ) => None,
        }
    }
}

fn name(text: &str) -> Result<Box<str>, DataScopeError> {
    if is_name(text) {
        Ok(text.into())
    } else {
        Err(DataScopeError(()))
    }
}

pub(crate) fn is_name(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"._:/-".contains(&b))
}

/// A name in a data scope is unusable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DataScopeError(());

impl fmt::Display for DataScopeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "name in a data scope is unusable, expected 1 to 64 bytes of `[A-Za-z0-9._:/-]`",
        )
    }
}

impl Error for DataScopeError {}
