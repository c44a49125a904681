//! Who there is: a directory that is open or closed, and users named by principal name.

use presenced_http::{DirectoryPolicy, Settings, TenantSettings};
use serde_json::{Value, json};

use crate::support::{ADELE, ALEX, APPLICATION, OTHER_TENANT, TENANT, TestApp};

const CONTENT: &str = "application/json";

fn closed() -> Settings {
    Settings {
        directory: DirectoryPolicy::Closed,
        ..Settings::default()
    }
}

fn busy() -> Value {
    json!({ "sessionId": APPLICATION, "availability": "Busy", "activity": "InACall" })
}

/// A user is named by principal name in every form of a path, in any case and percent-encoded, to
/// set and to read; the answer carries the object id.
#[tokio::test]
async fn principal_names_stand_for_users() {
    let app = TestApp::with_adele(Settings::default()).await;
    for path in [
        "/v1.0/users/adele@presenced.dev/presence",
        "/v1.0/users/ADELE%40Presenced.DEV/presence",
        "/beta/users('Adele@presenced.dev')/presence",
        "/v1.0/communications/presences/adele@presenced.dev",
    ] {
        let set = app
            .post("app", &format!("{path}/setPresence"), &busy())
            .await;
        assert_eq!(set.status, 200, "{path} {}", set.text());
        let read = app.get("app", path).await;
        assert_eq!(read.json()["id"], ADELE, "{path}");
        assert_eq!(read.pair(), "Busy/InACall", "{path}");
        let context = read.json()["@odata.context"].to_string();
        assert!(!context.contains("resenced.dev"), "{context}");
    }
    assert_eq!(app.pair(ADELE).await, "Busy/InACall");
    let explained = app
        .get("app", "/v1.0/users/adele@presenced.dev/presence/explain")
        .await;
    assert_eq!(explained.json()["id"], ADELE);
}

/// Permission depends on the user who is meant, however named.
#[tokio::test]
async fn permission_goes_by_the_user() {
    let app = TestApp::with_adele(Settings::default()).await;
    let path = "/v1.0/users/adele@presenced.dev/presence";
    assert_eq!(app.get("adele-reads-own", path).await.status, 200);
    let set = app
        .post("adele", &format!("{path}/setPresence"), &busy())
        .await;
    assert_eq!(set.status, 200);
    let other = "/v1.0/users/alex@presenced.dev/presence";
    let read = app.get("adele-reads-own", other).await;
    assert_eq!(read.status, 403, "{}", read.text());
}

/// A principal name that is not known, or is known to another tenant only, is nobody's: unknown in
/// a read, 400 in a write. In a list of ids it never stands for a user.
#[tokio::test]
async fn other_names_are_nobodys() {
    let app = TestApp::with_adele(Settings::default()).await;
    for (token, name) in [
        ("app", "alex@presenced.dev"),
        ("app", "adele"),
        ("app-elsewhere", "adele@presenced.dev"),
    ] {
        let path = format!("/v1.0/users/{name}/presence");
        let read = app.get(token, &path).await;
        assert_eq!(read.pair(), "PresenceUnknown/PresenceUnknown");
        assert_eq!(read.json()["id"], name);
        let set = app
            .post(token, &format!("{path}/setPresence"), &busy())
            .await;
        let error = set.error();
        assert!(
            error.starts_with("400 InvalidArgument: [UserId]"),
            "{error}"
        );
    }
    let ids = json!({ "ids": ["adele@presenced.dev", ADELE] });
    let several = "/v1.0/communications/getPresencesByUserId";
    let read = app.post("app", several, &ids).await.json();
    assert_eq!(read["value"][0]["availability"], "PresenceUnknown");
    assert_eq!(read["value"][0]["id"], "adele@presenced.dev");
    assert_eq!(read["value"][1]["availability"], "Offline");
}

/// With a closed directory, a user whom it does not know is unknown in every read and 404 in every
/// write; one whom it knows is as everywhere.
#[tokio::test]
async fn a_closed_directory_has_no_other_users() {
    let app = TestApp::with_adele(closed()).await;
    app.set(ADELE, "Busy/InACall").await;
    assert_eq!(app.pair(ADELE).await, "Busy/InACall");
    assert_eq!(app.pair(ALEX).await, "PresenceUnknown/PresenceUnknown");
    let ids = json!({ "ids": [ALEX, ADELE, ALEX] });
    let several = "/v1.0/communications/getPresencesByUserId";
    let read = app.post("app", several, &ids).await.json();
    let shown: Vec<&Value> = (0..3)
        .map(|at| &read["value"][at]["availability"])
        .collect();
    assert_eq!(shown, ["PresenceUnknown", "Busy", "PresenceUnknown"]);
    let listed = format!("/v1.0/communications/presences?$filter=id%20in%20('{ALEX}')");
    let listed = app.get("app", &listed).await.json();
    assert_eq!(listed["value"][0]["availability"], "PresenceUnknown");
    assert_eq!(listed["value"][0]["id"], ALEX);
    let explained = app
        .get("app", &format!("/v1.0/users/{ALEX}/presence/explain"))
        .await;
    let explained = explained.json();
    assert_eq!(explained["rule"], "unknownUser");
    assert_eq!(
        explained["because"],
        "The directory of the tenant is closed, and does not know the user."
    );
}

/// Every write of a user whom a closed directory does not know is 404, and leaves nothing behind.
/// Body and permission are judged before.
#[tokio::test]
async fn strangers_cannot_be_written() {
    let app = TestApp::with_adele(closed()).await;
    let session = json!({ "sessionId": APPLICATION });
    let preferred = json!({ "availability": "Busy", "activity": "Busy" });
    let note = json!({ "statusMessage": { "message": { "content": "x" } } });
    let path = format!("/v1.0/users/{ALEX}/presence");
    for (action, body) in [
        ("setPresence", busy()),
        ("clearPresence", session),
        ("setUserPreferredPresence", preferred),
        ("clearUserPreferredPresence", json!({})),
        ("setStatusMessage", note),
    ] {
        let answer = app.post("app", &format!("{path}/{action}"), &body).await;
        assert_eq!(
            answer.error(),
            format!("404 NotFound: The directory of this tenant does not know the user {ALEX}."),
            "{action}"
        );
    }
    let bad = app
        .post("app", &format!("{path}/setPresence"), &json!({}))
        .await;
    assert_eq!(bad.status, 400);
    let denied = app
        .post("app-reads", &format!("{path}/setPresence"), &busy())
        .await;
    assert_eq!(denied.status, 403);
}

/// Who signs in but is not in the closed directory reads of themselves that they are unknown, and
/// cannot set anything.
#[tokio::test]
async fn a_stranger_may_sign_in() {
    let app = TestApp::with(closed());
    let read = app.get("adele-reads-own", "/v1.0/me/presence").await;
    assert_eq!(read.pair(), "PresenceUnknown/PresenceUnknown");
    assert_eq!(read.json()["id"], ADELE);
    let set = app
        .post("adele", "/v1.0/me/presence/setPresence", &busy())
        .await;
    assert_eq!(set.status, 404);
    let place = json!({ "workLocationType": "remote" });
    let set = app
        .post("adele", "/v1.0/me/presence/setManualLocation", &place)
        .await;
    assert_eq!(set.status, 404);
}

/// Each tenant has a policy of its own, over the general one.
#[tokio::test]
async fn tenants_differ() {
    let tenant = |policy| TenantSettings {
        directory: Some(policy),
        ..TenantSettings::default()
    };
    for (general, of_tenant) in [
        (DirectoryPolicy::Open, DirectoryPolicy::Closed),
        (DirectoryPolicy::Closed, DirectoryPolicy::Open),
    ] {
        let settings = Settings {
            directory: general,
            tenants: [(TENANT, tenant(of_tenant)), (OTHER_TENANT, tenant(general))].into(),
            ..Settings::default()
        };
        let app = TestApp::with(settings);
        let path = format!("/v1.0/users/{ALEX}/presence");
        let pairs = [
            app.get("app", &path).await.pair(),
            app.get("app-elsewhere", &path).await.pair(),
        ];
        let (offline, unknown) = ("Offline/Offline", "PresenceUnknown/PresenceUnknown");
        match of_tenant {
            DirectoryPolicy::Closed => assert_eq!(pairs, [unknown, offline]),
            DirectoryPolicy::Open => assert_eq!(pairs, [offline, unknown]),
        }
    }
}

/// In a batch, the write of a stranger fails alone.
#[tokio::test]
async fn a_batch_tells_strangers_apart() {
    let app = TestApp::with_adele(closed()).await;
    let write = |id: &str, user: &str| {
        json!({
            "id": id, "method": "POST", "url": format!("/users/{user}/presence/setPresence"),
            "headers": { "Content-Type": CONTENT }, "body": busy(),
        })
    };
    let requests = json!({ "requests": [write("1", ALEX), write("2", "adele@presenced.dev")] });
    let answer = app.post("app", "/v1.0/$batch", &requests).await.json();
    let responses = &answer["responses"];
    assert_eq!(responses[0]["status"], 404, "{answer}");
    assert_eq!(responses[0]["body"]["error"]["code"], "NotFound");
    assert_eq!(responses[1]["status"], 200, "{answer}");
}
