//! The fields of a form or a query.

use std::collections::HashMap;

use axum::Form;
use axum::extract::{FromRequest, Request};

use super::error::OAuthError;
use super::limits::FIELDS_MAX;

/// Fields by their names. An empty one counts as left out (RFC 6749 §3.1).
#[derive(Debug, Default)]
pub(super) struct Fields(HashMap<String, String>);

impl Fields {
    /// Reads the query of a GET, or the form of a POST.
    pub(super) async fn read(request: Request) -> Result<Self, OAuthError> {
        let fields = Form::<Vec<(String, String)>>::from_request(request, &()).await;
        let Form(fields) = fields.map_err(|rejection| {
            OAuthError::malformed(format!(
                "The request must be a form of type application/x-www-form-urlencoded: {}",
                rejection.body_text()
            ))
        })?;
        if fields.len() > FIELDS_MAX {
            let text = format!("The request has more than {FIELDS_MAX} parameters.");
            return Err(OAuthError::malformed(text));
        }
        let mut found = HashMap::new();
        for (name, value) in fields {
            if value.is_empty() {
                continue;
            }
            if found.contains_key(&name) {
                let name = super::error::shortened(&name);
                let text = format!("The parameter '{name}' is there more than once.");
                return Err(OAuthError::malformed(text));
            }
            found.insert(name, value);
        }
        Ok(Self(found))
    }

    /// A field, if it is there.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// A field that must be there.
    pub(super) fn require(&self, name: &str) -> Result<&str, OAuthError> {
        let value = self.get(name);
        value.ok_or_else(|| OAuthError::missing_parameter(name))
    }
}
