#![doc = include_str!("../README.md")]

pub mod auth;
pub mod decide;
pub mod effect;
pub mod explain;
pub mod id;
pub mod limits;
pub mod location;
pub mod out_of_office;
pub mod preferred;
pub mod presence;
pub mod record;
pub mod session;
pub mod status;
#[cfg(test)]
mod testing;
pub mod throttle;
pub mod time;
pub mod view;
