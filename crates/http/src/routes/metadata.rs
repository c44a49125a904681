//! `GET /$metadata`

use axum::body::Body;
use axum::http::HeaderValue;
use axum::http::header::CONTENT_TYPE;
use axum::response::Response;

use crate::api::Api;
use crate::error::ApiError;

/// What is served, in the words of OData (CSDL XML 4.0). Both versions serve the same.
const CSDL: &str = include_str!("metadata.xml");

/// The description of the API, for anybody: no token is needed (contract section 6.2).
pub(super) async fn metadata(_: Api) -> Result<Response, ApiError> {
    let mut response = Response::new(Body::from(CSDL));
    let xml = HeaderValue::from_static("application/xml");
    response.headers_mut().insert(CONTENT_TYPE, xml);
    Ok(response)
}
