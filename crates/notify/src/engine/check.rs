//! Asking endpoints whether they want notifications: so many at once, and each in its turn.

use presenced_core::id::SubscriptionId;
use tokio::time::timeout;

use super::Inner;
use super::gate::Door;
use super::limits::CHECK_TURN_MAX;
use crate::courier::EndpointFault;
use crate::subscription::NotificationUrl;

/// Why an endpoint has not passed.
#[derive(Debug)]
pub(super) enum CheckError {
    /// Its turn did not come in time.
    Busy,
    /// It was asked.
    Fault(EndpointFault),
}

/// A place inside the gate or in line. It is given back however the check ends, also where whoever
/// wanted it is gone and this is dropped on its way.
struct Place<'a> {
    inner: &'a Inner,
    name: SubscriptionId,
    door: Door,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.inner.state.lock().end_check(self.name, &self.door);
    }
}

impl Inner {
    /// Asks the endpoint at this URL whether it wants notifications (contract section 4.4).
    pub(super) async fn check(&self, url: &NotificationUrl) -> Result<(), CheckError> {
        // In line it has a name as subscriptions have, which nobody else has.
        let name = self.new_id();
        let begun = self.state.lock().begin_check(name, url);
        let (door, turn) = begun.ok_or(CheckError::Busy)?;
        let _place = Place {
            inner: self,
            name,
            door,
        };
        if let Some(turn) = turn {
            let waited = timeout(CHECK_TURN_MAX, turn.notified()).await;
            waited.map_err(|_| CheckError::Busy)?;
        }
        let checked = self.seams.courier.check(url.as_str()).await;
        checked.map_err(CheckError::Fault)
    }
}
