//! An HTTP API over accounts, as an axum router to nest.
//!
//! # Cookies
//! With [`Api::with_cookies`], browsers keep tokens where no script can read them. A page asks for that
//! by `"cookies": true` in the body of `POST /auth/login`; the response then has cookies instead of
//! tokens. `POST /auth/refresh` with `{"cookies": true}` renews them. They are removed when the session
//! ends by a request: a logout, `DELETE /session/{id}` of the caller's session, and a change of the
//! password, which ends the caller's session too, since its cookies could not be refreshed; and by a
//! refresh that is rejected for good. See [`SessionCookies`](crate::session::SessionCookies) for the
//! rules.
//!
//! # Events
//! `GET /session/events` is a stream of server-sent events, for pages that are open:
//!
//! | event | data | when |
//! |---|---|---|
//! | `roles` | `roles` and `permissions`, as in `/whoami` | first |
//! | `roles-changed` | the same | at once after a change of the account's roles, on every node whose store has a [feed](crate::session::SessionEvents::has_feed), otherwise within half a [lease](crate::account::Accounts::with_stream_settings); within 15 seconds after a change of the policy |
//! | `audit` | a record, as in `/admin/audit` | within 2 seconds after a node has committed it, while the user has `audit:read` |
//! | `audit-missed` | `{}` | when records between two `audit` events are no longer in the store |
//! | `session-ended` | the code | last: see [`Accounts::with_stream_settings`](crate::account::Accounts::with_stream_settings) |
//!
//! - The records are those that are sealed, in the order of the Merkle log. `Last-Event-ID`, or the
//!   query parameter `after`, is the `id` of the last event: the stream continues behind it, on every
//!   node, without a gap or a repetition. Without it the records begin now, and an `id` without an
//!   event tells the position.
//! - A store of your own has no records in the stream until something [seals](crate::audit::AuditStore)
//!   them.
//! - A node reads the log twice a second while it has such streams, and once for all of them, up to 512
//!   records a second: beyond these, each stream reads the store. A slow client has at most 64 records
//!   in memory.
//! - A comment follows every 15 seconds.

mod audit;
mod authentication;
mod body;
mod browser_cookies;
mod client_info;
mod device_token;
mod events;
mod factors;
mod health;
mod no_store;
mod path;
mod profile;
mod query;
mod recovery;
mod rejection;
mod router;
mod routes;
mod sessions;
mod users;
mod whoami;

pub use router::Api;
pub use routes::ApiRoutes;
