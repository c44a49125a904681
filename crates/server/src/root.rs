//! `GET /`: a line for whoever opens the address in a browser.

use axum::Router;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use presenced_http::ApiError;
use presenced_http::error::Code;

/// The route, to be merged beside those of the API. It answers this text, to anybody.
pub(crate) fn router(text: String) -> Router {
    Router::new()
        .route("/", get(async move || text))
        .method_not_allowed_fallback(method_not_allowed)
}

/// What routes beside the API's own answer to another method.
pub(crate) async fn method_not_allowed() -> Response {
    let message = "Specified HTTP method is not allowed for the request target.";
    ApiError::new(Code::MethodNotAllowed, message).into_response()
}
