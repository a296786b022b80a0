//! What the cache keeps, for whom, and until when.

use std::collections::{BTreeMap, HashSet};
use std::thread;

use proptest::collection::vec;
use proptest::prelude::*;
use throughline_core::context::{Issuers, Vouched};
use throughline_core::hop::{self, TokenPolicy};
use throughline_core::{Principal, TrustDomainName};

use super::*;

const NOW: u64 = 1_700_000_000;
const GENERATION: u64 = 7;

fn at(seconds: u64) -> Timestamp {
    Timestamp::from_unix(NOW + seconds)
}

/// A token as some key vouched for it. The signature is left out: the cache never sees one.
fn genuine(token: &str, tenant: &str, generation: u64, lives: u64) -> Arc<Genuine> {
    let subject = Principal::new("okta", Tenant::new(tenant).unwrap(), "ada").unwrap();
    let (iat, exp) = (NOW - 10, NOW + lives);
    let claims = format!(
        r#"{{"aud":"d","iat":{iat},"exp":{exp},"txn":"t","sub":"{subject}","scope":"","req_wl":"w",
            "tctx":{{"kind":"user","tenant":"{tenant}","idp":"okta","sub":"ada"}},
            "rctx":{{"as_of":{iat}}}}}"#
    );
    let seam = |_: &[u8]| {
        let vouched = Vouched {
            key: [0; 32],
            generation,
            issuers: Issuers::any(),
        };
        Ok((claims.clone().into_bytes(), vouched))
    };
    let policy = TokenPolicy::new(TrustDomainName::new("d").unwrap());
    hop::authenticate(token.as_bytes(), &seam, &policy, at(0)).unwrap()
}

fn keep(cache: &TokenCache, token: &str, tenant: &str) {
    cache.insert(genuine(token, tenant, GENERATION, 100), at(0));
}

fn knows(cache: &TokenCache, token: &str) -> bool {
    let found = cache.get(token.as_bytes(), GENERATION, at(0));
    if let Some(genuine) = &found {
        assert_eq!(genuine.token(), token.as_bytes());
    }
    found.is_some()
}

fn entries(cache: &TokenCache) -> u64 {
    cache.check();
    cache.metrics().entries
}

impl TokenCache {
    /// Everything that is written down twice agrees.
    fn check(&self) {
        for shard in &self.shards {
            lock(shard).check();
        }
    }
}

impl Shard<Genuine> {
    fn check(&self) {
        assert!(self.table.len() <= self.capacity);
        assert_eq!(self.slots.len(), self.table.len() + self.free.len());
        assert_eq!(self.lines.len(), self.tenants.len() + self.free_lines.len());
        assert_eq!(self.by_noise.len(), self.tenants.len());
        assert_eq!(self.by_end.len(), self.table.len());
        let free: HashSet<Index> = self.free.iter().copied().collect();
        assert_eq!(free.len(), self.free.len());

        let mut linked = HashSet::new();
        for (tenant, line_index) in &self.tenants {
            let line = &self.lines[*line_index as usize];
            assert_eq!(line.tenant, *tenant);
            assert!(self.by_noise.contains(&line.noise(*line_index)));
            let (mut behind, mut next, mut len) = (NONE, line.oldest, 0);
            while next != NONE {
                let slot = &self.slots[next as usize];
                assert_eq!((slot.line, slot.older), (*line_index, behind));
                let genuine = slot.genuine.as_ref().unwrap();
                assert_eq!(genuine.tenant_for_accounting(), tenant.as_ref());
                assert_eq!(genuine.vouched().generation, self.generation);
                assert!(self.by_end.contains(&(genuine.expires_at(), next)));
                assert_eq!(self.find(slot.hash, genuine.token()), Some(next));
                assert!(linked.insert(next) && !free.contains(&next));
                (behind, next, len) = (next, slot.newer, len + 1);
            }
            assert_eq!((line.newest, line.len), (behind, len));
            assert!(len > 0);
        }
        assert_eq!(linked.len(), self.table.len());
    }
}

// failure: C1
#[test]
fn the_same_user_under_another_tenant_is_a_miss() {
    let cache = TokenCache::new(10);
    keep(&cache, "token of ada for acme", "acme");
    assert!(knows(&cache, "token of ada for acme"));
    assert!(!knows(&cache, "token of ada for globex"));
    keep(&cache, "token of ada for globex", "globex");
    for tenant in ["acme", "globex"] {
        let token = format!("token of ada for {tenant}");
        let found = cache.get(token.as_bytes(), GENERATION, at(0)).unwrap();
        assert_eq!(found.tenant_for_accounting().unwrap().as_str(), tenant);
    }
    assert_eq!(cache.metrics().hits, 3);
    assert_eq!(cache.metrics().misses, 1);
}

// failure: C2
#[test]
fn tokens_that_share_all_but_one_byte_are_different_tokens() {
    let honest = "x".repeat(1024);
    let cache = TokenCache::new(5_000);
    keep(&cache, &honest, "acme");
    let mut others = vec![format!("{honest}x"), "x".repeat(1023), String::new()];
    for place in 0..honest.len() {
        let mut other = honest.clone();
        other.replace_range(place..=place, "y");
        others.push(other);
    }
    for other in &others {
        assert!(!knows(&cache, other));
    }
    for other in &others {
        keep(&cache, other, "globex");
    }
    assert_eq!(entries(&cache), 1 + 1024 + 3);
    let found = cache.get(honest.as_bytes(), GENERATION, at(0)).unwrap();
    assert_eq!(found.tenant_for_accounting().unwrap().as_str(), "acme");
}

// failure: C2
#[test]
fn tokens_with_one_hash_are_different_tokens() {
    let mut shard = Shard::new(10);
    shard.insert(5, genuine("one", "acme", GENERATION, 100), at(0));
    assert!(shard.get(5, b"two", GENERATION, at(0)).is_none());
    shard.insert(5, genuine("two", "globex", GENERATION, 100), at(0));
    for token in ["one", "two"] {
        let found = shard.get(5, token.as_bytes(), GENERATION, at(0)).unwrap();
        assert_eq!(found.token(), token.as_bytes());
    }
    shard.check();
}

#[test]
fn a_token_is_known_until_it_ends() {
    let cache = TokenCache::new(10);
    cache.insert(genuine("a", "acme", GENERATION, 100), at(0));
    let known = |now| cache.get(b"a", GENERATION, at(now)).is_some();
    assert!(known(99));
    assert!(!known(100));
    // Gone, not only hidden.
    assert!(!known(99));
    assert_eq!(entries(&cache), 0);

    // What is accepted within the forgiven skew alone is verified each time.
    cache.insert(genuine("a", "acme", GENERATION, 100), at(100));
    assert_eq!(entries(&cache), 0);
}

#[test]
fn a_token_dies_with_the_keys_that_vouched_for_it() {
    let cache = TokenCache::new(10);
    keep(&cache, "a", "acme");
    keep(&cache, "b", "acme");
    assert!(knows(&cache, "a"));
    assert!(cache.get(b"a", GENERATION + 1, at(0)).is_none());
    // Whoever is still at the old keys verifies for itself.
    assert!(!knows(&cache, "a"));
    assert!(!knows(&cache, "b"));
    assert_eq!(entries(&cache), 0);

    // Born dead: the keys changed while it was verified.
    keep(&cache, "a", "acme");
    assert_eq!(entries(&cache), 0);
    cache.insert(genuine("a", "acme", GENERATION + 1, 100), at(0));
    assert!(cache.get(b"a", GENERATION + 1, at(0)).is_some());
    assert_eq!(cache.metrics().evictions, 0);
}

#[test]
fn the_dead_take_no_place_from_the_living() {
    let cache = TokenCache::new(4);
    for tenant in ["a", "b", "c", "d"] {
        cache.insert(genuine(tenant, tenant, GENERATION, 50), at(0));
    }
    for tenant in ["e", "f", "g", "h"] {
        cache.insert(genuine(tenant, tenant, GENERATION, 100), at(60));
    }
    assert_eq!(entries(&cache), 4);
    assert_eq!(cache.metrics().evictions, 0);
    assert!(
        ["e", "f", "g", "h"]
            .iter()
            .all(|token| knows(&cache, token))
    );
}

#[test]
fn where_all_hold_as_much_the_tenant_that_was_quiet_for_longest_gives_way() {
    let cache = TokenCache::new(3);
    for tenant in ["a", "b", "c", "d", "e", "f"] {
        keep(&cache, tenant, tenant);
    }
    assert_eq!(entries(&cache), 3);
    assert!(["d", "e", "f"].iter().all(|token| knows(&cache, token)));
    assert!(!["a", "b", "c"].iter().any(|token| knows(&cache, token)));
    assert_eq!(cache.metrics().evictions, 3);
}

#[test]
fn a_noisy_tenant_cannot_drive_out_another() {
    let cache = TokenCache::new(4_000);
    let quiet: Vec<String> = (0..100).map(|n| format!("quiet-{n}")).collect();
    for (n, token) in quiet.iter().enumerate() {
        keep(&cache, token, &format!("quiet-{}", n % 10));
    }
    for n in 0..100_000 {
        keep(&cache, &format!("noisy-{n}"), "noisy");
    }
    assert!(quiet.iter().all(|token| knows(&cache, token)));
    let metrics = cache.metrics();
    assert!(metrics.entries <= 4_000);
    assert_eq!(metrics.evictions, 100_100 - metrics.entries);
    // The noisy one keeps the rest, its newest tokens.
    assert!(knows(&cache, "noisy-99999"));
    assert!(!knows(&cache, "noisy-0"));

    // And one that comes late gets its share.
    for n in 0..100 {
        keep(&cache, &format!("late-{n}"), "late");
    }
    assert!((0..100).all(|n| knows(&cache, &format!("late-{n}"))));
    assert!(quiet.iter().all(|token| knows(&cache, token)));
    cache.check();
}

#[test]
fn debug_of_what_is_kept_shows_no_token() {
    let shown = format!(
        "{:?}",
        genuine("header.payload.signature", "acme", GENERATION, 100)
    );
    assert!(shown.starts_with("Genuine { context: Context {"), "{shown}");
    assert!(shown.ends_with(", .. }"), "{shown}");
    assert!(
        !shown.contains("payload") && !shown.contains("104, 101, 97"),
        "{shown}"
    );
}

#[test]
fn the_same_token_again_is_one_entry() {
    let cache = TokenCache::new(2);
    for _ in 0..5 {
        keep(&cache, "a", "acme");
    }
    keep(&cache, "b", "acme");
    keep(&cache, "a", "acme");
    assert_eq!(entries(&cache), 2);
    assert_eq!(cache.metrics().evictions, 0);
}

#[test]
fn a_cache_without_capacity_knows_nothing() {
    let cache = TokenCache::new(0);
    keep(&cache, "a", "acme");
    assert!(!knows(&cache, "a"));
    assert_eq!(
        cache.metrics(),
        CacheMetrics {
            misses: 1,
            ..CacheMetrics::default()
        }
    );
}

#[test]
fn capacity_is_exact_however_it_is_spread() {
    for capacity in [0, 1, 2, 1_023, 1_024, 1_025, 10_000, 10_007] {
        let cache = TokenCache::<Genuine>::new(capacity);
        let spread: usize = cache.shards.iter().map(|shard| lock(shard).capacity).sum();
        assert_eq!(spread, capacity);
    }
}

#[test]
fn threads_share_a_cache() {
    let cache = TokenCache::new(1_500);
    let tokens: Vec<Vec<Arc<Genuine>>> = (0..4)
        .map(|thread| {
            (0..600)
                .map(|n| {
                    let token = format!("token-{}", (n * 7 + thread * 150) % 1_800);
                    genuine(
                        &token,
                        &format!("tenant-{}", n % 5),
                        GENERATION + n / 300,
                        100,
                    )
                })
                .collect()
        })
        .collect();
    let shared = &cache;
    thread::scope(|scope| {
        for own in &tokens {
            scope.spawn(move || {
                for genuine in own {
                    let generation = genuine.vouched().generation;
                    shared.insert(Arc::clone(genuine), at(0));
                    if let Some(found) = shared.get(genuine.token(), generation, at(0)) {
                        assert_eq!(found.token(), genuine.token());
                        assert_eq!(found.vouched().generation, generation);
                    }
                }
            });
        }
    });
    cache.check();
    let metrics = cache.metrics();
    assert_eq!(metrics.hits + metrics.misses, 4 * 600);
    assert!(metrics.entries <= 1_500 && metrics.entries > 0);
}

/// What the cache should do, in the fewest words.
#[derive(Default)]
struct Model {
    generation: u64,
    /// Oldest first.
    kept: Vec<(String, Tenant, Timestamp)>,
    quiet_since: BTreeMap<String, usize>,
    turn: usize,
}

impl Model {
    fn advance_to(&mut self, generation: u64) {
        if generation > self.generation {
            self.generation = generation;
            self.kept.clear();
        }
    }

    fn insert(&mut self, genuine: &Genuine, now: Timestamp, capacity: usize) {
        let generation = genuine.vouched().generation;
        if capacity == 0 || genuine.expires_at() <= now {
            return;
        }
        self.advance_to(generation);
        if generation < self.generation {
            return;
        }
        let token = String::from_utf8(genuine.token().to_vec()).unwrap();
        let tenant = genuine.tenant_for_accounting().unwrap().clone();
        self.kept.retain(|(_, _, end)| *end > now);
        self.kept.retain(|(kept, ..)| *kept != token);
        if self.kept.len() == capacity {
            let len = |of: &Tenant| self.kept.iter().filter(|(_, kept, _)| kept == of).count();
            let most = self.kept.iter().map(|(_, of, _)| len(of)).max().unwrap();
            let noisy = if len(&tenant) == most {
                tenant.clone()
            } else {
                let noisiest = self.kept.iter().map(|(_, of, _)| of);
                let noisiest = noisiest.filter(|of| len(of) == most);
                let quiet = noisiest.min_by_key(|of| self.quiet_since[of.as_str()]);
                quiet.unwrap().clone()
            };
            let oldest = self.kept.iter().position(|(_, of, _)| *of == noisy);
            self.kept.remove(oldest.unwrap());
        }
        self.quiet_since.insert(tenant.to_string(), self.turn);
        self.turn += 1;
        self.kept.push((token, tenant, genuine.expires_at()));
    }

    fn get(&mut self, token: &str, generation: u64, now: Timestamp) -> bool {
        self.advance_to(generation);
        let known = self.kept.iter().find(|(kept, ..)| kept == token);
        let alive = known.is_some_and(|(_, _, end)| *end > now);
        if generation == self.generation && !alive {
            self.kept.retain(|(kept, ..)| kept != token);
        }
        generation == self.generation && alive
    }
}

#[derive(Clone, Debug)]
enum Step {
    Get(u8),
    Insert { token: u8, tenant: u8, lives: u64 },
    Rotate,
    StaleGet(u8),
    Wait(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..24_u8).prop_map(Step::Get),
        12 => (0..24_u8, 0..5_u8, 1..40_u64).prop_map(|(token, tenant, lives)| {
            Step::Insert { token, tenant, lives }
        }),
        1 => Just(Step::Rotate),
        1 => (0..24_u8).prop_map(Step::StaleGet),
        3 => (1..10_u64).prop_map(Step::Wait),
    ]
}

proptest! {
    #[test]
    fn the_cache_does_what_its_rules_say(capacity in 0..9_usize, steps in vec(step(), 0..120)) {
        let cache = TokenCache::<Genuine>::new(capacity);
        let mut model = Model::default();
        let (mut generation, mut now) = (GENERATION, 0);
        for step in steps {
            match step {
                Step::Get(token) => {
                    let token = format!("token-{token}");
                    let found = cache.get(token.as_bytes(), generation, at(now));
                    prop_assert_eq!(found.is_some(), model.get(&token, generation, at(now)));
                    if let Some(found) = found {
                        prop_assert_eq!(found.token(), token.as_bytes());
                    }
                }
                Step::Insert { token, tenant, lives } => {
                    // One token is of one tenant.
                    let tenant = format!("tenant-{}", (tenant + token) % 5);
                    let genuine = genuine(&format!("token-{token}"), &tenant, generation, now + lives);
                    model.insert(&genuine, at(now), capacity);
                    cache.insert(genuine, at(now));
                }
                Step::Rotate => generation += 1,
                Step::StaleGet(token) => {
                    let token = format!("token-{token}");
                    let found = cache.get(token.as_bytes(), generation - 1, at(now));
                    prop_assert_eq!(found.is_some(), model.get(&token, generation - 1, at(now)));
                }
                Step::Wait(seconds) => now += seconds,
            }
            cache.check();
            prop_assert!(cache.metrics().entries as usize <= capacity);
            prop_assert_eq!(cache.metrics().entries as usize, model.kept.len());
        }
        for token in 0..24 {
            let token = format!("token-{token}");
            let found = cache.get(token.as_bytes(), generation, at(now));
            prop_assert_eq!(found.is_some(), model.get(&token, generation, at(now)));
        }
    }
}
