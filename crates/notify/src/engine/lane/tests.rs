//! A lane against what it must do in the end, whatever happens on the way.

use std::collections::HashMap;
use std::time::Duration;

use presenced_core::id::{ApplicationId, SubscriptionId, TenantId, UserId};
use presenced_core::presence::Presence;
use proptest::prelude::*;

use super::*;
use crate::courier::{Attempt, EndpointFault};
use crate::subscription::{Creator, Resource};

const START: Timestamp = Timestamp::from_millis(1_760_000_000_000);

/// Something that happens to a lane.
#[derive(Clone, Debug)]
enum Event {
    /// A user's presence changes.
    Change(u8),
    /// The feed no longer tells everything.
    Gap,
    /// So many milliseconds pass.
    Time(u32),
    /// It does what it wants to do.
    Act,
    /// What it does comes to an end.
    End(Ending),
    /// The lifecycle notification that is under way does.
    EndNotice(Ending),
    /// The subscriber renews.
    Renew,
}

#[derive(Clone, Copy, Debug)]
enum Ending {
    Taken,
    Refused,
    TimedOut,
    StoreFails,
}

fn event() -> impl Strategy<Value = Event> {
    let ending = || {
        prop_oneof![
            3 => Just(Ending::Taken),
            1 => Just(Ending::Refused),
            1 => Just(Ending::TimedOut),
            1 => Just(Ending::StoreFails),
        ]
    };
    prop_oneof![
        8 => (0..8_u8).prop_map(Event::Change),
        1 => Just(Event::Gap),
        3 => (0..20_000_u32).prop_map(Event::Time),
        1 => (0..2_000_000_u32).prop_map(Event::Time),
        8 => Just(Event::Act),
        8 => ending().prop_map(Event::End),
        4 => ending().prop_map(Event::EndNotice),
        1 => Just(Event::Renew),
    ]
}

/// A lane, and what ought to be true of it.
struct Scene {
    lane: Lane,
    now: Timestamp,
    cursor: u64,
    /// Each user's newest state, and its place in the feed.
    newest: HashMap<UserId, (u64, Cursor)>,
    /// What the subscriber knows.
    told: HashMap<UserId, u64>,
    /// Lifecycle notifications that were taken.
    events: Vec<LifecycleEvent>,
}

impl Scene {
    fn new() -> Self {
        let users = (0..8).map(UserId::from_u128).collect();
        let subscription = Subscription {
            id: SubscriptionId::from_u128(1),
            tenant: TenantId::from_u128(1),
            creator: Creator {
                application: ApplicationId::from_u128(1),
                user: None,
            },
            resource: Resource::Users(users),
            resource_text: String::new(),
            notification_url: "https://a/".into(),
            lifecycle_notification_url: Some("https://l/".into()),
            client_state: None,
            encryption: None,
            latest_supported_tls_version: None,
            notification_url_app_id: None,
            expires_at: START.plus(Duration::from_hours(10_000)),
            authorized_until: START.plus(Duration::from_hours(1)),
            created_at: START,
        };
        let mut lane = Lane::new(Arc::new(subscription), START, Cursor(0));
        lane.stage = Stage::Live;
        Self {
            lane,
            now: START,
            cursor: 0,
            newest: HashMap::new(),
            told: HashMap::new(),
            events: Vec::new(),
        }
    }

    fn item(&self, user: UserId, sequence: u64) -> Item {
        Item {
            user,
            presence: Presence::AWAY,
            sequence,
            at: self.now,
        }
    }

    fn happens(&mut self, event: &Event) {
        match event {
            Event::Change(user) => {
                self.cursor += 1;
                let user = UserId::from_u128(u128::from(*user));
                let place = Cursor(self.cursor);
                self.newest.insert(user, (self.cursor, place));
                let item = self.item(user, self.cursor);
                let since = self.now;
                self.lane.push(Entry { place, since, item });
            }
            Event::Gap => self.lane.lost_sight(),
            Event::Time(millis) => {
                self.now = self.now.plus(Duration::from_millis((*millis).into()));
            }
            Event::Act => self.act(),
            Event::End(ending) => {
                if let Some(kind) = self.lane.flight {
                    self.end(kind, *ending);
                }
            }
            Event::EndNotice(ending) => {
                if let Some(noticing) = self.lane.noticing {
                    self.end(Kind::Lifecycle(noticing.event), *ending);
                }
            }
            Event::Renew => {
                let mut renewed = Subscription::clone(&self.lane.subscription);
                renewed.authorized_until = self.now.plus(Duration::from_hours(1));
                self.lane.changed(Arc::new(renewed), self.now);
            }
        }
        self.check();
    }

    fn act(&mut self) {
        let busy = self.lane.flight.is_some();
        let noticing = self.lane.noticing.is_some();
        match self.lane.next(self.now) {
            Next::Go(kind) => {
                let is_notice = kind.errand() == Errand::Notice;
                assert!(
                    if is_notice { !noticing } else { !busy },
                    "two things at once"
                );
                self.lane.begin(kind, self.now);
                let next = self.lane.next(self.now);
                assert!(
                    kind == Kind::Reread || !matches!(next, Next::Go(_)),
                    "two writes at once"
                );
                self.lane.recorded(Durable::default());
                if kind == Kind::Notify {
                    assert!(self.now < self.lane.subscription.authorized_until);
                    assert!(self.now >= self.lane.failures.retry_at);
                    assert!(!self.lane.flying.is_empty());
                    for entry in &self.lane.flying {
                        let told = self.told.get(&entry.item.user).copied();
                        assert!(entry.item.sequence >= told.unwrap_or(0), "backwards");
                    }
                }
            }
            Next::At(at) => assert!(at > self.now, "it would be looked at for ever"),
            Next::Nothing => {}
            Next::Over => panic!("it is not over"),
        }
    }

    fn end(&mut self, kind: Kind, ending: Ending) {
        if let Ending::StoreFails = ending {
            return self.lane.put_off(kind, self.now, 7);
        }
        if kind == Kind::Reread {
            return self.read();
        }
        let delivered = matches!(ending, Ending::Taken);
        if delivered && kind == Kind::Notify {
            for entry in &self.lane.flying {
                self.told.insert(entry.item.user, entry.item.sequence);
            }
        }
        if let (true, Kind::Lifecycle(event)) = (delivered, kind) {
            self.events.push(event);
        }
        let answer = match ending {
            Ending::Taken => Ok(202),
            Ending::Refused | Ending::StoreFails => Ok(503),
            Ending::TimedOut => Err(EndpointFault::TimedOut),
        };
        let took = Duration::from_millis(10);
        let outcome = Outcome::from(&Ok(Attempt { answer, took }));
        self.lane.finish(kind, outcome, self.now, 7);
    }

    fn read(&mut self) {
        match self.lane.to_read() {
            Some(ToRead::Users(users)) => {
                let known = users.iter().filter_map(|user| {
                    let (sequence, _) = self.newest.get(user)?;
                    Some(self.item(*user, *sequence))
                });
                let items: Vec<Item> = known.collect();
                self.lane.read_users(users.len(), &items, self.now);
                self.lane.landed(Kind::Reread);
            }
            Some(ToRead::From(_)) | None => panic!("there is nothing to read"),
        }
    }

    /// Whoever goes on from where the lane says hears of everything that was not told.
    fn check(&self) {
        let resume = self.lane.resume();
        for (user, (sequence, place)) in &self.newest {
            if self.told.get(user) == Some(sequence) {
                continue;
            }
            match resume {
                Resume::Reread => {}
                Resume::At(cursor) => assert!(cursor < *place, "{user} would be passed over"),
                Resume::Common => panic!("{user} would be forgotten"),
            }
        }
    }
}

proptest! {
    /// One thing at a time, never backwards, never forgetful; and once the endpoint takes what it is
    /// sent, everything newest is told within minutes.
    #[test]
    fn everything_newest_is_told_in_the_end(events in prop::collection::vec(event(), 0..120)) {
        let mut scene = Scene::new();
        let mut gaps = 0;
        for event in &events {
            gaps += usize::from(matches!(event, Event::Gap));
            scene.happens(event);
        }
        scene.happens(&Event::Renew);
        for _ in 0..100 {
            scene.happens(&Event::End(Ending::Taken));
            scene.happens(&Event::EndNotice(Ending::Taken));
            scene.happens(&Event::Act);
            scene.happens(&Event::Time(12_000));
        }
        scene.happens(&Event::End(Ending::Taken));
        scene.happens(&Event::EndNotice(Ending::Taken));
        for (user, (sequence, _)) in &scene.newest {
            prop_assert_eq!(scene.told.get(user), Some(sequence));
        }
        prop_assert_eq!(scene.lane.resume(), Resume::Common);
        let missed = |event: &&LifecycleEvent| **event == LifecycleEvent::Missed;
        let missed = scene.events.iter().filter(missed).count();
        prop_assert!(missed <= gaps + 1);
        prop_assert!(gaps == 0 || missed > 0);
    }
}

/// What waits is written down so that it can be read back as it stood.
#[test]
fn a_lane_stands_as_it_was_written() {
    let mut scene = Scene::new();
    scene.happens(&Event::Change(3));
    scene.act();
    scene.end(Kind::Notify, Ending::Refused);
    let written = StoredDelivery::of(&scene.lane, Cursor(1));
    assert_eq!(written.resume, Resume::At(Cursor(0)));
    let mut other = Scene::new().lane;
    other.stands(written);
    assert_eq!(other.failures, scene.lane.failures);
    assert_eq!(other.last, scene.lane.last);

    // What is known of the endpoint is known also while the next message is on its way, of whose end
    // nothing is written yet.
    let mut quick = Scene::new();
    for end in [true, false] {
        quick.happens(&Event::Change(3));
        quick.act();
        if end {
            quick.end(Kind::Notify, Ending::Taken);
        }
    }
    let written = StoredDelivery::of(&quick.lane, Cursor(2));
    assert_eq!(written.last.as_ref().unwrap().result, None);
    let mut other = Scene::new().lane;
    other.stands(written);
    assert_eq!(other.habit, Habit::Quick);

    // One that was cut off in the middle keeps its distance.
    scene.now = scene.now.plus(Duration::from_mins(1));
    scene.act();
    let written = StoredDelivery::of(&scene.lane, Cursor(1));
    let mut other = Scene::new().lane;
    other.stands(written);
    assert!(other.failures.retry_at > scene.now);
}
