//! The server: one service behind the layer, and a public health service.

use http_guard::serve::{Server, ShutdownSummary};
use kliento_tower::KlientoAuthLayer;
use tokio::net::TcpListener;
use tonic::service::{LayerExt as _, Routes};

use crate::IdentityService;
use crate::v1::identity_server::IdentityServer;

/// The maximum size of a message from a client. Each open call may buffer one.
const MAX_MESSAGE_OCTETS: usize = 64 * 1024;

/// Serves until `shutdown` completes, then ends open streams and finishes open calls until the
/// shutdown timeout.
///
/// The layer wraps one service only, since callers of the health service have no token.
///
/// tonic's own server accepts 16 KiB of headers, which a bundle may exceed. [`Server`] accepts 32
/// KiB and bounds connections, in all and per address. A call's `grpc-timeout` is left to the
/// client.
pub async fn serve(
    listener: TcpListener,
    layer: KlientoAuthLayer,
    service: IdentityService,
    shutdown: impl Future<Output = ()>,
) -> ShutdownSummary {
    let (reporter, health) = tonic_health::server::health_reporter();
    reporter.set_serving::<IdentityServer<IdentityService>>().await;
    let identity = IdentityServer::new(service).max_decoding_message_size(MAX_MESSAGE_OCTETS);
    let routes = Routes::new(health).add_service(layer.named_layer(identity));
    let shutdown = async move {
        shutdown.await;
        // Otherwise the server would wait for them.
        layer.shut_down_streams();
    };
    Server::new().serve(listener, routes.prepare(), shutdown).await
}
