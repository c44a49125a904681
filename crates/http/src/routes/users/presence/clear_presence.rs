//! `POST …/presence/clearPresence`

use axum::response::Response;
use presenced_core::decide::Command;
use presenced_core::id::SessionId;

use super::session_id;
use crate::body;
use crate::error::{ApiError, Code};
use crate::members::{members, required};
use crate::routes::admitted::{Admitted, Request};
use crate::wire::done_under;

/// Ends a session; 404 where there is none of that name (contract section 1.6).
pub(crate) async fn clear_presence(
    Admitted { api, caller, place }: Admitted,
    request: Request,
) -> Result<Response, ApiError> {
    let (parts, body) = request.into_parts();
    let user = api.user(&caller, &place, &parts.uri)?;
    let json = body::json(api.body_limits(), &parts.headers, body).await?;
    let [session] = members(&json, &["sessionId"], 0)?;
    let [session] = required([("SessionId", session)])?;
    let session = session_id(&api, &caller, &session)?;
    caller.may_write(user)?;
    // Both are 404, and only here it can be told which of the two is missing.
    api.must_have(&caller, user)?;
    let command = Command::ClearSession {
        session: session.clone(),
    };
    let applied = api.apply(&caller, user, command).await;
    let shadow = applied.map_err(|error| which_session(error, &session))?;
    Ok(done_under(shadow))
}

/// Says in a 404 which session there is not.
fn which_session(error: ApiError, session: &SessionId) -> ApiError {
    if error.code() != Code::NotFound {
        return error;
    }
    let message = format!("The user has no session '{session}'. It may have expired.");
    ApiError::new(Code::NotFound, message)
}
