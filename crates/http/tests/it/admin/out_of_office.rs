//! `/admin/v1/users/{id}/outOfOffice`

use std::time::Duration;

use presenced_http::{DirectoryPolicy, Settings};
use serde_json::{Value, json};

use crate::support::{ADELE, TestApp};

fn path() -> String {
    format!("/admin/v1/users/{ADELE}/outOfOffice")
}

impl TestApp {
    /// What everybody sees of Adele being out of office.
    async fn away(&self) -> Value {
        let path = format!("/v1.0/users/{ADELE}/presence");
        self.get("app", &path).await.json()["outOfOfficeSettings"].clone()
    }
}

/// A span is shown from its start to its end, and can be read, replaced and removed.
#[tokio::test]
async fn a_span_is_shown_in_its_time() {
    let app = TestApp::new();
    assert_eq!(
        app.get("admin", &path()).await.error(),
        "404 NotFound: The user is not out of office, and nothing of the kind is planned."
    );
    let span = json!({
        "message": "Back in a week",
        "startDateTime": "2026-09-01T01:00:00Z",
        "endDateTime": "2026-09-01T04:00:00+02:00",
    });
    let put = app.put("admin", &path(), &span).await;
    assert_eq!(put.status, 200, "{}", put.text());
    let read = json!({
        "message": "Back in a week",
        "startDateTime": "2026-09-01T01:00:00.0000000Z",
        "endDateTime": "2026-09-01T02:00:00.0000000Z",
    });
    assert_eq!(put.json(), read);
    assert_eq!(app.get("admin", &path()).await.json(), read);
    assert_eq!(app.away().await["isOutOfOffice"], false);
    app.clock.advance(Duration::from_hours(1));
    assert_eq!(
        app.away().await,
        json!({ "isOutOfOffice": true, "message": "Back in a week" })
    );
    app.clock.advance(Duration::from_hours(1));
    assert_eq!(app.away().await["isOutOfOffice"], false);
    assert_eq!(app.get("admin", &path()).await.status, 404);
}

/// Without times it is from now on until it is removed; removing nothing is no error. What was read
/// can be put back.
#[tokio::test]
async fn until_further_notice() {
    let app = TestApp::new();
    let put = app.put("admin", &path(), &json!({})).await;
    assert_eq!(
        put.json(),
        json!({
            "message": null, "startDateTime": "2026-09-01T00:00:00.0000000Z", "endDateTime": null,
        })
    );
    let again = app.put("admin", &path(), &put.json()).await;
    assert_eq!(again.json(), put.json());
    app.clock.advance(Duration::from_hours(10_000));
    assert_eq!(app.away().await["isOutOfOffice"], true);
    for _ in 0..2 {
        assert_eq!(app.delete("admin", &path()).await.status, 204);
        assert_eq!(app.away().await["isOutOfOffice"], false);
    }
}

/// What is refused, and in which words.
#[tokio::test]
async fn refusals() {
    let app = TestApp::new();
    let check = async |body: Value, expect: &str| {
        assert_eq!(
            app.put("admin", &path(), &body).await.error(),
            expect,
            "{body}"
        );
    };
    let late = "400 InvalidArgument: [EndDateTime]: The EndDateTime must lie ahead, and after the StartDateTime.";
    check(json!({ "endDateTime": "2026-09-01T00:00:00Z" }), late).await;
    check(
        json!({ "startDateTime": "2026-09-02T00:00:00Z", "endDateTime": "2026-09-01T12:00:00Z" }),
        late,
    )
    .await;
    for text in [
        "tomorrow",
        "2026-09-01T12:00:00",
        "2026-09-01 12:00:00Z",
        "2026-09-01T12:00:00+02",
        "2026-09-01T12:00:00Z[UTC]",
        "1969-12-31T23:59:59Z",
        "",
    ] {
        check(json!({ "startDateTime": text }), &format!("400 InvalidArgument: [StartDateTime]: '{text}' is no instant from 1970 to 9999, for instance 2026-09-01T12:00:00Z.")).await;
    }
    check(json!({ "message": "x".repeat(4_097) }), "400 InvalidArgument: [Message]: The Message has 4097 characters; an automatic reply has at most 4096.").await;
    check(json!({ "isOutOfOffice": true }), "400 BadRequest: The JSON request payload cannot be used: unknown field `isOutOfOffice`, expected one of `message`, `startDateTime`, `endDateTime` at line 1 column 16").await;
    assert_eq!(app.get("admin", &path()).await.status, 404);
}

/// Of a user whom a closed directory does not know, nothing is told and nothing set.
#[tokio::test]
async fn strangers() {
    let app = TestApp::with(Settings {
        directory: DirectoryPolicy::Closed,
        ..Settings::default()
    });
    for path in [path(), format!("/admin/v1/users/{ADELE}/schedule")] {
        let body = if path.ends_with("schedule") {
            json!({ "value": [] })
        } else {
            json!({})
        };
        for answer in [
            app.get("admin", &path).await,
            app.put("admin", &path, &body).await,
            app.delete("admin", &path).await,
        ] {
            assert_eq!(
                answer.error(),
                format!(
                    "404 NotFound: The directory of this tenant does not know the user {ADELE}."
                )
            );
        }
    }
}
