//! What both servers do: they are asked over HTTP/1 and HTTP/2, with bundles that were recorded.

pub(crate) mod case;
pub(crate) mod client;
pub(crate) mod process;

mod connections;
mod header_limits;
mod identity;
mod refusals;
