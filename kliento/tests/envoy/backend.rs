//! The service behind Envoy: HTTP/1, HTTP/2 and gRPC on one port.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use axum::http::{HeaderMap, Request, Response, Version};
use http_guard::serve::{RequestBody, Server};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tonic::service::Routes;
use tower::{ServiceExt as _, service_fn};

/// A running service, which ends when it is dropped. It records what reaches it.
pub(crate) struct Backend {
    task: JoinHandle<()>,
    pub(crate) port: u16,
    received: Arc<Mutex<Vec<(Version, HeaderMap)>>>,
}

impl Backend {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let received = Arc::<Mutex<Vec<_>>>::default();
        let (_, health) = tonic_health::server::health_reporter();
        // The reply of gRPC's health service shows that calls pass; others are not implemented.
        let routes = Routes::new(health).prepare();
        let record = Arc::clone(&received);
        let service = service_fn(move |request: Request<RequestBody>| {
            record.lock().unwrap().push((request.version(), request.headers().clone()));
            let routes = routes.clone();
            async move {
                if request.uri().path().starts_with("/grpc.") {
                    return routes.oneshot(request).await;
                }
                Ok::<_, Infallible>(Response::new(tonic::body::Body::empty()))
            }
        });
        let task = tokio::spawn(async move {
            // The bundle, and its claims.
            let server = Server::new().with_max_head_octets(64 * 1024).unwrap();
            server.serve(listener, service, std::future::pending()).await;
        });
        Self { task, port, received }
    }

    /// Removes and returns what has reached the service.
    pub(crate) fn take(&self) -> Vec<(Version, HeaderMap)> {
        std::mem::take(&mut self.received.lock().unwrap())
    }
}

impl Drop for Backend {
    fn drop(&mut self) {
        self.task.abort();
    }
}
