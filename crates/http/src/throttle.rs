//! How many requests an application may send (contract section 8): the settings, and the counters.
//!
//! A request is counted when its token is known to be good and before its body is read, in every
//! scope that it falls under. The counters are the one thing here that grows with the number of
//! callers, so it is bounded: at [`THROTTLED_KEYS_PER_SHARD_MAX`] those whose window is over make room, and if
//! none is, the newcomer waits until one will be. Who sends from many applications fills the counters
//! no faster than all of them can be filled: keys are spread by a seed of the process, and they come from
//! who issues tokens.
//!
//! Written here rather than taken from `governor`: that knows time through its own clock trait and
//! frees requests one by one, so that a client which waited as told finds room for one of those that
//! it held back; and it keeps keys for ever unless a timer sweeps them.

use std::fmt;
use std::hash::BuildHasher as _;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use hashbrown::{DefaultHashBuilder, HashTable};
use presenced_core::auth::Caller;
use presenced_core::id::{ApplicationId, TenantId};
use presenced_core::throttle::{Counted, Counter, Rate, Verdict};
use presenced_core::time::Timestamp;

use crate::error::{ApiError, Code, whole_seconds};
use crate::limits::{THROTTLE_SHARDS, THROTTLED_KEYS_PER_SHARD_MAX};

/// The count that a request was held against, where it fell under several: that with least room.
const LIMIT: HeaderName = HeaderName::from_static("ratelimit-limit");
/// How many more would pass at present.
const REMAINING: HeaderName = HeaderName::from_static("ratelimit-remaining");
/// In how many seconds the whole count is free again, rounded up.
const RESET: HeaderName = HeaderName::from_static("ratelimit-reset");

/// How many requests are let through. What is `None` is not limited.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Throttling {
    /// Any requests, for each application in all tenants together.
    pub requests: Option<Rate>,
    /// Those of certain kinds, where the tenant says nothing else.
    pub tenant: TenantThrottling,
}

/// How many requests of certain kinds are let through within one tenant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TenantThrottling {
    /// Reads of presences, for each application. One for many users is one read.
    pub presence_reads: Option<Rate>,
    /// Everything that sets or clears, for each application.
    pub presence_writes: Option<Rate>,
    /// Requests about subscriptions, for each application.
    pub subscriptions: Option<Rate>,
    /// Requests about subscriptions, for all applications together.
    pub subscriptions_of_tenant: Option<Rate>,
}

impl Throttling {
    /// No limits.
    pub const OFF: Self = Self {
        requests: None,
        tenant: TenantThrottling {
            presence_reads: None,
            presence_writes: None,
            subscriptions: None,
            subscriptions_of_tenant: None,
        },
    };

    /// What Graph has published (contract section 8). It has published nothing for writes of
    /// presences; the number here is far above what people do with their presence.
    pub const PUBLISHED: Self = Self {
        requests: Rate::new(130_000, Duration::from_secs(10)),
        tenant: TenantThrottling {
            presence_reads: Rate::new(1_500, Duration::from_secs(30)),
            presence_writes: Rate::new(10_000, Duration::from_secs(30)),
            subscriptions: Rate::new(5_000, Duration::from_secs(20)),
            subscriptions_of_tenant: Rate::new(10_000, Duration::from_secs(20)),
        },
    };
}

/// What kind of request it is. A route names its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Category {
    /// None that is limited as such: it counts among all requests.
    Any,
    /// It reads presences.
    PresenceRead,
    /// It sets or clears something of a presence.
    PresenceWrite,
    /// It is about a subscription.
    Subscription,
}

/// What is counted together, apart from other things.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Scope {
    Requests,
    PresenceReads,
    PresenceWrites,
    Subscriptions,
    SubscriptionsOfTenant,
}

impl Scope {
    /// The name of its setting.
    const fn as_str(self) -> &'static str {
        match self {
            Self::Requests => "requests",
            Self::PresenceReads => "presence_reads",
            Self::PresenceWrites => "presence_writes",
            Self::Subscriptions => "subscriptions",
            Self::SubscriptionsOfTenant => "subscriptions_of_tenant",
        }
    }
}

/// Whose requests are counted together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    scope: Scope,
    /// `None` where those of all tenants are.
    tenant: Option<TenantId>,
    /// `None` where those of all applications are.
    application: Option<ApplicationId>,
}

/// The application, and behind a slash the tenant.
impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.application, self.tenant) {
            (Some(application), Some(tenant)) => write!(f, "{application}/{tenant}"),
            (Some(application), None) => application.fmt(f),
            (None, Some(tenant)) => tenant.fmt(f),
            (None, None) => Ok(()),
        }
    }
}

/// What one request is counted under: that which is limited.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits([Option<(Key, Rate)>; 3]);

impl Limits {
    /// What a caller's request of this kind is counted under, in the order in which it is.
    pub(crate) fn of(
        requests: Option<Rate>,
        tenant: &TenantThrottling,
        caller: &Caller,
        category: Category,
    ) -> Self {
        let key = |scope| Key {
            scope,
            tenant: Some(caller.tenant),
            application: Some(caller.application),
        };
        let under = |key, rate: Option<Rate>| rate.map(|rate| (key, rate));
        let all = Key {
            tenant: None,
            ..key(Scope::Requests)
        };
        let [own, of_tenant] = match category {
            Category::Any => [None, None],
            Category::PresenceRead => [
                under(key(Scope::PresenceReads), tenant.presence_reads),
                None,
            ],
            Category::PresenceWrite => [
                under(key(Scope::PresenceWrites), tenant.presence_writes),
                None,
            ],
            Category::Subscription => {
                let together = Key {
                    application: None,
                    ..key(Scope::SubscriptionsOfTenant)
                };
                [
                    under(key(Scope::Subscriptions), tenant.subscriptions),
                    under(together, tenant.subscriptions_of_tenant),
                ]
            }
        };
        Self([under(all, requests), own, of_tenant])
    }

    /// Whether nothing limits the request.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.iter().all(Option::is_none)
    }
}

/// All that is counted.
pub(crate) struct Throttle {
    shards: [Mutex<Shard>; THROTTLE_SHARDS],
    /// Spreads the keys. Its seed keeps ids from meeting in one shard in every process, whose newcomers
    /// would be refused while the others are empty; who chooses them is the issuer of tokens.
    spread: DefaultHashBuilder,
}

/// A part of the counters, so that requests seldom wait for each other.
#[derive(Default)]
struct Shard {
    counters: HashTable<(Key, Counter)>,
    /// No window ends before this, as was found when there was last no room: a newcomer before it
    /// needs no second look.
    full_until: Timestamp,
}

impl Shard {
    /// Counts a request under a key, which `hash` makes this of; `Err` is how long it takes until there
    /// is a counter for it.
    fn count(
        &mut self,
        (key, hashed): (Key, u64),
        rate: Rate,
        now: Timestamp,
        hash: impl Fn(&Key) -> u64,
    ) -> Result<Counted, Duration> {
        let is_it = |(known, _): &(Key, Counter)| *known == key;
        if let Some((_, counter)) = self.counters.find_mut(hashed, is_it) {
            return Ok(counter.count(rate, now));
        }
        if self.counters.len() >= THROTTLED_KEYS_PER_SHARD_MAX {
            self.make_room(now)?;
        }
        let new = (key, Counter::default());
        let rehash = |(key, _): &(Key, Counter)| hash(key);
        let mut entry = self.counters.insert_unique(hashed, new, rehash);
        let (_, counter) = entry.get_mut();
        Ok(counter.count(rate, now))
    }

    /// Drops the counters whose window is over.
    fn make_room(&mut self, now: Timestamp) -> Result<(), Duration> {
        if now < self.full_until {
            return Err(self.full_until.since(now));
        }
        self.counters.retain(|(_, counter)| !counter.is_idle(now));
        if self.counters.len() < THROTTLED_KEYS_PER_SHARD_MAX {
            return Ok(());
        }
        let rests = self.counters.iter().map(|(_, counter)| counter.rest(now));
        let rest = rests.min().unwrap_or_default();
        self.full_until = now.plus(rest);
        Err(rest)
    }
}

impl Throttle {
    pub(crate) fn new() -> Self {
        Self {
            shards: std::array::from_fn(|_| Mutex::default()),
            spread: DefaultHashBuilder::default(),
        }
    }

    /// Counts a request; how its sender stands, `None` where nothing limits it.
    ///
    /// A request that is refused for its kind has counted among all of its application: those are
    /// there to keep off whoever does not listen. What the applications of a tenant share is counted
    /// last, so that one which does not listen takes nothing of it from the others.
    pub(crate) fn count(
        &self,
        limits: Limits,
        now: Timestamp,
    ) -> Result<Option<Standing>, Throttled> {
        let mut least: Option<Standing> = None;
        for (key, rate) in limits.0.into_iter().flatten() {
            let hash = |key: &Key| self.spread.hash_one(key);
            let hashed = hash(&key);
            let counted = match self.shard(hashed).count((key, hashed), rate, now, hash) {
                Ok(counted) => counted,
                Err(reset) => {
                    let counted = Counted {
                        verdict: Verdict::Refused,
                        rate,
                        remaining: 0,
                        reset,
                    };
                    return Err(Throttled::new(None, counted));
                }
            };
            if counted.verdict == Verdict::Refused {
                return Err(Throttled::new(Some(key), counted));
            }
            if least.is_none_or(|least| counted.remaining < least.0.remaining) {
                least = Some(Standing(counted));
            }
        }
        Ok(least)
    }

    /// Where a key of this hash is counted.
    fn shard(&self, hashed: u64) -> MutexGuard<'_, Shard> {
        let shard = self.shards.get(shard_of(hashed));
        let shard = shard.expect("a remainder is below the number of shards");
        shard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The shard of a hash, by its upper half: within the shard, its table goes by the lower one.
fn shard_of(hashed: u64) -> usize {
    let shard = (hashed >> 32) % THROTTLE_SHARDS as u64;
    usize::try_from(shard).expect("a remainder is below the number of shards")
}

/// How a sender stands after a request, where there is least room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Standing(Counted);

impl Standing {
    /// Tells it, also where the request was refused or came to nothing for another reason.
    pub(crate) fn write(self, headers: &mut HeaderMap) {
        let Self(counted) = self;
        headers.insert(LIMIT, HeaderValue::from(counted.rate.count()));
        headers.insert(REMAINING, HeaderValue::from(counted.remaining));
        headers.insert(RESET, HeaderValue::from(whole_seconds(counted.reset)));
    }

    /// What these three headers tell, in their order.
    pub(crate) fn numbers(self) -> [u64; 3] {
        let Self(counted) = self;
        [
            counted.rate.count().into(),
            counted.remaining.into(),
            whole_seconds(counted.reset),
        ]
    }
}

/// A request that there is no room for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Throttled {
    /// Who has sent too many of what; `None` where it is nobody's fault, but there are more senders
    /// than can be counted.
    key: Option<Key>,
    /// How its sender stands.
    pub(crate) standing: Standing,
}

impl Throttled {
    const fn new(key: Option<Key>, counted: Counted) -> Self {
        Self {
            key,
            standing: Standing(counted),
        }
    }
}

/// In the words that Graph is known for (contract section 8), where it is a limit of Graph's.
impl From<Throttled> for ApiError {
    fn from(throttled: Throttled) -> Self {
        let Throttled { key, standing } = throttled;
        let message = match key {
            Some(key) => format!(
                "Too many requests from Identifier:{key} under category:{}. Please try again later.",
                key.scope.as_str()
            ),
            None => "More applications send requests than this server counts at once. Please try \
                     again later."
                .to_owned(),
        };
        Self::new(Code::TooManyRequests, message).retry_after(standing.0.reset)
    }
}

#[cfg(test)]
mod tests {
    use presenced_core::auth::{Grant, Permissions};

    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_788_220_800_000);
    const SECOND: Duration = Duration::from_secs(1);

    fn caller(tenant: u128, application: u128) -> Caller {
        Caller {
            tenant: TenantId::from_u128(tenant),
            application: ApplicationId::from_u128(application),
            grant: Grant::Application {
                roles: Permissions::NONE,
            },
        }
    }

    /// What becomes of a request: how many remain, or what refuses it.
    fn count(throttle: &Throttle, limits: Limits, now: Timestamp) -> Result<Option<u32>, String> {
        match throttle.count(limits, now) {
            Ok(standing) => Ok(standing.map(|standing| standing.0.remaining)),
            Err(throttled) => {
                let key = throttled.key.expect("there is a counter for it");
                Err(format!("{}: {key}", key.scope.as_str()))
            }
        }
    }

    /// Each kind is counted for itself, by application and tenant, and all of them together by
    /// application; subscriptions also by tenant. What is told is the scope with least room.
    #[test]
    fn scopes() {
        let rate = |count| Rate::new(count, SECOND);
        let tenant = TenantThrottling {
            presence_reads: rate(2),
            presence_writes: None,
            subscriptions: rate(2),
            subscriptions_of_tenant: rate(3),
        };
        let throttle = Throttle::new();
        let check = |who, category, requests, expect: Result<Option<u32>, &str>| {
            let (tenant_id, application) = who;
            let caller = caller(tenant_id, application);
            let limits = Limits::of(rate(requests), &tenant, &caller, category);
            let told = count(&throttle, limits, NOW);
            let told = told.as_ref().map_err(|what| {
                let (scope, _) = what.split_once(':').unwrap();
                scope
            });
            assert_eq!(told.copied(), expect, "{who:?} {category:?}");
        };
        let (read, write) = (Category::PresenceRead, Category::PresenceWrite);
        check((1, 1), read, 9, Ok(Some(1)));
        check((1, 1), read, 9, Ok(Some(0)));
        check((1, 1), read, 9, Err("presence_reads"));
        // Four of nine, the refused one included; writes have no limit of their own.
        check((1, 1), write, 9, Ok(Some(5)));
        check((1, 1), Category::Any, 9, Ok(Some(4)));
        // Another application, another tenant; the latter counts for the application all the same.
        check((1, 2), read, 9, Ok(Some(1)));
        check((2, 1), read, 9, Ok(Some(1)));
        check((2, 1), Category::Any, 9, Ok(Some(2)));
        check((3, 1), Category::Any, 7, Err("requests"));
        // Without limits nothing is counted, and nothing told.
        check((1, 3), Category::Any, 0, Ok(None));
        check((1, 3), write, 0, Ok(None));

        let subscription = Category::Subscription;
        check((1, 4), subscription, 0, Ok(Some(1)));
        check((1, 5), subscription, 0, Ok(Some(1)));
        check((1, 4), subscription, 0, Ok(Some(0)));
        check((1, 5), subscription, 0, Err("subscriptions_of_tenant"));
        check((2, 4), subscription, 0, Ok(Some(1)));
    }

    /// What an application is refused for itself takes nothing from the others of its tenant.
    #[test]
    fn who_does_not_listen_locks_nobody_else_out() {
        let tenant = TenantThrottling {
            subscriptions: Rate::new(2, SECOND),
            subscriptions_of_tenant: Rate::new(3, SECOND),
            ..TenantThrottling::default()
        };
        let throttle = Throttle::new();
        let check = |application, expect: Result<Option<u32>, &str>| {
            let caller = caller(1, application);
            let limits = Limits::of(None, &tenant, &caller, Category::Subscription);
            let told = count(&throttle, limits, NOW);
            let told = told
                .as_ref()
                .map_err(|what| what.split_once(':').unwrap().0);
            assert_eq!(told.copied(), expect, "{application}");
        };
        check(1, Ok(Some(1)));
        check(1, Ok(Some(0)));
        for _ in 0..5 {
            check(1, Err("subscriptions"));
        }
        check(2, Ok(Some(0)));
        check(2, Err("subscriptions_of_tenant"));
    }

    /// The counters have a number that they do not pass: those whose window is over make room, and a
    /// newcomer for whom there is none is told when there will be, and that it is not to blame.
    #[test]
    fn counters_are_bounded() {
        let throttle = Throttle::new();
        let limits = |number: u128, seconds: u64| {
            let rate = Rate::new(5, Duration::from_secs(seconds));
            let caller = caller(0, number);
            Limits::of(rate, &TenantThrottling::default(), &caller, Category::Any)
        };
        // Those that meet in the first shard.
        let mut numbers = (0..).filter(|&number| {
            let (key, _) = limits(number, 1).0[0].unwrap();
            shard_of(throttle.spread.hash_one(key)) == 0
        });
        let first = numbers.next().unwrap();
        throttle.count(limits(first, 3), NOW).unwrap();
        for number in numbers.by_ref().take(THROTTLED_KEYS_PER_SHARD_MAX - 1) {
            let told = throttle.count(limits(number, 60), NOW);
            assert_eq!(told.unwrap().unwrap().0.remaining, 4, "{number}");
        }
        let newcomer = limits(numbers.next().unwrap(), 60);
        // The second look is at what the first one found.
        for seconds in [1, 2] {
            let now = NOW.plus(seconds * SECOND);
            let refused = throttle.count(newcomer, now).unwrap_err();
            assert_eq!(refused.standing.0.reset, (3 - seconds) * SECOND);
            let error = ApiError::from(refused);
            assert_eq!(error.retry_after_seconds(), Some(u64::from(3 - seconds)));
            assert!(error.message().starts_with("More applications"));
        }
        // Who is counted already goes on.
        let known = throttle.count(limits(first, 3), NOW.plus(SECOND));
        assert_eq!(known.unwrap().unwrap().0.remaining, 3);
        let then = NOW.plus(3 * SECOND);
        assert_eq!(count(&throttle, newcomer, then), Ok(Some(4)));
        let shards = throttle.shards.iter();
        let held: usize = shards
            .map(|shard| shard.lock().unwrap().counters.len())
            .sum();
        assert_eq!(held, THROTTLED_KEYS_PER_SHARD_MAX);
    }

    /// Ids that are chosen to be alike are counted all over the place.
    #[test]
    fn keys_are_spread() {
        let throttle = Throttle::new();
        let mut used = [false; THROTTLE_SHARDS];
        for number in 0..1_000_u128 {
            // With plain bits they would all meet: these cancel each other out.
            let caller = caller(0, number << 64 | number);
            let rate = Rate::new(1, SECOND);
            let none = TenantThrottling::default();
            let (key, _) = Limits::of(rate, &none, &caller, Category::Any).0[0].unwrap();
            used[shard_of(throttle.spread.hash_one(key))] = true;
        }
        assert_eq!(used, [true; THROTTLE_SHARDS]);
    }
}
