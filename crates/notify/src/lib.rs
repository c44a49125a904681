#![doc = include_str!("../README.md")]

pub mod courier;
pub mod subscription;
