//! From what went wrong elsewhere to what the client is told.

use axum::http::StatusCode;
use presenced_core::auth::Denial;
use presenced_core::decide::Refusal;
use presenced_notify::courier::EndpointFault;
use presenced_notify::engine::{ChangeError, CreateError, Endpoint, TestError};
use presenced_notify::live::OpenError;
use presenced_store::{ApplyError, StoreError};

use super::{ApiError, Code};
use crate::limits::{
    RETRY_AFTER_STORE_LIMIT, RETRY_AFTER_STREAMS, RETRY_AFTER_SUBSCRIPTION_LIMIT,
    RETRY_AFTER_UNAVAILABLE,
};
use crate::token::TokenError;

/// Contract section 3.6: a missing permission is 403 with an empty message, one that is too small
/// says so, and somebody else's presence is 401.
impl From<Denial> for ApiError {
    fn from(denial: Denial) -> Self {
        match denial {
            Denial::NoPermission => Self::new(Code::Forbidden, ""),
            Denial::PermissionTooSmall => Self::new(
                Code::AuthorizationRequestDenied,
                "Insufficient privileges to complete the operation.",
            ),
            Denial::AnotherUser {
                authenticated,
                requested,
            } => Self::new(
                Code::Unauthorized,
                format!(
                    "Cannot set the presence of another user. Authenticated user: \
                     {authenticated}. Requested user: {requested}"
                ),
            ),
        }
    }
}

impl From<Refusal> for ApiError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::NoSuchSession => Self::new(
                Code::NotFound,
                "The user has no such session. It may have expired.",
            ),
            Refusal::TooManySessions {
                sessions_max,
                retry_after,
            } => Self::new(
                Code::TooManyRequests,
                format!(
                    "The user has as many sessions as may be, {}. Clear one, or wait until there \
                     is room.",
                    sessions_max.count()
                ),
            )
            .retry_after(retry_after),
        }
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable { .. } | StoreError::Conflict => {
                Self::unavailable(RETRY_AFTER_UNAVAILABLE, error)
            }
            StoreError::LimitReached(_) => Self::unavailable(RETRY_AFTER_STORE_LIMIT, error),
            StoreError::Corrupt { .. } => Self::internal(error),
        }
    }
}

impl From<ApplyError> for ApiError {
    fn from(error: ApplyError) -> Self {
        match error {
            ApplyError::Refused(refusal) => refusal.into(),
            ApplyError::Store(error) => error.into(),
        }
    }
}

impl From<OpenError> for ApiError {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::TooManyStreams(_)
            | OpenError::TooManyOfApplication(_)
            | OpenError::TooManyWatches(_) => {
                let message = format!("Another live stream cannot be opened: {error}. Close one.");
                Self::new(Code::TooManyRequests, message).retry_after(RETRY_AFTER_STREAMS)
            }
            OpenError::Ended => Self::unavailable(RETRY_AFTER_UNAVAILABLE, error),
            OpenError::Store(error) => error.into(),
        }
    }
}

/// Contract section 4.4, in Graph's words, with what it leaves out: which endpoint, and why.
fn endpoint(field: &str, fault: EndpointFault) -> ApiError {
    const MUST: &str = "Notification endpoint must respond with 200 OK to validation request.";
    let failed = |what: &str| {
        let message = format!("Subscription validation request failed. {what} {MUST}");
        ApiError::new(Code::ValidationError, message)
    };
    match fault {
        EndpointFault::Refused(reason) => ApiError::invalid_argument(
            field,
            format_args!("Notifications are not sent there: {reason}."),
        ),
        EndpointFault::TimedOut => ApiError::new(
            Code::InvalidRequest,
            "Subscription validation request timed out.",
        ),
        EndpointFault::Status(status) => {
            let known = StatusCode::from_u16(status).ok();
            let name = known.and_then(|status| status.canonical_reason());
            let name = name.map_or_else(|| status.to_string(), |name| name.replace(' ', ""));
            failed(&format!("HTTP status code is '{name}'."))
        }
        EndpointFault::Unreachable(step) => {
            failed(&format!("The {field} cannot be reached: {step}."))
        }
        EndpointFault::Token => failed(&format!(
            "The {field} did not repeat the decoded validation token as text/plain."
        )),
    }
}

impl From<CreateError> for ApiError {
    fn from(error: CreateError) -> Self {
        match error {
            CreateError::Endpoint {
                which: Endpoint::Notification,
                fault,
            } => endpoint("NotificationUrl", fault),
            CreateError::Endpoint {
                which: Endpoint::Lifecycle,
                fault,
            } => endpoint("LifecycleNotificationUrl", fault),
            // Contract section 4.1: the spelling is the original's.
            CreateError::Exists => Self::new(
                Code::SubscriptionExists,
                "Operation: Create; Exception:[Status Code: Conflict; Reason: A subscripton \
                 already exists. It must be deleted before a another can be made.]",
            ),
            CreateError::Busy => Self::new(Code::TooManyRequests, error.to_string())
                .retry_after(RETRY_AFTER_UNAVAILABLE),
            CreateError::LimitReached(limit) => {
                Self::new(Code::TooManyRequests, limit).retry_after(RETRY_AFTER_SUBSCRIPTION_LIMIT)
            }
            CreateError::Store(error) => error.into(),
        }
    }
}

impl From<ChangeError> for ApiError {
    fn from(error: ChangeError) -> Self {
        match error {
            ChangeError::NotFound => Self::no_subscription(),
            ChangeError::Endpoint(fault) => endpoint("NotificationUrl", fault),
            ChangeError::Busy => Self::new(Code::TooManyRequests, error.to_string())
                .retry_after(RETRY_AFTER_UNAVAILABLE),
            ChangeError::Store(error) => error.into(),
        }
    }
}

impl From<TestError> for ApiError {
    fn from(error: TestError) -> Self {
        match error {
            TestError::NotFound | TestError::Ended => Self::no_subscription(),
            TestError::Busy => Self::new(Code::TooManyRequests, error.to_string())
                .retry_after(RETRY_AFTER_UNAVAILABLE),
            TestError::Stopped => Self::unavailable(RETRY_AFTER_UNAVAILABLE, error),
            TestError::Unauthorized | TestError::Disabled => {
                Self::new(Code::Conflict, error.to_string())
            }
        }
    }
}

/// The texts are those that Graph is known for (contract section 6.5), and in their style where
/// none is known.
impl From<TokenError> for ApiError {
    fn from(error: TokenError) -> Self {
        const FAILURE: &str = "Access token validation failure.";
        match error {
            TokenError::Malformed => {
                Self::invalid_token("CompactToken parsing failed with error code: 80049217")
            }
            TokenError::Algorithm => Self::invalid_token(format!(
                "{FAILURE} The algorithm is not accepted; RS256, PS256 and ES256 are."
            )),
            TokenError::Issuer => Self::invalid_token(format!("{FAILURE} Invalid issuer.")),
            TokenError::UnknownKey => Self::invalid_token(format!(
                "{FAILURE} The issuer has no key with the token's key id."
            )),
            TokenError::Signature => Self::invalid_token(format!("{FAILURE} Invalid signature.")),
            TokenError::Audience => Self::invalid_token(format!("{FAILURE} Invalid audience.")),
            TokenError::Expired => {
                Self::invalid_token("Lifetime validation failed, the token is expired.")
            }
            TokenError::NotYetValid => {
                Self::invalid_token("Lifetime validation failed, the token is not yet valid.")
            }
            TokenError::Claim(claim) => Self::invalid_token(format!(
                "{FAILURE} The claim '{claim}' is missing or unreadable."
            )),
            TokenError::IdToken(claim) => Self::invalid_token(format!(
                "{FAILURE} The claim '{claim}' shows it to be an ID token; send an access token."
            )),
            TokenError::PersonalAccount => Self::new(
                Code::AuthenticationError,
                "Error authenticating with resource",
            ),
            TokenError::KeysUnavailable(_) => Self::unavailable(RETRY_AFTER_UNAVAILABLE, error),
        }
    }
}
