//! What `KlientoAuthLayer` costs beside what it can't do without.
#![allow(clippy::print_stdout, clippy::expect_used, reason = "it reports figures")]

use std::convert::Infallible;
use std::hint::black_box;

use benches::{Bundle, Checks, Medians, rounds};
use http::header::AUTHORIZATION;
use http::{Request, Response, StatusCode};
use kliento_tower::{FixedClock, KlientoAuthLayer, TrustAnchors};
use tokio::runtime::{Builder, Runtime};
use tower::{Layer as _, ServiceExt as _, service_fn};

fn main() {
    let rounds = rounds(3000);
    let runtime = Builder::new_current_thread().build().expect("a runtime");
    for (name, bundle) in Bundle::measured() {
        let checks = Checks::of(&bundle);
        let medians = Medians::alternate_prepared(
            rounds,
            || (layer(&bundle), Some(request(&bundle))),
            |(layer, request)| send(&runtime, layer, request),
            || assert!(checks.iter().all(|check| black_box(check).verify())),
        );
        println!("{name:<40} {:?} {:?} {:.3}", medians.first, medians.second, medians.ratio());
        let known = layer(&bundle);
        send(&runtime, &known, &mut Some(request(&bundle)));
        let value = bundle.header.clone();
        let medians = Medians::alternate_prepared(
            rounds,
            || Some(request(&bundle)),
            |request| send(&runtime, &known, request),
            || {
                black_box(blake3::hash(black_box(value.as_bytes())));
            },
        );
        println!("{name:<40} hit {:?} {:?} {:.3}", medians.first, medians.second, medians.ratio());
    }
}

fn layer(bundle: &Bundle) -> KlientoAuthLayer {
    KlientoAuthLayer::new(&bundle.audience)
        .with_trust_anchors(TrustAnchors::new(bundle.trust_anchors.iter().cloned()))
        .with_clock(FixedClock(bundle.at))
}

fn request(bundle: &Bundle) -> Request<()> {
    let request = Request::builder().header(AUTHORIZATION, &bundle.header);
    request.body(()).expect("a request")
}

fn send(runtime: &Runtime, layer: &KlientoAuthLayer, request: &mut Option<Request<()>>) {
    let request = request.take().expect("prepared");
    let service = layer.layer(service_fn(|_| async { Ok::<_, Infallible>(Response::new(())) }));
    let response = runtime.block_on(service.oneshot(request)).expect("infallible");
    assert_eq!(response.status(), StatusCode::OK);
}
