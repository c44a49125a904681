//! A bounded place for what is redeemed later: codes and refresh tokens.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use presenced_core::time::Timestamp;

use super::limits::GRANTS_MAX;
use super::secret;

/// Things under secret names, for a time. At the limit the oldest goes.
///
/// What has run out is kept as long again, so that its owner learns that it ran out, and not that
/// it never was.
#[derive(Debug)]
pub(super) struct Shelf<T> {
    lifetime: Duration,
    things: HashMap<String, (Timestamp, T)>,
    /// Names in the order they came; those already taken are passed over.
    order: VecDeque<(Timestamp, String)>,
}

/// What is found under a name.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found<T> {
    /// It is there.
    There(T),
    /// Its time is over.
    Expired,
    /// There is no such name, or no more.
    Unknown,
}

impl<T> Shelf<T> {
    /// An empty shelf for things that keep this long.
    pub(super) fn new(lifetime: Duration) -> Self {
        Self {
            lifetime,
            things: HashMap::new(),
            order: VecDeque::new(),
        }
    }

    /// Puts a thing there, and answers its secret name.
    pub(super) fn put(&mut self, thing: T, now: Timestamp) -> String {
        while let Some((expires_at, oldest)) = self.order.front() {
            let forgotten = expires_at.plus(self.lifetime) <= now;
            if !forgotten && self.order.len() < GRANTS_MAX {
                break;
            }
            self.things.remove(oldest);
            self.order.pop_front();
        }
        let name = secret::fresh();
        let expires_at = now.plus(self.lifetime);
        self.things.insert(name.clone(), (expires_at, thing));
        self.order.push_back((expires_at, name.clone()));
        name
    }

    /// Takes a thing away, so that its name works once.
    pub(super) fn take(&mut self, name: &str, now: Timestamp) -> Found<T> {
        match self.things.remove(name) {
            Some((expires_at, thing)) if now < expires_at => Found::There(thing),
            Some(_) => Found::Expired,
            None => Found::Unknown,
        }
    }

    /// The thing under a name, which stays there.
    pub(super) fn get(&mut self, name: &str, now: Timestamp) -> Found<&mut T> {
        match self.things.get_mut(name) {
            Some((expires_at, thing)) if now < *expires_at => Found::There(thing),
            Some(_) => Found::Expired,
            None => Found::Unknown,
        }
    }

    /// The first thing that fits and whose time is not over.
    pub(super) fn find(&mut self, now: Timestamp, fits: impl Fn(&T) -> bool) -> Option<&mut T> {
        self.things
            .values_mut()
            .filter(|(expires_at, _)| now < *expires_at)
            .map(|(_, thing)| thing)
            .find(|thing| fits(thing))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIFETIME: Duration = Duration::from_mins(10);

    fn at(minutes: u64) -> Timestamp {
        Timestamp::from_millis(minutes * 60_000)
    }

    /// A name works once, within its time, and says afterwards which of the two it was.
    #[test]
    fn once_and_in_time() {
        let mut shelf = Shelf::new(LIFETIME);
        let (first, second) = (shelf.put(1, at(0)), shelf.put(2, at(0)));
        assert_ne!(first, second);
        assert_eq!(shelf.take(&first, at(9)), Found::There(1));
        assert_eq!(shelf.take(&first, at(9)), Found::Unknown);
        assert_eq!(shelf.get(&second, at(9)), Found::There(&mut 2));
        assert_eq!(shelf.get(&second, at(10)), Found::Expired);
        assert!(shelf.find(at(10), |_| true).is_none());
        shelf.put(3, at(20));
        assert_eq!(shelf.get(&second, at(20)), Found::Unknown);
    }

    /// However much is put there, it stays at its limit, and the newest is there.
    #[test]
    fn the_oldest_goes() {
        let mut shelf = Shelf::new(LIFETIME);
        let oldest = shelf.put(0, at(0));
        let second = shelf.put(1, at(0));
        let mut newest = String::new();
        for number in 2..=GRANTS_MAX {
            newest = shelf.put(number, at(0));
        }
        assert_eq!(shelf.take(&oldest, at(0)), Found::Unknown);
        assert_eq!(shelf.take(&second, at(0)), Found::There(1));
        assert_eq!(shelf.take(&newest, at(0)), Found::There(GRANTS_MAX));
        // Names that were taken do not pile up either.
        for number in 0..GRANTS_MAX {
            let name = shelf.put(number, at(0));
            shelf.take(&name, at(0));
        }
        assert_eq!(shelf.order.len(), GRANTS_MAX);
        assert!(shelf.things.len() <= GRANTS_MAX);
    }
}
