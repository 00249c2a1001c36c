//! The credentials that were seen last, which are known again without a digest.

use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arc_swap::ArcSwapOption;
use kliento::Timestamp;
use zeroize::Zeroizing;

use crate::WorkloadIdentity;

/// All that a verdict follows from but the credentials and the time.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Context {
    /// A digest of what the layer asks of bundles.
    pub(crate) requirements: [u8; 32],
    /// That of the trust anchors.
    pub(crate) generation: [u8; 32],
}

/// A few credentials as they came, each in the one place where it can be.
///
/// The digest of a bundle is most of what a look-up costs (`docs/benchmarks.md`), and a comparison is
/// not. They are credentials, so they are few, and are wiped when others take their place.
pub(crate) struct Recent {
    slots: Box<[Slot]>,
    /// Its key is random, so that nobody can choose credentials that take a place from others.
    hasher: RandomState,
}

#[derive(Default)]
struct Slot {
    seen: ArcSwapOption<Seen>,
    /// Whether it was of use since others wanted its place.
    is_used: AtomicBool,
}

struct Seen {
    credentials: Zeroizing<Vec<u8>>,
    context: Context,
    identity: WorkloadIdentity,
}

impl Recent {
    pub(crate) fn new(slots: usize) -> Self {
        let slots = (0..slots).map(|_| Slot::default()).collect();
        Self { slots, hasher: RandomState::new() }
    }

    /// Who presented these very octets, if that is known and holds now.
    pub(crate) fn get(
        &self,
        credentials: &[u8],
        context: &Context,
        now: Timestamp,
    ) -> Option<WorkloadIdentity> {
        let slot = self.slot(credentials)?;
        let seen = slot.seen.load();
        let seen = seen.as_ref()?;
        if seen.context != *context || **seen.credentials != *credentials {
            return None;
        }
        if !seen.identity.period().contains(now) {
            // Were the clock to go backwards, it must not come back.
            slot.seen.store(None);
            return None;
        }
        slot.is_used.store(true, Ordering::Relaxed);
        Some(seen.identity.clone())
    }

    /// Takes in what was presented, unless what has its place was of use of late.
    pub(crate) fn insert(&self, credentials: &[u8], context: Context, identity: &WorkloadIdentity) {
        let Some(slot) = self.slot(credentials) else { return };
        if slot.is_used.swap(false, Ordering::Relaxed) {
            return;
        }
        let (credentials, identity) = (Zeroizing::new(credentials.to_vec()), identity.clone());
        slot.seen.store(Some(Arc::new(Seen { credentials, context, identity })));
    }

    pub(crate) fn clear(&self) {
        self.slots.iter().for_each(|slot| slot.seen.store(None));
    }

    /// The end is the signature's, which no two bundles share.
    fn slot(&self, credentials: &[u8]) -> Option<&Slot> {
        let end = credentials.last_chunk::<32>()?;
        let hash = usize::try_from(self.hasher.hash_one(end) >> 32).ok()?;
        self.slots.get(hash.checked_rem(self.slots.len())?)
    }
}
