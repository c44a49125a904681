//! `POST /{tenant}/oauth2/v2.0/token`.

use std::sync::Arc;

use axum::extract::{Path, Request, State as Shared};
use axum::http::HeaderMap;
use axum::response::Response;

use super::State;
use super::base::Base;
use super::client::Client;
use super::device::Polled;
use super::directory::{User, is_tenant};
use super::error::{OAuthError, shortened};
use super::fields::Fields;
use super::scope::{Consent, check_application};
use super::secret::{same, sha256};
use super::shelf::Found;
use super::tokens::SignIn;

/// Everything that a grant is decided on.
struct Asked<'a> {
    fields: &'a Fields,
    client: Client,
    base: &'a Base,
}

/// Exchanges a grant for tokens, or answers the error as Entra would.
pub(super) async fn token(
    Shared(state): Shared<Arc<State>>,
    Path(tenant): Path<String>,
    base: Base,
    headers: HeaderMap,
    request: Request,
) -> Response {
    let fields = Fields::read(request).await;
    let answer = fields.and_then(|fields| state.token(&tenant, &fields, &headers, &base));
    answer.unwrap_or_else(|error| error.answer(state.settings.clock.now(), &headers))
}

impl State {
    fn token(
        &self,
        tenant: &str,
        fields: &Fields,
        headers: &HeaderMap,
        base: &Base,
    ) -> Result<Response, OAuthError> {
        if !is_tenant(tenant) {
            return Err(OAuthError::unknown_tenant(tenant));
        }
        let grant_type = fields.require("grant_type")?;
        let asked = Asked {
            fields,
            client: Client::read(self, fields, headers)?,
            base,
        };
        match grant_type {
            "client_credentials" => self.client_credentials(&asked),
            "password" => self.password(&asked),
            "authorization_code" => self.authorization_code(&asked),
            // MSAL for JavaScript sends the short name.
            "urn:ietf:params:oauth:grant-type:device_code" | "device_code" => {
                self.device_code(&asked)
            }
            "refresh_token" => self.refresh_token(&asked),
            other => {
                let text = format!(
                    "The app requested an unsupported grant type '{}'.",
                    shortened(other)
                );
                Err(OAuthError::new("unsupported_grant_type", 70003, text))
            }
        }
    }

    fn client_credentials(&self, asked: &Asked<'_>) -> Result<Response, OAuthError> {
        asked.client.must_be_confidential()?;
        check_application(asked.fields.require("scope")?, &asked.base.host)?;
        self.application_answer(&asked.client)
    }

    fn password(&self, asked: &Asked<'_>) -> Result<Response, OAuthError> {
        let name = asked.fields.require("username")?;
        let password = asked.fields.require("password")?;
        let consent = Consent::read(asked.fields.require("scope")?, &asked.base.host)?;
        let user = self.signed_in(name, password);
        let user = user.ok_or_else(OAuthError::wrong_password)?;
        self.sign_in(asked, user, &consent, None)
    }

    fn authorization_code(&self, asked: &Asked<'_>) -> Result<Response, OAuthError> {
        let name = asked.fields.require("code")?;
        let redirect_uri = asked.fields.require("redirect_uri")?;
        // Taken away whatever comes of it: a code that was shown wrongly may have been stolen.
        let taken = self.codes.lock().take(name, self.settings.clock.now());
        let code = match taken {
            Found::There(code) => code,
            Found::Expired => {
                let text = "The provided authorization code has expired. Sign in again.";
                return Err(OAuthError::new("invalid_grant", 70008, text));
            }
            Found::Unknown => {
                let text = "The provided authorization code is not known or was redeemed already.";
                return Err(OAuthError::new("invalid_grant", 54005, text));
            }
        };
        if code.application.id != asked.client.application.id {
            let text = "The provided authorization code was issued to another application.";
            return Err(OAuthError::new("invalid_grant", 70000, text));
        }
        if code.redirect_uri != redirect_uri {
            let text = format!(
                "The reply address '{}' does not match the reply address '{}' provided when \
                 requesting the authorization code.",
                shortened(redirect_uri),
                shortened(&code.redirect_uri),
            );
            return Err(OAuthError::new("invalid_grant", 500_112, text));
        }
        match &code.challenge {
            Some(challenge) => {
                let verifier = asked.fields.get("code_verifier").unwrap_or_default();
                if !challenge.is_met_by(verifier) {
                    let text = "The code_verifier does not match the code_challenge supplied in \
                                the authorization request for PKCE.";
                    return Err(OAuthError::new("invalid_grant", 50148, text));
                }
            }
            // Without PKCE, only the secret tells the right client from whoever saw the code.
            None => asked.client.must_be_confidential()?,
        }
        self.sign_in(asked, code.user, &code.consent, code.nonce.as_deref())
    }

    fn device_code(&self, asked: &Asked<'_>) -> Result<Response, OAuthError> {
        let name = asked.fields.require("device_code")?;
        let now = self.settings.clock.now();
        let application = &asked.client.application;
        let polled = self.poll_device(name, application, now);
        let Polled { user, consent } = polled?;
        self.sign_in(asked, user, &consent, None)
    }

    /// A refresh token gives new tokens and a new refresh token. The old one works on until its
    /// time is over, as Entra's does: a client whose answer was lost can ask again.
    fn refresh_token(&self, asked: &Asked<'_>) -> Result<Response, OAuthError> {
        let name = asked.fields.require("refresh_token")?;
        let now = self.settings.clock.now();
        let found = match self.refresh_tokens.lock().get(name, now) {
            Found::There(token) => Some(token.clone()),
            Found::Expired | Found::Unknown => None,
        };
        let Some(granted) = found else {
            let text = "The refresh token has expired or is not known. Sign in again.";
            return Err(OAuthError::new("invalid_grant", 700_082, text));
        };
        if granted.application.id != asked.client.application.id {
            let text = "The provided refresh token was issued to another application.";
            return Err(OAuthError::new("invalid_grant", 70000, text));
        }
        let consent = match asked.fields.get("scope") {
            Some(scope) => Consent::read(scope, &asked.base.host)?,
            None => granted.consent.clone(),
        };
        if !consent.is_within(&granted.consent) {
            let text = "The user has not consented to all of the requested permissions. Sign in \
                        again and ask for them.";
            return Err(OAuthError::new("invalid_grant", 65001, text));
        }
        self.user_answer(
            &SignIn {
                client: &asked.client,
                user: granted.user,
                consent: &consent,
                renewable: &granted.consent,
                nonce: None,
                client_info: wants_client_info(asked.fields),
            },
            asked.base,
        )
    }

    fn sign_in(
        &self,
        asked: &Asked<'_>,
        user: Arc<User>,
        consent: &Consent,
        nonce: Option<&str>,
    ) -> Result<Response, OAuthError> {
        let sign_in = SignIn {
            client: &asked.client,
            user,
            consent,
            renewable: consent,
            nonce,
            client_info: wants_client_info(asked.fields),
        };
        self.user_answer(&sign_in, asked.base)
    }
}

fn wants_client_info(fields: &Fields) -> bool {
    fields.get("client_info") == Some("1")
}

/// What must be shown to redeem a code (RFC 7636 §4.3).
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Challenge {
    /// The verifier itself.
    Plain(String),
    /// The verifier's SHA-256 in base64url.
    S256(String),
}

impl Challenge {
    fn is_met_by(&self, verifier: &str) -> bool {
        match self {
            Self::Plain(challenge) => same(challenge, verifier),
            Self::S256(challenge) => same(challenge, &sha256(verifier)),
        }
    }
}
