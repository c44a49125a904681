//! `POST …/presence/setUserPreferredPresence`

use axum::response::Response;
use presenced_core::decide::Command;
use presenced_core::preferred::PreferredState;

use super::state;
use crate::body;
use crate::duration::preferred_lifetime;
use crate::error::ApiError;
use crate::members::{members, required};
use crate::routes::admitted::{Admitted, Request};
use crate::wire::done_under;

/// Sets what shows over the sessions (contract section 1.7).
pub(crate) async fn set_user_preferred_presence(
    Admitted { api, caller, place }: Admitted,
    request: Request,
) -> Result<Response, ApiError> {
    let (parts, body) = request.into_parts();
    let user = api.user(&caller, &place, &parts.uri)?;
    let json = body::json(api.body_limits(), &parts.headers, body).await?;
    let names = ["availability", "activity", "expirationDuration"];
    let [availability, activity, duration] = members(&json, &names, 0)?;
    let pair = required([("Availability", availability), ("Activity", activity)])?;
    let state = state(PreferredState::ALL, PreferredState::presence, &pair)?;
    let lifetime = match duration.text("ExpirationDuration")? {
        Some(text) => preferred_lifetime(&text)?,
        None => state.default_lifetime(),
    };
    caller.may_write(user)?;
    let command = Command::SetPreferred { state, lifetime };
    let shadow = api.apply(&caller, user, command).await?;
    Ok(done_under(shadow))
}
