//! `POST …/presence/clearLocation`

use axum::extract::{Request, State};
use axum::response::Response;
use presenced_core::decide::Command;

use crate::api::Api;
use crate::body;
use crate::error::ApiError;
use crate::target::Target;
use crate::wire::done;

/// Forgets the manual and the automatic location. Nothing to forget is no error (contract section
/// 1.10).
pub(crate) async fn clear_location(
    State(api): State<Api>,
    request: Request,
) -> Result<Response, ApiError> {
    let (parts, body) = request.into_parts();
    let caller = api.caller(&parts.headers).await?;
    let user = Target::of(parts.uri.path()).to_write(&caller)?;
    body::nothing(api.body_limits(), &parts.headers, body).await?;
    caller.may_write_own(user)?;
    api.apply(&caller, user, Command::ClearLocation).await?;
    Ok(done())
}
