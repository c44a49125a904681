//! What is not there: paths and methods. The token comes first here too (contract section 6.5).

use axum::response::Response;

use super::admitted::{Request, enter, told};
use crate::api::Api;
use crate::error::{ApiError, Code, quoted};
use crate::path::walk;
use crate::throttle::Category;

/// 400 for a path that names nothing, as Graph has it.
pub(crate) async fn no_path(api: Api, request: Request) -> Response {
    let (caller, standing) = enter(&api, Category::Any, None, request.headers()).await;
    let segment = unknown_segment(request.uri().path());
    told(caller.and_then(|_| Err(no_segment(segment))), standing)
}

/// The segment at fault; the last one where the path names what is switched off.
fn unknown_segment(path: &str) -> &str {
    walk(path).err().unwrap_or_else(|| {
        let path = path.strip_suffix('/').unwrap_or(path);
        path.rsplit('/').next().unwrap_or_default()
    })
}

/// 400 for the segment of a path that names nothing.
pub(super) fn no_segment(segment: &str) -> ApiError {
    let segment = quoted(segment);
    ApiError::bad_request(format!("Resource not found for the segment '{segment}'."))
}

/// 405 for a method that the path does not have.
pub(super) fn no_method() -> ApiError {
    ApiError::new(
        Code::MethodNotAllowed,
        "Specified HTTP method is not allowed for the request target.",
    )
}
