//! Writes lines from a thread of its own, and counts those that are lost.

use std::fmt;
use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use crate::{Supervisor, event};

/// How many lines may wait to be written.
const MAX_LINES: usize = 8_192;
/// How many octets may wait to be written.
const MAX_OCTETS: usize = 8 * 1_024 * 1_024;
/// How long the end of a program waits for the last lines.
const FLUSH_TIMEOUT: Duration = Duration::from_millis(500);
/// The shortest time between two events about lost lines.
const REPORT_INTERVAL: Duration = Duration::from_secs(1);
/// How long to wait for a descriptor that is in non-blocking mode and full.
const RETRY_DELAY: Duration = Duration::from_millis(10);

/// Queues lines for the thread that writes them. Cheap to clone, never waits, never fails.
///
/// Each call of [`write`](Write::write) is a line, as `tracing_subscriber::fmt` makes them.
#[derive(Clone)]
pub struct LogWriter {
    lines: SyncSender<Vec<u8>>,
    counts: Arc<Counts>,
}

/// Waits, when it is dropped, until the queued lines are written: at most half a second.
#[must_use = "dropping it waits for the lines so far"]
pub struct LogGuard(Arc<Counts>);

#[derive(Default)]
struct Counts {
    lines: AtomicUsize,
    octets: AtomicUsize,
    lost: AtomicU64,
}

impl LogWriter {
    /// Starts the thread that writes to `output`.
    ///
    /// # Errors
    /// [`io::Error`] if the thread cannot be started.
    pub fn start(output: impl Write + Send + 'static) -> io::Result<(Self, LogGuard)> {
        let (sender, receiver) = sync_channel(MAX_LINES);
        let counts = Arc::new(Counts::default());
        let thread_counts = Arc::clone(&counts);
        let run = move || write_lines(output, &receiver, &thread_counts);
        #[expect(clippy::disallowed_methods, reason = "supervised: each line is a turn")]
        thread::Builder::new().name("log".to_owned()).spawn(run)?;
        let guard = LogGuard(Arc::clone(&counts));
        Ok((Self { lines: sender, counts }, guard))
    }

    /// Queues a line, or counts it as lost.
    pub fn push(&self, line: Vec<u8>) {
        let octets = line.len();
        self.counts.lines.fetch_add(1, Ordering::AcqRel);
        let queued = self.counts.octets.fetch_add(octets, Ordering::AcqRel);
        if queued.saturating_add(octets) > MAX_OCTETS || self.lines.try_send(line).is_err() {
            self.counts.lose();
            self.counts.finish(octets);
        }
    }
}

impl Write for LogWriter {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.push(line.to_vec());
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl LogGuard {
    /// Returns how many lines were lost so far.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.0.lost.load(Ordering::Acquire)
    }
}

impl Drop for LogGuard {
    fn drop(&mut self) {
        let start = Instant::now();
        while self.0.lines.load(Ordering::Acquire) > 0 && start.elapsed() < FLUSH_TIMEOUT {
            thread::sleep(Duration::from_millis(1));
        }
    }
}

impl Counts {
    fn lose(&self) {
        self.lost.fetch_add(1, Ordering::AcqRel);
        #[cfg(feature = "metrics")]
        crate::telemetry::isolate(|| {
            #[expect(clippy::disallowed_macros, reason = "isolated: above")]
            metrics::counter!("log_lines_lost_total").increment(1);
        });
    }

    /// Counts a line as written or lost.
    fn finish(&self, octets: usize) {
        self.octets.fetch_sub(octets, Ordering::AcqRel);
        self.lines.fetch_sub(1, Ordering::AcqRel);
    }
}

fn write_lines(mut output: impl Write, lines: &Receiver<Vec<u8>>, counts: &Counts) {
    let supervisor = Supervisor::new("log");
    let (mut reported, mut reported_at) = (0, None::<Instant>);
    for line in lines {
        // Writers of users may panic.
        let written = supervisor.run_iteration(|| write_line(&mut output, &line));
        let is_written = matches!(written, Some(Ok(())));
        if !is_written {
            counts.lose();
        }
        let lost = counts.lost.load(Ordering::Acquire);
        let is_due = reported_at.is_none_or(|at| at.elapsed() >= REPORT_INTERVAL);
        if is_written && lost > reported && is_due {
            // Through the subscriber, which has the format of the log.
            event!(warn, lost = lost - reported, total = lost, "log lines lost");
            (reported, reported_at) = (lost, Some(Instant::now()));
        }
        counts.finish(line.len());
    }
}

/// Writes a line. It waits for a descriptor that another process has made non-blocking.
fn write_line(output: &mut impl Write, mut line: &[u8]) -> io::Result<()> {
    while !line.is_empty() {
        match output.write(line) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => line = line.get(written..).unwrap_or_default(),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => thread::sleep(RETRY_DELAY),
            Err(error) => return Err(error),
        }
    }
    output.flush()
}

impl fmt::Debug for LogWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogWriter").finish_non_exhaustive()
    }
}

impl fmt::Debug for LogGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogGuard").field("lost", &self.lost()).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::sync::mpsc::{Sender, channel};

    use super::*;

    /// Sends each line that is written, after it was allowed to.
    struct GatedOutput(Sender<Vec<u8>>, Arc<Mutex<()>>);

    impl Write for GatedOutput {
        fn write(&mut self, line: &[u8]) -> io::Result<usize> {
            drop(self.1.lock().unwrap());
            match line {
                b"panic" => panic!("on purpose"),
                b"fail" => Err(io::ErrorKind::StorageFull.into()),
                line => {
                    self.0.send(line.to_vec()).unwrap();
                    Ok(line.len())
                }
            }
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn blocked_output_costs_lines_and_not_time() {
        let (sender, lines) = channel();
        let gate = Arc::new(Mutex::new(()));
        let (writer, guard) = LogWriter::start(GatedOutput(sender, Arc::clone(&gate))).unwrap();
        let closed = gate.lock().unwrap();
        for _ in 0..MAX_LINES + 100 {
            writer.push(b"line".to_vec());
        }
        // One may be in the hands of the thread.
        assert!((99..=100).contains(&guard.lost()), "{}", guard.lost());
        drop(closed);
        let written = MAX_LINES + 100 - usize::try_from(guard.lost()).unwrap();
        assert_eq!(lines.iter().take(written).count(), written);
        writer.push(vec![b'x'; MAX_OCTETS + 1]);
        assert!((100..=101).contains(&guard.lost()));
    }

    #[test]
    fn failed_lines_are_counted() {
        let (sender, lines) = channel();
        let (writer, guard) = LogWriter::start(GatedOutput(sender, Arc::default())).unwrap();
        for line in ["a", "fail", "panic", "b"] {
            writer.push(line.into());
        }
        assert_eq!(lines.recv().unwrap(), b"a");
        assert_eq!(lines.recv().unwrap(), b"b");
        assert_eq!(guard.lost(), 2);
        drop(guard);
    }
}
