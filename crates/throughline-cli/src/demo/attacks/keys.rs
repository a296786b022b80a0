//! Keys that are gone, not there yet, or there no more.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use throughline::Reason::{KeyUnknown, KeysUnavailable};
use throughline::{KeySource, SystemClock, TrustDomain};
use throughline_core::Draft;
use throughline_core::time::Clock as _;
use throughline_jose::source::RefreshPolicy;
use throughline_jose::{SigningKey, TokenIssuer};

use super::arena::Arena;
use super::{Attack, Expected, Finding, Hop, scene};
use crate::demo::net::{self, Failure, Server};
use crate::demo::roster::ADA_OF_ACME;
use crate::demo::tokens::{self, ISSUER};
use crate::demo::{billing, ledger};

/// Short, so that a demo does not wait for what an issuer's peace of mind demands.
const COOL_DOWN: Duration = Duration::from_millis(20);

/// An issuer with a key server of its own, which can be told to misbehave.
struct KeyRoom {
    issuer: TokenIssuer,
    mood: Arc<AtomicU8>,
    fetches: Arc<AtomicUsize>,
    server: Server,
}

const HONEST: u8 = 0;
const HTML: u8 = 1;
const EMPTY: u8 = 2;

impl KeyRoom {
    async fn open(mood: u8) -> Result<Self, Failure> {
        let (issuer, _) = tokens::issuer()?;
        let mood = Arc::new(AtomicU8::new(mood));
        let fetches = Arc::new(AtomicUsize::new(0));
        let (published, today, count) = (issuer.clone(), Arc::clone(&mood), Arc::clone(&fetches));
        let keys = move || {
            count.fetch_add(1, Ordering::Relaxed);
            let document = match today.load(Ordering::Relaxed) {
                HTML => "<html><body>502 Bad Gateway</body></html>".to_owned(),
                EMPTY => r#"{"keys":[]}"#.to_owned(),
                _ => published.jwks(),
            };
            std::future::ready(document)
        };
        let server = net::serve(Router::new().route("/jwks.json", get(keys))).await?;
        Ok(Self {
            issuer,
            mood,
            fetches,
            server,
        })
    }

    /// A billing service that fetches its keys here, in front of a ledger that shares them.
    async fn billing(
        &self,
        arena: &Arena<'_>,
        refresh: RefreshPolicy,
    ) -> Result<(Server, Server), Failure> {
        let keys = KeySource::url(&format!("{}/jwks.json", self.server.url()))?
            .for_issuer(ISSUER)
            .with_refresh(refresh);
        let domain = TrustDomain::new(tokens::DOMAIN)?
            .with_keys(keys)
            .with_freshness(arena.system.directory.freshness());
        let log = || arena.system.log.clone();
        let accept = ledger::accept(domain.clone())?.build()?;
        let ledger = ledger::serve(&accept, domain.clone(), log()).await?;
        let accept = billing::accept(domain)?.build()?;
        let billing = billing::serve(&accept, ledger.address(), log()).await?;
        Ok((billing, ledger))
    }

    fn token(&self) -> Result<String, Failure> {
        let draft = Draft::user(ADA_OF_ACME.principal()?, SystemClock.now())?;
        Ok(self.issuer.mint(tokens::with_copies(draft)?)?)
    }

    /// Publishes a new key and signs with it; gives the name of the one before.
    fn rotate(&self, before: &str) -> Result<String, Failure> {
        let key = SigningKey::generate()?;
        let kid = key.kid().to_owned();
        self.issuer.publish(key)?;
        self.issuer.sign_with(&kid)?;
        debug_assert_ne!(before, kid);
        Ok(kid)
    }
}

fn nimble() -> RefreshPolicy {
    RefreshPolicy::new().with_cool_down(COOL_DOWN)
}

async fn cool_down() {
    tokio::time::sleep(2 * COOL_DOWN).await;
}

pub(super) const ATTACKS: [Attack; 3] = [
    scene(
        "keys-gone",
        Hop::Billing,
        "the key server answers with an error page, or with no key",
        Expected::Refused(&[KeysUnavailable]),
        |arena| {
            Box::pin(async move {
                let room = KeyRoom::open(HTML).await?;
                let (billing, _ledger) = room.billing(arena, nimble()).await?;
                let call = arena.billing_at(&billing).token(room.token()?);
                let position = Hop::Billing.position();
                let mut got = std::collections::BTreeSet::new();
                got.insert(arena.refusal(&call, "keys-gone-html", position).await);
                room.mood.store(EMPTY, Ordering::Relaxed);
                cool_down().await;
                got.insert(arena.refusal(&call, "keys-gone-empty", position).await);
                // The same call, as soon as the key server is well again.
                room.mood.store(HONEST, Ordering::Relaxed);
                cool_down().await;
                let twin_ok = arena.is_served(&call, "keys-gone-twin", "acme").await;
                Ok(Finding { got, twin_ok })
            })
        },
    ),
    scene(
        "key-retired",
        Hop::Billing,
        "a context signed with a key that was retired since",
        Expected::Refused(&[KeyUnknown]),
        |arena| {
            Box::pin(async move {
                let room = KeyRoom::open(HONEST).await?;
                let (billing, _ledger) = room.billing(arena, nimble()).await?;
                let first = kid_of(&room.issuer)?;
                let old = arena.billing_at(&billing).token(room.token()?);
                let mut twin_ok = arena.is_served(&old, "key-retired-before", "acme").await;
                // A new key is found when its first token comes, and the old one lives on.
                room.rotate(&first)?;
                cool_down().await;
                let new = arena.billing_at(&billing).token(room.token()?);
                twin_ok &= arena.is_served(&new, "key-retired-overlap", "acme").await;
                twin_ok &= arena
                    .is_served(&old, "key-retired-overlap-old", "acme")
                    .await;
                // Retired: it dies with the next fetch, which a third key brings about.
                room.issuer.retire(&first)?;
                room.rotate(&first)?;
                cool_down().await;
                let newest = arena.billing_at(&billing).token(room.token()?);
                twin_ok &= arena.is_served(&newest, "key-retired-newest", "acme").await;
                let got = arena
                    .refusal(&old, "key-retired", Hop::Billing.position())
                    .await;
                twin_ok &= arena.is_served(&new, "key-retired-after", "acme").await;
                Ok(Finding {
                    got: [got].into(),
                    twin_ok,
                })
            })
        },
    ),
    scene(
        "kid-flood",
        Hop::Billing,
        "a hundred made-up key ids, to turn billing against its issuer",
        Expected::Refused(&[KeyUnknown]),
        |arena| {
            Box::pin(async move {
                let room = KeyRoom::open(HONEST).await?;
                let (billing, _ledger) = room.billing(arena, RefreshPolicy::new()).await?;
                let call = arena.billing_at(&billing);
                let good = call.clone().token(room.token()?);
                let mut twin_ok = arena.is_served(&good, "kid-flood-before", "acme").await;
                let mut got = std::collections::BTreeSet::new();
                for n in 0..100 {
                    let kid = serde_json::json!(format!("made-up-{n}"));
                    let token = arena.under_header(&[("/kid", kid)])?;
                    let id = format!("kid-flood-{n}");
                    let attack = call.clone().token(token);
                    got.insert(arena.refusal(&attack, &id, Hop::Billing.position()).await);
                }
                // The first set, and one look for a key that may be new.
                let fetches = room.fetches.load(Ordering::Relaxed);
                if fetches > 2 {
                    got.insert(format!("{fetches} fetches"));
                }
                twin_ok &= arena.is_served(&good, "kid-flood-after", "acme").await;
                Ok(Finding { got, twin_ok })
            })
        },
    ),
];

fn kid_of(issuer: &TokenIssuer) -> Result<String, Failure> {
    let document: serde_json::Value = serde_json::from_str(&issuer.jwks())?;
    let kid = document
        .pointer("/keys/0/kid")
        .and_then(serde_json::Value::as_str);
    Ok(kid.ok_or("the issuer publishes no key")?.to_owned())
}
