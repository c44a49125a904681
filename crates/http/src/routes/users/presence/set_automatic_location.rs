//! `POST …/presence/setAutomaticLocation`

use axum::response::Response;
use presenced_core::location::LocationLayer;

use super::set_location;
use crate::error::ApiError;
use crate::routes::admitted::{Admitted, Request};

/// Sets the automatic location for the rest of the day: what a client found out (contract section 1.10).
pub(crate) async fn set_automatic_location(
    admitted: Admitted,
    request: Request,
) -> Result<Response, ApiError> {
    set_location(&admitted, request, LocationLayer::Automatic).await
}
