//! `kliento agent`, over real sockets.

mod durability;
mod fixture;
mod hostile;
mod identities;
mod resolver;
mod service_manager;
mod socket;
mod status;
mod tokens;
