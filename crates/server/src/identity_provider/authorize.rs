//! `/{tenant}/oauth2/v2.0/authorize`: a user signs in, and the browser brings the application a
//! code. And `…/logout`.

use std::sync::Arc;

use axum::extract::{Path, Request, State as Shared};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use reqwest::Url;
use uuid::Uuid;

use super::State;
use presenced_http::cors::is_loopback;

use super::base::Base;
use super::directory::{Application, User, is_tenant};
use super::error::{OAuthError, no_store, shortened};
use super::fields::Fields;
use super::limits::REDIRECT_URI_CHARS_MAX;
use super::page::{self, Page};
use super::scope::Consent;
use super::token_endpoint::Challenge;
use super::tokens::client_info;

/// What an authorization code stands for.
#[derive(Debug)]
pub(super) struct Code {
    pub(super) application: Arc<Application>,
    pub(super) user: Arc<User>,
    pub(super) consent: Consent,
    pub(super) redirect_uri: String,
    pub(super) challenge: Option<Challenge>,
    pub(super) nonce: Option<String>,
}

/// Where the browser goes with the outcome, and how it carries it there.
struct Reply<'a> {
    uri: Url,
    mode: Mode,
    state: Option<&'a str>,
}

#[derive(Clone, Copy)]
enum Mode {
    Query,
    Fragment,
    FormPost,
}

/// The request's own fields, which the sign-in form carries on.
const CARRIED: [&str; 11] = [
    "client_id",
    "client_info",
    "code_challenge",
    "code_challenge_method",
    "nonce",
    "redirect_uri",
    "response_mode",
    "response_type",
    "scope",
    "state",
    "domain_hint",
];

/// Shows the sign-in form, and sends the browser back once it is filled in.
pub(super) async fn authorize(
    Shared(state): Shared<Arc<State>>,
    Path(tenant): Path<String>,
    base: Base,
    request: Request,
) -> Response {
    let fields = match Fields::read(request).await {
        Ok(fields) => fields,
        Err(error) => return page::failure(&error),
    };
    // Until the client and its address are known to be good, errors stay on a page of ours: a
    // redirect to an address that nobody has checked is what a phisher wants.
    let (application, reply) = match known_client(&state, &tenant, &fields) {
        Ok(known) => known,
        Err(error) => return page::failure(&error),
    };
    match state.authorize(application, &reply, &fields, &base) {
        Ok(response) => response,
        Err(error) => {
            let description = error.description();
            reply.answer(&[("error", error.error), ("error_description", &description)])
        }
    }
}

/// `GET /{tenant}/oauth2/v2.0/logout`. Nothing is kept of a browser, so there is nothing to end.
pub(super) async fn logout(Path(tenant): Path<String>, request: Request) -> Response {
    let fields = match Fields::read(request).await {
        Ok(fields) if is_tenant(&tenant) => fields,
        Ok(_) => return page::failure(&OAuthError::unknown_tenant(&tenant)),
        Err(error) => return page::failure(&error),
    };
    match fields.get("post_logout_redirect_uri").map(redirect_uri) {
        Some(Ok(uri)) => redirect(&uri),
        Some(Err(error)) => page::failure(&error),
        None => {
            Page::message("You have signed out", "You may close this page.").answer(StatusCode::OK)
        }
    }
}

fn known_client<'a>(
    state: &State,
    tenant: &str,
    fields: &'a Fields,
) -> Result<(Arc<Application>, Reply<'a>), OAuthError> {
    if !is_tenant(tenant) {
        return Err(OAuthError::unknown_tenant(tenant));
    }
    let id = fields.require("client_id")?;
    let application = state
        .application(id)
        .ok_or_else(|| OAuthError::unknown_application(id))?;
    let uri = redirect_uri(fields.require("redirect_uri")?)?;
    let mode = match fields.get("response_mode") {
        None | Some("query") => Mode::Query,
        Some("fragment") => Mode::Fragment,
        Some("form_post") => Mode::FormPost,
        Some(other) => {
            let text = format!("The response_mode '{}' is not known.", shortened(other));
            return Err(OAuthError::malformed(text));
        }
    };
    let state = fields.get("state");
    Ok((application, Reply { uri, mode, state }))
}

/// Reads an address that a browser may be sent to: this machine's, any port. The applications of
/// the directory are everybody's, so no other address could be told from a stranger's.
fn redirect_uri(text: &str) -> Result<Url, OAuthError> {
    let uri = Url::parse(text).ok().filter(|uri| {
        let bare =
            uri.fragment().is_none() && uri.username().is_empty() && uri.password().is_none();
        is_loopback(uri) && bare && text.len() <= REDIRECT_URI_CHARS_MAX
    });
    uri.ok_or_else(|| {
        let text = format!(
            "The redirect URI '{}' specified in the request does not match the redirect URIs \
             configured for the application. Here they are http and https on localhost, 127.0.0.1 \
             and [::1], with any port and path.",
            shortened(text)
        );
        OAuthError::new("invalid_request", 50011, text)
    })
}

impl State {
    fn authorize(
        &self,
        application: Arc<Application>,
        reply: &Reply<'_>,
        fields: &Fields,
        base: &Base,
    ) -> Result<Response, OAuthError> {
        if fields.require("response_type")? != "code" {
            let text = "The response_type must be 'code': the implicit flow is not offered.";
            return Err(OAuthError::new("unsupported_response_type", 70005, text));
        }
        let consent = Consent::read(fields.require("scope")?, &base.host)?;
        let challenge = challenge(fields)?;
        let decision = fields.get("decision");
        if decision.is_none() && fields.get("prompt") == Some("none") {
            let text = "A silent sign-in request was sent but no user is signed in.";
            return Err(OAuthError::new("interaction_required", 50058, text));
        }
        if decision.is_some_and(|decision| decision != page::ALLOW) {
            let text = "The user declined to sign in.";
            return Err(OAuthError::new("access_denied", 65004, text));
        }
        let Some((name, _)) = fields.get("username").zip(decision) else {
            return Ok(form(&application, fields, None));
        };
        let password = fields.get("password").unwrap_or_default();
        let Some(user) = self.signed_in(name, password) else {
            let fault = "The user name or the password is wrong.";
            return Ok(form(&application, fields, Some(fault)));
        };
        let info = client_info(&user);
        let code = Code {
            application,
            user,
            consent,
            redirect_uri: fields.require("redirect_uri")?.to_owned(),
            challenge,
            nonce: fields.get("nonce").map(str::to_owned),
        };
        let code = self.codes.lock().put(code, self.settings.clock.now());
        let session = Uuid::new_v4().to_string();
        let mut outcome = vec![("code", code.as_str()), ("session_state", &session)];
        if fields.get("client_info") == Some("1") {
            outcome.push(("client_info", &info));
        }
        Ok(reply.answer(&outcome))
    }
}

/// Lengths of a code challenge (RFC 7636 §4.2).
const CHALLENGE_CHARS: std::ops::RangeInclusive<usize> = 43..=128;

fn challenge(fields: &Fields) -> Result<Option<Challenge>, OAuthError> {
    let Some(challenge) = fields.get("code_challenge") else {
        return Ok(None);
    };
    if !CHALLENGE_CHARS.contains(&challenge.len()) {
        let text = "The code_challenge must have 43 to 128 characters.";
        return Err(OAuthError::new("invalid_request", 501_491, text));
    }
    match fields.get("code_challenge_method") {
        None | Some("plain") => Ok(Some(Challenge::Plain(challenge.to_owned()))),
        Some("S256") => Ok(Some(Challenge::S256(challenge.to_owned()))),
        Some(_) => {
            let text = "The code_challenge_method must be 'S256' or 'plain'.";
            Err(OAuthError::new("invalid_request", 501_491, text))
        }
    }
}

fn form(application: &Application, fields: &Fields, fault: Option<&str>) -> Response {
    let title = format!("Sign in to {}", application.name);
    let name = fields.get("username").or(fields.get("login_hint"));
    let mut form = Page::form(&title, fault);
    for field in CARRIED {
        if let Some(value) = fields.get(field) {
            form = form.hidden(field, value);
        }
    }
    let status = match fault {
        Some(_) => StatusCode::BAD_REQUEST,
        None => StatusCode::OK,
    };
    form.credentials(name.unwrap_or_default()).answer(status)
}

impl Reply<'_> {
    /// Sends the browser back with the outcome, and the state that it came with.
    fn answer(&self, outcome: &[(&str, &str)]) -> Response {
        let mut fields = outcome.to_vec();
        if let Some(state) = self.state {
            fields.push(("state", state));
        }
        let mut uri = self.uri.clone();
        match self.mode {
            Mode::Query => {
                uri.query_pairs_mut().extend_pairs(fields);
                redirect(&uri)
            }
            Mode::Fragment => {
                let mut encoded = uri.clone();
                encoded.query_pairs_mut().clear().extend_pairs(fields);
                uri.set_fragment(encoded.query());
                redirect(&uri)
            }
            Mode::FormPost => {
                let mut form = Page::form_to(self.uri.as_str(), "Back to the application");
                for (name, value) in fields {
                    form = form.hidden(name, value);
                }
                form.submit("Continue").answer(StatusCode::OK)
            }
        }
    }
}

fn redirect(uri: &Url) -> Response {
    let Ok(location) = HeaderValue::from_str(uri.as_str()) else {
        // A `Url` is ASCII without controls; should that ever change, the browser stays here.
        return page::failure(&OAuthError::internal());
    };
    let mut response = StatusCode::FOUND.into_response();
    response.headers_mut().insert(header::LOCATION, location);
    no_store(response.headers_mut());
    response
}
