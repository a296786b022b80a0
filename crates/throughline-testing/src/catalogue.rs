//! The catalogue: every attack, chosen and aimed.
//!
//! The attacks themselves are data, in the folder `catalogue` of this crate; other languages can run
//! the same files.
//!
//! ```
//! use throughline_testing::catalogue::Catalogue;
//!
//! let all = Catalogue::http();
//! assert!(all.attacks().count() > 100);
//!
//! // What is left out is said, with the reason, in every report.
//! let fewer = Catalogue::http().without(["baggage/"], "this service reads no baggage");
//! assert!(fewer.attacks().count() < all.attacks().count());
//! assert!(fewer.left_out().all(|(id, _)| id.starts_with("baggage/")));
//! ```

use std::fmt;
use std::sync::{Arc, LazyLock};

use http::{Request, Response};
use http_body::Body;
use tower_service::Service;

use crate::attack::Attack;
use crate::domain::TestDomain;
use crate::report::Report;
use crate::run::{InProcess, RequestBody, Run, World};
use crate::target::Target;

/// The files, in the order of the report.
const FILES: &[(&str, &str)] = &[
    ("headers", include_str!("../catalogue/headers.json")),
    ("witnesses", include_str!("../catalogue/witnesses.json")),
    ("baggage", include_str!("../catalogue/baggage.json")),
    ("tokens", include_str!("../catalogue/tokens.json")),
    ("signatures", include_str!("../catalogue/signatures.json")),
    ("jose", include_str!("../catalogue/jose.json")),
    ("claims", include_str!("../catalogue/claims.json")),
    ("times", include_str!("../catalogue/times.json")),
    ("freshness", include_str!("../catalogue/freshness.json")),
    ("keys", include_str!("../catalogue/keys.json")),
    ("copies", include_str!("../catalogue/copies.json")),
    ("caches", include_str!("../catalogue/caches.json")),
    ("process", include_str!("../catalogue/process.json")),
    ("answers", include_str!("../catalogue/answers.json")),
    ("grpc", include_str!("../catalogue/grpc.json")),
];

#[expect(
    clippy::expect_used,
    reason = "the files are part of the crate, and a test reads each of them"
)]
static ALL: LazyLock<Vec<Arc<Attack>>> = LazyLock::new(|| {
    let mut all = Vec::new();
    for (_, text) in FILES {
        let attacks = Attack::parse_all(text).expect("the catalogue's own files are well-formed");
        all.extend(attacks.into_iter().map(Arc::new));
    }
    all
});

/// Attacks, and what they are aimed at. See the [module](self).
#[derive(Clone, Debug)]
#[must_use = "a catalogue does nothing until it is run"]
pub struct Catalogue {
    attacks: Vec<Arc<Attack>>,
    left_out: Vec<(String, String)>,
    target: Target,
}

impl Catalogue {
    /// Every attack over HTTP, on `GET /`.
    pub fn http() -> Self {
        Self::aimed(Target::root())
    }

    /// Every attack over gRPC, on this method: `/package.Service/Method`.
    ///
    /// # Panics
    ///
    /// `method` is no method.
    #[track_caller]
    #[expect(clippy::panic, reason = "the argument is a constant of the test")]
    pub fn grpc(method: &str) -> Self {
        match Target::grpc(method) {
            Ok(target) => Self::aimed(target),
            Err(error) => panic!("{error}"),
        }
    }

    /// Every attack that fits the protocol of `target`, aimed at it.
    pub fn aimed(target: Target) -> Self {
        let wire = target.wire();
        Self {
            attacks: ALL
                .iter()
                .filter(|attack| attack.over().contains(&wire))
                .cloned()
                .collect(),
            left_out: Vec::new(),
            target,
        }
    }

    /// Aims it at `GET` of a path, in which `{tenant}` stands for the tenant: `/t/{tenant}/orders`.
    /// For a request that is more than that, see [`Catalogue::aimed`].
    ///
    /// # Panics
    ///
    /// `path` is no path.
    #[track_caller]
    #[expect(clippy::panic, reason = "the argument is a constant of the test")]
    pub fn at(mut self, path: &str) -> Self {
        match Target::http(path) {
            Ok(target) => self.target = target,
            Err(error) => panic!("{error}"),
        }
        self
    }

    /// Keeps these attacks and no other; `group/` stands for all of a group.
    ///
    /// # Panics
    ///
    /// No attack has such an id, so that one would be thought to be tried that never was.
    #[track_caller]
    pub fn only<'i>(mut self, ids: impl IntoIterator<Item = &'i str>) -> Self {
        let ids: Vec<&str> = ids.into_iter().collect();
        self.check(&ids);
        self.attacks.retain(|attack| named(attack, &ids));
        self
    }

    /// Leaves these attacks out, for a reason that the report repeats; `group/` stands for all of a
    /// group.
    ///
    /// # Panics
    ///
    /// No attack has such an id.
    #[track_caller]
    pub fn without<'i>(mut self, ids: impl IntoIterator<Item = &'i str>, reason: &str) -> Self {
        let ids: Vec<&str> = ids.into_iter().collect();
        self.check(&ids);
        let (gone, kept) = self
            .attacks
            .drain(..)
            .partition(|attack| named(attack, &ids));
        self.attacks = kept;
        let gone: Vec<Arc<Attack>> = gone;
        self.left_out.extend(
            gone.iter()
                .map(|attack| (attack.id().to_owned(), reason.to_owned())),
        );
        self
    }

    /// Adds attacks of one's own.
    pub fn and(mut self, attacks: impl IntoIterator<Item = Attack>) -> Self {
        self.attacks.extend(attacks.into_iter().map(Arc::new));
        self
    }

    /// The attacks, in order.
    pub fn attacks(&self) -> impl Iterator<Item = &Attack> {
        self.attacks.iter().map(AsRef::as_ref)
    }

    /// The attacks that were left out, and why.
    pub fn left_out(&self) -> impl Iterator<Item = (&str, &str)> {
        self.left_out
            .iter()
            .map(|(id, reason)| (id.as_str(), reason.as_str()))
    }

    /// Whether it has an attack of this id, or one of this `group/`.
    #[must_use]
    pub fn has(&self, id: &str) -> bool {
        self.attacks.iter().any(|attack| named(attack, &[id]))
    }

    /// What it is aimed at.
    #[must_use]
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// Attacks a service in this process, which trusts `domain`.
    pub async fn run_against<S, B>(&self, service: S, domain: &TestDomain) -> Report
    where
        S: Service<Request<RequestBody>, Response = Response<B>> + Clone + Send,
        S::Future: Send,
        S::Error: fmt::Display,
        B: Body + Send,
        B::Data: Send,
        B::Error: fmt::Display,
    {
        let run = Run::new(self, World::of(domain));
        run.against(&InProcess::new(service)).await
    }

    #[track_caller]
    #[expect(
        clippy::panic,
        reason = "a misspelt id would leave out, or keep, nothing"
    )]
    fn check(&self, ids: &[&str]) {
        for id in ids {
            if !self.has(id) && !ALL.iter().any(|attack| named(attack, &[id])) {
                panic!("no attack is called `{id}`");
            }
        }
    }
}

fn named(attack: &Attack, ids: &[&str]) -> bool {
    ids.iter().any(|id| match id.strip_suffix('/') {
        Some(group) => attack.group() == group,
        None => attack.id() == *id,
    })
}
