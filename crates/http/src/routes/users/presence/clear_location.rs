//! `POST …/presence/clearLocation`

use axum::extract::{Request, State};
use axum::response::Response;
use presenced_core::decide::Command;

use super::clear_layers;
use crate::api::Api;
use crate::error::ApiError;

/// Forgets the manual and the automatic location. Nothing to forget is no error (contract section
/// 1.10).
pub(crate) async fn clear_location(
    State(api): State<Api>,
    request: Request,
) -> Result<Response, ApiError> {
    clear_layers(&api, request, Command::ClearLocation).await
}
