//! `validationTokens`: by what a receiver knows that a rich notification comes from here, and is
//! meant for it (contract section 4.7).

use std::collections::HashMap;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use parking_lot::Mutex;
use presenced_core::id::{ApplicationId, TenantId};
use presenced_core::time::{Clock, Timestamp};
use serde::Serialize;
use serde_json::{Value, json};

use super::limits::{VALIDATION_TOKEN_LIFETIME, VALIDATION_TOKEN_REUSE, VALIDATION_TOKENS_MAX};
use super::signing::{SigningKey, SigningKeyError};

/// The application that Graph's change notifications come from, which receivers are told to look
/// for in `appid` (contract section 4.7).
pub const GRAPH_PUBLISHER: ApplicationId =
    ApplicationId::from_u128(0x0bf3_0f3b_4a52_48df_9a82_2349_10c4_a086);

/// What stands for a tenant's id in an issuer's name, as in Entra's own documents.
const TENANT_PLACEHOLDER: &str = "{tenantid}";

/// The `iss` of validation tokens: one name for all tenants, or with `{tenantid}` in it one for each.
///
/// Graph's is `https://sts.windows.net/{tenantid}/`, and libraries for receivers take a name as one
/// text before the tenant's id and a slash after it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssuerName(String);

impl IssuerName {
    /// The name with this text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// What stands in a token of this tenant.
    pub fn of(&self, tenant: TenantId) -> String {
        self.0.replace(TENANT_PLACEHOLDER, &tenant.to_string())
    }

    /// The name for whichever tenant, placeholder included.
    pub fn text(&self) -> &str {
        &self.0
    }
}

/// The discovery document by which receivers find the keys of validation tokens: those members of
/// the one that they read at Graph's identity provider that mean something here (OpenID Connect
/// Discovery 1.0 §3).
pub fn discovery_document(issuer: &str, key_set_url: &str) -> Value {
    json!({
        "issuer": issuer,
        "jwks_uri": key_set_url,
        "response_types_supported": ["id_token"],
        "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": ["RS256"],
    })
}

/// What validation tokens are made of.
pub struct TokenSettings {
    /// Who signs.
    pub issuer: IssuerName,
    /// With what.
    pub key: Arc<SigningKey>,
    /// The `appid`: whom receivers expect to be notified by. [`GRAPH_PUBLISHER`], so that a receiver
    /// written for Graph finds what it looks for.
    pub publisher: ApplicationId,
    /// The real time, by which receivers judge tokens, and not a test clock.
    pub clock: Arc<dyn Clock>,
}

/// Signs validation tokens, and uses each for a while.
pub(super) struct ValidationTokens {
    settings: TokenSettings,
    signed: Mutex<HashMap<Audience, Signed>>,
}

/// For whom a token is: one application of one tenant.
type Audience = (TenantId, ApplicationId);

struct Signed {
    token: Arc<str>,
    at: Timestamp,
}

/// A token in the v1.0 form (contract sections 4.7 and 7.1).
#[derive(Serialize)]
struct Claims {
    aud: String,
    iss: String,
    iat: u64,
    nbf: u64,
    exp: u64,
    /// How the publisher proved itself: by a certificate.
    appidacr: &'static str,
    appid: String,
    idp: String,
    tid: String,
    uti: String,
    ver: &'static str,
}

impl ValidationTokens {
    pub(super) fn new(settings: TokenSettings) -> Self {
        Self {
            settings,
            signed: Mutex::new(HashMap::new()),
        }
    }

    /// A token for this application of this tenant.
    pub(super) fn token(
        &self,
        tenant: TenantId,
        application: ApplicationId,
    ) -> Result<Arc<str>, SigningKeyError> {
        let audience = (tenant, application);
        let now = self.settings.clock.now();
        if let Some(signed) = self.signed.lock().get(&audience)
            && now.since(signed.at) < VALIDATION_TOKEN_REUSE
        {
            return Ok(Arc::clone(&signed.token));
        }
        // Not under the lock: another message may have its token at hand. At worst two are signed.
        let token: Arc<str> = self.sign(audience, now)?.into();
        let mut signed = self.signed.lock();
        if signed.len() >= VALIDATION_TOKENS_MAX {
            signed.clear();
        }
        let fresh = Signed {
            token: Arc::clone(&token),
            at: now,
        };
        signed.insert(audience, fresh);
        Ok(token)
    }

    fn sign(
        &self,
        (tenant, application): Audience,
        now: Timestamp,
    ) -> Result<String, SigningKeyError> {
        let TokenSettings {
            issuer,
            key,
            publisher,
            clock: _,
        } = &self.settings;
        let issued_at = now.as_millis() / 1000;
        let issuer = issuer.of(tenant);
        let mut random = [0; 16];
        aws_lc_rs::rand::fill(&mut random).map_err(|_| SigningKeyError::Sign)?;
        key.sign(&Claims {
            aud: application.to_string(),
            iss: issuer.clone(),
            iat: issued_at,
            nbf: issued_at,
            exp: issued_at + VALIDATION_TOKEN_LIFETIME.as_secs(),
            appidacr: "2",
            appid: publisher.to_string(),
            idp: issuer,
            tid: tenant.to_string(),
            uti: URL_SAFE_NO_PAD.encode(random),
            ver: "1.0",
        })
    }
}
