//! Ways into what each request passes through, for `cargo xtask instructions` and for tests, and for
//! nobody else. Nothing of it is reached from a route.

use std::fmt::Debug;

use bytes::BytesMut;
use presenced_core::auth::Caller;
use presenced_core::id::UserId;
use presenced_core::record::Record;
use presenced_core::time::Timestamp;

use crate::api::Api;
use crate::members::{members, required};
use crate::routes::endpoints;
use crate::target::Subject;
use crate::throttle::{Category, Limits, Throttle, Throttling};
use crate::wire::level::Level;
use crate::wire::presence::{Select, Shown, close, push_members};
use crate::{duration, path};

/// What a path names, and in which way.
pub fn named(path: &str) -> Option<(impl Debug + use<>, impl Debug + use<>)> {
    let place = path::walk(path).ok()?;
    Some((place.resource, place.form))
}

/// Everything that can be named and answers.
pub fn answering(api: &Api) -> Vec<impl Debug + use<>> {
    endpoints(api).resources().collect()
}

/// Reads the body of a setPresence, as far as that does not depend on the caller: how many
/// characters its texts have.
pub fn set_presence_body(json: &[u8]) -> usize {
    let names = [
        "sessionId",
        "availability",
        "activity",
        "expirationDuration",
    ];
    let Ok([session, availability, activity, duration]) = members(json, &names, 0) else {
        return 0;
    };
    let texts = required([
        ("SessionId", session),
        ("Availability", availability),
        ("Activity", activity),
    ]);
    let text = duration.text("ExpirationDuration").ok().flatten();
    let lifetime = text.and_then(|text| duration::session_lifetime(&text).ok());
    match (texts, lifetime) {
        (Ok(texts), Some(_)) => texts.iter().map(|text| text.len()).sum(),
        _ => 0,
    }
}

/// Writes what a user's record shows at `now`: how many bytes that takes.
pub fn presence_json(out: &mut BytesMut, user: UserId, record: &Record, now: Timestamp) -> usize {
    out.clear();
    let shown = Shown::of(Subject::User(user), Some(record), now);
    out.extend_from_slice(b"{");
    push_members(out, shown, Select::ALL, Level::Minimal);
    close(out, b'}');
    out.len()
}

/// Counts writes of one caller, within limits of these numbers.
pub struct CountedWrites {
    throttle: Throttle,
    throttling: Throttling,
    caller: Caller,
}

impl CountedWrites {
    /// Nothing was counted yet.
    pub fn new(throttling: Throttling, caller: Caller) -> Self {
        Self {
            throttle: Throttle::new(),
            throttling,
            caller,
        }
    }

    /// Counts one: whether there was room.
    pub fn count(&self, now: Timestamp) -> bool {
        let Throttling { requests, tenant } = &self.throttling;
        let limits = Limits::of(*requests, tenant, &self.caller, Category::PresenceWrite);
        self.throttle.count(limits, now).is_ok()
    }
}
