//! What waits to be recorded in the background: denials and ends of streams.

use std::collections::VecDeque;

use super::AuditEvent;
use super::stream_ends::EndedStreams;

/// The maximum number of denials that wait for the writer.
const MAX_PENDING: usize = 4096;
/// The maximum number of records of ended streams that wait for the writer. There is one per session
/// when all end at once, as with a withdrawn key; they take no room of denials.
const MAX_PENDING_ENDS: usize = 65_536;
/// The maximum number of denials that one transaction records.
const BATCH: usize = 256;

/// What waits for the writer.
#[derive(Default)]
pub(super) struct Queue {
    /// The events of each denial.
    denials: VecDeque<Vec<AuditEvent>>,
    ends: VecDeque<AuditEvent>,
}

/// The denials of one transaction, each with its events.
pub(super) type Batch = Vec<Vec<AuditEvent>>;

impl Queue {
    /// Returns whether there was room.
    pub(super) fn push_denial(&mut self, events: Vec<AuditEvent>) -> bool {
        let has_room = self.denials.len() < MAX_PENDING;
        if has_room {
            self.denials.push_back(events);
        }
        has_room
    }

    /// Returns whether there was room.
    pub(super) fn push_end(&mut self, ended: EndedStreams) -> bool {
        let has_room = self.ends.len() < MAX_PENDING_ENDS;
        if has_room {
            self.ends.push_back(ended.into_event());
        }
        has_room
    }

    pub(super) fn is_full(&self) -> bool {
        self.denials.len() >= MAX_PENDING || self.ends.len() >= MAX_PENDING_ENDS
    }

    /// Takes the records of one transaction, of both kinds if there are many.
    pub(super) fn next_batch(&mut self) -> Batch {
        let ends = self.ends.len().min(BATCH / 2);
        let denials = self.denials.len().min(BATCH - ends);
        let ends = self.ends.drain(..ends).map(|event| vec![event]);
        ends.chain(self.denials.drain(..denials)).collect()
    }
}
