//! Requests with a known bundle, beside the digest and the look-up that they can't do without.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest as sha2};
use benches::Target::AtMost;
use benches::{Bundle, Caller, Comparison, medians, rounds, time};
use kliento_tower::{BundleCache, KlientoAuthLayer};
use moka::sync::Cache;

/// A service whose layer knows one bundle.
pub(crate) struct Known {
    bundle: Bundle,
    caller: Caller,
}

pub(crate) fn all() -> Vec<Comparison> {
    let mut known = Known::new("member-user");
    let mut digested = Known::by_digest("member-user");
    let parameter = known.bundle.header.strip_prefix("Kliento ").expect("the scheme").to_owned();
    let text = parameter.as_bytes();
    let key = [7; 32];
    let cache = Cache::new(20_000);
    cache.insert(digest(&key, text), Arc::new(()));
    let [hit, by_digest, least, plain, sha] = medians(
        rounds(20_000),
        &mut [
            &mut || known.time_hit(),
            &mut || digested.time_hit(),
            &mut || time(|| assert!(cache.get(&digest(&key, black_box(text))).is_some())),
            &mut || time(|| blake3::hash(black_box(text))),
            &mut || time(|| sha2(&SHA256, black_box(text))),
        ],
    );
    let least = ("the digest and a look-up in moka", least);
    vec![
        Comparison::of_times(("hit", hit), least, Some(AtMost(1.40))),
        Comparison::of_times(("hit, not of late", by_digest), least, Some(AtMost(1.40))),
        Comparison::of_times(
            ("hit", hit),
            ("BLAKE3 of the header's value, not padded", plain),
            None,
        ),
        Comparison::of_times(("hit", hit), ("SHA-256 of the header's value", sha), None),
    ]
}

impl Known {
    pub(crate) fn new(name: &str) -> Self {
        let bundle = Bundle::reference(name);
        let layer = bundle.layer();
        Self::of(bundle, &layer)
    }

    /// With a cache that is too small to keep credentials.
    fn by_digest(name: &str) -> Self {
        let bundle = Bundle::reference(name);
        let layer = bundle.layer().with_cache(BundleCache::new(64 * 1024));
        Self::of(bundle, &layer)
    }

    fn of(bundle: Bundle, layer: &KlientoAuthLayer) -> Self {
        let mut caller = Caller::new(layer);
        assert!(caller.call(bundle.request()).status().is_success());
        Self { bundle, caller }
    }

    pub(crate) fn time_hit(&mut self) -> Duration {
        let request = self.bundle.request();
        time(|| {
            let answer = self.caller.call(request);
            assert!(answer.status().is_success());
            answer
        })
    }
}

/// The digest of the layer.
fn digest(key: &[u8; 32], text: &[u8]) -> [u8; 32] {
    let length = text.len().next_multiple_of(4096);
    let mut padded = Vec::with_capacity(length);
    padded.extend_from_slice(text);
    padded.resize(length, 0);
    blake3::keyed_hash(key, &padded).into()
}
