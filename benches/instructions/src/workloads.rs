//! The paths of `KlientoAuthLayer`, and what they cannot do without.

use std::hint::black_box;
use std::sync::Arc;

use benches::{Bundle, Caller, Checks, Organisation, Signer};
use moka::sync::Cache;
use veraid::{DirectVerifier, SignatureCheck};

use crate::Operation;

/// A typical bundle, whose keys are the same in each run.
fn typical() -> Bundle {
    Bundle::reference("member-user")
}

pub(crate) fn verify(_: usize) -> Operation {
    let bundle = typical();
    Box::new(move || assert!(black_box(&bundle).verify(&mut DirectVerifier).is_ok()))
}

pub(crate) fn checks(_: usize) -> Operation {
    let checks = Checks::of(&typical());
    Box::new(move || check_all(&checks))
}

/// The first bundle of each of these layers.
pub(crate) fn first_sight(times: usize) -> Operation {
    let bundle = typical();
    let callers: Vec<_> = (0..times).map(|_| Caller::new(&bundle.layer())).collect();
    let requests: Vec<_> = (0..times).map(|_| bundle.request()).collect();
    let mut requests = callers.into_iter().zip(requests);
    // Dropping a layer is no part of a request.
    let mut done = Vec::with_capacity(times);
    Box::new(move || {
        let (mut caller, request) = requests.next().expect("one for each operation");
        assert!(caller.call(request).status().is_success());
        done.push(caller);
    })
}

/// Another token of a member whose organisation the layer knows.
pub(crate) fn another_token(times: usize) -> Operation {
    let bundles = Organisation::typical().sign(Signer::Member, 0..times + 1);
    let [first, others @ ..] = bundles.as_slice() else { panic!("at least one bundle") };
    let mut caller = Caller::new(&first.layer());
    assert!(caller.call(first.request()).status().is_success());
    let mut requests: Vec<_> = others.iter().map(Bundle::request).collect();
    Box::new(move || {
        let request = requests.pop().expect("one for each operation");
        assert!(caller.call(request).status().is_success());
    })
}

pub(crate) fn another_tokens_checks(times: usize) -> Operation {
    let bundles = Organisation::typical().sign(Signer::Member, 0..times);
    let checks: Vec<_> = bundles.iter().map(Checks::of).collect();
    let mut checks = checks.into_iter();
    Box::new(move || check_all(&checks.next().expect("one for each operation")))
}

/// A bundle that the layer has cached.
pub(crate) fn hit(times: usize) -> Operation {
    let bundle = typical();
    let mut caller = Caller::new(&bundle.layer());
    let mut requests: Vec<_> = (0..times).map(|_| bundle.request()).collect();
    Box::new(move || {
        let request = requests.pop().expect("one for each operation");
        assert!(caller.call(request).status().is_success());
    })
}

/// The digest of a header's value, and the lookup of it.
pub(crate) fn lookup(times: usize) -> Operation {
    let bundle = typical();
    let text = bundle.header.strip_prefix("Kliento ").expect("the scheme").to_owned();
    let key = [7; 32];
    let mut requests: Vec<_> = (0..times).map(|_| bundle.request()).collect();
    let cache = Cache::new(20_000);
    cache.insert(digest(&key, text.as_bytes()), Arc::new(()));
    Box::new(move || {
        // A hit drops its request as well.
        drop(black_box(requests.pop()));
        assert!(cache.get(&digest(&key, black_box(text.as_bytes()))).is_some());
    })
}

/// The same digest as in the layer.
fn digest(key: &[u8; 32], text: &[u8]) -> [u8; 32] {
    let length = text.len().next_multiple_of(4096);
    let mut padded = Vec::with_capacity(length);
    padded.extend_from_slice(text);
    padded.resize(length, 0);
    blake3::keyed_hash(key, &padded).into()
}

fn check_all(checks: &[SignatureCheck<'_>]) {
    assert!(checks.iter().all(|check| black_box(check).verify()));
}
