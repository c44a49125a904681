//! `POST …/presence/clearAutomaticLocation`

use axum::response::Response;
use presenced_core::decide::Command;

use super::clear_layers;
use crate::error::ApiError;
use crate::routes::admitted::{Admitted, Request};

/// Forgets the automatic location. Nothing to forget is no error (contract section
/// 1.10).
pub(crate) async fn clear_automatic_location(
    admitted: Admitted,
    request: Request,
) -> Result<Response, ApiError> {
    clear_layers(&admitted, request, Command::ClearAutomaticLocation).await
}
