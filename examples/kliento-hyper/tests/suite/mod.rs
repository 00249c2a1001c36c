//! Requests over HTTP/1 and HTTP/2, with recorded bundles.

pub(crate) mod case;
pub(crate) mod client;
pub(crate) mod process;

mod connections;
mod header_limits;
mod identity;
mod rejections;
