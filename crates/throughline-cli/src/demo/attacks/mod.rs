//! Attacks: each is a name, what it does, what must become of it, and the honest twin.
//!
//! An attack *held* only if the call was refused with the status and the reason expected, nothing
//! in the answer names a tenant, a user, a key or an issuer, and no handler ran, not even in a
//! service behind. Its twin differs in the attacked thing only, and must be served under the right
//! tenant: an attack that is refused because the request was broken proves nothing.

mod agents;
mod answers;
mod arena;
mod bearers;
mod construction;
mod copies;
mod edge;
mod forgeries;
mod freshness;
mod grants;
mod grpc;
mod grpc_wire;
mod headers;
mod judge;
mod keys;
mod legs;
mod lifetimes;
mod outside;
mod paths;
mod process;
mod replacing;
mod sending;
mod tokens;
mod wire;
mod witnesses;

use std::collections::BTreeSet;
use std::pin::Pin;

use throughline::Reason;
use throughline_core::reason::Position;

use self::arena::Arena;
use self::grpc_wire::GrpcCall;
use self::wire::Call;
use super::net::Failure;
use super::report::{AttackReport, Progress};
use super::system::System;

/// Where an attack arrives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Hop {
    Edge,
    Tokens,
    Orders,
    Agent,
    /// The proxy between services.
    Proxy,
    Billing,
    Ledger,
    ThirdParty,
    /// A call on its way out.
    Carry,
    /// Work beside a request.
    Process,
    /// A layer that is being built, before any request.
    Build,
    /// The machinery of these attacks itself.
    Kit,
}

impl Hop {
    pub(super) const ALL: [Self; 12] = [
        Self::Edge,
        Self::Tokens,
        Self::Orders,
        Self::Agent,
        Self::Proxy,
        Self::Billing,
        Self::Ledger,
        Self::ThirdParty,
        Self::Carry,
        Self::Process,
        Self::Build,
        Self::Kit,
    ];

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Edge => "edge",
            Self::Tokens => "tokens",
            Self::Orders => "orders",
            Self::Agent => "agent",
            Self::Proxy => "proxy",
            Self::Billing => "billing",
            Self::Ledger => "ledger",
            Self::ThirdParty => "third-party",
            Self::Carry => "carry",
            Self::Process => "process",
            Self::Build => "build",
            Self::Kit => "kit",
        }
    }

    fn position(self) -> Position {
        match self {
            Self::Edge => Position::Edge,
            Self::Tokens
            | Self::Orders
            | Self::Agent
            | Self::Proxy
            | Self::Billing
            | Self::Ledger
            | Self::ThirdParty
            | Self::Carry
            | Self::Process
            | Self::Build
            | Self::Kit => Position::Inside,
        }
    }
}

/// What must become of an attack.
#[derive(Clone, Copy, Debug)]
enum Expected {
    /// Every call is refused, each with one of these reasons.
    Refused(&'static [Reason]),
    /// The call is served, and the attacked thing changed nothing.
    Neutralised,
    /// Something that is no answer to a call.
    Word(&'static str),
}

impl Expected {
    fn words(self) -> BTreeSet<String> {
        match self {
            Self::Refused(reasons) => reasons.iter().map(ToString::to_string).collect(),
            Self::Neutralised => [NEUTRALISED.to_owned()].into(),
            Self::Word(word) => [word.to_owned()].into(),
        }
    }
}

const NEUTRALISED: &str = "neutralised";

/// One attack.
struct Attack {
    /// Stable; the failure's id where it reproduces one of the catalogue.
    id: &'static str,
    title: &'static str,
    hop: Hop,
    expected: Expected,
    /// The services in front of the one that must refuse, whose handlers run for `acme`.
    front: &'static [&'static str],
    run: Run,
}

/// How an attack is carried out.
enum Run {
    Pair(fn(&Arena<'_>) -> Result<Pair, Failure>),
    /// The same over gRPC.
    Grpc(fn(&Arena<'_>) -> Result<Pair<GrpcCall>, Failure>),
    /// Several steps that change the system between calls.
    Scene(for<'a> fn(&'a Arena<'a>) -> Scene<'a>),
}

/// What one scene does. Boxed, as scenes stand in one table; each runs once.
type Scene<'a> = Pin<Box<dyn Future<Output = Result<Finding, Failure>> + Send + 'a>>;

/// Calls that attack, and calls that differ from them in the attacked thing only.
struct Pair<C = Call> {
    attacks: Vec<C>,
    /// Each with the tenant that must be reported.
    twins: Vec<(C, &'static str)>,
}

impl<C> Pair<C> {
    /// One call against one of tenant `acme`.
    fn new(attack: C, twin: C) -> Self {
        Self {
            attacks: vec![attack],
            twins: vec![(twin, "acme")],
        }
    }

    /// Several calls against one of tenant `acme`.
    fn several(attacks: impl IntoIterator<Item = C>, twin: C) -> Self {
        Self {
            attacks: attacks.into_iter().collect(),
            twins: vec![(twin, "acme")],
        }
    }
}

/// What came of an attack.
struct Finding {
    /// Each different outcome of its calls, in a word.
    got: BTreeSet<String>,
    twin_ok: bool,
}

const fn pair(
    id: &'static str,
    hop: Hop,
    title: &'static str,
    expected: &'static [Reason],
    run: fn(&Arena<'_>) -> Result<Pair, Failure>,
) -> Attack {
    Attack {
        id,
        title,
        hop,
        expected: Expected::Refused(expected),
        front: &[],
        run: Run::Pair(run),
    }
}

/// Like [`pair`], where the call passes others before the one that must refuse it.
const fn behind(
    front: &'static [&'static str],
    hop: Hop,
    (id, title): (&'static str, &'static str),
    expected: &'static [Reason],
    run: fn(&Arena<'_>) -> Result<Pair, Failure>,
) -> Attack {
    Attack {
        id,
        title,
        hop,
        expected: Expected::Refused(expected),
        front,
        run: Run::Pair(run),
    }
}

/// Like [`pair`], over gRPC, at the ledger.
const fn grpc(
    id: &'static str,
    title: &'static str,
    expected: &'static [Reason],
    run: fn(&Arena<'_>) -> Result<Pair<GrpcCall>, Failure>,
) -> Attack {
    Attack {
        id,
        title,
        hop: Hop::Ledger,
        expected: Expected::Refused(expected),
        front: &[],
        run: Run::Grpc(run),
    }
}

const fn harmless(
    id: &'static str,
    hop: Hop,
    title: &'static str,
    run: fn(&Arena<'_>) -> Result<Pair, Failure>,
) -> Attack {
    Attack {
        id,
        title,
        hop,
        expected: Expected::Neutralised,
        front: &[],
        run: Run::Pair(run),
    }
}

const fn scene(
    id: &'static str,
    hop: Hop,
    title: &'static str,
    expected: Expected,
    run: for<'a> fn(&'a Arena<'a>) -> Scene<'a>,
) -> Attack {
    Attack {
        id,
        title,
        hop,
        expected,
        front: &[],
        run: Run::Scene(run),
    }
}

/// Every attack, by hop.
fn all() -> Vec<&'static Attack> {
    let tables: [&[Attack]; 21] = [
        &headers::ATTACKS,
        &witnesses::ATTACKS,
        &paths::ATTACKS,
        &tokens::ATTACKS,
        &forgeries::ATTACKS,
        &lifetimes::ATTACKS,
        &freshness::ATTACKS,
        &keys::ATTACKS,
        &grants::ATTACKS,
        &bearers::ATTACKS,
        &legs::ATTACKS,
        &copies::ATTACKS,
        &agents::ATTACKS,
        &grpc::ATTACKS,
        &outside::ATTACKS,
        &answers::ATTACKS,
        &sending::ATTACKS,
        &replacing::ATTACKS,
        &process::ATTACKS,
        &construction::ATTACKS,
        &judge::ATTACKS,
    ];
    let mut all: Vec<_> = tables.into_iter().chain(edge::tables()).flatten().collect();
    all.sort_by_key(|attack| attack.hop);
    all
}

/// Carries out every attack, one after the other.
pub(super) async fn run(
    system: &System,
    progress: &mut Progress,
) -> Result<Vec<AttackReport>, Failure> {
    run_these(&all(), system, progress).await
}

async fn run_these(
    attacks: &[&'static Attack],
    system: &System,
    progress: &mut Progress,
) -> Result<Vec<AttackReport>, Failure> {
    let arena = Arena::new(system)?;
    let mut reports = Vec::with_capacity(attacks.len());
    for (number, attack) in attacks.iter().enumerate() {
        progress.attack(number + 1, attacks.len(), attack.id);
        reports.push(judge::run(&arena, attack).await);
    }
    Ok(reports)
}

#[cfg(test)]
mod tests;
