//! How many POSTs are under way at once, and who goes next.
//!
//! One subscription has one notification and one lifecycle notification under way at most; that is
//! the lane's affair. Here it is seen to that receivers do not stand in each other's way: each
//! [`Class`] has room of its own, altogether and for each host. An endpoint that hangs or dawdles has
//! shown so after ten seconds at most; from then on it competes only with its like, and before it only
//! with others of which nothing is known.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use presenced_core::id::SubscriptionId;

use super::limits::{
    CHECKS_MAX, CHECKS_PER_HOST_MAX, FIRST_POSTS_MAX, FIRST_POSTS_PER_HOST_MAX, POSTS_MAX,
    POSTS_PER_HOST_MAX, RETRIES_MAX, RETRIES_PER_HOST_MAX, SLOW_POSTS_MAX, SLOW_POSTS_PER_HOST_MAX,
    STORE_TASKS_MAX,
};
use super::line::Line;
use crate::courier::Class;
use crate::subscription::NotificationUrl;

/// A host and a class: whose POSTs are counted together.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Door {
    host: Arc<str>,
    class: Class,
}

impl Door {
    /// The door for this URL.
    pub(crate) fn new(url: &NotificationUrl, class: Class) -> Self {
        Self {
            host: Arc::clone(url.host()),
            class,
        }
    }

    pub(crate) const fn class(&self) -> Class {
        self.class
    }
}

/// What somebody wants to pass the gate for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Errand {
    /// A subscription's notifications, or a test of them.
    Notification,
    /// A subscription's lifecycle notification.
    Notice,
    /// The check of an endpoint, which has a name as subscriptions have.
    Check,
}

/// Who stands at the gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Visitor {
    pub(crate) id: SubscriptionId,
    pub(crate) errand: Errand,
}

/// Counts what is under way and keeps those who wait in line.
#[derive(Debug, Default)]
pub(crate) struct Gate {
    rooms: [Room; 5],
}

/// Counts the tasks that only read and write the store, and keeps those who wait in line.
#[derive(Debug, Default)]
pub(crate) struct StoreRoom {
    running: usize,
    line: Line,
}

impl StoreRoom {
    /// Whether a task may begin now. If not, [`StoreRoom::next`] names the subscription later.
    pub(crate) fn enter(&mut self, id: SubscriptionId) -> bool {
        let has_room = self.running < STORE_TASKS_MAX;
        if has_room {
            self.running += 1;
        } else {
            self.line.add(id);
        }
        has_room
    }

    /// A task has ended.
    pub(crate) fn leave(&mut self) {
        self.running = self.running.saturating_sub(1);
    }

    /// Whose turn it is to try again, while there is room.
    pub(crate) fn next(&mut self) -> Option<SubscriptionId> {
        let has_room = self.running < STORE_TASKS_MAX;
        has_room.then(|| self.line.next())?
    }
}

#[derive(Debug, Default)]
struct Room {
    running: usize,
    hosts: HashMap<Arc<str>, Host>,
    /// Those whose host has room while the whole has none.
    line: VecDeque<(Arc<str>, Visitor)>,
}

#[derive(Debug, Default)]
struct Host {
    running: usize,
    /// Those whose host has no room.
    line: VecDeque<Visitor>,
}

impl Room {
    /// Forgets a host to which nothing is under way, if nobody stands in its line.
    fn forget_unused(&mut self, name: &Arc<str>) {
        if let Some(host) = self.hosts.get(name)
            && host.running == 0
            && host.line.is_empty()
        {
            self.hosts.remove(name);
        }
    }
}

/// How many POSTs of a class there may be, altogether and to one host and port.
const fn most(class: Class) -> (usize, usize) {
    match class {
        Class::Quick => (POSTS_MAX, POSTS_PER_HOST_MAX),
        Class::New => (FIRST_POSTS_MAX, FIRST_POSTS_PER_HOST_MAX),
        Class::Slow => (SLOW_POSTS_MAX, SLOW_POSTS_PER_HOST_MAX),
        Class::Failing => (RETRIES_MAX, RETRIES_PER_HOST_MAX),
        Class::Unknown => (CHECKS_MAX, CHECKS_PER_HOST_MAX),
    }
}

impl Gate {
    fn room(&mut self, class: Class) -> &mut Room {
        let [quick, new, slow, failing, unknown] = &mut self.rooms;
        match class {
            Class::Quick => quick,
            Class::New => new,
            Class::Slow => slow,
            Class::Failing => failing,
            Class::Unknown => unknown,
        }
    }

    /// Whether a POST may begin now. If not, [`Gate::leave`] names the visitor later, once.
    pub(crate) fn enter(&mut self, door: &Door, visitor: Visitor) -> bool {
        let (most, most_per_host) = most(door.class);
        let room = self.room(door.class);
        if let Some(host) = room.hosts.get_mut(&door.host)
            && host.running >= most_per_host
        {
            host.line.push_back(visitor);
            return false;
        }
        if room.running >= most {
            room.line.push_back((door.host.clone(), visitor));
            return false;
        }
        room.hosts.entry(door.host.clone()).or_default().running += 1;
        room.running += 1;
        true
    }

    /// A POST has ended, or will not begin. Names those whose turn it is, and their doors: each has
    /// entered by this, and leaves in turn.
    pub(crate) fn leave(&mut self, door: &Door) -> Vec<(Door, Visitor)> {
        let class = door.class;
        let (most, most_per_host) = most(class);
        let room = self.room(class);
        room.running = room.running.saturating_sub(1);
        if let Some(host) = room.hosts.get_mut(&door.host) {
            host.running = host.running.saturating_sub(1);
            // Behind all others who wait for room, so that no host is served before its turn.
            if let Some(next) = host.line.pop_front() {
                room.line.push_back((door.host.clone(), next));
            }
        }
        let mut next = Vec::new();
        while room.running < most {
            let Some((name, visitor)) = room.line.pop_front() else {
                break;
            };
            let host = room.hosts.entry(name.clone()).or_default();
            if host.running >= most_per_host {
                host.line.push_back(visitor);
                continue;
            }
            host.running += 1;
            room.running += 1;
            next.push((Door { host: name, class }, visitor));
        }
        room.forget_unused(&door.host);
        next
    }

    /// Whoever stood in line here does not any more.
    pub(crate) fn quit(&mut self, door: &Door, visitor: Visitor) {
        let room = self.room(door.class);
        if let Some(host) = room.hosts.get_mut(&door.host) {
            host.line.retain(|waiting| *waiting != visitor);
        }
        let is_it = |(_, waiting): &(Arc<str>, Visitor)| *waiting == visitor;
        let Some(at) = room.line.iter().position(is_it) else {
            return;
        };
        // Nobody else may be left of this host whose end would call the next one.
        let host = room.hosts.get_mut(&door.host);
        let next = host.and_then(|host| host.line.pop_front());
        match (next, room.line.get_mut(at)) {
            (Some(next), Some((_, place))) => *place = next,
            _ => {
                room.line.remove(at);
            }
        }
        room.forget_unused(&door.host);
    }

    /// POSTs under way.
    #[cfg(test)]
    pub(crate) fn running(&self) -> usize {
        self.rooms.iter().map(|room| room.running).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn visitor(number: u128) -> Visitor {
        Visitor {
            id: SubscriptionId::from_u128(number),
            errand: Errand::Notification,
        }
    }

    fn door(url: &str, class: Class) -> Door {
        Door::new(&url.into(), class)
    }

    /// A host takes so many at once; the others wait in line, and nobody else waits with them.
    #[test]
    fn a_full_host_delays_only_itself() {
        let mut gate = Gate::default();
        let full = door("https://full/", Class::Quick);
        let most = POSTS_PER_HOST_MAX as u128;
        for number in 0..most + 2 {
            assert_eq!(gate.enter(&full, visitor(number)), number < most);
        }
        let other = door("https://other/", Class::Quick);
        let failing = door("https://full/", Class::Failing);
        assert!(gate.enter(&other, visitor(900)));
        assert!(gate.enter(&failing, visitor(901)));
        assert_eq!(gate.leave(&other), []);
        assert_eq!(gate.leave(&full), [(full.clone(), visitor(most))]);
        assert_eq!(gate.leave(&full), [(full.clone(), visitor(most + 1))]);
        for _ in 0..POSTS_PER_HOST_MAX {
            assert_eq!(gate.leave(&full), []);
        }
        assert_eq!(gate.leave(&failing), []);
        assert_eq!(gate.running(), 0);
        assert!(gate.rooms.iter().all(|room| room.hosts.is_empty()));
    }

    /// Whatever enters leaves: however many wait for hosts and for the whole, in whatever order they
    /// end, everybody has its turn and nothing is left behind.
    #[test]
    fn everybody_has_a_turn() {
        let mut gate = Gate::default();
        let through = |number: u128| door(&format!("https://h{}/", number % 40), Class::Failing);
        let all = 2000_u128;
        let mut running: VecDeque<u128> = (0..all)
            .filter(|number| gate.enter(&through(*number), visitor(*number)))
            .collect();
        assert_eq!(running.len(), RETRIES_MAX);
        let mut ended = 0;
        while let Some(number) = running.pop_front() {
            ended += 1;
            for (entered, next) in gate.leave(&through(number)) {
                assert_eq!(entered, through(next.id.as_u128()));
                // Sometimes the last to come is the first to go.
                if next.id.as_u128() % 3 == 0 {
                    running.push_front(next.id.as_u128());
                } else {
                    running.push_back(next.id.as_u128());
                }
            }
            assert!(gate.running() <= RETRIES_MAX);
            assert_eq!(gate.running(), running.len());
        }
        assert_eq!(ended, all);
        assert!(
            gate.rooms
                .iter()
                .all(|room| room.hosts.is_empty() && room.line.is_empty())
        );
    }

    /// Whoever quits leaves its place to the next of its host, who would be called by nobody where
    /// nothing is under way to the host any more; and nothing of it is left behind.
    #[test]
    fn who_quits_makes_room() {
        let mut gate = Gate::default();
        let other = |number: u128| door(&format!("https://h{}/", number % 40), Class::Failing);
        let full = door("https://full/", Class::Failing);
        let most = RETRIES_PER_HOST_MAX as u128;
        for number in 0..=2 * most {
            assert_eq!(gate.enter(&full, visitor(number)), number < most);
        }
        let others = 1_000..1_000 + RETRIES_MAX as u128 - most + 20;
        let mut running: VecDeque<u128> = others
            .filter(|number| gate.enter(&other(*number), visitor(*number)))
            .collect();
        // The host's own give way to those who came before, and its next stand in line for room.
        for _ in 0..most {
            let next = gate.leave(&full);
            running.extend(next.iter().map(|(_, visitor)| visitor.id.as_u128()));
        }
        assert_eq!(running.len(), RETRIES_MAX);
        for number in most..2 * most {
            assert!(!running.contains(&number), "{number} does not wait");
            gate.quit(&full, visitor(number));
        }
        gate.quit(&full, visitor(2 * most + 1));
        let mut called = Vec::new();
        while let Some(number) = running.pop_front() {
            let through = if number == 2 * most {
                full.clone()
            } else {
                other(number)
            };
            for (_, next) in gate.leave(&through) {
                called.push(next.id.as_u128());
                running.push_back(next.id.as_u128());
            }
        }
        assert!(
            called.contains(&(2 * most)),
            "the last of its host waits for ever"
        );

        // One that quits before anything was under way to its host.
        for number in 0..RETRIES_MAX as u128 {
            assert!(gate.enter(
                &door(&format!("https://o{number}/"), Class::Failing),
                visitor(number)
            ));
        }
        let alone = door("https://alone/", Class::Failing);
        assert!(!gate.enter(&alone, visitor(7_000)));
        gate.quit(&alone, visitor(7_000));
        for number in 0..RETRIES_MAX as u128 {
            let through = door(&format!("https://o{number}/"), Class::Failing);
            assert_eq!(gate.leave(&through), []);
        }
        let is_empty = |room: &Room| room.hosts.is_empty() && room.line.is_empty();
        assert!(gate.rooms.iter().all(is_empty));
    }
}
