#![doc = include_str!("../README.md")]

pub mod auth;
pub mod decide;
pub mod id;
pub mod limits;
pub mod preferred;
pub mod presence;
pub mod record;
pub mod session;
pub mod time;
pub mod view;
