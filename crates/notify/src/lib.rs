#![doc = include_str!("../README.md")]

pub mod compose;
pub mod courier;
pub mod live;
pub mod engine;
pub mod subscription;
pub mod webhook;
