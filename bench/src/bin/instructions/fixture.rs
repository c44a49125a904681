//! What the operations are given: one user, one application, one time, and requests as clients send
//! them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result};
use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, Request, header};
use presenced_core::auth::{Caller, Grant, Permissions};
use presenced_core::decide::{Command, decide};
use presenced_core::id::{ApplicationId, SessionId, TenantId, UserId, UserKey};
use presenced_core::record::Record;
use presenced_core::session::{SessionLifetime, SessionState, SessionsMax};
use presenced_core::throttle::Rate;
use presenced_core::time::{Clock, Timestamp};
use presenced_http::token::KnownToken;
use presenced_http::{Api, Foundations, Front, Settings, TenantThrottling, Throttling};
use presenced_store::Store;

/// The time of all that knows but one: 1 September 2026.
pub(crate) const NOW: Timestamp = Timestamp::from_millis(1_788_220_800_000);

const TENANT: TenantId = TenantId::from_u128(0x7e3f_2b1c_5f0a_4d3e_9a41_0c6d_1b8e_2f50);
const APPLICATION: ApplicationId =
    ApplicationId::from_u128(0x2255_3876_f5ab_4529_bffb_cfe5_0aa8_9f87);
pub(crate) const USER: UserId = UserId::from_u128(0xfa8b_f3dc_eca7_46b7_bad1_db19_9b62_afc3);

/// The usual path of the user's presence.
pub(crate) const PRESENCE: &str = "/v1.0/users/fa8bf3dc-eca7-46b7-bad1-db199b62afc3/presence";

/// The same with the action.
pub(crate) const SET_PRESENCE: &str =
    "/v1.0/users/fa8bf3dc-eca7-46b7-bad1-db199b62afc3/presence/setPresence";

/// The body of a setPresence.
pub(crate) const BODY: &str = r#"{"sessionId":"22553876-f5ab-4529-bffb-cfe50aa89f87","availability":"Available","activity":"Available","expirationDuration":"PT1H"}"#;

/// The path of a batch.
pub(crate) const BATCH: &str = "/v1.0/$batch";

/// Requests in a batch: as many as it can have.
const BATCHED: usize = 20;

/// Characters of a token: as many as one signed with RS256 usually has.
const TOKEN_CHARACTERS: usize = 1153;

/// The application, which may set everybody's presence.
pub(crate) fn caller() -> Caller {
    Caller {
        tenant: TENANT,
        application: APPLICATION,
        grant: Grant::Application {
            roles: Permissions::PRESENCE_READ_WRITE_ALL.and(Permissions::PRESENCE_READ_ALL),
        },
    }
}

/// The user, as a store knows them.
pub(crate) const fn user_key() -> UserKey {
    UserKey {
        tenant: TENANT,
        user: USER,
    }
}

/// A text as long as a token. Nobody reads it: it is known.
pub(crate) fn token() -> String {
    let letters = ('a'..='z').cycle();
    letters.take(TOKEN_CHARACTERS).collect()
}

/// Knows that token.
pub(crate) fn known_token() -> KnownToken {
    KnownToken::new(&token(), caller(), NOW)
}

/// A session of the application, in this state for an hour.
pub(crate) fn set_session(state: SessionState) -> Result<Command> {
    Ok(Command::SetSession {
        session: SessionId::of_application(APPLICATION),
        state,
        lifetime: SessionLifetime::new(Duration::from_hours(1))
            .ok()
            .context("an hour")?,
        sessions_max: SessionsMax::default(),
    })
}

/// The user's record with one session.
pub(crate) fn record() -> Result<Record> {
    let command = set_session(SessionState::Available)?;
    let decided = decide(&Record::default(), &command, NOW).ok().flatten();
    Ok(decided.context("a first session is always taken")?.record)
}

/// Limits that nobody reaches here, so that all is counted and nothing refused.
pub(crate) const fn throttling() -> Throttling {
    let rate = Rate::new(u32::MAX, Duration::from_secs(30));
    Throttling {
        requests: rate,
        tenant: TenantThrottling {
            presence_reads: rate,
            presence_writes: rate,
            subscriptions: rate,
            subscriptions_of_tenant: rate,
        },
    }
}

/// A clock that goes on by a millisecond each time it is asked: renewed sessions end later and later.
pub(crate) struct Steps(AtomicU64);

impl Steps {
    pub(crate) const fn new() -> Self {
        Self(AtomicU64::new(NOW.as_millis()))
    }
}

impl Clock for Steps {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.fetch_add(1, Ordering::Relaxed))
    }
}

/// The API on this store.
pub(crate) fn front(store: Arc<dyn Store>) -> Front {
    let settings = Settings {
        throttling: throttling(),
        ..Settings::default()
    };
    let foundations = Foundations::new(store, Arc::new(Steps::new()), Arc::new(known_token()));
    let api = Api::new(foundations, settings);
    Front::new(api, Router::new())
}

/// A batch of setPresence, for one user after the other.
pub(crate) fn batch() -> String {
    let user = USER.as_u128();
    let one = |number: usize| {
        let id = UserId::from_u128(user + number as u128);
        format!(
            r#"{{"id":"{number}","method":"POST","url":"/users/{id}/presence/setPresence","headers":{{"Content-Type":"application/json"}},"body":{BODY}}}"#
        )
    };
    let requests: Vec<String> = (1..=BATCHED).map(one).collect();
    format!(r#"{{"requests":[{}]}}"#, requests.join(","))
}

/// A request for a path with the headers that clients send, and this body if there is any.
pub(crate) fn request(path: &'static str, body: &str) -> Result<Request<Body>> {
    let mut headers = HeaderMap::new();
    let bearer = format!("Bearer {}", token());
    headers.insert(header::HOST, HeaderValue::from_static("127.0.0.1:8080"));
    headers.insert(header::AUTHORIZATION, HeaderValue::from_str(&bearer)?);
    headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
    headers.insert(header::USER_AGENT, HeaderValue::from_static("instructions"));
    let mut request = Request::get(path);
    if !body.is_empty() {
        let json = HeaderValue::from_static("application/json");
        headers.insert(header::CONTENT_TYPE, json);
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(body.len()));
        request = Request::post(path);
    }
    let body = if body.is_empty() {
        Body::empty()
    } else {
        Body::from(body.to_owned())
    };
    let mut request = request.body(body)?;
    *request.headers_mut() = headers;
    Ok(request)
}
