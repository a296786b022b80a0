//! Grants: a child is never wider than its parent.
//!
//! The first byte says how three grants are made of the rest: `t` reads JSON, a list of claims of
//! the members `scope`, `task` and `data`; anything else chooses from a small vocabulary, so that
//! two grants have something in common.
//!
//! Oracles, over three grants and a list of concrete operations:
//!
//! 1. What `narrow` gives is what was asked for, covered by the parent, and permits no operation
//!    that the parent does not. What it refuses is not covered.
//! 2. `meet` is covered by both, permits nothing that one of them does not, is the same whichever
//!    is first, and with itself permits the same.
//! 3. Coverage is reflexive and transitive, and means: no operation more.
//! 4. A child that a context issues descends from it, exactly where its grant is covered.
//! 5. A grant is written as claims to what is read back equal.
//! 6. Allocation stays within [`BUDGET`].

use std::collections::BTreeSet;

use arbitrary::{Result, Unstructured};
use serde_json::{Value, json};
use throughline_core::context::{Claimed, Lifetime};
use throughline_core::grant::{Constraint, DataGrant, DataScope, Grant, Scope, Task};
use throughline_core::time::Timestamp;
use throughline_core::{Context, Draft};

use crate::allocations::Budget;
use crate::world::{DOMAIN, NOW, honest};

/// For reading a grant from claims.
pub const BUDGET: Budget = Budget {
    per_byte: 144,
    fixed: 4 * 1024,
};

const SCOPES: [&str; 12] = [
    "a",
    "a.b",
    "a.b.c",
    "a.*",
    "a.b.*",
    "b",
    "b.*",
    "A",
    "a.b-c",
    "ab",
    "a.B",
    "https://x/y",
];
const KINDS: [&str; 3] = ["doc", "doc.page", "row"];
const ACTIONS: [&str; 3] = ["read", "write", "drop"];
const SELECTORS: [&str; 3] = ["folder", "amount", "doc"];
const VALUES: [&str; 9] = [
    "",
    "q",
    "q3",
    "q34",
    "-1",
    "0",
    "7",
    "9223372036854775807",
    "x",
];

/// One input.
pub fn run(data: &[u8]) {
    let grants = match data.split_first() {
        Some((b't', rest)) => from_claims(rest),
        Some((_, rest)) => vocabulary(&mut Unstructured::new(rest)).ok(),
        None => None,
    };
    let Some([one, two, three]) = grants else {
        return;
    };
    for (parent, child) in [(&one, &two), (&two, &three), (&three, &one), (&one, &one)] {
        let asked = Asked::about([parent, child]);
        check_narrow(parent, child, &asked);
        check_meet(parent, child, &asked);
        check_descent(parent, child);
    }
    let covers = |parent: &Grant, child: &Grant| parent.check_covers(child).is_ok();
    if covers(&one, &two) && covers(&two, &three) {
        assert!(
            covers(&one, &three),
            "{one:?} covers {two:?} covers {three:?}"
        );
    }
    for grant in [&one, &two, &three] {
        assert!(covers(grant, grant), "{grant:?} does not cover itself");
        check_written(grant);
    }
}

fn from_claims(text: &[u8]) -> Option<[Grant; 3]> {
    let list: Vec<Value> = serde_json::from_slice(text).ok()?;
    let [one, two, three] = list.as_slice() else {
        return None;
    };
    let read = |parts: &Value| {
        let mut claims = honest("acme");
        if let Some(scope) = parts.get("scope") {
            claims["scope"] = scope.clone();
        }
        for name in ["task", "data"] {
            if let Some(part) = parts.get(name) {
                claims["tctx"][name] = part.clone();
            }
        }
        let claims = claims.to_string();
        let claimed = BUDGET.hold(claims.len(), || Claimed::read(claims.as_bytes()));
        Some(claimed.ok()?.unverified().grant().clone())
    };
    Some([read(one)?, read(two)?, read(three)?])
}

fn vocabulary(from: &mut Unstructured<'_>) -> Result<[Grant; 3]> {
    Ok([grant(from)?, grant(from)?, grant(from)?])
}

fn grant(from: &mut Unstructured<'_>) -> Result<Grant> {
    let tokens = some(from, &SCOPES)?;
    let scope = Scope::new(&tokens.join(" ")).expect("the vocabulary is well-formed");
    let mut grant = Grant::new(scope);
    if from.ratio(1, 3)? {
        let id = from.choose(&["t1", "t2"])?;
        let mut task = Task::new(id).expect("a name");
        if from.arbitrary()? {
            let purpose = from.choose(&["report", "audit"])?;
            task = task.for_purpose(purpose).expect("a name");
        }
        if from.arbitrary()? {
            task = task.until(Timestamp::from_unix(NOW + from.int_in_range(0..=3)?));
        }
        grant = grant.for_task(task);
    }
    if from.ratio(3, 4)? {
        let count = from.int_in_range(0..=3)?;
        let grants = (0..count).map(|_| data_grant(from));
        grant = grant.with_data(DataScope::Limited(grants.collect::<Result<_>>()?));
    }
    Ok(grant)
}

fn data_grant(from: &mut Unstructured<'_>) -> Result<DataGrant> {
    let mut grant = DataGrant::of(from.choose(&KINDS)?).expect("a name");
    if from.arbitrary()? {
        grant = grant.acting(some(from, &ACTIONS)?).expect("names");
    }
    for selector in some(from, &SELECTORS)? {
        let constraint = match from.int_in_range(0..=4)? {
            0 => Constraint::Max(number(from)?),
            1 => Constraint::Min(number(from)?),
            2 => Constraint::OneOf(some(from, &VALUES)?.into_iter().map(Box::from).collect()),
            3 => Constraint::Prefix((*from.choose(&VALUES)?).into()),
            _ => Constraint::Unknown((*from.choose(&["null", "[]", r#"{"x":1}"#])?).into()),
        };
        grant = grant.constrained(selector, constraint).expect("a name");
    }
    Ok(grant)
}

fn number(from: &mut Unstructured<'_>) -> Result<i64> {
    let near = from.int_in_range(-2..=8)?;
    Ok(*from.choose(&[near, near, i64::MAX, i64::MIN])?)
}

fn some<'v>(from: &mut Unstructured<'_>, of: &[&'v str]) -> Result<Vec<&'v str>> {
    let chosen: u16 = from.arbitrary()?;
    let chosen = |n: usize| chosen >> n & 1 == 1;
    let chosen = of.iter().enumerate().filter(|(n, _)| chosen(*n));
    Ok(chosen.map(|(_, word)| *word).collect())
}

/// What is asked of two grants: the vocabulary, and whatever they name themselves.
struct Asked {
    tokens: BTreeSet<String>,
    kinds: BTreeSet<String>,
    selectors: Vec<Vec<(String, String)>>,
}

impl Asked {
    fn about(grants: [&Grant; 2]) -> Self {
        let mut tokens: BTreeSet<String> = SCOPES.map(String::from).into();
        let (mut kinds, mut names) = (BTreeSet::new(), BTreeSet::new());
        let mut values = BTreeSet::from(["x".to_owned()]);
        for grant in grants {
            tokens.extend(grant.scope().as_str().split(' ').map(String::from));
            let DataScope::Limited(limits) = grant.data() else {
                continue;
            };
            for limit in limits.iter().take(3) {
                kinds.insert(limit.kind().into());
                for (name, constraint) in limit.selectors().iter().take(3) {
                    names.insert(name.to_string());
                    values.extend(borders(constraint));
                }
            }
        }
        let mut selectors = vec![Vec::new()];
        for value in values.iter().take(10) {
            // Each alone, and all at once, so that several constraints can be met.
            let of = |name: &String| (name.clone(), value.clone());
            let all: Vec<_> = names.iter().take(4).map(of).collect();
            selectors.extend(all.iter().map(|one| vec![one.clone()]));
            selectors.push(all);
        }
        Self {
            tokens,
            kinds: kinds.into_iter().take(3).collect(),
            selectors,
        }
    }

    /// What a grant permits of it: the meaning that coverage must keep.
    fn of(&self, grant: &Grant) -> Vec<bool> {
        let scope = grant.scope();
        let mut permitted = Vec::new();
        for token in &self.tokens {
            let plainly = allows(scope.as_str(), token);
            assert_eq!(scope.allows(token), plainly, "`{scope}` and `{token}`");
            permitted.push(plainly);
        }
        for selectors in &self.selectors {
            let selectors: Vec<_> = selectors.iter().map(|(n, v)| (&**n, &**v)).collect();
            for kind in &self.kinds {
                for action in ACTIONS {
                    permitted.push(grant.data().permits(kind, action, &selectors));
                }
            }
        }
        permitted
    }
}

/// Whether a scope allows an operation, read plainly: it is named, or lies below one that ends in
/// `.*`, as long as it is of the form that wildcards are about.
fn allows(scope: &str, token: &str) -> bool {
    let is_name = |part: &str| part.starts_with(|c: char| c.is_ascii_lowercase());
    let is_part = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"_-.".contains(&b);
    let bare = token.strip_suffix(".*").unwrap_or(token);
    let has_parts = bare.bytes().all(is_part) && bare.split('.').all(is_name);
    scope.split(' ').filter(|own| !own.is_empty()).any(|own| {
        let above = own.strip_suffix('*').filter(|above| above.ends_with('.'));
        own == token || above.is_some_and(|above| has_parts && token.starts_with(above))
    })
}

/// Values on both sides of where a constraint ends.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "what is unknown, now or later, permits nothing and ends nowhere"
)]
fn borders(constraint: &Constraint) -> Vec<String> {
    match constraint {
        Constraint::Max(n) | Constraint::Min(n) => [n.saturating_sub(1), *n, n.saturating_add(1)]
            .map(|n| n.to_string())
            .into(),
        Constraint::OneOf(values) => values.iter().take(3).map(ToString::to_string).collect(),
        Constraint::Prefix(text) => vec![text.to_string(), format!("{text}x")],
        _ => Vec::new(),
    }
}

fn assert_no_wider(parent: &Grant, child: &Grant, asked: &Asked, how: &str) {
    let (parent_may, child_may) = (asked.of(parent), asked.of(child));
    let mut both = parent_may.into_iter().zip(child_may);
    let wider = both.any(|(parent, child)| child && !parent);
    assert!(!wider, "wider {how}: {parent:?}, {child:?}");
    if let Some(task) = parent.task() {
        let own = child.task().expect("a task stays");
        assert_eq!(own.id(), task.id(), "another task {how}");
        assert!(task.purpose().is_none() || own.purpose() == task.purpose());
        let later = |end| own.deadline().is_none_or(|own| own > end);
        assert!(!task.deadline().is_some_and(later), "more time {how}");
    }
}

fn check_narrow(parent: &Grant, wanted: &Grant, asked: &Asked) {
    match parent.narrow(wanted.clone()) {
        Ok(child) => {
            assert!(parent.check_covers(&child).is_ok(), "narrowed past it");
            assert_no_wider(parent, &child, asked, "by `narrow`");
            assert_eq!(child.scope(), wanted.scope(), "not what was asked for");
            assert!(wanted.task().is_none() || child.task() == wanted.task());
            let all = *wanted.data() == DataScope::Unrestricted;
            assert!(all || child.data() == wanted.data());
        }
        Err(reason) => {
            let wider = parent.check_covers(wanted);
            assert!(wider.is_err(), "{reason}: {parent:?} covers {wanted:?}");
        }
    }
    if parent.check_covers(wanted).is_ok() {
        assert_no_wider(parent, wanted, asked, "and covered");
    }
}

fn check_meet(one: &Grant, two: &Grant, asked: &Asked) {
    let (met, turned) = (one.meet(two), two.meet(one));
    assert_eq!(met.is_ok(), turned.is_ok(), "another answer the other way");
    let (Ok(met), Ok(turned)) = (met, turned) else {
        return;
    };
    for parent in [one, two] {
        let covered = parent.check_covers(&met);
        assert_eq!(covered, Ok(()), "{parent:?} does not cover {met:?}");
        assert_no_wider(parent, &met, asked, "by `meet`");
    }
    assert_eq!(asked.of(&met), asked.of(&turned), "the order counts");
    assert_eq!(met.task(), turned.task(), "the order counts for the task");
    let itself = one.meet(one).expect("a grant meets itself");
    let same = asked.of(one) == asked.of(&itself);
    assert!(same, "{one:?} met with itself is {itself:?}");
}

fn issued(draft: Draft) -> Context {
    let lifetime = Lifetime {
        audience: DOMAIN.into(),
        issuer: None,
        issued_at: Timestamp::from_unix(NOW),
        not_before: None,
        expires_at: Timestamp::from_unix(NOW + 60),
    };
    draft
        .issue("t-1", lifetime)
        .expect("a draft that is honest")
}

fn context(grant: &Grant) -> Context {
    let claimed = Claimed::read(honest("acme").to_string().as_bytes());
    let claimed = claimed.expect("honest claims");
    issued(Draft::continuing(claimed.unverified()).with_grant(grant.clone()))
}

fn check_descent(parent: &Grant, child: &Grant) {
    let above = context(parent);
    let below = issued(Draft::continuing(&above).with_grant(child.clone()));
    assert_eq!(
        below.check_descends_from(&above).is_ok(),
        parent.check_covers(child).is_ok(),
        "{parent:?} over {child:?}"
    );
}

fn check_written(grant: &Grant) {
    let written = context(grant).to_claims();
    let read = Claimed::read(&written).expect("what is written is readable");
    let read = read.unverified();
    // A list of actions that is empty, or a constraint nobody knows, must come back as it was.
    assert_eq!(read.grant(), grant, "another grant once written");
    assert_eq!(read.to_claims(), written, "other claims once read back");
    let plain: Value = serde_json::from_slice(&written).expect("claims are json");
    assert_eq!(plain["scope"], json!(grant.scope().as_str()));
}
