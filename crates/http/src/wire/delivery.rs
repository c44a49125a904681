//! Subscriptions as an administrator sees them: who is told what, and how well that goes.

use std::time::Duration;

use presenced_core::time::Timestamp;
use presenced_notify::courier::Attempt;
use presenced_notify::engine::{AttemptResult, DeliveryStatus, LastAttempt};
use presenced_notify::subscription::{NotificationUrl, Resource, Subscription};
use serde::Serialize;

use super::presence::date_time;

/// One subscription. Neither its secret nor the queries of its URLs, which may hold others', are
/// told: an administrator needs neither.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Watched<'a> {
    id: String,
    application_id: String,
    /// The signed-in user for whom the application watches; `null` where it watches for itself.
    user_id: Option<String>,
    /// How many users it watches; `null` for the whole tenant.
    #[serde(rename = "watchedUsers")]
    users: Option<usize>,
    notification_url: &'a str,
    lifecycle_notification_url: Option<&'a str>,
    include_resource_data: bool,
    created_date_time: String,
    expiration_date_time: String,
    /// Until when the token behind it lets notifications through.
    authorized_until_date_time: String,
    /// How its notifications get there; `null` where it has just ended.
    delivery: Option<Delivery>,
}

impl<'a> Watched<'a> {
    /// This subscription with this delivery.
    pub(crate) fn of(subscription: &'a Subscription, status: Option<DeliveryStatus>) -> Self {
        let lifecycle = subscription.lifecycle_notification_url.as_ref();
        Self {
            id: subscription.id.to_string(),
            application_id: subscription.creator.application.to_string(),
            user_id: subscription.creator.user.map(|user| user.to_string()),
            users: match &subscription.resource {
                Resource::Users(users) => Some(users.len()),
                Resource::Tenant => None,
            },
            notification_url: without_query(&subscription.notification_url),
            lifecycle_notification_url: lifecycle.map(without_query),
            include_resource_data: subscription.encryption.is_some(),
            created_date_time: date_time(subscription.created_at),
            expiration_date_time: date_time(subscription.expires_at),
            authorized_until_date_time: date_time(subscription.authorized_until),
            delivery: status.map(Delivery::of),
        }
    }
}

fn without_query(url: &NotificationUrl) -> &str {
    let url = url.as_str();
    url.split_once('?').map_or(url, |(before, _)| before)
}

/// How a subscription's notifications get there.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Delivery {
    state: &'static str,
    last_attempt: Option<Last>,
    failures_in_a_row: u32,
    failing_since: Option<String>,
    next_attempt_at: Option<String>,
    /// Users of whom a change waits or is on its way.
    waiting_users: usize,
    /// Since when the oldest of these changes waits.
    waiting_since: Option<String>,
    /// Whether the present state of all is being sent anew.
    is_rereading: bool,
}

impl Delivery {
    fn of(status: DeliveryStatus) -> Self {
        let time = |at: Option<Timestamp>| at.map(date_time);
        Self {
            state: status.state.as_str(),
            last_attempt: status.last_attempt.map(Last::of),
            failures_in_a_row: status.failures_in_a_row,
            failing_since: time(status.failing_since),
            next_attempt_at: time(status.next_attempt_at),
            waiting_users: status.waiting,
            waiting_since: time(status.waiting_since),
            is_rereading: status.is_rereading,
        }
    }
}

/// What was sent last, and what came of it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Last {
    message: &'static str,
    at: String,
    /// `null` while nobody knows.
    result: Option<Tried>,
}

impl Last {
    fn of(attempt: LastAttempt) -> Self {
        Self {
            message: attempt.message.as_str(),
            at: date_time(attempt.at),
            result: attempt.result.map(|result| Tried::of_result(&result)),
        }
    }
}

/// What came of sending something once.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Tried {
    /// Whether the endpoint took it.
    is_delivered: bool,
    /// The endpoint's status code; `null` where it gave none.
    status: Option<u16>,
    /// Why there is none.
    problem: Option<String>,
    took_ms: u64,
}

impl Tried {
    /// An attempt that has just been made.
    pub(crate) fn of(attempt: &Attempt) -> Self {
        Self::new(
            attempt.answer.as_ref().map_err(ToString::to_string),
            attempt.took,
        )
    }

    /// One that was made before.
    fn of_result(result: &AttemptResult) -> Self {
        Self::new(result.answer.as_ref().map_err(Clone::clone), result.took)
    }

    fn new(answer: Result<&u16, String>, took: Duration) -> Self {
        Self {
            is_delivered: answer
                .as_ref()
                .is_ok_and(|status| (200..300).contains(*status)),
            status: answer.as_ref().ok().map(|status| **status),
            problem: answer.err(),
            took_ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
        }
    }
}
