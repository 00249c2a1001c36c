//! The open streams of one principal.

use super::state::Micros;
use super::{OpenStream, StreamCheck};

/// The streams of a principal.
pub(super) struct Group<C: StreamCheck>(pub(super) Vec<Entry<C>>);

/// The streams with one key.
pub(super) struct Entry<C: StreamCheck> {
    pub(super) key: C::Key,
    pub(super) streams: Vec<OpenStream<C>>,
    pub(super) next_check: Micros,
    pub(super) is_checking: bool,
    /// That of the last request for a check. A check that started before it does not count.
    pub(super) version: u64,
}

/// A check that has to be made.
pub(super) struct Due<C: StreamCheck> {
    pub(super) principal: C::Principal,
    pub(super) key: C::Key,
    pub(super) streams: Vec<OpenStream<C>>,
    pub(super) version: u64,
}

impl<C: StreamCheck> Group<C> {
    pub(super) fn registered(&self) -> usize {
        self.0.iter().map(|entry| entry.streams.len()).sum()
    }

    /// Counts the streams that have not ended. A client that reads nothing may keep the body of
    /// one that has.
    pub(super) fn counted(&self) -> usize {
        let streams = self.0.iter().flat_map(|entry| &entry.streams);
        streams.filter(|stream| stream.0.is_counted() && stream.is_open()).count()
    }

    pub(super) fn insert(&mut self, stream: OpenStream<C>, version: u64) {
        if let Some(entry) = self.0.iter_mut().find(|entry| entry.key == stream.0.key) {
            entry.streams.push(stream);
            entry.request_check(version);
        } else {
            let (key, streams) = (stream.0.key.clone(), vec![stream]);
            self.0.push(Entry { key, streams, next_check: 0, is_checking: false, version });
        }
    }
}

impl<C: StreamCheck> Entry<C> {
    pub(super) const fn is_due(&self, now: Micros) -> bool {
        !self.is_checking && now >= self.next_check
    }

    pub(super) fn request_check(&mut self, version: u64) {
        self.next_check = 0;
        self.version = version;
    }

    /// Returns the check of the streams that have not ended, if there are any.
    pub(super) fn start_check(&mut self, principal: &C::Principal) -> Option<Due<C>> {
        let open = self.streams.iter().filter(|stream| stream.is_open());
        let streams: Vec<_> = open.cloned().collect();
        self.is_checking = !streams.is_empty();
        let (principal, key, version) = (principal.clone(), self.key.clone(), self.version);
        self.is_checking.then_some(Due { principal, key, streams, version })
    }
}
