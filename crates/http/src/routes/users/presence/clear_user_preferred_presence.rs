//! `POST …/presence/clearUserPreferredPresence`

use axum::response::Response;
use presenced_core::decide::Command;

use crate::body;
use crate::error::ApiError;
use crate::routes::admitted::{Admitted, Request};
use crate::wire::done;

/// Lets the sessions show again. Nothing to clear is no error (contract section 1.8).
pub(crate) async fn clear_user_preferred_presence(
    Admitted { api, caller, place }: Admitted,
    request: Request,
) -> Result<Response, ApiError> {
    let (parts, body) = request.into_parts();
    let user = api.user(&caller, &place, &parts.uri)?;
    body::nothing(api.body_limits(), &parts.headers, body).await?;
    caller.may_write(user)?;
    api.apply(&caller, user, Command::ClearPreferred).await?;
    Ok(done())
}
