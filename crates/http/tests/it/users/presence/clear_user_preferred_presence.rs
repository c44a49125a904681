//! `POST …/presence/clearUserPreferredPresence`

use axum::body::Body;
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::{Method, StatusCode};
use serde_json::json;

use crate::support::{ADELE, TestApp, request};

const PATH: &str =
    "/v1.0/users/fa8bf3dc-eca7-46b7-bad1-db199b62afc3/presence/clearUserPreferredPresence";

/// The sessions show again; clearing a second time is 200 again, and the answer is empty.
#[tokio::test]
async fn the_sessions_show_again() {
    let app = TestApp::new();
    app.set(ADELE, "Busy/InACall").await;
    let path = PATH.replace("clear", "set");
    let off_work = json!({ "availability": "Offline", "activity": "OffWork" });
    assert_eq!(
        app.post("app", &path, &off_work).await.status,
        StatusCode::OK
    );
    assert_eq!(app.pair(ADELE).await, "Offline/OffWork");
    for _ in 0..2 {
        let answer = app.post("app", PATH, &json!({})).await;
        insta::allow_duplicates! {
            insta::assert_snapshot!(answer.text(), @r"
            200 OK
            cache-control: no-cache
            client-request-id: [request-id]
            content-length: 0
            request-id: [request-id]
            ");
        }
        assert_eq!(app.pair(ADELE).await, "Busy/InACall");
    }
}

/// The five ways in which clients were seen to send nothing.
#[tokio::test]
async fn the_five_empty_forms() {
    let app = TestApp::new();
    let json = (CONTENT_TYPE, "application/json");
    let nothing = (CONTENT_LENGTH, "0");
    for (headers, body) in [
        (vec![nothing.clone()], ""),
        (vec![json.clone(), nothing], ""),
        (vec![], ""),
        (vec![json.clone()], "null"),
        (vec![json], "{}"),
    ] {
        let mut request = request(Method::POST, "app", PATH);
        for (name, value) in &headers {
            request = request.header(name, *value);
        }
        let answer = app.send(request.body(Body::from(body)).unwrap()).await;
        assert_eq!(answer.status, StatusCode::OK, "{headers:?} {body:?}");
    }
}

/// There is nothing to say in the body, and every way of not saying it is accepted.
#[tokio::test]
async fn the_body_is_optional() {
    let app = TestApp::new();
    let send = async |content_type: Option<&str>, body: &'static str| {
        let mut request = request(Method::POST, "app", PATH).header(CONTENT_LENGTH, body.len());
        if let Some(content_type) = content_type {
            request = request.header(CONTENT_TYPE, content_type);
        }
        app.send(request.body(Body::from(body)).unwrap()).await
    };
    for content_type in [None, Some("application/json"), Some("text/plain")] {
        for body in ["", "{}", "null", " \r\n", "{\"@odata.type\":\"x\"}"] {
            let answer = send(content_type, body).await;
            assert_eq!(answer.status, StatusCode::OK, "{content_type:?} {body:?}");
        }
        for body in ["x", "[]", "{"] {
            let answer = send(content_type, body).await;
            assert!(
                answer.error().starts_with("400 BadRequest: Unable to read"),
                "{body:?}"
            );
        }
    }
}
