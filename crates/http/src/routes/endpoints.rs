//! From what a path names to the handler of a method: how endpoints are kept, and how one answers.

use std::future::ready;
use std::pin::Pin;
use std::sync::Arc;

use axum::http::header::ALLOW;
use axum::http::{HeaderValue, Method};
use axum::response::{IntoResponse, Response};

use super::admitted::{Admitted, Request, admitted, enter};
use super::unknown::{no_method, no_path};
use crate::api::Api;
use crate::error::ApiError;
use crate::path::{Place, Resource};
use crate::throttle::{Category, Standing};

/// All endpoints, by what paths name. Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct Endpoints(Arc<Vec<Option<Endpoint>>>);

/// What can be done with a resource.
type Endpoint = (Resource, Vec<Operation>);

/// What a method does to a resource.
pub(super) struct Operation {
    /// `None` for whatever method.
    method: Option<Method>,
    access: Access,
    handler: Box<dyn Fn(Api, Place, Request) -> Pending + Send + Sync>,
}

/// Who gets as far as an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Access {
    /// Whoever has a token that is good.
    Admitted,
    /// Everybody.
    Open,
}

/// An answer that is being made. It is boxed once, all of it, so that what is carried around until
/// then is small, and each handler takes the room that it needs by itself.
pub(crate) type Pending = Pin<Box<dyn Future<Output = Answered> + Send>>;

/// The answer to a request, and what its headers are to tell besides.
pub(crate) struct Answered {
    pub(crate) response: Response,
    /// How the caller stands, where the request was counted: told with whatever came of it.
    pub(crate) standing: Option<Standing>,
}

/// With nothing to tell besides.
impl From<Response> for Answered {
    fn from(response: Response) -> Self {
        Self {
            response,
            standing: None,
        }
    }
}

impl IntoResponse for Answered {
    fn into_response(self) -> Response {
        let Self {
            mut response,
            standing,
        } = self;
        if let Some(standing) = standing {
            standing.write(response.headers_mut());
        }
        response
    }
}

impl Endpoints {
    /// Adds what can be done with a resource, all of it at once.
    pub(super) fn put<const N: usize>(&mut self, resource: Resource, operations: [Operation; N]) {
        let all = Arc::get_mut(&mut self.0).expect("nobody else has them while they are put in");
        let at = resource as usize;
        all.resize_with(all.len().max(at + 1), || None);
        if let Some(place) = all.get_mut(at) {
            assert!(place.is_none(), "{resource:?} was put in before");
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
    pub(crate) fn answer(&self, api: Api, place: Place, request: Request) -> Pending {
        let operations = self.of(place.resource);
        let method = match *request.method() {
            Method::HEAD => &Method::GET,
            ref method => method,
        };
        let is_asked = |one: &&Operation| one.method.as_ref().is_none_or(|its| its == method);
        match operations.iter().find(is_asked) {
            Some(operation) => (operation.handler)(api, place, request),
            None => not_allowed(api, operations, place, request),
        }
    }
}

/// The answer to a request with a method that its resource does not have, with those that it has; or
/// for a resource that is switched off, as if there were none. The token comes first here too.
fn not_allowed(api: Api, operations: &[Operation], place: Place, request: Request) -> Pending {
    let Some(first) = operations.first() else {
        return Box::pin(no_path(api, Some(place), request));
    };
    let access = first.access;
    let methods = operations.iter().filter_map(|one| one.method.as_ref());
    let methods = methods.map(|method| match *method {
        Method::GET => "GET,HEAD",
        ref method => method.as_str(),
    });
    let methods = methods.collect::<Vec<_>>().join(",");
    let allow = HeaderValue::from_str(&methods).expect("methods are of capital letters");
    Box::pin(async move {
        let (error, standing) = match access {
            Access::Admitted => {
                let headers = request.headers();
                let (caller, standing) = enter(&api, Category::Any, Some(place), headers).await;
                (caller.map_or_else(|error| error, |_| no_method()), standing)
            }
            Access::Open => (no_method(), None),
        };
        let mut response = error.into_response();
        response.headers_mut().insert(ALLOW, allow);
        Answered { response, standing }
    })
}

/// `GET` for whoever asks.
pub(super) fn open<F, Fut>(handler: F) -> Operation
where
    F: Fn(Api) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<Response, ApiError>> + Send + 'static,
{
    Operation {
        method: Some(Method::GET),
        access: Access::Open,
        handler: Box::new(move |api, _, _| {
            let answer = handler(api);
            Box::pin(async { answer.await.into_response().into() })
        }),
    }
}

/// `GET`, counted as this category.
pub(super) fn reading<F, Fut>(category: Category, handler: F) -> Operation
where
    F: FnOnce(Admitted, Request) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = Result<Response, ApiError>> + Send + 'static,
{
    requests(Method::GET, category, handler)
}

/// The same for `POST`.
pub(super) fn posting<F, Fut>(category: Category, handler: F) -> Operation
where
    F: FnOnce(Admitted, Request) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = Result<Response, ApiError>> + Send + 'static,
{
    requests(Method::POST, category, handler)
}

/// The same for any method. With `GET` goes `HEAD`.
pub(super) fn requests<F, Fut>(method: Method, category: Category, handler: F) -> Operation
where
    F: FnOnce(Admitted, Request) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = Result<Response, ApiError>> + Send + 'static,
{
    Operation {
        method: Some(method),
        access: Access::Admitted,
        handler: Box::new(move |api, place, request| {
            let handler = handler.clone();
            Box::pin(admitted(api, category, place, request, handler))
        }),
    }
}

/// Whatever method, to be refused after all has been looked at that is before any handler.
pub(super) fn refused(refusal: fn() -> ApiError) -> Operation {
    Operation {
        method: None,
        ..posting(Category::Any, move |_, _| ready(Err(refusal())))
    }
}
