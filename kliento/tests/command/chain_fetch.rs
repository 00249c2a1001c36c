//! `kliento chain fetch`, from BIND over UDP, TCP and HTTPS.

use std::path::Path;

use crate::middlebox::{self, DNSKEY, DS, Fault};
use crate::name_server::{
    ALIAS, ED25519, INSECURE, LAME, MANY_RECORDS, MISSING, NameServers, Organisation, SKIPS_A_LABEL,
};
use crate::run::{Run, command, feed, kliento};

#[test]
fn verifies_chains_over_udp_and_tcp() {
    let servers = NameServers::start();
    assert_chains_valid(&servers, &servers.resolver().to_string());
}

#[test]
fn verifies_chains_over_https() {
    let servers = NameServers::start();
    assert_chains_valid(&servers, &servers.https());
}

fn assert_chains_valid(servers: &NameServers, resolver: &str) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("chain.der");
    for organisation in [ED25519, SKIPS_A_LABEL, MANY_RECORDS] {
        let run = fetch(servers, resolver, &organisation, &file);
        assert_eq!((run.status, run.errors.as_str()), (0, ""), "{run:?} {}", servers.log());
        let chain = ["chain", "verify", "--json", file.to_str().unwrap()];
        let at = ["--trust-anchor", servers.trust_anchor(), "--at", "2030-01-01T00:00:00Z"];
        let run = kliento(&[chain, at].concat());
        assert_eq!(run.status, 0, "{run:?}");
        assert_eq!(run.json()["zone"], organisation.zone);
        assert_eq!(run.json()["records"].as_array().unwrap().len(), organisation.records);
    }
}

#[test]
fn reports_unusable_chain_without_writing_it() {
    let servers = NameServers::start();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("chain.der");
    for resolver in [servers.resolver().to_string(), servers.https()] {
        for (organisation, reason) in [
            (INSECURE, "unsigned TXT records at _veraid.insecure.test"),
            (ALIAS, "_veraid.alias.example.test is an alias"),
            (MISSING, "no TXT records at _veraid.missing.example.test: no such name"),
            (LAME, "response code SERVFAIL"),
        ] {
            let run = fetch(&servers, &resolver, &organisation, &file);
            assert_eq!((run.status, run.errors.contains(reason)), (2, true), "{run:?}");
        }
    }
    assert!(!file.exists());
}

/// Questions about names that are not zones, as for `SKIPS_A_LABEL`.
const NOT_NEEDED: &[(&str, u16)] = &[
    ("co.test.", DS),
    ("co.test.", DNSKEY),
    ("corp.example.co.test.", DS),
    ("_veraid.corp.example.co.test.", DNSKEY),
];

#[test]
fn leaves_out_questions_that_the_chain_does_not_need() {
    let servers = NameServers::start();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("chain.der");
    for fault in [Fault::Rcode(2), Fault::Rcode(5), Fault::Silence] {
        let resolver = middlebox::start(servers.resolver(), NOT_NEEDED, fault).to_string();
        let run = fetch(&servers, &resolver, &SKIPS_A_LABEL, &file);
        assert_eq!(run.status, 0, "{fault:?}: {run:?} {}", servers.log());
        assert_eq!(run.errors.matches("left out of the chain: ").count(), 4, "{run:?}");
        let chain = ["chain", "verify", "--json", file.to_str().unwrap()];
        let run = kliento(&[&chain[..], &["--trust-anchor", servers.trust_anchor()]].concat());
        assert_eq!(run.status, 0, "{fault:?}: {run:?}");
        assert_eq!(run.json()["zone"], SKIPS_A_LABEL.zone);
    }
}

#[test]
fn slow_responses_do_not_delay_other_questions() {
    // Two for each of six names, but the root has no DS and the owner also has TXT records.
    const QUESTIONS: usize = 12;
    let servers = NameServers::start();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("chain.der");
    let fault = Fault::HeldUntil(QUESTIONS);
    let (resolver, received) = middlebox::start_recording(servers.resolver(), NOT_NEEDED, fault);
    let run = fetch(&servers, &resolver.to_string(), &SKIPS_A_LABEL, &file);
    assert_eq!((run.status, run.errors.as_str()), (0, ""), "{run:?} {}", servers.log());
    // The first question is for the root's keys, and eight are sent at a time.
    let before = received.before_txt_records().unwrap();
    assert!(before <= 8, "{before}");
}

#[test]
fn reports_questions_that_the_chain_needs() {
    let servers = NameServers::start();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("chain.der");
    for needed in [
        &[("test.", DNSKEY)],
        &[("test.", DS)],
        &[("example.co.test.", DNSKEY)],
        &[("example.co.test.", DS)],
    ] {
        let fault = Fault::Rcode(2);
        let resolver = middlebox::start(servers.resolver(), needed, fault).to_string();
        let run = fetch(&servers, &resolver, &SKIPS_A_LABEL, &file);
        let reason = "response code SERVFAIL";
        assert_eq!((run.status, run.errors.contains(reason)), (2, true), "{needed:?}: {run:?}");
        assert!(run.errors.contains(needed[0].0), "{run:?}");
    }
    assert!(!file.exists());
}

#[test]
fn reports_unusable_resolvers() {
    let servers = NameServers::start();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("chain.der");
    let other_path = format!("{}/other", servers.https());
    let run = fetch(&servers, &other_path, &ED25519, &file);
    let reason = format!("unexpected response from {other_path}");
    let is_reported = run.errors.contains(&reason) && run.errors.contains("found 404 Not Found");
    assert_eq!((run.status, is_reported), (2, true), "{run:?}");

    let untrusted = NameServers::start();
    let run = fetch(&servers, &untrusted.https(), &ED25519, &file);
    let is_reported = run.errors.contains(&untrusted.https()) && run.errors.contains("certificate");
    assert_eq!((run.status, is_reported), (2, true), "{run:?}");

    let run = fetch(&servers, "dns.example", &ED25519, &file);
    assert_eq!((run.status, run.errors.contains("or an https:// URL")), (2, true), "{run:?}");
    assert!(!file.exists());
}

/// Runs the command with the servers' certificate as the only trusted root certificate.
fn fetch(servers: &NameServers, resolver: &str, organisation: &Organisation, file: &Path) -> Run {
    let file = file.to_str().unwrap();
    let mut fetch =
        command(&["chain", "fetch", organisation.name, "-o", file, "--resolver", resolver]);
    fetch.env("SSL_CERT_FILE", servers.certificate());
    feed(fetch, b"")
}
