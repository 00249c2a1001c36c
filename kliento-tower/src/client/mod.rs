//! Layers for clients: token bundles for outgoing requests (feature `client`).
//!
//! [`KlientoClientLayer`] is put around an HTTP client that is a Tower service: hyper-util's,
//! tonic's channel, or (feature `reqwest`) reqwest's. What it attaches comes from a
//! [`TokenBundleSource`]:
//!
//! | source | where bundles come from | feature |
//! |---|---|---|
//! | [`BundleFile`] | a file that somebody else renews | `client` |
#![cfg_attr(
    feature = "issue",
    doc = "| [`LocalSigner`] | a private key of a member's or the organisation's | `issue` |"
)]
#![cfg_attr(
    feature = "exchange",
    doc = "| [`AuthorityExchange`] | VeraId Authority, in exchange for a JWT | `exchange` |"
)]
//! | yours | an implementation of [`TokenBundleSource`] | `client` |
//!
//! A layer that signs its own tokens, and one that is configured further, are shown at
//! [`KlientoClientLayer`].

mod error;
#[cfg(feature = "exchange")]
mod exchange;
mod file;
mod layer;
mod origin;
mod request;
mod service;
#[cfg(feature = "issue")]
mod signer;
mod source;
mod stock;
mod supply;

pub use error::{BundleError, ClientError};
#[cfg(feature = "exchange")]
pub use exchange::{
    AuthorityExchange, ExchangeConfigError, ExchangeError, JwtFile, JwtFileError, JwtSource,
    JwtVariable,
};
pub use file::{BundleFile, BundleFileError};
pub use layer::KlientoClientLayer;
pub use origin::{Origin, OriginError};
pub use request::OutgoingRequest;
pub use service::{KlientoClient, ResponseFuture};
#[cfg(feature = "issue")]
pub use signer::{LocalSigner, LocalSignerError, Octets};
pub use source::{IssuedBundle, SourceError, TokenBundleSource};
