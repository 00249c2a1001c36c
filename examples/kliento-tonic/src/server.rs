//! The server: one service under the layer, and the health service beside it.

use kliento_tower::KlientoAuthLayer;
use tokio::net::TcpListener;
use tonic::service::LayerExt as _;
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Error, Server};

use crate::IdentityService;
use crate::v1::identity_server::IdentityServer;

/// How many octets of headers a request may have: 32 KiB, for a bundle takes up to 21,856.
///
/// HTTP/2 counts 32 octets more for each header (RFC 9113, 6.5.2).
pub const MAX_HEADER_LIST_OCTETS: u32 = 32 * 1024;

/// Serves until it fails.
///
/// The layer is around one service alone. `Server::layer` would put it around all of them, and
/// whoever asks for the service's health has no token.
///
/// # Errors
/// [`Error`] if connections can't be accepted.
pub async fn serve(
    listener: TcpListener,
    layer: KlientoAuthLayer,
    service: IdentityService,
) -> Result<(), Error> {
    let (reporter, health) = tonic_health::server::health_reporter();
    reporter.set_serving::<IdentityServer<IdentityService>>().await;
    Server::builder()
        .http2_max_header_list_size(MAX_HEADER_LIST_OCTETS)
        .add_service(health)
        .add_service(layer.named_layer(IdentityServer::new(service)))
        .serve_with_incoming(TcpIncoming::from(listener).with_nodelay(Some(true)))
        .await
}
