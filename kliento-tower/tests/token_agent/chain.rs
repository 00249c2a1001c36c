//! `ChainSource`: what is fetched when, and what stays.

use std::time::Duration;

use kliento_tower::client::{ChainError, ChainFile, ChainSource};
use veraid::DnssecChain;

use crate::clock::ManualClock;
use crate::fixture::{START, ScriptedFetcher, anchors, chain, forged_chain, name, source};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
const TOMORROW: &str = "2026-11-23T18:00:00Z";

#[tokio::test]
async fn renews_before_the_chain_expires() {
    let clock = ManualClock::new(START);
    let later = "2026-11-24T18:00:00Z";
    let results = [Ok(chain(START, TOMORROW)), Ok(chain(START, later))];
    let fetcher = ScriptedFetcher::new(results);
    let source = source(&fetcher, &clock);
    assert!(matches!(source.current(), Err(ChainError::Unavailable(None))));
    source.refresh_if_due().await.unwrap();
    assert_eq!(source.current().unwrap().valid_until().to_string(), TOMORROW);
    for _ in 0..3 {
        source.refresh_if_due().await.unwrap();
        clock.advance(15 * MINUTE);
    }
    assert_eq!(fetcher.calls(), 1);
    clock.advance(15 * MINUTE);
    source.refresh_if_due().await.unwrap();
    assert_eq!(fetcher.calls(), 2);
    assert_eq!(source.current().unwrap().valid_until().to_string(), later);
}

#[tokio::test]
async fn keeps_the_last_valid_chain_while_it_is_valid() {
    let clock = ManualClock::new(START);
    let fetcher = ScriptedFetcher::new([Ok(chain(START, TOMORROW))]);
    let source = source(&fetcher, &clock);
    source.refresh_if_due().await.unwrap();
    clock.set("2026-11-23T17:59:00Z");
    // A chain under another root, one that has expired, one that is malformed, and none.
    fetcher.push(Ok(forged_chain(START, "2026-11-24T18:00:00Z")));
    fetcher.push(Ok(chain("2026-11-21T18:00:00Z", START)));
    fetcher.push(Ok(vec![vec![0; 20]]));
    for expected in [4, 5] {
        while fetcher.calls() < expected {
            source.refresh().await.unwrap_err();
            assert_eq!(source.current().unwrap().valid_until().to_string(), TOMORROW);
        }
    }
    assert!(source.status().error.is_some());
    clock.set("2026-11-23T18:00:01Z");
    let Err(ChainError::Unavailable(Some(cause))) = source.current() else { panic!() };
    assert!(cause.to_string().contains("the resolver is away"), "{cause}");
    fetcher.push(Ok(chain(TOMORROW, "2026-11-24T18:00:00Z")));
    source.refresh().await.unwrap();
    assert!(source.current().is_ok() && source.status().error.is_none());
}

#[tokio::test]
async fn backs_off_after_failures_and_ends_the_delay_when_the_clock_is_set_back() {
    let clock = ManualClock::new(START);
    let fetcher = ScriptedFetcher::default();
    let source = source(&fetcher, &clock);
    let mut last = 0;
    let mut delays = Vec::new();
    for second in 0..1200_u64 {
        let calls = fetcher.calls();
        let _ = source.refresh_if_due().await;
        if fetcher.calls() > calls {
            delays.push(Duration::from_secs(second - last));
            last = second;
        }
        clock.advance(Duration::from_secs(1));
    }
    assert_eq!(delays.remove(0), Duration::ZERO);
    assert!((8..=10).contains(&delays.len()), "{delays:?}");
    for (delay, expected) in delays.iter().zip([5, 10, 20, 40, 80, 160, 300, 300, 300, 300]) {
        // Less a random tenth, and up to the next whole second.
        let seconds = delay.as_secs();
        assert!((expected * 9 / 10..=expected).contains(&seconds), "{delays:?}");
    }
    let calls = fetcher.calls();
    clock.set("2026-11-22T17:00:00Z");
    let _ = source.refresh_if_due().await;
    assert_eq!(fetcher.calls(), calls + 1);
}

#[tokio::test]
async fn restart_uses_the_stored_copy_until_it_expires() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("chain.der");
    let clock = ManualClock::new(START);
    let stored = |fetcher: &ScriptedFetcher| source(fetcher, &clock).with_stored_copy(&path);
    let messages = chain(START, TOMORROW);
    stored(&ScriptedFetcher::new([Ok(messages.clone())])).refresh().await.unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), DnssecChain::messages_to_der(&messages));
    let names: Vec<_> = std::fs::read_dir(&folder).unwrap().collect();
    assert_eq!(names.len(), 1, "{names:?}");

    let away = ScriptedFetcher::default();
    clock.advance(23 * HOUR);
    let restarted = stored(&away);
    restarted.refresh_if_due().await.unwrap_err();
    assert_eq!(restarted.current().unwrap().valid_until().to_string(), TOMORROW);
    assert_eq!(away.calls(), 1);
    clock.advance(2 * HOUR);
    let restarted = stored(&away);
    restarted.refresh_if_due().await.unwrap_err();
    assert!(restarted.current().is_err());
}

#[tokio::test]
async fn ignores_a_damaged_copy_and_reports_one_that_cannot_be_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("chain.der");
    let clock = ManualClock::new(START);
    for octets in [&b""[..], b"\x31\x82", &[0x31, 3, 4, 1, 0]] {
        std::fs::write(&path, octets).unwrap();
        let source = source(&ScriptedFetcher::default(), &clock).with_stored_copy(&path);
        source.refresh_if_due().await.unwrap_err();
        assert!(source.current().is_err());
    }
    let fetcher = ScriptedFetcher::new([Ok(chain(START, TOMORROW))]);
    let source = source(&fetcher, &clock).with_stored_copy(folder.path().join("none/chain.der"));
    source.refresh().await.unwrap();
    assert!(source.current().is_ok());
    let error = source.status().store_error.unwrap().to_string();
    assert!(error.starts_with("writing"), "{error}");
}

#[tokio::test]
async fn task_fetches_a_file_and_ends_when_it_is_dropped() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("chain.der");
    std::fs::write(&path, DnssecChain::messages_to_der(&chain(START, TOMORROW))).unwrap();
    let clock = ManualClock::new(START);
    let source = ChainSource::new(name(), ChainFile::new(&path));
    let source = source.with_trust_anchors(anchors()).with_clock(clock);
    let task = source.start().unwrap();
    let fetched = async {
        while source.current().is_err() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(MINUTE, fetched).await.expect("fetched in time");
    assert_eq!(source.health(), Ok(()));
    drop(task);
    let stopped = async {
        while source.health().is_ok() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(MINUTE, stopped).await.expect("stopped in time");
}

#[test]
fn start_requires_a_runtime() {
    let source = source(&ScriptedFetcher::default(), &ManualClock::new(START));
    assert!(matches!(source.start(), Err(ChainError::NoTokioRuntime)));
}

/// Another resolver, which is away: the last chain of the same organisation is used meanwhile.
#[tokio::test]
async fn adopts_the_chain_of_another_source_if_it_verifies() {
    let clock = ManualClock::new(START);
    let first = source(&ScriptedFetcher::new([Ok(chain(START, TOMORROW))]), &clock);
    let known = first.refresh().await.unwrap();
    let second = source(&ScriptedFetcher::default(), &clock);
    second.adopt(&known).await.unwrap();
    assert_eq!(second.current().unwrap().valid_until().to_string(), TOMORROW);
    second.refresh_if_due().await.unwrap_err();
    assert_eq!(second.current().unwrap().as_der(), known.as_der());

    let other_root = source(&ScriptedFetcher::default(), &clock);
    let other_root = other_root.with_trust_anchors(kliento_tower::TrustAnchors::iana());
    assert!(matches!(other_root.adopt(&known).await, Err(ChainError::Invalid(_))));
    let fetcher = ScriptedFetcher::default();
    let other_name = ChainSource::new("other.example".parse().unwrap(), fetcher);
    let other_name = other_name.with_trust_anchors(anchors()).with_clock(clock.clone());
    other_name.adopt(&known).await.unwrap_err();
    clock.advance(25 * HOUR);
    source(&ScriptedFetcher::default(), &clock).adopt(&known).await.unwrap_err();
    for source in [other_root, other_name] {
        assert!(source.current().is_err());
    }
}
