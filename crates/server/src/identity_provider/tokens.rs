//! What is in a token.

use std::sync::Arc;

use axum::Json;
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde_json::json;

use super::base::Base;
use super::client::Client;
use super::directory::{Application, DOMAIN, TENANT, User};
use super::error::{OAuthError, no_store};
use super::limits::TOKEN_LIFETIME;
use super::scope::Consent;
use super::{AUDIENCE, State, secret};

/// What a refresh token stands for: one application, one user, and what was granted.
#[derive(Clone, Debug)]
pub(super) struct RefreshToken {
    pub(super) application: Arc<Application>,
    pub(super) user: Arc<User>,
    pub(super) consent: Consent,
}

/// What a user's tokens are made of.
pub(super) struct SignIn<'a> {
    pub(super) client: &'a Client,
    pub(super) user: Arc<User>,
    /// What the tokens permit.
    pub(super) consent: &'a Consent,
    /// What a refresh token may be exchanged for later on.
    pub(super) renewable: &'a Consent,
    /// What the client wants to find again in the id token.
    pub(super) nonce: Option<&'a str>,
    /// Whether `client_info` is asked for.
    pub(super) client_info: bool,
}

/// The `iss` of access tokens: a name, not an address, and the same wherever this runs.
pub(crate) fn issuer() -> String {
    format!("https://sts.{DOMAIN}/{TENANT}/")
}

/// An access token in the v1.0 form, which Graph's own have (contract section 7.1).
#[derive(Serialize)]
struct AccessClaims<'a> {
    aud: &'static str,
    iss: String,
    iat: u64,
    nbf: u64,
    exp: u64,
    app_displayname: &'a str,
    appid: String,
    /// How the client proved itself: `0` not at all, `1` by secret.
    appidacr: &'static str,
    oid: String,
    sub: String,
    tid: String,
    uti: String,
    ver: &'static str,
    #[serde(flatten)]
    kind: Kind<'a>,
}

/// What only one of the two kinds of token has (contract section 7.2).
#[derive(Serialize)]
#[serde(untagged)]
enum Kind<'a> {
    Application {
        idtyp: &'static str,
        /// An application without permissions has no such claim at all.
        #[serde(skip_serializing_if = "<[_]>::is_empty")]
        roles: &'a [&'static str],
    },
    User {
        amr: [&'static str; 1],
        name: &'a str,
        scp: String,
        unique_name: &'a str,
        upn: &'a str,
    },
}

/// An id token in the v2.0 form.
#[derive(Serialize)]
struct IdClaims<'a> {
    aud: String,
    /// As the discovery document names it, since clients compare the two.
    iss: String,
    iat: u64,
    nbf: u64,
    exp: u64,
    email: &'a str,
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    nonce: Option<&'a str>,
    oid: String,
    preferred_username: &'a str,
    sub: String,
    tid: String,
    uti: String,
    ver: &'static str,
}

/// The answer of the token endpoint (contract section 7.4).
#[derive(Serialize)]
struct Answer {
    token_type: &'static str,
    expires_in: u64,
    ext_expires_in: u64,
    access_token: String,
    #[serde(flatten)]
    of_user: Option<UserAnswer>,
}

/// What it holds besides, if a user has signed in.
#[derive(Serialize)]
struct UserAnswer {
    scope: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    id_token: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_info: Option<String>,
}

impl State {
    /// The answer with an application's own token.
    pub(super) fn application_answer(&self, client: &Client) -> Result<Response, OAuthError> {
        let application = &client.application;
        let object_id = application.service_principal.to_string();
        let kind = Kind::Application {
            idtyp: "app",
            roles: &application.roles,
        };
        self.answer(client, [object_id.clone(), object_id], kind, None)
    }

    /// The answer with a user's tokens.
    pub(super) fn user_answer(
        &self,
        sign_in: &SignIn<'_>,
        base: &Base,
    ) -> Result<Response, OAuthError> {
        let SignIn { user, consent, .. } = sign_in;
        let id_token = consent.wants_id_token();
        let id_token = id_token.then(|| self.id_token(sign_in, base)).transpose()?;
        let refresh_token = sign_in.renewable.wants_refresh_token().then(|| {
            let token = RefreshToken {
                application: Arc::clone(&sign_in.client.application),
                user: Arc::clone(user),
                consent: sign_in.renewable.clone(),
            };
            let now = self.settings.clock.now();
            self.refresh_tokens.lock().put(token, now)
        });
        let of_user = UserAnswer {
            scope: consent.answer(),
            id_token,
            refresh_token,
            client_info: sign_in.client_info.then(|| client_info(user)),
        };
        let principal_name = &user.principal_name;
        let kind = Kind::User {
            amr: ["pwd"],
            name: &user.name,
            scp: consent.claim(),
            unique_name: principal_name,
            upn: principal_name,
        };
        let ids = [user.id.to_string(), subject(sign_in)];
        self.answer(sign_in.client, ids, kind, Some(of_user))
    }

    fn answer(
        &self,
        client: &Client,
        [oid, sub]: [String; 2],
        kind: Kind<'_>,
        of_user: Option<UserAnswer>,
    ) -> Result<Response, OAuthError> {
        let issued_at = self.issued_at();
        let access_token = self.signed(&AccessClaims {
            aud: AUDIENCE,
            iss: issuer(),
            iat: issued_at,
            nbf: issued_at,
            exp: issued_at + TOKEN_LIFETIME.as_secs(),
            app_displayname: &client.application.name,
            appid: client.application.id.to_string(),
            appidacr: if client.confidential { "1" } else { "0" },
            oid,
            sub,
            tid: TENANT.to_string(),
            uti: uti(),
            ver: "1.0",
            kind,
        })?;
        // Entra counts from the second after: a client that trusts it renews in time.
        let expires_in = TOKEN_LIFETIME.as_secs() - 1;
        let mut response = Json(Answer {
            token_type: "Bearer",
            expires_in,
            ext_expires_in: expires_in,
            access_token,
            of_user,
        })
        .into_response();
        no_store(response.headers_mut());
        Ok(response)
    }

    fn id_token(&self, sign_in: &SignIn<'_>, base: &Base) -> Result<String, OAuthError> {
        let issued_at = self.issued_at();
        let principal_name = &sign_in.user.principal_name;
        self.signed(&IdClaims {
            aud: sign_in.client.application.id.to_string(),
            iss: base.url(&format!("/{TENANT}/v2.0")),
            iat: issued_at,
            nbf: issued_at,
            exp: issued_at + TOKEN_LIFETIME.as_secs(),
            email: principal_name,
            name: &sign_in.user.name,
            nonce: sign_in.nonce,
            oid: sign_in.user.id.to_string(),
            preferred_username: principal_name,
            sub: subject(sign_in),
            tid: TENANT.to_string(),
            uti: uti(),
            ver: "2.0",
        })
    }

    fn signed(&self, claims: &impl Serialize) -> Result<String, OAuthError> {
        self.key.sign(claims).map_err(|_| OAuthError::internal())
    }

    /// The present in the whole seconds that tokens count in.
    fn issued_at(&self) -> u64 {
        self.settings.clock.now().as_millis() / 1000
    }
}

/// Who signed in, as clients key their accounts by it (contract section 7.4).
pub(super) fn client_info(user: &User) -> String {
    let info = json!({"uid": user.id.to_string(), "utid": TENANT.to_string()});
    URL_SAFE_NO_PAD.encode(info.to_string())
}

/// A user's name for one application only (contract section 7.2).
fn subject(sign_in: &SignIn<'_>) -> String {
    let (user, application) = (sign_in.user.id, sign_in.client.application.id);
    secret::sha256(&format!("{user} {application}"))
}

/// A token's own random name.
fn uti() -> String {
    URL_SAFE_NO_PAD.encode(secret::random::<16>())
}
