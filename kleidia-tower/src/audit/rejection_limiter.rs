//! Counts rejections per source and minute, so that a flood of them cannot fill the disk.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::mem;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::{AuditEvent, AuditIdentity, EventKind, Outcome, Reason, RejectionLimits};
use crate::lockout::LoginSource;
use crate::{ClientInfo, Timestamp, UserId};

/// The maximum number of sources that the summaries of a minute name, of each kind of callers:
/// those with the most rejections.
const MAX_NAMED: usize = 100;
const SECONDS_PER_MINUTE: i64 = 60;

/// Decides which rejections are recorded, and counts the others.
#[derive(Debug)]
pub(super) struct RejectionLimiter {
    limits: RejectionLimits,
    window: Mutex<Window>,
}

/// What is to be done about a rejection.
#[derive(Debug, Default)]
pub(super) struct Check {
    /// Whether the rejection is recorded. Otherwise it is counted.
    pub(super) is_recorded: bool,
    /// The summaries of the previous minute, to be recorded first.
    pub(super) summaries: Vec<AuditEvent>,
    /// The minute that has just counted its first rejection, and how long it lasts.
    pub(super) counting: Option<(WindowId, Duration)>,
}

/// The number of a window, which is not used again.
pub(super) type WindowId = u64;

/// A minute of the clock.
#[derive(Debug, Default)]
struct Window {
    id: WindowId,
    /// It never goes back: late events would start windows without end.
    minute: i64,
    accounts: Budget,
    other_callers: Budget,
    /// The time of the last rejection that was counted; `None` if there is none yet.
    counted_at: Option<Timestamp>,
}

/// What was recorded and counted of one kind of callers. It has at most as many sources as it
/// records rejections.
#[derive(Debug, Default)]
struct Budget {
    recorded: u32,
    sources: HashMap<Source, SourceCounts>,
    /// How many rejections of each account were recorded, from all sources.
    accounts: HashMap<UserId, u32>,
    /// Counts of sources that have no entry.
    others: Counts,
}

/// The cause of rejections: a network, or an account or workload at an unknown address.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Source {
    Network(LoginSource),
    Identity(AuditIdentity),
}

#[derive(Debug, Default)]
struct SourceCounts {
    recorded: u32,
    counts: Counts,
}

/// How many rejections were counted and not recorded, by their kind.
#[derive(Debug, Default)]
struct Counts(BTreeMap<EventKind, u64>);

impl RejectionLimiter {
    pub(super) fn new(limits: RejectionLimits) -> Self {
        Self { limits, window: Mutex::default() }
    }

    /// Decides whether the events of one rejection are recorded, or counts them.
    pub(super) fn check(&self, events: &[AuditEvent]) -> Check {
        let Some(first) = events.first() else { return Check::default() };
        let mut window = self.window();
        let minute = first.at.as_second().div_euclid(SECONDS_PER_MINUTE);
        let summaries =
            if minute > window.minute { window.restart(Some(minute)) } else { Vec::new() };
        let is_recorded = window.check(self.limits, first, events);
        let mut counting = None;
        if !is_recorded && window.counted_at.replace(first.at).is_none() {
            let passed = first.at.as_second().rem_euclid(SECONDS_PER_MINUTE);
            let left = u64::try_from(SECONDS_PER_MINUTE - passed).unwrap_or_default();
            counting = Some((window.id, Duration::from_secs(left)));
        }
        Check { is_recorded, summaries, counting }
    }

    /// Ends a window unless it has ended, and returns its summaries.
    pub(super) fn end(&self, id: WindowId) -> Vec<AuditEvent> {
        let mut window = self.window();
        if window.id == id { window.restart(None) } else { Vec::new() }
    }

    /// Returns the summaries of the current minute so far.
    pub(super) fn take_summaries(&self) -> Vec<AuditEvent> {
        self.window().take_summaries()
    }

    fn window(&self) -> MutexGuard<'_, Window> {
        self.window.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Window {
    /// Starts the next window, of this minute or of the same one, and returns the summaries.
    fn restart(&mut self, minute: Option<i64>) -> Vec<AuditEvent> {
        let summaries = self.take_summaries();
        let (id, minute) = (self.id.wrapping_add(1), minute.unwrap_or(self.minute));
        *self = Self { id, minute, ..Self::default() };
        summaries
    }

    fn check(
        &mut self,
        limits: RejectionLimits,
        first: &AuditEvent,
        events: &[AuditEvent],
    ) -> bool {
        let account = authenticated_account(first);
        let budget = if account.is_some() { &mut self.accounts } else { &mut self.other_callers };
        budget.check(limits, account, Source::from_event(first), events)
    }

    fn take_summaries(&mut self) -> Vec<AuditEvent> {
        let Some(at) = self.counted_at else { return Vec::new() };
        let mut summaries = self.accounts.take_summaries(at);
        summaries.extend(self.other_callers.take_summaries(at));
        summaries
    }
}

impl Budget {
    fn check(
        &mut self,
        limits: RejectionLimits,
        account: Option<UserId>,
        source: Source,
        events: &[AuditEvent],
    ) -> bool {
        let total = if account.is_some() { limits.accounts_total() } else { limits.total() };
        let of_account = account.and_then(|account| self.accounts.get(&account));
        let has_account_room = of_account.is_none_or(|recorded| *recorded < limits.per_account());
        let has_room = self.recorded < total && has_account_room;
        if !has_room && !self.sources.contains_key(&source) {
            self.others.add(events);
            return false;
        }
        let source = self.sources.entry(source).or_default();
        if !has_room || source.recorded >= limits.per_source() {
            source.counts.add(events);
            return false;
        }
        source.recorded += 1;
        self.recorded += 1;
        if let Some(account) = account {
            *self.accounts.entry(account).or_default() += 1;
        }
        true
    }

    fn take_summaries(&mut self, at: Timestamp) -> Vec<AuditEvent> {
        let counted = self.sources.iter_mut().filter(|(_, source)| !source.counts.0.is_empty());
        let counted = counted.map(|(source, found)| (source, mem::take(&mut found.counts)));
        let mut counted: Vec<_> = counted.collect();
        counted.sort_by_key(|(_, counts)| Reverse(counts.total()));
        let unnamed = counted.split_off(counted.len().min(MAX_NAMED));
        for (_, counts) in unnamed {
            self.others.merge(counts);
        }
        let mut summaries = Vec::new();
        for (source, counts) in counted {
            summaries.extend(counts.summaries(Some(source), at));
        }
        summaries.extend(mem::take(&mut self.others).summaries(None, at));
        summaries
    }
}

/// Returns the account as which the caller has authenticated. Anyone can try to log in, and own a
/// domain with workloads.
fn authenticated_account(event: &AuditEvent) -> Option<UserId> {
    let is_login = matches!(event.kind, EventKind::LoginFailure | EventKind::LoginLocked);
    event.user.as_ref().filter(|_| !is_login)?.id
}

impl Source {
    fn from_event(event: &AuditEvent) -> Self {
        match (event.client.address, &event.user) {
            (None, Some(identity)) => Self::Identity(identity.clone()),
            (address, _) => Self::Network(LoginSource::new(address)),
        }
    }
}

impl Counts {
    fn add(&mut self, events: &[AuditEvent]) {
        for event in events {
            self.add_many(event.kind, 1);
        }
    }

    fn merge(&mut self, counts: Self) {
        for (kind, count) in counts.0 {
            self.add_many(kind, count);
        }
    }

    fn add_many(&mut self, kind: EventKind, count: u64) {
        let found = self.0.entry(kind).or_default();
        *found = found.saturating_add(count);
    }

    fn total(&self) -> u64 {
        self.0.values().fold(0, |total, count| total.saturating_add(*count))
    }

    /// Returns one event for each kind.
    fn summaries(
        self,
        source: Option<&Source>,
        at: Timestamp,
    ) -> impl Iterator<Item = AuditEvent> + use<> {
        let (address, user) = match source {
            Some(Source::Network(network)) => (network.address(), None),
            Some(Source::Identity(identity)) => (None, Some(identity.clone())),
            None => (None, None),
        };
        self.0.into_iter().map(move |(kind, count)| AuditEvent {
            at,
            kind,
            outcome: Outcome::Failure,
            user: user.clone(),
            actor: None,
            session: None,
            client: ClientInfo { address, user_agent: None },
            request: None,
            reason: Some(Reason::MoreWithinMinute(count)),
        })
    }
}

#[cfg(test)]
mod tests;
