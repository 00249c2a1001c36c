//! What layers inside the one that watches a stream require of it.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::StreamDecision;

/// The conditions of a stream, which are checked each time the caller is.
#[derive(Default)]
pub(super) struct Conditions(Mutex<Vec<Arc<Condition>>>);

type Condition = dyn Fn() -> ConditionFuture + Send + Sync;
type ConditionFuture = Pin<Box<dyn Future<Output = StreamDecision> + Send>>;

impl Conditions {
    pub(super) fn push<F>(&self, check: impl Fn() -> F + Send + Sync + 'static)
    where
        F: Future<Output = StreamDecision> + Send + 'static,
    {
        let condition = Arc::new(move || Box::pin(check()) as ConditionFuture);
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(condition);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    /// Checks the conditions of a stream whose caller is allowed for this time, until one is not met.
    pub(super) async fn check(&self, mut valid_for: Option<Duration>) -> StreamDecision {
        let conditions = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        for condition in conditions {
            match condition().await {
                StreamDecision::Allow { valid_for: limit } => {
                    valid_for = [valid_for, limit].into_iter().flatten().min();
                }
                decision => return decision,
            }
        }
        StreamDecision::Allow { valid_for }
    }
}
