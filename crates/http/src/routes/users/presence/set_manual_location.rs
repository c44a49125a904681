//! `POST …/presence/setManualLocation`

use axum::response::Response;
use presenced_core::location::LocationLayer;

use super::set_location;
use crate::error::ApiError;
use crate::routes::admitted::{Admitted, Request};

/// Sets the manual location for the rest of the day: what the user said (contract section 1.10).
pub(crate) async fn set_manual_location(
    admitted: Admitted,
    request: Request,
) -> Result<Response, ApiError> {
    set_location(&admitted, request, LocationLayer::Manual).await
}
