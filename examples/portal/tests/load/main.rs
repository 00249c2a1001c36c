//! Floods of logins against the portal itself: what they cost it, and what others notice of them.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]
#![allow(clippy::print_stdout, reason = "they report figures")]

mod floods;
mod guesses;
mod hang_ups;
mod portal;
mod silence;
