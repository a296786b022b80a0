//! The keys of several issuers: at the start, in a flood, and with a provider down. The clock is in
//! hand.

use std::future::pending;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use throughline_core::Reason;
use throughline_identity::Issuers;
use throughline_identity::discovery::Startup;
use throughline_jose::KeySource;
use throughline_jose::source::{FetchError, FetchLimits, Fetched, RefreshPolicy};
use tokio::time::{Instant, advance};

use crate::provider::{NOW, Signer, claims, issuer, issuers, of_unknown_keys, set_of};

const A: &str = "https://a.example";
const B: &str = "https://b.example";
const COOL_DOWN: Duration = Duration::from_secs(30);

/// A place that publishes keys, or fails, and counts.
#[derive(Clone, Default)]
struct Published(Arc<Shared>);

#[derive(Default)]
struct Shared {
    answer: Mutex<Answer>,
    fetches: AtomicUsize,
}

#[derive(Clone, Default)]
enum Answer {
    #[default]
    Down,
    Stalls,
    Text(String),
}

impl Published {
    fn of(signers: &[&Signer]) -> Self {
        let published = Self::default();
        published.publish(signers);
        published
    }

    fn publish(&self, signers: &[&Signer]) {
        self.answer(Answer::Text(set_of(signers.iter().copied())));
    }

    fn answer(&self, answer: Answer) {
        *self.0.answer.lock().unwrap() = answer;
    }

    fn fetches(&self) -> usize {
        self.0.fetches.load(Ordering::SeqCst)
    }

    fn source(&self) -> KeySource {
        let shared = Arc::clone(&self.0);
        KeySource::fetch(move |_: FetchLimits| {
            let shared = Arc::clone(&shared);
            async move {
                shared.fetches.fetch_add(1, Ordering::SeqCst);
                let answer = shared.answer.lock().unwrap().clone();
                match answer {
                    Answer::Down => Err(FetchError::new("connection refused")),
                    Answer::Stalls => pending().await,
                    Answer::Text(text) => Ok(Fetched::new(text)),
                }
            }
        })
        .with_refresh(RefreshPolicy::new().with_cool_down(COOL_DOWN))
    }
}

/// Lets spawned tasks run without moving the clock.
async fn settle() {
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
}

fn of_two(a: &Published, b: &Published) -> Issuers {
    issuers([issuer("a", A, a.source()), issuer("b", B, b.source())])
}

async fn load(issuers: &Issuers) {
    let time = Duration::from_secs(5);
    issuers.load(Startup::Wait { time }).await.unwrap();
}

#[track_caller]
fn assert_passes(issuers: &Issuers, token: &str) {
    issuers.verify(token.as_bytes(), NOW).unwrap();
}

fn reason(issuers: &Issuers, token: &str) -> Reason {
    issuers.verify(token.as_bytes(), NOW).unwrap_err().reason()
}

/// What a service does with a credential: it waits where waiting could help, and tries once more.
async fn verify(issuers: &Issuers, token: &str) -> Result<(), Reason> {
    let Err(refusal) = issuers.verify(token.as_bytes(), NOW) else {
        return Ok(());
    };
    match issuers.keys_wait(token.as_bytes(), &refusal) {
        Some(wait) => wait.await,
        None => return Err(refusal.reason()),
    };
    let again = issuers.verify(token.as_bytes(), NOW);
    again.map(drop).map_err(|refusal| refusal.reason())
}

/// A token of `signer` that nobody has seen yet.
fn fresh(signer: &Signer, name: &str, n: usize) -> String {
    let mut claims = claims(name);
    claims["jti"] = n.into();
    signer.sign(&claims)
}

// go-oidc #482, jwks-rsa-java #173, fastapi-zitadel-auth #149: a flood of unknown key ids.
#[tokio::test(start_paused = true)]
async fn a_flood_of_unknown_kids_on_one_issuer_costs_one_fetch_and_harms_nobody() {
    let (a, b) = (Signer::new("a"), Signer::new("b"));
    let (at_a, at_b) = (Published::of(&[&a]), Published::of(&[&b]));
    let issuers = of_two(&at_a, &at_b);
    load(&issuers).await;
    advance(COOL_DOWN).await;
    let (known, of_b) = (a.token(A), b.token(B));
    assert_passes(&issuers, &known);

    let make_up = of_unknown_keys(A);
    let started = Instant::now();
    for n in 0..100_000_usize {
        let made_up = make_up(&format!("kid-{n}"));
        assert_eq!(verify(&issuers, &made_up).await, Err(Reason::KeyUnknown));
        if n % 1000 == 0 {
            // Known keys vouch on, for what was seen and for what was not; so does the other issuer.
            assert_passes(&issuers, &known);
            assert_passes(&issuers, &fresh(&a, A, n));
            assert_passes(&issuers, &of_b);
            assert_passes(&issuers, &fresh(&b, B, n));
            advance(Duration::from_millis(10)).await;
        }
    }
    assert_eq!(started.elapsed(), Duration::from_secs(1));
    assert_eq!((at_a.fetches(), at_b.fetches()), (2, 1));

    // The twin: a key that was added is found as soon as the cool-down is over, and not before.
    let added = Signer::new("added");
    at_a.publish(&[&a, &added]);
    let token = added.token(A);
    assert_eq!(verify(&issuers, &token).await, Err(Reason::KeyUnknown));
    advance(COOL_DOWN - started.elapsed()).await;
    assert_eq!(verify(&issuers, &token).await, Ok(()));
    assert_eq!((at_a.fetches(), at_b.fetches()), (3, 1));
}

#[tokio::test(start_paused = true)]
async fn a_flood_on_an_issuer_without_a_key_costs_one_fetch_for_each_cool_down() {
    let b = Signer::new("b");
    let (at_a, at_b) = (Published::of(&[]), Published::of(&[&b]));
    let issuers = of_two(&at_a, &at_b);
    let error = issuers
        .load(Startup::Wait {
            time: Duration::from_millis(100),
        })
        .await
        .unwrap_err();
    assert_eq!(error.issuers().collect::<Vec<_>>(), ["a"]);
    assert_eq!(at_a.fetches(), 1);

    let make_up = of_unknown_keys(A);
    for round in 1..=3 {
        advance(COOL_DOWN).await;
        for n in 0..1000 {
            let made_up = make_up(&format!("kid-{n}"));
            assert_eq!(
                verify(&issuers, &made_up).await,
                Err(Reason::KeysUnavailable)
            );
        }
        assert_eq!(at_a.fetches(), 1 + round);
    }
    assert_eq!(verify(&issuers, &b.token(B)).await, Ok(()));
}

// CVE-2026-48524 PyJWT: the provider is down and key ids are made up.
#[tokio::test(start_paused = true)]
async fn with_the_provider_down_made_up_kids_change_nothing() {
    let (a, b) = (Signer::new("a"), Signer::new("b"));
    let (at_a, at_b) = (Published::of(&[&a]), Published::of(&[&b]));
    let issuers = of_two(&at_a, &at_b);
    load(&issuers).await;
    let before = issuers.by_alias("a").unwrap().keys().current().generation();
    let make_up = of_unknown_keys(A);
    for down in [Answer::Down, Answer::Stalls, Answer::Text("<html>".into())] {
        advance(COOL_DOWN).await;
        settle().await;
        at_a.answer(down);
        for n in 0..10_000_usize {
            let made_up = make_up(&format!("kid-{n}"));
            let refused = match n {
                // The first one waits for the fetch, for as long as it may.
                0 => verify(&issuers, &made_up).await.unwrap_err(),
                _ => reason(&issuers, &made_up),
            };
            assert_eq!(refused, Reason::KeyUnknown);
            if n % 1000 == 0 {
                assert_passes(&issuers, &fresh(&a, A, n));
                assert_passes(&issuers, &fresh(&b, B, n));
            }
        }
    }
    assert_eq!(at_a.fetches(), 4);
    let after = issuers.by_alias("a").unwrap().keys().current().generation();
    assert_eq!(before, after);
    assert!(issuers.is_ready());
}

#[tokio::test(start_paused = true)]
async fn a_provider_that_stays_down_ends_in_a_refusal_and_comes_back_by_itself() {
    let a = Signer::new("a");
    let at_a = Published::of(&[&a]);
    let issuers = issuers([issuer("a", A, at_a.source())]);
    load(&issuers).await;
    let token = a.token(A);
    assert_passes(&issuers, &token);

    at_a.answer(Answer::Down);
    advance(Duration::from_secs(59 * 60)).await;
    assert_passes(&issuers, &token);
    settle().await;
    advance(Duration::from_secs(60)).await;
    assert_eq!(reason(&issuers, &token), Reason::KeysUnavailable);
    assert!(!issuers.is_ready());

    at_a.publish(&[&a]);
    advance(COOL_DOWN).await;
    assert_eq!(verify(&issuers, &token).await, Ok(()));
    assert!(issuers.is_ready());
}

// CVE-2026-31837 Istio: started while a provider is down.
#[tokio::test(start_paused = true)]
async fn a_lazy_start_refuses_until_the_keys_are_there() {
    let (a, b) = (Signer::new("a"), Signer::new("b"));
    let (at_a, at_b) = (Published::default(), Published::of(&[&b]));
    let issuers = of_two(&at_a, &at_b);
    issuers.load(Startup::Lazy).await.unwrap();
    settle().await;
    assert_eq!((at_a.fetches(), at_b.fetches()), (1, 1));
    assert!(!issuers.is_ready());
    assert_eq!(reason(&issuers, &a.token(A)), Reason::KeysUnavailable);
    assert_passes(&issuers, &b.token(B));

    at_a.publish(&[&a]);
    advance(COOL_DOWN).await;
    // A probe that asks is enough.
    assert!(!issuers.is_ready());
    settle().await;
    assert!(issuers.is_ready());
    assert_passes(&issuers, &a.token(A));
}

#[tokio::test(start_paused = true)]
async fn a_start_that_waits_tries_until_every_issuer_is_there() {
    let (a, b) = (Signer::new("a"), Signer::new("b"));
    let (at_a, at_b) = (Published::default(), Published::of(&[&b]));
    let issuers = of_two(&at_a, &at_b);
    let waiting = tokio::spawn({
        let issuers = issuers.clone();
        async move {
            issuers
                .load(Startup::Wait {
                    time: Duration::from_secs(20),
                })
                .await
        }
    });
    settle().await;
    advance(Duration::from_secs(3)).await;
    settle().await;
    assert!(!waiting.is_finished());
    at_a.publish(&[&a]);
    waiting.await.unwrap().unwrap();
    assert!(issuers.is_ready());
    assert_eq!(at_b.fetches(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_start_that_waited_in_vain_says_for_whom() {
    let b = Signer::new("b");
    for (answer, why) in [
        (Answer::Down, "connection refused"),
        (Answer::Stalls, "in time"),
        (Answer::Text("<html>".into()), "no key set"),
        (Answer::Text(r#"{"keys": []}"#.into()), "no usable key"),
    ] {
        let (at_a, at_b) = (Published::default(), Published::of(&[&b]));
        at_a.answer(answer);
        let issuers = of_two(&at_a, &at_b);
        let started = Instant::now();
        let time = Duration::from_secs(20);
        let error = issuers.load(Startup::Wait { time }).await.unwrap_err();
        assert!(started.elapsed() <= time);
        assert_eq!(error.issuers().collect::<Vec<_>>(), ["a"]);
        assert!(error.to_string().contains(why), "{error}");
        // Whoever goes on in spite of it refuses, for that issuer only.
        assert_eq!(
            reason(&issuers, &Signer::new("x").token(A)),
            Reason::KeysUnavailable
        );
        assert_passes(&issuers, &b.token(B));
    }
}
