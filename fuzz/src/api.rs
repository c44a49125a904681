//! What a client can send. All of it goes through the whole front of the API, the way a request
//! does, so that nothing is fuzzed that a client cannot reach.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderValue, Method, Request, Response, StatusCode, Uri, header};
use presenced_core::auth::{Caller, Grant, Permissions};
use presenced_core::id::{ApplicationId, TenantId, UserId, UserKey};
use presenced_core::time::{Clock, Timestamp};
use presenced_http::token::settings::BuiltInIssuer;
use presenced_http::token::{Authenticate, Issuer, TokenError, TokenVerifier};
use presenced_http::{Api, Foundations, Front, Settings};
use presenced_store::{Limits, Store, StoreConfig};

const TENANT: TenantId = TenantId::from_u128(0x7e3f_2b1c_5f0a_4d3e_9a41_0c6d_1b8e_2f50);
const APPLICATION: &str = "22553876-f5ab-4529-bffb-cfe50aa89f87";
const APPLICATION_ID: ApplicationId =
    ApplicationId::from_u128(0x2255_3876_f5ab_4529_bffb_cfe5_0aa8_9f87);
const ADELE: &str = "fa8bf3dc-eca7-46b7-bad1-db199b62afc3";
const ADELE_ID: UserId = UserId::from_u128(0xfa8b_f3dc_eca7_46b7_bad1_db19_9b62_afc3);
const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);
const MINUTE_MS: u64 = 60_000;

/// The media type of live streams.
const LIVE_STREAM: &str = "text/event-stream";

/// A key set of the kind that a token is checked against. Nobody has the private key.
const KEY_SET: &str = r#"{"keys":[{"kty":"RSA","use":"sig","alg":"RS256","kid":"1","e":"AQAB","n":"pFATx0WBUQkq0iV1MLsftgu-hQk7vDL9R_-bev03nzlVn6GcBzgRVF39iHlpj0RLkT7mxrHJ1G8Xh642XLG1e-DL-gddjVRQ-RSx64fURGhUEz2jMa5Gu1gOVi-BLkhVQ9qs5yjJdNzhH-ZVYRIda-SpK_XZmcl6R8IhLuZk4j9WwkMnaA7YYbwDbjWKwzySLhqNQg22MZCEOA5AJIgjucO_-UAZ2oZbLVVv3aZbDCe0JoDq0iUflN4ElAoSFNCrN-wHl5lJgGdpFEIsXXRo0nwgEozTJcRrMNuYqQ91YHzieKZgwf0PWrAkAcLhgdssH906Is23nwxSpfP5UZj1wQ"}]}"#;

/// Stands still, so that a failing input fails again.
struct Still;

impl Clock for Still {
    fn now(&self) -> Timestamp {
        NOW
    }
}

/// Takes every token for an application's that may do everything.
struct Anybody(Arc<Caller>);

impl Authenticate for Anybody {
    fn authenticate<'a>(
        &'a self,
        _token: &'a str,
    ) -> Pin<Box<dyn Future<Output = Result<Arc<Caller>, TokenError>> + Send + 'a>> {
        Box::pin(async { Ok(self.0.clone()) })
    }
}

/// A server without sockets.
struct Server {
    front: Front,
    store: Arc<dyn Store>,
}

impl Server {
    fn new(tokens: Arc<dyn Authenticate>) -> Self {
        let config = StoreConfig::Memory(Limits::default());
        let store = presenced_store::open(config).expect("memory can be opened");
        let foundations = Foundations::new(store.clone(), Arc::new(Still), tokens);
        let api = Api::new(foundations, Settings::default());
        let front = Front::new(api, Router::new());
        Self { front, store }
    }

    /// One for all inputs that come with a good token.
    fn trusting() -> &'static Self {
        static SERVER: OnceLock<Server> = OnceLock::new();
        SERVER.get_or_init(|| {
            let roles = Permissions::PRESENCE_READ_WRITE_ALL.and(Permissions::PRESENCE_READ_ALL);
            Self::new(Arc::new(Anybody(Arc::new(Caller {
                tenant: TENANT,
                application: APPLICATION_ID,
                grant: Grant::Application { roles },
            }))))
        })
    }

    /// One for all inputs that are tokens.
    fn suspicious() -> &'static Self {
        static SERVER: OnceLock<Server> = OnceLock::new();
        SERVER.get_or_init(|| {
            let issuer = Issuer::BuiltIn(BuiltInIssuer {
                issuer: "https://issuer.example/".to_owned(),
                tenant: TENANT,
                audiences: vec!["https://graph.microsoft.com".to_owned()],
                key_set: KEY_SET.to_owned(),
            });
            let verifier = wait(async { TokenVerifier::new(vec![issuer], Arc::new(Still)) });
            Self::new(Arc::new(verifier.expect("the issuer is complete")))
        })
    }

    /// Sends a request and reads the answer, which is never the server's fault: no input may lead
    /// to a 5xx, and every refusal has a code and a message.
    fn send(&self, request: Request<Body>) -> (StatusCode, Vec<u8>) {
        let head_only = request.method() == Method::HEAD;
        let (head, body) = wait(async {
            let answer: Response<Body> = self.front.answer(request).await;
            let (head, mut body) = answer.into_parts();
            // A live stream has no end, and to open one is all that an input can do to it.
            let media_type = head.headers.get(header::CONTENT_TYPE);
            if media_type.is_some_and(|media_type| media_type == LIVE_STREAM) {
                body = Body::empty();
            }
            (
                head,
                to_bytes(body, 1 << 20).await.expect("the body is bounded"),
            )
        });
        assert!(
            head.status.as_u16() < 500,
            "{} is the server's fault",
            head.status
        );
        if head.status.is_client_error() && !head_only {
            let error: serde_json::Value = serde_json::from_slice(&body).expect("errors are JSON");
            assert!(
                error
                    .pointer("/error/code")
                    .is_some_and(serde_json::Value::is_string)
            );
            assert!(
                error
                    .pointer("/error/message")
                    .is_some_and(serde_json::Value::is_string)
            );
        }
        (head.status, body.to_vec())
    }

    fn post(&self, path: &str, body: impl Into<Body>) -> (StatusCode, Vec<u8>) {
        let request = Request::post(path)
            .header(header::AUTHORIZATION, "Bearer token")
            .header(header::CONTENT_TYPE, "application/json")
            .body(body.into())
            .expect("the path is good");
        self.send(request)
    }
}

fn wait<T>(future: impl Future<Output = T>) -> T {
    thread_local! {
        static RUNTIME: tokio::runtime::Runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .expect("a runtime without I/O can be built");
    }
    RUNTIME.with(|runtime| runtime.block_on(future))
}

/// Any body, sent to every method that takes one. Whatever is accepted leaves a user whose presence
/// can be read.
pub fn body(data: &[u8]) {
    let server = Server::trusting();
    for action in [
        "setPresence",
        "clearPresence",
        "setUserPreferredPresence",
        "clearUserPreferredPresence",
        "setStatusMessage",
        "setManualLocation",
        "setAutomaticLocation",
        "clearLocation",
        "clearAutomaticLocation",
    ] {
        let (status, answer) = server.post(
            &format!("/v1.0/users/{ADELE}/presence/{action}"),
            data.to_vec(),
        );
        if status == StatusCode::OK {
            assert!(answer.is_empty(), "an action answers with nothing");
        }
    }
    let (status, answer) = server.post("/v1.0/communications/getPresencesByUserId", data.to_vec());
    if status == StatusCode::OK {
        let answer: serde_json::Value = serde_json::from_slice(&answer).expect("answers are JSON");
        let asked: serde_json::Value = serde_json::from_slice(data).expect("a body that was read");
        let count =
            |value: &serde_json::Value, name: &str| value.get(name)?.as_array().map(Vec::len);
        assert_eq!(count(&answer, "value"), count(&asked, "ids"));
    }
}

/// Any text as an `expirationDuration`. What is accepted is an ISO 8601 duration by its looks, and
/// the session that comes of it lives from five minutes to four hours.
pub fn duration(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let server = Server::trusting();
    let body = serde_json::json!({
        "sessionId": APPLICATION,
        "availability": "Busy",
        "activity": "InACall",
        "expirationDuration": text,
    });
    let (status, _) = server.post(
        &format!("/v1.0/users/{ADELE}/presence/setPresence"),
        body.to_string(),
    );
    if status != StatusCode::OK {
        assert_eq!(status, StatusCode::BAD_REQUEST, "{text:?}");
        return;
    }
    let looks = text.starts_with('P') && text.bytes().all(|b| b"PTYWDHMS0123456789.,".contains(&b));
    assert!(looks, "{text:?} is not a duration");
    let key = UserKey {
        tenant: TENANT,
        user: ADELE_ID,
    };
    let record = wait(server.store.get(key))
        .expect("memory can be read")
        .expect("it was set");
    for session in &record.sessions {
        let lives = session.expires_at.as_millis() - NOW.as_millis();
        assert!(
            (5 * MINUTE_MS..=240 * MINUTE_MS).contains(&lives),
            "{text:?} lasts {lives} ms"
        );
    }
}

/// Any path, with any method that the API knows. A slash at its end makes no difference.
pub fn path(data: &[u8]) {
    let server = Server::trusting();
    let send = |path: &[u8], method: Method| {
        let uri = Uri::try_from(path)
            .ok()
            .filter(|uri| uri.path().starts_with('/'))?;
        let request = Request::builder()
            .method(method)
            .uri(uri)
            .header(header::AUTHORIZATION, "Bearer token")
            .body(Body::empty())
            .ok()?;
        Some(server.send(request).0)
    };
    for method in [Method::GET, Method::POST, Method::DELETE, Method::HEAD] {
        let Some(status) = send(data, method.clone()) else {
            return;
        };
        if data.starts_with(b"/")
            && !data.ends_with(b"/")
            && !data.iter().any(|b| b"?#".contains(b))
        {
            let with_slash = send(&[data, b"/"].concat(), method);
            assert_eq!(with_slash, Some(status), "a slash makes a difference");
        }
    }
}

/// Any `Authorization` header. Nobody can sign for the issuer, so nothing gets in.
pub fn token(data: &[u8]) {
    let Ok(value) = HeaderValue::from_bytes(data) else {
        return;
    };
    let request = Request::get(format!("/v1.0/users/{ADELE}/presence"))
        .header(header::AUTHORIZATION, value)
        .body(Body::empty())
        .expect("the path is good");
    assert_eq!(
        Server::suspicious().send(request).0,
        StatusCode::UNAUTHORIZED
    );
}
