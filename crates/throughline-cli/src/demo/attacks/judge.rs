//! Judging: what an attack got, whether it held, and whether its twin proves that it could have
//! gone wrong.

use std::collections::BTreeSet;

use throughline::Reason;
use throughline_core::reason::Position;

use super::super::log::Seen;
use super::super::report::AttackReport;
use super::arena::Arena;
use super::wire::{Call, Reply};
use super::{Attack, Expected, Finding, Hop, NEUTRALISED, Pair, Run, pair, scene};

/// How many calls of one attack are under way at the same time.
const AT_ONCE: usize = 8;

/// Carries out one attack and its twin.
pub(super) async fn run(arena: &Arena<'_>, attack: &Attack) -> AttackReport {
    let expected = attack.expected.words();
    let found = match attack.run {
        Run::Pair(make) => match make(arena) {
            Ok(pair) => Ok(try_pair(arena, attack, &pair).await),
            Err(error) => Err(error),
        },
        Run::Grpc(make) => match make(arena) {
            Ok(pair) => Ok(try_pair(arena, attack, &pair).await),
            Err(error) => Err(error),
        },
        Run::Scene(play) => play(arena).await,
    };
    let finding = found.unwrap_or_else(|error| Finding {
        got: [format!("could not be carried out: {error}")].into(),
        twin_ok: false,
    });
    let held = !finding.got.is_empty() && finding.got.is_subset(&expected);
    AttackReport {
        id: attack.id.into(),
        title: attack.title.into(),
        hop: attack.hop.as_str().into(),
        expected: join(&expected),
        got: join(&finding.got),
        held,
        twin_ok: finding.twin_ok,
    }
}

fn join(words: &BTreeSet<String>) -> String {
    words
        .iter()
        .map(String::as_str)
        .collect::<Vec<_>>()
        .join("|")
}

/// A call of an attack, over whichever protocol.
pub(super) trait Shot: Sync {
    /// What became of it: the reason of a refusal in a word, or what happened instead.
    fn refusal(
        &self,
        arena: &Arena<'_>,
        id: &str,
        attack: &Attack,
    ) -> impl Future<Output = String> + Send;

    /// [`NEUTRALISED`], if it is served as if what is foreign in it were not there.
    fn neutralised(&self, arena: &Arena<'_>, id: &str) -> impl Future<Output = String> + Send;

    /// Whether it is served, by every service under `tenant`.
    fn is_served(
        &self,
        arena: &Arena<'_>,
        id: &str,
        tenant: &str,
    ) -> impl Future<Output = bool> + Send;
}

impl Shot for Call {
    async fn refusal(&self, arena: &Arena<'_>, id: &str, attack: &Attack) -> String {
        arena
            .refusal_behind(attack.front, self, id, attack.hop.position())
            .await
    }

    async fn neutralised(&self, arena: &Arena<'_>, id: &str) -> String {
        arena.neutralised(self, id, "acme").await
    }

    async fn is_served(&self, arena: &Arena<'_>, id: &str, tenant: &str) -> bool {
        arena.is_served(self, id, tenant).await
    }
}

/// The twins first: what they leave behind in caches is what an attacker would find there.
async fn try_pair<C: Shot>(arena: &Arena<'_>, attack: &Attack, pair: &Pair<C>) -> Finding {
    let mut twin_ok = !pair.twins.is_empty();
    for (n, (twin, tenant)) in pair.twins.iter().enumerate() {
        twin_ok &= twin
            .is_served(arena, &format!("{}-twin-{n}", attack.id), tenant)
            .await;
    }
    let mut got = BTreeSet::new();
    let mut calls = pair.attacks.iter().enumerate();
    loop {
        let some: Vec<_> = calls.by_ref().take(AT_ONCE).collect();
        if some.is_empty() {
            break;
        }
        let outcomes = some.into_iter().map(|(n, call)| async move {
            let id = format!("{}-{n}", attack.id);
            match attack.expected {
                Expected::Neutralised => call.neutralised(arena, &id).await,
                Expected::Refused(_) | Expected::Word(_) => call.refusal(arena, &id, attack).await,
            }
        });
        got.extend(join_all(outcomes).await);
    }
    Finding { got, twin_ok }
}

/// Polls several futures at the same time.
pub(super) async fn join_all<T>(
    futures: impl IntoIterator<Item = impl Future<Output = T>>,
) -> Vec<T> {
    use std::task::Poll;

    let mut waiting: Vec<_> = futures.into_iter().map(Box::pin).map(Some).collect();
    let mut done = Vec::with_capacity(waiting.len());
    std::future::poll_fn(move |cx| {
        for slot in &mut waiting {
            if let Some(future) = slot
                && let Poll::Ready(value) = future.as_mut().poll(cx)
            {
                done.push(value);
                *slot = None;
            }
        }
        match waiting.iter().all(Option::is_none) {
            true => Poll::Ready(std::mem::take(&mut done)),
            false => Poll::Pending,
        }
    })
    .await
}

impl Arena<'_> {
    /// Whether an honest call is served, by every service under `tenant`.
    pub(super) async fn is_served(&self, call: &Call, id: &str, tenant: &str) -> bool {
        let reply = call.send(id).await;
        let seen = self.system.log.take(id);
        reply.is_ok_and(|reply| is_served(&reply, &seen, tenant))
    }

    /// The reason of a refusal in a word, or what happened instead.
    pub(super) async fn refusal(&self, call: &Call, id: &str, position: Position) -> String {
        self.refusal_behind(&[], call, id, position).await
    }

    /// The same where the call passes `front` first, whose handlers must have run for `acme`.
    pub(super) async fn refusal_behind(
        &self,
        front: &[&str],
        call: &Call,
        id: &str,
        position: Position,
    ) -> String {
        let reply = match call.send(id).await {
            Ok(reply) => reply,
            Err(error) => return format!("no answer: {error}"),
        };
        let seen = self.system.log.take(id);
        let passed = seen.iter().take_while(|seen| {
            let tenant = seen.hop.tenant.as_deref();
            front.contains(&seen.hop.service.as_str()) && tenant == Some("acme")
        });
        let passed = passed.count();
        if passed != front.len() {
            return format!("{passed} of the services in front ran");
        }
        self.judge(&reply, seen.get(passed..).unwrap_or_default(), position)
    }

    /// Judges a refusal: status, reason, silence, and that no handler ran.
    pub(super) fn judge(&self, reply: &Reply, seen: &[Seen], position: Position) -> String {
        if let Some(ran) = seen.first() {
            let tenant = ran.hop.tenant.as_deref().unwrap_or("nobody");
            return format!("handled by {} for {tenant}", ran.hop.service);
        }
        let Some(code) = reply.reason() else {
            return format!("{} without a reason", reply.status);
        };
        let Some(reason) = Reason::from_code(&code) else {
            return format!("{} {code}", reply.status);
        };
        if reply.status != reason.http_status(position) {
            return format!("{} {code}", reply.status);
        }
        let challenge = reply.field("www-authenticate").unwrap_or_default();
        if reply.status == 401 && challenge.is_empty() {
            return format!("{code} without a challenge");
        }
        if position == Position::Edge {
            // RFC 9728 §5.1: whoever is refused learns where to ask.
            if reply.status == 401 && !challenge.contains("resource_metadata=") {
                return format!("{code} without the metadata of the resource");
            }
            if !reply.is_private() {
                return format!("{code}, for any cache to keep");
            }
        }
        let text = format!("{}{}", reply.head, String::from_utf8_lossy(&reply.body));
        match self.named_in(&text) {
            Some(secret) => format!("{code}, and the answer names {secret}"),
            None => code,
        }
    }

    /// What `text` says of the things that no answer may say.
    pub(super) fn named_in(&self, text: &str) -> Option<String> {
        self.secrets()
            .into_iter()
            .find(|secret| names(text, secret))
    }

    /// `neutralised`, if a call with something foreign in it is served as if it were not there.
    pub(super) async fn neutralised(&self, call: &Call, id: &str, tenant: &str) -> String {
        let reply = match call.send(id).await {
            Ok(reply) => reply,
            Err(error) => return format!("no answer: {error}"),
        };
        let seen = self.system.log.take(id);
        if is_served(&reply, &seen, tenant) {
            NEUTRALISED.into()
        } else {
            match reply.reason() {
                Some(code) => code,
                None => format!("{} for {:?}", reply.status, seen),
            }
        }
    }
}

/// Whether every handler ran for this tenant and saw no foreign field of ours.
fn is_served(reply: &Reply, seen: &[Seen], tenant: &str) -> bool {
    let reported = reply.answer().map(|answer| answer.hops).unwrap_or_default();
    reply.is_success()
        && !reported.is_empty()
        && reported
            .iter()
            .all(|hop| hop.tenant.as_deref().unwrap_or_default() == tenant)
        && reported.len() == seen.len()
        && seen.iter().all(|seen| is_clean(seen, tenant))
}

/// Whether a handler ran for this tenant and saw no foreign field of ours.
pub(super) fn is_clean(seen: &Seen, tenant: &str) -> bool {
    seen.hop.tenant.as_deref().unwrap_or_default() == tenant
        && seen.fields.iter().all(|(name, value)| {
            // Set anew from the proof, or somebody else's baggage.
            (name == super::super::billing::LEGACY_FIELD && value == tenant)
                || (name == "baggage" && !value.contains("tenant.id"))
        })
}

/// Whether `text` contains `name` as a whole word.
fn names(text: &str, name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let text = text.to_ascii_lowercase();
    let is_word = |c: char| c.is_ascii_alphanumeric();
    !name.is_empty()
        && text.match_indices(&name).any(|(at, found)| {
            let before = text.get(..at).and_then(|text| text.chars().next_back());
            let behind = text
                .get(at + found.len()..)
                .and_then(|text| text.chars().next());
            !before.is_some_and(is_word) && !behind.is_some_and(is_word)
        })
}

pub(super) const ATTACKS: [Attack; 1] = [scene(
    "X32",
    Hop::Kit,
    "a refusal whose honest twin fails too counts as held",
    Expected::Word("not held"),
    |arena| {
        Box::pin(async move {
            // Both go to a route that does not exist: refused, and for no good reason.
            const BROKEN: Attack =
                pair("x", Hop::Billing, "", &[Reason::TenantMismatch], |arena| {
                    let lost = arena.billing().target("/t/globex/nowhere");
                    Ok(Pair::new(lost.clone(), lost.target("/t/acme/nowhere")))
                });
            const SOUND: Attack = pair("x", Hop::Billing, "", &[Reason::TenantMismatch], |arena| {
                let call = arena.billing();
                Ok(Pair::new(call.clone().target("/t/globex/invoices"), call))
            });
            let verdict = |report: AttackReport| if report.is_ok() { "held" } else { "not held" };
            let broken = Box::pin(run(arena, &BROKEN)).await;
            let sound = Box::pin(run(arena, &SOUND)).await;
            Ok(Finding {
                got: [verdict(broken).to_owned()].into(),
                twin_ok: verdict(sound) == "held",
            })
        })
    },
)];
