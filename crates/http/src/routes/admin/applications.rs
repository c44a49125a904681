//! `/admin/v1/applications` and `/admin/v1/applications/{id}`

use axum::response::Response;
use presenced_core::auth::Permissions;
use presenced_core::id::ApplicationId;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

use super::users::display_name;
use super::{
    Page, answer_entry, answer_part, answer_put, condition, id_of, not_there, read_body, same_id,
    source, unchanged,
};
use crate::api::{Api, RolesFrom};
use crate::directory::{Application, DisplayName, Listed};
use crate::error::{ApiError, Code, quoted};
use crate::routes::admitted::{Admitted, Request};
use crate::wire::no_content;

const WHAT: &str = "application";

/// What is put.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ApplicationBody {
    /// As in the path, if it is there at all.
    id: Option<String>,
    /// What people call the application.
    display_name: Option<String>,
    /// Whether it may call; it may if this is left out.
    enabled: Option<bool>,
    /// What its own tokens permit, where this server gives them out.
    roles: Option<Vec<String>>,
    /// Told, not taken: so that what was read can be put back.
    #[serde(rename = "source")]
    _source: Option<IgnoredAny>,
}

/// An application as it is answered.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ApplicationAnswer {
    /// The client id.
    id: String,
    /// What people call the application.
    display_name: Option<String>,
    /// Whether it may call.
    enabled: bool,
    /// What its own tokens permit, where this server gives them out.
    #[serde(skip_serializing_if = "Option::is_none")]
    roles: Option<Vec<&'static str>>,
    /// Where the entry is from.
    source: &'static str,
}

impl ApplicationAnswer {
    fn of(api: &Api, id: ApplicationId, application: &Listed<Application>) -> Self {
        let entry = &application.entry;
        let name = entry.display_name.as_ref().map(DisplayName::as_str);
        let roles = match api.roles_from() {
            RolesFrom::Issuer => None,
            RolesFrom::Directory => Some(entry.roles.names().collect()),
        };
        Self {
            id: id.to_string(),
            display_name: name.map(str::to_owned),
            enabled: entry.enabled,
            roles,
            source: source(application.source),
        }
    }
}

/// Lists the applications of the tenant's directory, by id.
pub(super) async fn list_applications(
    Admitted { api, caller, .. }: Admitted,
    request: Request,
) -> Result<Response, ApiError> {
    let (parts, _no_body) = request.into_parts();
    let page = Page::of(&parts)?;
    let after = page.after(ApplicationId::parse)?;
    let directory = api.directory();
    let found = directory.applications(caller.tenant, after, page.top + 1);
    let answers = found.into_iter().map(|(id, application)| {
        let answer = ApplicationAnswer::of(&api, id, &application);
        (id.to_string(), answer)
    });
    answer_part(&api, &parts, &page, answers.collect())
}

/// One application of the directory.
pub(super) async fn get_application(
    Admitted { api, caller, place }: Admitted,
    request: Request,
) -> Result<Response, ApiError> {
    let (parts, _no_body) = request.into_parts();
    let id = application_id(&id_of(&place, &parts)?)?;
    let application = api.directory().application(caller.tenant, id);
    let application = application.ok_or_else(|| not_there(WHAT))?;
    let answer = ApplicationAnswer::of(&api, id, &application);
    Ok(answer_entry(application.source, &answer))
}

/// Makes an application known, or puts it in place of the one with its id. 409 where that would
/// disable the caller: nobody could undo it over this API.
pub(super) async fn put_application(
    Admitted { api, caller, place }: Admitted,
    request: Request,
) -> Result<Response, ApiError> {
    let (parts, body) = request.into_parts();
    let id = application_id(&id_of(&place, &parts)?)?;
    let condition = condition(&parts.headers)?;
    let body: ApplicationBody = read_body(&api, &parts.headers, body).await?;
    same_id(&id.to_string(), body.id.as_deref())?;
    let application = Application {
        display_name: display_name(body.display_name.as_deref())?,
        enabled: body.enabled.unwrap_or(true),
        roles: roles(&api, body.roles.as_deref())?,
    };
    if id == caller.application && !application.enabled {
        let message = "An application cannot disable itself. Use another administrator's.";
        return Err(ApiError::new(Code::Conflict, message));
    }
    let directory = api.directory();
    let put = directory.put_application(caller.tenant, id, application, condition);
    let (put, application) = put.await.map_err(|error| unchanged(WHAT, error))?;
    let answer = ApplicationAnswer::of(&api, id, &application);
    Ok(answer_put(put, application.source, &answer))
}

/// Removes an application from the directory. It may call all the same: only one that is known can
/// be disabled.
pub(super) async fn delete_application(
    Admitted { api, caller, place }: Admitted,
    request: Request,
) -> Result<Response, ApiError> {
    let (parts, _no_body) = request.into_parts();
    let id = application_id(&id_of(&place, &parts)?)?;
    let condition = condition(&parts.headers)?;
    let deleted = api
        .directory()
        .delete_application(caller.tenant, id, condition)
        .await;
    deleted.map_err(|error| unchanged(WHAT, error))?;
    Ok(no_content())
}

fn application_id(text: &str) -> Result<ApplicationId, ApiError> {
    ApplicationId::parse(text).ok_or_else(|| {
        let text = quoted(text);
        let message = format!("'{text}' is not an application's client id, which is a GUID.");
        ApiError::invalid_argument("Id", message)
    })
}

/// The roles of these names; 400 for one that is not known, and for any where the issuer of the
/// tokens says what they permit.
fn roles(api: &Api, names: Option<&[String]>) -> Result<Permissions, ApiError> {
    let refused = |message: String| ApiError::invalid_argument("Roles", message);
    let Some(names) = names else {
        return Ok(Permissions::NONE);
    };
    if api.roles_from() == RolesFrom::Issuer {
        return Err(refused(
            "What an application's token permits is said by its issuer. Leave the roles out, and \
             grant them there."
                .to_owned(),
        ));
    }
    names.iter().try_fold(Permissions::NONE, |roles, name| {
        let role = Permissions::named(name);
        if role == Permissions::NONE {
            let known: Vec<&str> = Permissions::NAMES.iter().map(|(name, _)| *name).collect();
            let (name, known) = (quoted(name), known.join(", "));
            return Err(refused(format!(
                "'{name}' is not known. Known are: {known}."
            )));
        }
        Ok(roles.and(role))
    })
}
