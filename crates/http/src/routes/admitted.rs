//! What comes before each handler of the API: who calls, whether there is room for the request, and
//! whether there is such a thing in the tenant's cloud.

use std::sync::Arc;

use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use presenced_core::auth::Caller;

use super::endpoints::Answered;
use super::unknown::no_segment;
use crate::api::Api;
use crate::error::ApiError;
use crate::path::Place;
use crate::throttle::{Category, Standing};

/// A request on its way to a handler: in a box, since it is handed on several times.
pub(crate) type Request = Box<axum::extract::Request>;

/// A request whose token is good, for something that is there, and for which there is room.
pub(crate) struct Admitted {
    /// What the handler stands on.
    pub(crate) api: Api,
    /// Who calls.
    pub(crate) caller: Arc<Caller>,
    /// What the request's path names.
    pub(crate) place: Place,
}

/// The answer of a handler to a request for this place, if the request is let in.
pub(super) async fn admitted<F, Fut>(
    api: Api,
    category: Category,
    place: Place,
    request: Request,
    handler: F,
) -> Answered
where
    F: FnOnce(Admitted, Request) -> Fut,
    Fut: Future<Output = Result<Response, ApiError>>,
{
    let (caller, standing) = enter(&api, category, Some(place), request.headers()).await;
    let answer = match caller {
        Ok(caller) => handler(Admitted { api, caller, place }, request).await,
        Err(error) => Err(error),
    };
    Answered {
        response: answer.into_response(),
        standing,
    }
}

/// The caller, if its request is let in; 401 where its token is not good, 403 where its application is
/// disabled, 429 where there is no room, 400 where the tenant's cloud has no such place, which then
/// counts as no more than a request. And how the caller stands, where the request was counted.
pub(super) async fn enter(
    api: &Api,
    category: Category,
    place: Option<Place>,
    headers: &HeaderMap,
) -> (Result<Arc<Caller>, ApiError>, Option<Standing>) {
    let caller = match api.caller(headers).await {
        Ok(caller) => caller,
        Err(error) => return (Err(error), None),
    };
    let missing = place.and_then(|place| api.profile(&caller).missing(&place));
    let category = missing.map_or(category, |_| Category::Any);
    match (api.count(&caller, category), missing) {
        (Ok(standing), None) => (Ok(caller), standing),
        (Ok(standing), Some(missing)) => (Err(no_segment(missing)), standing),
        (Err(throttled), _) => {
            let standing = throttled.standing;
            (Err(throttled.into()), Some(standing))
        }
    }
}
