//! What every backend is tested with.

pub use crate::faults::{FailingWrite, Faults};
