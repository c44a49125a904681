//! The numbers and words of the file are those of the limits, the rules and the table of errors.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use presenced_core::auth::Permissions;
use presenced_core::limits::{
    OUT_OF_OFFICE_CHARS_MAX, PLACE_ID_CHARS_MAX, SCHEDULED_LOCATIONS_MAX, SESSION_ID_CHARS_MAX,
    SESSIONS_PER_USER_MAX, STATUS_MESSAGE_CHARS_MAX,
};
use presenced_core::location::{LocationKind, LocationSource};
use presenced_core::preferred::PreferredState;
use presenced_core::presence::{Activity, Availability, Presence};
use presenced_core::session::SessionState;
use presenced_http::Settings;
use presenced_http::error::CODES;
use presenced_http::limits::{
    BATCH_ANSWER_BYTES_MAX, BATCH_ID_CHARS_MAX, BATCH_ITEM_HEADERS_MAX, BATCH_ITEMS_MAX,
    BATCH_URL_BYTES_MAX, BODY_BYTES_MAX, CERTIFICATE_ID_CHARS_MAX, CLIENT_REQUEST_ID_CHARS_MAX,
    CLIENT_STATE_CHARS_MAX, CLIENT_STATE_CHARS_MAX_BETA, DISPLAY_NAME_CHARS_MAX,
    DURATION_CHARS_MAX, ENTRIES_PER_PAGE_DEFAULT, ENTRIES_PER_PAGE_MAX, HEAD_BYTES_MAX,
    HEADERS_MAX, IDS_BODY_BYTES_MAX, IDS_PER_READ_MAX, SUBSCRIPTION_BYTES_MAX,
    SUBSCRIPTION_LIFE_MAX, SUBSCRIPTION_LIFE_MIN, SUBSCRIPTION_USERS_MAX, SUBSCRIPTIONS_PER_PAGE,
    USER_ID_CHARS_MAX,
};
use presenced_notify::compose::LifecycleEvent;
use presenced_notify::engine::limits::ITEMS_PER_POST_MAX;
use presenced_notify::live::limits::USERS_PER_STREAM_MAX;
use presenced_notify::webhook::limits::{
    CERTIFICATE_KEY_BITS_MAX, CERTIFICATE_KEY_BITS_MIN, URL_CHARS_MAX,
};
use serde_json::{Value, json};

use super::{at, document, operations, texts};
use crate::subscriptions::made;
use crate::support::TestApp;

/// A keyword of a schema: `SetPresence.sessionId maxLength`.
#[track_caller]
fn keyword<'a>(document: &'a Value, written: &str) -> &'a Value {
    let (property, keyword) = written.split_once(' ').unwrap();
    let property = property.replace('.', "/properties/");
    at(
        document,
        &format!("/components/schemas/{property}/{keyword}"),
    )
}

/// The limits in schemas.
const LIMITS: [(&str, usize); 37] = [
    ("SetPresence.sessionId maxLength", SESSION_ID_CHARS_MAX),
    (
        "SetPresence.expirationDuration maxLength",
        DURATION_CHARS_MAX,
    ),
    ("ClearPresence.sessionId maxLength", SESSION_ID_CHARS_MAX),
    (
        "SetUserPreferredPresence.expirationDuration maxLength",
        DURATION_CHARS_MAX,
    ),
    (
        "SetStatusMessage.statusMessage.message.content maxLength",
        STATUS_MESSAGE_CHARS_MAX,
    ),
    ("SetLocation.placeId maxLength", PLACE_ID_CHARS_MAX),
    ("GetPresencesByUserId.ids maxItems", IDS_PER_READ_MAX),
    (
        "GetPresencesByUserId.ids items/maxLength",
        USER_ID_CHARS_MAX,
    ),
    ("Batch.requests maxItems", BATCH_ITEMS_MAX),
    ("BatchItem.id maxLength", BATCH_ID_CHARS_MAX),
    ("BatchItem.url maxLength", BATCH_URL_BYTES_MAX),
    ("BatchItem.headers maxProperties", BATCH_ITEM_HEADERS_MAX),
    ("BatchItem.dependsOn maxItems", BATCH_ITEMS_MAX),
    ("BatchAnswer.responses maxItems", BATCH_ITEMS_MAX),
    ("Presences.value maxItems", IDS_PER_READ_MAX),
    (
        "StatusMessage.message.content maxLength",
        STATUS_MESSAGE_CHARS_MAX,
    ),
    ("Explanation.sessions maxItems", SESSIONS_PER_USER_MAX),
    // The planned ones, and the two of the day.
    (
        "Explanation.workLocations maxItems",
        SCHEDULED_LOCATIONS_MAX + 2,
    ),
    ("Live.ids maxItems", USERS_PER_STREAM_MAX),
    ("PutUser.principalName maxLength", USER_ID_CHARS_MAX),
    ("PutUser.displayName maxLength", DISPLAY_NAME_CHARS_MAX),
    (
        "PutApplication.displayName maxLength",
        DISPLAY_NAME_CHARS_MAX,
    ),
    ("PutOutOfOffice.message maxLength", OUT_OF_OFFICE_CHARS_MAX),
    ("PutSchedule.value maxItems", SCHEDULED_LOCATIONS_MAX),
    ("PutPlannedLocation.placeId maxLength", PLACE_ID_CHARS_MAX),
    ("Schedule.value maxItems", SCHEDULED_LOCATIONS_MAX),
    ("DirectoryUsers.value maxItems", ENTRIES_PER_PAGE_MAX),
    ("Applications.value maxItems", ENTRIES_PER_PAGE_MAX),
    ("WatchedSubscriptions.value maxItems", ENTRIES_PER_PAGE_MAX),
    (
        "CreateSubscription.notificationUrl maxLength",
        URL_CHARS_MAX,
    ),
    (
        "CreateSubscription.lifecycleNotificationUrl maxLength",
        URL_CHARS_MAX,
    ),
    (
        "CreateSubscription.clientState maxLength",
        CLIENT_STATE_CHARS_MAX_BETA,
    ),
    (
        "CreateSubscription.encryptionCertificateId maxLength",
        CERTIFICATE_ID_CHARS_MAX,
    ),
    (
        "UpdateSubscription.notificationUrl maxLength",
        URL_CHARS_MAX,
    ),
    (
        "UpdateSubscription.encryptionCertificateId maxLength",
        CERTIFICATE_ID_CHARS_MAX,
    ),
    ("Subscriptions.value maxItems", SUBSCRIPTIONS_PER_PAGE),
    ("ChangeNotifications.value maxItems", ITEMS_PER_POST_MAX),
];

/// They are the limits of the server, and no other is there.
#[tokio::test]
async fn limits_of_values() {
    let document = document().await;
    for (written, limit) in LIMITS {
        assert_eq!(keyword(&document, written), limit, "{written}");
    }
    let user = "/components/parameters/UserToRead/schema/maxLength";
    assert_eq!(at(&document, user), USER_ID_CHARS_MAX);
    // Absent, it is the server's own, which is no longer.
    let id = "/components/headers/ClientRequestId/schema/maxLength";
    assert_eq!(at(&document, id), CLIENT_REQUEST_ID_CHARS_MAX);
    let ids = "/components/parameters/LiveIds/schema/maxItems";
    assert_eq!(at(&document, ids), USERS_PER_STREAM_MAX);
    let top = "/components/parameters/Top/schema/maximum";
    assert_eq!(at(&document, top), ENTRIES_PER_PAGE_MAX);
    assert_eq!(count(&document), LIMITS.len() + 3, "a limit is not here");
}

/// How many limits there are in schemas.
fn count(value: &Value) -> usize {
    const KEYWORDS: [&str; 3] = ["maxLength", "maxItems", "maxProperties"];
    match value {
        Value::Object(members) => {
            let own = KEYWORDS.iter().filter(|name| value[**name].is_u64());
            own.count() + members.values().map(count).sum::<usize>()
        }
        Value::Array(items) => items.iter().map(count).sum(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 0,
    }
}

/// The limits that are told in sentences.
#[tokio::test]
async fn limits_in_sentences() {
    let document = document().await;
    let made = |member| format!("schemas/CreateSubscription/properties/{member}");
    let minutes = |life: Duration| usize::try_from(life.as_secs() / 60).unwrap();
    for (pointer, limit) in [
        ("requestBodies/SetPresence", BODY_BYTES_MAX),
        ("requestBodies/ClearPresence", BODY_BYTES_MAX),
        ("requestBodies/SetUserPreferredPresence", BODY_BYTES_MAX),
        ("requestBodies/SetStatusMessage", BODY_BYTES_MAX),
        ("requestBodies/SetLocation", BODY_BYTES_MAX),
        ("requestBodies/GetPresencesByUserId", IDS_BODY_BYTES_MAX),
        ("requestBodies/Batch", BODY_BYTES_MAX * BATCH_ITEMS_MAX),
        ("schemas/BatchItem/properties/url", BATCH_URL_BYTES_MAX),
        (
            "schemas/BatchItem/properties/headers",
            BATCH_ITEM_HEADERS_MAX,
        ),
        (
            "schemas/BatchAnswer/properties/responses",
            BATCH_ANSWER_BYTES_MAX,
        ),
        ("requestBodies/Live", IDS_BODY_BYTES_MAX),
        ("requestBodies/PutUser", BODY_BYTES_MAX),
        ("requestBodies/PutOutOfOffice", BODY_BYTES_MAX),
        ("requestBodies/PutSchedule", BODY_BYTES_MAX),
        ("requestBodies/PutApplication", BODY_BYTES_MAX),
        ("requestBodies/CreateSubscription", BODY_BYTES_MAX),
        ("requestBodies/CreateSubscription", SUBSCRIPTION_BYTES_MAX),
        ("requestBodies/UpdateSubscription", BODY_BYTES_MAX),
        ("requestBodies/ChangeNotifications", ITEMS_PER_POST_MAX),
        (&made("resource"), SUBSCRIPTION_USERS_MAX),
        (&made("expirationDateTime"), minutes(SUBSCRIPTION_LIFE_MAX)),
        (&made("expirationDateTime"), minutes(SUBSCRIPTION_LIFE_MIN)),
        (&made("clientState"), CLIENT_STATE_CHARS_MAX),
        (&made("clientState"), CLIENT_STATE_CHARS_MAX_BETA),
        (&made("encryptionCertificate"), CERTIFICATE_KEY_BITS_MIN),
        (&made("encryptionCertificate"), CERTIFICATE_KEY_BITS_MAX),
        ("parameters/LiveIds", USERS_PER_STREAM_MAX),
        ("parameters/Top", ENTRIES_PER_PAGE_DEFAULT),
        ("parameters/Filter", IDS_PER_READ_MAX),
        ("parameters/Filter", USER_ID_CHARS_MAX),
        ("parameters/ClientRequestId", CLIENT_REQUEST_ID_CHARS_MAX),
        ("../info", HEAD_BYTES_MAX),
        ("../info", HEADERS_MAX),
    ] {
        let whole = format!("/components/{pointer}").replace("/components/..", "");
        let text = at(&document, &whole)["description"].as_str().unwrap();
        let mut numbers = text.split(|c: char| !c.is_ascii_digit() && c != ',');
        let told = numbers.any(|number| number.replace(',', "") == limit.to_string());
        assert!(told, "{pointer} does not tell {limit}: {text}");
    }
}

/// The pairs that can be set, in the order of the rules.
#[tokio::test]
async fn pairs() {
    let document = document().await;
    let check = |name: &str, states: Vec<Presence>| {
        let described = keyword(&document, &format!("{name} oneOf"));
        let described = described.as_array().unwrap().iter().map(|one| {
            let value = |member: &str| one["properties"][member]["const"].as_str().unwrap();
            format!("{}/{}", value("availability"), value("activity"))
        });
        let pairs: Vec<String> = states.iter().map(ToString::to_string).collect();
        assert_eq!(described.collect::<Vec<_>>(), pairs, "{name}");
        let listed = |member: &str| -> BTreeSet<&str> {
            let values = keyword(&document, &format!("{name}.{member} enum"));
            texts(values).into_iter().collect()
        };
        let availabilities = states.iter().map(|state| state.availability.as_str());
        assert_eq!(listed("availability"), availabilities.collect(), "{name}");
        let activities = states.iter().map(|state| state.activity.as_str());
        assert_eq!(listed("activity"), activities.collect(), "{name}");
    };
    let sessions = SessionState::ALL.map(SessionState::presence);
    check("SetPresence", sessions.into());
    let choices = PreferredState::ALL.map(PreferredState::presence);
    check("SetUserPreferredPresence", choices.into());
}

/// The values that are answered.
#[tokio::test]
async fn values_of_answers() {
    let document = document().await;
    let check = |written: &str, values: &[&str]| {
        assert_eq!(texts(keyword(&document, written)), values, "{written}");
    };
    let permissions = Permissions::NAMES.map(|(name, _)| name);
    for name in ["PutApplication", "Application"] {
        check(&format!("{name}.roles items/enum"), &permissions);
    }
    check(
        "Availability enum",
        &AVAILABILITIES.map(Availability::as_str),
    );
    check("Activity enum", &ACTIVITIES.map(Activity::as_str));
    let sources = SOURCES.map(LocationSource::as_str);
    check("WorkLocation.source enum", &sources);
    check("ExplainedLocation.source enum", &sources[1..]);
    let events = LIFECYCLE_EVENTS.map(LifecycleEvent::as_str);
    check("LifecycleNotification.lifecycleEvent enum", &events);
    let kinds = LocationKind::ALL.map(LocationKind::as_str);
    for name in [
        "SetLocation",
        "WorkLocation",
        "ExplainedLocation",
        "PutPlannedLocation",
        "PlannedLocation",
    ] {
        check(&format!("{name}.workLocationType enum"), &kinds);
    }
}

/// Each value that a member of a new subscription may have is taken.
#[tokio::test]
async fn values_of_subscriptions() {
    let document = document().await;
    let app = TestApp::notifying(Settings::default(), Arc::default()).await;
    let properties = at(
        &document,
        "/components/schemas/CreateSubscription/properties",
    );
    let mut count = 0;
    for (name, property) in properties.as_object().unwrap() {
        for value in property["enum"].as_array().into_iter().flatten() {
            made(&app, "app", json!({ name: value })).await;
            count += 1;
        }
    }
    assert!(count > 10, "{count}");
}

const AVAILABILITIES: [Availability; 7] = [
    Availability::Available,
    Availability::Away,
    Availability::BeRightBack,
    Availability::Busy,
    Availability::DoNotDisturb,
    Availability::Offline,
    Availability::PresenceUnknown,
];

const ACTIVITIES: [Activity; 12] = [
    Activity::Available,
    Activity::AvailableInactive,
    Activity::Away,
    Activity::BeRightBack,
    Activity::Busy,
    Activity::DoNotDisturb,
    Activity::InACall,
    Activity::InAConferenceCall,
    Activity::OffWork,
    Activity::Offline,
    Activity::PresenceUnknown,
    Activity::Presenting,
];

const SOURCES: [LocationSource; 4] = [
    LocationSource::None,
    LocationSource::Manual,
    LocationSource::Scheduled,
    LocationSource::Automatic,
];

const LIFECYCLE_EVENTS: [LifecycleEvent; 3] = [
    LifecycleEvent::ReauthorizationRequired,
    LifecycleEvent::SubscriptionRemoved,
    LifecycleEvent::Missed,
];

/// The lists above lack no variant: a new one does not compile here, and belongs into its list and
/// into the file.
#[test]
fn lists_are_whole() {
    for value in AVAILABILITIES {
        match value {
            Availability::Available
            | Availability::Away
            | Availability::BeRightBack
            | Availability::Busy
            | Availability::DoNotDisturb
            | Availability::Offline
            | Availability::PresenceUnknown => {}
        }
    }
    for value in ACTIVITIES {
        match value {
            Activity::Available
            | Activity::AvailableInactive
            | Activity::Away
            | Activity::BeRightBack
            | Activity::Busy
            | Activity::DoNotDisturb
            | Activity::InACall
            | Activity::InAConferenceCall
            | Activity::OffWork
            | Activity::Offline
            | Activity::PresenceUnknown
            | Activity::Presenting => {}
        }
    }
    for value in SOURCES {
        match value {
            LocationSource::None
            | LocationSource::Manual
            | LocationSource::Scheduled
            | LocationSource::Automatic => {}
        }
    }
    for value in LIFECYCLE_EVENTS {
        match value {
            LifecycleEvent::ReauthorizationRequired
            | LifecycleEvent::SubscriptionRemoved
            | LifecycleEvent::Missed => {}
        }
    }
    let names: BTreeSet<&str> = ACTIVITIES.iter().map(|value| value.as_str()).collect();
    assert_eq!(names.len(), ACTIVITIES.len(), "each is there once");
}

/// The error codes are those of the table, and each refusal lists those of its status.
#[tokio::test]
async fn error_codes() {
    let document = document().await;
    let mut all: Vec<&str> = Vec::new();
    for row in &CODES {
        // One text may stand for two statuses.
        if !all.contains(&row.wire) {
            all.push(row.wire);
        }
    }
    assert_eq!(texts(keyword(&document, "ErrorCode enum")), all);
    let mut statuses = BTreeSet::new();
    for operation in operations(&document) {
        for (status, response) in operation.members["responses"].as_object().unwrap() {
            if status.starts_with('2') {
                continue;
            }
            let name = response["$ref"].as_str().unwrap();
            let listed = "/content/application~1json/schema/allOf/1/properties/error/properties\
                          /code/enum";
            let listed = at(at(&document, &name[1..]), listed);
            let rows = CODES.iter().filter(|row| row.status.as_str() == status);
            let codes: Vec<&str> = rows.map(|row| row.wire).collect();
            assert_eq!(texts(listed), codes, "{name}");
            statuses.insert(status.as_str());
        }
    }
    // A method that a path does not have is no operation, and 424 stands within the answer to a
    // batch.
    let elsewhere = ["405", "424"];
    let expect = CODES.iter().map(|row| row.status.as_str());
    let expect: BTreeSet<&str> = expect
        .filter(|status| !elsewhere.contains(status))
        .collect();
    assert_eq!(statuses, expect);
}
