//! A reserved login attempt, which is settled whatever happens.

use std::sync::Arc;
use std::time::Duration;

use http_guard::{LogLimiter, event, log_text_up_to};

use crate::lockout::{AttemptRecord, LockoutPolicy, LoginAttempt, PENDING_TIMEOUT};
use crate::store::{ChangeContext, Store, StoreError};
use crate::telemetry::MAX_ERROR_CHARACTERS;

static FAILURES: LogLimiter = LogLimiter::per_second(1);

/// A reserved attempt. Unless it is marked as settled, dropping it settles it in the background: a
/// store that fails for a moment must not leave the user name busy.
#[must_use = "dropping it settles the attempt"]
pub(super) struct PendingAttempt(Option<Settlement>);

/// How an attempt is settled if its operation does not.
struct Settlement {
    store: Arc<dyn Store>,
    attempt: LoginAttempt,
    outcome: Outcome,
    record: AttemptRecord,
}

/// What a settled attempt counts as.
enum Outcome {
    /// Nothing: its password was not evaluated, or was correct.
    Released,
    /// A failure.
    Failed(LockoutPolicy, ChangeContext),
    /// A failure of its client alone.
    Throttled(LockoutPolicy, ChangeContext),
}

impl PendingAttempt {
    /// A granted attempt, which is released.
    pub(super) fn granted(store: &Arc<dyn Store>, attempt: &LoginAttempt) -> Self {
        let (store, attempt) = (Arc::clone(store), attempt.clone());
        let (outcome, record) = (Outcome::Released, AttemptRecord::Recorded);
        Self(Some(Settlement { store, attempt, outcome, record }))
    }

    /// A throttled attempt, which is counted.
    pub(super) fn throttled(
        store: &Arc<dyn Store>,
        attempt: &LoginAttempt,
        policy: LockoutPolicy,
        change: &ChangeContext,
    ) -> Self {
        let (store, attempt) = (Arc::clone(store), attempt.clone());
        let (outcome, record) =
            (Outcome::Throttled(policy, change.clone()), AttemptRecord::Recorded);
        Self(Some(Settlement { store, attempt, outcome, record }))
    }

    /// Counts the attempt as a failure from now on, even if recording that fails at first.
    pub(super) fn mark_failed(&mut self, policy: LockoutPolicy, change: &ChangeContext) {
        if let Some(settlement) = &mut self.0 {
            settlement.outcome = Outcome::Failed(policy, change.clone());
        }
    }

    /// Sets whether the attempt is recorded; it is by default.
    pub(super) fn set_record(&mut self, record: AttemptRecord) {
        if let Some(settlement) = &mut self.0 {
            settlement.record = record;
        }
    }

    /// Ends without settling: a committed operation has settled the attempt.
    pub(super) fn mark_settled(mut self) {
        self.0 = None;
    }

    /// Releases a granted attempt now.
    pub(super) async fn release(self) -> Result<(), StoreError> {
        if let Some(settlement) = &self.0 {
            settlement.settle().await?;
        }
        self.mark_settled();
        Ok(())
    }
}

impl Settlement {
    async fn settle(&self) -> Result<(), StoreError> {
        let Self { store, attempt, outcome, record } = self;
        match outcome {
            Outcome::Released => store.release_attempt(attempt).await,
            Outcome::Failed(policy, change) => {
                store.record_failure(attempt, policy, change, *record).await.map(drop)
            }
            Outcome::Throttled(policy, change) => {
                store.record_throttled(attempt, policy, change, *record).await.map(drop)
            }
        }
    }

    /// Tries until the store responds, or the attempt no longer counts anyway.
    async fn settle_eventually(self) {
        let mut pause = Duration::from_millis(20);
        let mut waited = Duration::ZERO;
        while let Err(error) = self.settle().await {
            if waited >= PENDING_TIMEOUT {
                if let Some(suppressed) = FAILURES.allow() {
                    let error = log_text_up_to(MAX_ERROR_CHARACTERS, error);
                    event!(warn, error, suppressed, "failed to settle a login attempt");
                }
                return;
            }
            tokio::time::sleep(pause).await;
            waited += pause;
            pause = (pause * 2).min(Duration::from_secs(5));
        }
    }
}

impl Drop for PendingAttempt {
    fn drop(&mut self) {
        // Without a runtime the process ends, and the attempt expires.
        if let Some(settlement) = self.0.take()
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            #[expect(
                clippy::disallowed_methods,
                reason = "supervised: without it, the attempt expires"
            )]
            runtime.spawn(settlement.settle_eventually());
        }
    }
}
