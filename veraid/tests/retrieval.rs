//! Chains from real name servers: signed and resolved by BIND, retrieved and verified by this
//! crate.
#![cfg(feature = "retrieve")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test may end by a panic"
)]

mod name_server;

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream, UdpSocket};
use std::time::Duration;

use name_server::{
    ALIAS, ED25519, INSECURE, LAME, MANY_RECORDS, MISSING, NameServers, Organisation,
    SKIPS_A_LABEL, TEXT,
};
use veraid::retrieval::{ChainRetrieval, Query, ResponseError, RetrievalError};
use veraid::{DnssecChain, DnssecError, Timestamp, TrustAnchor, TxtRrset};

#[test]
fn verifies_retrieved_chains_of_signed_zones() {
    let servers = NameServers::start();
    for organisation in [ED25519, SKIPS_A_LABEL, MANY_RECORDS] {
        for ask in [ask_tcp_only, ask_udp_then_tcp] {
            let messages = retrieve(&servers, &organisation, ask).unwrap();
            let proven = verify(&messages, &organisation, servers.trust_anchor()).unwrap();
            assert_eq!(proven.zone(), organisation.zone);
            assert_eq!(proven.records()[0], [TEXT.as_bytes()]);
            assert_eq!(proven.records().len(), organisation.records);
            let octets: usize = messages.iter().map(Vec::len).sum();
            assert!(octets < 8192, "{octets} octets of a bundle's 16,384");
        }
        assert!(is_secure_to_resolver(&servers, &organisation), "{}", servers.log());
    }
    assert!(!is_secure_to_resolver(&servers, &INSECURE));
}

#[test]
fn rejects_retrieved_chain_for_other_anchors_and_times() {
    let servers = NameServers::start();
    let messages = retrieve(&servers, &ED25519, ask_tcp_only).unwrap();
    let other = NameServers::start();
    let rejected = verify(&messages, &ED25519, other.trust_anchor()).unwrap_err();
    assert!(matches!(rejected, DnssecError::UntrustedKeys { .. }), "{rejected}");
    let anchors = [servers.trust_anchor().parse().unwrap()];
    for (at, is_inside) in [
        ("2019-12-31T23:59:59Z", false),
        ("2020-01-01T00:00:00Z", true),
        ("2050-01-01T00:00:00Z", true),
        ("2050-01-01T00:00:01Z", false),
    ] {
        let proven =
            chain(&messages).verify_at(&ED25519.txt_owner(), at.parse().unwrap(), &anchors);
        assert_eq!(proven.is_ok(), is_inside, "{at}: {proven:?}");
    }
}

#[test]
fn reports_truncated_responses() {
    let servers = NameServers::start();
    let retrieval = ChainRetrieval::new(&MANY_RECORDS.txt_owner()).unwrap();
    let query = retrieval.unanswered().pop().unwrap();
    let cut = query_udp(servers.resolver(), query.message());
    assert!(cut.len() <= 1232, "{}", cut.len());
    assert_eq!(query.check(&cut), Err(ResponseError::Truncated));
    let whole = query_tcp(servers.resolver(), query.message());
    assert!(whole.len() > 1232, "{}", whole.len());
    assert_eq!(query.check(&whole), Ok(()));
}

#[test]
fn rejects_organisations_without_signed_records() {
    let servers = NameServers::start();
    let error =
        |organisation: &Organisation| retrieve(&servers, organisation, ask_tcp_only).unwrap_err();
    let owner = INSECURE.txt_owner();
    assert_eq!(error(&INSECURE), RetrievalError::Unsigned { owner });
    let owner = ALIAS.txt_owner();
    assert_eq!(error(&ALIAS), RetrievalError::Alias { owner });
    let owner = MISSING.txt_owner();
    assert_eq!(error(&MISSING), RetrievalError::NoRecords { owner, is_name_missing: true });
    let servfail = ResponseError::Rcode("SERVFAIL".into());
    assert!(matches!(error(&LAME), RetrievalError::Response { error, .. } if error == servfail));
}

/// Returns all messages from the resolver. Each transport has its own message IDs.
fn retrieve(
    servers: &NameServers,
    organisation: &Organisation,
    ask: fn(SocketAddr, &Query) -> Vec<u8>,
) -> Result<Vec<Vec<u8>>, RetrievalError> {
    let mut retrieval = ChainRetrieval::for_organisation(&organisation.name.parse().unwrap())?;
    for (id, query) in (1000..).zip(retrieval.unanswered()) {
        let query = query.with_id(id);
        retrieval.answer(&query, &ask(servers.resolver(), &query))?;
    }
    retrieval.finish()
}

fn query_udp(resolver: SocketAddr, query: &[u8]) -> Vec<u8> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    socket.connect(resolver).unwrap();
    socket.send(query).unwrap();
    let mut response = vec![0; 65_535];
    let length = socket.recv(&mut response).unwrap();
    response.truncate(length);
    response
}

fn query_tcp(resolver: SocketAddr, query: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(resolver).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let length = u16::try_from(query.len()).unwrap();
    stream.write_all(&[&length.to_be_bytes(), query].concat()).unwrap();
    let mut length = [0; 2];
    stream.read_exact(&mut length).unwrap();
    let mut response = vec![0; u16::from_be_bytes(length).into()];
    stream.read_exact(&mut response).unwrap();
    response
}

fn ask_udp_then_tcp(resolver: SocketAddr, query: &Query) -> Vec<u8> {
    let response = query_udp(resolver, query.message());
    match query.check(&response) {
        Err(ResponseError::Truncated) => query_tcp(resolver, query.message()),
        _ => response,
    }
}

fn ask_tcp_only(resolver: SocketAddr, query: &Query) -> Vec<u8> {
    query_tcp(resolver, query.message())
}

/// Returns whether BIND finds the TXT records secure (AD), without CD in the query.
fn is_secure_to_resolver(servers: &NameServers, organisation: &Organisation) -> bool {
    let retrieval = ChainRetrieval::new(&organisation.txt_owner()).unwrap();
    let query = retrieval.unanswered().pop().unwrap();
    let mut checked = query.message().to_vec();
    checked[3] &= !0x10;
    query_tcp(servers.resolver(), &checked)[3] & 0x20 != 0
}

fn chain(messages: &[Vec<u8>]) -> DnssecChain<'_> {
    DnssecChain::from_messages(messages.iter().map(Vec::as_slice)).unwrap()
}

fn verify(
    messages: &[Vec<u8>],
    organisation: &Organisation,
    trust_anchor: &str,
) -> Result<TxtRrset, DnssecError> {
    let at: Timestamp = "2030-01-01T00:00:00Z".parse().unwrap();
    let anchor: TrustAnchor = trust_anchor.parse().unwrap();
    chain(messages).verify_at(&organisation.txt_owner(), at, &[anchor])
}
