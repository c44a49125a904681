//! What comes before each handler of the API: who calls, whether there is such a thing in the tenant's
//! cloud, and whether there is room for the request.

use std::sync::Arc;

use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use presenced_core::auth::Caller;

use super::unknown::no_segment;
use crate::api::Api;
use crate::error::ApiError;
use crate::path::Place;
use crate::throttle::Category;

/// A request whose token is good, for something that is there, and for which there is room.
pub(crate) struct Admitted {
    /// What the handler stands on.
    pub(crate) api: Api,
    /// Who calls.
    pub(crate) caller: Arc<Caller>,
    /// What the request's path names.
    pub(crate) place: Place,
}

/// The answer of a handler to a request for a place, if it is for one; 401 where its token is not good,
/// 400 where the tenant's cloud has no such place, which then counts as no more than a request, 429
/// where there is no room. How the caller stands is told with whatever comes of a request that was
/// counted.
pub(super) async fn admitted<F, Fut>(
    api: &Api,
    (category, place): (Category, Option<Place>),
    request: Request,
    handler: F,
) -> Response
where
    F: FnOnce(Arc<Caller>, Request) -> Fut,
    Fut: Future<Output = Result<Response, ApiError>>,
{
    let caller = match api.caller(request.headers()).await {
        Ok(caller) => caller,
        Err(error) => return error.into_response(),
    };
    let missing = place.and_then(|place| api.profile(&caller).missing(&place));
    let category = missing.map_or(category, |_| Category::Any);
    let (answer, standing) = match (api.count(&caller, category), missing) {
        (Ok(standing), None) => (handler(caller, request).await, standing),
        (Ok(standing), Some(missing)) => (Err(no_segment(missing)), standing),
        (Err(throttled), _) => {
            let standing = Some(throttled.standing);
            (Err(throttled.into()), standing)
        }
    };
    let mut response = answer.into_response();
    if let Some(standing) = standing {
        standing.write(response.headers_mut());
    }
    response
}
