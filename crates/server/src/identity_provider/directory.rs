//! Who there is in development: one tenant, four applications, ten users. All of these are fixed, so
//! that an example runs tomorrow as it ran today. Others come by the administrative API: such users
//! have the same password, and such applications the secret of the first.

use std::sync::Arc;

use presenced_core::id::{ApplicationId, TenantId, UserId};
use presenced_http::directory::{self, DisplayName, Fixed, Listed, PrincipalName};
use uuid::Uuid;

use super::State;
use super::secret::same;

/// The only tenant.
pub(crate) const TENANT: TenantId = TenantId::from_u128(0x7e3f_2b1c_5f0a_4d3e_9a41_0c6d_1b8e_2f50);

/// The tenant's domain, the end of every user name, and another name of the tenant.
pub(crate) const DOMAIN: &str = "presenced.dev";

/// The password of every user.
pub(crate) const PASSWORD: &str = "dev";

/// The secret of applications that are made over the administrative API.
const SECRET: &str = "dev-secret";

/// An application that is always there.
#[derive(Debug)]
pub(crate) struct BuiltInApplication {
    /// The client id.
    pub(crate) id: ApplicationId,
    /// What people call it.
    pub(crate) name: &'static str,
    /// The client secret.
    pub(crate) secret: &'static str,
    /// The object id of the application in the tenant: `oid` and `sub` of its own tokens.
    pub(crate) service_principal: Uuid,
    /// The application permissions an administrator has granted.
    pub(crate) roles: &'static [&'static str],
}

/// An application that asks for tokens.
#[derive(Debug)]
pub(super) struct Application {
    /// The client id.
    pub(super) id: ApplicationId,
    /// What people call it.
    pub(super) name: String,
    /// The client secret.
    secret: &'static str,
    /// The object id of the application in the tenant: `oid` and `sub` of its own tokens.
    pub(super) service_principal: Uuid,
    /// The application permissions an administrator has granted.
    pub(super) roles: Vec<&'static str>,
}

/// A user who signs in.
#[derive(Debug)]
pub(super) struct User {
    /// The object id.
    pub(super) id: UserId,
    /// What people call the user.
    pub(super) name: String,
    /// The user name.
    pub(super) principal_name: String,
}

/// The permissions of the first two applications: all that Graph has for applications here.
const ALL_ROLES: &[&str] = &[
    "Presence.ReadWrite.All",
    "Presence.Read.All",
    "Subscription.Read.All",
];

/// The applications that are always there.
pub(crate) static APPLICATIONS: [BuiltInApplication; 4] = [
    BuiltInApplication {
        id: ApplicationId::from_u128(0x2255_3876_f5ab_4529_bffb_cfe5_0aa8_9f87),
        name: "Application 1",
        secret: "dev-secret",
        service_principal: Uuid::from_u128(0xe0df_d3d8_b4c4_4b0c_98e3_9f5a_1dc2_7a51),
        roles: ALL_ROLES,
    },
    BuiltInApplication {
        id: ApplicationId::from_u128(0x5a0d_3c8e_6b1f_4c5d_8f59_3f1f_6f3f_7a21),
        name: "Application 2",
        secret: "dev-secret-2",
        service_principal: Uuid::from_u128(0x3b7c_52a9_0e61_4f7d_a2d4_6c18_b905_e342),
        roles: ALL_ROLES,
    },
    BuiltInApplication {
        id: ApplicationId::from_u128(0xc1b7_a7f4_0d5e_4b0e_b9a5_7c8d_9e0f_1a2b),
        name: "Application 3",
        secret: "dev-secret-3",
        service_principal: Uuid::from_u128(0x9d14_c6f0_73b8_4e29_8c5a_f1e2_4a7b_0d63),
        roles: &[],
    },
    BuiltInApplication {
        id: ApplicationId::from_u128(0x4d7e_9c02_8a35_4f61_b0d8_2e6a_1c95_f374),
        name: "Administrator",
        secret: "dev-secret-4",
        service_principal: Uuid::from_u128(0xa85f_13de_2c47_4906_b7e1_50d9_c46b_8f2a),
        roles: &["Presenced.Admin"],
    },
];

/// A user who is always there.
#[derive(Debug)]
pub(crate) struct BuiltInUser {
    /// The object id.
    pub(crate) id: UserId,
    /// What the user name begins with, before `@presenced.dev`.
    pub(crate) alias: &'static str,
    /// What people call the user.
    pub(crate) name: &'static str,
}

/// The users.
pub(crate) static USERS: [BuiltInUser; 10] = [
    user(
        0xfa8b_f3dc_eca7_46b7_bad1_db19_9b62_afc3,
        "adele",
        "Adele Brandt",
    ),
    user(
        0x6682_5e03_7ef5_42da_9069_7246_02c3_1f6b,
        "alex",
        "Alex Moreau",
    ),
    user(
        0x0c9a_41d7_5e28_4b36_8f13_d27e_96b0_a514,
        "chiara",
        "Chiara Fontana",
    ),
    user(
        0x1e57_b8c2_904d_4f61_a7e5_38c1_f26d_0b93,
        "dmitri",
        "Dmitri Orlov",
    ),
    user(
        0x2fb3_06e9_c71a_4d85_9240_5ad8_b3e7_1f6c,
        "emeka",
        "Emeka Obi",
    ),
    user(
        0x38d6_9a50_12fe_4c7b_b6c8_e04f_71a5_29d8,
        "freya",
        "Freya Lund",
    ),
    user(
        0x4a21_e7f3_8b95_4e0d_8d7a_96b2_0cf4_3e51,
        "gustavo",
        "Gustavo Lima",
    ),
    user(
        0x5c84_30bd_6fe7_4a92_95e1_7b3d_c8a0_4f26,
        "hana",
        "Hana Sato",
    ),
    user(
        0x6d9f_c518_a03b_4e74_8ab6_02e9_54d7_5c8a,
        "imran",
        "Imran Sheikh",
    ),
    user(
        0x7eb2_6d04_f9c5_4138_b05d_c41a_87e3_6b97,
        "jonna",
        "Jonna Virtanen",
    ),
];

const fn user(id: u128, alias: &'static str, name: &'static str) -> BuiltInUser {
    BuiltInUser {
        id: UserId::from_u128(id),
        alias,
        name,
    }
}

impl BuiltInUser {
    /// The user name.
    pub(crate) fn principal_name(&self) -> String {
        format!("{}@{DOMAIN}", self.alias)
    }
}

/// Those who are always there, as entries of the directory.
pub(crate) fn fixed() -> Fixed {
    let mut fixed = Fixed::default();
    for user in &USERS {
        let name = PrincipalName::new(&user.principal_name());
        let entry = directory::User {
            principal_name: Some(name.expect("an alias and a domain")),
            display_name: Some(DisplayName::new(user.name).expect("a name")),
        };
        let added = fixed.add_user(TENANT, user.id, entry);
        added.expect("no id and no name is there twice, as a test makes sure");
    }
    for application in &APPLICATIONS {
        let entry = directory::Application {
            display_name: Some(DisplayName::new(application.name).expect("a name")),
            enabled: true,
            roles: application.roles.iter().copied().collect(),
        };
        let added = fixed.add_application(TENANT, application.id, entry);
        added.expect("no id is there twice, as a test makes sure");
    }
    fixed
}

impl Application {
    fn built_in(known: &BuiltInApplication) -> Self {
        Self {
            id: known.id,
            name: known.name.to_owned(),
            secret: known.secret,
            service_principal: known.service_principal,
            roles: known.roles.to_vec(),
        }
    }

    fn made(id: ApplicationId, entry: &directory::Application) -> Self {
        let name = entry.display_name.as_ref().map(DisplayName::as_str);
        Self {
            id,
            name: name.map_or_else(|| id.to_string(), str::to_owned),
            secret: SECRET,
            // Another GUID than the client id, as in Entra, and the same each time.
            service_principal: Uuid::from_u128(!id.as_u128()),
            roles: entry.roles.names().collect(),
        }
    }

    /// Whether this is the application's secret; takes as long for a near miss as for a far one.
    pub(super) fn has_secret(&self, secret: &str) -> bool {
        same(self.secret, secret)
    }
}

impl User {
    fn of(id: UserId, user: &Listed<directory::User>) -> Self {
        let (name, display) = (&user.entry.principal_name, &user.entry.display_name);
        let principal_name = match name {
            Some(name) => name.as_str().to_owned(),
            None => id.to_string(),
        };
        let display = display.as_ref().map(DisplayName::as_str);
        Self {
            id,
            name: display.unwrap_or(&principal_name).to_owned(),
            principal_name,
        }
    }
}

impl State {
    /// The application with this client id.
    pub(super) fn application(&self, id: &str) -> Option<Arc<Application>> {
        let id = ApplicationId::parse(id)?;
        let built_in = APPLICATIONS.iter().find(|known| known.id == id);
        let application = if let Some(known) = built_in {
            Application::built_in(known)
        } else {
            let made = self.settings.directory.application(TENANT, id)?;
            Application::made(id, &made.entry)
        };
        Some(Arc::new(application))
    }

    /// The user with this user name, in either case, or with this object id.
    pub(super) fn user(&self, name: &str) -> Option<Arc<User>> {
        let directory = &self.settings.directory;
        let id = UserId::parse(name).or_else(|| directory.find(TENANT, name.trim()))?;
        let user = directory.user(TENANT, id)?;
        Some(Arc::new(User::of(id, &user)))
    }

    /// The user that signs in with these credentials, or nobody.
    pub(super) fn signed_in(&self, name: &str, password: &str) -> Option<Arc<User>> {
        self.user(name).filter(|_| same(PASSWORD, password))
    }
}

/// Whether a path or a request names the tenant: by its id, its domain, or as one of the names that
/// stand for any tenant of an organisation.
pub(super) fn is_tenant(name: &str) -> bool {
    TenantId::parse(name) == Some(TENANT)
        || is_any_tenant(name)
        || name.eq_ignore_ascii_case(DOMAIN)
}

/// Whether the name stands for any tenant, so that the discovery document has a placeholder for it.
pub(super) fn is_any_tenant(name: &str) -> bool {
    ["common", "organizations"]
        .iter()
        .any(|any| any.eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    /// The identifiers that documentation, examples and tests rely on.
    #[test]
    fn the_directory_is_as_documented() {
        assert_eq!(TENANT.to_string(), "7e3f2b1c-5f0a-4d3e-9a41-0c6d1b8e2f50");
        let applications: Vec<String> = APPLICATIONS.iter().map(|a| a.id.to_string()).collect();
        assert_eq!(
            applications,
            [
                "22553876-f5ab-4529-bffb-cfe50aa89f87",
                "5a0d3c8e-6b1f-4c5d-8f59-3f1f6f3f7a21",
                "c1b7a7f4-0d5e-4b0e-b9a5-7c8d9e0f1a2b",
                "4d7e9c02-8a35-4f61-b0d8-2e6a1c95f374",
            ]
        );
        let [adele, alex, ..] = &USERS;
        assert_eq!(adele.principal_name(), "adele@presenced.dev");
        assert_eq!(adele.id.to_string(), "fa8bf3dc-eca7-46b7-bad1-db199b62afc3");
        assert_eq!(alex.principal_name(), "alex@presenced.dev");
        assert_eq!(alex.id.to_string(), "66825e03-7ef5-42da-9069-724602c31f6b");
        // None is there twice.
        fixed();
        let ids: HashSet<_> = USERS.iter().map(|user| user.id).collect();
        assert_eq!(ids.len(), USERS.len());
    }
}
