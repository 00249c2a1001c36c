//! Anchors with a validity, as time passes.

use kliento_tower::{TrustAnchorFileError as E, TrustAnchorStore as _};

use crate::fixture::{
    AnchorFile, DIGEST_2024, IANA_DS, IANA_XML, ManualClock, NOW, key_digest, key_tags, xml_of,
};

const YEAR_2026: &str = "validFrom='2026-01-01T00:00:00Z' validUntil='2027-01-01T00:00:00Z'";

#[test]
fn uses_each_anchor_during_its_validity() {
    let clock = ManualClock::new("2010-07-15T00:00:00Z");
    let store = AnchorFile::with(IANA_XML).open_by(&clock).unwrap();
    for (now, expected) in [
        ("2010-07-14T23:59:59.999Z", &[][..]),
        ("2010-07-15T00:00:00Z", &[19036]),
        ("2017-02-01T23:59:59.999Z", &[19036]),
        ("2017-02-02T00:00:00Z", &[19036, 20326]),
        ("2019-01-10T23:59:59.999Z", &[19036, 20326]),
        ("2019-01-11T00:00:00Z", &[20326]),
        ("2024-07-18T00:00:00Z", &[20326, 38696]),
        (NOW, &[20326, 38696]),
        // Backwards too: it is the time that counts, not what was.
        ("2018-01-01T00:00:00Z", &[19036, 20326]),
    ] {
        clock.set(now);
        assert_eq!(key_tags(&store), expected, "{now}");
    }
}

#[tokio::test]
async fn has_no_anchors_after_all_have_expired() {
    let clock = ManualClock::new(NOW);
    let place = AnchorFile::with(xml_of(key_digest(38696, YEAR_2026, DIGEST_2024)));
    let store = place.open_by(&clock).unwrap();
    assert!(store.snapshot().await.is_ok());

    clock.set("2027-01-01T00:00:00Z");
    assert_eq!(store.try_current(), None);
    let error = store.snapshot().await.unwrap_err();
    assert_eq!(error.to_string(), "trust anchors unavailable: no anchor is valid at this time");
    assert!(matches!(*store.reload().unwrap_err(), E::NoValidAnchor));
    assert!(matches!(*store.last_error().unwrap(), E::NoValidAnchor));
    assert!(matches!(place.open_by(&clock), Err(E::NoValidAnchor)));

    place.write(IANA_XML);
    store.reload().unwrap();
    assert_eq!(key_tags(&store), [20326, 38696]);
    assert!(store.last_error().is_none());
}

/// The operator withdraws every anchor: what was valid before must not stay.
#[test]
fn valid_file_of_expired_anchors_replaces_the_previous_ones() {
    let place = AnchorFile::with(IANA_XML);
    let store = place.open().unwrap();
    let lapsed = "validFrom='2020-01-01T00:00:00Z' validUntil='2026-11-22T18:03:00Z'";
    place.write(xml_of(key_digest(38696, lapsed, DIGEST_2024)));
    assert!(matches!(*store.reload().unwrap_err(), E::NoValidAnchor));
    assert_eq!(store.try_current(), None);
}

#[test]
fn without_a_clock_only_always_valid_anchors_remain() {
    let clock = ManualClock::new(NOW);
    let dated = AnchorFile::with(IANA_XML).open_by(&clock).unwrap();
    let undated = AnchorFile::with(IANA_DS).open_by(&clock).unwrap();
    clock.stop();
    assert_eq!(dated.try_current(), None);
    assert_eq!(key_tags(&undated), [20326, 38696]);
}
