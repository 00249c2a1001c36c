//! Requests with bundles that are not cached, compared with the bundles' bare signature checks.

use std::hint::black_box;
use std::time::Duration;

use benches::Target::AtMost;
use benches::{Bundle, Caller, Checks, Comparison, Organisation, Signer, medians, rounds, time};
use http::{Request, StatusCode};
use veraid::SignatureCheck;

const CHECKS: &str = "its bare signature checks";

/// The first request to a layer with empty caches.
pub(crate) fn cold() -> Vec<Comparison> {
    let rounds = rounds(3000);
    let bundles = [("member", "member-user"), ("organisation", "org-user")];
    let compare = |(kind, name)| {
        let bundle = Bundle::reference(name);
        let checks = Checks::of(&bundle);
        let mut first = || time_call(&mut Caller::new(&bundle.layer()), bundle.request());
        let mut second = || time(|| check_all(&checks));
        let [first, second] = medians(rounds, &mut [&mut first, &mut second]);
        let subject = format!("cold, signed by the {kind}");
        Comparison::from_times((subject, first), (CHECKS, second), Some(AtMost(1.10)))
    };
    bundles.map(compare).into()
}

/// New bundles, after another bundle of the same organisation.
pub(crate) fn warm() -> Vec<Comparison> {
    let organisation = Organisation::typical();
    let kinds = [
        ("warm, token of a known member", Signer::Member, Some(AtMost(0.20))),
        ("warm, token of a known organisation", Signer::Organisation, Some(AtMost(0.20))),
        ("warm, new member of a known organisation", Signer::NewMember, None),
    ];
    let compare = |(subject, signer, target)| {
        let rounds = rounds(3000);
        let bundles = organisation.sign(signer, 0..rounds + 1);
        let [known, new @ ..] = bundles.as_slice() else { panic!("at least one bundle") };
        let mut caller = Caller::new(&known.layer());
        time_call(&mut caller, known.request());
        let (mut to_send, mut to_check) = (new.iter(), new.iter());
        let mut first = || {
            let bundle = to_send.next().expect("one bundle per round");
            time_call(&mut caller, bundle.request())
        };
        let mut second = || {
            let checks = Checks::of(to_check.next().expect("one bundle per round"));
            time(|| check_all(&checks))
        };
        let [first, second] = medians(rounds, &mut [&mut first, &mut second]);
        Comparison::from_times((subject, first), (CHECKS, second), target)
    };
    kinds.map(compare).into()
}

/// Returns the time of a call.
fn time_call(caller: &mut Caller, request: Request<()>) -> Duration {
    time(|| {
        let response = caller.call(request);
        assert_eq!(response.status(), StatusCode::OK);
        response
    })
}

fn check_all(checks: &[SignatureCheck<'_>]) {
    assert!(checks.iter().all(|check| black_box(check).verify()));
}
