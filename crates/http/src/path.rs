//! The many ways to write a path, brought to one before the router sees it.
//!
//! Graph compares its fixed segments without regard to case, takes a trailing slash, a key in
//! parentheses, an action by its qualified name, and the placeholder that the SDKs put for the
//! signed-in user. All of that is undone here, so that every route is written down once.

use std::borrow::Cow;

/// The roots of the API. Both versions have the same paths (contract section 1.1).
pub(crate) const VERSIONS: [&str; 2] = ["v1.0", "beta"];

/// Paths of one segment, outside the versions.
const OUTSIDE: [&str; 3] = ["healthz", "readyz", "openapi.json"];

/// Paths of one segment below a version, which are no resources.
const SERVICES: [&str; 2] = ["$batch", "$metadata"];

/// The actions on a presence. A new action needs its name here, besides its route.
const ACTIONS: [&str; 9] = [
    "setPresence",
    "clearPresence",
    "setUserPreferredPresence",
    "clearUserPreferredPresence",
    "setStatusMessage",
    "setManualLocation",
    "setAutomaticLocation",
    "clearLocation",
    "clearAutomaticLocation",
];

/// What presenced adds to a presence. It is no part of Graph's namespace, so no qualified name
/// leads to it.
const EXTENSIONS: [&str; 1] = ["explain"];

/// What presenced adds to all presences: a stream of them. No id is spelt so.
const LIVE: &str = "live";

/// What the SDKs write for the signed-in user, and a middleware of theirs usually replaces
/// (contract section 11).
const ME_PLACEHOLDER: &str = "me-token-to-replace";

/// The administrative API and its version, below which it keeps to itself: it is no part of Graph.
pub(crate) const ADMIN: &str = "/admin/v1";

/// What the administrative API lists, and what may follow the id of an entry.
const ADMIN_COLLECTIONS: [(&str, &[&str]); 3] = [
    ("users", &["outOfOffice", "schedule"]),
    ("applications", &[]),
    ("subscriptions", &["test"]),
];

/// Segments of the longest path: version, `communications`, `presences`, id, action.
const SEGMENTS_MAX: usize = 5;

/// The canonical form of `path`, where that is another; `None` where the path is canonical already
/// or names nothing that is known, which costs no allocation.
///
/// ```text
/// /V1.0/Users('x')/Presence/microsoft.graph.setPresence/  ->  /v1.0/users/x/presence/setPresence
/// ```
pub(crate) fn canonical(path: &str) -> Option<String> {
    let segments = walk(path).ok()?;
    if segments.spell(path) {
        return None;
    }
    Some(segments.to_string())
}

/// The first segment of `path` that names nothing, for the answer that says so; the last one where
/// the path ends too early, or names what is switched off.
pub(crate) fn unknown_segment(path: &str) -> &str {
    walk(path)
        .err()
        .or_else(|| path.rsplit('/').next())
        .unwrap_or_default()
}

/// The segments of a canonical path. The id is kept as it was, percent-encoded.
#[derive(Default)]
struct Segments<'a> {
    list: [Cow<'a, str>; SEGMENTS_MAX],
    count: usize,
}

impl<'a> Segments<'a> {
    fn push(&mut self, segment: impl Into<Cow<'a, str>>) {
        if let Some(place) = self.list.get_mut(self.count) {
            *place = segment.into();
            self.count += 1;
        }
    }

    fn iter(&self) -> impl Iterator<Item = &str> {
        self.list.iter().take(self.count).map(AsRef::as_ref)
    }

    /// Whether `path` is written exactly so.
    fn spell(&self, path: &str) -> bool {
        let mut rest = path;
        for segment in self.iter() {
            let after = rest.strip_prefix('/').and_then(|r| r.strip_prefix(segment));
            let Some(after) = after else { return false };
            rest = after;
        }
        rest.is_empty()
    }
}

impl std::fmt::Display for Segments<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.iter().try_for_each(|segment| write!(f, "/{segment}"))
    }
}

/// The segments of a path that names something, or the segment that does not.
fn walk(path: &str) -> Result<Segments<'_>, &str> {
    let trimmed = path.strip_suffix('/').unwrap_or(path);
    let mut rest = trimmed.strip_prefix('/').unwrap_or(trimmed).split('/');
    let mut out = Segments::default();
    let first = rest.next().unwrap_or_default();
    if let Some(outside) = known(&OUTSIDE, first) {
        out.push(outside);
        return rest.next().map_or(Ok(out), Err);
    }
    if first.eq_ignore_ascii_case("admin") {
        return admin(first, rest);
    }
    out.push(known(&VERSIONS, first).ok_or(first)?);
    let resource = rest.next().ok_or(first)?;
    if let Some(service) = dollar(&SERVICES, resource) {
        out.push(service);
    } else if resource.eq_ignore_ascii_case("me") {
        out.push("me");
        presence(resource, &mut rest, &mut out)?;
    } else if let Some((last, id)) = keyed("users", resource, &mut rest) {
        let id = id.ok_or(last)?;
        if id == ME_PLACEHOLDER {
            out.push("me");
        } else {
            out.push("users");
            out.push(id);
        }
        presence(last, &mut rest, &mut out)?;
    } else if resource.eq_ignore_ascii_case("communications") {
        out.push("communications");
        communications(resource, &mut rest, &mut out)?;
    } else if let Some((last, id)) = keyed("subscriptions", resource, &mut rest) {
        out.push("subscriptions");
        subscription(last, id, &mut rest, &mut out)?;
    } else {
        return Err(resource);
    }
    rest.next().map_or(Ok(out), Err)
}

/// The administrative API: a collection, an entry of it, and what belongs to an entry.
fn admin<'a>(first: &'a str, mut rest: std::str::Split<'a, char>) -> Result<Segments<'a>, &'a str> {
    let mut out = Segments::default();
    out.push("admin");
    let version = rest.next().ok_or(first)?;
    out.push(known(&["v1"], version).ok_or(version)?);
    let segment = rest.next().ok_or(version)?;
    let mut collections = ADMIN_COLLECTIONS.iter();
    let found = collections.find(|(name, _)| name.eq_ignore_ascii_case(segment));
    let (collection, below) = found.ok_or(segment)?;
    out.push(*collection);
    let Some(id) = rest.next() else {
        return Ok(out);
    };
    if id.is_empty() {
        return Err(id);
    }
    out.push(id);
    if let Some(segment) = rest.next() {
        out.push(known(below, segment).ok_or(segment)?);
    }
    rest.next().map_or(Ok(out), Err)
}

/// `presence`, and what may follow it, below the user that `before` named.
fn presence<'a>(
    before: &'a str,
    rest: &mut std::str::Split<'a, char>,
    out: &mut Segments<'a>,
) -> Result<(), &'a str> {
    let segment = rest.next().ok_or(before)?;
    if !segment.eq_ignore_ascii_case("presence") {
        return Err(segment);
    }
    out.push("presence");
    action(rest, out)
}

/// What lies below `communications`.
fn communications<'a>(
    before: &'a str,
    rest: &mut std::str::Split<'a, char>,
    out: &mut Segments<'a>,
) -> Result<(), &'a str> {
    const GET_PRESENCES: [&str; 1] = ["getPresencesByUserId"];
    let segment = rest.next().ok_or(before)?;
    if let Some((last, id)) = keyed("presences", segment, rest) {
        out.push("presences");
        let Some(id) = id else {
            // Without a key it is all of them; with an empty one it is nothing.
            let all = last.eq_ignore_ascii_case("presences");
            return if all { Ok(()) } else { Err(last) };
        };
        if let Some(count) = dollar(&["$count"], &id) {
            out.push(count);
            return Ok(());
        }
        if id.eq_ignore_ascii_case(LIVE) && rest.clone().next().is_none() {
            out.push(LIVE);
            return Ok(());
        }
        out.push(id);
        return action(rest, out);
    }
    out.push(known(&GET_PRESENCES, unqualified(segment)).ok_or(segment)?);
    Ok(())
}

/// The key of a subscription, and the action on it, where they follow.
fn subscription<'a>(
    last: &'a str,
    id: Option<Cow<'a, str>>,
    rest: &mut std::str::Split<'a, char>,
    out: &mut Segments<'a>,
) -> Result<(), &'a str> {
    const ACTIONS: [&str; 1] = ["reauthorize"];
    let Some(id) = id else {
        // Without a key it is all of them; with an empty one it is nothing.
        let all = last.eq_ignore_ascii_case("subscriptions");
        return if all { Ok(()) } else { Err(last) };
    };
    out.push(id);
    if let Some(segment) = rest.next() {
        out.push(known(&ACTIONS, unqualified(segment)).ok_or(segment)?);
    }
    Ok(())
}

/// An action on a presence or an extension of it, where one follows.
fn action<'a>(rest: &mut std::str::Split<'a, char>, out: &mut Segments<'a>) -> Result<(), &'a str> {
    if let Some(segment) = rest.next() {
        let action = known(&ACTIONS, unqualified(segment));
        let action = action.or_else(|| known(&EXTENSIONS, segment));
        out.push(action.ok_or(segment)?);
    }
    Ok(())
}

/// A collection with a key: `users/{id}` or `users('{id}')`. `None` where it is another segment;
/// otherwise the last segment that was read, and the id if there is one.
fn keyed<'a>(
    collection: &str,
    segment: &'a str,
    rest: &mut std::str::Split<'a, char>,
) -> Option<(&'a str, Option<Cow<'a, str>>)> {
    let after = strip_prefix_ignoring_case(segment, collection)?;
    if after.is_empty() {
        let id = rest.next();
        let present = id.filter(|id| !id.is_empty());
        return Some((id.unwrap_or(segment), present.map(Cow::Borrowed)));
    }
    let opened = either_prefix(either_prefix(after, "(", "%28")?, "'", "%27")?;
    let id = either_suffix(either_suffix(opened, ")", "%29")?, "'", "%27")?;
    let present = (!id.is_empty()).then(|| {
        // A quote within a key is written twice (OData URL conventions, section 2).
        if id.contains("''") {
            Cow::Owned(id.replace("''", "'"))
        } else {
            Cow::Borrowed(id)
        }
    });
    Some((segment, present))
}

/// The one of `names`, which begin with a dollar sign, that is `segment`; there the sign may be
/// percent-encoded.
fn dollar<'a>(names: &[&'a str], segment: &str) -> Option<&'a str> {
    let name = either_prefix(segment, "$", "%24")?;
    let found = names.iter().find(|known| {
        known
            .strip_prefix('$')
            .is_some_and(|k| k.eq_ignore_ascii_case(name))
    });
    found.copied()
}

/// The one of `names` that is `segment`, without regard to case.
fn known<'a>(names: &[&'a str], segment: &str) -> Option<&'a str> {
    let found = names.iter().find(|name| name.eq_ignore_ascii_case(segment));
    found.copied()
}

/// An action's name without its namespace (contract section 1.1).
fn unqualified(segment: &str) -> &str {
    strip_prefix_ignoring_case(segment, "microsoft.graph.")
        .or_else(|| strip_prefix_ignoring_case(segment, "graph."))
        .unwrap_or(segment)
}

fn strip_prefix_ignoring_case<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let (head, tail) = text.split_at_checked(prefix.len())?;
    head.eq_ignore_ascii_case(prefix).then_some(tail)
}

fn either_prefix<'a>(text: &'a str, plain: &str, encoded: &str) -> Option<&'a str> {
    text.strip_prefix(plain)
        .or_else(|| text.strip_prefix(encoded))
}

fn either_suffix<'a>(text: &'a str, plain: &str, encoded: &str) -> Option<&'a str> {
    text.strip_suffix(plain)
        .or_else(|| text.strip_suffix(encoded))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each accepted way to write a path comes to the canonical one.
    #[test]
    fn paths_come_to_one_form() {
        let check = |written: &str, expect: &str| {
            assert_eq!(canonical(written).as_deref(), Some(expect), "{written}");
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
        check("/v1.0/users('x')/presence", "/v1.0/users/x/presence");
        check("/v1.0/Users(%27x%27)/presence", "/v1.0/users/x/presence");
        check("/v1.0/users%28'x'%29/presence", "/v1.0/users/x/presence");
        check(
            "/v1.0/users('O''Hara')/presence",
            "/v1.0/users/O'Hara/presence",
        );
        check(
            "/v1.0/users('a%40b')/presence",
            "/v1.0/users/a%40b/presence",
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
            "/v1.0/communications/presences/live",
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
            "/v1.0/communications/presences/$count",
        );
    }

    /// So does each way to write that of a subscription.
    #[test]
    fn paths_of_subscriptions_come_to_one_form() {
        let check = |written: &str, expect: &str| {
            assert_eq!(canonical(written).as_deref(), Some(expect), "{written}");
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

    /// A canonical path stays as it is, and so does an id, in whatever case.
    #[test]
    fn canonical_paths_are_left_alone() {
        for path in [
            "/v1.0/me/presence",
            "/beta/users/ABC/presence",
            "/v1.0/users/a%40b/presence/setPresence",
            "/v1.0/users/Presence/presence/clearPresence",
            "/v1.0/communications/presences/x/setUserPreferredPresence",
            "/v1.0/communications/getPresencesByUserId",
            "/readyz",
            "/openapi.json",
            "/v1.0/subscriptions",
            "/v1.0/subscriptions/X/reauthorize",
            "/v1.0/$batch",
            "/v1.0/communications/presences",
            "/beta/communications/presences/$count",
            "/admin/v1/users",
            "/admin/v1/users/x/schedule",
            "/admin/v1/applications/X",
        ] {
            assert_eq!(canonical(path), None, "{path}");
            assert!(walk(path).is_ok(), "{path}");
        }
    }

    /// A path that names nothing is left alone, and the segment at fault is named.
    #[test]
    fn unknown_segments_are_named() {
        let check = |path: &str, segment: &str| {
            assert_eq!(canonical(path), None, "{path}");
            assert_eq!(unknown_segment(path), segment, "{path}");
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
        // Switched off, or it would not come to this.
        check("/v1.0/me/presence/explain", "explain");
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
}
