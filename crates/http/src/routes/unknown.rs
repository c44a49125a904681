//! What is not there: paths and methods. The token comes first here too (contract section 6.5).

use axum::extract::{Request, State};

use crate::api::Api;
use crate::error::{ApiError, Code, quoted};
use crate::path::unknown_segment;

/// 400 for a path that names nothing, as Graph has it.
pub(super) async fn path(State(api): State<Api>, request: Request) -> ApiError {
    if let Err(error) = api.caller(request.headers()).await {
        return error;
    }
    let segment = quoted(unknown_segment(request.uri().path()));
    ApiError::bad_request(format!("Resource not found for the segment '{segment}'."))
}

/// 405 for a method that the path does not have; the router adds the Allow header.
pub(super) async fn method(State(api): State<Api>, request: Request) -> ApiError {
    match api.caller(request.headers()).await {
        Ok(_) => probe_method().await,
        Err(error) => error,
    }
}

/// The same for the probes, which need no token.
pub(super) async fn probe_method() -> ApiError {
    ApiError::new(
        Code::MethodNotAllowed,
        "Specified HTTP method is not allowed for the request target.",
    )
}
