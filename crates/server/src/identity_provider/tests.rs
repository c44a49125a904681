//! The provider as a client sees it, without a socket; its tokens go to the real token check.

mod browser;
mod device;
mod discovery;
mod grants;
mod support;
