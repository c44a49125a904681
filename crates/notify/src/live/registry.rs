//! Who watches whom: from a change in the feed to the streams that tell of it.

use std::collections::HashMap;
use std::sync::Arc;

use presenced_core::id::{ApplicationId, TenantId, UserKey};
use presenced_store::{Cursor, FeedChange};

use super::limits::{
    ALL_TENANTS_CHANGES_MAX, STALE_WATCHES_SPARE, TENANT_CHANGES_MAX, TENANT_CHANGES_MIN,
};
use super::log::Log;
use super::seat::Seat;
use super::{LiveSettings, OpenError, Watched};

/// The open streams. A slot is a stream's number; one that was a stream's for chosen users is used
/// again only after a sweep, because the index may still name it.
#[derive(Debug, Default)]
pub(super) struct Registry {
    slots: Vec<Option<Arc<Seat>>>,
    free: Vec<u32>,
    /// Free as soon as the index is swept.
    retired: Vec<u32>,
    open: usize,
    /// Those of the open ones that are for chosen users.
    choosing: usize,
    users: HashMap<UserKey, Watches>,
    /// Entries in `users` of open streams.
    watches: usize,
    /// Entries in `users` of streams that are gone. Taking them out at once would mean to search
    /// through the lists of popular users for each stream that ends.
    stale: usize,
    tenants: HashMap<TenantId, Tenant>,
    /// Tenants that have something to read since their streams were woken.
    stirred: Vec<TenantId>,
    /// Entries in the logs of all tenants.
    logged: usize,
    by_application: HashMap<(TenantId, ApplicationId), usize>,
    /// No stream is let in any more.
    closed: bool,
}

/// A tenant that is watched as a whole.
#[derive(Debug, Default)]
struct Tenant {
    slots: Vec<u32>,
    log: Arc<Log>,
    /// Whether it is among those that have something to read.
    is_stirred: bool,
}

impl Tenant {
    fn seats<'a>(&'a self, slots: &'a [Option<Arc<Seat>>]) -> impl Iterator<Item = &'a Arc<Seat>> {
        let seats = self.slots.iter();
        seats.filter_map(|slot| seat_at(slots, *slot))
    }

    /// Lets go of what all have read; answers how many entries that were.
    fn trim(&self, slots: &[Option<Arc<Seat>>]) -> usize {
        let read = self.seats(slots).map(|seat| seat.read_up_to()).min();
        read.map_or(0, |read| self.log.trim(read))
    }
}

/// That a stream names a user.
#[derive(Clone, Copy, Debug)]
struct Watch {
    slot: u32,
    /// The user's place in the stream's list.
    at: u32,
}

/// The streams that name a user. Most users are named by one, which takes no allocation.
#[derive(Debug)]
struct Watches {
    first: Watch,
    others: Vec<Watch>,
}

impl Watches {
    fn iter(&self) -> impl Iterator<Item = Watch> {
        std::iter::once(self.first).chain(self.others.iter().copied())
    }

    /// Keeps those that `keep` says; `false` where that is none.
    fn retain(&mut self, keep: impl Fn(Watch) -> bool) -> bool {
        self.others.retain(|watch| keep(*watch));
        if !keep(self.first) {
            let Some(other) = self.others.pop() else {
                return false;
            };
            self.first = other;
        }
        self.others.shrink_to_fit();
        true
    }
}

impl Registry {
    /// Whether there is nobody to tell anything.
    pub(super) fn is_idle(&self) -> bool {
        self.open == 0
    }

    /// How many streams are open.
    pub(super) fn open(&self) -> usize {
        self.open
    }

    /// How many may have to be told of one change: each stream that names its users, and one log for
    /// all that watch a whole tenant.
    pub(super) fn told_at_once(&self) -> usize {
        self.choosing + 1
    }

    /// Lets a stream in, if there is room; answers its slot.
    pub(super) fn enter(
        &mut self,
        mut seat: Seat,
        settings: &LiveSettings,
    ) -> Result<(u32, Arc<Seat>), OpenError> {
        if self.closed {
            return Err(OpenError::Ended);
        }
        if self.open >= settings.streams_max {
            return Err(OpenError::TooManyStreams(settings.streams_max));
        }
        let key = (seat.tenant, seat.application);
        let others = self.by_application.get(&key).copied().unwrap_or_default();
        if others >= settings.streams_per_application_max {
            let most = settings.streams_per_application_max;
            return Err(OpenError::TooManyOfApplication(most));
        }
        let watches = self.watches + seat.chosen().len();
        if watches > settings.watches_max {
            return Err(OpenError::TooManyWatches(settings.watches_max));
        }
        if let Watched::Tenant = seat.watched {
            let tenant = self.tenants.entry(seat.tenant).or_default();
            seat.follow(Arc::clone(&tenant.log));
        }
        let seat = Arc::new(seat);
        let slot = self.place(&seat);
        self.by_application.insert(key, others + 1);
        self.open += 1;
        self.watches = watches;
        match &seat.watched {
            Watched::Tenant => {
                let tenant = self.tenants.entry(seat.tenant).or_default();
                tenant.slots.push(slot);
            }
            Watched::Users(users) => {
                self.choosing += 1;
                for (user, at) in users.iter().zip(0..) {
                    let tenant = seat.tenant;
                    let key = UserKey {
                        tenant,
                        user: *user,
                    };
                    let first = Watch { slot, at };
                    self.users
                        .entry(key)
                        .and_modify(|watches| watches.others.push(first))
                        .or_insert_with(|| Watches {
                            first,
                            others: Vec::new(),
                        });
                }
            }
        }
        Ok((slot, seat))
    }

    fn place(&mut self, seat: &Arc<Seat>) -> u32 {
        let free = self.free.pop().and_then(|slot| {
            let place = self.slots.get_mut(usize::try_from(slot).ok()?)?;
            *place = Some(Arc::clone(seat));
            Some(slot)
        });
        free.unwrap_or_else(|| {
            self.slots.push(Some(Arc::clone(seat)));
            u32::try_from(self.slots.len() - 1).expect("fewer streams than fit into memory")
        })
    }

    /// Lets a stream go. It may be gone already, and its slot another's.
    pub(super) fn leave(&mut self, slot: u32, seat: &Arc<Seat>) {
        let place = usize::try_from(slot)
            .ok()
            .and_then(|at| self.slots.get_mut(at));
        let Some(place) = place else { return };
        if !place.as_ref().is_some_and(|one| Arc::ptr_eq(one, seat)) {
            return;
        }
        *place = None;
        self.open -= 1;
        let key = (seat.tenant, seat.application);
        if let Some(count) = self.by_application.get_mut(&key) {
            *count -= 1;
            if *count == 0 {
                self.by_application.remove(&key);
            }
        }
        match &seat.watched {
            Watched::Tenant => {
                self.free.push(slot);
                if let Some(tenant) = self.tenants.get_mut(&seat.tenant) {
                    tenant.slots.retain(|other| *other != slot);
                    if tenant.slots.is_empty() {
                        self.logged -= tenant.log.len();
                        self.tenants.remove(&seat.tenant);
                    }
                }
            }
            Watched::Users(users) => {
                self.choosing -= 1;
                self.retired.push(slot);
                self.watches -= users.len();
                self.stale += users.len();
                if self.stale > self.watches + STALE_WATCHES_SPARE {
                    self.sweep();
                }
            }
        }
    }

    /// Takes out of the index what names streams that are gone. Each sweep takes out at least half
    /// of what it looks at, so that a stream's end costs no more than its beginning, on average.
    fn sweep(&mut self) {
        let slots = &self.slots;
        self.users
            .retain(|_, watches| watches.retain(|watch| seat_at(slots, watch.slot).is_some()));
        self.users.shrink_to_fit();
        self.free.append(&mut self.retired);
        self.stale = 0;
    }

    /// Tells the streams that watch the user of this change; `since` is the place in the feed right
    /// before it. Those of whole tenants hear of it by [`stir`](Self::stir).
    pub(super) fn tell(&mut self, change: &FeedChange, since: Cursor) {
        let watches = self.users.get(&change.user);
        for watch in watches.into_iter().flat_map(Watches::iter) {
            if let Some(seat) = seat_at(&self.slots, watch.slot) {
                seat.tell(watch.at, since);
            }
        }
        let Some(tenant) = self.tenants.get_mut(&change.user.tenant) else {
            return;
        };
        let most = if self.logged < ALL_TENANTS_CHANGES_MAX {
            TENANT_CHANGES_MAX
        } else {
            TENANT_CHANGES_MIN
        };
        if tenant.log.push(change.user.user, since, most) {
            self.logged += 1;
        }
        if !tenant.is_stirred {
            tenant.is_stirred = true;
            self.stirred.push(change.user.tenant);
        }
    }

    /// Wakes the streams of whole tenants that have something to read.
    pub(super) fn stir(&mut self) {
        for id in std::mem::take(&mut self.stirred) {
            if let Some(tenant) = self.tenants.get_mut(&id) {
                tenant.is_stirred = false;
                self.logged -= tenant.trim(&self.slots);
                for seat in tenant.seats(&self.slots) {
                    seat.wake();
                }
            }
        }
    }

    /// Lets go of what was read since the last change.
    pub(super) fn trim(&mut self) {
        for tenant in self.tenants.values() {
            self.logged -= tenant.trim(&self.slots);
        }
    }

    /// All open streams, with their slots.
    pub(super) fn seats(&self) -> impl Iterator<Item = (u32, &Arc<Seat>)> {
        let slots = (0..).zip(&self.slots);
        slots.filter_map(|(slot, seat)| Some((slot, seat.as_ref()?)))
    }

    /// Lets nobody in any more.
    pub(super) fn close(&mut self) {
        self.closed = true;
    }
}

fn seat_at(slots: &[Option<Arc<Seat>>], slot: u32) -> Option<&Arc<Seat>> {
    slots.get(usize::try_from(slot).ok()?)?.as_ref()
}

#[cfg(test)]
mod tests {
    use super::super::log::Missed;
    use super::*;
    use presenced_core::decide::Change;
    use presenced_core::id::UserId;
    use presenced_core::presence::Presence;
    use presenced_core::time::Timestamp;

    use crate::pieces::CHANGES_MAX;

    const TENANT: TenantId = TenantId::from_u128(1);

    fn seat(application: u128, watched: Watched) -> Seat {
        let application = ApplicationId::from_u128(application);
        Seat::new(TENANT, application, watched)
    }

    fn users(range: std::ops::Range<u128>) -> Watched {
        Watched::users(range.map(UserId::from_u128).collect())
    }

    fn change(tenant: TenantId, user: u128) -> FeedChange {
        FeedChange {
            cursor: Cursor(1),
            user: UserKey {
                tenant,
                user: UserId::from_u128(user),
            },
            change: Change {
                presence: Presence::AWAY,
                sequence: 1,
                at: Timestamp::EPOCH,
            },
        }
    }

    /// However much is kept for readers of other tenants who stall, one who reads between a batch of
    /// the feed and the next but one misses nothing.
    #[test]
    fn who_is_in_step_misses_nothing() {
        let mut registry = Registry::default();
        let settings = LiveSettings::default();
        let tenants = (ALL_TENANTS_CHANGES_MAX / TENANT_CHANGES_MAX) as u128;
        for number in 0..tenants {
            let tenant = TenantId::from_u128(number);
            let stalls = Seat::new(tenant, ApplicationId::from_u128(1), Watched::Tenant);
            registry.enter(stalls, &settings).unwrap();
            for user in 0..TENANT_CHANGES_MAX as u128 {
                registry.tell(&change(tenant, user), Cursor(0));
            }
        }
        assert_eq!(registry.logged, ALL_TENANTS_CHANGES_MAX);
        let crowded = TenantId::from_u128(tenants);
        let seat = Seat::new(crowded, ApplicationId::from_u128(1), Watched::Tenant);
        let (_, seat) = registry.enter(seat, &settings).unwrap();
        let most = 2 * CHANGES_MAX as u128;
        for _ in 0..3 {
            for user in 0..most {
                registry.tell(&change(crowded, user), Cursor(0));
            }
            registry.stir();
            let mut users = Vec::new();
            while users.len() < 2 * CHANGES_MAX {
                users.extend(told(&seat));
            }
            assert!(users.into_iter().eq(0..most));
        }
    }

    /// All tenants together keep no more than they may.
    #[test]
    fn logs_are_bounded() {
        let mut registry = Registry::default();
        let settings = LiveSettings::default();
        let tenants: Vec<_> = (0..20).map(TenantId::from_u128).collect();
        let seats: Vec<_> = tenants
            .iter()
            .map(|tenant| {
                let seat = Seat::new(*tenant, ApplicationId::from_u128(1), Watched::Tenant);
                registry.enter(seat, &settings).unwrap()
            })
            .collect();
        let all: usize = ALL_TENANTS_CHANGES_MAX;
        for at in 0..all + 20 * TENANT_CHANGES_MIN {
            registry.tell(&change(tenants[at % 20], at as u128), Cursor(0));
        }
        assert_eq!(registry.logged, all);
        registry.stir();
        assert_eq!(registry.logged, all, "nobody has read anything");
        for (_, seat) in &seats {
            assert_eq!(seat.take(Cursor(0)), Err(Missed));
        }
        registry.trim();
        assert_eq!(registry.logged, 0);
        let full = TENANT_CHANGES_MAX;
        for user in 0..=full as u128 {
            registry.tell(&change(tenants[0], user), Cursor(0));
        }
        assert_eq!(registry.logged, full);
        for (slot, seat) in &seats {
            registry.leave(*slot, seat);
        }
        assert_eq!((registry.logged, registry.tenants.len()), (0, 0));
    }

    fn told(seat: &Seat) -> Vec<u128> {
        let (users, _) = seat.take(Cursor(0)).unwrap();
        users.iter().map(|user| user.as_u128()).collect()
    }

    /// A change reaches the streams that watch its user, and those of the whole tenant; none of
    /// another tenant, and none that is gone.
    #[test]
    fn changes_reach_who_watches() {
        let mut registry = Registry::default();
        let settings = LiveSettings::default();
        let seats = [users(5..8), users(7..9), Watched::Tenant].map(|watched| seat(1, watched));
        let [(first, one), (_, two), (third, all)] =
            seats.map(|seat| registry.enter(seat, &settings).unwrap());
        for user in [7, 8, 4] {
            registry.tell(&change(TENANT, user), Cursor(0));
        }
        registry.tell(&change(TenantId::from_u128(2), 6), Cursor(0));
        assert_eq!(told(&one), [7]);
        assert_eq!(told(&two), [7, 8]);
        assert_eq!(told(&all), [7, 8, 4]);
        registry.leave(first, &one);
        registry.leave(third, &all);
        registry.tell(&change(TENANT, 7), Cursor(0));
        assert_eq!(told(&one), [0; 0]);
        assert_eq!(told(&two), [7]);
        assert_eq!(told(&all), [0; 0]);
    }

    /// Whoever comes and goes leaves nothing behind, and a slot is never two streams' at once.
    #[test]
    fn nothing_is_left_behind() {
        let mut registry = Registry::default();
        let settings = LiveSettings::default();
        let (_, stays) = registry.enter(seat(1, users(0..3)), &settings).unwrap();
        for round in 0..100 {
            let seats = [users(0..100), Watched::Tenant].map(|watched| seat(round, watched));
            let [(first, one), (second, all)] =
                seats.map(|seat| registry.enter(seat, &settings).unwrap());
            registry.tell(&change(TENANT, 2), Cursor(0));
            assert_eq!((told(&one), told(&all)), (vec![2], vec![2]));
            assert_eq!(told(&stays), [2]);
            registry.leave(first, &one);
            registry.leave(first, &one);
            registry.leave(second, &all);
        }
        assert_eq!(
            (registry.open, registry.watches, registry.logged),
            (1, 3, 0)
        );
        assert_eq!(registry.told_at_once(), 2, "the one that stays, and a log");
        assert!(registry.stale <= STALE_WATCHES_SPARE + 3);
        assert!(registry.slots.len() < 60, "{}", registry.slots.len());
        registry.sweep();
        assert_eq!(registry.users.len(), 3);
        assert_eq!(registry.by_application.len(), 1);
        assert!(registry.tenants.is_empty());
    }

    /// Each limit has its answer, and what ends gives room.
    #[test]
    fn limits() {
        let mut registry = Registry::default();
        let settings = LiveSettings {
            streams_max: 3,
            streams_per_application_max: 2,
            watches_max: 10,
        };
        let mut enter = |seat: Seat| registry.enter(seat, &settings).map_err(|e| e.to_string());
        let (slot, first) = enter(seat(1, users(0..6))).unwrap();
        assert!(
            enter(seat(1, users(0..5)))
                .unwrap_err()
                .contains("name, 10,")
        );
        enter(seat(1, users(0..4))).unwrap();
        assert!(
            enter(seat(1, Watched::Tenant))
                .unwrap_err()
                .contains("tenant, 2,")
        );
        enter(seat(2, Watched::Tenant)).unwrap();
        assert!(
            enter(seat(3, Watched::Tenant))
                .unwrap_err()
                .contains("streams, 3,")
        );
        registry.leave(slot, &first);
        let again = || seat(1, users(0..6));
        assert!(registry.enter(again(), &settings).is_ok());
        registry.close();
        assert!(matches!(
            registry.enter(again(), &settings),
            Err(OpenError::Ended)
        ));
    }
}
