//! The names of zones and records.

use veraid::testing::MockDns;

use super::{assert_valid, period};

#[test]
fn verifies_records_at_every_depth() {
    for (zones, owner, zone) in [
        (vec![], "_veraid.com", "."),
        (vec!["com"], "_veraid.com", "com."),
        (vec!["com"], "_veraid.example.com", "com."),
        (vec!["com", "example.com"], "_veraid.a.b.c.example.com", "example.com."),
        (vec!["jp", "example.co.jp"], "_veraid.example.co.jp", "example.co.jp."),
        (vec!["a.b.c.d"], "_veraid.a.b.c.d", "a.b.c.d."),
        (vec!["com", "_veraid.com"], "_veraid.com", "_veraid.com."),
        (vec!["COM", "Example.com"], "_veraid.EXAMPLE.com", "example.com."),
        (vec!["com", "x.com", "y.x.com", "z.y.x.com"], "z.y.x.com", "z.y.x.com."),
    ] {
        let dns = MockDns::new(period()).unwrap().with_zones(zones).unwrap();
        assert_valid(&dns.with_txt(owner, "text").unwrap(), owner, zone);
    }
}

#[test]
fn verifies_records_of_root() {
    let dns = MockDns::new(period()).unwrap().with_txt(".", "text").unwrap();
    assert_valid(&dns, ".", ".");
}
