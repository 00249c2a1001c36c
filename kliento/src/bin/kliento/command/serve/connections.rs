//! Accepts connections, a bounded number of them, until it is asked to stop.

use std::future::Future;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::http::Request;
use axum::{BoxError, Router};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;
use tower::ServiceExt as _;

/// How many connections are open at the same time; further ones wait to be accepted.
const CONNECTIONS: usize = 4_096;
/// How long a client may take to send the head of a request, or to send another one.
const HEAD_TIMEOUT: Duration = Duration::from_secs(15);
/// How long requests may go on after the service was asked to stop.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(20);
/// How long to wait when no connection can be accepted, as when there are no more descriptors.
const PAUSE: Duration = Duration::from_millis(100);

/// Serves until `stopped` ends, and then the requests that are under way.
pub(super) async fn serve(
    listener: TcpListener,
    router: Router,
    stopped: impl Future<Output = ()>,
) {
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT);
    builder.http2().timer(TokioTimer::new()).keep_alive_interval(HEAD_TIMEOUT);
    let (graceful, permits) = (GracefulShutdown::new(), Arc::new(Semaphore::new(CONNECTIONS)));
    let mut stopped = pin!(stopped);
    loop {
        let accepted = tokio::select! {
            biased;
            () = &mut stopped => break,
            accepted = accept(&listener, &permits) => accepted,
        };
        let (stream, permit) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "no connection can be accepted");
                tokio::time::sleep(PAUSE).await;
                continue;
            }
        };
        let spoke = Arc::new(AtomicBool::new(false));
        let noted = Arc::clone(&spoke);
        let router = router.clone().map_request(move |request: Request<_>| {
            noted.store(true, Ordering::Relaxed);
            request
        });
        let service = TowerToHyperService::new(router);
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

async fn accept(
    listener: &TcpListener,
    permits: &Arc<Semaphore>,
) -> io::Result<(TcpStream, OwnedSemaphorePermit)> {
    let permit = Arc::clone(permits).acquire_owned().await.map_err(io::Error::other)?;
    let (stream, _) = listener.accept().await?;
    Ok((stream, permit))
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
