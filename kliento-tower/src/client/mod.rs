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
#![cfg_attr(
    feature = "agent-client",
    doc = "| [`AgentSource`] | bundles from `kliento agent`, over a Unix socket or loopback | `agent-client` |"
)]
//! | your own | an implementation of [`TokenBundleSource`] | `client` |
//!
//! [`KlientoClientLayer`] has examples.
#![cfg_attr(
    feature = "agent",
    doc = "

[`ChainSource`] keeps the DNSSEC chain of a signer fresh, [`VerifiedSource`] verifies bundles before
they are used, and [`TokenAgent`] caches the tokens of several audiences: `kliento agent` consists of
these three (feature `agent`)."
)]

#[cfg(feature = "agent")]
mod agent;
#[cfg(feature = "agent-client")]
mod agent_source;
#[cfg(feature = "issue")]
mod byte_source;
#[cfg(feature = "agent")]
mod chain;
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
#[cfg(feature = "resolver")]
mod resolver;
mod retry;
mod second_attempt;
mod service;
#[cfg(feature = "issue")]
mod signer;
mod source;
#[cfg(feature = "agent")]
mod verified;

#[cfg(feature = "agent")]
pub use agent::TokenAgent;
#[cfg(feature = "agent-client")]
pub use agent_source::{AgentConfigError, AgentError, AgentSource};
#[cfg(feature = "issue")]
pub use byte_source::ByteSource;
#[cfg(feature = "agent")]
pub use chain::{
    ChainError, ChainFetcher, ChainFile, ChainSource, ChainStatus, ChainTask, FreshChain,
};
pub use error::{BundleError, ClientError, OriginConfigError};
#[cfg(feature = "exchange")]
pub use exchange::{
    AuthorityExchange, ExchangeConfigError, ExchangeError, JwtEnvVar, JwtFile, JwtFileError,
    JwtSource,
};
pub use file::{BundleFile, BundleFileError};
pub use layer::KlientoClientLayer;
pub use origin::{Origin, OriginError};
pub use refresh_state::ReadyHeader;
pub use request::OutgoingRequest;
#[cfg(feature = "resolver")]
pub use resolver::{Resolver, ResolverError, RetrievedChain};
pub use retry::{IncomingResponse, NoRetry, ResendableRequest, RetryOnce, RetryPolicy};
pub use service::{KlientoClient, ResponseFuture};
#[cfg(feature = "issue")]
pub use signer::{LocalSigner, LocalSignerError};
pub use source::{ExpiringBundle, SourceError, TokenBundleSource};
#[cfg(feature = "agent")]
pub use verified::VerifiedSource;
