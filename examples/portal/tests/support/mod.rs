//! Starting portals, requests to their API, and responses.

pub(crate) mod portal;
pub(crate) mod request;
pub(crate) mod response;
pub(crate) mod tokens;
