#![doc = include_str!("../README.md")]

mod api;
mod auth;
mod body;
pub mod cors;
mod date_time;
mod date_time_offset;
pub mod directory;
mod duration;
pub mod error;
mod fault_log;
mod filter;
mod front;
pub mod limits;
pub mod listener;
#[doc(hidden)]
pub mod measured;
mod members;
mod path;
mod profile;
mod query;
mod routes;
mod subscription;
mod target;
mod throttle;
pub mod token;
mod windows_zones;
mod wire;
mod zone;

pub use api::{
    Api, DirectoryPolicy, Extensions, Foundations, RolesFrom, SessionPolicy, Settings,
    TenantSettings,
};
pub use body::BodyLimits;
pub use directory::Directory;
pub use duration::read as parse_duration;
pub use error::ApiError;
pub use front::Front;
pub use profile::Profile;
pub use throttle::{TenantThrottling, Throttling};
pub use wire::context::{BadPublicUrl, OverTls, PublicUrl, root_url};
pub use zone::Zone;
