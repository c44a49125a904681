//! Who may still be told, and of whom, as the engine asks before it sends anything.

use presenced_core::id::{ApplicationId, TenantId, UserId};

/// Says to whom messages may go at this moment, and of whom they may tell. It is asked before each
/// message and under a lock, so that it answers from memory.
pub trait Audience: Send + Sync + 'static {
    /// Whether this application may be told anything in this tenant. Where it may not, what it would
    /// be told waits.
    fn may_be_told(&self, tenant: TenantId, application: ApplicationId) -> bool;

    /// Whether anybody may be told of this user. Where nobody may, what would be told of the user is
    /// forgotten.
    fn may_be_shown(&self, tenant: TenantId, user: UserId) -> bool;
}

/// The audience where nobody is kept out.
#[derive(Clone, Copy, Debug, Default)]
pub struct Everybody;

impl Audience for Everybody {
    fn may_be_told(&self, _: TenantId, _: ApplicationId) -> bool {
        true
    }

    fn may_be_shown(&self, _: TenantId, _: UserId) -> bool {
        true
    }
}
