//! The events of a store that end streams at once, or have them checked.

use http_guard::Supervisor;
use http_guard::stream::{StreamEnd, WeakStreamRegistry};

use super::streams::{ACCOUNT_DISABLED, SESSION_ENDED, SessionCheck, SessionStreams};
use super::{AccountChange, EndReason, SessionEvent, SessionEventReceiver};

/// Follows the events of a store until it or the registry is dropped.
pub(super) async fn follow(
    mut receiver: SessionEventReceiver,
    registry: WeakStreamRegistry<SessionCheck>,
) {
    let supervisor = Supervisor::new("stream-events");
    while let Some(event) = receiver.next().await {
        let Some(streams) = registry.upgrade() else { return };
        supervisor.run_iteration(|| apply(event, &streams));
    }
}

fn apply(event: SessionEvent, streams: &SessionStreams) {
    match event {
        SessionEvent::SessionEnded { session, user, reason } => {
            streams.end(&user, &session, end_of(reason));
        }
        SessionEvent::AccountChanged { user, change: AccountChange::Disabled } => {
            streams.end_principal(&user, ACCOUNT_DISABLED);
        }
        SessionEvent::AccountChanged { user, .. } => streams.check_principal(&user),
        SessionEvent::KeysWithdrawn | SessionEvent::Missed => streams.check_all(),
        SessionEvent::AgentRegistered { .. }
        | SessionEvent::Authenticated { .. }
        | SessionEvent::UpToDate { .. } => {}
    }
}

const fn end_of(reason: EndReason) -> StreamEnd {
    match reason {
        EndReason::Disabled => ACCOUNT_DISABLED,
        _ => SESSION_ENDED,
    }
}
