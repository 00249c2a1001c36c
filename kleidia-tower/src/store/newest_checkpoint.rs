//! The newest checkpoint that a store has signed or verified.

use std::sync::{Arc, Mutex};

use super::StoreError;
use super::sealer::lock;
use crate::audit::{AuditKey, Checkpoint, LogKey};

/// The newest checkpoint that a store has signed or verified. It is not in the database: in memory,
/// and in the file of the key.
#[derive(Debug, Default)]
pub(super) struct Newest(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    checkpoint: Option<Checkpoint>,
    /// The size of the checkpoint in the file, once it was read.
    size_in_file: Option<u64>,
}

impl Newest {
    /// Returns the checkpoint. It is read from the file until one was there: another process may be
    /// creating it.
    pub(super) fn get(&self, key: &LogKey) -> Result<Option<Checkpoint>, StoreError> {
        let mut state = lock(&self.0);
        if state.size_in_file.is_none()
            && let Some(key) = key.secret_key()
            && let Some(file) = key.file()
        {
            let kept = file.read(key.verifier_key()).map_err(StoreError::unavailable)?;
            state.size_in_file = kept.as_ref().map(Checkpoint::size);
            if size(kept.as_ref()) > size(state.checkpoint.as_ref()) {
                state.checkpoint = kept;
            }
        }
        Ok(state.checkpoint.clone())
    }

    /// Remembers a committed checkpoint, unless a larger one is known. It must continue the known
    /// one.
    pub(super) fn advance(&self, checkpoint: Option<&Checkpoint>) {
        let mut state = lock(&self.0);
        if size(checkpoint) > size(state.checkpoint.as_ref()) {
            state.checkpoint = checkpoint.cloned();
        }
    }

    /// Writes the checkpoint to the file of the key, if it may sign and the file has a smaller one.
    pub(super) async fn keep(&self, key: &LogKey) -> Result<(), StoreError> {
        let Some(key) = key.signing_key() else { return Ok(()) };
        let Some(checkpoint) = self.not_in_file() else { return Ok(()) };
        keep(&checkpoint, key).await?;
        lock(&self.0).size_in_file = Some(checkpoint.size());
        Ok(())
    }

    fn not_in_file(&self) -> Option<Checkpoint> {
        let state = lock(&self.0);
        state.checkpoint.clone().filter(|newest| Some(newest.size()) > state.size_in_file)
    }
}

/// Writes a checkpoint to the file of the key, if it has one with a smaller checkpoint.
pub(super) async fn keep(checkpoint: &Checkpoint, key: &AuditKey) -> Result<(), StoreError> {
    let Some(file) = key.file() else { return Ok(()) };
    let (file, key, checkpoint) = (Arc::clone(file), key.clone(), checkpoint.clone());
    #[expect(clippy::disallowed_methods, reason = "awaited, and a panic is an error")]
    let writing =
        tokio::task::spawn_blocking(move || file.advance(&checkpoint, key.verifier_key()));
    let written = writing.await.map_err(StoreError::unavailable)?;
    written.map_err(StoreError::unavailable)
}

fn size(checkpoint: Option<&Checkpoint>) -> Option<u64> {
    checkpoint.map(Checkpoint::size)
}
