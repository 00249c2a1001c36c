//! `RbacLayer`, and its decision.

use std::hint::black_box;
use std::time::Duration;

use benches::Target::AtMost;
use benches::{Comparison, Echo, medians, rounds};
use http::Request;
use kleidia_tower::Principal;
use kleidia_tower::rbac::{AccessContext, Policy, RbacLayer, Requirement};
use kleidia_tower::session::JwtSessionLayer;
use tower::Layer as _;

use crate::caller::{CALLS, call, repeat, time_calls};
use crate::people::People;

/// The target for a permission.
const BUDGET: (&str, Duration) = ("200 ns", Duration::from_nanos(200));

pub(crate) fn all(people: &People) -> Vec<Comparison> {
    let permission = |name: &str| Requirement::permission(name.parse().expect("a permission"));
    let (owner, read) = (Requirement::owner(), permission("users:read"));
    let either = Requirement::any_of([owner, read.clone()]);
    let layer = |requirement: Requirement| {
        RbacLayer::new(Policy::default(), requirement, people.accounts.audit_trail())
    };
    let path = "/api/users/{id}";
    let with_owner = layer(either).with_owner_parameter(path).expect("a path").layer(Echo);
    let (mut plain, mut with_owner, mut bare) = (layer(read.clone()).layer(Echo), with_owner, Echo);
    let (principal, policy) = (principal(people), Policy::default());
    let context = AccessContext { is_owner: false, now: None };
    let uri = format!("/api/users/{}", people.session.account.id);
    let request = || {
        let request = Request::builder().uri(&uri).extension(principal.clone());
        request.body(()).expect("a request")
    };
    let [decided, plain, with_owner, bare] = medians(
        rounds(20_000),
        &mut [
            &mut || {
                repeat(|| {
                    let decided = policy.decide(black_box(&principal), &read, &context);
                    assert!(black_box(decided).is_ok());
                })
            },
            &mut || time_calls(&mut plain, request),
            &mut || time_calls(&mut with_owner, request),
            &mut || time_calls(&mut bare, request),
        ],
    )
    .map(|round| round / CALLS);
    let more = |time: Duration| time.saturating_sub(bare);
    vec![
        Comparison::from_times(
            ("Policy::decide, a permission", decided),
            BUDGET,
            Some(AtMost(1.0)),
        ),
        Comparison::from_times(("RbacLayer, a permission", more(plain)), BUDGET, Some(AtMost(1.0))),
        Comparison::from_times(
            ("RbacLayer, a permission or the owner's path", more(with_owner)),
            BUDGET,
            Some(AtMost(1.0)),
        ),
    ]
}

/// Returns the principal that `JwtSessionLayer` makes.
fn principal(people: &People) -> Principal {
    let mut service = JwtSessionLayer::new(people.accounts.authenticator()).layer(Echo);
    let response = call(&mut service, people.request());
    let http_body_util::Either::Left(request) = response.into_body() else { panic!("rejected") };
    let request = request.into_inner().expect("a body");
    request.extensions().get::<Principal>().cloned().expect("a principal")
}
