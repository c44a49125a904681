//! `GET …/presence/explain`

use axum::response::Response;

use crate::api::SessionPolicy;
use crate::error::ApiError;
use crate::query;
use crate::routes::admitted::{Admitted, Request};
use crate::target::Target;
use crate::wire::explanation::{Explained, Names, Summary};
use crate::wire::own_json;
use crate::wire::presence::Shown;

/// Why a presence is what it is. No part of Graph; who may read the presence may ask, and how much
/// is told depends on who asks.
pub(crate) async fn explain(
    Admitted { api, caller, place }: Admitted,
    request: Request,
) -> Result<Response, ApiError> {
    let (parts, _no_body) = request.into_parts();
    let target = Target::of(&place, parts.uri.path());
    let subject = api.subject(&caller, &target)?;
    query::none(target.version, parts.uri.query())?;
    caller.may_read(subject.user())?;
    let record = api.record(&caller, subject).await?;
    let now = api.now();
    if !caller.may_know_why(subject.user()) {
        let shown = Shown::of(subject, record.as_ref(), now);
        return Ok(own_json(&Summary::of(shown, now)));
    }
    let names = match api.session_policy(&caller) {
        SessionPolicy::OwnApplication => Names::Applications,
        SessionPolicy::Any => Names::Free,
    };
    let record = record.unwrap_or_default();
    Ok(own_json(&Explained::of(subject, &record, names, now)))
}
