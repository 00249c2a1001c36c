//! The health route: whether the store responds, and whether background work does what it should.

use std::fmt;
use std::sync::Arc;

use axum::extract::State;

use super::rejection::ApiRejection;
use crate::account::Accounts;
use crate::{HealthError, UserId};

/// The checks of the health route, besides the store.
#[derive(Clone, Default)]
pub(super) struct HealthChecks(Vec<(&'static str, Check)>);

type Check = Arc<dyn Fn() -> Result<(), HealthError> + Send + Sync>;

impl HealthChecks {
    pub(super) fn add(
        &mut self,
        name: &'static str,
        check: impl Fn() -> Result<(), HealthError> + Send + Sync + 'static,
    ) {
        self.0.push((name, Arc::new(check)));
    }

    /// Responds with 200 if the store is available: also if background work fails, since the
    /// service can still serve. The body names what fails; the reasons are in the log.
    pub(super) async fn run(
        self,
        State(accounts): State<Accounts>,
    ) -> Result<String, ApiRejection> {
        accounts.user(UserId::new(0)).await?;
        let known = [
            ("access-token-keys", accounts.key_provider().health()),
            ("audit-log", accounts.store().log_health()),
            ("audit-sinks", accounts.audit_sinks().health()),
            ("denials", accounts.audit_trail().health()),
            ("last-seen", accounts.authenticator().health()),
        ];
        let further = self.0.iter().map(|(name, check)| (*name, check()));
        let failed = known.into_iter().chain(further).filter(|(_, health)| health.is_err());
        let failed: Vec<_> = failed.map(|(name, _)| name).collect();
        Ok(match failed.as_slice() {
            [] => "ok\n".to_owned(),
            failed => format!("degraded: {}\n", failed.join(", ")),
        })
    }
}

impl fmt::Debug for HealthChecks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}
