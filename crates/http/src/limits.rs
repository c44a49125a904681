//! Every limit of the HTTP side, in one place. What is refused at a limit is said with an answer,
//! named beside each limit.

use std::time::Duration;

// --- Requests ------------------------------------------------------------------------------------

/// Bytes of a request body, packed and unpacked: 413 above. The greatest body that makes sense, 650 ids, takes 25 KiB.
pub const BODY_BYTES_MAX: usize = 64 * 1024;

/// Bytes of the body of a `getPresencesByUserId`: 413 above. Room for some 25,000 ids, so that a
/// client that asks for too many is told so (400, [`IDS_PER_READ_MAX`]) rather than that its body is
/// too large.
pub const IDS_BODY_BYTES_MAX: usize = 1024 * 1024;

/// Time for a whole request body to arrive, from its first read: 408 after that. A time between
/// bytes would let a client hold a connection for ever with a byte now and then.
pub const BODY_READ_TIMEOUT: Duration = Duration::from_secs(30);

/// Characters of a user id in a path or in `ids`: 400 above. A GUID has 36, a user principal name
/// 113 at most; the rest is room.
pub const USER_ID_CHARS_MAX: usize = 256;

/// Characters of what people call a user or an application of the directory: 400 above. Entra takes
/// as many.
pub const DISPLAY_NAME_CHARS_MAX: usize = 256;

/// Users in the directory of one tenant: 409 to one more. A user takes half a kilobyte at most, so
/// that a full directory fits into memory with room to spare.
pub const USERS_PER_TENANT_MAX: usize = 250_000;

/// Applications in the directory of one tenant: 409 to one more.
pub const APPLICATIONS_PER_TENANT_MAX: usize = 10_000;

/// Entries of the directory in one answer, where the client does not say how many.
pub const ENTRIES_PER_PAGE_DEFAULT: usize = 100;

/// Entries of the directory in one answer, at most: 400 to who asks for more.
pub const ENTRIES_PER_PAGE_MAX: usize = 1_000;

/// Characters of what a parser says of a body that is quoted in an error message. The rest is cut.
pub const PROBLEM_CHARS_MAX: usize = 200;

/// Ids in one `getPresencesByUserId`: 400 above (contract section 1.4).
pub const IDS_PER_READ_MAX: usize = 650;

/// Requests in one batch: 400 above (contract section 5.1). Its body may be so many times as large
/// as a single one: 413 above.
pub const BATCH_ITEMS_MAX: usize = 20;

/// Characters of the id of a request in a batch: 400 above. A GUID has 36; the rest is room.
pub const BATCH_ID_CHARS_MAX: usize = 128;

/// Bytes of the URL of a request in a batch: 400 to that request above. As long as a request line
/// can be within [`HEAD_BYTES_MAX`].
pub const BATCH_URL_BYTES_MAX: usize = 32 * 1024;

/// Headers of a request in a batch: 400 to that request above, as 431 to one that comes alone.
pub const BATCH_ITEM_HEADERS_MAX: usize = HEADERS_MAX;

/// Bytes of all bodies in the answer to a batch. Twenty reads of 650 presences come to five
/// mebibytes; without a limit, one small request could ask for hundreds.
pub const BATCH_ANSWER_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Characters of an `expirationDuration`: 400 above. `P0000DT00H00M00.000000000S` has 26.
pub const DURATION_CHARS_MAX: usize = 64;

/// Characters of a `dateTime`: 400 above. `2026-09-01T12:00:00.000000000` has 29.
pub const DATE_TIME_CHARS_MAX: usize = 29;

/// Characters of an `expirationDateTime`: 400 above. `2026-09-01T12:00:00.000000000+00:00` has 35.
pub const DATE_TIME_OFFSET_CHARS_MAX: usize = 35;

/// Objects within objects of a body that are looked into: the `message` of a `statusMessage` is the
/// deepest that is asked for.
pub const OBJECT_DEPTH_MAX: usize = 2;

/// The length of a day where no calendar reaches, after the year 9999.
pub const DAY_WITHOUT_CALENDAR: Duration = Duration::from_hours(24);

/// Characters of a `client-request-id` that is repeated in the answer. A longer one, or one with
/// other than plain visible characters, is treated as absent.
pub const CLIENT_REQUEST_ID_CHARS_MAX: usize = 64;

/// Characters of a `Host` that may stand in an answer's context URL: 400 above, where it is needed.
/// A host name has 253 at most (RFC 1035 §2.3.4), and a port six.
pub const HOST_CHARS_MAX: usize = 260;

/// Characters of a value sent by a client that are quoted in an error message. The rest is cut.
pub const QUOTED_CHARS_MAX: usize = 64;

// --- Throttling ----------------------------------------------------------------------------------

/// Parts of the counters of requests, so that callers seldom wait for each other.
pub const THROTTLE_SHARDS: usize = 32;

/// Counters in one part: an application for each kind of request and each tenant, and those of whole
/// tenants. Counters whose window is over make room; 429 to a newcomer for whom there is none. All
/// parts together hold some 65,000 counters in five mebibytes.
pub const THROTTLED_KEYS_PER_SHARD_MAX: usize = 2_048;

// --- Subscriptions -------------------------------------------------------------------------------

/// Users that one subscription watches: 400 above (contract section 4.1).
pub const SUBSCRIPTION_USERS_MAX: usize = 650;

/// Longest life of a subscription, where the tenant says nothing else: 400 above (contract section
/// 4.1).
pub const SUBSCRIPTION_LIFE_MAX: Duration = Duration::from_hours(1);

/// Shortest life of a subscription: one that asks for less gets this (contract section 4.2).
pub const SUBSCRIPTION_LIFE_MIN: Duration = Duration::from_mins(45);

/// The longest life that a tenant's setting can allow: 30 days. A receiver that is gone for good is
/// forgotten within it.
pub const SUBSCRIPTION_LIFE_SETTING_MAX: Duration = Duration::from_hours(30 * 24);

/// Characters of a `clientState` on v1.0: 400 above (contract section 4.2).
pub const CLIENT_STATE_CHARS_MAX: usize = 128;

/// Characters of a `clientState` on beta: 400 above (contract section 4.2).
pub const CLIENT_STATE_CHARS_MAX_BETA: usize = 255;

/// Characters of an `encryptionCertificateId`: 400 above (contract section 4.2).
pub const CERTIFICATE_ID_CHARS_MAX: usize = 128;

/// Bytes of a subscription's `resource` and certificate together, where those of the certificate count
/// twice since they are stored as text: 400 above. 650 ids take 26 KiB, percent-encoded 30 KiB, and
/// with what else there is of a subscription this stays within a document of the store.
pub const SUBSCRIPTION_BYTES_MAX: usize = 36 * 1024;

/// Subscriptions in one page of a listing; the next is under `@odata.nextLink`.
pub const SUBSCRIPTIONS_PER_PAGE: usize = 100;

/// How long an administrator waits for what comes of a test of a subscription, which takes its turn
/// among the tries that are under way: 503 after it. The test is made all the same.
pub const SUBSCRIPTION_TEST_TIMEOUT: Duration = Duration::from_secs(30);

/// How long a token is taken to count that does not tell: as long as Entra's do (contract section
/// 4.9).
pub const TOKEN_LIFE_ASSUMED: Duration = Duration::from_hours(1);

// --- Answers -------------------------------------------------------------------------------------

/// What a client is told to wait when the store cannot answer at present.
pub const RETRY_AFTER_UNAVAILABLE: Duration = Duration::from_secs(5);

/// What a client is told to wait when a limit of the store is reached: somebody has to act first.
pub const RETRY_AFTER_STORE_LIMIT: Duration = Duration::from_mins(1);

/// What a client is told to wait when there are as many live streams as there may be.
pub const RETRY_AFTER_STREAMS: Duration = Duration::from_secs(10);

/// The shortest time that the reader of a live stream is told to wait before it comes again, in
/// milliseconds.
pub const STREAM_RETRY_MILLIS_MIN: u32 = 1_000;

/// The times that readers are told differ by multiples of this, so that they do not all come at
/// once after a restart.
pub const STREAM_RETRY_STEP_MILLIS: u32 = 125;

/// So many different times there are.
pub const STREAM_RETRY_STEPS: u32 = 32;

/// What a client is told to wait when there are as many subscriptions as there may be: some end by
/// themselves, as they live for an hour.
pub const RETRY_AFTER_SUBSCRIPTION_LIMIT: Duration = Duration::from_mins(1);

/// Faults of the server that are logged in one [`FAULTS_LOGGED_EVERY`]. The others are counted: a
/// full disk would otherwise be filled further by what is said of it.
pub const FAULTS_LOGGED_MAX: u32 = 60;

/// The time for which [`FAULTS_LOGGED_MAX`] counts.
pub const FAULTS_LOGGED_EVERY: Duration = Duration::from_mins(1);

// --- Connections: the defaults of `ListenerSettings` ---------------------------------------------

/// Connections at the same time: 503 to the next one, over TLS an end without answer. At the
/// default header limits 10,000 connections hold at most 320 MiB of unfinished request heads.
pub const CONNECTIONS_MAX: usize = 10_000;

/// Connections at the same time from one IPv4 address or one IPv6 /64 network: 429 to the next one,
/// over TLS an end without answer. High enough for a proxy in front.
pub const CONNECTIONS_PER_ADDRESS_MAX: usize = 1_024;

/// Refused connections that are being told why, at the same time. Those above just end.
pub const REFUSALS_MAX: usize = 64;

/// Time to tell a refused connection why.
pub const REFUSAL_TIMEOUT: Duration = Duration::from_secs(1);

/// Time for a TLS handshake. Then the connection ends.
pub const TLS_HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// Time for a request head, counted from the acceptance of the connection or the head's first byte.
/// Connections are looked at in steps of this length, so all three times here may last up to a step
/// longer.
pub const REQUEST_HEAD_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a connection may stay open without a request. Longer than the 60 seconds after which
/// the usual proxies let go, so that they do it first and no request meets a closing connection.
pub const IDLE_TIMEOUT: Duration = Duration::from_secs(75);

/// How long a request may stand without a byte read or written. Then its connection is cut: neither
/// a client that stopped reading nor a handler that hangs holds it for ever.
pub const STALL_TIMEOUT: Duration = Duration::from_mins(2);

/// Header fields of a request: 431 above.
pub const HEADERS_MAX: usize = 64;

/// Bytes of a request head: 431 above. Tokens of a few kilobytes are common, and they are let in up
/// to 16 KiB.
pub const HEAD_BYTES_MAX: usize = 32 * 1024;

/// HTTP/2 streams open at the same time on one connection; the client is told and has to wait.
pub const STREAMS_MAX: u32 = 128;

/// HTTP/2 streams that were reset before they were accepted, on one connection; it ends above
/// (CVE-2023-44487, "rapid reset").
pub const PENDING_RESETS_MAX: usize = 20;

/// HTTP/2 streams that this side reset for the client's faults, on one connection; it ends above.
pub const ERROR_RESETS_MAX: usize = 128;

/// Bytes that a client may send ahead on one HTTP/2 stream; the window of a whole connection is
/// four of these.
pub const STREAM_WINDOW_BYTES: u32 = 64 * 1024;

/// Bytes of answers waiting in one HTTP/2 stream for the client to take them.
pub const STREAM_SEND_BYTES_MAX: usize = 64 * 1024;

/// Bytes of a request that a refused connection is heard to, so that it hears the answer.
pub const REFUSAL_BYTES_MAX: usize = 64 * 1024;

/// Time between two HTTP/2 pings, and how long the answer to one may take.
pub const PING_INTERVAL: Duration = Duration::from_secs(20);

/// The first pause after an accept that failed for want of resources; it doubles with each failure.
pub const ACCEPT_PAUSE_MIN: Duration = Duration::from_millis(10);

/// The longest such pause.
pub const ACCEPT_PAUSE_MAX: Duration = Duration::from_secs(1);

/// Time for running requests to end after the first signal to stop. Then they are cut.
pub const DRAIN_TIMEOUT: Duration = Duration::from_secs(10);

/// Time for cut connections to be gone, which takes no longer than the step they are in.
pub const CUT_TIMEOUT: Duration = Duration::from_secs(1);
