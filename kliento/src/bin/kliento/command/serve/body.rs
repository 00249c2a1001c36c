//! Reads the bodies of requests, within bounds on their size and their number.

use std::future::poll_fn;
use std::pin::Pin;

use axum::body::{Body, Bytes, HttpBody as _};
use http_guard::ClientAddress;

use super::open_bodies::OpenBodies;

/// The maximum size of a body. A body of this size that is larger than a bundle is `malformed`.
pub(super) const MAX_BODY_OCTETS: usize = 64 * 1024;

/// Reads the bodies of all requests.
#[derive(Default)]
pub(super) struct BodyReader(OpenBodies);

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
    /// Reads a whole body, or fails with [`BodyError::Busy`] if another one replaces it.
    pub(super) async fn read(
        &self,
        body: Body,
        client: Option<ClientAddress>,
    ) -> Result<Vec<u8>, BodyError> {
        let mut open = self.0.add(client);
        tokio::select! {
            biased;
            octets = read(body) => octets,
            () = open.replaced() => Err(BodyError::Busy),
        }
    }
}

/// Reads a whole body into one buffer: many small frames take no more memory than a large one.
async fn read(mut body: Body) -> Result<Vec<u8>, BodyError> {
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

/// Returns the next data of a body. Trailers are ignored.
async fn next_data(body: &mut Body) -> Result<Option<Bytes>, BodyError> {
    match poll_fn(|context| Pin::new(&mut *body).poll_frame(context)).await {
        None => Ok(None),
        Some(Ok(frame)) => Ok(Some(frame.into_data().unwrap_or_default())),
        Some(Err(_)) => Err(BodyError::Incomplete),
    }
}
