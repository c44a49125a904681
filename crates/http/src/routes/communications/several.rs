//! The presences of several users in one answer.

use std::borrow::Cow;

use axum::http::request::Parts;
use axum::response::Response;
use bytes::BytesMut;
use presenced_core::auth::Caller;
use presenced_core::id::UserId;

use crate::api::Api;
use crate::error::ApiError;
use crate::target::{Form, Subject, Version};
use crate::wire::context::{Root, Several};
use crate::wire::level::Level;
use crate::wire::odata;
use crate::wire::presence::{PRESENCE_BYTES, Select, Shown, close, push_members};

/// What is to be answered.
pub(super) struct Asked<'a> {
    /// In the words of which version.
    pub(super) version: Version,
    /// Whose presences.
    pub(super) ids: &'a [Cow<'a, str>],
    /// As what.
    pub(super) as_what: Several,
    /// Which of their properties.
    pub(super) select: Select,
}

/// Their presences, in the order asked for and once per mention; 403 where the caller may not read
/// those of all.
pub(super) async fn several(
    api: &Api,
    caller: &Caller,
    parts: &Parts,
    asked: Asked<'_>,
) -> Result<Response, ApiError> {
    let root = Root::of(parts, api.public_url())?;
    caller.may_read_all()?;
    let subjects: Vec<Subject<'_>> = asked
        .ids
        .iter()
        .map(|id| api.looked_up(caller, Subject::of(id)))
        .collect();
    let users: Vec<UserId> = subjects
        .iter()
        .filter_map(|subject| subject.shown())
        .collect();
    let records = api.records(caller, &users).await?;
    let (mut records, now) = (records.iter(), api.now());
    let level = Level::of(&parts.headers);
    let properties = asked.select.within(api.profile(caller).properties());

    let mut out = BytesMut::with_capacity((subjects.len() + 1) * PRESENCE_BYTES);
    out.extend_from_slice(b"{");
    if level != Level::None {
        out.extend_from_slice(b"\"@odata.context\":\"");
        root.push_several(&mut out, asked.version, asked.as_what, asked.select);
        out.extend_from_slice(b"\",");
    }
    out.extend_from_slice(b"\"value\":[");
    for subject in subjects {
        let record = match subject {
            Subject::Stranger(_) | Subject::Nobody(_) => None,
            Subject::User(_) => records.next().and_then(Option::as_ref),
        };
        let shown = Shown::of(subject, record, now).read_by(caller);
        out.extend_from_slice(b"{");
        if level == Level::Full {
            root.push_identity(&mut out, asked.version, (Form::Communications, subject));
        }
        push_members(&mut out, shown, properties, level);
        close(&mut out, b'}');
        out.extend_from_slice(b",");
    }
    close(&mut out, b']');
    out.extend_from_slice(b"}");
    Ok(odata(out, level))
}
