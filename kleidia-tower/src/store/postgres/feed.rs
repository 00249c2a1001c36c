//! The feed: a connection of its own on which a node receives the changes of all nodes.
//!
//! PostgreSQL delivers notifications in the order of the commits. So a node that receives its own
//! heartbeat has received everything that was committed before it sent that.

use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::{Mutex, PoisonError};
use std::task::Poll;
use std::time::{Duration, Instant};

use http_guard::{LogLimiter, Supervisor, event, log_text_up_to};
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tokio::time::error::Elapsed;
use tokio::time::{sleep, timeout};
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::{AsyncMessage, Client, Config, Connection, Socket, Statement};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::error::store_error;
use super::events::CHANNEL;
use super::notification::{Heartbeat, Notification, text};
use super::options::PostgresOptions;
use crate::session::{SessionEvent, SessionEvents};
use crate::store::StoreError;
use crate::store::without_subscriber::without_subscriber;
use crate::telemetry::MAX_ERROR_CHARACTERS;

/// How long a heartbeat may take before the connection is closed.
const HEARTBEAT_TIMEOUT: Duration = Duration::from_secs(2);
/// The pause before the first attempt to connect again. It doubles with each one that fails, up to a
/// second: all is well within 2 s after the database is back.
const MIN_PAUSE: Duration = Duration::from_millis(50);
const MAX_PAUSE: Duration = Duration::from_secs(1);

/// The feed of a store. It connects when the first one asks for the events.
pub(super) struct Feed {
    listener: Listener,
    runtime: Handle,
    state: Mutex<State>,
}

enum State {
    Idle,
    Listening(JoinHandle<()>),
    Closed,
}

/// Connects, listens and connects again.
#[derive(Clone)]
struct Listener {
    config: Config,
    connector: MakeRustlsConnect,
    set_up: String,
    connection_timeout: Duration,
    events: SessionEvents,
}

/// A connection that listens. Dropping it closes the connection.
struct Listening {
    client: Client,
    notify: Statement,
    channel: String,
    heartbeats: HeartbeatReceiver,
    receiver: Receiver,
}

/// What ends the wait for the next heartbeat.
enum Wake {
    Closed,
    KeysWithdrawn,
}

/// The task that receives what the connection delivers.
struct Receiver(JoinHandle<()>);

/// What the receiver needs to recognise the heartbeats of its own connection: one of an earlier
/// connection does not prove that this one has missed nothing.
#[derive(Clone)]
struct HeartbeatReceiver {
    events: SessionEvents,
    connection: u64,
    started_at: Instant,
}

type RustlsStream = <MakeRustlsConnect as MakeTlsConnect<Socket>>::Stream;

impl Feed {
    /// Needs a Tokio runtime.
    pub(super) fn new(
        config: Config,
        connector: MakeRustlsConnect,
        options: &PostgresOptions,
    ) -> Self {
        let (set_up, connection_timeout) = (options.set_up(), options.connection_timeout);
        let events = SessionEvents::with_feed();
        let listener = Listener { config, connector, set_up, connection_timeout, events };
        Self { listener, runtime: Handle::current(), state: Mutex::new(State::Idle) }
    }

    pub(super) const fn events(&self) -> &SessionEvents {
        &self.listener.events
    }

    /// Returns the events, and starts to listen to other nodes.
    pub(super) fn listen(&self) -> SessionEvents {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if matches!(*state, State::Idle) {
            #[expect(clippy::disallowed_methods, reason = "supervised: each step is an iteration")]
            let task = self.runtime.spawn(self.listener.clone().run());
            *state = State::Listening(task);
        }
        self.events().clone()
    }

    pub(super) fn close(&self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let State::Listening(task) = &*state {
            task.abort();
        }
        *state = State::Closed;
    }
}

impl Listener {
    async fn run(self) {
        static LOSSES: LogLimiter = LogLimiter::per_second(1);
        let Some(supervisor) = self.events.feed_supervisor() else { return };
        let _running = supervisor.start();
        let mut pause = MIN_PAUSE;
        loop {
            let started_at = Instant::now();
            let Err(error) = self.listen(supervisor).await;
            // What happens until it listens again is not received.
            self.events.publish(SessionEvent::Missed);
            supervisor.record(&Err::<(), _>(&error), started_at);
            if let Some(suppressed) = LOSSES.allow() {
                let error = log_text_up_to(MAX_ERROR_CHARACTERS, error);
                event!(warn, error, suppressed, "session feed lost");
            }
            if started_at.elapsed() > MAX_PAUSE {
                pause = MIN_PAUSE;
            }
            sleep(jittered(pause)).await;
            pause = (2 * pause).min(MAX_PAUSE);
        }
    }

    /// Listens until the connection is lost.
    async fn listen(&self, supervisor: &Supervisor) -> Result<Infallible, StoreError> {
        let connecting = timeout(self.connection_timeout, without_subscriber(self.connect()));
        let mut listening = run_iteration(supervisor, connecting).await?;
        // What happened before is not received either.
        self.events.publish(SessionEvent::Missed);
        loop {
            let heartbeat =
                timeout(HEARTBEAT_TIMEOUT, without_subscriber(listening.send_heartbeat()));
            run_iteration(supervisor, heartbeat).await?;
            let wake = self.wait(&mut listening.receiver);
            match timeout(self.events.heartbeat_interval(), wake).await {
                // The next heartbeat is due.
                Err(_) => {}
                Ok(Wake::Closed) => {
                    return Err(StoreError::unavailable("the connection is closed"));
                }
                Ok(Wake::KeysWithdrawn) => {
                    let notified = timeout(
                        HEARTBEAT_TIMEOUT,
                        without_subscriber(listening.notify_of_withdrawal()),
                    );
                    let notified = run_iteration(supervisor, notified).await;
                    // The next connection sends it.
                    notified.inspect_err(|_| self.events.notify_of_withdrawal())?;
                }
            }
        }
    }

    async fn wait(&self, receiver: &mut Receiver) -> Wake {
        let Some(withdrawal) = self.events.withdrawal() else { return Wake::Closed };
        let mut withdrawal = pin!(withdrawal);
        poll_fn(|context| {
            if Pin::new(&mut receiver.0).poll(context).is_ready() {
                return Poll::Ready(Wake::Closed);
            }
            withdrawal.as_mut().poll(context).map(|()| Wake::KeysWithdrawn)
        })
        .await
    }

    async fn connect(&self) -> Result<Listening, StoreError> {
        let connecting = self.config.connect(self.connector.clone());
        let (client, connection) = connecting.await.map_err(store_error)?;
        let id = getrandom::u64().map_err(StoreError::unavailable)?;
        let events = self.events.clone();
        let heartbeats = HeartbeatReceiver { events, connection: id, started_at: Instant::now() };
        let receiving = without_subscriber(heartbeats.clone().receive(connection));
        #[expect(clippy::disallowed_methods, reason = "supervised: its end closes the connection")]
        let receiver = Receiver(tokio::spawn(receiving));
        // Operators can tell it from the connections of requests.
        let set_up = format!("{}; SET application_name = 'kleidia-feed'", self.set_up);
        client.batch_execute(&set_up).await.map_err(store_error)?;
        let channel = client.query_one(CHANNEL, &[]).await.map_err(store_error)?;
        let channel: String = channel.try_get(0).map_err(store_error)?;
        let notify = client.prepare("SELECT pg_notify($1, $2)").await.map_err(store_error)?;
        client.batch_execute(&format!("LISTEN {channel}")).await.map_err(store_error)?;
        Ok(Listening { client, notify, channel, heartbeats, receiver })
    }
}

impl Listening {
    /// Sends a heartbeat on the connection that listens: so it takes no connection of requests, and
    /// also makes the server deliver what it has not yet delivered.
    async fn send_heartbeat(&self) -> Result<(), StoreError> {
        let HeartbeatReceiver { connection, started_at, .. } = self.heartbeats;
        let sent_ns = u64::try_from(started_at.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.send(&Heartbeat { connection, sent_ns }.text()).await
    }

    async fn notify_of_withdrawal(&self) -> Result<(), StoreError> {
        self.send(&text(SessionEvent::KeysWithdrawn).unwrap_or_default()).await
    }

    async fn send(&self, text: &str) -> Result<(), StoreError> {
        let sent = self.client.execute(&self.notify, &[&self.channel, &text]).await;
        sent.map(drop).map_err(store_error)
    }
}

impl HeartbeatReceiver {
    /// Publishes what is received, until the connection is closed.
    async fn receive(self, mut connection: Connection<Socket, RustlsStream>) {
        while let Some(Ok(message)) = poll_fn(|cx| connection.poll_message(cx)).await {
            if let AsyncMessage::Notification(notification) = message {
                self.on_notification(Notification::parse(notification.payload()));
            }
        }
    }

    fn on_notification(&self, notification: Notification) {
        match notification {
            Notification::Event(event) => self.events.publish(event),
            Notification::Heartbeat(heartbeat) if heartbeat.connection == self.connection => {
                let sent_at = Duration::from_nanos(heartbeat.sent_ns);
                let known_at = Instant::now();
                let as_of = self.started_at.checked_add(sent_at).filter(|at| *at <= known_at);
                let Some(as_of) = as_of else { return };
                if let Some(supervisor) = self.events.feed_supervisor() {
                    supervisor.record(&Ok::<_, StoreError>(()), as_of);
                }
                self.events.publish(SessionEvent::UpToDate { as_of, known_at });
            }
            Notification::Heartbeat(_) => {}
        }
    }
}

/// Runs a step, and returns an error if it fails, panics or takes too long.
async fn run_iteration<T>(
    supervisor: &Supervisor,
    step: impl Future<Output = Result<Result<T, StoreError>, Elapsed>>,
) -> Result<T, StoreError> {
    match supervisor.run_async_iteration(step).await {
        Some(Ok(outcome)) => outcome,
        Some(Err(_)) => Err(StoreError::unavailable("the database does not answer")),
        None => Err(StoreError::unavailable("the feed panicked")),
    }
}

/// Returns half to all of a pause, so that nodes do not connect at the same time.
fn jittered(pause: Duration) -> Duration {
    let percent = 50 + getrandom::u32().unwrap_or_default() % 51;
    pause * percent / 100
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        self.close();
    }
}
