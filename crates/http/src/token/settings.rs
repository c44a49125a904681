//! What the operator says of the issuers whose tokens are accepted.

use std::collections::HashMap;

use presenced_core::auth::Permissions;
use presenced_core::id::{ApplicationId, TenantId};

/// Somebody whose tokens are accepted.
#[derive(Clone, Debug)]
pub enum Issuer {
    /// Microsoft Entra ID, for tenants that are named one by one.
    Entra(EntraIssuer),
    /// Any other `OpenID` Connect provider, whose claims are mapped.
    Oidc(Box<OidcIssuer>),
    /// An issuer in the same process, which hands its keys over by itself.
    BuiltIn(BuiltInIssuer),
}

/// Entra ID in one cloud.
#[derive(Clone, Debug)]
pub struct EntraIssuer {
    /// The cloud that the tenants live in. Tokens of another cloud are not valid here.
    pub cloud: Cloud,
    /// The sign-in root to use instead of the cloud's, such as `https://login.example.org`. Tokens
    /// in the v2.0 form must then name it as their issuer.
    pub authority: Option<String>,
    /// The tenants that are served. A token of any other is refused.
    pub tenants: Vec<TenantId>,
    /// Accepted `aud` values; if empty, those of the cloud's Graph
    /// ([`Cloud::graph_audiences`]). A trailing slash makes no difference.
    ///
    /// Entra signs tokens for Graph itself so that only Graph can verify them (their header carries
    /// a `nonce`): such a token is refused here for its signature. Clients of this server need
    /// tokens for an API registration of its own, whose audience belongs here.
    pub audiences: Vec<String>,
    /// How the signing keys are fetched.
    pub fetch: Fetch,
}

/// The clouds of contract section 9.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Cloud {
    /// The global cloud, US GCC included.
    #[default]
    Global,
    /// US Government L4 (GCC High).
    UsGovernment,
    /// US Government L5 (`DoD`).
    UsGovernmentDod,
    /// China, operated by 21Vianet.
    China,
}

/// The application id of Microsoft Graph, an audience in every cloud (contract section 7.1).
const GRAPH_APPLICATION: &str = "00000003-0000-0000-c000-000000000000";

impl Cloud {
    /// The root of the sign-in endpoints.
    pub const fn authority(self) -> &'static str {
        match self {
            Self::Global => "https://login.microsoftonline.com",
            Self::UsGovernment | Self::UsGovernmentDod => "https://login.microsoftonline.us",
            Self::China => "https://login.chinacloudapi.cn",
        }
    }

    /// The root of Graph.
    pub const fn graph(self) -> &'static str {
        match self {
            Self::Global => "https://graph.microsoft.com",
            Self::UsGovernment => "https://graph.microsoft.us",
            Self::UsGovernmentDod => "https://dod-graph.microsoft.us",
            Self::China => "https://microsoftgraph.chinacloudapi.cn",
        }
    }

    /// What tokens for Graph carry as `aud`.
    pub fn graph_audiences(self) -> Vec<String> {
        vec![self.graph().into(), GRAPH_APPLICATION.into()]
    }

    /// The root of `iss` in the v1.0 form.
    pub(super) const fn v1_issuer_root(self) -> &'static str {
        match self {
            Self::Global | Self::UsGovernment | Self::UsGovernmentDod => "https://sts.windows.net",
            Self::China => "https://sts.chinacloudapi.cn",
        }
    }

    /// A second root under which the cloud's v2.0 issuers are known, if it has one.
    pub(super) const fn second_authority(self) -> Option<&'static str> {
        match self {
            Self::China => Some("https://login.partner.microsoftonline.cn"),
            Self::Global | Self::UsGovernment | Self::UsGovernmentDod => None,
        }
    }
}

/// An `OpenID` Connect provider other than Entra ID. All its tokens belong to one tenant.
#[derive(Clone, Debug)]
pub struct OidcIssuer {
    /// The issuer's URL, exactly as tokens carry it in `iss`. The discovery document is looked for
    /// below it.
    pub issuer: String,
    /// Accepted `aud` values; at least one. A trailing slash makes no difference.
    pub audiences: Vec<String>,
    /// The tenant that users and applications of this issuer belong to.
    pub tenant: TenantId,
    /// How its claims read.
    pub claims: ClaimMapping,
    /// How the signing keys are fetched.
    pub fetch: Fetch,
}

/// Where an issuer writes what Entra writes in `appid`, `oid`, `scp` and `roles`.
///
/// A claim is named by its path: dots lead into objects (`realm_access.roles`). A claim whose own
/// name has dots in it, such as a URL, is found too, since the whole path is tried as a name first.
#[derive(Clone, Debug)]
pub struct ClaimMapping {
    /// The application that holds the token; the first of these claims that is present.
    pub application: Vec<String>,
    /// The signed-in user's id, a GUID.
    pub user: String,
    /// What the user let the application do: words in one text, or a list of texts.
    pub scopes: String,
    /// What an administrator let the application do, in a token without a user: likewise.
    pub roles: String,
    /// When a token is the application's own.
    pub application_token: ApplicationToken,
    /// Foreign names of scopes and roles, and what they permit here. A name that is not in the map
    /// is read as Graph's own name.
    pub permissions: HashMap<String, Permissions>,
    /// Client ids that are not GUIDs, and the application ids they stand for.
    pub applications: HashMap<String, ApplicationId>,
}

impl ClaimMapping {
    /// Standard claims only: `azp` or `client_id`, `sub`, `scope`, `roles`. There is no standard for
    /// what tells an application's own token, so it has to be said.
    pub fn standard(application_token: ApplicationToken) -> Self {
        Self {
            application: vec!["azp".into(), "client_id".into()],
            user: "sub".into(),
            scopes: "scope".into(),
            roles: "roles".into(),
            application_token,
            permissions: HashMap::new(),
            applications: HashMap::new(),
        }
    }
}

/// What tells an application's own token from a delegated one. Providers differ, and a wrong rule
/// would read a user's roles as the application's, so it is always one explicit rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ApplicationToken {
    /// It has no scopes claim. Entra's rule (contract section 7.2). Wrong for a provider that leaves
    /// the claim out of users' tokens, as the standard allows (RFC 9068 §2.2.3).
    WithoutScopes,
    /// It has no user claim.
    WithoutUser,
    /// It has this claim, whatever its value. Keycloak's service accounts have `client_id`.
    WithClaim(String),
    /// It has this claim with this text as its value, such as `gty` with `client-credentials`.
    ClaimEquals {
        /// The claim's path.
        claim: String,
        /// Its value in an application's own token.
        value: String,
    },
}

/// How an issuer's documents are fetched.
#[derive(Clone, Debug, Default)]
pub struct Fetch {
    /// Certificates in PEM that are trusted besides those of the system.
    pub extra_roots_pem: Option<Vec<u8>>,
    /// Whether the issuer may be asked without TLS.
    pub plain_http: PlainHttp,
}

/// Where `http://` is good enough to learn keys from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PlainHttp {
    /// Nowhere: keys that came without TLS could be anybody's.
    #[default]
    Refused,
    /// On this machine only, for development.
    OnLoopback,
}

/// An issuer in the same process, whose tokens are in Entra's v1.0 form.
#[derive(Clone, Debug)]
pub struct BuiltInIssuer {
    /// Its `iss`.
    pub issuer: String,
    /// The tenant of all its tokens.
    pub tenant: TenantId,
    /// Accepted `aud` values; at least one.
    pub audiences: Vec<String>,
    /// Its public keys, a JWK set as JSON (RFC 7517 §5).
    pub key_set: String,
}

/// Settings that no verifier can be made of.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// There is nobody whose tokens would be accepted.
    #[error("no issuer is configured: every request would be refused; add at least one")]
    NoIssuer,
    /// An issuer serves no tenant.
    #[error("the issuer '{0}' names no tenant: list the tenant ids that are served")]
    NoTenant(String),
    /// An issuer accepts no audience.
    #[error("the issuer '{0}' names no audience: list the 'aud' values of your tokens")]
    NoAudience(String),
    /// Two issuers would answer for the same tokens.
    #[error("two issuers accept tokens of '{0}': keep one of them")]
    Duplicate(String),
    /// Personal accounts have no presence.
    #[error("the tenant {0} is the one of personal accounts, which have no presence: remove it")]
    PersonalAccounts(TenantId),
    /// The address is no URL, or not one that keys may come from.
    #[error("the issuer address '{url}' cannot be used: {reason}")]
    Address {
        /// The address as it was given.
        url: String,
        /// What is wrong with it, and what would be right.
        reason: &'static str,
    },
    /// The additional certificates cannot be read.
    #[error("the extra root certificates of '{0}' hold no certificate in PEM")]
    Roots(String),
    /// The HTTP client cannot be made; most often the system has no certificate store.
    #[error(
        "the HTTPS client for '{issuer}' cannot be made: is a CA bundle installed, and is each \
         extra root certificate a valid one?"
    )]
    Client {
        /// Whose client.
        issuer: String,
        /// What the client says.
        #[source]
        source: reqwest::Error,
    },
    /// The keys handed over in process cannot be read.
    #[error("the keys of '{issuer}' cannot be read")]
    Keys {
        /// Whose keys.
        issuer: String,
        /// What is wrong with them.
        #[source]
        source: super::keys::KeySetError,
    },
}
