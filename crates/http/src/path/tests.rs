//! What paths name, and in how many ways each may be written.

use super::*;

/// What a path names, with its id; of the form, only where there is an id to it.
fn named(path: &str) -> (Version, Resource, Form, String) {
    let place = walk(path).unwrap();
    (
        place.version,
        place.resource,
        place.form,
        place.id(path).into(),
    )
}

/// What the usual ways to write paths name.
#[test]
fn paths_name_resources() {
    use Form::{Communications, Me, Users};
    let check = |path: &str, resource, form, id: &str| {
        let expect = (Version::V1, resource, form, id.to_owned());
        assert_eq!(named(path), expect, "{path}");
    };
    check("/v1.0/me/presence", Resource::Presence, Me, "");
    let path = "/v1.0/users/a%40b/presence/setPresence";
    check(path, Resource::SetPresence, Users, "a@b");
    let path = "/v1.0/users/Presence/presence/clearPresence";
    check(path, Resource::ClearPresence, Users, "Presence");
    let path = "/v1.0/communications/presences/x/explain";
    check(path, Resource::Explain, Communications, "x");
    let path = "/v1.0/communications/presences/live/explain";
    check(path, Resource::Explain, Communications, "live");
    let path = "/v1.0/communications/getPresencesByUserId";
    check(path, Resource::PresencesByUserId, Communications, "");
    let path = "/v1.0/subscriptions/X/reauthorize";
    check(path, Resource::Reauthorize, Me, "X");
    check("/v1.0/subscriptions", Resource::Subscriptions, Me, "");
    check("/v1.0/$batch", Resource::Batch, Me, "");
    check("/readyz", Resource::Readyz, Me, "");
    check("/openapi.json", Resource::OpenApi, Me, "");
    check("/admin/v1/users", Resource::AdminUsers, Me, "");
    check(
        "/admin/v1/users/x/schedule",
        Resource::AdminSchedule,
        Me,
        "x",
    );
    check(
        "/admin/v1/applications/X",
        Resource::AdminApplication,
        Me,
        "X",
    );
    let of_beta = walk("/Beta/me/presence").unwrap();
    assert_eq!(of_beta.version, Version::Beta);
}

/// Each accepted way to write a path names the same as the usual one.
#[test]
fn one_thing_has_many_paths() {
    let check = |written: &str, expect: &str| {
        assert_eq!(named(written), named(expect), "{written}");
    };
    check("/v1.0/me/presence/", "/v1.0/me/presence");
    check("/V1.0/Me/Presence", "/v1.0/me/presence");
    check(
        "/BETA/ME/PRESENCE/SETPRESENCE",
        "/beta/me/presence/setPresence",
    );
    check(
        "/v1.0/users/me-token-to-replace/presence",
        "/v1.0/me/presence",
    );
    check(
        "/v1.0/users('me-token-to-replace')/presence",
        "/v1.0/me/presence",
    );
    check(
        "/v1.0/communications/presences('x')/clearPresence",
        "/v1.0/communications/presences/x/clearPresence",
    );
    check(
        "/v1.0/users/x/presence/microsoft.graph.setPresence",
        "/v1.0/users/x/presence/setPresence",
    );
    check(
        "/v1.0/users/x/presence/Graph.clearUserPreferredPresence",
        "/v1.0/users/x/presence/clearUserPreferredPresence",
    );
    check(
        "/v1.0/communications/microsoft.graph.getPresencesByUserId",
        "/v1.0/communications/getPresencesByUserId",
    );
    check(
        "/v1.0/communications/getpresencesbyuserid/",
        "/v1.0/communications/getPresencesByUserId",
    );
    check("/v1.0/me/presence/EXPLAIN/", "/v1.0/me/presence/explain");
    check(
        "/v1.0/communications/Presences/Live/",
        "/v1.0/communications/presences/Live",
    );
    check("/Healthz/", "/healthz");
    check("/Admin/V1/Users/", "/admin/v1/users");
    check(
        "/admin/v1/USERS/A%40b/OUTOFOFFICE",
        "/admin/v1/users/A%40b/outOfOffice",
    );
    check("/V1.0/$Batch/", "/v1.0/$batch");
    check("/beta/%24batch", "/beta/$batch");
    check("/v1.0/$METADATA", "/v1.0/$metadata");
    check(
        "/v1.0/communications/Presences/",
        "/v1.0/communications/presences",
    );
    check(
        "/v1.0/communications/presences/%24Count",
        "/v1.0/communications/presences/$Count",
    );
}

/// A key names what a segment of its own does, whichever of its characters are encoded.
#[test]
fn one_id_has_many_keys() {
    let check = |users: &str, id: &str| {
        let written = format!("/v1.0/{users}/presence");
        let expect = format!("/v1.0/users/{id}/presence");
        assert_eq!(named(&written), named(&expect), "{written}");
    };
    check("users('x')", "x");
    check("Users(%27x%27)", "x");
    check("users%28'x'%29", "x");
    check("users('a%40b')", "a%40b");
    check("users('O''Hara')", "O'Hara");
    check("users(%27O%27%27Hara%27)", "O'Hara");
    check("users('O%27'Hara')", "O'Hara");
}

/// Each accepted way to write the path of a subscription names the same as well.
#[test]
fn one_subscription_has_many_paths() {
    let check = |written: &str, expect: &str| {
        assert_eq!(named(written), named(expect), "{written}");
    };
    check("/v1.0/Subscriptions/", "/v1.0/subscriptions");
    check("/v1.0/subscriptions('x')", "/v1.0/subscriptions/x");
    check(
        "/beta/subscriptions/x/microsoft.graph.Reauthorize",
        "/beta/subscriptions/x/reauthorize",
    );
    check(
        "/admin/v1/Subscriptions/x/Test/",
        "/admin/v1/subscriptions/x/test",
    );
}

/// Of a path that names nothing, the segment at fault is told.
#[test]
fn unknown_segments_are_named() {
    let check = |path: &str, segment: &str| {
        assert_eq!(walk(path), Err(segment), "{path}");
    };
    check("", "");
    check("/", "");
    check("/dev/clock", "dev");
    check("/healthz/live", "live");
    check("/v1.0", "v1.0");
    check("/v2.0/me/presence", "v2.0");
    check("/v1.0/me", "me");
    check("/v1.0/batch", "batch");
    check("/v1.0/$batch/x", "x");
    check("/v1.0//me/presence", "");
    check("/v1.0/me//presence", "");
    check("/v1.0/me/presences", "presences");
    check("/v1.0/me/presence/setNothing", "setNothing");
    check("/v1.0/me/presence/setPresence/x", "x");
    check("/v1.0/me/presence/microsoft.graph.", "microsoft.graph.");
    check(
        "/v1.0/me/presence/microsoft.graph.explain",
        "microsoft.graph.explain",
    );
    check("/v1.0/subscriptions//", "");
    check("/v1.0/subscriptions('')", "subscriptions('')");
    check("/v1.0/subscriptions/x/renew", "renew");
    check("/v1.0/subscriptions/x/reauthorize/x", "x");
    check("/v1.0/users", "users");
    check("/v1.0/users//presence", "");
    check("/v1.0/users('')/presence", "users('')");
    check("/v1.0/users(x)/presence", "users(x)");
    check("/v1.0/users('x'/presence", "users('x'");
    check("/v1.0/users/x", "x");
    check("/v1.0/users('x')", "users('x')");
    check("/v1.0/usersx/x/presence", "usersx");
    check("/v1.0/communications", "communications");
    check("/v1.0/communications/presences//", "");
    check("/v1.0/communications/presences('')", "presences('')");
    check("/v1.0/communications/presences/$count/x", "x");
    check("/v1.0/communications/calls", "calls");
    check("/v1.0/communications/getPresencesByUserId/x", "x");
    check("/v1.0/ünïcode", "ünïcode");
    check("/admin", "admin");
    check("/admin/v2/users", "v2");
    check("/admin/v1", "v1");
    check("/admin/v1/groups", "groups");
    check("/admin/v1/users//schedule", "");
    check("/admin/v1/users/x/presence", "presence");
    check("/admin/v1/users/x/schedule/y", "y");
    check("/admin/v1/applications/x/schedule", "schedule");
    check("/v1.0/admin/v1/users", "admin");
}
