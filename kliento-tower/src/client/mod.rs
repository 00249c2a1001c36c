//! Token bundles for outgoing requests (feature `client`).
//!
//! [`KlientoClientLayer`] wraps an HTTP client that is a Tower service: hyper-util's client,
//! tonic's channel, or (feature `reqwest`) reqwest's client. It attaches bundles from a
//! [`TokenBundleSource`]:
//!
//! | source | provides | feature |
//! |---|---|---|
//! | [`BundleFile`] | the bundle in a file that another process renews | `client` |
#![cfg_attr(
    feature = "issue",
    doc = "| [`LocalSigner`] | bundles signed with a private key of a member or the organisation | `issue` |"
)]
#![cfg_attr(
    feature = "exchange",
    doc = "| [`AuthorityExchange`] | bundles from VeraId Authority, in exchange for a JWT | `exchange` |"
)]
//! | your own | an implementation of [`TokenBundleSource`] | `client` |
//!
//! [`KlientoClientLayer`] has examples.

mod error;
#[cfg(feature = "exchange")]
mod exchange;
mod file;
#[cfg(feature = "issue")]
mod key_use;
mod layer;
mod origin;
mod refresh_state;
mod refresher;
mod request;
mod retry;
mod second_attempt;
mod service;
#[cfg(feature = "issue")]
mod signer;
mod source;

pub use error::{BundleError, ClientError, OriginConfigError};
#[cfg(feature = "exchange")]
pub use exchange::{
    AuthorityExchange, ExchangeConfigError, ExchangeError, JwtEnvVar, JwtFile, JwtFileError,
    JwtSource,
};
pub use file::{BundleFile, BundleFileError};
pub use layer::KlientoClientLayer;
pub use origin::{Origin, OriginError};
pub use request::OutgoingRequest;
pub use retry::{IncomingResponse, NoRetry, ResendableRequest, RetryOnce, RetryPolicy};
pub use service::{KlientoClient, ResponseFuture};
#[cfg(feature = "issue")]
pub use signer::{ByteSource, LocalSigner, LocalSignerError};
pub use source::{ExpiringBundle, SourceError, TokenBundleSource};
