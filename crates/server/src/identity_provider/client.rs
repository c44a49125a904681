//! Which application asks, and whether it has proved it.

use std::sync::Arc;

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::State;
use super::directory::Application;
use super::error::OAuthError;
use super::fields::Fields;

/// An application that asks for tokens.
#[derive(Clone, Debug)]
pub(super) struct Client {
    /// Which.
    pub(super) application: Arc<Application>,
    /// Whether it has shown its secret. One that has not is a public client.
    pub(super) confidential: bool,
}

impl Client {
    /// Reads who asks, from the form or the Basic header (RFC 6749 §2.3.1). A secret that is shown
    /// must be right; whether one is needed is the grant's business.
    pub(super) fn read(
        state: &State,
        fields: &Fields,
        headers: &HeaderMap,
    ) -> Result<Self, OAuthError> {
        if fields.get("client_assertion").is_some() {
            let text = "Client assertions are not verified here: send 'client_secret'.";
            return Err(OAuthError::invalid_client(700_027, text));
        }
        let basic = basic(headers)?;
        let (id, secret) = match &basic {
            Some((id, secret)) => (id.as_str(), Some(secret.as_str())),
            None => (fields.require("client_id")?, fields.get("client_secret")),
        };
        if fields.get("client_id").is_some_and(|named| named != id) {
            let text = "The 'client_id' of the form is not the one of the Authorization header.";
            return Err(OAuthError::malformed(text));
        }
        let application = state
            .application(id)
            .ok_or_else(|| OAuthError::unknown_application(id))?;
        match secret {
            Some(secret) if !application.has_secret(secret) => {
                let text = format!(
                    "Invalid client secret provided. Ensure the secret being sent in the request \
                     is the client secret value, for a secret added to app '{}'.",
                    application.id
                );
                Err(OAuthError::invalid_client(7_000_215, text))
            }
            Some(_) | None => Ok(Self {
                application,
                confidential: secret.is_some(),
            }),
        }
    }

    /// Refuses a public client.
    pub(super) fn must_be_confidential(&self) -> Result<(), OAuthError> {
        if self.confidential {
            return Ok(());
        }
        let text = "The request body must contain the following parameter: 'client_assertion' or \
                    'client_secret'.";
        Err(OAuthError::invalid_client(7_000_218, text))
    }
}

/// Id and secret of a Basic header, if there is one.
fn basic(headers: &HeaderMap) -> Result<Option<(String, String)>, OAuthError> {
    let Some(header) = headers.get(AUTHORIZATION) else {
        return Ok(None);
    };
    let credentials = header.to_str().ok().and_then(|header| {
        let (scheme, encoded) = header.split_once(' ')?;
        let decoded = STANDARD.decode(encoded.trim()).ok()?;
        let (id, secret) = str::from_utf8(&decoded).ok()?.split_once(':')?;
        let basic = scheme.eq_ignore_ascii_case("Basic");
        basic.then(|| Some((form_decoded(id)?, form_decoded(secret)?)))?
    });
    let unreadable = || {
        let text = "The Authorization header is not Basic with a client id and a secret.";
        OAuthError::invalid_client(7_000_215, text)
    };
    credentials.map(Some).ok_or_else(unreadable)
}

/// Both halves of the header are form-encoded (RFC 6749 §2.3.1).
fn form_decoded(text: &str) -> Option<String> {
    let query = format!("http://x/?v={text}");
    let url = reqwest::Url::parse(&query).ok()?;
    let mut pairs = url.query_pairs();
    let (_, value) = pairs.next()?;
    pairs.next().is_none().then(|| value.into_owned())
}
