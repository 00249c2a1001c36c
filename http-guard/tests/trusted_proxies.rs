//! The client's address behind trusted proxies, and headers that attackers forge.

#![allow(clippy::unwrap_used, reason = "a test may end by a panic")]

use http::{HeaderMap, HeaderName, HeaderValue};
use http_guard::ForwardingHeader::{self, Forwarded, XForwardedFor};
use http_guard::TrustedProxies;

/// Resolves the client of a request; proxies in `10.0.0.0/8` and `2001:db8:9::/48` are trusted.
fn client(header: ForwardingHeader, peer: &str, lines: &[(&'static str, &[u8])]) -> String {
    let networks = ["10.0.0.0/8", "2001:db8:9::/48"].map(|network| network.parse().unwrap());
    let mut headers = HeaderMap::new();
    for (name, value) in lines {
        let value = HeaderValue::from_bytes(value).unwrap();
        headers.append(HeaderName::from_static(name), value);
    }
    let proxies = TrustedProxies::new(header, networks);
    proxies.client_address(peer.parse().unwrap(), &headers).to_string()
}

fn x_forwarded_for(lines: &[&str]) -> String {
    let lines: Vec<_> = lines.iter().map(|line| ("x-forwarded-for", line.as_bytes())).collect();
    client(XForwardedFor, "10.0.0.1", &lines)
}

fn forwarded(lines: &[&str]) -> String {
    let lines: Vec<_> = lines.iter().map(|line| ("forwarded", line.as_bytes())).collect();
    client(Forwarded, "10.0.0.1", &lines)
}

#[test]
fn client_is_last_address_that_is_not_a_trusted_proxy() {
    for (lines, expected) in [
        (&["192.0.2.1"][..], "192.0.2.1"),
        (&["192.0.2.1, 10.0.0.2"], "192.0.2.1"),
        (&["192.0.2.1", "10.0.0.2, 10.0.0.3"], "192.0.2.1"),
        (&["192.0.2.1,10.0.0.2\t ,, 10.0.0.3 ,"], "192.0.2.1"),
        (&["2001:db8::1, 2001:db8:9::2"], "2001:db8::1"),
        (&["192.0.2.1:4711"], "192.0.2.1"),
        (&["[2001:db8::1]:4711"], "2001:db8::1"),
        (&["[2001:db8::1]"], "2001:db8::1"),
        (&["::ffff:192.0.2.1, ::ffff:10.0.0.2"], "192.0.2.1"),
        (&["64:ff9b::192.0.2.1, 64:ff9b::10.0.0.2"], "192.0.2.1"),
        (&["[::ffff:0:192.0.2.1]:80, [64:ff9b:1::10.0.0.2]:80"], "192.0.2.1"),
        // A client inside a trusted network.
        (&["10.1.2.3, 10.0.0.2"], "10.1.2.3"),
        // The proxy reports nothing.
        (&[], "10.0.0.1"),
        (&[""], "10.0.0.1"),
    ] {
        assert_eq!(x_forwarded_for(lines), expected, "{lines:?}");
    }
}

#[test]
fn ignores_addresses_that_clients_prepend() {
    for (lines, expected) in [
        (&["203.0.113.9, 192.0.2.1"][..], "192.0.2.1"),
        (&["10.0.0.9, 192.0.2.1, 10.0.0.2"], "192.0.2.1"),
        (&["203.0.113.9", "192.0.2.1"], "192.0.2.1"),
        (&["anything at all, 192.0.2.1"], "192.0.2.1"),
        (&["\"203.0.113.9, 192.0.2.1"], "192.0.2.1"),
        (&["203.0.113.9, unknown, 192.0.2.1, 10.0.0.2"], "192.0.2.1"),
    ] {
        assert_eq!(x_forwarded_for(lines), expected, "{lines:?}");
    }
    for (lines, expected) in [
        (&["for=203.0.113.9, for=192.0.2.1"][..], "192.0.2.1"),
        (&["for=203.0.113.9", "for=192.0.2.1, for=10.0.0.2"], "192.0.2.1"),
        (&["for=\"", "for=192.0.2.1"], "192.0.2.1"),
    ] {
        assert_eq!(forwarded(lines), expected, "{lines:?}");
    }
}

#[test]
fn malformed_address_resolves_to_the_proxy() {
    for lines in [
        &["192.0.2.1, unknown"][..],
        &["192.0.2.1, _hidden"],
        &["192.0.2.1, 192.0.2.1.5"],
        &["192.0.2.1, 192.0.2.01"],
        &["192.0.2.1, 192.0.2.1:port"],
        &["192.0.2.1, fe80::1%eth0"],
        &["192.0.2.1, for=192.0.2.1"],
        &["192.0.2.1, example.com"],
        &["192.0.2.1; 192.0.2.2"],
    ] {
        assert_eq!(x_forwarded_for(lines), "10.0.0.1", "{lines:?}");
    }
    // The nearest proxy before the malformed address, not the peer.
    assert_eq!(x_forwarded_for(&["192.0.2.1, unknown, 10.0.0.3, 10.0.0.2"]), "10.0.0.3");
    assert_eq!(forwarded(&["for=192.0.2.1, for=unknown, for=10.0.0.3"]), "10.0.0.3");
    let octets: &[(_, &[u8])] = &[("x-forwarded-for", b"192.0.2.1, \xff\xfe")];
    assert_eq!(client(XForwardedFor, "10.0.0.1", octets), "10.0.0.1");
}

#[test]
fn parses_forwarded() {
    for (line, expected) in [
        ("for=192.0.2.1", "192.0.2.1"),
        ("For=192.0.2.1;proto=https;by=203.0.113.43", "192.0.2.1"),
        ("proto=https;FOR=\"192.0.2.1\";", "192.0.2.1"),
        ("for=\"192.0.2.1:4711\"", "192.0.2.1"),
        ("for=\"192.0.2.1:_port-1.a\"", "192.0.2.1"),
        ("for=\"[2001:db8::1]\"", "2001:db8::1"),
        ("for=\"[2001:db8::1]:4711\"", "2001:db8::1"),
        ("for=\"\\1\\9\\2.0.2.1\"", "192.0.2.1"),
        ("for=192.0.2.1;ext=\"a, for=203.0.113.9;\\\" \"", "192.0.2.1"),
        (" ,for=203.0.113.9 ,\tfor=192.0.2.1, ", "192.0.2.1"),
        ("for=192.0.2.1,for=10.0.0.2;host=\"a.example\"", "192.0.2.1"),
    ] {
        assert_eq!(forwarded(&[line]), expected, "{line}");
    }
}

#[test]
fn malformed_forwarded_resolves_to_the_proxy() {
    for line in [
        "for=unknown",
        "for=_hidden",
        "for=\"_SEVKISEK\"",
        "for=\"unknown:4711\"",
        "proto=https",
        ";",
        "for=",
        "for",
        "=192.0.2.1",
        "for =192.0.2.1",
        "for=192.0.2.1:4711",
        "for=[2001:db8::1]",
        "for=2001:db8::1",
        "for=\"2001:db8::1\"",
        "for=\"192.0.2.1:\"",
        "for=\"192.0.2.1:123456\"",
        "for=\"192.0.2.1:_\"",
        "for=\"192.0.2.1",
        "for=\"192.0.2.1\\",
        "for=\"192.0.2.1\"x",
        "for=192.0.2.1; for=192.0.2.2",
        "for=192.0.2.1;for=192.0.2.2",
        "for=192.0.2.1 for=192.0.2.2",
        // A client leaves a quote open to hide what the proxy appends.
        "for=203.0.113.9;x=\", for=192.0.2.1",
        "for=203.0.113.9;x=\", for=\"[2001:db8::1]:80\"",
        "for=203.0.113.9;x=\"\\, for=\"192.0.2.1:80\";host=\"a\"",
        "for=203.0.113.9, for=\", for=192.0.2.1;host=\"a.example\";proto=https",
    ] {
        assert_eq!(forwarded(&[line]), "10.0.0.1", "{line}");
    }
}

#[test]
fn reads_only_the_configured_header() {
    let spoofed: &[(_, &[u8])] =
        &[("forwarded", b"for=203.0.113.9"), ("x-forwarded-for", b"192.0.2.1")];
    assert_eq!(client(XForwardedFor, "10.0.0.1", spoofed), "192.0.2.1");
    let spoofed: &[(_, &[u8])] =
        &[("forwarded", b"for=192.0.2.1"), ("x-forwarded-for", b"203.0.113.9")];
    assert_eq!(client(Forwarded, "10.0.0.1", spoofed), "192.0.2.1");
    // Not even if the configured one is missing.
    let other: &[(_, &[u8])] = &[("forwarded", b"for=203.0.113.9")];
    assert_eq!(client(XForwardedFor, "10.0.0.1", other), "10.0.0.1");
    let others: &[(_, &[u8])] = &[("x-real-ip", b"203.0.113.9"), ("client-ip", b"203.0.113.9")];
    assert_eq!(client(XForwardedFor, "10.0.0.1", others), "10.0.0.1");
}

#[test]
fn untrusted_peer_is_the_client_whatever_it_sends() {
    let headers: &[(_, &[u8])] =
        &[("forwarded", b"for=203.0.113.9"), ("x-forwarded-for", b"203.0.113.9")];
    for header in [Forwarded, XForwardedFor] {
        assert_eq!(client(header, "192.0.2.7", headers), "192.0.2.7");
        assert_eq!(client(header, "::ffff:192.0.2.7", headers), "192.0.2.7");
        assert_eq!(client(header, "2001:db8::7", headers), "2001:db8::7");
        // A proxy, as a dual-stack socket reports it.
        assert_eq!(client(header, "::ffff:10.0.0.1", headers), "203.0.113.9");
    }
    let map = HeaderMap::from_iter([(
        HeaderName::from_static("x-forwarded-for"),
        HeaderValue::from_static("203.0.113.9"),
    )]);
    let by_default = TrustedProxies::default();
    let address = by_default.client_address("10.0.0.1".parse().unwrap(), &map);
    assert_eq!(address.to_string(), "10.0.0.1");
}

#[test]
fn reports_trusted_networks() {
    let proxies = TrustedProxies::new(Forwarded, ["10.0.0.0/8".parse().unwrap()]);
    assert!(!proxies.is_empty() && TrustedProxies::none().is_empty());
    for (address, is_trusted) in
        [("10.1.2.3", true), ("::ffff:10.1.2.3", true), ("192.0.2.1", false), ("::1", false)]
    {
        assert_eq!(proxies.contains(address.parse().unwrap()), is_trusted, "{address}");
        assert!(!TrustedProxies::none().contains(address.parse().unwrap()));
    }
}

/// A network with a prefix of 56, 64 or 96 bits within `64:ff9b:1::/48` contains its proxies.
#[test]
fn local_use_prefixes_of_any_length_are_trusted() {
    let headers = HeaderMap::from_iter([(
        HeaderName::from_static("x-forwarded-for"),
        HeaderValue::from_static("192.0.2.1"),
    )]);
    for (network, peer) in [
        ("64:ff9b:1:a00::/56", "64:ff9b:1:a05:6:700::"),
        ("64:ff9b:1:aa0a::/64", "64:ff9b:1:aa0a:5:607::"),
        ("64:ff9b:1:aaaa:a::/80", "64:ff9b:1:aaaa:a:506:700::"),
        ("64:ff9b:1:fffe::a00:0/104", "64:ff9b:1:fffe::10.5.6.7"),
    ] {
        let proxies = TrustedProxies::new(XForwardedFor, [network.parse().unwrap()]);
        let peer = peer.parse().unwrap();
        assert!(proxies.contains(peer), "{peer} in {network}");
        assert_eq!(proxies.client_address(peer, &headers).to_string(), "192.0.2.1", "{network}");
        let other = TrustedProxies::none().client_address(peer, &headers);
        assert_eq!(other.to_string(), "10.5.6.7", "{peer}");
        assert!(!proxies.contains("64:ff9b:1:bbbb::11.5.6.7".parse().unwrap()), "{network}");
    }
}

#[test]
fn networks_and_addresses_have_one_form() {
    let headers = HeaderMap::from_iter([(
        HeaderName::from_static("x-forwarded-for"),
        HeaderValue::from_static("192.0.2.1"),
    )]);
    let peers = ["10.0.0.1", "::ffff:10.0.0.1", "64:ff9b::10.0.0.1", "2001:db8:64::a00:1"];
    for network in ["10.0.0.1", "::ffff:10.0.0.0/104", "64:ff9b::10.0.0.1", "2001:db8:64::a00:1"] {
        let proxies = TrustedProxies::new(XForwardedFor, [network.parse().unwrap()])
            .with_nat64_prefixes(["2001:db8:64::/96".parse().unwrap()])
            .unwrap();
        for peer in peers.map(|peer| peer.parse().unwrap()) {
            assert!(proxies.contains(peer), "{peer} in {network}");
            assert_eq!(proxies.client_address(peer, &headers).to_string(), "192.0.2.1");
        }
        let other = "::ffff:11.0.0.1".parse().unwrap();
        assert_eq!(proxies.client_address(other, &headers).to_string(), "11.0.0.1");
    }
    let translated = "2001:db8:64::c000:201".parse().unwrap();
    let prefixes = ["2001:db8:64::/96".parse().unwrap()];
    let proxies = TrustedProxies::none().with_nat64_prefixes(prefixes).unwrap();
    assert_eq!(proxies.client_address(translated, &headers).to_string(), "192.0.2.1");
    assert!(!proxies.is_empty());
}
