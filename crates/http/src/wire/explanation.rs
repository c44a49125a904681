//! Why a presence is what it is, as an object of presenced's own.
//!
//! Unlike a presence it is written by a serialiser: it is read by people, now and then.

use jiff::SignedDuration;
use presenced_core::explain::{Explanation, LocationPart, Next, SessionPart, Standing, explain};
use presenced_core::location::PlaceId;
use presenced_core::out_of_office::{OutOfOffice, ReplyText};
use presenced_core::preferred::Preferred;
use presenced_core::presence::Presence;
use presenced_core::record::Record;
use presenced_core::status::StatusMessage;
use presenced_core::time::Timestamp;
use presenced_core::view::{Verdict, View};
use serde::Serialize;

use super::presence::{Shown, date_time};
use crate::target::Subject;

/// What the GUIDs that name sessions are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Names {
    /// Client ids of applications, since the tenant takes no others.
    Applications,
    /// Whatever an application chose.
    Free,
}

/// What is told to who may read a presence but not know how it came about.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Summary {
    /// Whose presence.
    id: String,
    /// How much is told: here `summary`.
    detail: &'static str,
    /// The instant it is about.
    date_time: String,
    /// What is shown.
    availability: &'static str,
    /// What is shown.
    activity: &'static str,
    /// Why no more is told.
    because: &'static str,
}

impl Summary {
    /// What everybody may know.
    pub(crate) fn of(shown: Shown<'_>, now: Timestamp) -> Self {
        let pair = Pair::of(shown.view.presence);
        Self {
            id: id(shown.subject),
            detail: "summary",
            date_time: date_time(now),
            availability: pair.availability,
            activity: pair.activity,
            because: "A signed-in user is told the reasons of their own presence only. An \
                      application's own token with Presence.Read.All is told everybody's.",
        }
    }
}

/// All there is to know.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Explained<'a> {
    /// Whose presence.
    id: String,
    /// How much is told: here `full`.
    detail: &'static str,
    /// The instant it is about.
    date_time: String,
    /// What is shown.
    availability: &'static str,
    /// What is shown.
    activity: &'static str,
    /// The stamp of what is shown.
    sequence_number: String,
    /// What decided: `preferred`, `session`, `noSession`, or `unknownUser`.
    rule: &'static str,
    /// The rule in words, with what can be done about it.
    because: &'static str,
    /// The sessions that count, the strongest first.
    sessions: Vec<SessionBody>,
    /// What the user chose.
    preferred: Option<PreferredBody>,
    /// The note beside the presence.
    status_message: Option<StatusBody<'a>>,
    /// What is known of the user's location.
    work_locations: Vec<LocationBody<'a>>,
    /// The span out of office that is or will be.
    out_of_office: Option<OutOfOfficeBody<'a>>,
    /// What time alone will change next.
    next_change: Option<NextBody>,
}

impl<'a> Explained<'a> {
    /// Explains a subject's record at `now`; that of nobody is empty.
    pub(crate) fn of(
        subject: Subject<'_>,
        record: &'a Record,
        names: Names,
        now: Timestamp,
    ) -> Self {
        let explanation = explain(record, now);
        let (rule, because) = rule(subject, &explanation);
        let pair = Pair::of(match subject {
            Subject::User(_) => explanation.view.presence,
            Subject::Stranger(_) | Subject::Nobody(_) => Presence::UNKNOWN,
        });
        let (view, at, verdict) = (explanation.view, explanation.at, explanation.verdict);
        let sessions = explanation.sessions.iter();
        let locations = explanation.locations.iter();
        let next = explanation.next;
        let away = explanation.out_of_office;
        Self {
            id: id(subject),
            detail: "full",
            date_time: date_time(at),
            availability: pair.availability,
            activity: pair.activity,
            sequence_number: format!("{:020}", view.sequence),
            rule,
            because,
            sessions: sessions
                .map(|part| SessionBody::of(part, names, at))
                .collect(),
            preferred: explanation
                .preferred
                .map(|preferred| PreferredBody::of(preferred, verdict)),
            status_message: view.status_message.map(StatusBody::of),
            work_locations: locations.map(LocationBody::of).collect(),
            out_of_office: away.map(|away| OutOfOfficeBody::of(away, at)),
            next_change: next.map(|next| NextBody::of(&view, &next)),
        }
    }
}

/// The rule that decided, and what it says.
fn rule(subject: Subject<'_>, explanation: &Explanation<'_>) -> (&'static str, &'static str) {
    let strongest = explanation.sessions.first();
    match (subject, explanation.verdict) {
        (Subject::Nobody(_), _) => (
            "unknownUser",
            "The id is neither a user's object id, which is a GUID, nor a user principal name that \
             is known here.",
        ),
        (Subject::Stranger(_), _) => (
            "unknownUser",
            "The directory of the tenant is closed, and does not know the user.",
        ),
        (Subject::User(_), Verdict::NoSession) if explanation.preferred.is_some() => (
            "noSession",
            "No session exists, and without one the user is Offline. The preferred presence shows \
             as soon as an application calls setPresence.",
        ),
        (Subject::User(_), Verdict::NoSession) => (
            "noSession",
            "No session exists: none was set, or all were cleared or have expired. An application \
             makes one with setPresence.",
        ),
        (Subject::User(_), Verdict::Preferred(_)) => (
            "preferred",
            "The preferred presence goes before every session, until it expires or is cleared with \
             clearUserPreferredPresence.",
        ),
        (Subject::User(_), Verdict::Session(session)) => {
            let faded = strongest.is_some_and(|part| part.now != session.state.presence());
            let because = if faded {
                "The strongest session shows. It has faded: Available turns to AvailableInactive \
                 5 minutes after it was last set, and to Away 10 minutes after. Setting it again \
                 renews it."
            } else {
                "The strongest session shows: DoNotDisturb before Busy before Available before \
                 Away."
            };
            ("session", because)
        }
    }
}

/// One session.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SessionBody {
    /// Its name.
    id: String,
    /// The client id of the application that it belongs to, where that can be told.
    application: Option<String>,
    /// As it was set.
    set: Pair,
    /// As it counts now.
    now: Pair,
    /// When it was last set.
    set_date_time: String,
    /// How long ago that is, as an ISO 8601 duration.
    age: String,
    /// Its next fade, if it fades before it ends.
    next_fade: Option<FadeBody>,
    /// When it ends.
    expiry_date_time: String,
    /// Whether it is the presence.
    shows: bool,
    /// Why, or why not.
    because: &'static str,
}

impl SessionBody {
    fn of(part: &SessionPart<'_>, names: Names, at: Timestamp) -> Self {
        let session = part.session;
        let id = session.id.to_string();
        let named_by_guid = session.id.as_u128().is_some();
        let application = (named_by_guid && names == Names::Applications).then(|| id.clone());
        Self {
            id,
            application,
            set: Pair::of(session.state.presence()),
            now: Pair::of(part.now),
            set_date_time: date_time(session.set_at),
            age: age(at, session.set_at),
            next_fade: part.next_fade.map(|(at, to)| FadeBody {
                date_time: date_time(at),
                availability: to.availability.as_str(),
                activity: to.activity.as_str(),
            }),
            expiry_date_time: date_time(session.expires_at),
            shows: part.standing == Standing::Shows,
            because: match part.standing {
                Standing::Shows => "It is the strongest session.",
                Standing::UnderPreferred => "The preferred presence goes before every session.",
                Standing::Weaker => "Another session has a stronger availability.",
                Standing::Faded => {
                    "It has faded; another session of the same availability has not."
                }
                Standing::SetEarlier => "Another session of the same availability was set later.",
                Standing::LesserId => {
                    "Another session of the same availability was set in the same millisecond, and \
                     its id is the greater one."
                }
            },
        }
    }
}

/// What a session fades to, and when.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct FadeBody {
    /// When.
    date_time: String,
    /// To what.
    availability: &'static str,
    /// To what.
    activity: &'static str,
}

/// What the user chose.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PreferredBody {
    /// What was chosen.
    availability: &'static str,
    /// What was chosen.
    activity: &'static str,
    /// When the choice ends.
    expiry_date_time: String,
    /// Whether it is the presence.
    shows: bool,
    /// Why, or why not.
    because: &'static str,
}

impl PreferredBody {
    fn of(preferred: &Preferred, verdict: Verdict<'_>) -> Self {
        let pair = Pair::of(preferred.state.presence());
        let (shows, because) = match verdict {
            Verdict::Preferred(_) => (true, "A session exists, and a choice goes before it."),
            // No session goes before a choice that counts, so the reason is that there is none.
            Verdict::NoSession | Verdict::Session(_) => (
                false,
                "It shows only while a session exists, and none does.",
            ),
        };
        Self {
            availability: pair.availability,
            activity: pair.activity,
            expiry_date_time: date_time(preferred.expires_at),
            shows,
            because,
        }
    }
}

/// The note beside the presence.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct StatusBody<'a> {
    /// What it says.
    content: &'a str,
    /// When it was set.
    published_date_time: String,
    /// When it ends, if it does.
    expiry_date_time: Option<String>,
}

impl<'a> StatusBody<'a> {
    fn of(message: &'a StatusMessage) -> Self {
        Self {
            content: message.text.as_str(),
            published_date_time: date_time(message.published_at),
            expiry_date_time: message.expires_at.map(date_time),
        }
    }
}

/// What one source says about the location.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct LocationBody<'a> {
    /// Who says so.
    source: &'static str,
    /// What kind of place.
    work_location_type: &'static str,
    /// Which one.
    place_id: Option<&'a str>,
    /// When it begins to count, of a planned one.
    start_date_time: Option<String>,
    /// When it ends.
    expiry_date_time: String,
    /// Whether it is the location shown.
    shows: bool,
}

impl<'a> LocationBody<'a> {
    fn of(part: &LocationPart<'a>) -> Self {
        let location = part.location;
        Self {
            source: part.source.as_str(),
            work_location_type: location.kind.as_str(),
            place_id: location.place.as_ref().map(PlaceId::as_str),
            start_date_time: part.starts_at.map(date_time),
            expiry_date_time: date_time(part.expires_at),
            shows: part.shows,
        }
    }
}

/// A span out of office.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct OutOfOfficeBody<'a> {
    /// The automatic reply.
    message: Option<&'a str>,
    /// When it begins.
    start_date_time: String,
    /// When it ends, if that is known.
    end_date_time: Option<String>,
    /// Whether the user is out of office now.
    is_out_of_office: bool,
}

impl<'a> OutOfOfficeBody<'a> {
    fn of(away: &'a OutOfOffice, at: Timestamp) -> Self {
        Self {
            message: away.message.as_ref().map(ReplyText::as_str),
            start_date_time: date_time(away.starts_at),
            end_date_time: away.ends_at.map(date_time),
            is_out_of_office: away.is_current(at),
        }
    }
}

/// What time alone will bring.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct NextBody {
    /// When.
    date_time: String,
    /// What is shown then.
    availability: &'static str,
    /// What is shown then.
    activity: &'static str,
    /// Which properties of the presence are others then, besides the sequence number.
    changes: Vec<&'static str>,
}

impl NextBody {
    fn of(before: &View<'_>, next: &Next<'_>) -> Self {
        let after = &next.view;
        let pair = Pair::of(after.presence);
        let (from, to) = (before.presence, after.presence);
        let changes = [
            ("availability", from.availability != to.availability),
            ("activity", from.activity != to.activity),
            (
                "outOfOfficeSettings",
                before.out_of_office != after.out_of_office,
            ),
            (
                "statusMessage",
                before.status_message != after.status_message,
            ),
            ("workLocation", before.work_location != after.work_location),
        ];
        let changes = changes.into_iter().filter(|(_, changes)| *changes);
        Self {
            date_time: date_time(next.at),
            availability: pair.availability,
            activity: pair.activity,
            changes: changes.map(|(name, _)| name).collect(),
        }
    }
}

/// A pair as it is written.
#[derive(Clone, Copy, Serialize)]
struct Pair {
    /// The base presence.
    availability: &'static str,
    /// Its supplement.
    activity: &'static str,
}

impl Pair {
    fn of(presence: Presence) -> Self {
        Self {
            availability: presence.availability.as_str(),
            activity: presence.activity.as_str(),
        }
    }
}

fn id(subject: Subject<'_>) -> String {
    match subject {
        Subject::User(user) | Subject::Stranger(user) => user.to_string(),
        Subject::Nobody(id) => id.to_owned(),
    }
}

/// `PT4M30.5S`
fn age(at: Timestamp, since: Timestamp) -> String {
    let age = SignedDuration::try_from(at.since(since)).unwrap_or(SignedDuration::MAX);
    age.to_string()
}
