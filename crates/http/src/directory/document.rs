//! How entries are written down: JSON, with the version of the form in it.
//!
//! A form that is newer than this program is refused rather than half understood. To change the
//! form, count the version up and read the older ones too.

use presenced_core::auth::Permissions;
use presenced_store::{DocumentKey, DocumentKind, StoreError};
use serde::{Deserialize, Serialize};

use super::entry::{Application, DisplayName, PrincipalName, User};

/// The form that is written.
const VERSION: u32 = 1;

/// The version of a document, before the rest of it is looked at.
#[derive(Deserialize)]
struct Versioned {
    version: u32,
}

/// A user as it is written down.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct UserDocument {
    /// The version of this form.
    version: u32,
    /// What the user signs in as.
    principal_name: Option<String>,
    /// What people call the user.
    display_name: Option<String>,
}

/// An application as it is written down.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ApplicationDocument {
    /// The version of this form.
    version: u32,
    /// What people call the application.
    display_name: Option<String>,
    /// Whether it may call.
    enabled: bool,
    /// What its own tokens permit, by name.
    roles: Vec<String>,
}

pub(super) fn write_user(user: &User) -> Vec<u8> {
    let text = |name: &DisplayName| name.as_str().to_owned();
    written(&UserDocument {
        version: VERSION,
        principal_name: user
            .principal_name
            .as_ref()
            .map(|name| name.as_str().to_owned()),
        display_name: user.display_name.as_ref().map(text),
    })
}

pub(super) fn write_application(application: &Application) -> Vec<u8> {
    let name = application.display_name.as_ref();
    written(&ApplicationDocument {
        version: VERSION,
        display_name: name.map(|name| name.as_str().to_owned()),
        enabled: application.enabled,
        roles: application.roles.names().map(str::to_owned).collect(),
    })
}

fn written(document: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(document).expect("texts in structs are always JSON")
}

pub(super) fn read_user(key: &DocumentKey, body: &[u8]) -> Result<User, StoreError> {
    let read: UserDocument = read(key, body)?;
    let broken = |problem| corrupt(key, format!("{problem}"));
    let principal_name = read.principal_name.as_deref().map(PrincipalName::new);
    let display_name = read.display_name.as_deref().map(DisplayName::new);
    Ok(User {
        principal_name: principal_name.transpose().map_err(broken)?,
        display_name: display_name.transpose().map_err(broken)?,
    })
}

pub(super) fn read_application(key: &DocumentKey, body: &[u8]) -> Result<Application, StoreError> {
    let read: ApplicationDocument = read(key, body)?;
    let display_name = read.display_name.as_deref().map(DisplayName::new);
    Ok(Application {
        display_name: display_name
            .transpose()
            .map_err(|problem| corrupt(key, format!("{problem}")))?,
        enabled: read.enabled,
        roles: read
            .roles
            .iter()
            .map(String::as_str)
            .collect::<Permissions>(),
    })
}

fn read<'a, T: Deserialize<'a>>(key: &DocumentKey, body: &'a [u8]) -> Result<T, StoreError> {
    let unreadable = |error: serde_json::Error| corrupt(key, format!("it cannot be read: {error}"));
    let Versioned { version } = serde_json::from_slice(body).map_err(unreadable)?;
    if version > VERSION {
        let problem = format!("it is of version {version}, and this program reads up to {VERSION}");
        return Err(StoreError::Corrupt {
            place: place(key),
            problem,
            remedy: "start a presenced that is not older than the one that wrote it",
        });
    }
    serde_json::from_slice(body).map_err(unreadable)
}

fn corrupt(key: &DocumentKey, problem: String) -> StoreError {
    StoreError::Corrupt {
        place: place(key),
        problem,
        remedy: "restore the data from a backup",
    }
}

/// The document, for people.
fn place(key: &DocumentKey) -> String {
    let kind = match key.kind {
        DocumentKind::User => "user",
        DocumentKind::Application => "application",
        DocumentKind::Subscription | DocumentKind::Delivery | DocumentKind::Feed => "document",
    };
    let id = uuid::Uuid::from_u128(key.id);
    format!(
        "the {kind} {id} of the tenant {} in the directory",
        key.tenant
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use presenced_core::id::TenantId;

    const KEY: DocumentKey = DocumentKey {
        kind: DocumentKind::User,
        tenant: TenantId::from_u128(1),
        id: 2,
    };

    /// What is written reads back, and stays readable: the text is the form of version 1.
    #[test]
    fn documents_read_back() {
        let user = User {
            principal_name: Some(PrincipalName::new("Adele@x").unwrap()),
            display_name: Some(DisplayName::new("Adele \"A\"").unwrap()),
        };
        let text = r#"{"version":1,"principalName":"Adele@x","displayName":"Adele \"A\""}"#;
        assert_eq!(write_user(&user), text.as_bytes());
        let read = read_user(&KEY, text.as_bytes()).unwrap();
        assert_eq!(
            read.principal_name.as_ref().map(PrincipalName::as_str),
            Some("Adele@x")
        );
        assert_eq!(read, user);
        assert_eq!(
            read_user(&KEY, &write_user(&User::default())).unwrap(),
            User::default()
        );

        let application = Application {
            display_name: None,
            enabled: false,
            roles: Permissions::PRESENCE_READ_ALL.and(Permissions::PRESENCED_ADMIN),
        };
        let text = r#"{"version":1,"displayName":null,"enabled":false,"roles":["Presence.Read.All","Presenced.Admin"]}"#;
        assert_eq!(write_application(&application), text.as_bytes());
        assert_eq!(
            read_application(&KEY, text.as_bytes()).unwrap(),
            application
        );
    }

    /// A newer form, and one that is none, are refused with their place and what to do.
    #[test]
    fn what_cannot_be_read_is_told() {
        let check = |body: &str, expect: &str| {
            let error = read_user(&KEY, body.as_bytes()).unwrap_err().to_string();
            assert_eq!(error, expect);
        };
        check(
            r#"{"version":2,"principal":"x"}"#,
            "the user 00000000-0000-0000-0000-000000000002 of the tenant \
             00000000-0000-0000-0000-000000000001 in the directory: it is of version 2, and this \
             program reads up to 1; start a presenced that is not older than the one that wrote it",
        );
        for broken in ["", "x", "{}", r#"{"version":1,"principalName":"x"}"#] {
            let error = read_user(&KEY, broken.as_bytes()).unwrap_err();
            assert!(matches!(error, StoreError::Corrupt { .. }), "{broken}");
        }
    }
}
