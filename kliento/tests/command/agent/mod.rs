//! `kliento agent`, over real sockets.

mod durability;
pub(crate) mod fixture;
mod hostile;
mod identities;
mod resolver;
mod service_manager;
mod socket;
mod status;
mod tokens;
