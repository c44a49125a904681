//! `POST …/presence/setAutomaticLocation`

use axum::extract::{Request, State};
use axum::response::Response;
use presenced_core::location::LocationLayer;

use super::set_location;
use crate::api::Api;
use crate::error::ApiError;

/// Sets the automatic location for the rest of the day: what a client found out (contract section 1.10).
pub(crate) async fn set_automatic_location(
    State(api): State<Api>,
    request: Request,
) -> Result<Response, ApiError> {
    set_location(&api, request, LocationLayer::Automatic).await
}
