//! `GET /healthz`

use axum::Json;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::api::Api;
use crate::error::ApiError;

/// Whether the process answers. It asks nothing else, so that a store in trouble does not get the
/// process restarted, which would not help.
pub(super) async fn healthz(_: Api) -> Result<Response, ApiError> {
    Ok(Json(json!({ "status": "alive" })).into_response())
}
