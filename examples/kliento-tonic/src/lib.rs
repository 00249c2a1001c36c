//! A gRPC service that tells its callers who they are, by their Kliento token bundles.
//!
//! [`serve`] puts the layer around one service and leaves the health service beside it open, and
//! [`IdentityService`] reads who is calling. A client has a layer around its channel:
//!
//! ```no_run
//! use kliento_tonic::v1::{WhoAmIRequest, identity_client::IdentityClient};
//! use kliento_tower::client::{BundleFile, KlientoClientLayer};
//! use tonic::transport::Channel;
//! use tower_layer::Layer;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let channel = Channel::from_static("http://127.0.0.1:50051").connect().await?;
//! let layer = KlientoClientLayer::new(BundleFile::new("/run/kliento/api.bin"));
//! let mut client = IdentityClient::new(layer.layer(channel));
//! let caller = client.who_am_i(WhoAmIRequest {}).await?.into_inner();
//! println!("{}", caller.subject);
//! # Ok(())
//! # }
//! ```
//!
//! # Limits of headers
//! The largest bundle takes 21,856 characters of header, its scheme included. tonic's server takes
//! 16 KiB of headers unless `http2_max_header_list_size` says otherwise, and refuses more with
//! HTTP 431, which clients see as `Unknown`; so [`serve`] raises it to
//! [`MAX_HEADER_LIST_OCTETS`]. A client has nothing to raise: the setting of that name in tonic's
//! `Endpoint` is for the headers that it receives, and what it sends has no limit.

mod caller;
mod server;
mod service;

pub use server::{MAX_HEADER_LIST_OCTETS, serve};
pub use service::IdentityService;

/// The messages, the client and the server of `proto/kliento/example/v1/identity.proto`.
pub mod v1 {
    #![allow(
        clippy::pedantic,
        missing_docs,
        unreachable_pub,
        unused_qualifications,
        reason = "it is generated"
    )]
    tonic::include_proto!("kliento.example.v1");
}
