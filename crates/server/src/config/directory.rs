//! The users and applications that `presenced serve` knows from the start.

use presenced_core::auth::Permissions;
use presenced_core::id::{ApplicationId, TenantId, UserId};
use presenced_http::directory::{Application, DisplayName, Fixed, PrincipalName, Twice, User};
use presenced_http::token::Issuer;
use toml::Value;

use super::issuers::serves;
use super::reader::Reader;

const TENANT_REMEDY: &str = "must be the GUID of a tenant";
const NAME_REMEDY: &str = "must be 1 to 256 characters without control characters";

/// Reads `[[users]]` and `[[applications]]`. Without issuers, where these are at fault themselves, it
/// cannot be told whether they serve the tenants.
pub(super) fn read_directory(root: &mut Reader<'_>, issuers: Option<&[Issuer]>) -> Fixed {
    let mut fixed = Fixed::default();
    root.tables("users", |user| read_user(user, issuers, &mut fixed));
    root.tables("applications", |application| {
        read_application(application, issuers, &mut fixed)
    });
    fixed
}

fn read_user(user: &mut Reader<'_>, issuers: Option<&[Issuer]>, fixed: &mut Fixed) -> Option<()> {
    let tenant = read_tenant(user, issuers);
    let id = user.required("id", "must be the GUID of a user", UserId::parse);
    let remedy = "must have the form adele@example.com, without spaces and slashes";
    let name = user.parsed("principal_name", remedy, |text| {
        PrincipalName::new(text).ok()
    });
    let display_name = read_display_name(user);
    let (tenant, id) = (tenant?, id?);
    let text = name.as_ref().map(|name| Value::from(name.as_str()));
    let entry = User {
        principal_name: name,
        display_name,
    };
    match fixed.add_user(tenant, id, entry) {
        Ok(()) => {}
        Err(Twice::Id) => there_twice(user, id.to_string()),
        Err(Twice::PrincipalName) => {
            let remedy = "another user of the tenant has it";
            user.fault("principal_name", text.as_ref(), remedy);
        }
    }
    Some(())
}

fn read_application(
    application: &mut Reader<'_>,
    issuers: Option<&[Issuer]>,
    fixed: &mut Fixed,
) -> Option<()> {
    let tenant = read_tenant(application, issuers);
    let remedy = "must be the GUID of an application";
    let id = application.required("id", remedy, ApplicationId::parse);
    let display_name = read_display_name(application);
    let enabled = application.flag_or("enabled", true);
    let (tenant, id) = (tenant?, id?);
    let entry = Application {
        display_name,
        enabled: enabled?,
        // The issuers say what an application may do.
        roles: Permissions::NONE,
    };
    if fixed.add_application(tenant, id, entry).is_err() {
        there_twice(application, id.to_string());
    }
    Some(())
}

/// The tenant of an entry, which some issuer must serve: nobody would ever ask about it otherwise.
fn read_tenant(entry: &mut Reader<'_>, issuers: Option<&[Issuer]>) -> Option<TenantId> {
    let tenant = entry.required("tenant", TENANT_REMEDY, TenantId::parse)?;
    let serve = |issuers: &[Issuer]| issuers.iter().any(|issuer| serves(issuer, tenant));
    if !issuers.is_none_or(serve) {
        let text = Value::String(tenant.to_string());
        entry.fault(
            "tenant",
            Some(&text),
            "no issuer gives tokens of this tenant; add one",
        );
    }
    Some(tenant)
}

fn read_display_name(entry: &mut Reader<'_>) -> Option<DisplayName> {
    entry.parsed("display_name", NAME_REMEDY, |text| {
        DisplayName::new(text).ok()
    })
}

fn there_twice(entry: &mut Reader<'_>, id: String) {
    entry.fault(
        "id",
        Some(&Value::String(id)),
        "is there twice in the tenant",
    );
}
