//! The `resource` of a subscription: whose presence it watches (contract section 4.1).

use std::collections::HashSet;

use presenced_core::auth::Caller;
use presenced_core::id::UserId;
use presenced_notify::subscription::Resource;

use super::refused;
use crate::api::Extensions;
use crate::error::{ApiError, quoted};
use crate::path::{Resource as Named, walk};
use crate::target::{Form, Version};
use crate::wire::presence::Select;
use crate::{filter, query};

/// What a resource may be, for the messages.
const FORMS: &str = "/communications/presences/{id} or \
                     /communications/presences?$filter=id in ('{id}','{id}')";

/// What a resource names. 400 for what cannot be watched; an id has to be a user's, since nobody
/// would ever hear of another.
///
/// It is a path below the version, written in all the ways in which paths are (`path.rs`), with or
/// without a slash in front. Of all users it may be only for an application, and as an extension.
pub(super) fn read(
    version: Version,
    extensions: Extensions,
    caller: &Caller,
    text: &str,
) -> Result<Resource, ApiError> {
    let (path, query) = match text.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (text, None),
    };
    let below = path.strip_prefix('/').unwrap_or(path);
    let path = format!("/{}/{below}", version.as_str());
    let place = walk(&path).map_err(|_nothing| unsupported(text))?;
    match (place.resource, query) {
        (Named::Presences, Some(query)) => {
            let filter = query::options(version, Some(query), &["filter"], Select::ALL)?.filter;
            let filter = filter.ok_or_else(|| unsupported(text))?;
            users(filter::ids(&filter)?.iter().map(AsRef::as_ref))
        }
        (Named::Presences, None) if extensions == Extensions::On && caller.user().is_none() => {
            Ok(Resource::Tenant)
        }
        (Named::Presence | Named::PresenceCount | Named::Live, None)
            if place.form == Form::Communications =>
        {
            users(std::iter::once(place.id(&path).as_ref()))
        }
        (Named::Presence, None) if place.form == Form::Me => Err(refused("Unsupported workload.")),
        _ => Err(unsupported(text)),
    }
}

fn unsupported(text: &str) -> ApiError {
    refused(&format!(
        "Unsupported workload. The resource '{}' cannot be watched; presence is as {FORMS}.",
        quoted(text)
    ))
}

/// These users, each once, in the order in which they were named first.
fn users<'a>(ids: impl Iterator<Item = &'a str>) -> Result<Resource, ApiError> {
    let mut seen = HashSet::new();
    let mut users = Vec::new();
    for id in ids {
        let user = UserId::parse(id).ok_or_else(|| {
            ApiError::invalid_argument(
                "Resource",
                format_args!(
                    "'{}' is not a user's object id. Name users by their GUIDs.",
                    quoted(id)
                ),
            )
        })?;
        if seen.insert(user) {
            users.push(user);
        }
    }
    if users.is_empty() {
        let message = "The Resource names no user. Name at least one.";
        return Err(ApiError::invalid_argument("Resource", message));
    }
    Ok(Resource::Users(users.into()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::SUBSCRIPTION_USERS_MAX;
    use presenced_core::auth::{Grant, Permissions};
    use presenced_core::id::{ApplicationId, TenantId};

    const ADELE: &str = "fa8bf3dc-eca7-46b7-bad1-db199b62afc3";
    const ALEX: &str = "66825e03-7ef5-42da-9069-724602c31f6b";

    fn caller(user: Option<u128>) -> Caller {
        let all = Permissions::PRESENCE_READ_ALL;
        Caller {
            tenant: TenantId::from_u128(1),
            application: ApplicationId::from_u128(2),
            grant: match user {
                Some(user) => Grant::Delegated {
                    user: UserId::from_u128(user),
                    scopes: all,
                },
                None => Grant::Application { roles: all },
            },
        }
    }

    fn resource(text: &str) -> Result<Resource, ApiError> {
        read(Version::V1, Extensions::On, &caller(Some(3)), text)
    }

    /// Both forms are read in every way to write them, and each user is watched once.
    #[test]
    fn resources_are_read() {
        let check = |text: &str, expect: &[&str]| {
            let users = expect.iter().map(|id| UserId::parse(id).unwrap());
            assert_eq!(
                resource(text).unwrap(),
                Resource::Users(users.collect()),
                "{text}"
            );
        };
        check(&format!("/communications/presences/{ADELE}"), &[ADELE]);
        check(&format!("communications/presences/{ADELE}"), &[ADELE]);
        check(&format!("/Communications/PRESENCES/{ADELE}/"), &[ADELE]);
        check(&format!("communications/presences('{ADELE}')"), &[ADELE]);
        let both = format!("id in ('{ADELE}','{ALEX}')");
        check(
            &format!("/communications/presences?$filter={both}"),
            &[ADELE, ALEX],
        );
        check(
            &format!("communications/presences/?$filter={both}"),
            &[ADELE, ALEX],
        );
        let encoded = both.replace(' ', "%20").replace('\'', "%27");
        check(
            &format!("communications/presences?%24filter={encoded}"),
            &[ADELE, ALEX],
        );
        check(
            &format!("communications/presences?$filter=id eq '{ALEX}'"),
            &[ALEX],
        );
        let upper = ADELE.to_uppercase();
        check(
            &format!("communications/presences?$filter=id in ('{ADELE}','{ALEX}','{upper}')"),
            &[ADELE, ALEX],
        );
    }

    /// What cannot be watched is refused, the signed-in user's own presence in Graph's words.
    #[test]
    fn other_resources_are_refused() {
        let check = |text: &str, expect: &str| {
            let error = resource(text).unwrap_err();
            assert!(error.to_string().contains(expect), "{text}: {error}");
        };
        assert_eq!(
            resource("/me/presence").unwrap_err().message(),
            "Operation: Create; Exception: [Status Code: BadRequest; Reason: Unsupported workload.]"
        );
        let unsupported = "ExtensionError: Operation: Create; Exception: [Status Code: BadRequest; \
                           Reason: Unsupported workload.";
        for text in [
            "",
            "/",
            "/me",
            "me/messages",
            "/communications/presences",
            "//communications/presences/x",
            "/v1.0/communications/presences/x",
            "https://graph.microsoft.com/v1.0/communications/presences/x",
            "/communications/presences/x?$select=id",
            "/communications/presences/x/setPresence",
            "/communications/presences?x=y",
            "/communications/presences?",
            "users/x/presence",
            "\u{0}",
        ] {
            check(text, unsupported);
        }
        check("/communications/presences/adele", "[Resource]: 'adele' is");
        check("communications/presences/$count", "'$count' is not");
        check("communications/presences?$filter=id in ()", "names no user");
        check("communications/presences?$filter=id in ('x')", "'x' is not");
        check("communications/presences?$filter=x", "The $filter 'x' is");
        check("communications/presences?$top=1", "'$top' is not supported");
        let many = vec![format!("'{ADELE}'"); SUBSCRIPTION_USERS_MAX + 1].join(",");
        check(
            &format!("communications/presences?$filter=id in ({many})"),
            "At most 650 ids",
        );
    }

    /// All of a tenant is for applications alone, and an extension.
    #[test]
    fn a_tenant_is_for_applications() {
        let text = "/communications/presences";
        let read = |extensions, user| read(Version::V1, extensions, &caller(user), text);
        assert_eq!(read(Extensions::On, None).unwrap(), Resource::Tenant);
        assert!(read(Extensions::Off, None).is_err());
        assert!(read(Extensions::On, Some(3)).is_err());
    }
}
