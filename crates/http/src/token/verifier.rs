//! The checks of a token, in their order.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use presenced_core::auth::{Caller, PERSONAL_ACCOUNTS};
use presenced_core::id::TenantId;
use presenced_core::time::{Clock, Timestamp};

use super::cache::{Verified, VerifiedTokens};
use super::claims::{self, Claims, Rules, required_text, without_slash};
use super::jwt::Jwt;
use super::key_source::{Discovery, KeySource};
use super::keys::{Key, KeySet};
use super::limits::CLOCK_LEEWAY;
use super::settings::{BuiltInIssuer, EntraIssuer, Fetch, Issuer, OidcIssuer, SettingsError};
use super::{Authenticate, TokenError};

/// Verifies the tokens of the configured issuers, and remembers those that it has verified.
pub struct TokenVerifier {
    /// What is trusted, by the exact text of `iss`.
    trusted: HashMap<String, Trusted>,
    /// The key sources among the issuers.
    sources: Vec<Arc<KeySource>>,
    tokens: VerifiedTokens,
    clock: Arc<dyn Clock>,
}

/// One `iss`: the tenant it speaks for, and how its tokens are checked.
struct Trusted {
    tenant: TenantId,
    rules: Rules,
    issuer: Arc<IssuerState>,
}

/// What all `iss` forms and tenants of one issuer share.
struct IssuerState {
    /// Accepted audiences, without a slash at their end.
    audiences: Vec<String>,
    keys: Keys,
}

enum Keys {
    Fixed(KeySet),
    Fetched(Arc<KeySource>),
}

impl TokenVerifier {
    /// A verifier for tokens of `issuers`. Fetches nothing yet.
    ///
    /// `clock` is the real time, in development too: a token's life does not follow the test clock,
    /// or an hour's advance would end every token.
    pub fn new(issuers: Vec<Issuer>, clock: Arc<dyn Clock>) -> Result<Self, SettingsError> {
        if issuers.is_empty() {
            return Err(SettingsError::NoIssuer);
        }
        let mut verifier = Self {
            trusted: HashMap::new(),
            sources: Vec::new(),
            tokens: VerifiedTokens::new(),
            clock,
        };
        for issuer in issuers {
            match issuer {
                Issuer::Entra(entra) => verifier.trust_entra(&entra)?,
                Issuer::Oidc(oidc) => verifier.trust_oidc(*oidc)?,
                Issuer::BuiltIn(built_in) => verifier.trust_built_in(built_in)?,
            }
        }
        Ok(verifier)
    }

    /// Fetches the keys of every issuer, so that the first request need not wait for them. One that
    /// cannot be reached is logged and tried again when its first token comes.
    pub async fn warm_up(&self) {
        // All at once first: one that hangs keeps nobody else waiting.
        self.sources.iter().for_each(KeySource::begin);
        for source in &self.sources {
            source.idle().await;
        }
    }

    fn trust_entra(&mut self, entra: &EntraIssuer) -> Result<(), SettingsError> {
        let configured = entra.authority.as_deref();
        let authority = without_slash(configured.unwrap_or(entra.cloud.authority()));
        let audiences = match entra.audiences.as_slice() {
            [] => entra.cloud.graph_audiences(),
            named => named.to_vec(),
        };
        // The document of the only tenant, or the one that stands for all.
        let (path, own_issuer) = match entra.tenants.as_slice() {
            [] => return Err(SettingsError::NoTenant(authority.to_owned())),
            [only] => (only.to_string(), Some(*only)),
            [..] => ("organizations".to_owned(), None),
        };
        let second = entra
            .cloud
            .second_authority()
            .filter(|_| configured.is_none());
        let v2_issuer = |root: &str, tenant: &str| format!("{root}/{tenant}/v2.0");
        let roots = || std::iter::once(authority).chain(second);
        let described = own_issuer.map(|tenant| tenant.to_string());
        let names = std::iter::once("{tenantid}").chain(described.as_deref());
        let discovery = Discovery {
            url: format!("{authority}/{path}/v2.0/.well-known/openid-configuration"),
            issuers: names
                .flat_map(|name| roots().map(move |root| v2_issuer(root, name)))
                .collect(),
        };
        let keys = self.fetched_keys(discovery, &entra.fetch)?;
        let state = issuer_state(authority, &audiences, keys)?;
        for tenant in &entra.tenants {
            let v1 = format!("{}/{tenant}/", entra.cloud.v1_issuer_root());
            self.trust(v1, *tenant, Rules::EntraV1, &state)?;
            for root in roots() {
                let v2 = v2_issuer(root, &tenant.to_string());
                self.trust(v2, *tenant, Rules::EntraV2, &state)?;
            }
        }
        Ok(())
    }

    fn trust_oidc(&mut self, oidc: OidcIssuer) -> Result<(), SettingsError> {
        let root = without_slash(&oidc.issuer);
        let discovery = Discovery {
            url: format!("{root}/.well-known/openid-configuration"),
            issuers: vec![oidc.issuer.clone()],
        };
        let keys = self.fetched_keys(discovery, &oidc.fetch)?;
        let state = issuer_state(&oidc.issuer, &oidc.audiences, keys)?;
        let rules = Rules::Mapped(Arc::new(oidc.claims));
        self.trust(oidc.issuer, oidc.tenant, rules, &state)
    }

    fn trust_built_in(&mut self, built_in: BuiltInIssuer) -> Result<(), SettingsError> {
        let keys = KeySet::read(built_in.key_set.as_bytes());
        let keys = keys.map_err(|source| SettingsError::Keys {
            issuer: built_in.issuer.clone(),
            source,
        })?;
        let state = issuer_state(&built_in.issuer, &built_in.audiences, Keys::Fixed(keys))?;
        self.trust(built_in.issuer, built_in.tenant, Rules::EntraV1, &state)
    }

    fn fetched_keys(&mut self, discovery: Discovery, fetch: &Fetch) -> Result<Keys, SettingsError> {
        let source = KeySource::new(discovery, fetch, Arc::clone(&self.clock))?;
        let source = Arc::new(source);
        self.sources.push(Arc::clone(&source));
        Ok(Keys::Fetched(source))
    }

    fn trust(
        &mut self,
        iss: String,
        tenant: TenantId,
        rules: Rules,
        issuer: &Arc<IssuerState>,
    ) -> Result<(), SettingsError> {
        if tenant == PERSONAL_ACCOUNTS {
            return Err(SettingsError::PersonalAccounts(tenant));
        }
        match self.trusted.entry(iss) {
            Entry::Occupied(taken) => Err(SettingsError::Duplicate(taken.key().clone())),
            Entry::Vacant(free) => {
                free.insert(Trusted {
                    tenant,
                    rules,
                    issuer: Arc::clone(issuer),
                });
                Ok(())
            }
        }
    }

    async fn verify(&self, token: &str) -> Result<Arc<Caller>, TokenError> {
        let jwt = Jwt::parse(token)?;
        let trusted = self.issuer_of(&jwt.claims)?;
        let key = self.key(&jwt, trusted).await?;
        key.verify(jwt.signed, jwt.signature, jwt.algorithm)?;
        if !claims::is_for(&jwt.claims, &trusted.issuer.audiences) {
            return Err(TokenError::Audience);
        }
        let (from, until) = validity(&jwt.claims)?;
        let now = self.clock.now();
        if now < from {
            return Err(TokenError::NotYetValid);
        }
        if now >= until {
            return Err(TokenError::Expired);
        }
        let caller = Arc::new(trusted.rules.caller(&jwt.claims, trusted.tenant)?);
        let verified = Verified {
            caller: Arc::clone(&caller),
            from,
            until,
            key,
        };
        self.tokens.insert(token, verified);
        Ok(caller)
    }

    /// Who is trusted to have issued these claims, if they did. A personal account's token is told
    /// apart unverified: it is refused either way, and the refusal says only what the token says.
    fn issuer_of(&self, claims: &Claims) -> Result<&Trusted, TokenError> {
        let trusted = self.trusted.get(required_text(claims, "iss")?);
        trusted.ok_or_else(|| {
            let tid = required_text(claims, "tid").ok().and_then(TenantId::parse);
            match tid {
                Some(PERSONAL_ACCOUNTS) => TokenError::PersonalAccount,
                Some(_) | None => TokenError::Issuer,
            }
        })
    }

    async fn key(&self, jwt: &Jwt<'_>, trusted: &Trusted) -> Result<Arc<Key>, TokenError> {
        let key_id = jwt.key_id.as_deref();
        let key = match &trusted.issuer.keys {
            Keys::Fixed(keys) => Arc::clone(keys.find(key_id, jwt.algorithm)?),
            Keys::Fetched(source) => source.key(key_id, jwt.algorithm).await?,
        };
        if trusted.rules.are_entras() && !self.may_sign(&key, trusted) {
            return Err(TokenError::UnknownKey);
        }
        Ok(key)
    }

    /// Whether the key is not confined to another issuer: among Entra's keys are some that sign for
    /// one tenant only.
    fn may_sign(&self, key: &Key, trusted: &Trusted) -> bool {
        let Some(confined_to) = key.issuer() else {
            return true;
        };
        let issuer = confined_to.replace("{tenantid}", &trusted.tenant.to_string());
        self.trusted.get(&issuer).is_some_and(|other| {
            other.tenant == trusted.tenant && Arc::ptr_eq(&other.issuer, &trusted.issuer)
        })
    }
}

impl Authenticate for TokenVerifier {
    fn authenticate<'a>(
        &'a self,
        token: &'a str,
    ) -> Pin<Box<dyn Future<Output = Result<Arc<Caller>, TokenError>> + Send + 'a>> {
        Box::pin(async move {
            match self.cached(token.as_bytes()) {
                Some(caller) => Ok(caller),
                None => self.verify(token).await,
            }
        })
    }

    fn cached(&self, token: &[u8]) -> Option<Arc<Caller>> {
        self.tokens.get(token, self.clock.now())
    }

    fn remaining(&self, token: &str) -> Option<Duration> {
        self.tokens.remaining(token.as_bytes(), self.clock.now())
    }
}

fn issuer_state(
    name: &str,
    audiences: &[String],
    keys: Keys,
) -> Result<Arc<IssuerState>, SettingsError> {
    if audiences.is_empty() {
        return Err(SettingsError::NoAudience(name.to_owned()));
    }
    let bare = |audience: &String| without_slash(audience).to_owned();
    Ok(Arc::new(IssuerState {
        audiences: audiences.iter().map(bare).collect(),
        keys,
    }))
}

/// From when and until when a token counts, leeway included. Without `nbf` it counts from ever;
/// without `exp` it would for ever, and is refused.
fn validity(claims: &Claims) -> Result<(Timestamp, Timestamp), TokenError> {
    let expires = claims::time(claims, "exp")?;
    let expires = expires.ok_or_else(|| TokenError::Claim("exp".to_owned()))?;
    let from = claims::time(claims, "nbf")?.unwrap_or(Timestamp::EPOCH);
    let leeway = CLOCK_LEEWAY.as_millis().try_into().unwrap_or(u64::MAX);
    let from = Timestamp::from_millis(from.as_millis().saturating_sub(leeway));
    Ok((from, expires.plus(CLOCK_LEEWAY)))
}
