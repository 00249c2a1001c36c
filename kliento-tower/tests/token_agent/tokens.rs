//! `TokenAgent` and `VerifiedSource`: which tokens are handed out.

use std::time::Duration;

use kliento_core::issue::{KeyAlgorithm, RsaSigner};
use kliento_core::{Member, SignerKind, Token};
use kliento_tower::TrustAnchors;
use kliento_tower::client::{BundleError, ChainSource, LocalSigner, ReadyHeader, TokenAgent};

use crate::clock::ManualClock;
use crate::fixture::{
    AUDIENCE, START, ScriptedFetcher, anchors, chain, chain_of_other_key, key, name, organisation,
    source, verify,
};

const TOMORROW: &str = "2026-11-23T18:00:00Z";

/// A chain that was fetched, and a signer that reads it.
async fn signer(clock: &ManualClock, messages: Vec<Vec<u8>>) -> (ChainSource, LocalSigner) {
    let source = source(&ScriptedFetcher::new([Ok(messages)]), clock);
    source.refresh().await.unwrap();
    let (chain, token) = (source.clone(), Token::new("not used"));
    let signer = LocalSigner::self_certified(name(), chain, Member::Bot, key(), token);
    (source, signer.with_clock(clock.clone()))
}

fn agent(clock: &ManualClock, signer: LocalSigner) -> TokenAgent {
    TokenAgent::new().with_signer(signer).with_trust_anchors(anchors()).with_clock(clock.clone())
}

fn assert_valid(ready: &ReadyHeader, clock: &ManualClock) {
    for at in [clock.time(), ready.valid_until()] {
        verify(ready, &anchors(), at).unwrap();
    }
}

#[tokio::test]
async fn reuses_a_token_until_shortly_before_it_expires() {
    let clock = ManualClock::new(START);
    let (_chain, signer) = signer(&clock, chain("2026-11-22T00:00:00Z", TOMORROW)).await;
    let agent = agent(&clock, signer);
    let token = Token::new(AUDIENCE);
    let first = agent.token(&token).await.unwrap();
    assert_eq!(first.valid_until().to_string(), "2026-11-22T18:05:00Z");
    assert_valid(&first, &clock);
    assert!(first.value().is_sensitive());
    clock.advance(Duration::from_secs(269));
    assert_eq!(agent.token(&token).await.unwrap(), first);
    clock.advance(Duration::from_secs(2));
    // The cached bundle is handed out while another one is signed.
    let renewed = async {
        while agent.token(&token).await.unwrap() == first {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), renewed).await.expect("renewed in time");
    let second = agent.token(&token).await.unwrap();
    assert_eq!(second.valid_until().to_string(), "2026-11-22T18:09:31Z");
    assert_valid(&second, &clock);
}

/// The cached token is not valid yet.
#[tokio::test]
async fn signs_again_if_the_clock_is_set_back() {
    let clock = ManualClock::new(START);
    let (_chain, signer) = signer(&clock, chain("2026-11-22T00:00:00Z", TOMORROW)).await;
    let agent = agent(&clock, signer);
    agent.token(&Token::new(AUDIENCE)).await.unwrap();
    clock.set("2026-11-22T17:59:00Z");
    let ready = agent.token(&Token::new(AUDIENCE)).await.unwrap();
    assert_valid(&ready, &clock);
    assert_eq!(ready.valid_until().to_string(), "2026-11-22T18:04:00Z");
}

#[tokio::test]
async fn keeps_tokens_with_other_claims_apart() {
    let clock = ManualClock::new(START);
    let (_chain, signer) = signer(&clock, chain("2026-11-22T00:00:00Z", TOMORROW)).await;
    let agent = agent(&clock, signer).with_capacity(2).unwrap();
    let read = Token::new(AUDIENCE).with_claim("permission", "read");
    let write = Token::new(AUDIENCE).with_claim("permission", "write");
    for token in [&read, &write, &Token::new(AUDIENCE), &Token::new("https://other.example")] {
        let ready = agent.token(token).await.unwrap();
        let verified = verify(&ready, &anchors(), clock.time()).unwrap();
        assert_eq!((verified.audience(), verified.claims()), (token.audience(), token.claims()));
        assert_eq!(verified.subject_id(), "example.com");
    }
    let cached = agent.cached();
    assert!(!cached.is_empty() && cached.len() <= 2, "{}", cached.len());
}

/// The token is valid for 5 minutes, the chain for one.
#[tokio::test]
async fn token_expires_with_the_chain() {
    let clock = ManualClock::new(START);
    let end = "2026-11-22T18:01:00Z";
    let (_chain, signer) = signer(&clock, chain("2026-11-22T00:00:00Z", end)).await;
    let agent = agent(&clock, signer);
    let ready = agent.token(&Token::new(AUDIENCE)).await.unwrap();
    assert_eq!(ready.valid_until().to_string(), end);
    assert_valid(&ready, &clock);
    clock.advance(Duration::from_secs(61));
    let error = agent.token(&Token::new(AUDIENCE)).await.unwrap_err();
    assert!(matches!(&error, BundleError::Source(_)), "{error}");
    assert_eq!(TokenAgent::retry_after(&error), Duration::from_secs(5));
    assert!(agent.cached().is_empty());
}

#[tokio::test]
async fn hands_out_nothing_that_services_would_reject() {
    let clock = ManualClock::new(START);
    let from = "2026-11-22T00:00:00Z";
    let (_chain, other_key) = signer(&clock, chain_of_other_key(from, TOMORROW)).await;
    let error = agent(&clock, other_key).token(&Token::new(AUDIENCE)).await.unwrap_err();
    assert!(error.to_string().contains("no token bundle"), "{error}");

    let (_chain, signer) = signer(&clock, chain(from, TOMORROW)).await;
    let other_root = agent(&clock, signer).with_trust_anchors(TrustAnchors::iana());
    other_root.token(&Token::new(AUDIENCE)).await.unwrap_err();
    assert!(other_root.cached().is_empty());
}

/// The chain in the member id bundle has expired; that of the source is valid.
#[tokio::test]
async fn member_signs_with_a_fresh_chain() {
    let clock = ManualClock::new(START);
    let (source, _) = signer(&clock, chain("2026-11-22T00:00:00Z", TOMORROW)).await;
    let old = chain("2026-11-01T00:00:00Z", "2026-11-02T00:00:00Z");
    let alice = organisation("2026-11-01T00:00:00Z", "2026-12-01T00:00:00Z").with_chain(old);
    let alice = alice.member("alice").unwrap();
    let id = alice.id_bundle().unwrap();
    let member = LocalSigner::member(id, alice.key().clone(), Token::new(""));
    let member = member.with_clock(clock.clone());
    agent(&clock, member.clone()).token(&Token::new(AUDIENCE)).await.unwrap_err();
    let agent = agent(&clock, member.with_chain(source));
    let ready = agent.token(&Token::new(AUDIENCE)).await.unwrap();
    assert_valid(&ready, &clock);
    let verified = verify(&ready, &anchors(), clock.time()).unwrap();
    assert_eq!(
        (verified.subject_id().as_str(), verified.signer()),
        ("alice@example.com", SignerKind::Member)
    );
}

#[tokio::test]
async fn issues_the_certificate_of_a_member_that_signs() {
    let clock = ManualClock::new(START);
    let (source, _) = signer(&clock, chain("2026-11-22T00:00:00Z", TOMORROW)).await;
    let alice: Member = "alice".parse().unwrap();
    let signer = LocalSigner::self_certified(name(), source, alice, key(), Token::new(""));
    let signer = signer.with_clock(clock.clone());
    let member_key = RsaSigner::generate(KeyAlgorithm::Rsa2048).unwrap();
    for (signer, expected) in [
        (signer.clone(), SignerKind::Organisation),
        (signer.with_member_signer(member_key), SignerKind::Member),
    ] {
        let ready = agent(&clock, signer).token(&Token::new(AUDIENCE)).await.unwrap();
        assert_valid(&ready, &clock);
        let verified = verify(&ready, &anchors(), clock.time()).unwrap();
        assert_eq!(
            (verified.subject_id().as_str(), verified.signer()),
            ("alice@example.com", expected)
        );
    }
}

/// VeraId Authority signs the token of its signature spec, whatever the agent asks for.
#[tokio::test]
async fn source_of_an_audience_has_its_own_claims() {
    let clock = ManualClock::new(START);
    let (_chain, signer) = signer(&clock, chain("2026-11-22T00:00:00Z", TOMORROW)).await;
    let fixed = signer.clone().with_token(Token::new(AUDIENCE).with_claim("from", "the source"));
    let agent =
        TokenAgent::new().with_source(AUDIENCE, fixed).with_source("https://b.example", signer);
    let agent = agent.with_trust_anchors(anchors()).with_clock(clock.clone());
    let ready = agent.token(&Token::new(AUDIENCE)).await.unwrap();
    let verified = verify(&ready, &anchors(), clock.time()).unwrap();
    assert_eq!(verified.claims()["from"], "the source");
    let other = Token::new(AUDIENCE).with_claim("from", "the caller");
    agent.token(&other).await.unwrap_err();
    agent.token(&Token::new("https://c.example")).await.unwrap_err();
}

/// A caller whose token a service has refused gets another one, at most every 10 seconds.
#[tokio::test]
async fn issues_a_fresh_token_within_bounds() {
    let clock = ManualClock::new(START);
    let (_chain, signer) = signer(&clock, chain("2026-11-22T00:00:00Z", TOMORROW)).await;
    let agent = agent(&clock, signer);
    let token = Token::new(AUDIENCE);
    let first = agent.token(&token).await.unwrap();
    clock.advance(Duration::from_secs(9));
    assert_eq!(agent.fresh_token(&token).await.unwrap(), first);
    clock.advance(Duration::from_secs(1));
    let second = agent.fresh_token(&token).await.unwrap();
    assert_eq!(second.valid_until().to_string(), "2026-11-22T18:05:10Z");
    assert_valid(&second, &clock);
    assert_eq!(agent.token(&token).await.unwrap(), second);
    assert_eq!(agent.fresh_token(&token).await.unwrap(), second);
}
