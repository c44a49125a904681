//! `POST …/presence/setPresence`

use axum::response::Response;
use presenced_core::decide::Command;
use presenced_core::session::{SessionLifetime, SessionState};

use super::{session_id, state};
use crate::body;
use crate::duration::session_lifetime;
use crate::error::ApiError;
use crate::members::{members, required};
use crate::routes::admitted::{Admitted, Request};
use crate::wire::done_under;

/// Sets or renews a session (contract section 1.5).
pub(crate) async fn set_presence(
    Admitted { api, caller, place }: Admitted,
    request: Request,
) -> Result<Response, ApiError> {
    let (parts, body) = request.into_parts();
    let user = api.user(&caller, &place, &parts.uri)?;
    let json = body::json(api.body_limits(), &parts.headers, body).await?;
    let names = [
        "sessionId",
        "availability",
        "activity",
        "expirationDuration",
    ];
    let [session, availability, activity, duration] = members(&json, &names, 0)?;
    let [session, availability, activity] = required([
        ("SessionId", session),
        ("Availability", availability),
        ("Activity", activity),
    ])?;
    let session = session_id(&api, &caller, &session)?;
    let state = state(
        SessionState::ALL,
        SessionState::presence,
        &[availability, activity],
    )?;
    let lifetime = match duration.text("ExpirationDuration")? {
        Some(text) => session_lifetime(&text)?,
        None => SessionLifetime::default(),
    };
    caller.may_write(user)?;
    let command = Command::SetSession {
        session,
        state,
        lifetime,
        sessions_max: api.sessions_max(&caller),
    };
    let shadow = api.apply(&caller, user, command).await?;
    Ok(done_under(shadow))
}
