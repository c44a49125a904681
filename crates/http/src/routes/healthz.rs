//! `GET /healthz`

use axum::Json;
use serde_json::{Value, json};

/// Whether the process answers. It asks nothing else, so that a store in trouble does not get the
/// process restarted, which would not help.
pub(super) async fn healthz() -> Json<Value> {
    Json(json!({ "status": "alive" }))
}
