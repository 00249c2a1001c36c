//! A gRPC service that authenticates its callers by Kliento token bundles.
//!
//! [`serve`] adds the layer to one service and leaves the health service public.
//! [`IdentityService`] reads the caller's identity. A client has a layer around its channel:
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
//! // The channel connects to one server, so the layer needs no origin.
//! let layer = KlientoClientLayer::new(BundleFile::new("/run/kliento/api.bin"));
//! let mut client = IdentityClient::new(layer.layer(channel));
//! let caller = client.who_am_i(WhoAmIRequest {}).await?.into_inner();
//! println!("{}", caller.subject);
//! # Ok(())
//! # }
//! ```
//!
//! # Header size
//! The largest bundle takes 21,856 characters of one header. tonic's server accepts 16 KiB of
//! headers by default and rejects more with HTTP 431, which clients see as `Unknown`; [`serve`]
//! accepts 32 KiB. Clients need no setting: `http2_max_header_list_size` of tonic's `Endpoint`
//! limits the headers that the client receives.

#![cfg_attr(not(test), warn(clippy::disallowed_methods))]

mod caller;
mod server;
mod service;

pub use server::serve;
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
