//! Requests with bundles that the layer has not seen, beside the bundles' bare signature checks.

use std::hint::black_box;
use std::time::Duration;

use benches::Target::AtMost;
use benches::{Bundle, Caller, Checks, Comparison, Organisation, Signer, medians, rounds, time};
use http::{Request, StatusCode};
use veraid::SignatureCheck;

const CHECKS: &str = "its bare signature checks";

/// The first request of all, to a layer that knows nothing.
pub(crate) fn first_sight() -> Vec<Comparison> {
    let rounds = rounds(3000);
    let bundles = [("member", "member-user"), ("organisation", "org-user")];
    let compare = |(kind, name)| {
        let bundle = Bundle::reference(name);
        let checks = Checks::of(&bundle);
        let mut first = || time_call(&mut Caller::new(&bundle.layer()), bundle.request());
        let mut second = || time(|| check_all(&checks));
        let [first, second] = medians(rounds, &mut [&mut first, &mut second]);
        let subject = format!("first sight, signed by the {kind}");
        Comparison::of_times((subject, first), (CHECKS, second), Some(AtMost(1.10)))
    };
    bundles.map(compare).into()
}

/// Bundles that are new, to a layer that has seen others of the same organisation.
pub(crate) fn seen_before() -> Vec<Comparison> {
    let organisation = Organisation::typical();
    let kinds = [
        ("another token of a known member", Signer::Member, Some(AtMost(0.20))),
        ("another token of a known organisation", Signer::Organisation, Some(AtMost(0.20))),
        ("a new member of a known organisation", Signer::NewMember, None),
    ];
    let compare = |(subject, signer, target)| {
        let rounds = rounds(3000);
        let bundles = organisation.sign(signer, 0..rounds + 1);
        let [known, new @ ..] = bundles.as_slice() else { panic!("there is one at least") };
        let mut caller = Caller::new(&known.layer());
        time_call(&mut caller, known.request());
        let (mut unseen, mut unchecked) = (new.iter(), new.iter());
        let mut first = || {
            let bundle = unseen.next().expect("one for each round");
            time_call(&mut caller, bundle.request())
        };
        let mut second = || {
            let checks = Checks::of(unchecked.next().expect("one for each round"));
            time(|| check_all(&checks))
        };
        let [first, second] = medians(rounds, &mut [&mut first, &mut second]);
        Comparison::of_times((subject, first), (CHECKS, second), target)
    };
    kinds.map(compare).into()
}

/// How long it takes until the service has the request.
fn time_call(caller: &mut Caller, request: Request<()>) -> Duration {
    time(|| {
        let answer = caller.call(request);
        assert_eq!(answer.status(), StatusCode::OK);
        answer
    })
}

fn check_all(checks: &[SignatureCheck<'_>]) {
    assert!(checks.iter().all(|check| black_box(check).verify()));
}
