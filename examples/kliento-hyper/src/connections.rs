//! HTTP/1 and HTTP/2 on one port, with headers of the size of a bundle, until asked to stop.

use std::error::Error;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{sleep, timeout};
use tower::{Service, ServiceExt as _};

/// How long the head of a request may be, in octets: a bundle takes 21,856 of them at most, and
/// hyper's default for HTTP/2 is 16 KiB.
const MAX_HEAD_OCTETS: u16 = 32 * 1024;
/// How many connections are open at the same time; further ones wait to be accepted.
const CONNECTIONS: usize = 4_096;
/// How long a client may take to send the head of a request.
const HEAD_TIMEOUT: Duration = Duration::from_secs(15);
/// How long requests may go on after the service was asked to stop.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(20);
/// How long to wait when no connection can be accepted, as when there are no more descriptors.
const PAUSE: Duration = Duration::from_millis(100);

type BoxError = Box<dyn Error + Send + Sync>;

/// Serves until `stopped` ends, and then the requests that are under way.
pub(crate) async fn serve<S, B>(
    listener: TcpListener,
    service: S,
    stopped: impl Future<Output = ()>,
) where
    S: Service<Request<Incoming>, Response = Response<B>> + Clone + Send + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send,
    B: Body<Data: Send, Error: Into<BoxError>> + Send + 'static,
{
    let (builder, graceful) = (builder(), GracefulShutdown::new());
    let permits = Arc::new(Semaphore::new(CONNECTIONS));
    let mut stopped = pin!(stopped);
    loop {
        let accepted = tokio::select! {
            biased;
            () = &mut stopped => break,
            accepted = accept(&listener, &permits) => accepted,
        };
        let (stream, peer, permit) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "no connection can be accepted");
                sleep(PAUSE).await;
                continue;
            }
        };
        let spoke = Arc::new(AtomicBool::new(false));
        let service = TowerToHyperService::new(noting(service.clone(), peer, Arc::clone(&spoke)));
        let connection = builder.serve_connection(TokioIo::new(stream), service).into_owned();
        let connection = graceful.watch(connection);
        tokio::spawn(async move {
            if let Err(error) = unless_silent(connection, &spoke).await {
                tracing::debug!(error, "a connection ended early");
            }
            drop(permit);
        });
    }
    drop(listener);
    tracing::info!("stopping");
    if timeout(DRAIN_TIMEOUT, graceful.shutdown()).await.is_err() {
        tracing::warn!("requests that took too long were cut off");
    }
}

fn builder() -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(MAX_HEAD_OCTETS.into());
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(HEAD_TIMEOUT)
        .max_header_list_size(MAX_HEAD_OCTETS.into());
    builder
}

async fn accept(
    listener: &TcpListener,
    permits: &Arc<Semaphore>,
) -> io::Result<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    let permit = Arc::clone(permits).acquire_owned().await.map_err(io::Error::other)?;
    let (stream, peer) = listener.accept().await?;
    Ok((stream, peer, permit))
}

/// A service that notes that a request came to it, and tells it from where.
fn noting<S, B>(
    service: S,
    peer: SocketAddr,
    spoke: Arc<AtomicBool>,
) -> impl Service<Request<B>, Response = S::Response, Error = S::Error, Future = S::Future> + Clone
where
    S: Service<Request<B>> + Clone,
{
    service.map_request(move |mut request: Request<B>| {
        spoke.store(true, Ordering::Relaxed);
        request.extensions_mut().insert(peer);
        request
    })
}

/// Drops a connection whose client sends no request in time: while hyper-util waits for the
/// octets that tell HTTP/1 from HTTP/2, no timeout of hyper's runs.
async fn unless_silent(
    connection: impl Future<Output = Result<(), BoxError>>,
    spoke: &AtomicBool,
) -> Result<(), BoxError> {
    let mut connection = pin!(connection);
    match timeout(HEAD_TIMEOUT, &mut connection).await {
        Ok(ended) => ended,
        Err(_) if spoke.load(Ordering::Relaxed) => connection.await,
        Err(silent) => Err(silent.into()),
    }
}

/// Ends when the process is asked to stop.
#[cfg(unix)]
pub(crate) fn stop_signal() -> io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};

    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

/// Ends when the process is asked to stop.
#[cfg(not(unix))]
pub(crate) fn stop_signal() -> io::Result<impl Future<Output = ()>> {
    Ok(async {
        if let Err(error) = tokio::signal::ctrl_c().await {
            tracing::error!(%error, "no signal can stop the service");
            std::future::pending::<()>().await;
        }
    })
}
