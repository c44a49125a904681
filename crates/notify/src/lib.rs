#![doc = include_str!("../README.md")]

pub mod audience;
pub mod compose;
pub mod courier;
pub mod engine;
pub mod live;
mod pieces;
pub mod subscription;
pub mod webhook;
