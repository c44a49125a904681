//! Every limit of the engine, in one place, and the times that it goes by.

use std::time::Duration;

/// Subscriptions that one application may have in one tenant, if the settings say nothing else. A
/// delegated one counts as well, and there is one at most for each user (contract section 4.1).
pub const PER_APPLICATION_DEFAULT: usize = 20_000;

/// Subscriptions in one tenant, if the settings say nothing else.
pub const PER_TENANT_DEFAULT: usize = 50_000;

/// Subscriptions altogether, if the settings say nothing else.
pub const TOTAL_DEFAULT: usize = 200_000;

/// Pairs of a subscription and a user that it watches by name, if the settings say nothing else.
/// Each takes about a hundred bytes in the index, and as much again while a change waits. One to a
/// whole tenant counts as [`WAITING_PER_SUBSCRIPTION_MAX`] of them, which may wait for it.
pub const WATCHED_DEFAULT: usize = 5_000_000;

/// Items in one POST. Encrypted ones take about 2 KiB each.
pub const ITEMS_PER_POST_MAX: usize = 100;

/// Users whose present state is read for one POST, where a subscription has to be told everything
/// anew. Half a POST, so that what changes meanwhile is not kept waiting.
pub const REREAD_PER_POST_MAX: usize = 50;

/// Users of a tenant whose names are read at once, and kept until their state has been read.
pub const USERS_PER_READ: usize = 1_024;

/// Users of whom a change waits for one subscription to a whole tenant. Beyond it what waits is
/// forgotten, and the present state of everybody is read and sent instead.
pub const WAITING_PER_SUBSCRIPTION_MAX: usize = 10_000;

/// POSTs at once to endpoints that are known to be quick. All others have room of their own, so that
/// many endpoints that hang or dawdle take nothing from these.
pub const POSTS_MAX: usize = 4096;

/// The same, to one host and port.
pub const POSTS_PER_HOST_MAX: usize = 64;

/// First POSTs at once: what their endpoints will do is not known yet.
pub const FIRST_POSTS_MAX: usize = 1024;

/// The same, to one host and port.
pub const FIRST_POSTS_PER_HOST_MAX: usize = 32;

/// POSTs at once to endpoints that take them, but slowly.
pub const SLOW_POSTS_MAX: usize = 1024;

/// The same, to one host and port.
pub const SLOW_POSTS_PER_HOST_MAX: usize = 32;

/// POSTs at once to endpoints that did not take the last one.
pub const RETRIES_MAX: usize = 512;

/// The same, to one host and port.
pub const RETRIES_PER_HOST_MAX: usize = 16;

/// An endpoint that takes longer than this for its answer is not quick.
pub const QUICK_ANSWER: Duration = Duration::from_secs(1);

/// For so long after such an answer it counts as slow, however quick it is meanwhile. Whoever is
/// slow now and then therefore spends most of the time among those that are.
pub const SLOW_FOR: Duration = Duration::from_mins(1);

/// Tasks at once that write down how a delivery stands, or read what it has to tell, and send nothing;
/// the next wait. As many as go well into one commit of the store.
pub const STORE_TASKS_MAX: usize = 512;

/// Subscriptions that have ended whose documents are removed at once. As many as go well into one
/// commit of the store.
pub(crate) const FORGOTTEN_AT_ONCE: usize = 256;

/// Validation requests at once (contract section 4.4). Anybody who may subscribe has them sent to
/// any host, so that they have room of their own, and less of it.
pub const CHECKS_MAX: usize = 256;

/// Validation requests at once to one host and port.
pub const CHECKS_PER_HOST_MAX: usize = 16;

/// Validation requests that wait for their turn. More are refused, and may be tried again.
pub const CHECKS_WAITING_MAX: usize = 4096;

/// How long a validation request waits for its turn, in real time. It is refused after that, and may
/// be tried again.
pub const CHECK_TURN_MAX: Duration = Duration::from_secs(10);

/// The wait before the first retry; doubled with each further one.
pub const RETRY_FIRST: Duration = Duration::from_secs(1);

/// The longest wait between two tries: this long after an endpoint has recovered it is told.
pub const RETRY_LONGEST: Duration = Duration::from_mins(2);

/// After this long without success a message is given up (contract section 4.9).
pub const GIVE_UP_AFTER: Duration = Duration::from_hours(4);

/// An answer that takes as long as this counts as slow (contract section 4.9).
pub const SLOW_ANSWER: Duration = Duration::from_secs(10);

/// Answers within ten minutes before an endpoint is judged by them (contract section 4.9).
pub const ANSWERS_TO_JUDGE: u32 = 100;

/// Above this share of slow answers, in percent, an endpoint is slow.
pub const SLOW_PERCENT: u32 = 10;

/// Above this share of slow answers, in percent, nothing is sent to an endpoint for a while.
pub const HELD_PERCENT: u32 = 15;

/// How long a notification to a slow endpoint waits.
pub const SLOW_DELAY: Duration = Duration::from_secs(10);

/// Characters that are kept of why an attempt failed. The rest is cut.
pub const FAULT_CHARS_MAX: usize = 200;

/// How long the tasks under way may take to finish when the engine is told to stop. What an endpoint
/// has not answered by then is sent again after the next start.
pub const DRAIN_MAX: Duration = Duration::from_secs(5);

/// How often the common place in the feed is written down, at most.
pub(crate) const PLACE_EVERY: Duration = Duration::from_secs(2);

/// How long after a message was taken that is written down, unless the next one is sent before, which
/// writes it down too. What was taken since then is sent once more after a process is killed.
pub(crate) const RECORD_AFTER: Duration = Duration::from_secs(2);

/// The longest sleep between two looks at the clock, so that a wall clock that jumps is seen.
pub(crate) const SLEEP_MAX: Duration = Duration::from_secs(1);

/// The shortest sleep: a deadline is a whole millisecond.
pub(crate) const SLEEP_MIN: Duration = Duration::from_millis(1);

/// How often it is asked whether a subscriber that may not be told anything now may again.
pub const AUDIENCE_RETRY: Duration = Duration::from_secs(30);

/// The wait of a delivery after an error of the store; doubled with each further one. Of each wait
/// half or more, so that those who met it together do not come back together.
pub(crate) const STORE_RETRY_FIRST: Duration = Duration::from_millis(500);

/// The longest wait of a delivery after an error of the store: this long after it works again.
pub(crate) const STORE_RETRY_LONGEST: Duration = Duration::from_secs(30);

/// How many subscriptions there may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Of one application in one tenant.
    pub per_application: usize,
    /// In one tenant.
    pub per_tenant: usize,
    /// Altogether.
    pub total: usize,
    /// Pairs of a subscription and a user that it watches by name; one to a whole tenant counts as
    /// [`WAITING_PER_SUBSCRIPTION_MAX`] of them.
    pub watched: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            per_application: PER_APPLICATION_DEFAULT,
            per_tenant: PER_TENANT_DEFAULT,
            total: TOTAL_DEFAULT,
            watched: WATCHED_DEFAULT,
        }
    }
}
