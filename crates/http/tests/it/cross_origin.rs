//! Pages of other origins, as browsers send their requests.

use axum::body::Body;
use axum::http::{Method, Request, StatusCode};
use presenced_http::Settings;
use presenced_http::cors::{AllowedOrigins, Origin};

use crate::support::{Answer, TestApp, request};

const PATH: &str = "/v1.0/me/presence";

fn app(allowed_origins: AllowedOrigins) -> TestApp {
    TestApp::with(Settings {
        allowed_origins,
        ..Settings::default()
    })
}

/// What a browser asks before it sends a page's request with a token.
async fn asked_first(app: &TestApp, origin: &str) -> Answer {
    let question = Request::options(PATH)
        .header("host", "presence.test")
        .header("origin", origin)
        .header("access-control-request-method", "GET")
        .header("access-control-request-headers", "authorization,prefer");
    app.send(question.body(Body::empty()).unwrap()).await
}

async fn read(app: &TestApp, token: &str, origin: &str) -> Answer {
    let request = request(Method::GET, token, PATH).header("origin", origin);
    app.send(request.body(Body::empty()).unwrap()).await
}

/// A browser that asks for an allowed page is answered without a token; and the page may read the
/// answers, errors too, with the headers that it needs to act on them.
#[tokio::test]
async fn an_allowed_page() {
    let listed = Origin::parse("https://board.example.com").unwrap();
    for (allowed, origin) in [
        (
            AllowedOrigins::Listed(vec![listed]),
            "https://board.example.com",
        ),
        (AllowedOrigins::Loopback, "http://localhost:5173"),
    ] {
        let app = app(allowed);
        let asked = asked_first(&app, origin).await;
        assert_eq!(asked.status, StatusCode::NO_CONTENT);
        assert_eq!(asked.header("access-control-allow-origin"), origin);
        assert_eq!(
            asked.header("access-control-allow-methods"),
            "GET, POST, PUT, PATCH, DELETE"
        );
        assert_eq!(
            asked.header("access-control-allow-headers"),
            "*, Authorization"
        );
        assert_eq!(asked.header("vary"), "Origin");
        assert_ne!(asked.header("request-id"), "");
        for (token, status) in [("adele", 200), ("", 401), ("app", 400)] {
            let answer = read(&app, token, origin).await;
            assert_eq!(answer.status, status);
            assert_eq!(answer.header("access-control-allow-origin"), origin);
            assert_eq!(
                answer.header("access-control-expose-headers"),
                "request-id, client-request-id, Retry-After, RateLimit-Limit, \
                 RateLimit-Remaining, RateLimit-Reset, WWW-Authenticate, OData-Version, \
                 presenced-effect"
            );
            assert_eq!(answer.header("vary"), "Origin");
        }
    }
}

/// Another page is told nothing, whatever it asks; and where no page is allowed, no answer speaks of
/// pages at all.
#[tokio::test]
async fn other_pages() {
    let listed = Origin::parse("https://board.example.com").unwrap();
    let listed = AllowedOrigins::Listed(vec![listed]);
    for (allowed, origin, vary) in [
        (listed.clone(), "https://board.example.com.evil", "Origin"),
        (listed.clone(), "http://board.example.com", "Origin"),
        (listed, "null", "Origin"),
        (AllowedOrigins::Loopback, "https://evil.example", "Origin"),
        (AllowedOrigins::None, "http://localhost", ""),
    ] {
        let app = app(allowed);
        let asked = asked_first(&app, origin).await;
        assert_eq!(asked.status, StatusCode::UNAUTHORIZED, "{origin}");
        for answer in [asked, read(&app, "adele", origin).await] {
            assert_eq!(answer.header("access-control-allow-origin"), "", "{origin}");
            assert_eq!(answer.header("vary"), vary, "{origin}");
        }
    }
}

/// An OPTIONS that is no browser's question, and a request that names no origin, are as ever.
#[tokio::test]
async fn requests_without_a_page() {
    let app = app(AllowedOrigins::Loopback);
    let options = request(Method::OPTIONS, "adele", PATH).header("origin", "http://localhost");
    let options = app.send(options.body(Body::empty()).unwrap()).await;
    assert_eq!(options.status, StatusCode::METHOD_NOT_ALLOWED);
    let plain = app.get("adele", PATH).await;
    assert_eq!(plain.header("vary"), "");
    assert_eq!(plain.header("access-control-allow-origin"), "");
}
