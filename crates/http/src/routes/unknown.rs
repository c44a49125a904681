//! What is not there: paths and methods. The token comes first here too (contract section 6.5).

use axum::response::IntoResponse;

use super::admitted::{Request, enter};
use super::endpoints::Answered;
use crate::api::Api;
use crate::error::{ApiError, Code, quoted};
use crate::path::{Place, walk};
use crate::target::Version;
use crate::throttle::Category;

/// 400 for a path that names nothing, as Graph has it, or this place, which is switched off.
///
/// A version that the tenant's cloud does not have is told before what is wrong below it. More is not
/// asked of the cloud: what names nothing in any of them is told as such.
pub(crate) async fn no_path(api: Api, place: Option<Place>, request: Request) -> Answered {
    let (caller, standing) = enter(&api, Category::Any, place, request.headers()).await;
    let path = request.uri().path();
    let error = caller.map_or_else(
        |error| error,
        |caller| {
            let lacked = version(path).and_then(|version| api.profile(&caller).lacks(version));
            no_segment(lacked.unwrap_or_else(|| unknown_segment(path)))
        },
    );
    Answered {
        response: error.into_response(),
        standing,
    }
}

/// The version that a path begins with.
fn version(path: &str) -> Option<Version> {
    let path = path.strip_prefix('/').unwrap_or(path);
    Version::named(path.split('/').next().unwrap_or_default())
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
