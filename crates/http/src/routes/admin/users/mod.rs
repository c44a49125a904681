//! `/admin/v1/users` and `/admin/v1/users/{id}`

pub(super) mod out_of_office;
pub(super) mod schedule;

use axum::response::Response;
use presenced_core::auth::Caller;
use presenced_core::decide::Command;
use presenced_core::id::{UserId, UserKey};
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

use super::{
    Page, answer_entry, answer_part, answer_put, condition, id_of, not_there, read_body, same_id,
    source, unchanged,
};
use crate::api::{Api, key};
use crate::directory::{BadName, DisplayName, Listed, PrincipalName, User};
use crate::error::ApiError;
use crate::routes::admitted::{Admitted, Request};
use crate::target::named;
use crate::wire::no_content;

const WHAT: &str = "user";

/// What is put.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct UserBody {
    /// As in the path, if it is there at all.
    id: Option<String>,
    /// What the user signs in as.
    principal_name: Option<String>,
    /// What people call the user.
    display_name: Option<String>,
    /// Told, not taken: so that what was read can be put back.
    #[serde(rename = "source")]
    _source: Option<IgnoredAny>,
}

/// A user as it is answered.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct UserAnswer {
    /// The object id.
    id: String,
    /// What the user signs in as.
    principal_name: Option<String>,
    /// What people call the user.
    display_name: Option<String>,
    /// Where the entry is from.
    source: &'static str,
}

impl UserAnswer {
    fn of(id: UserId, user: Listed<User>) -> Self {
        let User {
            principal_name,
            display_name,
        } = user.entry;
        Self {
            id: id.to_string(),
            principal_name: principal_name.map(|name| name.as_str().to_owned()),
            display_name: display_name.map(|name| name.as_str().to_owned()),
            source: source(user.source),
        }
    }
}

/// Lists the users of the tenant's directory, by id.
pub(super) async fn list_users(
    Admitted { api, caller, .. }: Admitted,
    request: Request,
) -> Result<Response, ApiError> {
    let (parts, _no_body) = request.into_parts();
    let page = Page::of(&parts)?;
    let after = page.after(UserId::parse)?;
    let users = api.directory().users(caller.tenant, after, page.top + 1);
    let answers = users
        .into_iter()
        .map(|(id, user)| (id.to_string(), UserAnswer::of(id, user)));
    answer_part(&api, &parts, &page, answers.collect())
}

/// One user of the directory.
pub(super) async fn get_user(
    Admitted { api, caller, place }: Admitted,
    request: Request,
) -> Result<Response, ApiError> {
    let (parts, _no_body) = request.into_parts();
    let key = key_of(&api, &caller, &id_of(&place, &parts)?)?;
    let user = api.directory().user(key.tenant, key.user);
    let user = user.ok_or_else(|| not_there(WHAT))?;
    Ok(answer_entry(user.source, &UserAnswer::of(key.user, user)))
}

/// Makes a user known, or puts it in place of the one with its id.
pub(super) async fn put_user(
    Admitted { api, caller, place }: Admitted,
    request: Request,
) -> Result<Response, ApiError> {
    let (parts, body) = request.into_parts();
    let key = key_of(&api, &caller, &id_of(&place, &parts)?)?;
    let condition = condition(&parts.headers)?;
    let body: UserBody = read_body(&api, &parts.headers, body).await?;
    same_id(&key.user.to_string(), body.id.as_deref())?;
    let principal_name = body.principal_name.as_deref().map(PrincipalName::new);
    let user = User {
        principal_name: principal_name
            .transpose()
            .map_err(|bad| bad_name("PrincipalName", bad))?,
        display_name: display_name(body.display_name.as_deref())?,
    };
    let put = api.directory().put_user(key, user, condition).await;
    let (put, user) = put.map_err(|error| unchanged(WHAT, error))?;
    Ok(answer_put(
        put,
        user.source,
        &UserAnswer::of(key.user, user),
    ))
}

/// Removes a user from the directory.
pub(super) async fn delete_user(
    Admitted { api, caller, place }: Admitted,
    request: Request,
) -> Result<Response, ApiError> {
    let (parts, _no_body) = request.into_parts();
    let key = key_of(&api, &caller, &id_of(&place, &parts)?)?;
    let condition = condition(&parts.headers)?;
    let deleted = api.directory().delete_user(key, condition).await;
    deleted.map_err(|error| unchanged(WHAT, error))?;
    Ok(no_content())
}

/// Takes away what stands beside a user's presence, which the command says.
async fn forget(
    Admitted { api, caller, place }: Admitted,
    request: Request,
    command: Command,
) -> Result<Response, ApiError> {
    let (parts, _no_body) = request.into_parts();
    let user = key_of(&api, &caller, &id_of(&place, &parts)?)?.user;
    api.apply(&caller, user, command).await?;
    Ok(no_content())
}

/// The user that a path names by object id or by a known user principal name.
fn key_of(api: &Api, caller: &Caller, id: &str) -> Result<UserKey, ApiError> {
    let user = named(caller, api.directory(), id)?;
    Ok(key(caller, user))
}

/// The name of a body, if there is one; 400 where it cannot be.
pub(super) fn display_name(text: Option<&str>) -> Result<Option<DisplayName>, ApiError> {
    let name = text.map(DisplayName::new).transpose();
    name.map_err(|bad| bad_name("DisplayName", bad))
}

fn bad_name(field: &str, bad: BadName) -> ApiError {
    ApiError::invalid_argument(field, format_args!("The {field} cannot be taken: {bad}."))
}
