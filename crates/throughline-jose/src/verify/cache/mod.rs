//! The cache of verified tokens.
//!
//! It holds tokens that were accepted, so that the second sight of one costs neither cryptography
//! nor parsing. Its rules:
//!
//! 1. The key is the full token, within one domain's policy: every byte is compared, never a
//!    prefix or a digest (the Okta incident of 2024 was a cut key).
//! 2. An entry dies with the generation of the key sets that vouched for it, and with `exp`. The
//!    dead take no place from the living.
//! 3. It is bounded, and fair: when it is full, the oldest token of the tenant that holds the most
//!    goes, and where several hold as much, of the one that has brought no token for the longest. A
//!    tenant that holds less than the others loses nothing to a noisy one.
//! 4. A hit proves what step 4 proves. Time, audience and freshness are checked each time.
//!
//! The tokens are spread over shards by a hash with a random seed; a lock is held for one lookup
//! and never across an await.

use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::hash::BuildHasher;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use foldhash::fast::RandomState;
use hashbrown::HashTable;
use throughline_core::Tenant;
use throughline_core::context::Genuine;
use throughline_core::time::Timestamp;

const SHARDS: usize = 16;

/// Below this many tokens one shard serves, so that a small capacity is kept exactly.
const SHARDED_FROM: usize = 1024;

/// What the cache of verified tokens has counted since it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CacheMetrics {
    /// Tokens that were found.
    pub hits: u64,
    /// Tokens that were not found, or found dead.
    pub misses: u64,
    /// Tokens that had to go although they were alive.
    pub evictions: u64,
    /// Tokens that are in it.
    pub entries: u64,
}

/// What a cache of verified tokens keeps.
pub trait Cached {
    /// The full token: the key.
    fn token(&self) -> &[u8];

    /// The generation of the key sets that vouched for it.
    fn generation(&self) -> u64;

    /// When it ends.
    fn expires_at(&self) -> Timestamp;

    /// Whose it is, for a fair share of the places.
    fn tenant(&self) -> Option<&Tenant>;
}

impl Cached for Genuine {
    fn token(&self) -> &[u8] {
        Self::token(self)
    }

    fn generation(&self) -> u64 {
        self.vouched().generation
    }

    fn expires_at(&self) -> Timestamp {
        Self::expires_at(self)
    }

    fn tenant(&self) -> Option<&Tenant> {
        self.tenant_for_accounting()
    }
}

/// A cache of verified tokens, bounded and fair.
///
/// 1. The key is the full token: every byte is compared, never a prefix or a digest.
/// 2. An entry dies with the generation of the key sets that vouched for it, and with its end.
/// 3. When it is full, the oldest token of the tenant that holds the most goes.
///
/// A hit proves that the token was verified before with these keys, and nothing else.
pub struct TokenCache<T = Genuine> {
    hasher: RandomState,
    shards: Box<[Mutex<Shard<T>>]>,
    hits: AtomicU64,
    misses: AtomicU64,
    evictions: AtomicU64,
}

impl<T: Cached> TokenCache<T> {
    /// Keeps up to `capacity` tokens; 0 keeps none.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        let count = match capacity {
            0 => 0,
            small if small < SHARDED_FROM => 1,
            _ => SHARDS,
        };
        let shard = |n| {
            let remainder = usize::from(n < capacity % count);
            Mutex::new(Shard::new(capacity / count + remainder))
        };
        Self {
            hasher: RandomState::default(),
            shards: (0..count).map(shard).collect(),
            hits: AtomicU64::new(0),
            misses: AtomicU64::new(0),
            evictions: AtomicU64::new(0),
        }
    }

    /// The token, verified with the keys of `generation` and alive at `now`.
    pub fn get(&self, token: &[u8], generation: u64, now: Timestamp) -> Option<Arc<T>> {
        let hash = self.hasher.hash_one(token);
        let found = self
            .shard(hash)
            .and_then(|mut shard| shard.get(hash, token, generation, now));
        let counter = if found.is_some() {
            &self.hits
        } else {
            &self.misses
        };
        counter.fetch_add(1, Ordering::Relaxed);
        found
    }

    /// Keeps a token that was verified.
    pub fn insert(&self, genuine: Arc<T>, now: Timestamp) {
        // Within the forgiven skew an expired token is accepted, but verified each time.
        if genuine.expires_at() <= now {
            return;
        }
        let hash = self.hasher.hash_one(genuine.token());
        if let Some(mut shard) = self.shard(hash)
            && shard.insert(hash, genuine, now)
        {
            self.evictions.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// What has been counted.
    #[must_use]
    pub fn metrics(&self) -> CacheMetrics {
        let entries = self
            .shards
            .iter()
            .map(|shard| lock(shard).table.len() as u64)
            .sum();
        CacheMetrics {
            hits: self.hits.load(Ordering::Relaxed),
            misses: self.misses.load(Ordering::Relaxed),
            evictions: self.evictions.load(Ordering::Relaxed),
            entries,
        }
    }

    fn shard(&self, hash: u64) -> Option<MutexGuard<'_, Shard<T>>> {
        // The table uses the low bits, the shard the high ones.
        let index = (hash >> 48) as usize % self.shards.len().max(1);
        self.shards.get(index).map(lock)
    }
}

impl<T> fmt::Debug for TokenCache<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenCache").finish_non_exhaustive()
    }
}

/// A panic while a lock is held cannot leave a shard half-written in a way that admits anything:
/// entries are proofs by themselves.
fn lock<T>(shard: &Mutex<Shard<T>>) -> MutexGuard<'_, Shard<T>> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Index into a vector of slots; `NONE` ends a list.
type Index = u32;
const NONE: Index = Index::MAX;

struct Shard<T> {
    capacity: usize,
    /// INVARIANT: every token here was vouched for by this generation.
    generation: u64,
    table: HashTable<Index>,
    slots: Vec<Slot<T>>,
    free: Vec<Index>,
    tenants: HashMap<Option<Tenant>, Index>,
    lines: Vec<Line>,
    free_lines: Vec<Index>,
    by_noise: BTreeSet<Noise>,
    /// Slots by when their token ends.
    by_end: BTreeSet<(Timestamp, Index)>,
    /// How many tokens have come.
    turn: u64,
}

/// A line's place among the lines: how many tokens it holds, then how long ago the newest came.
/// The greatest is the one that gives way.
type Noise = (u32, Reverse<u64>, Index);

/// A token, a link of its tenant's line. An empty slot holds no token.
struct Slot<T> {
    genuine: Option<Arc<T>>,
    hash: u64,
    line: Index,
    older: Index,
    newer: Index,
}

/// The tokens of one tenant, oldest to newest.
struct Line {
    tenant: Option<Tenant>,
    oldest: Index,
    newest: Index,
    len: u32,
    /// The turn in which the newest came.
    turn: u64,
}

impl Line {
    fn noise(&self, index: Index) -> Noise {
        (self.len, Reverse(self.turn), index)
    }
}

impl<T: Cached> Shard<T> {
    fn new(capacity: usize) -> Self {
        Self {
            capacity: capacity.min(NONE as usize - 1),
            generation: 0,
            table: HashTable::new(),
            slots: Vec::new(),
            free: Vec::new(),
            tenants: HashMap::new(),
            lines: Vec::new(),
            free_lines: Vec::new(),
            by_noise: BTreeSet::new(),
            by_end: BTreeSet::new(),
            turn: 0,
        }
    }

    fn find(&self, hash: u64, token: &[u8]) -> Option<Index> {
        let same = |index: &Index| {
            self.genuine(*index)
                .is_some_and(|genuine| genuine.token() == token)
        };
        self.table.find(hash, same).copied()
    }

    fn genuine(&self, index: Index) -> Option<&Arc<T>> {
        self.slots.get(index as usize)?.genuine.as_ref()
    }

    fn get(&mut self, hash: u64, token: &[u8], generation: u64, now: Timestamp) -> Option<Arc<T>> {
        self.advance_to(generation);
        // Whoever read the key sets before they changed verifies for itself.
        if generation != self.generation {
            return None;
        }
        let index = self.find(hash, token)?;
        let genuine = self.genuine(index)?;
        if genuine.expires_at() > now {
            return Some(Arc::clone(genuine));
        }
        self.remove(index);
        None
    }

    /// Whether a live token had to go.
    fn insert(&mut self, hash: u64, genuine: Arc<T>, now: Timestamp) -> bool {
        self.advance_to(genuine.generation());
        if genuine.generation() != self.generation {
            return false;
        }
        self.bury(now);
        if let Some(index) = self.find(hash, genuine.token()) {
            self.remove(index);
        }
        let tenant = genuine.tenant().cloned();
        let full = self.table.len() >= self.capacity;
        if full && let Some(oldest) = self.to_evict(&tenant) {
            self.remove(oldest);
        }
        let line = self.line_of(tenant);
        let expires_at = genuine.expires_at();
        let slot = Slot {
            genuine: Some(genuine),
            hash,
            line,
            older: NONE,
            newer: NONE,
        };
        let index = take(&mut self.slots, &mut self.free, slot);
        self.append(line, index);
        self.by_end.insert((expires_at, index));
        let slots = &self.slots;
        self.table.insert_unique(hash, index, |index| {
            slots.get(*index as usize).map_or(0, |slot| slot.hash)
        });
        full
    }

    /// What an older generation vouched for is dead.
    fn advance_to(&mut self, generation: u64) {
        if generation > self.generation {
            *self = Self {
                generation,
                ..Self::new(self.capacity)
            };
        }
    }

    /// Removes what has expired.
    fn bury(&mut self, now: Timestamp) {
        while let Some((end, index)) = self.by_end.first().copied()
            && end <= now
        {
            self.remove(index);
        }
    }

    /// The oldest token of the tenant that holds the most; of `tenant` itself where it holds as
    /// many.
    fn to_evict(&self, tenant: &Option<Tenant>) -> Option<Index> {
        let (most, _, noisiest) = *self.by_noise.last()?;
        let own = self.tenants.get(tenant).copied();
        let own = own.filter(|own| self.line(*own).is_some_and(|line| line.len == most));
        self.line(own.unwrap_or(noisiest)).map(|line| line.oldest)
    }

    fn line(&self, index: Index) -> Option<&Line> {
        self.lines.get(index as usize)
    }

    fn line_of(&mut self, tenant: Option<Tenant>) -> Index {
        if let Some(line) = self.tenants.get(&tenant) {
            return *line;
        }
        let line = Line {
            tenant: tenant.clone(),
            oldest: NONE,
            newest: NONE,
            len: 0,
            turn: 0,
        };
        let index = take(&mut self.lines, &mut self.free_lines, line);
        self.tenants.insert(tenant, index);
        index
    }

    fn append(&mut self, line_index: Index, index: Index) {
        let Some(line) = self.lines.get_mut(line_index as usize) else {
            return;
        };
        let newest = std::mem::replace(&mut line.newest, index);
        if newest == NONE {
            line.oldest = index;
        }
        self.by_noise.remove(&line.noise(line_index));
        line.len += 1;
        line.turn = self.turn;
        self.turn += 1;
        self.by_noise.insert(line.noise(line_index));
        if let Some(slot) = self.slots.get_mut(index as usize) {
            slot.older = newest;
        }
        if let Some(slot) = self.slots.get_mut(newest as usize) {
            slot.newer = index;
        }
    }

    fn remove(&mut self, index: Index) {
        let Some(slot) = self.slots.get_mut(index as usize) else {
            return;
        };
        let Some(genuine) = slot.genuine.take() else {
            return;
        };
        self.by_end.remove(&(genuine.expires_at(), index));
        let Slot {
            hash,
            line: line_index,
            older,
            newer,
            ..
        } = *slot;
        if let Ok(entry) = self.table.find_entry(hash, |other| *other == index) {
            entry.remove();
        }
        self.free.push(index);
        if let Some(slot) = self.slots.get_mut(older as usize) {
            slot.newer = newer;
        }
        if let Some(slot) = self.slots.get_mut(newer as usize) {
            slot.older = older;
        }
        let Some(line) = self.lines.get_mut(line_index as usize) else {
            return;
        };
        if line.oldest == index {
            line.oldest = newer;
        }
        if line.newest == index {
            line.newest = older;
        }
        self.by_noise.remove(&line.noise(line_index));
        line.len -= 1;
        if line.len == 0 {
            self.tenants.remove(&line.tenant);
            self.free_lines.push(line_index);
        } else {
            self.by_noise.insert(line.noise(line_index));
        }
    }
}

/// Puts `value` into a free place of `places`, or a new one.
fn take<T>(places: &mut Vec<T>, free: &mut Vec<Index>, value: T) -> Index {
    match free.pop() {
        Some(index) => {
            if let Some(place) = places.get_mut(index as usize) {
                *place = value;
            }
            index
        }
        None => {
            places.push(value);
            // The capacity is below `NONE`.
            (places.len() - 1) as Index
        }
    }
}

#[cfg(test)]
mod tests;
