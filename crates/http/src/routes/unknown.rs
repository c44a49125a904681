//! What is not there: paths and methods. The token comes first here too (contract section 6.5).

use axum::extract::{Request, State};
use axum::response::Response;

use super::admitted::{Admitted, admitted};
use crate::api::Api;
use crate::error::{ApiError, Code, quoted};
use crate::path::unknown_segment;
use crate::throttle::Category;

/// 400 for a path that names nothing, as Graph has it.
pub(super) async fn path(State(api): State<Api>, request: Request) -> Response {
    admitted(api, Category::Any, request, no_path).await
}

async fn no_path(_: Admitted, request: Request) -> Result<Response, ApiError> {
    Err(no_segment(unknown_segment(request.uri().path())))
}

/// 400 for the segment of a path that names nothing.
pub(super) fn no_segment(segment: &str) -> ApiError {
    let segment = quoted(segment);
    ApiError::bad_request(format!("Resource not found for the segment '{segment}'."))
}

/// 405 for a method that the path does not have; the router adds the Allow header.
pub(super) async fn method(State(api): State<Api>, request: Request) -> Response {
    admitted(api, Category::Any, request, no_method).await
}

async fn no_method(_: Admitted, _: Request) -> Result<Response, ApiError> {
    Err(probe_method().await)
}

/// The same for the probes, which need no token.
pub(super) async fn probe_method() -> ApiError {
    ApiError::new(
        Code::MethodNotAllowed,
        "Specified HTTP method is not allowed for the request target.",
    )
}
