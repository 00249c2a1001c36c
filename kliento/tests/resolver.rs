//! The command's resolver against a real one: BIND, over UDP, TCP and HTTPS.
#![cfg(feature = "cli")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test may end by a panic"
)]

#[path = "../../veraid/tests/name_server/mod.rs"]
mod name_server;
#[path = "../src/bin/kliento/resolver/mod.rs"]
mod resolver;

use std::env;
use std::process::Command;

use name_server::{
    ALIAS, ED25519, INSECURE, LAME, MANY_RECORDS, MISSING, NameServers, Organisation, SKIPS_A_LABEL,
};
use resolver::{Resolver, ResolverError};
use veraid::retrieval::{ResponseError, RetrievalError};
use veraid::{DnssecChain, TrustAnchor};

#[tokio::test]
async fn retrieves_over_udp_and_tcp() {
    let servers = NameServers::start();
    let resolver = Resolver::Address(servers.resolver());
    retrieve_all(&resolver, servers.trust_anchor()).await;
}

#[test]
fn retrieves_over_https() {
    let servers = NameServers::start();
    let child = Command::new(env::current_exe().unwrap())
        .args(["--exact", "--ignored", "retrieves_over_https_in_a_child"])
        .env("SSL_CERT_FILE", servers.certificate())
        .env("NO_PROXY", "127.0.0.1")
        .env("TEST_RESOLVER", servers.https())
        .env("TEST_TRUST_ANCHOR", servers.trust_anchor())
        .output()
        .unwrap();
    let output = String::from_utf8_lossy(&child.stdout);
    assert!(child.status.success() && output.contains("1 passed"), "{output}{}", servers.log());
}

/// Root certificates and proxies come from the environment, which a test must not change for
/// others.
#[tokio::test]
#[ignore = "retrieves_over_https runs it with the environment that it needs"]
async fn retrieves_over_https_in_a_child() {
    let resolver: Resolver = env::var("TEST_RESOLVER").unwrap().parse().unwrap();
    assert!(matches!(resolver, Resolver::Https(_)));
    retrieve_all(&resolver, &env::var("TEST_TRUST_ANCHOR").unwrap()).await;
    let other_path: Resolver = format!("{resolver}/other").parse().unwrap();
    let not_found = error(&other_path, &ED25519).await;
    assert!(
        matches!(not_found, ResolverError::HttpResponse { status, .. } if status == 404),
        "{not_found}"
    );
    let untrusted = NameServers::start();
    let error = error(&untrusted.https().parse().unwrap(), &ED25519).await;
    assert!(matches!(error, ResolverError::Https { .. }), "{error}");
    assert!(error.to_string().contains("certificate"), "{error}");
}

async fn retrieve_all(resolver: &Resolver, trust_anchor: &str) {
    let anchors: [TrustAnchor; 1] = [trust_anchor.parse().unwrap()];
    for organisation in [ED25519, SKIPS_A_LABEL, MANY_RECORDS] {
        let owner = organisation.txt_owner();
        let messages = resolver.retrieve(&owner).await.unwrap();
        let chain = DnssecChain::from_messages(messages.iter().map(Vec::as_slice)).unwrap();
        let at = "2030-01-01T00:00:00Z".parse().unwrap();
        let proven = chain.verify_at(&owner, at, &anchors).unwrap();
        assert_eq!(proven.records().len(), organisation.records);
    }
    let unsigned = error(resolver, &INSECURE).await;
    assert!(matches!(unsigned, ResolverError::Retrieval(RetrievalError::Unsigned { .. })));
    let alias = error(resolver, &ALIAS).await;
    assert!(matches!(alias, ResolverError::Retrieval(RetrievalError::Alias { .. })));
    let missing = error(resolver, &MISSING).await;
    assert!(matches!(missing, ResolverError::Retrieval(RetrievalError::NoRecords { .. })));
    let lame = error(resolver, &LAME).await;
    let servfail = ResponseError::Rcode("SERVFAIL".into());
    assert!(matches!(lame, ResolverError::Response { source, .. } if source == servfail));
}

async fn error(resolver: &Resolver, organisation: &Organisation) -> ResolverError {
    resolver.retrieve(&organisation.txt_owner()).await.unwrap_err()
}
