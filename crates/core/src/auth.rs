//! Who is calling, and what they may do (contract sections 1.2 and 7.2).

use crate::id::{ApplicationId, TenantId, UserId};

/// The `tid` of personal Microsoft accounts, which no presence method supports (contract
/// section 7.2).
pub const PERSONAL_ACCOUNTS: TenantId =
    TenantId::from_u128(0x9188_040d_6c67_4c5b_b112_36a3_04b6_6dad);

/// Whoever a verified token speaks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The tenant that the token was issued in. All the caller sees and does stays within it.
    pub tenant: TenantId,
    /// The application that holds the token.
    pub application: ApplicationId,
    /// Whether a user stands behind the application, and what was granted.
    pub grant: Grant,
}

/// A delegated or an application token. The two never mix: `roles` of a delegated token are the
/// user's, not the application's (contract section 7.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Grant {
    /// The application acts for a signed-in user, within `scp`.
    Delegated {
        /// The user.
        user: UserId,
        /// What the user let the application do.
        scopes: Permissions,
    },
    /// The application acts for itself, within `roles`.
    Application {
        /// What an administrator let the application do.
        roles: Permissions,
    },
}

/// The permissions that presenced knows, as a set. Others in a token mean nothing here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Permissions(u8);

impl Permissions {
    /// No permission at all; what a token without `scp` and `roles` has.
    pub const NONE: Self = Self(0);
    /// `Presence.Read`: a user's own presence. Delegated only.
    pub const PRESENCE_READ: Self = Self(1);
    /// `Presence.Read.All`: everybody's presence.
    pub const PRESENCE_READ_ALL: Self = Self(1 << 1);
    /// `Presence.ReadWrite`: a user's own presence, to set and to read. Delegated only.
    pub const PRESENCE_READ_WRITE: Self = Self(1 << 2);
    /// `Presence.ReadWrite.All`: everybody's presence, to set and to read. Application only.
    pub const PRESENCE_READ_WRITE_ALL: Self = Self(1 << 3);
    /// `Subscription.Read.All`: the subscriptions of other applications.
    pub const SUBSCRIPTION_READ_ALL: Self = Self(1 << 4);
    /// `Presenced.Admin`: what presenced has for administrators. Application only, and no
    /// permission of Graph's.
    pub const PRESENCED_ADMIN: Self = Self(1 << 5);

    /// Every permission by its name in tokens.
    pub const NAMES: [(&'static str, Self); 6] = [
        ("Presence.Read", Self::PRESENCE_READ),
        ("Presence.Read.All", Self::PRESENCE_READ_ALL),
        ("Presence.ReadWrite", Self::PRESENCE_READ_WRITE),
        ("Presence.ReadWrite.All", Self::PRESENCE_READ_WRITE_ALL),
        ("Subscription.Read.All", Self::SUBSCRIPTION_READ_ALL),
        ("Presenced.Admin", Self::PRESENCED_ADMIN),
    ];

    /// The permission with this name, compared without regard to case; none for an unknown one.
    pub fn named(name: &str) -> Self {
        let known = Self::NAMES
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name));
        known.map_or(Self::NONE, |(_, permission)| *permission)
    }

    /// The names of the permissions in this set, in the order of [`NAMES`](Self::NAMES).
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        let held = Self::NAMES
            .iter()
            .filter(move |(_, one)| self.has_any(*one));
        held.map(|(name, _)| *name)
    }

    /// This set and that one together.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether any permission of `wanted` is in this set.
    pub const fn has_any(self, wanted: Self) -> bool {
        self.0 & wanted.0 != 0
    }
}

/// All permissions named, in one set.
impl<'a> FromIterator<&'a str> for Permissions {
    fn from_iter<I: IntoIterator<Item = &'a str>>(names: I) -> Self {
        names
            .into_iter()
            .map(Self::named)
            .fold(Self::NONE, Self::and)
    }
}

/// Why a caller may not do what it asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Denial {
    /// The token carries no permission for this method.
    #[error("the token carries no permission for this method")]
    NoPermission,
    /// The token may read a presence, but not this one.
    #[error("the token's permission does not reach as far as this user")]
    PermissionTooSmall,
    /// A delegated token can write only its own user's presence.
    #[error("a delegated token sets only its own user's presence")]
    AnotherUser {
        /// Whom the token speaks for.
        authenticated: UserId,
        /// Whose presence was to be set.
        requested: UserId,
    },
}

const READ_ALL: Permissions =
    Permissions::PRESENCE_READ_ALL.and(Permissions::PRESENCE_READ_WRITE_ALL);
const READ_OWN: Permissions = Permissions::PRESENCE_READ
    .and(Permissions::PRESENCE_READ_ALL)
    .and(Permissions::PRESENCE_READ_WRITE);

impl Caller {
    /// The signed-in user, of a delegated token.
    pub const fn user(&self) -> Option<UserId> {
        match self.grant {
            Grant::Delegated { user, .. } => Some(user),
            Grant::Application { .. } => None,
        }
    }

    /// Whether the caller may read the presence of this user. `None` stands for an id that cannot
    /// be a user's, which is somebody else by all means.
    pub fn may_read(&self, subject: Option<UserId>) -> Result<(), Denial> {
        match self.grant {
            Grant::Delegated { user, scopes } if subject == Some(user) => {
                if scopes.has_any(READ_OWN) {
                    Ok(())
                } else {
                    Err(Denial::NoPermission)
                }
            }
            Grant::Delegated { .. } | Grant::Application { .. } => self.may_read_all(),
        }
    }

    /// Whether the caller may read everybody's presence.
    pub fn may_read_all(&self) -> Result<(), Denial> {
        match self.grant {
            Grant::Delegated { scopes, .. } if scopes.has_any(Permissions::PRESENCE_READ_ALL) => {
                Ok(())
            }
            Grant::Delegated { scopes, .. } if scopes.has_any(READ_OWN) => {
                Err(Denial::PermissionTooSmall)
            }
            Grant::Application { roles } if roles.has_any(READ_ALL) => Ok(()),
            Grant::Delegated { .. } | Grant::Application { .. } => Err(Denial::NoPermission),
        }
    }

    /// Whether a caller that may read this presence may also know how it came about: which
    /// applications hold which sessions, and when they end. That is more than Graph tells of anybody,
    /// so it is for the user in question and for applications, which an administrator let in.
    pub fn may_know_why(&self, subject: Option<UserId>) -> bool {
        match self.grant {
            Grant::Delegated { user, .. } => subject == Some(user),
            Grant::Application { .. } => true,
        }
    }

    /// Whether the caller may set or clear the presence of this user.
    pub fn may_write(&self, subject: UserId) -> Result<(), Denial> {
        match self.grant {
            Grant::Delegated { user, scopes } => {
                if !scopes.has_any(Permissions::PRESENCE_READ_WRITE) {
                    Err(Denial::NoPermission)
                } else if user == subject {
                    Ok(())
                } else {
                    Err(Denial::AnotherUser {
                        authenticated: user,
                        requested: subject,
                    })
                }
            }
            Grant::Application { roles } => {
                if roles.has_any(Permissions::PRESENCE_READ_WRITE_ALL) {
                    Ok(())
                } else {
                    Err(Denial::NoPermission)
                }
            }
        }
    }

    /// Whether the caller may set or clear the location of this user, which only the user can: no
    /// permission lets an application do it on its own (contract section 1.2).
    pub fn may_write_own(&self, subject: UserId) -> Result<(), Denial> {
        match self.grant {
            Grant::Delegated { .. } => self.may_write(subject),
            Grant::Application { .. } => Err(Denial::NoPermission),
        }
    }

    /// Whether the caller may watch the presence of others by a subscription, as Graph has it: for a
    /// signed-in user alone, no permission lets an application do it on its own (contract section
    /// 1.2).
    pub fn may_subscribe(&self) -> Result<(), Denial> {
        match self.grant {
            Grant::Delegated { .. } => self.may_read_all(),
            Grant::Application { .. } => Err(Denial::NoPermission),
        }
    }

    /// Whether the caller may see subscriptions that others made: those of other applications for
    /// the same user, or for an application, all of the tenant (contract section 4.3).
    pub fn sees_others_subscriptions(&self) -> bool {
        let granted = match self.grant {
            Grant::Delegated { scopes, .. } => scopes,
            Grant::Application { roles } => roles,
        };
        granted.has_any(Permissions::SUBSCRIPTION_READ_ALL)
    }

    /// Whether the caller may use what presenced has for administrators: an application with the
    /// role `Presenced.Admin`. No user's token does: an administrator's browser must not be able to
    /// by mere delegation.
    pub fn may_administer(&self) -> Result<(), Denial> {
        match self.grant {
            Grant::Application { roles } if roles.has_any(Permissions::PRESENCED_ADMIN) => Ok(()),
            Grant::Application { .. } | Grant::Delegated { .. } => Err(Denial::NoPermission),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADELE: UserId = UserId::from_u128(1);
    const ALEX: UserId = UserId::from_u128(2);

    fn caller(grant: Grant) -> Caller {
        let application = ApplicationId::from_u128(3);
        Caller {
            tenant: TenantId::from_u128(4),
            application,
            grant,
        }
    }

    fn delegated(scopes: &str) -> Caller {
        let scopes = scopes.split(' ').collect();
        caller(Grant::Delegated {
            user: ADELE,
            scopes,
        })
    }

    fn application(roles: &str) -> Caller {
        caller(Grant::Application {
            roles: roles.split(' ').collect(),
        })
    }

    /// A set names what it was made of, each once, in one order.
    #[test]
    fn permissions_have_names() {
        let set: Permissions = [
            "Presenced.Admin",
            "presence.read",
            "Mail.Read",
            "Presence.Read",
        ]
        .into_iter()
        .collect();
        let names: Vec<&str> = set.names().collect();
        assert_eq!(names, ["Presence.Read", "Presenced.Admin"]);
        assert_eq!(Permissions::NONE.names().count(), 0);
    }

    /// Who may read whom: the rows of the contract's section 1.2.
    #[test]
    fn reading() {
        let check = |caller: &Caller, own, other| {
            assert_eq!(caller.may_read(Some(ADELE)), own, "{caller:?} reads Adele");
            assert_eq!(caller.may_read(Some(ALEX)), other, "{caller:?} reads Alex");
            assert_eq!(caller.may_read(None), other, "{caller:?} reads nobody");
            assert_eq!(caller.may_read_all(), other, "{caller:?} reads all");
        };
        let (none, small) = (Err(Denial::NoPermission), Err(Denial::PermissionTooSmall));
        check(&delegated(""), none, none);
        check(&delegated("User.Read openid"), none, none);
        check(&delegated("Presence.Read"), Ok(()), small);
        check(&delegated("Presence.ReadWrite"), Ok(()), small);
        check(&delegated("presence.read.all"), Ok(()), Ok(()));
        check(&application(""), none, none);
        check(&application("Presence.Read.All"), Ok(()), Ok(()));
        check(&application("Presence.ReadWrite.All"), Ok(()), Ok(()));
        // Delegated permissions mean nothing in an application's token, and the reverse.
        check(&application("Presence.Read Presence.ReadWrite"), none, none);
        check(&delegated("Presence.ReadWrite.All"), none, none);
    }

    /// How a presence came about is for its user and for applications.
    #[test]
    fn knowing_why() {
        let check = |caller: &Caller, own, other| {
            assert_eq!(caller.may_know_why(Some(ADELE)), own, "{caller:?}");
            assert_eq!(caller.may_know_why(Some(ALEX)), other, "{caller:?}");
            assert_eq!(caller.may_know_why(None), other, "{caller:?}");
        };
        check(&delegated("Presence.Read"), true, false);
        check(&delegated("Presence.Read.All"), true, false);
        check(&application("Presence.Read.All"), true, true);
    }

    /// Who may write whom: a delegated token its own user only.
    #[test]
    fn writing() {
        let check = |caller: &Caller, own, other| {
            assert_eq!(caller.may_write(ADELE), own, "{caller:?} sets Adele");
            assert_eq!(caller.may_write(ALEX), other, "{caller:?} sets Alex");
        };
        let none = Err(Denial::NoPermission);
        let another = Err(Denial::AnotherUser {
            authenticated: ADELE,
            requested: ALEX,
        });
        check(&delegated("Presence.Read.All"), none, none);
        check(&delegated("Presence.ReadWrite"), Ok(()), another);
        check(&application("Presence.Read.All"), none, none);
        check(&application("Presence.ReadWrite.All"), Ok(()), Ok(()));
    }

    /// Who may administer: an application with the role for it, and no user.
    #[test]
    fn administering() {
        let none = Err(Denial::NoPermission);
        assert_eq!(application("Presenced.Admin").may_administer(), Ok(()));
        assert_eq!(application("Presence.ReadWrite.All").may_administer(), none);
        assert_eq!(delegated("Presenced.Admin").may_administer(), none);
        // Nor does it lead to anybody's presence.
        assert_eq!(application("Presenced.Admin").may_read_all(), none);
        assert_eq!(application("Presenced.Admin").may_write(ADELE), none);
    }

    /// Who may write what only its own user can: a delegated token, and no application.
    #[test]
    fn writing_ones_own() {
        let check = |caller: &Caller, own, other| {
            assert_eq!(caller.may_write_own(ADELE), own, "{caller:?} sets Adele");
            assert_eq!(caller.may_write_own(ALEX), other, "{caller:?} sets Alex");
        };
        let none = Err(Denial::NoPermission);
        let another = Err(Denial::AnotherUser {
            authenticated: ADELE,
            requested: ALEX,
        });
        check(&delegated("Presence.Read.All"), none, none);
        check(&delegated("Presence.ReadWrite"), Ok(()), another);
        check(&application("Presence.ReadWrite.All"), none, none);
        check(&application("Presence.ReadWrite"), none, none);
    }

    /// Users with Presence.Read.All subscribe; applications do not, whatever their roles.
    #[test]
    fn subscribing() {
        assert_eq!(delegated("Presence.Read.All").may_subscribe(), Ok(()));
        assert_eq!(
            delegated("Presence.Read").may_subscribe(),
            Err(Denial::PermissionTooSmall)
        );
        assert_eq!(
            delegated("User.Read").may_subscribe(),
            Err(Denial::NoPermission)
        );
        let all = "Presence.Read.All Presence.ReadWrite.All";
        assert_eq!(application(all).may_subscribe(), Err(Denial::NoPermission));
    }

    /// Others' subscriptions are seen with one permission only.
    #[test]
    fn seeing_others_subscriptions() {
        for (caller, expect) in [
            (delegated("Subscription.Read.All"), true),
            (application("Subscription.Read.All"), true),
            (delegated("Presence.Read.All"), false),
            (application("Presenced.Admin Presence.Read.All"), false),
        ] {
            assert_eq!(caller.sees_others_subscriptions(), expect, "{caller:?}");
        }
    }
}
