//! Requests with a known bundle, beside the digest and the look-up that they can't do without.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest as sha2};
use benches::Target::AtMost;
use benches::{Bundle, Caller, Comparison, medians, rounds, time};
use moka::sync::Cache;

/// A service whose layer knows one bundle.
pub(crate) struct Known {
    bundle: Bundle,
    caller: Caller,
}

pub(crate) fn all() -> Vec<Comparison> {
    let mut known = Known::new("member-user");
    let parameter = known.bundle.header.strip_prefix("Kliento ").expect("the scheme").to_owned();
    let text = parameter.as_bytes();
    let key = [7; 32];
    let cache = Cache::new(20_000);
    cache.insert(digest(&key, text), Arc::new(()));
    let [hit, least, plain, sha] = medians(
        rounds(20_000),
        &mut [
            &mut || known.time_hit(),
            &mut || time(|| assert!(cache.get(&digest(&key, black_box(text))).is_some())),
            &mut || time(|| blake3::hash(black_box(text))),
            &mut || time(|| sha2(&SHA256, black_box(text))),
        ],
    );
    let octets = text.len();
    let beside = [
        ("the digest and a look-up in moka".to_owned(), least, Some(AtMost(1.40))),
        (format!("BLAKE3 of {octets} octets, not padded"), plain, None),
        (format!("SHA-256 of {octets} octets"), sha, None),
    ];
    beside
        .map(|(name, time, target)| Comparison::of_times(("hit", hit), (name, time), target))
        .into()
}

impl Known {
    pub(crate) fn new(name: &str) -> Self {
        let bundle = Bundle::reference(name);
        let mut caller = Caller::new(&bundle.layer());
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
