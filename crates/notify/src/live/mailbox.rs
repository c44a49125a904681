//! What one stream has still to be told: the users who changed, each once, whoever waited longest
//! first. What they changed to is not kept: it is read when it is told, so that the newest is told
//! and a slow reader costs no more than its list of users.

use std::collections::{HashSet, VecDeque};

use presenced_core::id::UserId;
use presenced_store::Cursor;

use super::limits::{SPARE_QUEUE_ENTRIES, TENANT_PENDING_MAX};

/// The users of whom a stream has to tell.
#[derive(Debug)]
pub(super) enum Mailbox {
    /// Of a stream for chosen users, who are known by their place in its list.
    Chosen {
        /// One bit for each user: whether it is in the queue.
        queued: Box<[u64]>,
        queue: Queue<u32>,
    },
    /// Of a stream for a whole tenant.
    Tenant {
        queued: HashSet<UserId>,
        queue: Queue<UserId>,
        /// More users have changed than are kept: nothing is kept until the state is told anew.
        overflown: bool,
    },
}

/// Users in the order in which they began to wait, each with the place in the feed right before the
/// change it waits since.
type Queue<T> = VecDeque<(T, Cursor)>;

/// Whom the feed named, as the stream knows them.
#[derive(Clone, Copy, Debug)]
pub(super) enum Told {
    /// The user at this place of the stream's list.
    Chosen(u32),
    /// This user.
    User(UserId),
}

impl Mailbox {
    /// An empty one for so many chosen users.
    pub(super) fn chosen(users: usize) -> Self {
        Self::Chosen {
            queued: vec![0; users.div_ceil(64)].into(),
            queue: Queue::new(),
        }
    }

    /// An empty one for a whole tenant.
    pub(super) fn tenant() -> Self {
        Self::Tenant {
            queued: HashSet::new(),
            queue: Queue::new(),
            overflown: false,
        }
    }

    /// A user has changed; `since` is the place in the feed right before. `true` where there is
    /// something to take that was not there before.
    pub(super) fn push(&mut self, told: Told, since: Cursor) -> bool {
        match (self, told) {
            (Self::Chosen { queued, queue }, Told::Chosen(at)) => {
                let (word, bit) = bit_of(at);
                let Some(word) = queued.get_mut(word) else {
                    return false;
                };
                let was = *word & bit != 0;
                *word |= bit;
                if !was {
                    queue.push_back((at, since));
                }
                !was && queue.len() == 1
            }
            (
                Self::Tenant {
                    queued,
                    queue,
                    overflown,
                },
                Told::User(user),
            ) => {
                if *overflown || !queued.insert(user) {
                    return false;
                }
                if queue.len() >= TENANT_PENDING_MAX {
                    *overflown = true;
                    *queued = HashSet::new();
                    *queue = Queue::new();
                    return true;
                }
                queue.push_back((user, since));
                queue.len() == 1
            }
            // The index and the seat are made together.
            (Self::Chosen { .. }, Told::User(_)) | (Self::Tenant { .. }, Told::Chosen(_)) => false,
        }
    }

    /// Whether nothing is kept because too many have changed. Asking sets it right: from here on
    /// changes are kept again, so the state has to be read after this.
    pub(super) fn take_overflow(&mut self) -> bool {
        match self {
            Self::Chosen { .. } => false,
            Self::Tenant { overflown, .. } => std::mem::take(overflown),
        }
    }

    /// Takes out up to `at_most` users, those who waited longest; `watched` is the stream's list,
    /// where it has one.
    pub(super) fn take(&mut self, watched: &[UserId], at_most: usize) -> Vec<UserId> {
        match self {
            Self::Chosen { queued, queue } => {
                let taken = queue.drain(..at_most.min(queue.len()));
                let users = taken.filter_map(|(at, _)| {
                    let (word, bit) = bit_of(at);
                    *queued.get_mut(word)? &= !bit;
                    watched.get(usize::try_from(at).ok()?).copied()
                });
                let users = users.collect();
                give_back(queue);
                users
            }
            Self::Tenant { queued, queue, .. } => {
                let taken = queue.drain(..at_most.min(queue.len()));
                let users: Vec<UserId> = taken.map(|(user, _)| user).collect();
                for user in &users {
                    queued.remove(user);
                }
                give_back(queue);
                if queue.is_empty() && queued.capacity() > SPARE_QUEUE_ENTRIES {
                    *queued = HashSet::new();
                }
                users
            }
        }
    }

    /// Up to where everything is told that was taken, if `position` is how far the feed was followed
    /// before the caller looked: right before the change that the next one in the queue waits since.
    pub(super) fn told_up_to(&self, position: Cursor) -> Cursor {
        let next = match self {
            Self::Chosen { queue, .. } => queue.front().map(|(_, since)| *since),
            Self::Tenant { queue, .. } => queue.front().map(|(_, since)| *since),
        };
        next.unwrap_or(position)
    }

    /// Lets go of everything.
    pub(super) fn clear(&mut self) {
        *self = Self::chosen(0);
    }
}

/// The word and the bit in it that stand for a place.
fn bit_of(at: u32) -> (usize, u64) {
    let word = usize::try_from(at / 64).unwrap_or(usize::MAX);
    (word, 1 << (at % 64))
}

/// An idle stream keeps no queue of a busy one.
fn give_back<T>(queue: &mut Queue<T>) {
    if queue.is_empty() && queue.capacity() > SPARE_QUEUE_ENTRIES {
        *queue = Queue::new();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn users(count: u128) -> Vec<UserId> {
        (0..count).map(UserId::from_u128).collect()
    }

    /// Both kinds of mailbox, with a function that makes of a number what each is told.
    fn both(check: impl Fn(Mailbox, &[UserId], &dyn Fn(u32) -> Told)) {
        let watched = users(200);
        check(Mailbox::chosen(200), &watched, &Told::Chosen);
        let user = |at: u32| Told::User(UserId::from_u128(u128::from(at)));
        check(Mailbox::tenant(), &[], &user);
    }

    /// Each user is in the queue once, in the order in which they began to wait; only what is new
    /// in an empty mailbox wakes anybody.
    #[test]
    fn users_wait_once() {
        both(|mut mailbox, watched, told| {
            assert!(mailbox.push(told(130), Cursor(0)), "the first wakes");
            assert!(!mailbox.push(told(3), Cursor(1)));
            assert!(!mailbox.push(told(130), Cursor(2)), "it waits already");
            assert!(!mailbox.push(told(64), Cursor(3)));
            let ids = |users: Vec<UserId>| users.iter().map(|u| u.as_u128()).collect::<Vec<_>>();
            assert_eq!(ids(mailbox.take(watched, 2)), [130, 3]);
            assert!(!mailbox.push(told(130), Cursor(4)), "64 still waits");
            assert_eq!(ids(mailbox.take(watched, 9)), [64, 130]);
            assert_eq!(ids(mailbox.take(watched, 9)), [0; 0]);
            assert!(mailbox.push(told(3), Cursor(5)));
        });
    }

    /// The place that is told never lies behind a change that is still to be told.
    #[test]
    fn places_wait_for_the_oldest() {
        both(|mut mailbox, watched, told| {
            assert_eq!(mailbox.told_up_to(Cursor(7)), Cursor(7));
            mailbox.push(told(1), Cursor(7));
            mailbox.push(told(2), Cursor(9));
            mailbox.push(told(1), Cursor(12));
            assert_eq!(mailbox.told_up_to(Cursor(20)), Cursor(7));
            mailbox.take(watched, 1);
            assert_eq!(mailbox.told_up_to(Cursor(20)), Cursor(9));
            mailbox.take(watched, 1);
            assert_eq!(mailbox.told_up_to(Cursor(20)), Cursor(20));
        });
    }

    /// Beyond the limit a tenant's mailbox keeps nothing, says so once, and keeps again from then on.
    #[test]
    fn a_tenants_mailbox_is_bounded() {
        let mut mailbox = Mailbox::tenant();
        for user in users(u128::try_from(TENANT_PENDING_MAX).unwrap()) {
            mailbox.push(Told::User(user), Cursor(0));
        }
        assert!(!mailbox.take_overflow(), "just full");
        let more = UserId::from_u128(u128::MAX);
        assert!(mailbox.push(Told::User(more), Cursor(1)), "it wakes");
        assert!(!mailbox.push(Told::User(more), Cursor(2)));
        assert_eq!(mailbox.take(&[], 9), []);
        assert!(mailbox.take_overflow());
        assert!(!mailbox.take_overflow());
        assert!(mailbox.push(Told::User(more), Cursor(3)));
        assert_eq!(mailbox.take(&[], 9), [more]);
    }

    /// What a storm took in memory is given back.
    #[test]
    fn memory_is_given_back() {
        both(|mut mailbox, watched, told| {
            for at in 0..200 {
                mailbox.push(told(at), Cursor(0));
            }
            mailbox.take(watched, 200);
            let spare = match &mailbox {
                Mailbox::Chosen { queue, .. } => queue.capacity(),
                Mailbox::Tenant { queue, queued, .. } => queue.capacity() + queued.capacity(),
            };
            assert_eq!(spare, 0);
        });
    }
}
