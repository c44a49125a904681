//! What comes before each handler of the API: who calls, whether there is such a thing in the tenant's
//! cloud, and whether there is room for the request.

use std::future::Future;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodFilter, MethodRouter, on};
use presenced_core::auth::Caller;

use super::unknown::no_segment;
use crate::api::Api;
use crate::error::ApiError;
use crate::throttle::Category;

/// A request whose token is good, for something that is there, and for which there is room.
pub(crate) struct Admitted {
    /// What the handler stands on.
    pub(crate) api: Api,
    /// Who calls.
    pub(crate) caller: Arc<Caller>,
}

/// A route for `GET` whose requests are counted as this category.
pub(super) fn reading<F, Fut>(category: Category, handler: F) -> MethodRouter<Api>
where
    F: FnOnce(Admitted, Request) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = Result<Response, ApiError>> + Send,
{
    requests(MethodFilter::GET, category, handler)
}

/// The same for `POST`.
pub(super) fn posting<F, Fut>(category: Category, handler: F) -> MethodRouter<Api>
where
    F: FnOnce(Admitted, Request) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = Result<Response, ApiError>> + Send,
{
    requests(MethodFilter::POST, category, handler)
}

/// The same for any method. With `GET` goes `HEAD`.
pub(super) fn requests<F, Fut>(
    method: MethodFilter,
    category: Category,
    handler: F,
) -> MethodRouter<Api>
where
    F: FnOnce(Admitted, Request) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = Result<Response, ApiError>> + Send,
{
    on(method, move |State(api): State<Api>, request: Request| {
        admitted(api, category, request, handler)
    })
}

/// The answer of a handler to a request; 401 where its token is not good, 400 where the tenant's cloud
/// has no such path, which then counts as no more than a request, 429 where there is no room. How the
/// caller stands is told with whatever comes of a request that was counted.
pub(super) async fn admitted<F, Fut>(
    api: Api,
    category: Category,
    request: Request,
    handler: F,
) -> Response
where
    F: FnOnce(Admitted, Request) -> Fut,
    Fut: Future<Output = Result<Response, ApiError>>,
{
    let caller = match api.caller(request.headers()).await {
        Ok(caller) => caller,
        Err(error) => return error.into_response(),
    };
    let missing = api.profile(&caller).missing(request.uri().path());
    let missing = missing.map(no_segment);
    let category = missing.as_ref().map_or(category, |_| Category::Any);
    let (mut response, standing) = match (api.count(&caller, category), missing) {
        (Ok(standing), None) => {
            let answer = handler(Admitted { api, caller }, request).await;
            (answer.into_response(), standing)
        }
        (Ok(standing), Some(missing)) => (missing.into_response(), standing),
        (Err(throttled), _) => {
            let standing = Some(throttled.standing);
            (ApiError::from(throttled).into_response(), standing)
        }
    };
    if let Some(standing) = standing {
        standing.write(response.headers_mut());
    }
    response
}
