//! Test cases that every [`Store`] must pass (feature `conformance`).
//!
//! Each case needs an empty store of its own, and panics if the store fails it. Times are arguments
//! of the operations, so no case waits for an expiry.
//!
//! All cases in one test:
//! ```
//! use std::sync::Arc;
//!
//! use kleidia_tower::store::{MemoryStore, Store, conformance};
//!
//! # #[tokio::main] async fn main() {
//! conformance::check(async || Arc::new(MemoryStore::default()) as Arc<dyn Store>).await;
//! # }
//! ```
//! One test per case, here with `libtest-mimic` in a test target without the standard harness:
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
    reason = "test cases report failures by panics"
)]

mod accounts;
mod agents;
mod attempts;
mod audit;
mod cancellation;
mod concurrent;
mod disabled_accounts;
mod end;
mod events;
mod expected;
mod factors;
mod fixture;
mod imports;
mod lockout;
mod login;
mod lookup;
mod passwords;
mod profiles;
mod purge;
mod races;
mod recovery;
mod refresh;
mod reuse;
mod roles;
mod rotation;
mod unfamiliar_sources;

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::Store;
use fixture::StoreFixture;

/// A test case for stores.
#[derive(Clone, Copy)]
pub struct Case {
    name: &'static str,
    run: fn(&StoreFixture) -> CaseFuture<'_>,
}

type CaseFuture<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

macro_rules! cases {
    ($($module:ident: $($case:ident)+;)+) => {
        /// All cases.
        pub const CASES: &[Case] = &[$($(Case {
            name: concat!(stringify!($module), "::", stringify!($case)),
            run: |fixture| Box::pin($module::$case(fixture)),
        },)+)+];
    };
}

cases! {
    accounts:
        stores_account_as_created
        rejects_existing_user_name
        concurrent_creations_yield_one_account
        lists_accounts_by_id
        changes_roles
        lists_password_parameters
        unchanged_values_record_nothing
        unknown_account_is_not_updated;
    agents:
        binds_agent_to_active_session_of_its_user
        agent_key_is_removed_with_its_session;
    attempts:
        pending_attempts_give_no_extra_tries
        settled_attempt_is_not_pending
        rejected_login_is_not_a_failure
        abandoned_attempt_does_not_block_others
        threshold_bounds_concurrent_attempts
        threshold_bounds_concurrent_failures
        bounds_concurrent_unfamiliar_attempts;
    audit:
        stores_events_unchanged
        filters_records
        filters_records_by_several_conditions
        pages_records
        seals_records
        seals_more_than_a_batch
        proves_each_record
        concurrent_sealers_seal_each_record_once
        replaced_key_ends_its_log
        concurrent_events_are_recorded;
    cancellation:
        dropped_creation_is_atomic
        dropped_login_is_atomic
        dropped_refresh_is_atomic
        dropped_password_change_is_atomic
        dropped_operations_block_no_others;
    disabled_accounts:
        rejects_disabled_user
        enabling_requires_new_login
        disabling_revokes_expired_session
        changes_status_and_roles_together;
    end:
        ends_one_session
        keeps_sessions_of_other_users
        ends_all_sessions
        ends_sessions_of_several_users
        stores_each_end_reason
        ended_family_is_not_refreshed
        ends_the_session_that_replaced_an_expired_one
        records_revoked_tokens_of_expired_sessions
        concurrent_ends_end_a_session_once
        further_login_ends_the_oldest_session
        lowered_maximum_is_reached_in_batches;
    events:
        ended_sessions_are_published
        events_follow_their_commit
        end_of_many_sessions_is_one_event
        reuse_is_published
        account_changes_are_published
        logins_and_refreshes_are_not_published;
    factors:
        enrolled_factor_is_stored_and_steps_up
        further_factors_need_a_second_factor
        credentials_are_unique
        ended_session_enrols_nothing
        of_concurrent_uses_one_succeeds
        unusable_factor_changes_nothing
        removes_recovery_codes_with_the_last_factor
        ceremony_ends_once
        failures_count_in_all_sessions;
    imports:
        imports_each_account_once
        concurrent_imports_create_each_account_once;
    lockout:
        failures_lock
        locks_grow
        locks_are_short_after_reset_time
        success_resets_failures
        counts_names_and_sources_separately
        locks_unknown_names_alike
        omits_records_of_unknown_names
        admin_unlocks
        threshold_of_one_locks_immediately
        clock_set_back_does_not_extend_locks
        purge_keeps_failures;
    login:
        opens_session
        login_opens_a_new_session
        rejects_login_of_disabled_account
        rejects_login_after_password_change
        rejects_login_of_unknown_account
        login_stores_new_hash;
    lookup:
        lists_active_sessions
        touch_updates_last_seen;
    passwords:
        replaces_password
        kept_session_loses_its_token_family
        password_change_keeps_other_users
        bounds_password_history
        password_change_revokes_expired_session
        concurrent_changes_replace_a_password_once;
    profiles:
        replaces_profile
        renames_account
        erases_disabled_account;
    purge:
        keeps_sessions_until_they_and_their_tokens_expire
        keeps_family_until_its_last_token_expires
        purge_keeps_revocations
        purge_keeps_reuse_detection
        bounds_purges
        purges_family_in_batches
        purge_keeps_accounts_and_records
        ids_are_never_reused
        keeps_unlimited_sessions;
    races:
        login_never_outlives_disabling
        login_never_outlives_password_change
        refresh_never_outlives_logout
        refresh_never_outlives_disabling
        refresh_never_outlives_password_change;
    recovery:
        code_sets_the_password
        code_removes_locks
        new_code_replaces_the_previous_one
        rejects_codes_that_are_not_valid
        disabling_ends_codes
        issuer_needs_the_roles_of_the_account
        concurrent_uses_of_a_code_set_one_password
        new_account_has_its_code
        required_change_ends_with_a_new_password
        new_password_ends_codes;
    reuse:
        reuse_revokes_token_family
        detects_reuse_of_any_ancestor
        reuse_ends_the_current_session
        second_use_without_grace_period_is_reuse
        concurrent_uses_without_grace_period_rotate_once;
    roles:
        assigns_roles_of_the_policy_only
        current_roles_of_the_assigner_decide
        enabling_assigns_roles
        keeps_an_enabled_admin
        concurrent_changes_keep_an_enabled_admin
        demoted_assigner_assigns_nothing;
    rotation:
        rotates_token
        refresh_never_shortens_session
        returns_same_successor_within_grace_period
        use_after_grace_period_is_reuse
        lost_race_is_not_reuse_after_a_long_wait
        clock_skew_is_not_reuse
        rejects_unknown_and_expired_tokens
        refresh_replaces_expired_session
        retry_returns_replacing_session
        rejects_refresh_after_session_end
        concurrent_uses_rotate_once
        records_rejected_tokens
        login_ends_after_its_lifetime;
    unfamiliar_sources:
        throttles_unfamiliar_clients
        evaluates_throttled_attempts_one_at_a_time
        familiar_source_stays_familiar
        unfamiliar_clients_cannot_lock_out_the_owner
        throttle_ends_with_time
        throttles_unknown_names_alike
        throttled_attempt_counts_for_its_source_only
        familiar_source_with_many_failures_is_unfamiliar
        device_is_familiar_at_every_address
        added_device_is_familiar
        device_has_failures_of_its_own
        bounds_devices
        devices_are_forgotten
        session_is_evidence;
}

/// Runs all cases, each with an empty store that `open` returns.
///
/// Some cases run operations concurrently. It needs a Tokio runtime with a timer, preferably a
/// multi-threaded one.
///
/// # Panics
/// If a store fails a case.
pub async fn check(open: impl AsyncFn() -> Arc<dyn Store>) {
    for case in CASES {
        case.run(open().await).await;
    }
}

impl Case {
    /// Returns the name, such as `rotation::concurrent_uses_rotate_once`.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// Runs the case with an empty store. It needs a Tokio runtime with a timer.
    ///
    /// # Panics
    /// If the store fails the case.
    pub async fn run(&self, store: Arc<dyn Store>) {
        let fixture = StoreFixture::new(store);
        (self.run)(&fixture).await;
        close(&fixture).await;
    }
}

/// Checks that there are no unexpected records, and that the log is intact.
async fn close(fixture: &StoreFixture) {
    let records = fixture.new_records().await;
    assert!(records.is_empty(), "unexpected records: {records:#?}");
    if !fixture.is_key_replaced.load(Ordering::Relaxed) {
        fixture.sealed().await;
    }
}

impl fmt::Debug for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Case").field(&self.name).finish()
    }
}
