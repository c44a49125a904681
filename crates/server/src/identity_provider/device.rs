//! Signing in on another device (RFC 8628): the code, the page where it is typed in, and what the
//! waiting client is told.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::{Path, Request as HttpRequest, State as Shared};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use presenced_core::time::Timestamp;
use serde_json::json;

use super::State;
use super::base::Base;
use super::client::Client;
use super::directory::{Application, User, is_tenant};
use super::error::{OAuthError, no_store};
use super::fields::Fields;
use super::limits::{DEVICE_CODE_LIFETIME, POLL_INTERVAL, POLL_TOLERANCE, SLOW_DOWN};
use super::page::{self, Page};
use super::scope::Consent;
use super::secret::{random, same};
use super::shelf::Found;

/// A client that waits for somebody to sign in elsewhere.
#[derive(Debug)]
pub(super) struct Request {
    application: Arc<Application>,
    consent: Consent,
    user_code: String,
    decision: Decision,
    /// When the client asked last.
    polled_at: Option<Timestamp>,
    /// How long it must leave between two questions.
    interval: Duration,
}

#[derive(Clone, Debug)]
enum Decision {
    Pending,
    Approved(Arc<User>),
    Declined,
}

/// What a waiting client gets in the end.
pub(super) struct Polled {
    pub(super) user: Arc<User>,
    pub(super) consent: Consent,
}

/// Letters and digits that nobody takes for one another.
const ALPHABET: &[u8] = b"BCDFGHJKLMNPQRSTVWXZ23456789";

/// `POST /{tenant}/oauth2/v2.0/devicecode`.
pub(super) async fn device_code(
    Shared(state): Shared<Arc<State>>,
    Path(tenant): Path<String>,
    base: Base,
    headers: HeaderMap,
    request: HttpRequest,
) -> Response {
    let fields = Fields::read(request).await;
    let answer = fields.and_then(|fields| state.begin_device(&tenant, &fields, &headers, &base));
    answer.unwrap_or_else(|error| error.answer(state.settings.clock.now(), &headers))
}

/// `GET` and `POST /device`: the page where a user types the code in.
pub(super) async fn page(Shared(state): Shared<Arc<State>>, request: HttpRequest) -> Response {
    match Fields::read(request).await {
        Ok(fields) => state.decide_device(&fields),
        Err(error) => page::failure(&error),
    }
}

impl State {
    fn begin_device(
        &self,
        tenant: &str,
        fields: &Fields,
        headers: &HeaderMap,
        base: &Base,
    ) -> Result<Response, OAuthError> {
        if !is_tenant(tenant) {
            return Err(OAuthError::unknown_tenant(tenant));
        }
        let client = Client::read(self, fields, headers)?;
        let user_code = user_code();
        let request = Request {
            application: client.application,
            consent: Consent::read(fields.require("scope")?, &base.host)?,
            user_code: user_code.clone(),
            decision: Decision::Pending,
            polled_at: None,
            interval: POLL_INTERVAL,
        };
        let device_code = self.devices.lock().put(request, self.settings.clock.now());
        let verification_uri = base.url("/device");
        let message = format!(
            "To sign in, use a web browser to open the page {verification_uri} and enter the code \
             {user_code} to authenticate."
        );
        let mut answer = Json(json!({
            "device_code": device_code,
            "user_code": user_code,
            "verification_uri": verification_uri,
            "expires_in": DEVICE_CODE_LIFETIME.as_secs(),
            "interval": POLL_INTERVAL.as_secs(),
            "message": message,
        }))
        .into_response();
        no_store(answer.headers_mut());
        Ok(answer)
    }

    /// Tells a waiting client how it stands. An approved code is used up.
    pub(super) fn poll_device(
        &self,
        device_code: &str,
        application: &Application,
        now: Timestamp,
    ) -> Result<Polled, OAuthError> {
        let mut devices = self.devices.lock();
        let request = match devices.get(device_code, now) {
            Found::There(request) if request.application.id == application.id => request,
            Found::Expired => {
                let text = "The device code has expired. Begin again.";
                return Err(OAuthError::new("expired_token", 70020, text));
            }
            Found::There(_) | Found::Unknown => {
                let text = "The device code is not known, or was redeemed already.";
                return Err(OAuthError::new("bad_verification_code", 70018, text));
            }
        };
        match request.decision.clone() {
            Decision::Pending => {
                let last = request.polled_at.replace(now);
                let early = |last| now.since(last) + POLL_TOLERANCE < request.interval;
                if last.is_some_and(early) {
                    request.interval += SLOW_DOWN;
                    let text = "The client asks too often: leave 5 seconds more each time.";
                    return Err(OAuthError::new("slow_down", 70016, text));
                }
                let text = "OAuth 2.0 device flow error. Authorization is pending. Continue \
                            polling.";
                Err(OAuthError::new("authorization_pending", 70016, text))
            }
            Decision::Declined => {
                let text = "The end user denied the authorization request.";
                Err(OAuthError::new("authorization_declined", 70000, text))
            }
            Decision::Approved(user) => {
                let consent = request.consent.clone();
                devices.take(device_code, now);
                Ok(Polled { user, consent })
            }
        }
    }

    fn decide_device(&self, fields: &Fields) -> Response {
        let code = fields.get("user_code").unwrap_or_default();
        let form = |fault: Option<&str>| {
            let form =
                Page::form("Sign in on another device", fault).input("Code", "user_code", code);
            let name = fields.get("username").unwrap_or_default();
            let form = form.credentials(name);
            let status = match fault {
                Some(_) => StatusCode::BAD_REQUEST,
                None => StatusCode::OK,
            };
            form.answer(status)
        };
        let decision = match fields.get("decision") {
            None => return form(None),
            Some(page::ALLOW) => {
                let name = fields.get("username").unwrap_or_default();
                let password = fields.get("password").unwrap_or_default();
                match self.signed_in(name, password) {
                    Some(user) => Decision::Approved(user),
                    None => return form(Some("The user name or the password is wrong.")),
                }
            }
            Some(_) => Decision::Declined,
        };
        let typed = normalized(code);
        let now = self.settings.clock.now();
        let mut devices = self.devices.lock();
        let waiting = devices.find(now, |request| {
            let pending = matches!(request.decision, Decision::Pending);
            pending && same(&normalized(&request.user_code), &typed)
        });
        let Some(request) = waiting else {
            return form(Some("There is no such code, or its time is over."));
        };
        let title = match decision {
            Decision::Approved(_) => "You have signed in",
            Decision::Pending | Decision::Declined => "You have declined",
        };
        request.decision = decision;
        let text = format!(
            "{} has been told. You may close this page.",
            request.application.name
        );
        Page::message(title, &text).answer(StatusCode::OK)
    }
}

/// A code a person can read out: two groups of four.
fn user_code() -> String {
    let letter = |byte: u8| {
        // A slight preference for some letters costs less than a bit of the 38.
        let index = usize::from(byte) % ALPHABET.len();
        ALPHABET.get(index).copied().map_or('X', char::from)
    };
    let mut code: String = random::<8>().into_iter().map(letter).collect();
    code.insert(4, '-');
    code
}

/// A code as it is compared: people write it in small letters and leave the hyphen out.
fn normalized(code: &str) -> String {
    let letters = code.chars().filter(char::is_ascii_alphanumeric);
    letters.map(|letter| letter.to_ascii_uppercase()).collect()
}
