//! `/users/{id}/presence`, and likewise `/me/presence` and `/communications/presences/{id}`.

pub(crate) mod clear_presence;
pub(crate) mod clear_user_preferred_presence;
pub(crate) mod get_presence;
pub(crate) mod set_presence;
pub(crate) mod set_user_preferred_presence;

use std::borrow::Cow;

use presenced_core::auth::Caller;
use presenced_core::id::SessionId;
use presenced_core::limits::SESSION_ID_CHARS_MAX;
use presenced_core::presence::Presence;

use crate::api::{Api, SessionPolicy};
use crate::error::{ApiError, quoted};

/// The session that a body names; 400 where the caller may not use it.
fn session_id(api: &Api, caller: &Caller, text: &str) -> Result<SessionId, ApiError> {
    let refused = |message: String| ApiError::invalid_argument("SessionId", message);
    match api.session_policy(caller) {
        SessionPolicy::OwnApplication => {
            let own = SessionId::of_application(caller.application);
            if SessionId::parse(text).as_ref() == Ok(&own) {
                return Ok(own);
            }
            Err(refused(format!(
                "The SessionId must be the client id of the calling application, {own}; it is \
                 '{}'.",
                quoted(text)
            )))
        }
        SessionPolicy::Any => SessionId::parse(text).map_err(|_bad| {
            refused(format!(
                "The SessionId must be 1 to {SESSION_ID_CHARS_MAX} printable ASCII characters."
            ))
        }),
    }
}

/// The one of `states` whose pair this is, in whatever case; 400 names the field at fault, its
/// value and the pairs that are allowed.
fn state<S: Copy, const N: usize>(
    states: [S; N],
    pair: impl Fn(S) -> Presence,
    written: &[Cow<'_, str>; 2],
) -> Result<S, ApiError> {
    let [availability, activity] = written;
    let mut availability_known = false;
    for state in states {
        let presence = pair(state);
        if presence
            .availability
            .as_str()
            .eq_ignore_ascii_case(availability)
        {
            availability_known = true;
            if presence.activity.as_str().eq_ignore_ascii_case(activity) {
                return Ok(state);
            }
        }
    }
    let pairs: Vec<String> = states
        .into_iter()
        .map(|state| pair(state).to_string())
        .collect();
    let pairs = pairs.join(", ");
    Err(if availability_known {
        let message = format!(
            "The Activity '{}' is not allowed with the Availability '{}'. Allowed pairs: {pairs}.",
            quoted(activity),
            quoted(availability)
        );
        ApiError::invalid_argument("Activity", message)
    } else {
        let message = format!(
            "The Availability '{}' is not allowed. Allowed pairs: {pairs}.",
            quoted(availability)
        );
        ApiError::invalid_argument("Availability", message)
    })
}
