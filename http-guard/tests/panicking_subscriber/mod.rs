//! A subscriber that panics in every call, for the tests of all crates.

use std::sync::atomic::{AtomicUsize, Ordering};

use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

/// How often the subscriber has panicked.
pub(crate) static PANICS: AtomicUsize = AtomicUsize::new(0);

/// Panics for the targets of this workspace, since other crates do not isolate their events, and
/// for those of the database, which must have none within requests.
struct PanickingSubscriber;

const TARGETS: [&str; 5] = ["http_guard", "kleidia_tower", "kliento_tower", "panicking", "sqlx"];

/// Installs the subscriber for the whole process.
pub(crate) fn install() {
    // The messages of thousands of panics would hide everything else.
    std::panic::set_hook(Box::new(|info| {
        if info.payload().downcast_ref() != Some(&MESSAGE) {
            eprintln!("{info}");
        }
    }));
    tracing::subscriber::set_global_default(PanickingSubscriber).unwrap();
}

const MESSAGE: &str = "the subscriber panics on purpose";

pub(crate) fn fail() -> ! {
    PANICS.fetch_add(1, Ordering::SeqCst);
    std::panic::panic_any(MESSAGE)
}

impl Subscriber for PanickingSubscriber {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        TARGETS.iter().any(|target| metadata.target().starts_with(target))
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        // A span, so that entering, leaving and closing it panic too.
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {
        fail()
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {
        fail()
    }

    fn event(&self, _: &Event<'_>) {
        fail()
    }

    fn enter(&self, _: &Id) {
        fail()
    }

    fn exit(&self, _: &Id) {
        fail()
    }

    fn clone_span(&self, _: &Id) -> Id {
        fail()
    }

    fn try_close(&self, _: Id) -> bool {
        fail()
    }
}
