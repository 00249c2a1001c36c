//! Tokens that start in the future.

use std::time::Duration;

use kliento_core::Token;
use kliento_tower::{FixedClock, KlientoAuthLayer, Timestamp};
use veraid::testing::MockEnvironment;

use crate::mock::exchange::send;
use crate::mock::{credentials, period, sign};

const AUDIENCE: &str = "https://api.example.com";

#[tokio::test]
async fn accepts_tokens_that_start_within_the_clock_skew() {
    let day = period("2026-11-22T00:00:00Z", "2026-11-23T00:00:00Z");
    let hour = period("2026-11-22T18:00:00Z", "2026-11-22T19:00:00Z");
    let environment = MockEnvironment::new(day).unwrap();
    let member = environment.organisation("example.com").unwrap().member("alice").unwrap();
    let credentials = credentials(sign(&member, &Token::new(AUDIENCE), hour));
    let outcome = async |layer: &KlientoAuthLayer, at: &str| {
        let at: Timestamp = at.parse().unwrap();
        send(&layer.clone().with_clock(FixedClock(at)), &credentials).await
    };
    let layer = KlientoAuthLayer::new(AUDIENCE)
        .with_trust_anchors(kliento_tower::TrustAnchors::new(environment.trust_anchors().unwrap()));
    let none = layer.clone().with_clock_skew(Duration::ZERO).unwrap();
    let longer = layer.clone().with_clock_skew(Duration::from_secs(60)).unwrap();
    for (layer, at, expected) in [
        (&layer, "2026-11-22T17:59:55Z", true),
        // The cache is shared, but not by layers with another skew.
        (&none, "2026-11-22T17:59:55Z", false),
        (&layer, "2026-11-22T17:59:54.999Z", false),
        (&none, "2026-11-22T17:59:59.999Z", false),
        (&none, "2026-11-22T18:00:00Z", true),
        (&longer, "2026-11-22T17:59:00Z", true),
        (&longer, "2026-11-22T17:58:59Z", false),
        // The end has no tolerance.
        (&layer, "2026-11-22T19:00:00Z", true),
        (&longer, "2026-11-22T19:00:00.001Z", false),
    ] {
        for attempt in 0..2 {
            assert_eq!(outcome(layer, at).await.is_ok(), expected, "{at}, {attempt}");
        }
    }
}
