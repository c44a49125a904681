//! Data that earlier releases wrote is read by this build.
