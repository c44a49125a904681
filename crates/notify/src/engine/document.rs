//! Subscriptions and deliveries as documents of the store: JSON, with a version.

#[cfg(test)]
mod tests;

use std::time::Duration;

use presenced_core::id::{ApplicationId, SubscriptionId, TenantId, UserId};
use presenced_core::time::Timestamp;
use presenced_store::{Cursor, DocumentKey, DocumentKind, StoreError};
use serde::{Deserialize, Serialize};

use super::lane::{Lane, Resume};
use super::notices::Notices;
use super::pace::{Failures, Habit};
use super::request::{AttemptResult, LastAttempt, Message};
use crate::subscription::{Creator, Encryption, Resource, Subscription};

/// The version that is written, and the newest that is read.
const VERSION: u32 = 1;

/// The name of a subscription's document of this kind.
pub(crate) fn key(kind: DocumentKind, tenant: TenantId, id: SubscriptionId) -> DocumentKey {
    DocumentKey {
        kind,
        tenant,
        id: id.as_u128(),
    }
}

/// The name of the common place in the feed: no tenant and no subscription has this one.
pub(crate) const PLACE_KEY: DocumentKey = DocumentKey {
    kind: DocumentKind::Delivery,
    tenant: TenantId::from_u128(0),
    id: 0,
};

/// A subscription with what only the engine knows of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StoredSubscription {
    pub(crate) subscription: Subscription,
    /// Since when the present expiry and authorization hold.
    pub(crate) granted_at: Timestamp,
    /// Changes up to here were before its time.
    pub(crate) after: Cursor,
    /// When an administrator removed it; the subscriber is still to be told.
    pub(crate) removed_at: Option<Timestamp>,
}

#[derive(Serialize, Deserialize)]
struct SubscriptionBody {
    version: u32,
    application: String,
    user: Option<String>,
    /// None: the whole tenant. Otherwise 32 hexadecimal digits for each user.
    users: Option<String>,
    resource: String,
    notification_url: String,
    lifecycle_url: Option<String>,
    client_state: Option<String>,
    encryption: Option<EncryptionBody>,
    tls_version: Option<String>,
    app_id: Option<String>,
    expires_at: u64,
    authorized_until: u64,
    created_at: u64,
    granted_at: u64,
    after: u64,
    removed_at: Option<u64>,
}

#[derive(Serialize, Deserialize)]
struct EncryptionBody {
    /// DER, in hexadecimal digits.
    certificate: String,
    id: String,
}

/// How a delivery stands, as far as a restart has to know.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct StoredDelivery {
    pub(crate) resume: Resume,
    /// Up to here nothing waited, where it goes on from the common place.
    pub(crate) settled: Cursor,
    pub(crate) failures: Failures,
    pub(crate) given_up: bool,
    pub(crate) notices: Notices,
    pub(crate) last: Option<LastAttempt>,
    /// What was known of the endpoint; nothing in what an older presenced wrote.
    pub(crate) habit: Option<Habit>,
}

#[derive(Serialize, Deserialize)]
struct DeliveryBody {
    version: u32,
    resume: ResumeBody,
    failures: FailuresBody,
    given_up: bool,
    notices: NoticesBody,
    last: Option<LastBody>,
    #[serde(default)]
    habit: Option<HabitBody>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum HabitBody {
    New,
    Quick,
    /// Until then at least.
    Slow(u64),
}

#[derive(Serialize, Deserialize)]
struct NoticesBody {
    reauthorize: bool,
    missed: bool,
    removed: bool,
    failures: FailuresBody,
    warned_of: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum ResumeBody {
    /// Nothing waited up to here.
    Common(u64),
    At(u64),
    Reread,
}

#[derive(Serialize, Deserialize)]
struct FailuresBody {
    in_a_row: u32,
    since: Option<u64>,
    retry_at: u64,
}

#[derive(Serialize, Deserialize)]
struct LastBody {
    message: MessageBody,
    at: u64,
    result: Option<ResultBody>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum MessageBody {
    Notification,
    Lifecycle,
    Test,
}

#[derive(Serialize, Deserialize)]
struct ResultBody {
    status: Option<u16>,
    fault: Option<String>,
    took_ms: u64,
}

#[derive(Serialize, Deserialize)]
struct PlaceBody {
    version: u32,
    place: u64,
}

/// What every document says first.
#[derive(Deserialize)]
struct VersionBody {
    version: u32,
}

impl StoredSubscription {
    /// As the document of a lane's subscription.
    pub(crate) fn of(lane: &Lane, subscription: Subscription) -> Self {
        Self {
            subscription,
            granted_at: lane.granted_at,
            after: lane.after,
            removed_at: None,
        }
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let one = &self.subscription;
        let users = match &one.resource {
            Resource::Tenant => None,
            Resource::Users(users) => Some(users.iter().map(|user| hex(user.as_u128())).collect()),
        };
        let encryption = one.encryption.as_ref().map(|encryption| EncryptionBody {
            certificate: digits(&encryption.certificate),
            id: encryption.certificate_id.clone(),
        });
        let (lifecycle_url, client_state) = (&one.lifecycle_notification_url, &one.client_state);
        let (lifecycle_url, client_state) = (lifecycle_url.as_ref(), client_state.as_ref());
        write(&SubscriptionBody {
            version: VERSION,
            application: one.creator.application.to_string(),
            user: one.creator.user.map(|user| user.to_string()),
            users,
            resource: one.resource_text.clone(),
            notification_url: one.notification_url.as_str().to_owned(),
            lifecycle_url: lifecycle_url.map(|url| url.as_str().to_owned()),
            client_state: client_state.map(|secret| secret.as_str().to_owned()),
            encryption,
            tls_version: one.latest_supported_tls_version.clone(),
            app_id: one.notification_url_app_id.map(|id| id.to_string()),
            expires_at: one.expires_at.as_millis(),
            authorized_until: one.authorized_until.as_millis(),
            created_at: one.created_at.as_millis(),
            granted_at: self.granted_at.as_millis(),
            after: self.after.0,
            removed_at: self.removed_at.map(Timestamp::as_millis),
        })
    }

    pub(crate) fn decode(key: &DocumentKey, bytes: &[u8]) -> Result<Self, StoreError> {
        let body: SubscriptionBody = read(key, bytes)?;
        let id = SubscriptionId::from_u128(key.id);
        Self::from_body(key.tenant, id, body)
            .ok_or_else(|| corrupt(key, "it holds a bad identifier"))
    }

    fn from_body(tenant: TenantId, id: SubscriptionId, body: SubscriptionBody) -> Option<Self> {
        let user = body
            .user
            .as_deref()
            .map(|user| UserId::parse(user).ok_or(()));
        let creator = Creator {
            application: ApplicationId::parse(&body.application)?,
            user: user.transpose().ok()?,
        };
        let resource = match &body.users {
            None => Resource::Tenant,
            Some(users) => Resource::Users(
                bytes(users)?
                    .chunks(16)
                    .map(|id| Some(UserId::from_u128(u128::from_be_bytes(id.try_into().ok()?))))
                    .collect::<Option<_>>()?,
            ),
        };
        let encryption = match body.encryption {
            None => None,
            Some(encryption) => Some(Encryption {
                certificate: bytes(&encryption.certificate)?,
                certificate_id: encryption.id,
            }),
        };
        Some(Self {
            subscription: Subscription {
                id,
                tenant,
                creator,
                resource,
                resource_text: body.resource,
                notification_url: body.notification_url.into(),
                lifecycle_notification_url: body.lifecycle_url.map(Into::into),
                client_state: body.client_state.map(Into::into),
                encryption,
                latest_supported_tls_version: body.tls_version,
                notification_url_app_id: body.app_id.as_deref().and_then(ApplicationId::parse),
                expires_at: Timestamp::from_millis(body.expires_at),
                authorized_until: Timestamp::from_millis(body.authorized_until),
                created_at: Timestamp::from_millis(body.created_at),
            },
            granted_at: Timestamp::from_millis(body.granted_at),
            after: Cursor(body.after),
            removed_at: body.removed_at.map(Timestamp::from_millis),
        })
    }
}

impl StoredDelivery {
    /// How a lane stands that has heard of everything up to `position`.
    pub(crate) fn of(lane: &Lane, position: Cursor) -> Self {
        let resume = lane.resume();
        let nothing_waits = resume == Resume::Common;
        Self {
            resume,
            settled: if nothing_waits { position } else { Cursor(0) },
            failures: lane.failures,
            given_up: lane.given_up,
            notices: lane.notices,
            last: lane.last.clone(),
            habit: Some(lane.habit),
        }
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        write(&DeliveryBody {
            version: VERSION,
            resume: match self.resume {
                Resume::Common => ResumeBody::Common(self.settled.0),
                Resume::At(place) => ResumeBody::At(place.0),
                Resume::Reread => ResumeBody::Reread,
            },
            failures: FailuresBody::from(&self.failures),
            given_up: self.given_up,
            notices: NoticesBody {
                reauthorize: self.notices.reauthorize,
                missed: self.notices.missed,
                removed: self.notices.removed,
                failures: FailuresBody::from(&self.notices.failures),
                warned_of: self.notices.warned_of.as_millis(),
            },
            last: self.last.as_ref().map(LastBody::from),
            habit: self.habit.map(HabitBody::from),
        })
    }

    pub(crate) fn decode(key: &DocumentKey, bytes: &[u8]) -> Result<Self, StoreError> {
        let body: DeliveryBody = read(key, bytes)?;
        let (resume, settled) = match body.resume {
            ResumeBody::Common(settled) => (Resume::Common, Cursor(settled)),
            ResumeBody::At(place) => (Resume::At(Cursor(place)), Cursor(0)),
            ResumeBody::Reread => (Resume::Reread, Cursor(0)),
        };
        Ok(Self {
            resume,
            settled,
            failures: body.failures.into(),
            given_up: body.given_up,
            notices: Notices {
                reauthorize: body.notices.reauthorize,
                missed: body.notices.missed,
                removed: body.notices.removed,
                failures: body.notices.failures.into(),
                warned_of: Timestamp::from_millis(body.notices.warned_of),
            },
            last: body.last.map(LastAttempt::from),
            habit: body.habit.map(Habit::from),
        })
    }
}

/// The common place in the feed, as its document.
pub(crate) fn encode_place(place: Cursor) -> Vec<u8> {
    write(&PlaceBody {
        version: VERSION,
        place: place.0,
    })
}

/// The common place in the feed, from its document.
pub(crate) fn decode_place(bytes: &[u8]) -> Result<Cursor, StoreError> {
    read(&PLACE_KEY, bytes).map(|body: PlaceBody| Cursor(body.place))
}

impl From<&Failures> for FailuresBody {
    fn from(failures: &Failures) -> Self {
        Self {
            in_a_row: failures.in_a_row,
            since: failures.since.map(Timestamp::as_millis),
            retry_at: failures.retry_at.as_millis(),
        }
    }
}

impl From<FailuresBody> for Failures {
    fn from(body: FailuresBody) -> Self {
        Self {
            in_a_row: body.in_a_row,
            since: body.since.map(Timestamp::from_millis),
            retry_at: Timestamp::from_millis(body.retry_at),
        }
    }
}

impl From<Habit> for HabitBody {
    fn from(habit: Habit) -> Self {
        match habit {
            Habit::New => Self::New,
            Habit::Quick => Self::Quick,
            Habit::Slow(until) => Self::Slow(until.as_millis()),
        }
    }
}

impl From<HabitBody> for Habit {
    fn from(body: HabitBody) -> Self {
        match body {
            HabitBody::New => Self::New,
            HabitBody::Quick => Self::Quick,
            HabitBody::Slow(until) => Self::Slow(Timestamp::from_millis(until)),
        }
    }
}

impl From<&LastAttempt> for LastBody {
    fn from(last: &LastAttempt) -> Self {
        Self {
            message: match last.message {
                Message::Notification => MessageBody::Notification,
                Message::Lifecycle => MessageBody::Lifecycle,
                Message::Test => MessageBody::Test,
            },
            at: last.at.as_millis(),
            result: last.result.as_ref().map(|result| ResultBody {
                status: result.answer.as_ref().ok().copied(),
                fault: result.answer.as_ref().err().cloned(),
                took_ms: u64::try_from(result.took.as_millis()).unwrap_or(u64::MAX),
            }),
        }
    }
}

impl From<LastBody> for LastAttempt {
    fn from(body: LastBody) -> Self {
        Self {
            message: match body.message {
                MessageBody::Notification => Message::Notification,
                MessageBody::Lifecycle => Message::Lifecycle,
                MessageBody::Test => Message::Test,
            },
            at: Timestamp::from_millis(body.at),
            result: body.result.map(|result| AttemptResult {
                answer: result.status.ok_or(result.fault.unwrap_or_default()),
                took: Duration::from_millis(result.took_ms),
            }),
        }
    }
}

fn write<T: Serialize>(body: &T) -> Vec<u8> {
    serde_json::to_vec(body).expect("numbers and texts can be written as JSON")
}

fn read<T: for<'de> Deserialize<'de>>(key: &DocumentKey, bytes: &[u8]) -> Result<T, StoreError> {
    let version: VersionBody =
        serde_json::from_slice(bytes).map_err(|error| corrupt(key, &error.to_string()))?;
    if version.version > VERSION {
        let problem = format!(
            "it was written by a newer presenced, in version {} of its form; this one knows {VERSION}",
            version.version
        );
        return Err(StoreError::Corrupt {
            place: place(key),
            problem,
            remedy: "start the version of presenced that wrote it, or a newer one",
        });
    }
    serde_json::from_slice(bytes).map_err(|error| corrupt(key, &error.to_string()))
}

fn corrupt(key: &DocumentKey, problem: &str) -> StoreError {
    StoreError::Corrupt {
        place: place(key),
        problem: format!("it cannot be read: {problem}"),
        remedy: "put the data directory back from a copy, and report this: presenced wrote it so",
    }
}

fn place(key: &DocumentKey) -> String {
    let kind = if key.kind == DocumentKind::Subscription {
        "subscription"
    } else {
        "delivery"
    };
    let id = SubscriptionId::from_u128(key.id);
    format!("the document of {kind} {id}, tenant {}", key.tenant)
}

fn hex(value: u128) -> String {
    format!("{value:032x}")
}

/// These bytes in hexadecimal digits.
fn digits(bytes: &[u8]) -> String {
    let halves = bytes.iter().flat_map(|byte| [byte >> 4, byte & 0xf]);
    halves
        .filter_map(|half| char::from_digit(half.into(), 16))
        .collect()
}

/// The bytes that these hexadecimal digits say.
fn bytes(digits: &str) -> Option<Vec<u8>> {
    let pairs = digits.as_bytes().chunks(2);
    pairs
        .map(|pair| match pair {
            [high, low] => {
                let digit = |byte: u8| char::from(byte).to_digit(16);
                u8::try_from(digit(*high)? << 4 | digit(*low)?).ok()
            }
            _ => None,
        })
        .collect()
}
