//! From what a path names to the handler of a method: how endpoints are kept, and how one answers.

use std::pin::Pin;
use std::sync::Arc;

use axum::extract::Request;
use axum::http::header::ALLOW;
use axum::http::{HeaderValue, Method};
use axum::response::{IntoResponse, Response};

use super::admitted::{Admitted, admitted};
use super::unknown::{no_method, no_path};
use crate::api::Api;
use crate::error::ApiError;
use crate::path::{Place, Resource};
use crate::throttle::Category;

/// All endpoints, by what paths name. Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct Endpoints(Arc<Vec<Option<Endpoint>>>);

/// What can be done with a resource.
type Endpoint = (Resource, Vec<Operation>);

/// What a method does to a resource.
pub(super) struct Operation {
    method: Method,
    handler: Handler,
}

enum Handler {
    /// For whoever has a token that is good, and counted as this category.
    Admitted(
        Category,
        Box<dyn Fn(Admitted, Request) -> Pending + Send + Sync>,
    ),
    /// For everybody.
    Open(Box<dyn Fn(Api) -> Pending + Send + Sync>),
}

/// An answer that is being made. The one box of a request: in it, a handler takes the room that it
/// needs by itself, and not as much as the largest of them.
type Pending = Pin<Box<dyn Future<Output = Result<Response, ApiError>> + Send>>;

impl Endpoints {
    /// Adds what can be done with a resource.
    pub(super) fn put<const N: usize>(&mut self, resource: Resource, operations: [Operation; N]) {
        let all = Arc::get_mut(&mut self.0).expect("nobody else has them while they are put in");
        let at = resource as usize;
        all.resize_with(all.len().max(at + 1), || None);
        if let Some(place) = all.get_mut(at) {
            *place = Some((resource, operations.into()));
        }
    }

    /// What can be done with a resource: nothing where it is switched off.
    fn of(&self, resource: Resource) -> &[Operation] {
        match self.0.get(resource as usize) {
            Some(Some((_, operations))) => operations,
            Some(None) | None => &[],
        }
    }

    /// The resources that something can be done with.
    pub(crate) fn resources(&self) -> impl Iterator<Item = Resource> {
        self.0.iter().flatten().map(|(resource, _)| *resource)
    }

    /// The answer to a request for this place.
    pub(crate) async fn answer(&self, api: &Api, place: Place, request: Request) -> Response {
        let operations = self.of(place.resource);
        let method = match *request.method() {
            Method::HEAD => &Method::GET,
            ref method => method,
        };
        let Some(operation) = operations.iter().find(|one| one.method == *method) else {
            return not_allowed(api, operations, place, request).await;
        };
        match &operation.handler {
            Handler::Admitted(category, handler) => {
                let wanted = (*category, Some(place));
                let handle = |caller, request| {
                    let api = api.clone();
                    handler(Admitted { api, caller, place }, request)
                };
                admitted(api, wanted, request, handle).await
            }
            Handler::Open(handler) => handler(api.clone()).await.into_response(),
        }
    }
}

/// The answer to a request with a method that its resource does not have, with those that it has; or
/// for a resource that is switched off, as if there were none. The token comes first here too.
async fn not_allowed(
    api: &Api,
    operations: &[Operation],
    place: Place,
    request: Request,
) -> Response {
    let Some(first) = operations.first() else {
        return no_path(api, request).await;
    };
    let mut response = match first.handler {
        Handler::Admitted(..) => {
            let refuse = async |_, _| Err(no_method());
            admitted(api, (Category::Any, Some(place)), request, refuse).await
        }
        Handler::Open(_) => no_method().into_response(),
    };
    let methods = operations.iter().map(|one| match one.method {
        Method::GET => "GET,HEAD",
        ref method => method.as_str(),
    });
    let methods = methods.collect::<Vec<_>>().join(",");
    let allow = HeaderValue::from_str(&methods).expect("methods are of capital letters");
    response.headers_mut().insert(ALLOW, allow);
    response
}

/// `GET` for whoever asks.
pub(super) fn open<F, Fut>(handler: F) -> Operation
where
    F: Fn(Api) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<Response, ApiError>> + Send + 'static,
{
    Operation {
        method: Method::GET,
        handler: Handler::Open(Box::new(move |api| Box::pin(handler(api)))),
    }
}

/// `GET`, counted as this category.
pub(super) fn reading<F, Fut>(category: Category, handler: F) -> Operation
where
    F: Fn(Admitted, Request) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<Response, ApiError>> + Send + 'static,
{
    requests(Method::GET, category, handler)
}

/// The same for `POST`.
pub(super) fn posting<F, Fut>(category: Category, handler: F) -> Operation
where
    F: Fn(Admitted, Request) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<Response, ApiError>> + Send + 'static,
{
    requests(Method::POST, category, handler)
}

/// The same for any method. With `GET` goes `HEAD`.
pub(super) fn requests<F, Fut>(method: Method, category: Category, handler: F) -> Operation
where
    F: Fn(Admitted, Request) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<Response, ApiError>> + Send + 'static,
{
    let handler = move |call, request| Box::pin(handler(call, request)) as Pending;
    Operation {
        method,
        handler: Handler::Admitted(category, Box::new(handler)),
    }
}
