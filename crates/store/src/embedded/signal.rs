//! How a snapshot is asked for.

use parking_lot::{Condvar, Mutex};

/// How the journal asks the compactor for work, and the store asks it to stop.
#[derive(Default)]
pub(crate) struct Signal {
    wishes: Mutex<Wishes>,
    changed: Condvar,
}

#[derive(Default)]
struct Wishes {
    snapshot: bool,
    stop: bool,
}

impl Signal {
    /// Asks for a snapshot.
    pub(crate) fn ask(&self) {
        self.wishes.lock().snapshot = true;
        self.changed.notify_one();
    }

    /// Asks the compactor to stop, also in the middle of a snapshot.
    pub(crate) fn stop(&self) {
        self.wishes.lock().stop = true;
        self.changed.notify_one();
    }

    /// Whether the compactor is to stop.
    pub(crate) fn is_stopped(&self) -> bool {
        self.wishes.lock().stop
    }

    /// Waits for a wish: whether it is a snapshot.
    pub(crate) fn wait(&self) -> bool {
        let mut wishes = self.wishes.lock();
        loop {
            if wishes.stop {
                return false;
            }
            if std::mem::take(&mut wishes.snapshot) {
                return true;
            }
            self.changed.wait(&mut wishes);
        }
    }
}
