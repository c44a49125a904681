//! `GET /openapi.json`

use axum::body::Body;
use axum::http::HeaderValue;
use axum::http::header::CONTENT_TYPE;
use axum::response::Response;

use crate::api::Api;
use crate::error::ApiError;

/// What is served, in the words of `OpenAPI` 3.1. It is kept by hand, and the tests in
/// `tests/it/openapi` hold it to the routes, limits and tables.
const OPENAPI: &str = include_str!("openapi.json");

/// The description of the API, for anybody: no token is needed, as for `$metadata`.
pub(super) async fn openapi(_: Api) -> Result<Response, ApiError> {
    let mut response = Response::new(Body::from(OPENAPI));
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(CONTENT_TYPE, json);
    Ok(response)
}
