//! Principals, sessions and permits for tests of handlers (feature `testing`).
//!
//! Outside of tests only the layers create these values, after a successful verification. Enable
//! the feature only in `[dev-dependencies]`.
//!
//! ```
//! use kleidia_tower::rbac::RoleName;
//! use kleidia_tower::session::SessionView;
//! use kleidia_tower::{Principal, testing};
//!
//! // The handlers under test:
//! async fn greeting(caller: Principal) -> String {
//!     format!("Hello, {}", caller.name())
//! }
//!
//! async fn session_id(view: SessionView) -> String {
//!     view.session.id.to_string()
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let alice = testing::session("alice".parse()?, [RoleName::user()]);
//! assert_eq!(greeting(testing::user(alice.clone())).await, "Hello, alice");
//! assert_eq!(session_id(alice).await, "1");
//!
//! let workload = testing::workload("example.com", [("job", "backup")], []);
//! assert_eq!(greeting(workload).await, "Hello, example.com");
//! # Ok(()) }
//! ```
//!
//! To test a router, insert the values into the extensions of its requests, in place of the layers:
//!
//! ```
//! # #[cfg(feature = "axum")]
//! # fn router(alice: kleidia_tower::session::SessionView) -> axum::Router {
//! use axum::{Extension, Router, routing::get};
//! use kleidia_tower::{Principal, testing};
//!
//! let router = Router::new()
//!     .route("/", get(|caller: Principal| async move { caller.name().to_owned() }))
//!     .layer(Extension(testing::user(alice.clone())))
//!     .layer(Extension(alice));
//! # router }
//! ```

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::access_token::ExtraClaims;
use crate::account::Account;
use crate::rbac::{Permit, RoleName};
use crate::session::{AuthMethods, Session, SessionView};
use crate::{ClientInfo, FamilyId, Principal, SessionId, Timestamp, UserId, UserName};

/// Returns an active session of a user with these roles.
///
/// All ids are 1, the session was opened at the Unix epoch and never expires. Change the public
/// fields to test other values.
#[must_use]
pub fn session(name: UserName, roles: impl IntoIterator<Item = RoleName>) -> SessionView {
    let (user, epoch) = (UserId::new(1), Timestamp::UNIX_EPOCH);
    let account = Account {
        id: user,
        name,
        roles: roles.into_iter().collect(),
        is_disabled: false,
        must_change_password: false,
        is_erased: false,
        created_at: epoch,
        password_changed_at: epoch,
    };
    let session = Session {
        id: SessionId::new(1),
        user,
        family: FamilyId::new(1),
        client: ClientInfo::default(),
        created_at: epoch,
        authenticated_at: epoch,
        methods: AuthMethods::password(),
        last_seen_at: epoch,
        expires_at: Timestamp::MAX,
        end: None,
        agent_key: None,
    };
    SessionView { session: Arc::new(session), account: Arc::new(account) }
}

/// Returns the principal of a session's user.
#[must_use]
pub fn user(view: SessionView) -> Principal {
    Principal::user(view)
}

/// Returns the principal of a user whose access token has the claims of a hook.
#[must_use]
pub fn user_with_claims(view: SessionView, claims: ExtraClaims) -> Principal {
    Principal::user(view).with_extra_claims(claims)
}

/// Returns the principal of a workload, such as `alice@example.com`.
#[must_use]
pub fn workload<N: Into<String>, V: Into<String>>(
    subject: impl Into<String>,
    claims: impl IntoIterator<Item = (N, V)>,
    roles: impl IntoIterator<Item = RoleName>,
) -> Principal {
    let claims = claims.into_iter().map(|(name, value)| (name.into(), value.into()));
    let claims: BTreeMap<_, _> = claims.collect();
    Principal::workload(subject.into(), claims, roles.into_iter().collect())
}

/// Returns a permit for this principal, whatever its roles.
#[must_use]
pub const fn permit(principal: Principal) -> Permit {
    Permit::new(principal, None)
}
