//! The test clock: `GET /dev/clock` and `POST /dev/clock/advance`. In `presenced dev` only, and
//! without a token, so that a test of any language can turn hours into nothing.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::State;
use axum::routing::{get, post};
use axum::{Json, Router};
use presenced_core::time::{Clock as _, Timestamp};
use presenced_http::ApiError;
use presenced_notify::engine::Notifier;
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;

use super::method_not_allowed;
use crate::clock::{TEST_CLOCK_END, TestClock};
use crate::deadlines::Deadlines;

/// The farthest that one call moves the clock: 366 days, past every deadline there can be.
const ADVANCE_MAX: Duration = Duration::from_hours(366 * 24);

/// Bytes of a request to move the clock; more is refused.
const BODY_BYTES_MAX: usize = 1024;

/// How long a client may take to send it.
const BODY_READ_TIMEOUT: Duration = Duration::from_secs(10);

/// What the two endpoints need.
#[derive(Clone)]
pub(crate) struct ClockRoutes {
    clock: Arc<TestClock>,
    deadlines: Arc<Deadlines>,
    notifier: Notifier,
    /// One move at a time, so that each answers the time that it made.
    turn: Arc<Mutex<()>>,
}

/// The time that the server goes by.
#[derive(Serialize)]
struct ClockBody {
    /// RFC 3339, in UTC.
    now: String,
}

/// By how much to move the clock.
#[derive(Deserialize)]
struct AdvanceBody {
    /// An ISO 8601 duration of days, hours, minutes and seconds.
    duration: String,
}

impl ClockRoutes {
    pub(crate) fn new(
        clock: Arc<TestClock>,
        deadlines: Arc<Deadlines>,
        notifier: Notifier,
    ) -> Self {
        Self {
            clock,
            deadlines,
            notifier,
            turn: Arc::default(),
        }
    }

    /// The two routes, to be merged beside those of the API.
    pub(crate) fn router(self) -> Router {
        Router::new()
            .route("/dev/clock", get(get_clock))
            .route("/dev/clock/advance", post(advance_clock))
            .method_not_allowed_fallback(method_not_allowed)
            .with_state(self)
    }
}

async fn get_clock(State(routes): State<ClockRoutes>) -> Json<ClockBody> {
    body(routes.clock.now())
}

/// Answers when every deadline that was passed on the way has been applied and its notifications have
/// been handed to delivery, and the time that is answered is written down: a restart goes on from
/// there.
async fn advance_clock(
    State(routes): State<ClockRoutes>,
    asked: Body,
) -> Result<Json<ClockBody>, ApiError> {
    let by = read_advance(asked).await?;
    let turn = routes.turn.lock().await;
    if !routes.clock.advance(by) {
        return Err(ApiError::bad_request(format!(
            "The clock cannot be moved past {}; start `presenced dev` anew, without --data or with \
             another directory.",
            rfc3339(TEST_CLOCK_END)
        )));
    }
    routes.deadlines.clock_moved();
    routes.deadlines.settle().await.map_err(ApiError::from)?;
    routes.notifier.clock_moved();
    routes.notifier.settle().await.map_err(ApiError::from)?;
    let now = routes.deadlines.mark().await.map_err(ApiError::from)?;
    drop(turn);
    Ok(body(now))
}

fn body(now: Timestamp) -> Json<ClockBody> {
    Json(ClockBody { now: rfc3339(now) })
}

async fn read_advance(body: Body) -> Result<Duration, ApiError> {
    let wrong = || {
        ApiError::bad_request(
            "Send how far to move the clock as JSON, at most 366 days: {\"duration\": \"PT5M\"}, an \
             ISO 8601 duration of days, hours, minutes and seconds.",
        )
    };
    let whole = to_bytes(body, BODY_BYTES_MAX);
    let bytes = tokio::time::timeout(BODY_READ_TIMEOUT, whole).await;
    let bytes = bytes.map_err(|_| wrong())?.map_err(|_| wrong())?;
    let asked: AdvanceBody = serde_json::from_slice(&bytes).map_err(|_| wrong())?;
    let by = presenced_http::parse_duration(&asked.duration);
    by.filter(|by| *by <= ADVANCE_MAX).ok_or_else(wrong)
}

fn rfc3339(time: Timestamp) -> String {
    let millis = i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
    let time = jiff::Timestamp::from_millisecond(millis).unwrap_or(jiff::Timestamp::MAX);
    format!("{time:.3}")
}
