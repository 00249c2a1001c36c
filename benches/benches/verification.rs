//! Absolute figures: whole verifications, and parsing alone.

use std::hint::black_box;

use benches::{Bundle, Checks};
use criterion::{Criterion, criterion_group, criterion_main};
use kliento::TokenBundle;
use veraid::{DirectVerifier, SignatureBundle};

criterion_group!(verification, valid, invalid, parsing, checks);
criterion_main!(verification);

fn valid(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("verify");
    for (name, bundle) in Bundle::measured() {
        group.bench_function(name, |bencher| bencher.iter(|| bundle.verify(&mut DirectVerifier)));
    }
    let bundle = Bundle::reference("member-user");
    group.bench_function("member, typical, header", |bencher| {
        bencher.iter(|| bundle.verify_header());
    });
}

fn invalid(criterion: &mut Criterion) {
    let bundle = Bundle::reference("member-user").tampered();
    assert!(bundle.verify(&mut DirectVerifier).is_err(), "the tampered bundle is invalid");
    criterion.bench_function("reject/tampered signature", |bencher| {
        bencher.iter(|| bundle.verify(&mut DirectVerifier));
    });
}

fn parsing(criterion: &mut Criterion) {
    let bundle = Bundle::reference("member-user");
    let mut group = criterion.benchmark_group("read");
    group.bench_function("bundle", |bencher| {
        bencher.iter(|| SignatureBundle::from_der(black_box(&bundle.octets)).is_ok());
    });
    group.bench_function("header", |bencher| {
        bencher.iter(|| TokenBundle::from_authorization(black_box(&bundle.header)).is_ok());
    });
}

fn checks(criterion: &mut Criterion) {
    let checks = Checks::of(&Bundle::reference("member-user"));
    criterion.bench_function("signature checks/member-user", |bencher| {
        bencher.iter(|| checks.iter().all(|check| black_box(check).verify()));
    });
}
