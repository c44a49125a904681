//! `/users/{id}`

pub(super) mod presence;
