//! The directory as those ask it who tell of presence without being asked: the engine of the
//! notifications.

use std::collections::HashMap;

use presenced_core::id::{ApplicationId, TenantId, UserId};
use presenced_notify::audience;

use super::Directory;
use crate::api::{DirectoryPolicy, Settings};

/// Who may be told, and of whom: by the directory, as strictly as each tenant goes by it.
pub struct Audience {
    directory: Directory,
    policy: DirectoryPolicy,
    own: HashMap<TenantId, DirectoryPolicy>,
}

impl Audience {
    /// By this directory, with the policies that requests go by.
    pub fn new(directory: Directory, settings: &Settings) -> Self {
        let own = settings.tenants.iter();
        Self {
            directory,
            policy: settings.directory,
            own: own
                .filter_map(|(tenant, own)| Some((*tenant, own.directory?)))
                .collect(),
        }
    }
}

impl audience::Audience for Audience {
    fn may_be_told(&self, tenant: TenantId, application: ApplicationId) -> bool {
        !self.directory.disables(tenant, application)
    }

    fn may_be_shown(&self, tenant: TenantId, user: UserId) -> bool {
        match self.own.get(&tenant).copied().unwrap_or(self.policy) {
            DirectoryPolicy::Open => true,
            DirectoryPolicy::Closed => self.directory.knows(tenant, user),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use presenced_notify::audience::Audience as _;
    use presenced_store::{Limits, StoreConfig};

    use super::*;
    use crate::api::TenantSettings;
    use crate::directory::Fixed;

    /// A closed directory shows nobody whom it does not know, an open one everybody: each tenant by
    /// its own policy, the others by that of all.
    #[tokio::test]
    async fn each_tenant_has_its_policy() {
        let store = presenced_store::open(StoreConfig::Memory(Limits::default())).unwrap();
        let directory = Directory::new(Arc::clone(&store), Fixed::default());
        let [closed, open] = [1, 2].map(TenantId::from_u128);
        let mut settings = Settings {
            directory: DirectoryPolicy::Closed,
            ..Settings::default()
        };
        let own = TenantSettings {
            directory: Some(DirectoryPolicy::Open),
            ..TenantSettings::default()
        };
        settings.tenants.insert(open, own);
        let audience = Audience::new(directory, &settings);
        let user = UserId::from_u128(7);
        assert!(!audience.may_be_shown(closed, user));
        assert!(audience.may_be_shown(open, user));
        assert!(audience.may_be_told(closed, ApplicationId::from_u128(1)));
    }
}
