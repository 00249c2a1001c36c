//! Requests start streams while these are checked and their session ends.
//!
//! Each of these faults makes a test fail: `finish_check` without the comparison of versions,
//! `request_check` that leaves the time of the next check, and `poll_end` that does not look at the
//! end under the lock.

use shuttle::future::block_on;
use shuttle::thread::{self, JoinHandle};

use super::*;

/// The default number of schedules of each of both tests.
const SCHEDULES: usize = 50_000;
/// How many requests start a stream.
const REQUESTS: usize = 2;
/// How often the sweeper looks for requested checks while they do.
const SWEEPS: usize = 2;

/// Starts a stream, and a thread that waits for its end.
fn start_stream(session: &Session) -> Option<JoinHandle<StreamEnd>> {
    let watch = session.request()?;
    watch.open().unwrap();
    Some(thread::spawn(move || block_on(watch.ended())))
}

/// Runs requests and a sweeper beside the end of the session.
fn run(end: fn(&Session), finish: fn(&Session)) {
    let session = Session::new(None, StreamSettings::default());
    let spawn = |work: fn(&Session) -> Option<JoinHandle<StreamEnd>>| {
        let session = Arc::clone(&session);
        thread::spawn(move || work(&session))
    };
    let requests: Vec<_> = (0..REQUESTS).map(|_| spawn(start_stream)).collect();
    let sweeper = spawn(|session| {
        for _ in 0..SWEEPS {
            session.check_requested();
        }
        None
    });
    end(&session);
    let streams: Vec<_> = requests.into_iter().filter_map(|it| it.join().unwrap()).collect();
    sweeper.join().unwrap();
    finish(&session);
    for stream in streams {
        assert_eq!(stream.join().unwrap(), ENDED);
    }
    session.assert_closed();
}

/// No other check than the requested ones is made.
#[test]
fn event_ends_all_streams_at_once() {
    run_schedules(SCHEDULES, || run(Session::end_by_event, Session::check_all_requested));
}

/// The checks in the middle of the lease see the end.
#[test]
fn silent_feed_delays_the_end_to_the_next_check() {
    run_schedules(SCHEDULES, || {
        run(
            |session| session.is_ended.store(true, Ordering::SeqCst),
            |session| {
                let half_lease = state::micros(StreamSettings::DEFAULT_LEASE / 2);
                session.check_due(now().saturating_add(half_lease));
            },
        );
    });
}
