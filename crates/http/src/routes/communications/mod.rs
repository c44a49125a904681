//! `/communications`. Its single presences are served by the handlers of `users::presence`.

pub(super) mod get_presences_by_user_id;
pub(super) mod list_presences;
pub(super) mod live;
mod several;
