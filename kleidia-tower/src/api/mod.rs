//! The routes of an HTTP API over accounts, as a router to nest.

mod audit;
mod authentication;
mod body;
mod client_info;
mod path;
mod router;
mod sessions;
mod time;
mod users;
mod whoami;

pub use router::Api;
