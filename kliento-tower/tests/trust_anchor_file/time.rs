//! Anchors are used while they are valid, as time passes.

use kliento_tower::{TrustAnchorFileError as E, TrustAnchorStore as _};

use crate::place::{
    DIGEST_2024, IANA_DS, IANA_XML, NOW, Place, TestClock, key_digest, key_tags, xml_of,
};

const YEAR_2026: &str = "validFrom='2026-01-01T00:00:00Z' validUntil='2027-01-01T00:00:00Z'";

#[test]
fn each_anchor_is_used_while_it_is_valid() {
    let clock = TestClock::new("2010-07-15T00:00:00Z");
    let store = Place::with(IANA_XML).open_by(&clock).unwrap();
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
async fn when_all_have_lapsed_there_is_none() {
    let clock = TestClock::new(NOW);
    let place = Place::with(xml_of(key_digest(38696, YEAR_2026, DIGEST_2024)));
    let store = place.open_by(&clock).unwrap();
    assert!(store.snapshot().await.is_ok());

    clock.set("2027-01-01T00:00:00Z");
    assert_eq!(store.current(), None);
    let error = store.snapshot().await.unwrap_err();
    assert_eq!(error.to_string(), "no trust anchors: none of the anchors is valid now");
    assert!(matches!(*store.reload().unwrap_err(), E::NoneValid));
    assert!(matches!(*store.last_error().unwrap(), E::NoneValid));
    assert!(matches!(place.open_by(&clock), Err(E::NoneValid)));

    place.write(IANA_XML);
    store.reload().unwrap();
    assert_eq!(key_tags(&store), [20326, 38696]);
    assert!(store.last_error().is_none());
}

/// The operator withdraws every anchor: what was valid before must not stay.
#[test]
fn a_sound_file_of_lapsed_anchors_takes_the_others_away() {
    let place = Place::with(IANA_XML);
    let store = place.open().unwrap();
    let lapsed = "validFrom='2020-01-01T00:00:00Z' validUntil='2026-11-22T18:03:00Z'";
    place.write(xml_of(key_digest(38696, lapsed, DIGEST_2024)));
    assert!(matches!(*store.reload().unwrap_err(), E::NoneValid));
    assert_eq!(store.current(), None);
}

#[test]
fn a_clock_that_tells_no_time_leaves_the_anchors_without_dates() {
    let clock = TestClock::new(NOW);
    let dated = Place::with(IANA_XML).open_by(&clock).unwrap();
    let undated = Place::with(IANA_DS).open_by(&clock).unwrap();
    clock.stop();
    assert_eq!(dated.current(), None);
    assert_eq!(key_tags(&undated), [20326, 38696]);
}
