//! The error object, the ids of an answer, and faults of the server.

use std::sync::Arc;

use axum::body::Body;
use axum::http::Method;
use presenced_core::decide::Command;
use presenced_core::id::{TenantId, UserId, UserKey};
use presenced_core::record::Record;
use presenced_core::time::Timestamp;
use presenced_http::Settings;
use presenced_http::error::CODES;
use presenced_store::{
    Applied, ApplyError, Changes, Cursor, Document, DocumentKey, DocumentKind, Expired, Pending,
    Revision, Store, StoreError, UserPlace, Users,
};
use serde_json::json;

use crate::support::{ADELE, APPLICATION, TestApp, request};

/// The table of codes, as the error reference shows it.
#[test]
fn the_table_of_codes() {
    let rows = CODES
        .iter()
        .map(|row| format!("{} {}", row.status.as_u16(), row.wire));
    insta::assert_snapshot!(rows.collect::<Vec<String>>().join("\n"), @r"
    400 BadRequest
    400 InvalidArgument
    400 ExtensionError
    400 InvalidRequest
    400 ValidationError
    401 InvalidAuthenticationToken
    401 AuthenticationError
    401 Unauthorized
    403 Forbidden
    403 Authorization_RequestDenied
    404 NotFound
    405 Request_BadRequest
    408 RequestTimeout
    409 ExtensionError
    409 Conflict
    412 PreconditionFailed
    413 RequestEntityTooLarge
    415 UnsupportedMediaType
    424 FailedDependency
    429 TooManyRequests
    500 generalException
    503 serviceNotAvailable
    ");
    assert!(CODES.iter().all(|row| row.meaning.ends_with('.')));
}

/// A client's own id is repeated in header and error; without a plausible one it is the server's.
#[tokio::test]
async fn ids_are_repeated() {
    let app = TestApp::new();
    let send = async |id: &str| {
        let request = request(Method::GET, "", "/v1.0/me/presence");
        app.send(
            request
                .header("client-request-id", id)
                .body(Body::empty())
                .unwrap(),
        )
        .await
    };
    let answer = send("5d1fa1d4-0a3c-4bd1-8ff5-9c4f0d1c2b3a").await;
    insta::assert_snapshot!(answer.text(), @r#"
    401 Unauthorized
    cache-control: no-cache
    client-request-id: 5d1fa1d4-0a3c-4bd1-8ff5-9c4f0d1c2b3a
    content-length: 237
    content-type: application/json
    request-id: [request-id]
    www-authenticate: Bearer

    {"error":{"code":"InvalidAuthenticationToken","message":"Access token is empty.","innerError":{"date":"2026-09-01T00:00:00","request-id":"[request-id]","client-request-id":"5d1fa1d4-0a3c-4bd1-8ff5-9c4f0d1c2b3a"}}}
    "#);
    for implausible in ["", "a b", &"x".repeat(65), "<script>"] {
        let answer = send(implausible).await;
        assert_eq!(
            answer.header("client-request-id"),
            answer.header("request-id")
        );
    }
    let (one, two) = (send("").await, send("").await);
    assert_ne!(one.header("request-id"), two.header("request-id"));
}

/// A fault of the server tells nothing of itself, and a panic is one.
#[tokio::test]
async fn faults_tell_nothing() {
    let app = TestApp::new();
    let fault = app.get("", "/beside/fault").await;
    insta::assert_snapshot!(fault.text(), @r#"
    500 Internal Server Error
    cache-control: no-cache
    client-request-id: [request-id]
    content-length: 296
    content-type: application/json
    request-id: [request-id]

    {"error":{"code":"generalException","message":"The server met an error of its own. Its log holds the cause under this answer's request-id.","innerError":{"date":"2026-09-01T00:00:00","request-id":"[request-id]","client-request-id":"[request-id]"}}}
    "#);
    let panic = app.get("", "/beside/panic").await;
    assert_eq!(panic.text(), fault.text());
}

/// What the store cannot do is 503 with Retry-After, or 500 where trying again is no use.
#[tokio::test]
async fn a_failing_store() {
    let set = async |error: fn() -> StoreError| {
        let app = TestApp::over(Arc::new(Failing(error)), Settings::default());
        let body = json!({
            "sessionId": APPLICATION, "availability": "Available", "activity": "Available",
        });
        let path = format!("/v1.0/users/{ADELE}/presence/setPresence");
        let write = app.post("app", &path, &body).await;
        let read = app
            .get("app", &format!("/v1.0/users/{ADELE}/presence"))
            .await;
        let ids = json!({ "ids": [ADELE] });
        let several = app
            .post("app", "/v1.0/communications/getPresencesByUserId", &ids)
            .await;
        assert_eq!(write.text(), read.text());
        assert_eq!(write.text(), several.text());
        write
    };
    let unavailable = set(|| StoreError::Unavailable {
        operation: "write the journal",
        source: std::io::Error::other("/data/secret is full"),
    })
    .await;
    insta::assert_snapshot!(unavailable.text(), @r#"
    503 Service Unavailable
    cache-control: no-cache
    client-request-id: [request-id]
    content-length: 308
    content-type: application/json
    request-id: [request-id]
    retry-after: 5

    {"error":{"code":"serviceNotAvailable","message":"The service is temporarily unavailable. Repeat the request after the time in the Retry-After header.","innerError":{"date":"2026-09-01T00:00:00","request-id":"[request-id]","client-request-id":"[request-id]"}}}
    "#);
    let limit = set(|| StoreError::LimitReached("secret limit")).await;
    assert_eq!(
        (limit.status.as_u16(), limit.header("retry-after")),
        (503, "60")
    );
    let corrupt = set(|| StoreError::Corrupt {
        place: "/data/secret".to_owned(),
        problem: "secret".to_owned(),
        remedy: "secret",
    })
    .await;
    assert_eq!(
        (corrupt.status.as_u16(), corrupt.header("retry-after")),
        (500, "")
    );
    assert!(!corrupt.text().contains("secret") && !limit.text().contains("secret"));
}

/// A store that answers everything with the same error.
pub(crate) struct Failing(pub(crate) fn() -> StoreError);

impl Failing {
    fn fail<T: Send + 'static>(&self) -> Pending<'_, Result<T, StoreError>> {
        Box::pin(async { Err((self.0)()) })
    }
}

impl Store for Failing {
    fn apply(
        &self,
        _: UserKey,
        _: Command,
        _: Timestamp,
    ) -> Pending<'_, Result<Applied, ApplyError>> {
        Box::pin(async { Err(ApplyError::Store((self.0)())) })
    }

    fn get(&self, _: UserKey) -> Pending<'_, Result<Option<Record>, StoreError>> {
        self.fail()
    }

    fn list<'a>(
        &'a self,
        _: TenantId,
        _: &'a [UserId],
    ) -> Pending<'a, Result<Vec<Option<Record>>, StoreError>> {
        self.fail()
    }

    fn users(&self, _: TenantId, _: UserPlace, _: usize) -> Pending<'_, Result<Users, StoreError>> {
        self.fail()
    }

    fn expire_due(&self, _: Timestamp, _: usize) -> Pending<'_, Result<Expired, StoreError>> {
        self.fail()
    }

    fn changes(&self, _: Cursor, _: usize) -> Pending<'_, Result<Changes, StoreError>> {
        self.fail()
    }

    fn newest(&self) -> Pending<'_, Result<Cursor, StoreError>> {
        self.fail()
    }

    fn wait_for_change(&self, _: Cursor) -> Pending<'_, ()> {
        Box::pin(std::future::pending())
    }

    fn put_document<'a>(
        &'a self,
        _: &'a DocumentKey,
        _: Option<Revision>,
        _: &'a [u8],
    ) -> Pending<'a, Result<Revision, StoreError>> {
        self.fail()
    }

    fn get_document<'a>(
        &'a self,
        _: &'a DocumentKey,
    ) -> Pending<'a, Result<Option<Document>, StoreError>> {
        self.fail()
    }

    fn list_documents(
        &self,
        _: DocumentKind,
        _: Option<TenantId>,
    ) -> Pending<'_, Result<Vec<(DocumentKey, Document)>, StoreError>> {
        self.fail()
    }

    fn delete_document<'a>(&'a self, _: &'a DocumentKey) -> Pending<'a, Result<bool, StoreError>> {
        self.fail()
    }

    fn mark_time(&self, _: Timestamp) -> Pending<'_, Result<(), StoreError>> {
        self.fail()
    }

    fn latest_time(&self) -> Timestamp {
        Timestamp::EPOCH
    }

    fn ready(&self) -> Pending<'_, Result<(), StoreError>> {
        self.fail()
    }

    fn close(&self) -> Pending<'_, Result<(), StoreError>> {
        self.fail()
    }
}
