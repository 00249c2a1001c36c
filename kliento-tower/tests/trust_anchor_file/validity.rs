//! Anchors with a validity period, at different times.

use kliento_tower::{TrustAnchorFileError as E, TrustAnchorStore as _};

use crate::fixture::{
    AnchorFile, DIGEST_2024, IANA_DS, IANA_XML, ManualClock, NOW, anchors_xml, key_digest, key_tags,
};

const YEAR_2026: &str = "validFrom='2026-01-01T00:00:00Z' validUntil='2027-01-01T00:00:00Z'";

#[test]
fn uses_each_anchor_during_its_validity() {
    let clock = ManualClock::new("2010-07-15T00:00:00Z");
    let store = AnchorFile::new(IANA_XML).open_with_clock(&clock).unwrap();
    for (now, expected) in [
        ("2010-07-14T23:59:59.999Z", &[][..]),
        ("2010-07-15T00:00:00Z", &[19036]),
        ("2017-02-01T23:59:59.999Z", &[19036]),
        ("2017-02-02T00:00:00Z", &[19036, 20326]),
        ("2019-01-10T23:59:59.999Z", &[19036, 20326]),
        ("2019-01-11T00:00:00Z", &[20326]),
        ("2024-07-18T00:00:00Z", &[20326, 38696]),
        (NOW, &[20326, 38696]),
        // The clock may be set back.
        ("2018-01-01T00:00:00Z", &[19036, 20326]),
    ] {
        clock.set(now);
        assert_eq!(key_tags(&store), expected, "{now}");
    }
}

#[tokio::test]
async fn has_no_anchors_after_all_have_expired() {
    let clock = ManualClock::new(NOW);
    let anchor_file = AnchorFile::new(anchors_xml(key_digest(38696, YEAR_2026, DIGEST_2024)));
    let store = anchor_file.open_with_clock(&clock).unwrap();
    assert!(store.snapshot().await.is_ok());

    clock.set("2027-01-01T00:00:00Z");
    assert_eq!(store.try_current(), None);
    let error = store.snapshot().await.unwrap_err();
    assert_eq!(error.to_string(), "trust anchors unavailable: no anchor is valid at this time");
    assert!(matches!(*store.reload().unwrap_err(), E::NoValidAnchor));
    assert!(matches!(*store.last_error().unwrap(), E::NoValidAnchor));
    assert!(matches!(anchor_file.open_with_clock(&clock), Err(E::NoValidAnchor)));

    anchor_file.write(IANA_XML);
    store.reload().unwrap();
    assert_eq!(key_tags(&store), [20326, 38696]);
    assert!(store.last_error().is_none());
}

/// An operator can withdraw every anchor: the previous ones must not stay active.
#[test]
fn valid_file_of_expired_anchors_replaces_the_previous_ones() {
    let anchor_file = AnchorFile::new(IANA_XML);
    let store = anchor_file.open().unwrap();
    let expired = "validFrom='2020-01-01T00:00:00Z' validUntil='2026-11-22T18:03:00Z'";
    anchor_file.write(anchors_xml(key_digest(38696, expired, DIGEST_2024)));
    assert!(matches!(*store.reload().unwrap_err(), E::NoValidAnchor));
    assert_eq!(store.try_current(), None);
}

#[test]
fn without_a_clock_only_always_valid_anchors_remain() {
    let clock = ManualClock::new(NOW);
    let dated = AnchorFile::new(IANA_XML).open_with_clock(&clock).unwrap();
    let undated = AnchorFile::new(IANA_DS).open_with_clock(&clock).unwrap();
    clock.stop();
    assert_eq!(dated.try_current(), None);
    assert_eq!(key_tags(&undated), [20326, 38696]);
}
