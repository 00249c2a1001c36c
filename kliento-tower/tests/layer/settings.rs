//! The bounds of the layer's settings.

use std::time::Duration;

use kliento_tower::{KlientoAuthLayer, SettingError};

#[test]
fn rejects_settings_out_of_bounds() {
    type Set = fn(KlientoAuthLayer) -> Result<KlientoAuthLayer, SettingError>;
    const YEAR: Duration = Duration::from_secs(366 * 24 * 3600);
    let accepted: [Set; 10] = [
        |layer| layer.with_max_validity(Duration::from_secs(1)),
        |layer| layer.with_max_validity(YEAR),
        |layer| layer.with_min_modulus_bits(2048),
        |layer| layer.with_min_modulus_bits(4096),
        |layer| layer.with_clock_skew(Duration::ZERO),
        |layer| layer.with_clock_skew(Duration::from_secs(300)),
        |layer| layer.with_concurrency_limit(1),
        |layer| layer.with_concurrency_limit(1024),
        |layer| layer.with_queue_limit(0),
        |layer| layer.with_queue_limit(1_000_000),
    ];
    let rejected: [(Set, &str); 9] = [
        (|layer| layer.with_max_validity(Duration::ZERO), "maximum validity"),
        (|layer| layer.with_max_validity(YEAR + Duration::from_nanos(1)), "maximum validity"),
        (|layer| layer.with_min_modulus_bits(2047), "minimum modulus bits"),
        (|layer| layer.with_min_modulus_bits(4097), "minimum modulus bits"),
        (|layer| layer.with_clock_skew(Duration::from_secs(301)), "clock skew"),
        (|layer| layer.with_concurrency_limit(0), "concurrency limit"),
        (|layer| layer.with_concurrency_limit(1025), "concurrency limit"),
        (|layer| layer.with_queue_limit(1_000_001), "queue limit"),
        (|layer| layer.with_queue_limit(usize::MAX), "queue limit"),
    ];
    let layer = KlientoAuthLayer::new("https://api.example.com");
    for set in accepted {
        assert!(set(layer.clone()).is_ok());
    }
    for (set, setting) in rejected {
        assert_eq!(set(layer.clone()).unwrap_err().setting(), setting);
    }
}
