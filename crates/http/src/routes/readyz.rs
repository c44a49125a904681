//! `GET /readyz`

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

use crate::api::Api;
use crate::error::ApiError;

/// Whether requests are welcome here: 503 while the store cannot take a write.
pub(super) async fn readyz(State(api): State<Api>) -> Result<Json<Value>, ApiError> {
    api.ready().await?;
    Ok(Json(json!({ "status": "ready" })))
}
