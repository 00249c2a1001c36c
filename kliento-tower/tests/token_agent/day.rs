//! A day of an agent whose name servers roll their keys and are away for hours.
//!
//! The name servers are BIND, over loopback. Time is that of a manual clock, in steps of 10 minutes.

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use kliento_core::issue::{KeyAlgorithm, RsaSigner, Signer as _, txt_record};
use kliento_core::{Member, Token};
use kliento_tower::TrustAnchors;
use kliento_tower::client::{
    ChainFetcher, ChainSource, LocalSigner, ReadyHeader, Resolver, TokenAgent,
};

use crate::clock::ManualClock;
use crate::fixture::{AUDIENCE, verify};
use crate::named::{NameServers, Roll};

const STEP: Duration = Duration::from_secs(600);
const STEPS_PER_HOUR: u32 = 6;
const HOUR: Duration = Duration::from_secs(3600);

/// The resolver. While it is away, the test does not wait for its timeouts.
struct ImpatientResolver {
    resolver: Resolver,
    is_away: Arc<AtomicBool>,
}

#[async_trait]
impl ChainFetcher for ImpatientResolver {
    async fn fetch(&self, owner: &str) -> Result<Vec<Vec<u8>>, Box<dyn Error + Send + Sync>> {
        let is_away = self.is_away.load(Ordering::SeqCst);
        let timeout = Duration::from_millis(if is_away { 200 } else { 30_000 });
        tokio::time::timeout(timeout, self.resolver.fetch(owner)).await?
    }
}

/// The name servers, the agent, and every token that a workload still has.
struct Day {
    servers: NameServers,
    clock: ManualClock,
    is_away: Arc<AtomicBool>,
    anchors: TrustAnchors,
    chain: ChainSource,
    agent: TokenAgent,
    held: Vec<ReadyHeader>,
    invalid_chains: u32,
}

#[tokio::test]
async fn hands_out_no_token_that_a_fresh_verifier_rejects() {
    let mut day = Day::start();
    let (mut handed_out, mut unavailable) = (0, Vec::new());
    for step in 0..24 * STEPS_PER_HOUR {
        if step.is_multiple_of(STEPS_PER_HOUR) {
            day.begin_hour(step / STEPS_PER_HOUR);
        }
        day.renew().await;
        if day.ask().await {
            handed_out += 1;
        } else {
            unavailable.push(step / STEPS_PER_HOUR);
        }
        day.verify_held();
        day.clock.advance(STEP);
    }
    // The signatures of 13:00 expire at 17:00, and the servers are away from 14:00 to 20:00.
    assert!(unavailable.iter().all(|hour| (17..20).contains(hour)), "{unavailable:?}");
    assert!(unavailable.len() >= 17, "{unavailable:?}");
    assert_eq!(handed_out + unavailable.len(), 24 * 6);
    // Abrupt rolls left wrong keys in the resolver's cache.
    assert!(day.invalid_chains > 0);
}

impl Day {
    fn start() -> Self {
        let key = RsaSigner::generate(KeyAlgorithm::Rsa2048).unwrap();
        let record = txt_record(key.subject_public_key_info(), HOUR, None).unwrap();
        let servers = NameServers::new(&record.to_string());
        let (anchors, clock) = (servers.trust_anchors(), ManualClock::new("2030-01-01T00:00:00Z"));
        let is_away = Arc::new(AtomicBool::new(false));
        let resolver = servers.resolver().to_string().parse().unwrap();
        let resolver = ImpatientResolver { resolver, is_away: Arc::clone(&is_away) };
        let name = "example.test".parse().unwrap();
        let chain = ChainSource::new(name, resolver);
        let chain = chain.with_trust_anchors(anchors.clone()).with_clock(clock.clone());
        let name = "example.test".parse().unwrap();
        let (source, token) = (chain.clone(), Token::new(""));
        let signer = LocalSigner::self_certified(name, source, Member::Bot, key, token);
        let signer = signer.with_lifetime(Duration::from_secs(900)).unwrap();
        let agent = TokenAgent::new().with_signer(signer.with_clock(clock.clone()));
        let agent = agent.with_trust_anchors(anchors.clone()).with_clock(clock.clone());
        let (held, invalid_chains) = (Vec::new(), 0);
        Self { servers, clock, is_away, anchors, chain, agent, held, invalid_chains }
    }

    /// Does what the name servers' operators do at this hour.
    fn begin_hour(&mut self, hour: u32) {
        let now = self.clock.time();
        let servers = &mut self.servers;
        if hour == 0 {
            servers.sign(NameServers::EXAMPLE, now, 4 * HOUR, Roll::None);
            servers.sign(NameServers::TEST, now, 12 * HOUR, Roll::None);
            servers.sign(NameServers::ROOT, now, 30 * HOUR, Roll::None);
        }
        let is_outage = (14..20).contains(&hour);
        match hour {
            // Twice without a warning.
            3 | 11 => servers.sign(NameServers::EXAMPLE, now, 4 * HOUR, Roll::Abrupt),
            1 | 5 | 7 | 9 | 13 | 20.. => {
                servers.sign(NameServers::EXAMPLE, now, 4 * HOUR, Roll::Prepublished);
            }
            _ => {}
        }
        match hour {
            6 | 12 | 20 => servers.sign(NameServers::TEST, now, 12 * HOUR, Roll::Prepublished),
            8 | 21 => servers.sign(NameServers::ROOT, now, 30 * HOUR, Roll::Prepublished),
            _ => {}
        }
        // At 6 the resolver stays away for two hours; at 14 both do for six.
        match hour {
            6 | 7 => servers.stop_resolver(),
            14..20 => {
                servers.stop_authority();
                servers.stop_resolver();
            }
            // The resolver's cache has the keys of before the abrupt rolls for an hour.
            3 | 11 => servers.start_authority(),
            _ => {
                servers.start_authority();
                servers.start_resolver();
            }
        }
        self.is_away.store(is_outage || matches!(hour, 6 | 7), Ordering::SeqCst);
    }

    async fn renew(&mut self) {
        if let Err(error) = self.chain.refresh_if_due().await {
            let is_invalid = error.to_string().contains("the fetched chain is invalid");
            self.invalid_chains += u32::from(is_invalid);
            let is_expected = is_invalid || self.is_away.load(Ordering::SeqCst);
            assert!(is_expected, "{}: {error}\n{}", self.clock.time(), self.servers.log());
        }
    }

    /// Asks for two tokens, and returns whether the agent hands them out.
    async fn ask(&mut self) -> bool {
        let plain = self.agent.token(&Token::new(AUDIENCE)).await;
        let claim = Token::new(AUDIENCE).with_claim("permission", "read-only");
        let claim = self.agent.token(&claim).await;
        assert_eq!(plain.is_ok(), claim.is_ok(), "{}", self.clock.time());
        let is_chain_valid = self.chain.current().is_ok();
        assert_eq!(plain.is_ok(), is_chain_valid, "{}: {plain:?}", self.clock.time());
        self.held.extend([plain, claim].into_iter().flatten());
        is_chain_valid
    }

    /// Verifies each token now and at its expiry.
    fn verify_held(&mut self) {
        let now = self.clock.time();
        self.held.retain(|ready| now <= ready.valid_until());
        for ready in &self.held {
            for at in [now, ready.valid_until()] {
                verify(ready, &self.anchors, at).unwrap_or_else(|error| panic!("{now}: {error}"));
            }
        }
    }
}
