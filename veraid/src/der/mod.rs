//! A strict reader and a writer for the DER that VeraId uses (X.690).

mod oid;
mod reader;
mod time;
#[cfg(feature = "issue")]
pub(crate) mod writer;

pub(crate) use oid::oid_contents;
pub use oid::{ObjectIdentifier, ParseOidError};
pub use reader::{DerError, DerErrorKind};
pub(crate) use reader::{Reader, Tag, Value};
pub(crate) use time::{generalized_time, metadata_time, utc_time};
