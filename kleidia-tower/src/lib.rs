//! Authentication of people for Tower services: passwords, user names and access tokens.

pub mod access_token;
mod clock;
pub mod password;
mod user_name;

pub use clock::{Clock, SystemClock, UnixTime};
pub use user_name::{UserName, UserNameError};
