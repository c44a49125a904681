//! How much of the feed is handed to its watchers in one go.
//!
//! A change is handed to whoever watches while a lock is held that everybody needs who opens, ends or
//! lists something. The more watch, the fewer changes are handed over before others have a turn.

/// Times that somebody is told of a change while the lock is held: a few milliseconds.
const TELLINGS_MAX: usize = 65_536;

/// Changes taken from the feed at once, where few watch.
pub(crate) const CHANGES_MAX: usize = 1_024;

/// Changes taken from the feed at once, however many watch: each look at the feed costs something
/// too.
const CHANGES_MIN: usize = 16;

/// How many changes to take from the feed for so many watchers, each of whom may have to be told of
/// each. Who reads of it later, from what is kept once for all, does not count.
pub(crate) fn changes_for(watchers: usize) -> usize {
    (TELLINGS_MAX / watchers.max(1)).clamp(CHANGES_MIN, CHANGES_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Few watchers get much at once; many get little, and never nothing.
    #[test]
    fn pieces_shrink_with_the_watchers() {
        for (watchers, changes) in [
            (0, CHANGES_MAX),
            (64, CHANGES_MAX),
            (1_000, 65),
            (10_000, CHANGES_MIN),
            (usize::MAX, CHANGES_MIN),
        ] {
            assert_eq!(changes_for(watchers), changes, "{watchers}");
        }
    }
}
