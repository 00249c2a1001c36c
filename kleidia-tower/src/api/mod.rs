//! An HTTP API over accounts, as an axum router to nest.

mod audit;
mod authentication;
mod body;
mod client_info;
mod device_token;
mod health;
mod path;
mod query;
mod rejection;
mod router;
mod routes;
mod sessions;
mod users;
mod whoami;

pub use router::Api;
pub use routes::ApiRoutes;
