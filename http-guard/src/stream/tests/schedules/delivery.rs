//! A stream that is suspended, while checks renew it and its session ends.
//!
//! Each of these faults makes a test fail: `poll_delivery` that does not look at the validity again
//! under the lock, `renew` that stores the validity after it has taken the waiters, and `poll_frame`
//! that does not look at the end first.

use std::cell::Cell;
use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame};
use http_body_util::BodyExt as _;
use shuttle::future::block_on;
use shuttle::thread;

use super::*;

/// A body with some frames at once, and then none.
struct Frames(usize);

const FRAMES: usize = 4;

impl Body for Frames {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.0 == 0 {
            return Poll::Pending;
        }
        self.0 -= 1;
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b"data")))))
    }
}

/// Opens a stream that delivers nothing before its first check.
fn suspended(session: &Session) -> WatchedBody<Frames> {
    session.request().unwrap().wrap(Frames(FRAMES)).unwrap()
}

fn session() -> Arc<Session> {
    Session::new(Some(Duration::ZERO), StreamSettings::default())
}

#[test]
fn renewal_resumes_a_suspended_stream() {
    run_schedules(SCHEDULES, || {
        let session = session();
        let mut body = suspended(&session);
        let reader = thread::spawn(move || {
            (0..FRAMES).for_each(|_| drop(block_on(body.frame()).unwrap().unwrap()));
        });
        session.check_requested();
        reader.join().unwrap();
        session.assert_closed();
    });
}

#[test]
fn nothing_is_delivered_after_the_end() {
    run_schedules(SCHEDULES, || {
        let session = session();
        let mut body = suspended(&session);
        let has_ended = Arc::new(sync::AtomicBool::new(false));
        let ended = Arc::clone(&has_ended);
        let reader = thread::spawn(move || {
            block_on(poll_fn(|context| {
                loop {
                    let is_late = ended.load(Ordering::SeqCst);
                    match ready!(Pin::new(&mut body).poll_frame(context)).unwrap() {
                        Ok(_) => assert!(!is_late, "delivered after the end"),
                        Err(error) => return Poll::Ready(error.to_string()),
                    }
                }
            }))
        });
        let checked = Arc::clone(&session);
        let sweeper = thread::spawn(move || checked.check_all_requested());
        session.end_by_event();
        has_ended.store(true, Ordering::SeqCst);
        sweeper.join().unwrap();
        assert_eq!(reader.join().unwrap(), "stream ended: session_ended");
        session.assert_closed();
    });
}

#[test]
fn future_does_not_run_after_the_end() {
    run_schedules(SCHEDULES, || {
        let session = session();
        let watch = session.request().unwrap();
        watch.open().unwrap();
        let has_ended = Arc::new(sync::AtomicBool::new(false));
        let ended = Arc::clone(&has_ended);
        let runner = thread::spawn(move || {
            let (polls, mut left) = (Cell::new(0), FRAMES);
            let mut running = pin!(watch.run_until_ended(poll_fn(|context| {
                polls.set(polls.get() + 1);
                if left > 0 {
                    left -= 1;
                    context.waker().wake_by_ref();
                }
                Poll::<()>::Pending
            })));
            block_on(poll_fn(|context| {
                let (is_late, before) = (ended.load(Ordering::SeqCst), polls.get());
                let poll = running.as_mut().poll(context);
                assert!(!is_late || polls.get() == before, "run after the end");
                poll
            }))
        });
        session.check_requested();
        session.end_by_event();
        has_ended.store(true, Ordering::SeqCst);
        assert_eq!(runner.join().unwrap(), Err(ENDED));
        session.assert_closed();
    });
}
