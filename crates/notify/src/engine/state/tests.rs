use std::collections::VecDeque;
use std::time::Duration;

use presenced_core::decide::Change;
use presenced_core::id::{UserId, UserKey};
use presenced_core::presence::Presence;

use super::super::limits::{
    RECORD_AFTER, RETRIES_PER_HOST_MAX, STORE_RETRY_FIRST, STORE_RETRY_LONGEST, STORE_TASKS_MAX,
};
use super::*;
use crate::audience::Everybody;
use crate::engine::gate::{Errand, Visitor};
use crate::engine::lane::{Stage, Turn};
use crate::subscription::Resource;

const TENANT: TenantId = TenantId::from_u128(1);
const START: Timestamp = Timestamp::from_millis(1_760_000_000_000);

fn state() -> (State, SubscriptionId) {
    let mut state = State::new(Limits::default(), Cursor(0), Arc::new(Everybody));
    let id = add(&mut state, 1);
    (state, id)
}

/// Adds a subscription to the whole tenant.
fn add(state: &mut State, number: u128) -> SubscriptionId {
    let end = START.plus(Duration::from_hours(1));
    let subscription = Subscription {
        id: SubscriptionId::from_u128(number),
        tenant: TENANT,
        creator: Creator {
            application: ApplicationId::from_u128(1),
            user: None,
        },
        resource: Resource::Tenant,
        resource_text: String::new(),
        notification_url: "https://a/".into(),
        lifecycle_notification_url: None,
        client_state: None,
        encryption: None,
        latest_supported_tls_version: None,
        notification_url_app_id: None,
        expires_at: end,
        authorized_until: end,
        created_at: START,
    };
    let id = subscription.id;
    let mut lane = Lane::new(Arc::new(subscription), START, Cursor(0));
    lane.stage = Stage::Live;
    state.insert(lane);
    id
}

fn change(cursor: u64) -> FeedChange {
    FeedChange {
        cursor: Cursor(cursor),
        user: UserKey {
            tenant: TENANT,
            user: UserId::from_u128(cursor.into()),
        },
        change: Change {
            presence: Presence::AWAY,
            sequence: cursor,
            at: START,
        },
    }
}

/// What is to be done now, which is one thing.
fn only(state: &mut State) -> Flight {
    only_at(state, START)
}

fn only_at(state: &mut State, now: Timestamp) -> Flight {
    let mut flights = state.work(now).flights;
    assert_eq!(flights.len(), 1);
    flights.remove(0)
}

/// The common place never passes what waits for a subscription whose document does not say so, or
/// may no longer say so: a write that is under way may be in effect before that is known.
#[test]
fn the_common_place_waits_for_what_is_unwritten() {
    let (mut state, id) = state();
    assert_eq!(state.common_place(), Some(Cursor(0)));
    state.push(&[change(1)]);
    assert_eq!(state.common_place(), Some(Cursor(0)));
    let sending = only(&mut state);
    assert_eq!((sending.kind, sending.items.len()), (Kind::Notify, 1));
    state.recorded(&sending, Revision(1));
    state.push(&[change(2), change(3)]);
    assert_eq!(
        state.common_place(),
        Some(Cursor(3)),
        "the document says where to go on"
    );

    let taken = Ok(Attempt {
        answer: Ok(202),
        took: Duration::from_millis(1),
    });
    state.sent(&sending, &taken, START, 0);
    state.ended(sending.kind, sending.door);
    let sending = only(&mut state);
    assert_eq!(sending.items.len(), 2);
    state.recorded(&sending, Revision(2));
    state.sent(&sending, &taken, START, 0);
    state.ended(sending.kind, sending.door);
    assert!(state.work(START).flights.is_empty());
    let writing = only_at(&mut state, START.plus(RECORD_AFTER));
    assert_eq!(writing.kind, Kind::Record);
    assert_eq!(writing.record.delivery.settled, Cursor(3));
    state.push(&[change(4)]);
    assert_eq!(state.common_place(), Some(Cursor(3)));
    state.recorded(&writing, Revision(3));
    state.landed(id, Kind::Record);
    state.ended(writing.kind, None);
    assert_eq!(state.common_place(), Some(Cursor(3)));
    let sending = only(&mut state);
    state.recorded(&sending, Revision(4));
    assert_eq!(state.common_place(), Some(Cursor(4)));
}

/// What came of a message is written down with the next one, where that is soon: one write for each
/// and not two. A failure is at once, and so is everything when the engine stops.
#[test]
fn the_end_of_one_is_written_with_the_next() {
    let (mut state, _) = state();
    let mut now = START;
    let mut send = |state: &mut State, cursor: u64, status: u16| {
        now = now.plus(RECORD_AFTER / 2);
        state.push(&[change(cursor)]);
        let sending = only_at(state, now);
        assert_eq!(sending.kind, Kind::Notify);
        state.recorded(&sending, Revision(cursor));
        let answered = Ok(Attempt {
            answer: Ok(status),
            took: Duration::from_millis(1),
        });
        state.sent(&sending, &answered, now, 0);
        state.ended(sending.kind, sending.door);
        state.work(now).flights
    };
    for cursor in 1..4 {
        assert!(send(&mut state, cursor, 202).is_empty());
    }
    let writing = send(&mut state, 4, 500);
    assert_eq!(writing.len(), 1);
    assert_eq!(writing[0].record.delivery.resume, Resume::At(Cursor(3)));

    let (mut state, _) = self::state();
    assert!(send(&mut state, 1, 202).is_empty());
    state.stop();
    let writing = only(&mut state);
    assert_eq!(writing.record.delivery.resume, Resume::Common);
}

/// What could not be written down is written down later, though nothing else happens to the lane:
/// its document would say for ever that something waits which was taken long ago.
#[test]
fn a_failed_writing_is_not_forgotten() {
    let (mut state, id) = state();
    state.push(&[change(1)]);
    let sending = only(&mut state);
    state.recorded(&sending, Revision(1));
    let taken = Ok(Attempt {
        answer: Ok(202),
        took: Duration::from_millis(1),
    });
    state.sent(&sending, &taken, START, 0);
    state.ended(sending.kind, sending.door);
    let mut now = START.plus(RECORD_AFTER);
    for _ in 0..3 {
        let writing = only_at(&mut state, now);
        assert_eq!(writing.kind, Kind::Record);
        assert_eq!(writing.record.delivery.resume, Resume::Common);
        state.put_off((id, writing.kind), now, 0);
        state.ended(writing.kind, None);
        assert!(state.work(now).flights.is_empty(), "not at once");
        now = state.next_timer().unwrap();
    }
    let writing = only_at(&mut state, now);
    state.recorded(&writing, Revision(2));
    state.landed(id, Kind::Record);
    assert!(state.work(now).flights.is_empty());
}

/// What is read is one flight from its beginning to its end: what came meanwhile goes out after it,
/// and what goes out has no end but its own.
#[test]
fn a_reading_ends_once() {
    let (mut state, id) = state();
    state.lost_sight(Cursor(1));
    let reading = only(&mut state);
    assert_eq!(reading.kind, Kind::Reread);
    state.push(&[change(2)]);
    state.lane(id).unwrap().read_some(Vec::new(), None);
    assert!(state.work(START).flights.is_empty(), "it has not landed");
    state.landed(id, reading.kind);
    let sending = only(&mut state);
    assert_eq!(sending.kind, Kind::Notify);
    state.ended(reading.kind, None);
    state.recorded(&sending, Revision(1));
    state.push(&[change(3)]);
    assert!(state.work(START).flights.is_empty(), "one is on its way");
    assert_eq!(state.lane(id).unwrap().flying.len(), 1);
}

/// A renewal that is stored only when the subscription is over is no renewal: whoever asked for it
/// is told so, and what changed before the end is told under the old one.
#[test]
fn a_renewal_comes_too_late() {
    let (mut state, id) = state();
    let end = START.plus(Duration::from_hours(1));
    let before = Arc::clone(&state.live(TENANT, id, START).unwrap().subscription);
    let mut renewed = Subscription::clone(&before);
    renewed.expires_at = end.plus(Duration::from_hours(1));
    state.push(&[change(1)]);
    let flights = state.work(end).flights;
    assert_eq!(flights.len(), 1, "what came before the end is on its way");
    assert!(!state.changed(&Arc::new(renewed), Revision(2), end));
    assert!(state.live(TENANT, id, end).is_none());
    assert_eq!(state.lane(id).unwrap().subscription, before);
}

/// A removal that is stored only when the subscription is over gives no place back a second time: the
/// others keep theirs.
#[test]
fn a_removal_comes_too_late() {
    let (mut state, id) = state();
    let end = START.plus(Duration::from_hours(1));
    state.push(&[change(1)]);
    let _under_way = only(&mut state);
    state.work(end);
    assert_eq!((state.total, state.is_empty()), (0, false));
    let other = add(&mut state, 2);
    state.removed(id, Revision(1), end);
    assert_eq!(state.total, 1);
    let watched = state.index.watchers(change(1).user);
    assert_eq!(watched.collect::<Vec<_>>(), [other]);
}

/// A turn at the gate that comes while a subscription reads what to tell is kept for what it tells
/// then, and given back where that comes to nothing.
#[test]
fn a_turn_is_kept_while_something_is_read() {
    for tells in [true, false] {
        let (mut state, id) = state();
        let subscription = Arc::clone(&state.lane(id).unwrap().subscription);
        let own = Door::new(&subscription.notification_url, Class::New);
        let visitor = |number| Visitor {
            id: SubscriptionId::from_u128(number),
            errand: Errand::Notification,
        };
        while state.gate.enter(&own, visitor(9)) {}
        state.push(&[change(1)]);
        assert!(state.work(START).flights.is_empty(), "it stands in line");
        // Of all who stand in line, the one that no lane stands for comes first and leaves at once.
        state.lost_sight(Cursor(2));
        let reading = only(&mut state);
        assert_eq!(reading.kind, Kind::Reread);
        state.leave(Some(own.clone()));
        assert!(state.work(START).flights.is_empty(), "it is read");
        assert_eq!(state.lane(id).unwrap().turn, Turn::Through(own));
        let lane = state.lane(id).unwrap();
        lane.read_some(Vec::new(), None);
        if !tells {
            lane.waiting.clear();
        }
        state.landed(id, Kind::Reread);
        state.ended(Kind::Reread, None);
        assert_eq!(state.work(START).flights.len(), usize::from(tells));
        assert_eq!(state.lane(id).unwrap().turn, Turn::None);
    }
}

/// A subscription that stands in line with failing ones of its host and gets another URL there is
/// served as a new one, at once.
#[test]
fn another_url_of_the_same_host_leaves_the_line() {
    let (mut state, _) = state();
    let all = RETRIES_PER_HOST_MAX as u128 + 1;
    for number in 1..=all {
        if number > 1 {
            add(&mut state, number);
        }
        let lane = state.lane(SubscriptionId::from_u128(number)).unwrap();
        lane.failures.in_a_row = 1;
    }
    state.push(&[change(1)]);
    assert_eq!(state.work(START).flights.len(), RETRIES_PER_HOST_MAX);
    let waits = (1..=all)
        .map(SubscriptionId::from_u128)
        .find(|id| state.lane(*id).unwrap().turn.waits())
        .unwrap();
    let mut other = Subscription::clone(&state.lane(waits).unwrap().subscription);
    other.notification_url = "https://a/new".into();
    assert!(state.changed(&Arc::new(other), Revision(2), START));
    let sending = only(&mut state);
    assert_eq!(
        (sending.kind, sending.subscription.id, sending.class),
        (Kind::Notify, waits, Class::New)
    );
}

/// While the store fails, a delivery comes back ever less often, up to a limit; and soon again after
/// it has worked.
#[test]
fn a_failing_store_is_asked_ever_less_often() {
    let (mut state, id) = state();
    state.push(&[change(1)]);
    let mut now = START;
    let mut wait = |state: &mut State| {
        let sending = only_at(state, now);
        state.ended(sending.kind, sending.door.clone());
        state.put_off((id, sending.kind), now, 0);
        assert!(state.work(now).flights.is_empty());
        let until = state.next_timer().unwrap();
        let waited = until.since(std::mem::replace(&mut now, until));
        (sending, waited)
    };
    let waits: Vec<Duration> = (0..12).map(|_| wait(&mut state).1).collect();
    assert!(waits.is_sorted(), "{waits:?}");
    assert_eq!(waits[0], STORE_RETRY_FIRST / 2);
    assert_eq!(waits[11], STORE_RETRY_LONGEST / 2);
    let (sending, _) = wait(&mut state);
    state.recorded(&sending, Revision(1));
    assert_eq!(wait(&mut state).1, STORE_RETRY_FIRST / 2);
}

/// However many lanes have something to read or to write down at the same time, so many of them do it
/// at once; and each has its turn, once.
#[test]
fn the_store_is_asked_by_so_many_at_once() {
    let (mut state, _) = state();
    let all = STORE_TASKS_MAX as u128 * 2 + 10;
    for number in 2..=all {
        add(&mut state, number);
    }
    state.lost_sight(Cursor(1));
    let mut running = VecDeque::from(state.work(START).flights);
    assert_eq!(running.len(), STORE_TASKS_MAX);
    let mut seen = HashSet::new();
    while let Some(reading) = running.pop_front() {
        assert_eq!(reading.kind, Kind::Reread);
        let id = reading.subscription.id;
        assert!(seen.insert(id), "{id} has a second turn");
        state.lane(id).unwrap().read_some(Vec::new(), None);
        state.landed(id, Kind::Reread);
        state.ended(reading.kind, None);
        running.extend(state.work(START).flights);
        assert!(running.len() <= STORE_TASKS_MAX);
    }
    assert_eq!(seen.len() as u128, all);
}
