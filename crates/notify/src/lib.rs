#![doc = include_str!("../README.md")]

pub mod audience;
pub mod compose;
pub mod courier;
pub mod engine;
pub mod live;
pub mod subscription;
pub mod webhook;
