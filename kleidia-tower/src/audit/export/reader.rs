//! Reads an export, and verifies it.

use std::io::{BufRead, Read as _};
use std::ops::Range;

use super::ExportError;
use super::line::{HeaderLine, parse_record_line};
use crate::audit::{AuditVerifierKey, Checkpoint, InclusionProof};

/// The maximum length of a line in octets. A record has bounded texts, and a proof 64 hashes at
/// most.
const MAX_LINE: u64 = 1 << 20;

/// An export of the audit log, which is verified while it is read: the signature of its checkpoint,
/// the order and completeness of its leaves, and the proof of each record.
///
/// It needs the export and the public key of the log, and memory for one record. It blocks while it
/// reads.
#[derive(Debug)]
pub struct ExportReader<R> {
    input: R,
    checkpoint: Checkpoint,
    leaves: Range<u64>,
    next: u64,
    /// The number of the line that was read last.
    line: u64,
}

impl<R: BufRead> ExportReader<R> {
    /// Reads the first line, and verifies its checkpoint.
    ///
    /// # Errors
    /// [`ExportError`] if it cannot be read, or is not the first line of an export, or if the key has not
    /// signed its checkpoint.
    pub fn new(mut input: R, key: &AuditVerifierKey) -> Result<Self, ExportError> {
        let line = read_line(&mut input, 1)?.unwrap_or_default();
        let header = HeaderLine::from_json(&line).ok_or(ExportError::Malformed { line: 1 })?;
        let checkpoint = Checkpoint::verify(&header.checkpoint, key)?;
        let (from, to, end) = (header.from, header.to, checkpoint.size());
        if from >= to || to > end {
            return Err(ExportError::OutOfRange { from, to, first: 0, end });
        }
        Ok(Self { input, checkpoint, leaves: from..to, next: from, line: 1 })
    }

    /// Returns the checkpoint, to which the proofs lead.
    #[must_use]
    pub const fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// Returns the indexes of the leaves that the export is to have.
    #[must_use]
    pub fn leaves(&self) -> Range<u64> {
        self.leaves.clone()
    }

    /// Reads the next record, and checks its proof. Returns `None` after the last one, if the
    /// export ends there. Do not read on after an error.
    ///
    /// # Errors
    /// [`ExportError`] if it cannot be read, or is not the next record of the log.
    pub fn next_record(&mut self) -> Result<Option<InclusionProof>, ExportError> {
        self.line += 1;
        let malformed = ExportError::Malformed { line: self.line };
        let line = read_line(&mut self.input, self.line)?;
        let (line, expected) = match (line, self.next) {
            (None, next) if next == self.leaves.end => return Ok(None),
            (None, next) => return Err(ExportError::Incomplete { next }),
            (Some(_), next) if next == self.leaves.end => return Err(malformed),
            (Some(line), next) => (line, next),
        };
        let proof = parse_record_line(&line, self.checkpoint.note()).ok_or(malformed)?;
        let leaf_index = proof.leaf_index();
        if leaf_index != expected {
            return Err(ExportError::Order { expected, found: leaf_index });
        }
        let checked = proof.check_in(&self.checkpoint);
        checked.map_err(|error| ExportError::Proof { leaf_index, error })?;
        self.next += 1;
        Ok(Some(proof))
    }

    /// Reads and verifies all of it; and that the log continues the one of a checkpoint that was
    /// retained outside the database, the last record of which must be in the export.
    ///
    /// # Errors
    /// [`ExportError`] of the first fault.
    pub fn verify(mut self, since: Option<&Checkpoint>) -> Result<(), ExportError> {
        if let Some(since) = since
            && !(self.leaves.start < since.size() && since.size() <= self.leaves.end)
        {
            let (to, Range { start: first, end }) = (since.size(), self.leaves);
            return Err(ExportError::OutOfRange { from: to.saturating_sub(1), to, first, end });
        }
        while let Some(proof) = self.next_record()? {
            if let Some(since) = since
                && since.size() == self.next
                && *since.root() != proof.root_at_leaf(&self.checkpoint)
            {
                return Err(ExportError::Inconsistent);
            }
        }
        Ok(())
    }
}

/// Reads a line without its end; `None` if there is none.
fn read_line(input: &mut impl BufRead, number: u64) -> Result<Option<Vec<u8>>, ExportError> {
    let mut line = Vec::new();
    if input.take(MAX_LINE).read_until(b'\n', &mut line)? == 0 {
        return Ok(None);
    }
    if line.pop() == Some(b'\n') {
        return Ok(Some(line));
    }
    Err(ExportError::Malformed { line: number })
}
