#![doc = include_str!("../README.md")]

mod codec;
mod config;
mod contract;
mod embedded;
mod failures;
mod faults;
#[doc(hidden)]
pub mod fuzzing;
pub mod limits;
#[doc(hidden)]
pub mod measured;
#[cfg(feature = "testkit")]
pub mod testkit;

use std::sync::Arc;

pub use config::{Durability, EmbeddedConfig, Limits, StoreConfig};
pub use contract::*;
pub use failures::StoreFailures;

/// Opens a store. For the embedded one, everything that was committed is read back first: this
/// blocks for as long as that takes.
pub fn open(config: StoreConfig) -> Result<Arc<dyn Store>, StoreError> {
    Ok(Arc::new(match config {
        StoreConfig::Memory(limits) => embedded::Embedded::in_memory(&limits),
        StoreConfig::Embedded(config) => embedded::Embedded::in_directory(config)?,
    }))
}
