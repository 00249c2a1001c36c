//! Where chains come from.

use std::error::Error;
use std::path::PathBuf;

use async_trait::async_trait;

use super::stored::StoredChain;

/// Fetches the DNS messages of a chain. They are verified afterwards.
///
#[cfg_attr(
    feature = "resolver",
    doc = "[`Resolver`](crate::client::Resolver) queries a DNS resolver, and [`ChainFile`] reads a file."
)]
#[cfg_attr(not(feature = "resolver"), doc = "[`ChainFile`] reads a file.")]
///
/// ```
/// use std::error::Error;
/// use kliento_tower::client::ChainFetcher;
///
/// # struct Vault;
/// # impl Vault { async fn read(&self, _: &str) -> std::io::Result<Vec<Vec<u8>>> { Ok(vec![]) } }
/// struct VaultChain(Vault);
///
/// #[async_trait::async_trait]
/// impl ChainFetcher for VaultChain {
///     async fn fetch(&self, owner: &str) -> Result<Vec<Vec<u8>>, Box<dyn Error + Send + Sync>> {
///         Ok(self.0.read(owner).await?)
///     }
/// }
/// ```
#[async_trait]
pub trait ChainFetcher: Send + Sync + 'static {
    /// Fetches the messages of the chain for the TXT records of this owner, such as
    /// `_veraid.example.com`.
    ///
    /// # Errors
    /// Any error: the last valid chain stays, and the next attempt follows after a delay.
    async fn fetch(&self, owner: &str) -> Result<Vec<Vec<u8>>, Box<dyn Error + Send + Sync>>;
}

/// A chain in a file that another process renews, such as `kliento chain fetch`.
///
/// The file has at most 1 MiB. It is re-read for each fetch: combine it with a short
/// [`with_max_interval`](super::ChainSource::with_max_interval).
#[derive(Clone, Debug)]
pub struct ChainFile(StoredChain);

impl ChainFile {
    /// Creates a fetcher that reads the file at this path.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(StoredChain::new(path.into()))
    }
}

#[async_trait]
impl ChainFetcher for ChainFile {
    async fn fetch(&self, _: &str) -> Result<Vec<Vec<u8>>, Box<dyn Error + Send + Sync>> {
        Ok(self.0.read().await?.ok_or("the file does not exist")?)
    }
}
