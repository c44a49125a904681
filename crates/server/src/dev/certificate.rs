//! `GET /dev/certificate`: the certificate authority to trust, where `presenced dev --tls` made one.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use presenced_http::ApiError;
use presenced_http::error::Code;

use super::method_not_allowed;

/// The route, to be merged beside those of the API. `authority` is the PEM text to trust.
pub(crate) fn router(authority: Option<Vec<u8>>) -> Router {
    Router::new()
        .route("/dev/certificate", get(get_certificate))
        .method_not_allowed_fallback(method_not_allowed)
        .with_state(authority.map(Arc::from))
}

async fn get_certificate(State(authority): State<Option<Arc<[u8]>>>) -> Result<Response, ApiError> {
    let Some(authority) = authority else {
        return Err(ApiError::new(
            Code::NotFound,
            "There is no certificate of presenced's own: start it with `presenced dev --tls`.",
        ));
    };
    let headers = [(CONTENT_TYPE, "application/x-pem-file")];
    Ok((headers, authority.to_vec()).into_response())
}
