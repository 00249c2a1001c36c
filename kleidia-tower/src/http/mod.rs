//! The routes of an HTTP API over accounts, as a router to nest.

mod api;
mod audit;
mod authentication;
mod body;
mod origin;
mod path;
mod sessions;
mod time;
mod users;
mod whoami;

pub use api::Api;
