//! Tests of the counts of rejections, and of their summaries.

use super::*;

/// The first second of a minute.
const START: i64 = 1_795_370_580;

fn limiter(per_source: u32, total: u32) -> RejectionLimiter {
    let limits = RejectionLimits::default().with_per_source(per_source).unwrap();
    RejectionLimiter::new(limits.with_total(total).unwrap())
}

fn event(kind: EventKind, address: &str, second: i64) -> AuditEvent {
    AuditEvent {
        at: Timestamp::from_second(START + second).unwrap(),
        kind,
        outcome: Outcome::Failure,
        user: Some(AuditIdentity { id: None, name: "workload".to_owned() }),
        actor: None,
        session: None,
        client: ClientInfo { address: address.parse().ok(), user_agent: None },
        request: None,
        reason: None,
    }
}

fn denial(address: &str, second: i64) -> [AuditEvent; 1] {
    [event(EventKind::PermissionDenied, address, second)]
}

/// Makes this number of rejections, and returns how many are admitted.
fn admitted(limiter: &RejectionLimiter, events: &[AuditEvent], rejections: usize) -> usize {
    (0..rejections).filter(|_| limiter.check(events).is_recorded).count()
}

/// Returns the name or the address of the source, the kind, and the number of each summary.
fn described(summaries: &[AuditEvent]) -> Vec<(String, &'static str, u64)> {
    let described = summaries.iter().map(|event| {
        let Some(Reason::MoreWithinMinute(count)) = event.reason else {
            panic!("{event:?} is no summary");
        };
        assert_eq!(event.outcome, Outcome::Failure);
        let address = event.client.address.map(|address| address.to_string());
        let name = event.user.as_ref().map(|identity| identity.name.clone());
        (address.or(name).unwrap_or_default(), event.kind.as_str(), count)
    });
    described.collect()
}

fn summary(source: &str, count: u64) -> (String, &'static str, u64) {
    (source.to_owned(), "permission.denied", count)
}

#[test]
fn counts_rejections_past_the_limit_of_a_source() {
    let limiter = limiter(3, 100);
    for (address, admitted_of_ten) in [
        ("192.0.2.1", 3),
        ("::ffff:192.0.2.1", 0),
        ("2001:db8:0:1::7", 3),
        ("2001:db8:0:1:ffff::8", 0),
        ("2001:db8:0:2::7", 3),
        ("unknown", 3),
    ] {
        assert_eq!(admitted(&limiter, &denial(address, 0), 10), admitted_of_ten, "{address}");
    }
    let mut found = described(&limiter.take_summaries());
    found.sort();
    let expected = [
        summary("192.0.2.1", 17),
        summary("2001:db8:0:1::", 17),
        summary("2001:db8:0:2::", 7),
        summary("workload", 7),
    ];
    assert_eq!(found, expected);
    assert!(limiter.take_summaries().is_empty(), "each rejection is counted once");
    assert_eq!(admitted(&limiter, &denial("192.0.2.1", 59), 1), 0, "the minute is the same");
    assert_eq!(described(&limiter.take_summaries()), [summary("192.0.2.1", 1)]);
}

#[test]
fn next_minute_records_again_after_the_summaries() {
    let limiter = limiter(3, 100);
    assert_eq!(admitted(&limiter, &denial("192.0.2.1", 0), 4), 3);
    assert_eq!(admitted(&limiter, &denial("192.0.2.1", 42), 4), 0);
    let next = limiter.check(&denial("192.0.2.2", 60));
    assert!(next.is_recorded);
    assert_eq!(described(&next.summaries), [summary("192.0.2.1", 5)]);
    assert_eq!(next.summaries[0].at.as_second(), START + 42, "the last one");
    assert_eq!(admitted(&limiter, &denial("192.0.2.1", 61), 4), 3);
}

/// Requests that began before the end of a minute, or a clock that was set back.
#[test]
fn late_events_do_not_start_the_minute_again() {
    let limiter = limiter(3, 100);
    let mut recorded = 0;
    for _ in 0..100 {
        recorded += admitted(&limiter, &denial("192.0.2.1", 60), 1);
        recorded += admitted(&limiter, &denial("192.0.2.1", 59), 1);
    }
    assert_eq!(recorded, 3);
    let counting = limiter.check(&denial("192.0.2.2", 59));
    assert!(counting.is_recorded && counting.summaries.is_empty(), "{counting:?}");
    // The timer of the window ends it whatever the clock says.
    let id = limiter.window().id;
    assert_eq!(described(&limiter.end(id)), [summary("192.0.2.1", 197)]);
    assert_eq!(admitted(&limiter, &denial("192.0.2.1", 0), 4), 3);
}

/// Neither those without an account nor their networks keep denials of accounts out of the log.
#[test]
fn accounts_have_a_budget_of_their_own() {
    let limits = RejectionLimits::default().with_per_source(2).unwrap();
    let limits = limits.with_total(6).unwrap().with_accounts_total(4).unwrap();
    let limiter = RejectionLimiter::new(limits);
    let of_account = |id, kind, address: &str| {
        let user = AuditIdentity { id: Some(UserId::new(id)), name: "alice".to_owned() };
        [AuditEvent { user: Some(user), ..event(kind, address, 0) }]
    };
    let unknown = [AuditEvent { user: None, ..event(EventKind::LoginFailure, "10.0.0.1", 0) }];
    assert_eq!(admitted(&limiter, &unknown, 10), 2);
    let locked = of_account(7, EventKind::LoginLocked, "10.0.0.2");
    assert_eq!(admitted(&limiter, &locked, 10), 2, "anyone can cause it");
    assert_eq!(admitted(&limiter, &denial("10.0.0.3", 0), 10), 2, "of a workload");
    assert_eq!(admitted(&limiter, &denial("10.0.0.4", 0), 10), 0, "the total is reached");
    for (id, address, expected) in [(7, "10.0.0.1", 2), (8, "10.0.0.4", 2), (9, "10.0.0.5", 0)] {
        let denial = of_account(id, EventKind::PermissionDenied, address);
        assert_eq!(admitted(&limiter, &denial, 10), expected, "{address}");
    }
    let counted: u64 = limiter
        .take_summaries()
        .iter()
        .map(|summary| match summary.reason {
            Some(Reason::MoreWithinMinute(count)) => count,
            _ => 0,
        })
        .sum();
    assert_eq!(counted, 70 - 6 - 4, "each is recorded or counted");
}

/// An account that many networks use leaves room for the records of others.
#[test]
fn one_account_has_a_part_of_the_budget() {
    let limits = RejectionLimits::default().with_per_source(2).unwrap();
    let limiter = RejectionLimiter::new(limits.with_accounts_total(12).unwrap());
    let denial_of = |account, host| {
        let user = AuditIdentity { id: Some(UserId::new(account)), name: "a".to_owned() };
        let event = event(EventKind::PermissionDenied, &format!("10.0.0.{host}"), 0);
        [AuditEvent { user: Some(user), ..event }]
    };
    let recorded: usize = (0..20).map(|host| admitted(&limiter, &denial_of(7, host), 10)).sum();
    assert_eq!(recorded, 3);
    assert_eq!(admitted(&limiter, &denial_of(8, 1), 10), 1, "the limit of the source");
    assert_eq!(admitted(&limiter, &denial_of(8, 20), 10), 2);
    assert_eq!(admitted(&limiter, &denial_of(9, 21), 10), 2);
    let summaries = limiter.take_summaries();
    let counted: u64 = described(&summaries).iter().map(|(_, _, count)| count).sum();
    assert_eq!(counted, 20 * 10 + 3 * 10 - 8, "each is recorded or counted");
    assert_eq!(limiter.window().accounts.sources.len(), 4);
}

#[test]
fn window_that_counts_ends_once() {
    let limiter = limiter(3, 100);
    for _ in 0..3 {
        assert_eq!(limiter.check(&denial("192.0.2.1", 10)).counting, None);
    }
    let (window, left) = limiter.check(&denial("192.0.2.1", 15)).counting.unwrap();
    assert_eq!(left, Duration::from_secs(45));
    assert_eq!(limiter.check(&denial("192.0.2.1", 16)).counting, None, "one timer is enough");
    assert_eq!(described(&limiter.end(window)), [summary("192.0.2.1", 2)]);
    assert_eq!(admitted(&limiter, &denial("192.0.2.1", 16), 4), 3);
    assert!(limiter.end(window).is_empty(), "it has ended");
    assert_eq!(described(&limiter.take_summaries()), [summary("192.0.2.1", 1)]);
}

#[test]
fn summaries_count_each_kind() {
    let limiter = limiter(1, 100);
    let violation = event(EventKind::PolicyViolation, "192.0.2.1", 0);
    let events = [violation, denial("192.0.2.1", 0)[0].clone()];
    assert_eq!(admitted(&limiter, &events, 3), 1);
    assert_eq!(admitted(&limiter, &events[1..], 1), 0);
    let found = described(&limiter.take_summaries());
    let violations = ("192.0.2.1".to_owned(), "policy.violation", 2);
    assert_eq!(found, [summary("192.0.2.1", 3), violations]);
}

#[test]
fn sources_past_the_total_have_one_summary_and_no_memory() {
    let limiter = limiter(3, 10);
    let mut all = 0;
    for host in 0..1000 {
        let address = format!("10.0.{}.{}", host / 250, host % 250);
        all += admitted(&limiter, &denial(&address, 0), 4);
    }
    assert_eq!(all, 10);
    assert_eq!(limiter.window().other_callers.sources.len(), 4);
    let mut found = described(&limiter.take_summaries());
    found.sort();
    let expected = [
        summary("", 4 * 996),
        summary("10.0.0.0", 1),
        summary("10.0.0.1", 1),
        summary("10.0.0.2", 1),
        summary("10.0.0.3", 3),
    ];
    assert_eq!(found, expected);
}

#[test]
fn summaries_name_the_sources_with_the_most_rejections() {
    let limiter = limiter(1, 1000);
    for host in 0..250 {
        let further = if host == 249 { 9 } else { 1 };
        admitted(&limiter, &denial(&format!("10.0.0.{host}"), 0), 1 + further);
    }
    let found = described(&limiter.take_summaries());
    assert_eq!(found.len(), MAX_NAMED + 1);
    assert_eq!(found[0], summary("10.0.0.249", 9));
    assert_eq!(found[MAX_NAMED], summary("", 150));
}
