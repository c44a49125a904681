//! Tokens already verified. Verifying one costs twice what a whole request does, and a client uses
//! the same token for an hour.

use std::hash::{BuildHasher, Hasher};
use std::sync::Arc;
use std::time::Duration;

use hashbrown::DefaultHashBuilder;
use presenced_core::auth::Caller;
use presenced_core::time::Timestamp;
use quick_cache::Weighter;
use quick_cache::sync::{Cache, DefaultLifecycle};

use super::keys::Key;
use super::limits::{VERIFIED_TOKEN_BYTES, VERIFIED_TOKENS_MAX};

/// What was found of a token whose signature fits.
pub(super) struct Verified {
    /// Whom it speaks for.
    pub(super) caller: Arc<Caller>,
    /// The first instant at which it counts, leeway included.
    pub(super) from: Timestamp,
    /// The first instant at which it no longer counts, leeway included.
    pub(super) until: Timestamp,
    /// What it is signed with.
    pub(super) key: Arc<Key>,
}

/// Tokens by their whole text: one that differs from a verified one in a single character is not
/// found.
pub(super) struct VerifiedTokens {
    tokens: Cache<Box<[u8]>, Arc<Verified>, ByLength, TailState>,
}

impl VerifiedTokens {
    pub(super) fn new() -> Self {
        let items = usize::try_from(VERIFIED_TOKENS_MAX).unwrap_or(usize::MAX);
        let tail = TailState(DefaultHashBuilder::default());
        let lifecycle = DefaultLifecycle::default();
        Self {
            tokens: Cache::with(items, VERIFIED_TOKENS_MAX, ByLength, tail, lifecycle),
        }
    }

    /// The caller of a token that was verified before, if it still counts at `now` and its key is
    /// still its issuer's.
    pub(super) fn get(&self, token: &[u8], now: Timestamp) -> Option<Arc<Caller>> {
        let verified = self.find(token, now)?;
        Some(Arc::clone(&verified.caller))
    }

    /// How long such a token still counts.
    pub(super) fn remaining(&self, token: &[u8], now: Timestamp) -> Option<Duration> {
        let verified = self.find(token, now)?;
        Some(verified.until.since(now))
    }

    fn find(&self, token: &[u8], now: Timestamp) -> Option<Arc<Verified>> {
        let verified = self.tokens.get(token)?;
        let counts = verified.from <= now && now < verified.until && !verified.key.is_retired();
        counts.then_some(verified)
    }

    pub(super) fn insert(&self, token: &str, verified: Verified) {
        self.tokens
            .insert(token.as_bytes().into(), Arc::new(verified));
    }
}

#[derive(Clone)]
struct ByLength;

impl Weighter<Box<[u8]>, Arc<Verified>> for ByLength {
    fn weight(&self, token: &Box<[u8]>, _: &Arc<Verified>) -> u64 {
        u64::try_from(token.len().div_ceil(VERIFIED_TOKEN_BYTES)).unwrap_or(u64::MAX)
    }
}

/// Bytes of a token that its hash is made of: the end of the signature, 24 random bytes. Hashing a
/// whole token would cost more than the rest of a hit. Nobody can fill one bucket this way: only
/// tokens with a valid signature are kept, and their ends are the issuer's.
const TAIL_BYTES: usize = 32;

#[derive(Clone)]
struct TailState(DefaultHashBuilder);

impl BuildHasher for TailState {
    type Hasher = TailHasher<<DefaultHashBuilder as BuildHasher>::Hasher>;

    fn build_hasher(&self) -> Self::Hasher {
        TailHasher(self.0.build_hasher())
    }
}

struct TailHasher<H>(H);

impl<H: Hasher> Hasher for TailHasher<H> {
    fn write(&mut self, bytes: &[u8]) {
        let tail = bytes.len().saturating_sub(TAIL_BYTES);
        self.0.write(bytes.get(tail..).unwrap_or_default());
    }

    fn finish(&self) -> u64 {
        self.0.finish()
    }
}
