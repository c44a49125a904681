//! `/admin/v1/applications` and `/admin/v1/applications/{id}`

use presenced_http::{RolesFrom, Settings};
use presenced_store::{Limits, StoreConfig};
use serde_json::{Value, json};

use crate::support::{ADELE, APPLICATION, APPLICATION_2, APPLICATION_ADMIN, TestApp};

const APPLICATIONS: &str = "/admin/v1/applications";

fn path(id: &str) -> String {
    format!("{APPLICATIONS}/{id}")
}

/// An application is made known, read, replaced and removed.
#[tokio::test]
async fn an_application_comes_and_goes() {
    let app = TestApp::new();
    let body = json!({ "displayName": "Switchboard" });
    let made = app.put("admin", &path(APPLICATION), &body).await;
    assert_eq!(made.status, 201);
    let expect = json!({
        "id": APPLICATION, "displayName": "Switchboard", "enabled": true, "source": "api",
    });
    assert_eq!(made.json(), expect);
    assert_eq!(app.get("admin", &path(APPLICATION)).await.json(), expect);
    let again = app.put("admin", &path(APPLICATION), &expect).await;
    assert_eq!((again.status.as_u16(), again.json()), (200, expect.clone()));
    let list = app.get("admin", APPLICATIONS).await.json();
    assert_eq!(list, json!({ "value": [expect] }));
    assert_eq!(app.delete("admin", &path(APPLICATION)).await.status, 204);
    let gone = app.get("admin", &path(APPLICATION)).await.error();
    assert_eq!(
        gone,
        "404 NotFound: The directory of this tenant has no such application."
    );
    assert_eq!(app.delete("admin", &path(APPLICATION)).await.status, 404);
}

/// A disabled application is refused with every method of its tenant, whoever it acts for, until it
/// is enabled or removed; others, and the same one elsewhere, are not.
#[tokio::test]
async fn a_disabled_application_is_refused() {
    let store = presenced_store::open(StoreConfig::Memory(Limits::default())).unwrap();
    let app = TestApp::over(store.clone(), Settings::default());
    let read = format!("/v1.0/users/{ADELE}/presence");
    let enable = async |enabled: bool| {
        let body = json!({ "enabled": enabled });
        let answer = app.put("admin", &path(APPLICATION), &body).await;
        assert!(answer.status.is_success(), "{}", answer.text());
    };
    enable(false).await;
    let refused = format!(
        "403 Forbidden: The application {APPLICATION} is disabled in the directory of this tenant."
    );
    let session = json!({ "sessionId": APPLICATION });
    for answer in [
        app.get("app", &read).await,
        app.get("adele", "/v1.0/me/presence").await,
        app.post("app", &format!("{read}/clearPresence"), &session)
            .await,
        app.get("app", "/v1.0/nowhere").await,
        app.post("app", "/v1.0/$batch", &json!({ "requests": [] }))
            .await,
    ] {
        assert_eq!(answer.error(), refused);
    }
    assert_eq!(app.get("app-2", &read).await.status, 200);
    assert_eq!(app.get("app-elsewhere", &read).await.status, 200);
    // It is found disabled by the next process too.
    let next = TestApp::with_adele_over(store, Settings::default()).await;
    assert_eq!(next.get("app", &read).await.status, 403);
    enable(true).await;
    assert_eq!(app.get("app", &read).await.status, 200);
    enable(false).await;
    app.delete("admin", &path(APPLICATION)).await;
    assert_eq!(app.get("app", &read).await.status, 200);
}

/// An administrator cannot lock itself out.
#[tokio::test]
async fn an_application_cannot_disable_itself() {
    let app = TestApp::new();
    let body = json!({ "enabled": false });
    let refused = app.put("admin", &path(APPLICATION_ADMIN), &body).await;
    assert_eq!(
        refused.error(),
        "409 Conflict: An application cannot disable itself. Use another administrator's."
    );
}

/// What an application's token permits is said by its issuer, and here only where this server is
/// the issuer.
#[tokio::test]
async fn roles() {
    let body = json!({ "roles": ["Presence.Read.All", "presenced.admin"] });
    let app = TestApp::new();
    let refused = app.put("admin", &path(APPLICATION_2), &body).await;
    assert_eq!(
        refused.error(),
        "400 InvalidArgument: [Roles]: What an application's token permits is said by its issuer. Leave the roles out, and grant them there."
    );
    let app = TestApp::with(Settings {
        roles_from: RolesFrom::Directory,
        ..Settings::default()
    });
    let made = app.put("admin", &path(APPLICATION_2), &body).await.json();
    assert_eq!(
        made["roles"],
        json!(["Presence.Read.All", "Presenced.Admin"])
    );
    let bad = json!({ "roles": ["Mail.Read"] });
    let bad = app.put("admin", &path(APPLICATION_2), &bad).await.error();
    assert!(
        bad.starts_with(
            "400 InvalidArgument: [Roles]: 'Mail.Read' is not known. Known are: Presence.Read, "
        ),
        "{bad}"
    );
}

/// What else is refused.
#[tokio::test]
async fn refusals() {
    let app = TestApp::new();
    let check = async |id: &str, body: Value, expect: &str| {
        assert_eq!(
            app.put("admin", &path(id), &body).await.error(),
            expect,
            "{body}"
        );
    };
    check(
        "x",
        json!({}),
        "400 InvalidArgument: [Id]: 'x' is not an application's client id, which is a GUID.",
    )
    .await;
    check(APPLICATION, json!({ "enabled": "no" }), "400 BadRequest: The JSON request payload cannot be used: invalid type: string \"no\", expected a boolean at line 1 column 15").await;
    check(APPLICATION, json!({ "id": ADELE }), "400 InvalidArgument: [Id]: The body names the id 'fa8bf3dc-eca7-46b7-bad1-db199b62afc3', the path 22553876-f5ab-4529-bffb-cfe50aa89f87.").await;
}
