//! The table of error codes.

use axum::http::StatusCode;

/// What kind of error it is. Programs decide by this; it is the `code` of the error object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// The request cannot be understood, or makes no sense for this token.
    BadRequest,
    /// A value in the request is missing or not allowed.
    InvalidArgument,
    /// A subscription that presence does not allow.
    ExtensionError,
    /// The endpoint of a subscription did not answer in time.
    InvalidRequest,
    /// The endpoint of a subscription did not show that it wants notifications.
    ValidationError,
    /// There is no usable token.
    InvalidAuthenticationToken,
    /// The account is of a kind that is not served.
    AuthenticationError,
    /// The token speaks for another user than the one to be changed.
    Unauthorized,
    /// The token lacks the permission.
    Forbidden,
    /// The token's permission does not reach that far.
    AuthorizationRequestDenied,
    /// What is to be changed does not exist.
    NotFound,
    /// The method is not one of this path.
    MethodNotAllowed,
    /// The body took too long.
    RequestTimeout,
    /// There is such a subscription already.
    SubscriptionExists,
    /// What is asked for cannot stand beside what is there.
    Conflict,
    /// What is to be changed is not as the request wants it.
    PreconditionFailed,
    /// The body is too large.
    RequestEntityTooLarge,
    /// The body is encoded in a way that is not read.
    UnsupportedMediaType,
    /// A request of the same batch failed on which this one depends.
    FailedDependency,
    /// Too much of something, for now.
    TooManyRequests,
    /// A fault of the server.
    GeneralException,
    /// The server cannot answer at present.
    ServiceNotAvailable,
}

/// A row of the table of error codes.
#[derive(Clone, Copy, Debug)]
pub struct CodeRow {
    /// The code.
    pub code: Code,
    /// Its text on the wire.
    pub wire: &'static str,
    /// The status that goes with it.
    pub status: StatusCode,
    /// What it means, and what to do about it.
    pub meaning: &'static str,
}

/// The table of error codes, in order of status. The error reference is generated from it.
pub const CODES: [CodeRow; 22] = [
    row(
        Code::BadRequest,
        "BadRequest",
        StatusCode::BAD_REQUEST,
        "The request cannot be understood: the body is not JSON or lacks its Content-Type, the \
         path names nothing, a query option is not served here, or `/me` is used with an \
         application's token. Mend the request.",
    ),
    row(
        Code::InvalidArgument,
        "InvalidArgument",
        StatusCode::BAD_REQUEST,
        "A value in the request is missing or not allowed. The message begins with the field's \
         name in brackets and says what is allowed. Mend the value.",
    ),
    row(
        Code::ExtensionError,
        "ExtensionError",
        StatusCode::BAD_REQUEST,
        "A subscription to something that cannot be watched, or for longer than it can live; the \
         reason in the message says which. Mend the request.",
    ),
    row(
        Code::InvalidRequest,
        "InvalidRequest",
        StatusCode::BAD_REQUEST,
        "The endpoint of a subscription did not answer the validation request in time. See that \
         this server reaches it and that it answers within ten seconds.",
    ),
    row(
        Code::ValidationError,
        "ValidationError",
        StatusCode::BAD_REQUEST,
        "The endpoint of a subscription did not answer the validation request as it must: 200 with \
         the decoded validation token as text/plain. The message says what it did instead.",
    ),
    row(
        Code::InvalidAuthenticationToken,
        "InvalidAuthenticationToken",
        StatusCode::UNAUTHORIZED,
        "There is no bearer token, or it is not accepted; the message says why. Get a new token.",
    ),
    row(
        Code::AuthenticationError,
        "AuthenticationError",
        StatusCode::UNAUTHORIZED,
        "The token belongs to a personal account, and those are not served.",
    ),
    row(
        Code::Unauthorized,
        "Unauthorized",
        StatusCode::UNAUTHORIZED,
        "A delegated token sets only its own user's presence. Use that user's token, or an \
         application's token with Presence.ReadWrite.All.",
    ),
    row(
        Code::Forbidden,
        "Forbidden",
        StatusCode::FORBIDDEN,
        "The token carries no permission for this method; the message is empty, as Graph's is. \
         Grant the permission and get a new token. With a message: the application is disabled in \
         the directory, or the method is for administrators.",
    ),
    row(
        Code::AuthorizationRequestDenied,
        "Authorization_RequestDenied",
        StatusCode::FORBIDDEN,
        "The token may read its own user's presence, and this is another's. Grant \
         Presence.Read.All and get a new token.",
    ),
    row(
        Code::NotFound,
        "NotFound",
        StatusCode::NOT_FOUND,
        "The session to be cleared, or the subscription, does not exist; it may have expired. Or a \
         closed directory does not know the user, or an administrator asks for what is not there.",
    ),
    row(
        Code::MethodNotAllowed,
        "Request_BadRequest",
        StatusCode::METHOD_NOT_ALLOWED,
        "The path exists, the method on it does not. The Allow header names those that do.",
    ),
    row(
        Code::RequestTimeout,
        "RequestTimeout",
        StatusCode::REQUEST_TIMEOUT,
        "The request body did not arrive in time. Send it again, faster.",
    ),
    row(
        Code::SubscriptionExists,
        "ExtensionError",
        StatusCode::CONFLICT,
        "The user has a subscription to presence by this application already, and there can be one. \
         Renew that one, or delete it first.",
    ),
    row(
        Code::Conflict,
        "Conflict",
        StatusCode::CONFLICT,
        "What is asked for cannot stand beside what is there: a name that somebody else has, an \
         entry of the configuration, or one entry more than there may be. The message says which.",
    ),
    row(
        Code::PreconditionFailed,
        "PreconditionFailed",
        StatusCode::PRECONDITION_FAILED,
        "What is to be changed is not as If-Match or If-None-Match wants it: somebody else was \
         first. Read it again.",
    ),
    row(
        Code::RequestEntityTooLarge,
        "RequestEntityTooLarge",
        StatusCode::PAYLOAD_TOO_LARGE,
        "The request body is larger than the limit that the message names. Send less at a time.",
    ),
    row(
        Code::UnsupportedMediaType,
        "UnsupportedMediaType",
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        "The request body has a Content-Encoding that is not read. Send it plain or with gzip.",
    ),
    row(
        Code::FailedDependency,
        "FailedDependency",
        StatusCode::FAILED_DEPENDENCY,
        "A request of the same batch failed on which this one depends, so it was not tried. See the \
         answer to the request that the message names.",
    ),
    row(
        Code::TooManyRequests,
        "TooManyRequests",
        StatusCode::TOO_MANY_REQUESTS,
        "A limit is reached that time frees again. Wait as long as Retry-After says.",
    ),
    row(
        Code::GeneralException,
        "generalException",
        StatusCode::INTERNAL_SERVER_ERROR,
        "A fault of the server. Its log holds the cause under the answer's request-id.",
    ),
    row(
        Code::ServiceNotAvailable,
        "serviceNotAvailable",
        StatusCode::SERVICE_UNAVAILABLE,
        "The server cannot answer at present. Wait as long as Retry-After says.",
    ),
];

const fn row(code: Code, wire: &'static str, status: StatusCode, meaning: &'static str) -> CodeRow {
    CodeRow {
        code,
        wire,
        status,
        meaning,
    }
}

impl Code {
    /// The code's row.
    pub fn row(self) -> &'static CodeRow {
        CODES
            .iter()
            .find(|row| row.code == self)
            .expect("the table holds every code, as a test makes sure")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every code is in the table once. The match fails to compile when a variant is added, and
    /// says where else to go.
    #[test]
    fn every_code_has_a_row() {
        for row in &CODES {
            // A new code needs a row in `CODES`, and its place in this list.
            match row.code {
                Code::BadRequest
                | Code::InvalidArgument
                | Code::ExtensionError
                | Code::InvalidRequest
                | Code::ValidationError
                | Code::InvalidAuthenticationToken
                | Code::AuthenticationError
                | Code::Unauthorized
                | Code::Forbidden
                | Code::AuthorizationRequestDenied
                | Code::NotFound
                | Code::MethodNotAllowed
                | Code::RequestTimeout
                | Code::SubscriptionExists
                | Code::Conflict
                | Code::PreconditionFailed
                | Code::RequestEntityTooLarge
                | Code::UnsupportedMediaType
                | Code::FailedDependency
                | Code::TooManyRequests
                | Code::GeneralException
                | Code::ServiceNotAvailable => {}
            }
            let rows = CODES.iter().filter(|other| other.code == row.code);
            assert_eq!(rows.count(), 1, "{:?}", row.code);
            assert_eq!(row.code.row().wire, row.wire);
        }
        let statuses: Vec<StatusCode> = CODES.iter().map(|row| row.status).collect();
        assert!(statuses.is_sorted(), "in order of status");
    }
}
