//! Floods of logins against the portal itself: what they cost it, and what others notice of them.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod floods;
mod guesses;
mod portal;
