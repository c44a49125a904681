//! `GET /readyz`

use axum::Json;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::api::Api;
use crate::error::ApiError;

/// Whether requests are welcome here: 503 while the store cannot take a write.
pub(super) async fn readyz(api: Api) -> Result<Response, ApiError> {
    api.ready().await?;
    Ok(Json(json!({ "status": "ready" })).into_response())
}
