//! What there is in which of Graph's clouds: every cell of the two tables of contract section 9.

use std::collections::BTreeSet;
use std::sync::Arc;

use presenced_http::{Extensions, Profile, Settings, TenantSettings};
use serde_json::{Value, json};

use crate::support::{ADELE, Answer, OTHER_TENANT, TestApp};

/// The methods by cloud as Graph's documentation has them: global, L4, L5 and China. Where it says of
/// a location action that it is there and the metadata of that cloud has none, the cell is `NO`.
const DOCUMENTED: [(&str, [Cell; 4]); 12] = [
    ("get", [YES, YES, YES, NO]),
    ("getPresencesByUserId", [YES, YES, YES, NO]),
    ("setPresence", [YES, YES, YES, NO]),
    ("clearPresence", [YES, YES, YES, NO]),
    ("setUserPreferredPresence", [YES, YES, YES, NO]),
    ("clearUserPreferredPresence", [YES, YES, YES, NO]),
    ("setStatusMessage", [YES, YES, YES, NO]),
    // Newest page: yes, yes. Metadata: no, no.
    ("setManualLocation", [YES, NO, NO, NO]),
    ("setAutomaticLocation", [YES, NO, NO, NO]),
    ("clearLocation", [YES, NO, NO, NO]),
    ("clearAutomaticLocation", [YES, NO, NO, NO]),
    // Anything.
    ("beta", [YES, NO, NO, NO]),
];
const DOCUMENTED_CLOUDS: [&str; 4] = ["global", "us-government", "us-government-dod", "china"];

const ALL: &[&str] = &[
    "id",
    "availability",
    "activity",
    "outOfOfficeSettings",
    "sequenceNumber",
    "statusMessage",
    "workLocation",
];
const FOUR: &[&str] = &["id", "availability", "activity", "statusMessage"];
const FIVE: &[&str] = &[
    "id",
    "availability",
    "activity",
    "statusMessage",
    "workLocation",
];
const SIX_ACTIONS: &[&str] = &[
    "setPresence",
    "clearPresence",
    "setUserPreferredPresence",
    "clearUserPreferredPresence",
    "setStatusMessage",
    "getPresencesByUserId",
];
const LOCATION_ACTIONS: &[&str] = &[
    "setManualLocation",
    "setAutomaticLocation",
    "clearLocation",
    "clearAutomaticLocation",
];

/// What the metadata of a cloud contains: its properties, and its actions.
type Contained = (&'static [&'static str], &'static [&'static [&'static str]]);

/// The clouds by what their metadata contains. Fairfax stands for two.
const METADATA: [(&str, Contained); 9] = [
    ("global", (ALL, &[SIX_ACTIONS, LOCATION_ACTIONS])),
    ("us-government", (FOUR, &[SIX_ACTIONS])),
    ("us-government-dod", (FOUR, &[SIX_ACTIONS])),
    ("us-nat", (FOUR, &[SIX_ACTIONS])),
    ("us-sec", (FOUR, &[SIX_ACTIONS])),
    ("france", (FIVE, &[SIX_ACTIONS, LOCATION_ACTIONS])),
    ("china", (&[], &[])),
    ("germany", (&[], &[])),
    ("singapore", (&[], &[])),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cell {
    Yes,
    No,
}
const YES: Cell = Cell::Yes;
const NO: Cell = Cell::No;

/// A server whose tenants are all in this cloud.
fn app(cloud: &str) -> TestApp {
    TestApp::with(settings(cloud))
}

fn settings(cloud: &str) -> Settings {
    let mut names = Profile::NAMES.into_iter();
    let (_, cloud) = names.find(|(name, _)| *name == cloud).unwrap();
    Settings {
        cloud,
        ..Settings::default()
    }
}

/// Whether an answer is one of something that is there, whatever it says; one of something that is
/// not names the segment.
fn there(answer: &Answer, segment: &str) -> Cell {
    let missing = format!("Resource not found for the segment '{segment}'.");
    if answer.body.is_empty() || answer.json()["error"]["message"] != json!(missing) {
        assert_ne!(answer.status, 404);
        return YES;
    }
    assert_eq!(answer.error(), format!("400 BadRequest: {missing}"));
    NO
}

/// Whether a method is there, asked in all its forms.
async fn has(app: &TestApp, version: &str, method: &str) -> Cell {
    if method == "beta" {
        let mut found = BTreeSet::new();
        for path in [
            "me/presence",
            "$batch",
            "communications/getPresencesByUserId",
        ] {
            let answer = app
                .post("adele", &format!("/beta/{path}"), &json!({}))
                .await;
            found.insert(there(&answer, "beta") == YES);
        }
        assert_eq!(found.len(), 1, "{found:?}");
        return if found.contains(&true) { YES } else { NO };
    }
    if method == "getPresencesByUserId" {
        let path = format!("/{version}/communications/{method}");
        let answer = app.post("adele", &path, &json!({ "ids": [ADELE] })).await;
        return there(&answer, method);
    }
    let mut found = Vec::new();
    for form in [
        "me/presence",
        "users/{}/presence",
        "communications/presences/{}",
    ] {
        let presence = format!("/{version}/{}", form.replace("{}", ADELE));
        let segment = if form.starts_with("comm") {
            "presences"
        } else {
            "presence"
        };
        if method == "get" {
            found.push(there(&app.get("adele", &presence).await, segment));
            continue;
        }
        let answer = app
            .post("adele", &format!("{presence}/{method}"), &json!({}))
            .await;
        let known = there(&answer, method) == YES && there(&answer, segment) == YES;
        found.push(if known { YES } else { NO });
        // What is not there has no methods that it allows either.
        let other = app.get("adele", &format!("{presence}/{method}")).await;
        assert_eq!(other.status, if known { 405 } else { 400 }, "{method}");
        assert_eq!(other.headers.contains_key("allow"), known, "{method}");
    }
    assert!(
        found.iter().all(|one| *one == found[0]),
        "{method}: {found:?}"
    );
    found[0]
}

/// Subscriptions watch presences and nothing else: they are where a presence can be read, and where
/// they are not, nothing else that is wrong with a request is looked at.
#[tokio::test]
async fn subscriptions_are_where_presences_are() {
    let all = "/v1.0/subscriptions";
    let one = format!("{all}/{ADELE}");
    let none = json!({});
    for (cloud, (properties, _)) in METADATA {
        let app = TestApp::notifying(settings(cloud), Arc::default()).await;
        for answer in [
            app.get("adele", all).await,
            app.post("adele", all, &none).await,
            app.get("adele", &one).await,
            app.patch("adele", &one, &none).await,
            app.delete("adele", &one).await,
            app.post("adele", &format!("{one}/reauthorize"), &none)
                .await,
        ] {
            let missing = !answer.body.is_empty()
                && answer.json()["error"]["message"]
                    == "Resource not found for the segment 'subscriptions'.";
            assert_eq!(missing, properties.is_empty(), "{cloud}: {}", answer.text());
            assert!(!missing || answer.status == 400, "{cloud}");
        }
    }
}

/// What a cloud lacks is told before what is switched off everywhere, and a version that it lacks before
/// all that stands below.
#[tokio::test]
async fn what_the_cloud_lacks_is_told_first() {
    for (cloud, path, segment) in [
        ("us-government", "/beta/me/presence", "beta"),
        ("us-government", "/Beta/me/nothing", "beta"),
        ("us-government", "/beta", "beta"),
        ("us-government", "/beta/subscriptions", "beta"),
        ("us-government", "/v1.0/me/presence/explain", "explain"),
        ("us-government", "/v1.0/me/nothing", "nothing"),
        ("china", "/v1.0/me/presence/explain", "presence"),
        ("china", "/v1.0/subscriptions/x", "subscriptions"),
        ("global", "/beta/me/nothing", "nothing"),
        ("global", "/beta/me/presence/explain", "explain"),
        ("global", "/v1.0/subscriptions", "subscriptions"),
    ] {
        let app = TestApp::with(Settings {
            extensions: Extensions::Off,
            ..settings(cloud)
        });
        let answer = app.get("adele", path).await;
        assert_eq!(there(&answer, segment), NO, "{path} in {cloud}");
    }
}

/// The table of the documentation, cell by cell.
#[tokio::test]
async fn methods_as_documented() {
    for (column, cloud) in DOCUMENTED_CLOUDS.into_iter().enumerate() {
        let app = app(cloud);
        for (method, cells) in DOCUMENTED {
            assert_eq!(
                has(&app, "v1.0", method).await,
                cells[column],
                "{method} in {cloud}"
            );
        }
    }
}

/// The table of the metadata, cell by cell: the actions, and the properties in every way to read.
#[tokio::test]
async fn methods_and_properties_of_the_metadata() {
    assert_eq!(
        Profile::NAMES.map(|(name, _)| name),
        METADATA.map(|(name, _)| name)
    );
    for (cloud, (properties, actions)) in METADATA {
        let app = app(cloud);
        for action in [SIX_ACTIONS, LOCATION_ACTIONS].concat() {
            let expect = if actions.iter().any(|some| some.contains(&action)) {
                YES
            } else {
                NO
            };
            assert_eq!(
                has(&app, "v1.0", action).await,
                expect,
                "{action} in {cloud}"
            );
        }
        let expect = if properties.is_empty() { NO } else { YES };
        assert_eq!(has(&app, "v1.0", "get").await, expect, "{cloud}");
        if !properties.is_empty() {
            reads_show(&app, cloud, properties).await;
        }
    }
}

/// Every read shows these properties in their order, and can select them and no others.
async fn reads_show(app: &TestApp, cloud: &str, properties: &[&str]) {
    let several = "/v1.0/communications/getPresencesByUserId";
    let ids = json!({ "ids": [ADELE] });
    let listing = format!("/v1.0/communications/presences?$filter=id%20eq%20'{ADELE}'");
    let names = |presence: &Value| -> BTreeSet<String> {
        let members = presence.as_object().unwrap().keys();
        members
            .filter(|name| !name.contains('@'))
            .cloned()
            .collect()
    };
    let expect: BTreeSet<String> = properties.iter().map(|&name| name.to_owned()).collect();
    for query in ["", "?$select=*"] {
        let one = app
            .get("adele", &format!("/v1.0/me/presence{query}"))
            .await
            .json();
        assert_eq!(names(&one), expect, "{cloud} {query}");
        // All that there is, is no selection.
        let context = one["@odata.context"].as_str().unwrap();
        assert!(context.ends_with("/presence/$entity"), "{context}");
        let many = app
            .post("adele", &format!("{several}{query}"), &ids)
            .await
            .json();
        assert_eq!(names(&many["value"][0]), expect, "{cloud} {query}");
    }
    let listed = app.get("adele", &listing).await.json();
    assert_eq!(names(&listed["value"][0]), expect, "{cloud}");

    for property in ALL {
        let known = properties.contains(property);
        let select = format!("$select={property}");
        let one = app
            .get("adele", &format!("/v1.0/me/presence?{select}"))
            .await;
        let many = app
            .post("adele", &format!("{several}?{select}"), &ids)
            .await;
        let listed = app.get("adele", &format!("{listing}&{select}")).await;
        for answer in [one, many, listed] {
            let message = format!(
                "400 BadRequest: Could not find a property named '{property}' on type \
                 'microsoft.graph.presence'."
            );
            if known {
                assert_eq!(answer.status, 200, "{property} in {cloud}");
            } else {
                assert_eq!(answer.error(), message, "{property} in {cloud}");
            }
        }
    }
}

/// A tenant has the cloud that is its own, and the others that of the server. What is missing for a
/// request in a batch is missing for it alone; who is nobody learns nothing.
#[tokio::test]
async fn a_tenant_has_its_own_cloud() {
    let own = TenantSettings {
        cloud: Some(Profile::UsGovernment),
        ..TenantSettings::default()
    };
    let app = TestApp::with(Settings {
        tenants: [(OTHER_TENANT, own)].into(),
        ..Settings::default()
    });
    let beta = format!("/beta/users/{ADELE}/presence");
    assert_eq!(app.get("app", &beta).await.status, 200);
    assert_eq!(there(&app.get("app-elsewhere", &beta).await, "beta"), NO);
    assert_eq!(app.get("expired", &beta).await.status, 401);

    let requests = json!({ "requests": [
        { "id": "1", "method": "GET", "url": beta },
        { "id": "2", "method": "GET", "url": format!("/users/{ADELE}/presence") },
        { "id": "3", "method": "POST", "url": format!("/users/{ADELE}/presence/clearLocation") },
    ]});
    let answer = app
        .post("app-elsewhere", "/v1.0/$batch", &requests)
        .await
        .json();
    let told = |at: usize| {
        let response = &answer["responses"][at];
        (
            response["status"].as_u64().unwrap(),
            response["body"]["error"]["message"].clone(),
        )
    };
    let missing = |segment: &str| {
        (
            400,
            json!(format!("Resource not found for the segment '{segment}'.")),
        )
    };
    assert_eq!(told(0), missing("beta"));
    assert_eq!(told(1), (200, Value::Null));
    assert_eq!(told(2), missing("clearLocation"));
    assert_eq!(answer["responses"][1]["body"]["workLocation"], Value::Null);
}
