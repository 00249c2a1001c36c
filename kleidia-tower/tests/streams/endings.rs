//! What ends the streams of a user.

use std::time::Instant;

use kleidia_tower::account::TokenSet;

use crate::client::{End, Kind};
use crate::node::Node;

/// A change on another node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// The user logs out of each session.
    LogOut,
    /// An admin disables the account.
    Disable,
    /// An admin withdraws the role that permits the streams. The sessions go on.
    WithdrawRole,
}

pub(crate) const ENDINGS: [Ending; 3] = [Ending::LogOut, Ending::Disable, Ending::WithdrawRole];

impl Ending {
    /// Ends the streams of all sessions of a user. Returns for each session when the change began, and
    /// when it was answered.
    pub(crate) async fn carry_out(
        self,
        node: &Node,
        admin: &TokenSet,
        sessions: &[&TokenSet],
    ) -> Vec<(Instant, Instant)> {
        let update = match self {
            Self::LogOut => {
                let mut times = Vec::new();
                for tokens in sessions {
                    times.push(node.log_out(tokens).await);
                }
                return times;
            }
            Self::Disable => r#"{"disabled":true}"#,
            Self::WithdrawRole => r#"{"roles":[]}"#,
        };
        let times = node.update_user(admin, sessions[0].session.account.id, update).await;
        vec![times; sessions.len()]
    }

    /// Returns how a stream ends then.
    pub(crate) fn of(self, kind: Kind) -> End {
        let (code, status_of_call) = match self {
            Self::LogOut => ("session_ended", 16),
            Self::Disable => ("account_disabled", 16),
            Self::WithdrawRole => ("permission_denied", 7),
        };
        let status = match kind {
            Kind::Events => 0,
            Kind::Grpc => status_of_call,
            Kind::WebSocket => 4403,
        };
        End { code: code.to_owned(), status }
    }
}
