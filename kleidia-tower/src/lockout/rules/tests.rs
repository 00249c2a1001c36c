//! Tests of the rules, without a store.

use jiff::SignedDuration;

use super::*;

const NOW: Timestamp = Timestamp::constant(1_795_370_580, 0);
const DAY: i64 = 24 * 3600;

/// So many seconds later.
fn later(time: Timestamp, seconds: i64) -> Timestamp {
    time + SignedDuration::from_secs(seconds)
}

fn fails(counters: &mut FailureCounters, policy: &LockoutPolicy, now: Timestamp) -> bool {
    assert_eq!(counters.reserve(policy, now), Reservation::Granted, "at {now}");
    counters.record_failure(policy, now)
}

/// The counters of an unfamiliar client.
fn unfamiliar(account: FailureRow) -> FailureCounters {
    FailureCounters { account, ..FailureCounters::default() }
}

/// The counters of a device or an address with a recent login.
fn familiar(account: FailureRow) -> FailureCounters {
    let client = FailureRow { succeeded_at: Some(later(NOW, -1000)), ..FailureRow::default() };
    FailureCounters { client, account, ..FailureCounters::default() }
}

/// An account with so many consecutive failures.
fn account_with(failures: u32, now: Timestamp) -> FailureRow {
    let mut account = FailureRow::default();
    for _ in 0..failures {
        account.add_failure(&LockoutPolicy::default(), now);
    }
    account
}

/// Makes an attempt with a wrong password, or waits as long as required. Returns how many passwords
/// were evaluated.
fn guess(counters: &mut FailureCounters, policy: &LockoutPolicy, now: &mut Timestamp) -> u32 {
    match counters.reserve(policy, *now) {
        Reservation::Granted => {
            counters.record_failure(policy, *now);
            return 1;
        }
        Reservation::Locked { until } | Reservation::Throttled { until } => {
            assert!(until > *now);
            *now = until;
        }
        Reservation::Busy => panic!("no attempt is pending"),
    }
    0
}

/// Guesses from ever new addresses until a time. Returns how many passwords were evaluated.
fn guess_until(account: &mut FailureRow, now: &mut Timestamp, end: Timestamp) -> u32 {
    let mut evaluated = 0;
    while *now < end {
        let mut counters = unfamiliar(*account);
        evaluated += guess(&mut counters, &LockoutPolicy::default(), now);
        *account = counters.account;
    }
    evaluated
}

#[test]
fn locks_grow_and_expire() {
    let (mut counters, policy) = (FailureCounters::default(), LockoutPolicy::default());
    for failure in 1..=5 {
        assert_eq!(fails(&mut counters, &policy, NOW), failure == 5);
    }
    let mut now = NOW;
    for lock in [60, 120, 240, 480, 900, 900] {
        let until = later(now, lock);
        assert_eq!(counters.reserve(&policy, later(until, -1)), Reservation::Locked { until });
        now = until;
        assert!(fails(&mut counters, &policy, now));
    }
    // Long enough without failures: the next lock is short again.
    now += policy.reset_after();
    for failure in 1..=5 {
        assert_eq!(fails(&mut counters, &policy, now), failure == 5);
    }
    assert_eq!(counters.client.locked_until, later(now, 60));
}

#[test]
fn pending_attempts_give_no_extra_tries() {
    let (mut counters, policy) = (FailureCounters::default(), LockoutPolicy::default());
    for _ in 0..5 {
        assert_eq!(counters.reserve(&policy, NOW), Reservation::Granted);
    }
    assert_eq!(counters.reserve(&policy, NOW), Reservation::Busy);
    counters.release();
    assert_eq!(counters.reserve(&policy, NOW), Reservation::Granted);
    // An attempt that was never settled expires.
    assert_eq!(counters.reserve(&policy, later(NOW, 60)), Reservation::Granted);
    for _ in 0..5 {
        counters.record_failure(&policy, later(NOW, 61));
    }
    assert!(matches!(counters.reserve(&policy, later(NOW, 61)), Reservation::Locked { .. }));
}

#[test]
fn guesses_of_unfamiliar_clients_are_bounded_in_the_long_run() {
    let (mut account, mut now) = (FailureRow::default(), NOW);
    let in_an_hour = guess_until(&mut account, &mut now, later(NOW, 3600));
    assert!((20..=32).contains(&in_an_hour), "{in_an_hour}");
    let in_a_year = guess_until(&mut account, &mut now, later(NOW, 365 * DAY));
    // A hundred in a row, and one per six hours.
    assert!((1400..=1600).contains(&in_a_year), "{in_a_year}");
}

#[test]
fn every_throttle_expires() {
    let policy = LockoutPolicy::default();
    let (mut account, mut now) = (FailureRow::default(), NOW);
    guess_until(&mut account, &mut now, later(NOW, 100 * DAY));
    assert!(account.consecutive(&policy, now) >= 99);
    let wait = now + policy.failure_decay();
    assert_eq!(unfamiliar(account).reserve(&policy, wait), Reservation::Granted);
    // After 25 days without guesses, twenty failures in a row are free again.
    let mut now = later(now, 25 * DAY);
    assert!(account.expires_at <= now, "the row is forgotten");
    let mut evaluated = 0;
    for _ in 0..20 {
        let mut counters = unfamiliar(account);
        evaluated += guess(&mut counters, &policy, &mut now);
        account = counters.account;
    }
    assert_eq!(evaluated, 20);
}

#[test]
fn unfamiliar_clients_do_not_throttle_familiar_ones() {
    let policy = LockoutPolicy::default();
    let (mut account, mut now) = (FailureRow::default(), NOW);
    guess_until(&mut account, &mut now, later(NOW, 10 * DAY));
    // The last guess ended when the next one was allowed.
    let now = later(now, -1);
    assert!(matches!(unfamiliar(account).reserve(&policy, now), Reservation::Throttled { .. }));
    let mut owner = familiar(account);
    assert_eq!(owner.reserve(&policy, now), Reservation::Granted);
    let mut session = FailureCounters { has_session: true, ..unfamiliar(account) };
    assert_eq!(session.reserve(&policy, now), Reservation::Granted);
    owner.record_success(&policy, now);
    assert_eq!(unfamiliar(owner.account).reserve(&policy, now), Reservation::Granted);
}

#[test]
fn familiar_client_with_many_failures_is_unfamiliar() {
    let policy = LockoutPolicy::default();
    for has_session in [false, true] {
        let mut counters = FailureCounters { has_session, ..familiar(FailureRow::default()) };
        let (mut evaluated, mut now) = (0, NOW);
        while now < later(NOW, 365 * DAY) {
            evaluated += guess(&mut counters, &policy, &mut now);
        }
        assert!((1400..=1600).contains(&evaluated), "{evaluated}");
        let mut other = familiar(counters.account);
        assert_eq!(other.reserve(&policy, now), Reservation::Granted, "another device");
    }
}

#[test]
fn clock_set_back_does_not_extend_locks() {
    let (mut counters, policy) = (FailureCounters::default(), LockoutPolicy::default());
    for _ in 0..5 {
        fails(&mut counters, &policy, later(NOW, 1_000_000));
    }
    assert_eq!(counters.reserve(&policy, NOW), Reservation::Locked { until: later(NOW, 900) });
    assert_eq!(counters.reserve(&policy, later(NOW, 900)), Reservation::Granted);
    let ahead = account_with(100, later(NOW, 1000 * DAY));
    let wait = later(NOW, 6 * 3600);
    let throttled = Reservation::Throttled { until: wait };
    let mut counters = unfamiliar(ahead);
    assert_eq!(counters.reserve(&policy, NOW), throttled);
    assert_eq!(counters.reserve(&policy, wait), Reservation::Granted);
}

#[test]
fn throttled_attempts_are_evaluated_one_at_a_time() {
    let policy = LockoutPolicy::default();
    let mut first = unfamiliar(account_with(20, NOW));
    assert_eq!(first.reserve(&policy, NOW), Reservation::Granted);
    let throttled = Reservation::Throttled { until: later(NOW, 1) };
    assert_eq!(unfamiliar(first.account).reserve(&policy, NOW), throttled);
    assert_eq!(familiar(first.account).reserve(&policy, NOW), Reservation::Granted);
}

#[test]
fn does_not_reveal_account_existence() {
    let policy = LockoutPolicy::default();
    let mut random = fastrand::Rng::with_seed(7);
    for failures in [19, 20, 49, 50, 100] {
        let mut known = unfamiliar(account_with(failures, NOW));
        let (mut unknown, mut now, mut pending) = (FailureCounters::default(), NOW, Vec::new());
        for _ in 0..2000 {
            if pending.is_empty() {
                now = later(now, random.i64(0..100));
            }
            if random.bool() {
                let reservations = [known.reserve(&policy, now), unknown.reserve(&policy, now)];
                // Locked and busy are visible to clients; granted and throttled are not.
                let is_pending = |reservation: &Reservation| {
                    matches!(reservation, Reservation::Granted | Reservation::Throttled { .. })
                };
                if reservations.iter().all(is_pending) {
                    pending.push(reservations);
                } else {
                    assert_eq!(reservations[0], reservations[1]);
                }
            } else if let Some(reservations) = pending.pop() {
                let [locks, expected] =
                    [(&mut known, reservations[0]), (&mut unknown, reservations[1])].map(
                        |(counters, reservation)| match reservation {
                            Reservation::Granted => counters.record_failure(&policy, now),
                            _ => counters.record_throttled(&policy, now),
                        },
                    );
                assert_eq!(locks, expected);
            }
            assert_eq!(known.client.locked_until, unknown.client.locked_until);
        }
    }
}

/// However often a client that knows the password logs in: the failures are those of the account.
#[test]
fn second_factors_are_guessed_a_hundred_times_and_then_four_times_a_day() {
    let policy = LockoutPolicy::default();
    let mut counters = FailureCounters { is_second_factor: true, ..FailureCounters::default() };
    let (mut now, mut guesses) = (NOW, Vec::new());
    while guesses.len() < 120 {
        match counters.reserve(&policy, now) {
            Reservation::Granted => {
                counters.record_failure(&policy, now);
                guesses.push(now);
            }
            Reservation::Locked { until } => now = until,
            other => panic!("{other:?}"),
        }
    }
    // Failures decay meanwhile: some more than 100 within the first days.
    let day = SignedDuration::from_secs(DAY);
    let first = guesses.iter().filter(|at| at.duration_since(NOW) < day).count();
    assert!((90..=105).contains(&first), "{first} guesses within a day");
    let last = guesses.windows(5).last().unwrap();
    assert!(last[4].duration_since(last[0]) >= day, "{last:?}");
    assert_eq!(counters.account, FailureRow::default(), "passwords are not affected");
    counters.reserve(&policy, later(now, DAY));
    counters.record_second_factor(&policy);
    assert_eq!(counters.reserve(&policy, later(now, DAY)), Reservation::Granted);
}
