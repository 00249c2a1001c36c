//! Requests with a cached bundle, compared with the digest and the lookup alone.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest as sha2};
use benches::Target::AtMost;
use benches::{Bundle, Caller, Comparison, medians, rounds, time};
use moka::sync::Cache;

/// A service whose layer has cached one bundle.
pub(crate) struct Cached {
    bundle: Bundle,
    caller: Caller,
}

pub(crate) fn all() -> Vec<Comparison> {
    let mut cached = Cached::new("member-user");
    let token68 = cached.bundle.header.strip_prefix("Kliento ").expect("the scheme").to_owned();
    let text = token68.as_bytes();
    let key = [7; 32];
    let cache = Cache::new(20_000);
    cache.insert(digest(&key, text), Arc::new(()));
    let [hit, baseline, plain, sha] = medians(
        rounds(20_000),
        &mut [
            &mut || cached.time_hit(),
            &mut || time(|| assert!(cache.get(&digest(&key, black_box(text))).is_some())),
            &mut || time(|| blake3::hash(black_box(text))),
            &mut || time(|| sha2(&SHA256, black_box(text))),
        ],
    );
    let baseline = ("the digest and a lookup in moka", baseline);
    let unpadded = ("BLAKE3 of the header's value, not padded", plain);
    vec![
        Comparison::from_times(("hit", hit), baseline, Some(AtMost(1.40))),
        Comparison::from_times(("hit", hit), unpadded, None),
        Comparison::from_times(("hit", hit), ("SHA-256 of the header's value", sha), None),
    ]
}

impl Cached {
    pub(crate) fn new(name: &str) -> Self {
        let bundle = Bundle::reference(name);
        let mut caller = Caller::new(&bundle.layer());
        assert!(caller.call(bundle.request()).status().is_success());
        Self { bundle, caller }
    }

    pub(crate) fn time_hit(&mut self) -> Duration {
        let request = self.bundle.request();
        time(|| {
            let response = self.caller.call(request);
            assert!(response.status().is_success());
            response
        })
    }
}

/// The same digest as in the layer.
fn digest(key: &[u8; 32], text: &[u8]) -> [u8; 32] {
    let length = text.len().next_multiple_of(4096);
    let mut padded = Vec::with_capacity(length);
    padded.extend_from_slice(text);
    padded.resize(length, 0);
    blake3::keyed_hash(key, &padded).into()
}
