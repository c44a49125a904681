//! The many ways to write a path, and what each names.
//!
//! Graph compares its fixed segments without regard to case, takes a trailing slash, a key in
//! parentheses, an action by its qualified name, and the placeholder that the SDKs put for the
//! signed-in user. All of that is understood here, in the one walk over a path that a request takes:
//! what comes after it goes by [`Resource`], and every endpoint is written down once.

use std::borrow::Cow;

use crate::target::{Form, Version, percent_decoded};

/// What there is, whichever version and form of the path names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Resource {
    /// `…/presence`, one user's.
    Presence,
    SetPresence,
    ClearPresence,
    SetUserPreferredPresence,
    ClearUserPreferredPresence,
    SetStatusMessage,
    SetManualLocation,
    SetAutomaticLocation,
    ClearLocation,
    ClearAutomaticLocation,
    /// Presenced's own: why a presence is what it is.
    Explain,
    /// `/communications/presences`
    Presences,
    /// `/communications/presences/$count`
    PresenceCount,
    /// `/communications/presences/live`, presenced's own. No id is spelt so.
    Live,
    /// `/communications/getPresencesByUserId`
    PresencesByUserId,
    Subscriptions,
    Subscription,
    /// `/subscriptions/{id}/reauthorize`
    Reauthorize,
    Batch,
    Metadata,
    Healthz,
    Readyz,
    OpenApi,
    AdminUsers,
    AdminUser,
    /// `/admin/v1/users/{id}/outOfOffice`
    AdminOutOfOffice,
    /// `/admin/v1/users/{id}/schedule`
    AdminSchedule,
    AdminApplications,
    AdminApplication,
    AdminSubscriptions,
    AdminSubscription,
    /// `/admin/v1/subscriptions/{id}/test`
    AdminTest,
}

/// Names of segments, in their usual spelling, and what they lead to.
type Names = [(&'static str, Resource)];

/// Paths of one segment, outside the versions.
const OUTSIDE: &Names = &[
    ("healthz", Resource::Healthz),
    ("readyz", Resource::Readyz),
    ("openapi.json", Resource::OpenApi),
];

/// Paths of one segment below a version, which are no resources.
const SERVICES: &Names = &[
    ("$batch", Resource::Batch),
    ("$metadata", Resource::Metadata),
];

/// The actions on a presence.
const ACTIONS: &Names = &[
    ("setPresence", Resource::SetPresence),
    ("clearPresence", Resource::ClearPresence),
    (
        "setUserPreferredPresence",
        Resource::SetUserPreferredPresence,
    ),
    (
        "clearUserPreferredPresence",
        Resource::ClearUserPreferredPresence,
    ),
    ("setStatusMessage", Resource::SetStatusMessage),
    ("setManualLocation", Resource::SetManualLocation),
    ("setAutomaticLocation", Resource::SetAutomaticLocation),
    ("clearLocation", Resource::ClearLocation),
    ("clearAutomaticLocation", Resource::ClearAutomaticLocation),
];

/// What presenced adds to a presence. It is no part of Graph's namespace, so no qualified name
/// leads to it.
const EXTENSIONS: &Names = &[("explain", Resource::Explain)];

/// What may follow the id of a subscription.
const SUBSCRIPTION_ACTIONS: &Names = &[("reauthorize", Resource::Reauthorize)];

/// What the administrative API lists, an entry of it, and what may follow the id of one. It keeps to
/// itself below its own version, since it is no part of Graph.
const ADMIN_COLLECTIONS: &[(&str, Resource, Resource, &Names)] = &[
    (
        "users",
        Resource::AdminUsers,
        Resource::AdminUser,
        &[
            ("outOfOffice", Resource::AdminOutOfOffice),
            ("schedule", Resource::AdminSchedule),
        ],
    ),
    (
        "applications",
        Resource::AdminApplications,
        Resource::AdminApplication,
        &[],
    ),
    (
        "subscriptions",
        Resource::AdminSubscriptions,
        Resource::AdminSubscription,
        &[("test", Resource::AdminTest)],
    ),
];

/// What the SDKs write for the signed-in user, and a middleware of theirs usually replaces
/// (contract section 11).
const ME_PLACEHOLDER: &str = "me-token-to-replace";

/// What a path names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// Below which root; [`Version::V1`] outside of both.
    pub(crate) version: Version,
    /// What.
    pub(crate) resource: Resource,
    /// In which way, where it is one presence or something of it.
    pub(crate) form: Form,
    /// Where in the path the id begins and ends; not the text itself, since the request, which the place
    /// goes with from hand to hand, owns the path.
    id: (usize, usize),
    /// Whether the id is a key in quotes, in which a quote is written twice.
    is_key: bool,
}

impl Place {
    const fn of(version: Version, resource: Resource) -> Self {
        Self {
            version,
            resource,
            form: Form::Me,
            id: (0, 0),
            is_key: false,
        }
    }

    /// The id in the path that was walked, decoded; empty where there is none.
    pub(crate) fn id<'a>(&self, path: &'a str) -> Cow<'a, str> {
        let (start, end) = self.id;
        let id = percent_decoded(path.get(start..end).unwrap_or_default());
        // After decoding (OData URL conventions, section 2), since the quotes may be encoded too.
        if self.is_key && id.contains("''") {
            return Cow::Owned(id.replace("''", "'"));
        }
        id
    }
}

/// What a path names; otherwise the first segment that names nothing, or the last one where the path
/// ends too early.
///
/// ```text
/// /V1.0/Users('x')/Presence/microsoft.graph.setPresence/  is  /v1.0/users/x/presence/setPresence
/// ```
pub(crate) fn walk(path: &str) -> Result<Place, &str> {
    let trimmed = path.strip_suffix('/').unwrap_or(path);
    let mut rest = Rest {
        path,
        left: Some(trimmed.strip_prefix('/').unwrap_or(trimmed)),
    };
    let first = rest.next().unwrap_or_default();
    let place = if let Some(version) = Version::named(first) {
        below(version, first, &mut rest)?
    } else if first.eq_ignore_ascii_case("admin") {
        admin(first, &mut rest)?
    } else {
        Place::of(Version::V1, known(OUTSIDE, first).ok_or(first)?)
    };
    rest.next().map_or(Ok(place), Err)
}

/// What of a path was not walked yet.
struct Rest<'a> {
    /// The whole path.
    path: &'a str,
    /// What is left of it, from the beginning of a segment on.
    left: Option<&'a str>,
}

impl<'a> Rest<'a> {
    /// The next segment. Not by `split`, whose search is made for longer texts.
    fn next(&mut self) -> Option<&'a str> {
        let left = self.left.take()?;
        let Some(end) = left.bytes().position(|byte| byte == b'/') else {
            return Some(left);
        };
        self.left = left.get(end + 1..);
        left.get(..end)
    }

    /// The same place with this id, a part of the path.
    fn with_id(&self, id: Id<'_>, place: Place) -> Place {
        // Both are of one text. A count of what was walked would not do: a key begins within its segment.
        let start = id.text.as_ptr().addr() - self.path.as_ptr().addr();
        Place {
            id: (start, start + id.text.len()),
            is_key: id.is_key,
            ..place
        }
    }
}

/// An id as it is written.
#[derive(Clone, Copy)]
struct Id<'a> {
    text: &'a str,
    /// Whether it stands in quotes.
    is_key: bool,
}

/// What lies below a version.
fn below<'a>(version: Version, before: &'a str, rest: &mut Rest<'a>) -> Result<Place, &'a str> {
    let resource = rest.next().ok_or(before)?;
    let at = |resource| Place::of(version, resource);
    if let Some((last, id)) = keyed("users", resource, rest) {
        let id = id.ok_or(last)?;
        let place = at(presence(last, rest)?);
        return Ok(match id.text {
            ME_PLACEHOLDER => place,
            _ => rest.with_id(
                id,
                Place {
                    form: Form::Users,
                    ..place
                },
            ),
        });
    }
    if resource.eq_ignore_ascii_case("me") {
        return Ok(at(presence(resource, rest)?));
    }
    if resource.eq_ignore_ascii_case("communications") {
        return communications(version, resource, rest);
    }
    if let Some((last, id)) = keyed("subscriptions", resource, rest) {
        let Some(id) = id else {
            return all(last, "subscriptions").map(|()| at(Resource::Subscriptions));
        };
        let found = match rest.next() {
            None => Resource::Subscription,
            Some(segment) => known(SUBSCRIPTION_ACTIONS, unqualified(segment)).ok_or(segment)?,
        };
        return Ok(rest.with_id(id, at(found)));
    }
    dollar(SERVICES, resource).map(at).ok_or(resource)
}

/// What lies below `communications`.
fn communications<'a>(
    version: Version,
    before: &'a str,
    rest: &mut Rest<'a>,
) -> Result<Place, &'a str> {
    const FUNCTIONS: &Names = &[("getPresencesByUserId", Resource::PresencesByUserId)];
    const COUNT: &Names = &[("$count", Resource::PresenceCount)];
    let at = |resource| Place {
        form: Form::Communications,
        ..Place::of(version, resource)
    };
    let segment = rest.next().ok_or(before)?;
    let Some((last, id)) = keyed("presences", segment, rest) else {
        return known(FUNCTIONS, unqualified(segment))
            .map(at)
            .ok_or(segment);
    };
    let Some(id) = id else {
        return all(last, "presences").map(|()| at(Resource::Presences));
    };
    let found = if let Some(count) = dollar(COUNT, id.text) {
        count
    } else if id.text.eq_ignore_ascii_case("live") && rest.left.is_none() {
        Resource::Live
    } else {
        action(rest)?
    };
    Ok(rest.with_id(id, at(found)))
}

/// The administrative API: a collection, an entry of it, and what belongs to an entry.
fn admin<'a>(first: &'a str, rest: &mut Rest<'a>) -> Result<Place, &'a str> {
    let at = |resource| Place::of(Version::V1, resource);
    let version = rest.next().ok_or(first)?;
    if !version.eq_ignore_ascii_case("v1") {
        return Err(version);
    }
    let segment = rest.next().ok_or(version)?;
    let mut collections = ADMIN_COLLECTIONS.iter();
    let found = collections.find(|(name, ..)| name.eq_ignore_ascii_case(segment));
    let (_, all, one, parts) = found.ok_or(segment)?;
    let Some(text) = rest.next() else {
        return Ok(at(*all));
    };
    if text.is_empty() {
        return Err(text);
    }
    let found = match rest.next() {
        None => *one,
        Some(segment) => known(parts, segment).ok_or(segment)?,
    };
    let id = Id {
        text,
        is_key: false,
    };
    Ok(rest.with_id(id, at(found)))
}

/// `presence`, and what may follow it, below the user that `before` named.
fn presence<'a>(before: &'a str, rest: &mut Rest<'a>) -> Result<Resource, &'a str> {
    let segment = rest.next().ok_or(before)?;
    if !segment.eq_ignore_ascii_case("presence") {
        return Err(segment);
    }
    action(rest)
}

/// An action on a presence or an extension of it, where one follows; otherwise the presence.
fn action<'a>(rest: &mut Rest<'a>) -> Result<Resource, &'a str> {
    let Some(segment) = rest.next() else {
        return Ok(Resource::Presence);
    };
    let action = known(ACTIONS, unqualified(segment));
    action.or_else(|| known(EXTENSIONS, segment)).ok_or(segment)
}

/// Without a key a collection is all of it; with an empty one it is nothing.
fn all<'a>(last: &'a str, collection: &str) -> Result<(), &'a str> {
    if last.eq_ignore_ascii_case(collection) {
        Ok(())
    } else {
        Err(last)
    }
}

/// A collection with a key: `users/{id}` or `users('{id}')`. `None` where it is another segment;
/// otherwise the last segment that was read, and the id if there is one.
fn keyed<'a>(
    collection: &str,
    segment: &'a str,
    rest: &mut Rest<'a>,
) -> Option<(&'a str, Option<Id<'a>>)> {
    let after = strip_prefix_ignoring_case(segment, collection)?;
    let is_key = !after.is_empty();
    let (last, text) = if is_key {
        let opened = either_prefix(either_prefix(after, "(", "%28")?, "'", "%27")?;
        let text = either_suffix(either_suffix(opened, ")", "%29")?, "'", "%27")?;
        (segment, text)
    } else {
        let id = rest.next();
        (id.unwrap_or(segment), id.unwrap_or_default())
    };
    let id = (!text.is_empty()).then_some(Id { text, is_key });
    Some((last, id))
}

/// What a segment leads to by one of `names`, which begin with a dollar sign; in the segment the sign
/// may be percent-encoded.
fn dollar(names: &Names, segment: &str) -> Option<Resource> {
    let name = either_prefix(segment, "$", "%24")?;
    let found = names.iter().find(|(known, _)| {
        known
            .strip_prefix('$')
            .is_some_and(|known| known.eq_ignore_ascii_case(name))
    });
    found.map(|(_, resource)| *resource)
}

/// What a segment leads to by one of `names`, without regard to case.
fn known(names: &Names, segment: &str) -> Option<Resource> {
    let mut names = names.iter();
    let found = names.find(|(name, _)| name.eq_ignore_ascii_case(segment));
    found.map(|(_, resource)| *resource)
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
mod tests;
