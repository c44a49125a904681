//! `GET …/presence`

use axum::response::Response;
use bytes::BytesMut;

use crate::error::ApiError;
use crate::query;
use crate::routes::admitted::{Admitted, Request};
use crate::target::Target;
use crate::wire::context::Root;
use crate::wire::level::Level;
use crate::wire::odata;
use crate::wire::presence::{PRESENCE_BYTES, Shown, close, push_members};

/// Bytes that hold a context URL of usual length.
const CONTEXT_BYTES: usize = 192;

/// The presence of one user (contract section 1.3).
pub(crate) async fn get_presence(
    Admitted { api, caller, place }: Admitted,
    request: Request,
) -> Result<Response, ApiError> {
    let (parts, _no_body) = request.into_parts();
    let target = Target::of(&place, parts.uri.path());
    let subject = api.subject(&caller, &target)?;
    let there = api.profile(&caller).properties();
    let select = query::select(target.version, parts.uri.query(), there)?;
    let root = Root::of(&parts, api.public_url())?;
    caller.may_read(subject.user())?;
    let record = api.record(&caller, subject).await?;
    let shown = Shown::of(subject, record.as_ref(), api.now()).read_by(&caller);

    let level = Level::of(&parts.headers);
    let mut out = BytesMut::with_capacity(CONTEXT_BYTES + PRESENCE_BYTES);
    out.extend_from_slice(b"{");
    if level != Level::None {
        out.extend_from_slice(b"\"@odata.context\":\"");
        root.push_one(&mut out, target.version, (target.form, subject), select);
        out.extend_from_slice(b"\",");
    }
    if level == Level::Full {
        root.push_identity(&mut out, target.version, (target.form, subject));
    }
    push_members(&mut out, shown, select.within(there), level);
    close(&mut out, b'}');
    Ok(odata(out, level))
}
