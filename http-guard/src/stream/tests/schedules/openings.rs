//! Streams that are opened and closed at the same time: their limit, the shutdown, and what is
//! left of them.
//!
//! Each of these faults makes a test fail: `open` that counts the streams, or looks for the
//! shutdown, before it has the lock.

use shuttle::thread;

use super::*;

/// Opens a stream in each of two threads, and returns what they got.
fn open_two(session: &Arc<Session>) -> [thread::JoinHandle<Result<StreamWatch, StreamEnd>>; 2] {
    [(), ()].map(|()| {
        let watch = session.request().unwrap();
        thread::spawn(move || watch.open().map(|()| watch))
    })
}

#[test]
fn limit_holds_for_streams_that_are_opened_together() {
    run_schedules(SCHEDULES, || {
        let settings = StreamSettings::default().with_max_per_principal(1).unwrap();
        let session = Session::new(None, settings);
        let opened = open_two(&session).map(|opening| opening.join().unwrap());
        assert_eq!(opened.iter().filter(|it| it.is_ok()).count(), 1);
        assert_eq!(session.registry.len(), 1);
        drop(opened);
        session.assert_closed();
    });
}

#[test]
fn shutdown_misses_no_stream() {
    run_schedules(SCHEDULES, || {
        let session = Session::new(None, StreamSettings::default());
        let openings = open_two(&session);
        session.registry.shut_down();
        for opening in openings {
            let opened = opening.join().unwrap();
            let end = opened.as_ref().map_or_else(|end| Some(*end), StreamWatch::try_ended);
            assert_eq!(end, Some(StreamEnd::SERVER_SHUTDOWN));
        }
        session.assert_closed();
    });
}

#[test]
fn stream_is_opened_once_and_closed_with_its_last_watch() {
    run_schedules(SCHEDULES, || {
        let settings = StreamSettings::default().with_max_per_principal(1).unwrap();
        let session = Session::new(None, settings);
        let watch = session.request().unwrap();
        let users = [(), ()].map(|()| {
            let watch = watch.clone();
            thread::spawn(move || watch.open().unwrap())
        });
        drop(watch);
        session.end_by_event();
        for user in users {
            user.join().unwrap();
        }
        session.assert_closed();
    });
}
