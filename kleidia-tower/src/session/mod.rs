//! Sessions: opened by a login, renewed by refresh tokens, ended at once on every node.

mod record;
mod store;

pub use record::{EndReason, FamilyId, Session, SessionEnd, SessionView};
pub use store::{Ending, NewSession, Opened, Rotated, Rotation, SessionKey, SessionStore};
