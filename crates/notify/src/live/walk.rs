//! Telling everybody's state: how far it is, and when everybody has been told.

use presenced_core::id::UserId;
use presenced_store::{StoreError, UserPlace};

use super::Watched;
use super::hub::Inner;
use super::limits::USERS_PER_PIECE;
use super::seat::Seat;

/// How far the telling of all is.
#[derive(Debug)]
pub(super) enum Walk {
    /// The chosen users from this one on.
    Chosen(usize),
    /// All users of the tenant.
    Tenant(Circle),
}

impl Walk {
    /// From the beginning.
    pub(super) fn of(watched: &Watched) -> Self {
        match watched {
            Watched::Users(_) => Self::Chosen(0),
            Watched::Tenant => Self::Tenant(Circle::default()),
        }
    }

    /// Changes were missed: everybody has to be told after now. Whoever was told before has to be
    /// told once more, and nobody twice.
    pub(super) fn again(&mut self) {
        match self {
            Self::Chosen(from) => *from = 0,
            Self::Tenant(circle) => circle.again(),
        }
    }

    /// Whether what changes meanwhile has its turn before the next piece. Chosen users are told so
    /// soon that it can wait; over a whole tenant it may be long, and both take turns, so that
    /// neither keeps the other waiting however much there is.
    pub(super) fn is_turn_of_changes(&mut self) -> bool {
        match self {
            Self::Chosen(_) => false,
            Self::Tenant(circle) => {
                circle.is_turn_of_changes = !circle.is_turn_of_changes;
                circle.is_turn_of_changes
            }
        }
    }

    /// The next users, none of whom may be here; `None` where everybody was told.
    pub(super) async fn piece(
        &mut self,
        hub: &Inner,
        seat: &Seat,
    ) -> Result<Option<Vec<UserId>>, StoreError> {
        match self {
            Self::Chosen(from) => {
                let rest = seat.chosen().get(*from..).unwrap_or_default();
                let piece: Vec<UserId> = rest.iter().take(USERS_PER_PIECE).copied().collect();
                *from += piece.len();
                Ok((!piece.is_empty()).then_some(piece))
            }
            Self::Tenant(circle) if circle.is_closed => Ok(None),
            Self::Tenant(circle) => {
                let users = hub.store.users(seat.tenant, circle.at, USERS_PER_PIECE);
                let found = users.await?;
                circle.go_on(found.next);
                Ok(Some(found.users))
            }
        }
    }
}

/// A walk over a tenant's users, who stand in a circle: it may be closed anywhere. So a walk that has
/// to be longer, because changes were missed on the way, goes on where it is, and never begins anew
/// however often that happens.
#[derive(Debug, Default)]
pub(super) struct Circle {
    at: UserPlace,
    /// Where it is closed, the next time it comes by.
    until: UserPlace,
    /// Whether the end of the users has been passed, so that `until` comes next.
    has_wrapped: bool,
    is_closed: bool,
    /// Whether the last turn was that of what changes.
    is_turn_of_changes: bool,
}

impl Circle {
    fn again(&mut self) {
        *self = Self {
            at: self.at,
            until: self.at,
            ..Self::default()
        };
    }

    /// The users up to this place, or to the end, are told.
    fn go_on(&mut self, next: Option<UserPlace>) {
        if let Some(next) = next {
            self.at = next;
            self.is_closed = self.has_wrapped && next >= self.until;
        } else {
            self.at = UserPlace::default();
            // Passing the end twice passes everything in between.
            self.is_closed = self.has_wrapped || self.until == self.at;
            self.has_wrapped = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Walks over ten places, three at a time, and misses something before these steps; answers how
    /// many steps it took.
    fn steps(missed_before: &[usize]) -> usize {
        let mut circle = Circle::default();
        let mut told_since = [false; 10];
        for step in 0..100 {
            if missed_before.contains(&step) {
                circle.again();
                told_since = [false; 10];
            }
            if circle.is_closed {
                assert_eq!(told_since, [true; 10], "{missed_before:?}");
                return step;
            }
            let start = circle.at.0;
            for place in start..(start + 3).min(10) {
                told_since[usize::try_from(place).unwrap()] = true;
            }
            let next = start + 3;
            circle.go_on((next < 10).then_some(UserPlace(next)));
        }
        panic!("it does not end");
    }

    /// Whenever something was missed, everybody is told once more, and the walk ends one time around
    /// after the last time.
    #[test]
    fn a_circle_is_closed_where_it_was_last_opened() {
        assert_eq!(steps(&[]), 4);
        for missed in 0..=4 {
            assert_eq!(steps(&[missed]), missed + 4);
        }
        assert_eq!(steps(&[1, 2, 3, 5, 6]), 10);
        assert_eq!(steps(&(0..=50).collect::<Vec<_>>()), 54);
    }
}
