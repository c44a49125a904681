//! The ways to write a path, and paths that name nothing.

use axum::Router;
use axum::body::Body;
use axum::http::{Method, StatusCode};
use axum::routing::any;
use presenced_http::{Extensions, Settings};
use serde_json::json;

use crate::support::{ADELE, APPLICATION, TestApp, request};

/// All ways to write the path of a presence read the same one.
#[tokio::test]
async fn one_presence_has_many_paths() {
    let app = TestApp::new();
    app.set(ADELE, "Busy/InACall").await;
    let upper = ADELE.to_uppercase();
    let encoded = ADELE.replace('-', "%2D");
    for path in [
        "/v1.0/me/presence".to_owned(),
        "/v1.0/me/presence/".to_owned(),
        "/V1.0/ME/Presence".to_owned(),
        "/beta/users/me-token-to-replace/presence".to_owned(),
        format!("/v1.0/users/{upper}/presence"),
        format!("/v1.0/Users('{ADELE}')/presence"),
        format!("/v1.0/users(%27{ADELE}%27)/presence"),
        format!("/v1.0/users/{encoded}/presence"),
        format!("/v1.0/communications/presences/{ADELE}/"),
        format!("/beta/Communications/Presences('{ADELE}')"),
    ] {
        assert_eq!(
            app.get("adele", &path).await.pair(),
            "Busy/InACall",
            "{path}"
        );
        let with_query = format!("{path}?$select=activity");
        assert_eq!(
            app.get("adele", &with_query).await.json()["activity"],
            "InACall"
        );
    }
}

/// All ways to write the path of an action do the same, below all three ways to name a presence.
#[tokio::test]
async fn one_action_has_many_paths() {
    let app = TestApp::new();
    let body = json!({
        "sessionId": APPLICATION, "availability": "Away", "activity": "Away",
    });
    for presence in [
        "/v1.0/me/presence".to_owned(),
        format!("/beta/users/{ADELE}/presence"),
        format!("/v1.0/communications/presences/{ADELE}"),
    ] {
        for (set, clear) in [
            ("setPresence", "clearPresence"),
            (
                "microsoft.graph.setPresence",
                "microsoft.graph.clearPresence",
            ),
            ("graph.setPresence/", "Microsoft.Graph.ClearPresence"),
            ("SETPRESENCE", "clearpresence/"),
        ] {
            let answer = app.post("adele", &format!("{presence}/{set}"), &body).await;
            assert_eq!(answer.status, StatusCode::OK, "{presence}/{set}");
            assert_eq!(app.pair(ADELE).await, "Away/Away");
            let answer = app
                .post("adele", &format!("{presence}/{clear}"), &body)
                .await;
            assert_eq!(answer.status, StatusCode::OK, "{presence}/{clear}");
            assert_eq!(app.pair(ADELE).await, "Offline/Offline");
        }
        for action in [
            "setUserPreferredPresence",
            "graph.clearUserPreferredPresence",
        ] {
            let busy = json!({ "availability": "Busy", "activity": "Busy" });
            let answer = app
                .post("adele", &format!("{presence}/{action}"), &busy)
                .await;
            assert_eq!(answer.status, StatusCode::OK, "{presence}/{action}");
        }
    }
}

/// A path that names nothing: the token first, then 400 that names the segment.
#[tokio::test]
async fn unknown_paths() {
    let app = TestApp::new();
    let answer = app.get("", "/v1.0/me/nothing").await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    insta::assert_snapshot!(app.get("app", "/v1.0/me/nothing").await.text(), @r#"
    400 Bad Request
    cache-control: no-cache
    client-request-id: [request-id]
    content-length: 244
    content-type: application/json
    request-id: [request-id]

    {"error":{"code":"BadRequest","message":"Resource not found for the segment 'nothing'.","innerError":{"date":"2026-09-01T00:00:00","request-id":"[request-id]","client-request-id":"[request-id]"}}}
    "#);
    for (path, segment) in [
        ("/", ""),
        ("/v2.0/me/presence", "v2.0"),
        ("/v1.0/me", "me"),
        ("/v1.0/users/x", "x"),
        ("/v1.0/me/presence/setNothing", "setNothing"),
        ("/v1.0/me/presence/setPresence/more", "more"),
        ("/healthz/more", "more"),
    ] {
        for answer in [
            app.get("app", path).await,
            app.post("app", path, &json!({})).await,
        ] {
            let expect = format!("400 BadRequest: Resource not found for the segment '{segment}'.");
            assert_eq!(answer.error(), expect, "{path}");
        }
    }
    let long = format!("/v1.0/{}", "x".repeat(5_000));
    assert!(app.get("app", &long).await.error().len() < 200);
}

/// What is served beside the API is reached where a path names nothing of the API, and nowhere else: not
/// where the API answers, nor where what it has is switched off.
#[tokio::test]
async fn the_api_goes_before_what_is_beside() {
    let mut routes = Router::new();
    let paths = [
        "/v1.0/me/presence",
        "/admin/v1/users",
        "/v1.0/subscriptions",
        "/healthz",
        "/v1.0/me/pages",
        "/pages",
    ];
    for path in paths {
        routes = routes.route(path, any(|| async { "beside" }));
    }
    let settings = Settings {
        extensions: Extensions::Off,
        ..Settings::default()
    };
    let app = TestApp::beside(settings, routes);
    let mut reached = Vec::new();
    for path in paths {
        for answer in [
            app.get("admin", path).await,
            app.delete("admin", path).await,
        ] {
            if answer.body == "beside" {
                reached.push(path);
            }
        }
    }
    let expect = ["/v1.0/me/pages", "/v1.0/me/pages", "/pages", "/pages"];
    assert_eq!(reached, expect);
    let switched_off = app.get("admin", "/admin/v1/users").await;
    assert!(switched_off.error().starts_with("400 BadRequest"));
}

/// What begins with a dollar sign is a word of OData's, not an id: it names nobody, and not a user
/// who is unknown.
#[tokio::test]
async fn words_of_odata_are_no_ids() {
    let app = TestApp::new();
    for path in [
        "/v1.0/communications/presences/$value",
        "/beta/communications/presences/%24value",
        "/v1.0/users/$value/presence",
    ] {
        assert_eq!(
            app.get("app", path).await.error(),
            "400 BadRequest: Resource not found for the segment '$value'.",
            "{path}"
        );
    }
}

/// A request with two hosts is refused before anything else is looked at (RFC 9112 §3.2).
#[tokio::test]
async fn one_host_only() {
    let app = TestApp::new();
    for (token, second) in [("app", "other.test"), ("app", "presence.test"), ("", "x")] {
        let path = format!("/v1.0/users/{ADELE}/presence");
        let request = request(Method::GET, token, &path).header("host", second);
        let answer = app.send(request.body(Body::empty()).unwrap()).await;
        assert_eq!(
            answer.error(),
            "400 BadRequest: The request has more than one Host header (RFC 9112 §3.2). Send one."
        );
    }
}

/// Targets that are no paths are answered like unknown ones (RFC 9112 §3.2).
#[tokio::test]
async fn targets_without_a_path() {
    let app = TestApp::new();
    for (method, target) in [
        (Method::OPTIONS, "*"),
        (Method::CONNECT, "presence.test:443"),
        (Method::GET, "http://presence.test"),
    ] {
        let request = request(method, "app", target);
        let answer = app.send(request.body(Body::empty()).unwrap()).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{target}");
    }
}
