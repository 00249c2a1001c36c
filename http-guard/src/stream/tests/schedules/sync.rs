//! The primitives of `shuttle`.

pub(super) use shuttle::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
pub(super) use shuttle::sync::{Mutex, MutexGuard};
