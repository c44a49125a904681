//! What notifications say, letter by letter (contract sections 4.5 to 4.8).

use bytes::Bytes;
use presenced_core::time::Timestamp;
use serde::Serialize;

use super::certificate::Certificate;
use super::encrypt::{EncryptedContent, Recipient};
use super::validation_token::{TokenSettings, ValidationTokens};
use crate::compose::{Compose, ComposeError, Item, LifecycleEvent};
use crate::subscription::{ClientState, Encryption, Subscription};

/// The type of what notifications are about.
const PRESENCE_TYPE: &str = "#microsoft.graph.presence";

/// Writes notifications as Graph does.
pub struct Composer {
    tokens: ValidationTokens,
}

/// A `changeNotificationCollection`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Collection<'a, T> {
    value: Vec<T>,
    /// With rich notifications only.
    #[serde(skip_serializing_if = "Option::is_none")]
    validation_tokens: Option<[&'a str; 1]>,
}

/// A `changeNotification`, basic or rich.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Notification<'a> {
    subscription_id: &'a str,
    /// `null` where the subscriber gave none.
    client_state: Option<&'a str>,
    change_type: &'static str,
    tenant_id: &'a str,
    /// The user's presence by the communications address.
    resource: String,
    subscription_expiration_date_time: &'a str,
    organization_id: &'a str,
    resource_data: ResourceData<'a>,
    /// In rich notifications only.
    #[serde(skip_serializing_if = "Option::is_none")]
    encrypted_content: Option<EncryptedContent<'a>>,
}

/// What changed, without what it is now.
#[derive(Serialize)]
struct ResourceData<'a> {
    #[serde(rename = "@odata.type")]
    odata_type: &'static str,
    /// The user's presence by the users address.
    #[serde(rename = "@odata.id")]
    odata_id: &'a str,
    id: &'a str,
}

/// What a rich notification holds encrypted.
#[derive(Serialize)]
struct Content<'a> {
    #[serde(rename = "@odata.id")]
    odata_id: &'a str,
    #[serde(rename = "@odata.type")]
    odata_type: &'static str,
    id: &'a str,
    availability: &'static str,
    activity: &'static str,
}

/// A lifecycle notification.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Lifecycle<'a> {
    subscription_id: &'a str,
    subscription_expiration_date_time: &'a str,
    tenant_id: &'a str,
    client_state: Option<&'a str>,
    #[serde(rename = "lifecycleEvent")]
    event: &'static str,
}

/// What every item of a message says of its subscription.
struct Common {
    id: String,
    tenant: String,
    expires: String,
}

impl Common {
    fn of(subscription: &Subscription) -> Self {
        Self {
            id: subscription.id.to_string(),
            tenant: subscription.tenant.to_string(),
            expires: date_time(subscription.expires_at),
        }
    }
}

impl Composer {
    /// A composer that signs its rich notifications so.
    pub fn new(settings: TokenSettings) -> Self {
        Self {
            tokens: ValidationTokens::new(settings),
        }
    }

    fn rich(
        &self,
        subscription: &Subscription,
        encryption: &Encryption,
        items: &[Item],
    ) -> Result<Bytes, ComposeError> {
        let certificate = Certificate::from_der(encryption.certificate.clone());
        let certificate = certificate
            .map_err(|error| ComposeError(format!("the subscription's certificate: {error}")))?;
        let recipient = Recipient::new(&certificate, &encryption.certificate_id)
            .map_err(|_| ComposeError("the subscription's key cannot be used".to_owned()))?;
        let application = subscription.creator.application;
        let token = self.tokens.token(subscription.tenant, application);
        let token = token.map_err(|error| ComposeError(error.to_string()))?;
        write(subscription, items, Some(&token), |content| {
            let content = to_json(content)?;
            let encrypted = recipient.encrypt(&content);
            let failed = || ComposeError("an item cannot be encrypted".to_owned());
            encrypted.map(Some).map_err(|_| failed())
        })
    }
}

impl Compose for Composer {
    fn notification(
        &self,
        subscription: &Subscription,
        items: &[Item],
    ) -> Result<Bytes, ComposeError> {
        match &subscription.encryption {
            Some(encryption) => self.rich(subscription, encryption, items),
            None => write(subscription, items, None, |_| Ok(None)),
        }
    }

    fn lifecycle(
        &self,
        subscription: &Subscription,
        event: LifecycleEvent,
    ) -> Result<Bytes, ComposeError> {
        let common = Common::of(subscription);
        let notification = Lifecycle {
            subscription_id: &common.id,
            subscription_expiration_date_time: &common.expires,
            tenant_id: &common.tenant,
            client_state: subscription.client_state.as_ref().map(ClientState::as_str),
            event: event.as_str(),
        };
        let collection = Collection {
            value: vec![notification],
            validation_tokens: None,
        };
        to_json(&collection).map(Bytes::from)
    }
}

/// Writes a message about these items; `encrypt` gives each its encrypted content, if it has one.
fn write<'a>(
    subscription: &Subscription,
    items: &[Item],
    token: Option<&str>,
    encrypt: impl Fn(&Content<'_>) -> Result<Option<EncryptedContent<'a>>, ComposeError>,
) -> Result<Bytes, ComposeError> {
    let common = Common::of(subscription);
    let users: Vec<(String, String)> = items
        .iter()
        .map(|item| {
            let address = format!("users/{}/presence", item.user);
            (item.user.to_string(), address)
        })
        .collect();
    let mut value = Vec::with_capacity(items.len());
    for (item, (user, address)) in items.iter().zip(&users) {
        let content = Content {
            odata_id: address,
            odata_type: PRESENCE_TYPE,
            id: user,
            availability: item.presence.availability.as_str(),
            activity: item.presence.activity.as_str(),
        };
        value.push(Notification {
            subscription_id: &common.id,
            client_state: subscription.client_state.as_ref().map(ClientState::as_str),
            change_type: "updated",
            tenant_id: &common.tenant,
            resource: format!("communications/presences/{user}"),
            subscription_expiration_date_time: &common.expires,
            organization_id: &common.tenant,
            resource_data: ResourceData {
                odata_type: PRESENCE_TYPE,
                odata_id: address,
                id: user,
            },
            encrypted_content: encrypt(&content)?,
        });
    }
    let validation_tokens = token.map(|token| [token]);
    to_json(&Collection {
        value,
        validation_tokens,
    })
    .map(Bytes::from)
}

fn to_json(value: &impl Serialize) -> Result<Vec<u8>, ComposeError> {
    serde_json::to_vec(value).map_err(|error| ComposeError(error.to_string()))
}

/// `2026-09-01T09:00:00+00:00`, with milliseconds where there are any. After the year 9999, where no
/// calendar reaches, its last second.
fn date_time(at: Timestamp) -> String {
    let instant = i64::try_from(at.as_millis()).map(jiff::Timestamp::from_millisecond);
    let Ok(Ok(instant)) = instant else {
        return "9999-12-31T23:59:59+00:00".to_owned();
    };
    let format = match at.as_millis() % 1000 {
        0 => "%Y-%m-%dT%H:%M:%S+00:00",
        _ => "%Y-%m-%dT%H:%M:%S%.3f+00:00",
    };
    instant.strftime(format).to_string()
}

#[cfg(test)]
mod tests;
