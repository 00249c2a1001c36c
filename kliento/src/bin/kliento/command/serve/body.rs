//! Reads the bodies of requests, within bounds on their size and their number.

use std::future::poll_fn;
use std::pin::Pin;

use axum::body::{Body, Bytes, HttpBody as _};
use http_guard::{AddressLimiter, ClientAddress};
use tokio::sync::Semaphore;

/// The maximum size of a body. A body of this size that is larger than a bundle is `malformed`.
pub(super) const MAX_BODY_OCTETS: usize = 64 * 1024;
/// The maximum number of bodies that are read at the same time, which bounds their memory.
const MAX_BODIES: usize = 4_096;
/// How many of them may be those of one client address, so that slow bodies of one client do not
/// block others.
const MAX_BODIES_PER_ADDRESS: usize = 1_024;

/// Reads the bodies of all requests.
pub(super) struct BodyReader {
    permits: Semaphore,
    addresses: AddressLimiter,
}

/// The reason why a body is not read.
#[derive(Debug, thiserror::Error)]
pub(super) enum BodyError {
    #[error("Too many requests at once")]
    Busy,
    #[error("The body is larger than {MAX_BODY_OCTETS} octets")]
    TooLarge,
    #[error("The body is incomplete")]
    Incomplete,
}

impl BodyReader {
    pub(super) fn new() -> Self {
        let addresses = AddressLimiter::new(MAX_BODIES_PER_ADDRESS);
        Self { permits: Semaphore::new(MAX_BODIES), addresses }
    }

    /// Reads a whole body into one buffer: many small frames take no more memory than a large one.
    pub(super) async fn read(
        &self,
        mut body: Body,
        client: Option<ClientAddress>,
    ) -> Result<Vec<u8>, BodyError> {
        let _permit = self.permits.try_acquire().map_err(|_| BodyError::Busy)?;
        let _address = match client {
            Some(client) => Some(self.addresses.try_acquire(client).ok_or(BodyError::Busy)?),
            None => None,
        };
        let max_octets = u64::try_from(MAX_BODY_OCTETS).unwrap_or(u64::MAX);
        if body.size_hint().lower() > max_octets {
            return Err(BodyError::TooLarge);
        }
        let mut octets = Vec::new();
        while let Some(data) = next_data(&mut body).await? {
            if octets.len() + data.len() > MAX_BODY_OCTETS {
                return Err(BodyError::TooLarge);
            }
            octets.extend_from_slice(&data);
        }
        Ok(octets)
    }
}

/// Returns the next data of a body. Trailers are ignored.
async fn next_data(body: &mut Body) -> Result<Option<Bytes>, BodyError> {
    match poll_fn(|context| Pin::new(&mut *body).poll_frame(context)).await {
        None => Ok(None),
        Some(Ok(frame)) => Ok(Some(frame.into_data().unwrap_or_default())),
        Some(Err(_)) => Err(BodyError::Incomplete),
    }
}
