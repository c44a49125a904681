//! `POST /communications/getPresencesByUserId`

use std::borrow::Cow;

use axum::extract::{Request, State};
use axum::response::Response;
use bytes::BytesMut;
use presenced_core::id::UserId;

use crate::api::Api;
use crate::body::{self, BodyLimits};
use crate::error::ApiError;
use crate::limits::{IDS_BODY_BYTES_MAX, IDS_PER_READ_MAX};
use crate::members::{Member, members};
use crate::query;
use crate::target::{Subject, Version, within_limit};
use crate::wire::context::Root;
use crate::wire::odata;
use crate::wire::presence::{PRESENCE_BYTES, Shown, close, push_members};

const FIELD: &str = "Ids";

/// The presence of several users, in the order asked for and once per mention (contract section
/// 1.4).
pub(crate) async fn get_presences_by_user_id(
    State(api): State<Api>,
    request: Request,
) -> Result<Response, ApiError> {
    let (parts, body) = request.into_parts();
    let caller = api.caller(&parts.headers).await?;
    let version = Version::of(parts.uri.path());
    let select = query::select(version, parts.uri.query())?;
    let limits = api.body_limits();
    let limits = BodyLimits {
        bytes_max: limits.bytes_max.max(IDS_BODY_BYTES_MAX),
        ..limits
    };
    let json = body::json(limits, &parts.headers, body).await?;
    let [ids] = members(&json, &["ids"], IDS_PER_READ_MAX + 1)?;
    let ids = texts(ids)?;
    let subjects: Vec<Subject<'_>> = ids.iter().map(|id| Subject::of(id)).collect();
    let root = Root::of(&parts, api.public_url())?;
    caller.may_read_all()?;
    let users: Vec<UserId> = subjects
        .iter()
        .filter_map(|subject| subject.user())
        .collect();
    let records = api.records(&caller, &users).await?;
    let (mut records, now) = (records.iter(), api.now());

    let mut out = BytesMut::with_capacity((subjects.len() + 1) * PRESENCE_BYTES);
    out.extend_from_slice(b"{\"@odata.context\":\"");
    root.push_several(&mut out, version, select);
    out.extend_from_slice(b"\",\"value\":[");
    for subject in subjects {
        let record = match subject {
            Subject::Nobody(_) => None,
            Subject::User(_) => records.next().and_then(Option::as_ref),
        };
        let shown = Shown::of(subject, record, now).read_by(&caller);
        out.extend_from_slice(b"{");
        push_members(&mut out, shown, select);
        close(&mut out, b'}');
        out.extend_from_slice(b",");
    }
    close(&mut out, b']');
    out.extend_from_slice(b"}");
    Ok(odata(out))
}

/// The ids that the body names; 400 where they are missing, too many, or no texts.
fn texts(ids: Member<'_>) -> Result<Vec<Cow<'_, str>>, ApiError> {
    let refused = |message: &str| ApiError::invalid_argument(FIELD, message);
    let list = match ids {
        Member::Missing => return Err(refused("The Ids field is required.")),
        Member::List(list) => list,
        Member::Text(_) | Member::Object(_) | Member::Other => {
            return Err(refused("The Ids must be a list of strings."));
        }
    };
    if list.len() > IDS_PER_READ_MAX {
        return Err(refused(&format!(
            "At most {IDS_PER_READ_MAX} ids can be asked for at a time."
        )));
    }
    list.into_iter()
        .map(|id| match id {
            Member::Text(id) => within_limit(FIELD, &id).map(|()| id),
            Member::Missing | Member::List(_) | Member::Object(_) | Member::Other => {
                Err(refused("The Ids must be a list of strings."))
            }
        })
        .collect()
}
