//! What every store must do, as cases that any store can be tested with: ours, or one of yours.
//!
//! Each case wants an empty store for itself, and panics with what it found. Times are arguments
//! of the operations, so nothing here waits for a clock.
//!
//! All at once:
//! ```
//! use std::sync::Arc;
//!
//! use kleidia_tower::store::{MemoryStore, Store, conformance};
//!
//! # #[tokio::main] async fn main() {
//! conformance::check(async || Arc::new(MemoryStore::default()) as Arc<dyn Store>).await;
//! # }
//! ```
//! Or each case as a test of its own, here with `libtest-mimic`, in a test target without the
//! standard harness:
//! ```
//! # use std::sync::Arc;
//! # use kleidia_tower::store::{MemoryStore, Store, conformance};
//! use libtest_mimic::{Arguments, Trial};
//!
//! # fn main() {
//! let trial = |case: &'static conformance::Case| {
//!     Trial::test(case.name(), move || {
//!         let runtime = tokio::runtime::Runtime::new()?;
//!         let store: Arc<dyn Store> = Arc::new(MemoryStore::default());
//!         runtime.block_on(case.run(store));
//!         Ok(())
//!     })
//! };
//! let trials = conformance::CASES.iter().map(trial).collect();
//! # let arguments = Arguments { filter: Some("accounts".into()), ..Arguments::default() };
//! # /*
//! let arguments = Arguments::from_args();
//! # */
//! libtest_mimic::run(&arguments, trials).exit_if_failed();
//! # }
//! ```

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "these are tests, which tell by panics what they found"
)]

mod accounts;
mod agents;
mod attempts;
mod audit;
mod disabling;
mod end;
mod expected;
mod lockout;
mod login;
mod lookup;
mod many;
mod passwords;
mod purge;
mod races;
mod refresh;
mod reuse;
mod rotation;
mod scene;
mod strangers;

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use super::Store;
use scene::Scene;

/// Something that a store must do.
#[derive(Clone, Copy)]
pub struct Case {
    name: &'static str,
    run: fn(&Scene) -> Running<'_>,
}

type Running<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

macro_rules! cases {
    ($($module:ident: $($case:ident)+;)+) => {
        /// All cases.
        pub const CASES: &[Case] = &[$($(Case {
            name: concat!(stringify!($module), "::", stringify!($case)),
            run: |scene| Box::pin($module::$case(scene)),
        },)+)+];
    };
}

cases! {
    accounts:
        an_account_is_as_it_was_created
        a_name_is_given_once
        a_name_is_given_once_whoever_asks_at_once
        accounts_are_listed_by_number
        roles_change
        what_stays_the_same_is_no_change
        nobody_can_be_changed;
    agents:
        an_agent_is_bound_to_an_active_session_of_its_own
        an_agent_dies_with_its_session;
    attempts:
        what_is_pending_gives_no_extra_tries
        what_is_settled_is_no_longer_pending
        a_refused_login_is_no_failure
        who_never_comes_back_blocks_nobody
        the_threshold_bounds_what_runs_at_once
        the_threshold_bounds_what_fails_at_once
        strangers_at_once_are_bounded;
    audit:
        events_are_kept_as_they_were
        records_are_found_by_what_they_say
        records_come_in_pages
        the_chain_is_verified_from_any_head
        events_of_many_have_no_gaps;
    disabling:
        who_is_disabled_is_out
        who_is_enabled_starts_anew
        a_lapsed_session_is_disabled_too
        both_changes_are_one;
    end:
        one_session_ends
        sessions_of_others_do_not_end
        all_sessions_end
        each_reason_is_kept
        a_lapsed_session_is_not_refreshed_after_its_end
        a_session_ends_once_whoever_asks_at_once;
    lockout:
        failures_lock
        locks_grow
        a_quiet_time_makes_locks_short
        a_success_forgets_failures
        names_and_sources_are_counted_apart
        unknown_names_are_locked_alike
        an_admin_lifts_locks
        the_least_threshold_is_one
        a_clock_that_is_set_back_locks_nobody_for_long
        locks_outlive_purges;
    login:
        a_login_opens_a_session
        a_login_continues_no_session
        the_disabled_do_not_get_in
        another_password_is_no_login
        an_unknown_account_is_no_login
        a_login_rehashes;
    lookup:
        sessions_are_listed_while_they_go_on
        a_session_is_seen;
    passwords:
        a_password_is_replaced
        the_kept_session_goes_on_without_its_family
        sessions_of_others_go_on
        the_history_is_bounded
        a_lapsed_session_is_not_refreshed_after_the_change
        one_of_many_replaces_a_password;
    purge:
        sessions_are_kept_while_they_or_their_tokens_last
        the_token_that_lasts_longest_counts
        what_is_revoked_stays_revoked
        reuse_is_still_noticed
        purges_are_bounded
        a_family_goes_in_batches
        accounts_and_records_are_kept
        numbers_are_not_used_again
        what_never_ends_is_kept;
    races:
        a_login_never_outlives_disabling
        a_login_never_outlives_a_change_of_password
        a_refresh_never_outlives_logout
        a_refresh_never_outlives_disabling
        a_refresh_never_outlives_a_change_of_password;
    reuse:
        a_token_used_twice_ends_its_family
        any_ancestor_is_reuse
        reuse_ends_the_session_that_followed
        without_grace_the_second_use_is_reuse
        one_of_many_without_grace_wins;
    rotation:
        a_token_is_spent_for_its_successor
        a_renewal_never_shortens
        a_retry_gets_the_same_successor
        a_retry_is_refused_once_the_grace_is_over
        a_clock_that_is_behind_makes_no_reuse
        nobody_refreshes_with_what_is_unknown_or_over
        a_lapsed_session_is_followed_by_another
        a_retry_gets_the_session_that_followed
        nothing_is_refreshed_after_the_end
        one_of_many_is_first;
    strangers:
        strangers_are_slowed_down
        strangers_are_evaluated_one_by_one
        the_owner_stays_known
        strangers_do_not_keep_the_owner_out
        who_is_refused_counts_for_the_source_alone
        a_hundred_failures_in_a_row_are_the_end
        guesses_are_never_forgotten_by_time_alone;
}

/// Runs all cases, each with an empty store of its own.
///
/// Operations run at once in several cases: run it in a Tokio runtime, best one with threads.
///
/// # Panics
/// If the store does not do what it must.
pub async fn check(open: impl AsyncFn() -> Arc<dyn Store>) {
    for case in CASES {
        case.run(open().await).await;
    }
}

impl Case {
    /// Its name, such as `rotation::one_of_many_is_first`.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// Runs it with an empty store, in a Tokio runtime.
    ///
    /// # Panics
    /// If the store does not do what it must.
    pub async fn run(&self, store: Arc<dyn Store>) {
        let scene = Scene::new(store);
        (self.run)(&scene).await;
        scene.close().await;
    }
}

impl fmt::Debug for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Case").field(&self.name).finish()
    }
}
