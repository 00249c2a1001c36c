//! Reads an export, and verifies it.

use std::io::{BufRead, Read as _};
use std::ops::Range;

use super::ExportError;
use super::line::{HeaderLine, parse_record_line};
use crate::audit::{AuditVerifierKey, Checkpoint, InclusionProof, LogHash, SignedRoot};

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

/// Consecutive leaves of a log, all records of which are in exports that were
/// [verified](ExportReader::verify).
///
/// The range of one export is not signed: with its last lines and its range, a writer to the file
/// can remove records. So join all exports, and compare the end with what the log's key has signed.
///
/// ```
/// # use kleidia_tower::audit::{AuditEvent, AuditStore, EventKind, Outcome};
/// use kleidia_tower::audit::{AuditKey, ExportReader, export};
/// use kleidia_tower::store::MemoryStore;
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let key = AuditKey::generate("audit.example.com")?;
/// let store = MemoryStore::with_audit_key(key.clone());
/// # let event = AuditEvent { at: Default::default(), kind: EventKind::Logout, outcome: Outcome::Success,
/// #     user: None, actor: None, session: None, client: Default::default(), request: None, reason: None };
/// # store.append(vec![event; 5]).await?;
/// let checkpoint = store.checkpoint().await?.ok_or("no records")?;
/// let (mut first, mut second) = (Vec::new(), Vec::new());
/// export(&store, None, Some(3), &mut first).await?;
/// export(&store, Some(3), None, &mut second).await?;
/// // Elsewhere, without the store:
/// let read = |file| ExportReader::new(file, key.verifier_key());
/// let (first, second) = (read(&first[..])?, read(&second[..])?);
/// let all = first.verify(&[])?.join(&second.verify(&[checkpoint.signed_root()])?)?;
/// assert_eq!(all.leaves(), 0..5);
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct VerifiedExport {
    leaves: Range<u64>,
    /// The root of the log before the first leaf.
    before: LogHash,
    /// The root of the log that ends with the last leaf.
    root: LogHash,
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

    /// Reads and verifies all of it; and that its log has these roots, such as those of checkpoints
    /// that were retained outside the database. The last record of each must be in the export.
    ///
    /// # Errors
    /// [`ExportError`] of the first fault.
    pub fn verify(mut self, since: &[SignedRoot]) -> Result<VerifiedExport, ExportError> {
        let Range { start: first, end } = self.leaves;
        let is_within = |to: u64| first < to && to <= end;
        if let Some(to) = since.iter().map(SignedRoot::size).find(|to| !is_within(*to)) {
            let from = to.saturating_sub(1);
            return Err(ExportError::OutOfRange { from, to, first, end });
        }
        let mut roots: Option<[LogHash; 2]> = None;
        while let Some(proof) = self.next_record()? {
            let (size, root) = (self.next, proof.root_at_leaf(&self.checkpoint));
            if since.iter().any(|since| since.size() == size && *since.root() != root) {
                return Err(ExportError::Inconsistent { size });
            }
            let before = roots
                .map_or_else(|| proof.root_before_leaf(&self.checkpoint), |[before, _]| before);
            roots = Some([before, root]);
        }
        let [before, root] = roots.ok_or(ExportError::Incomplete { next: first })?;
        Ok(VerifiedExport { leaves: self.leaves, before, root })
    }
}

impl VerifiedExport {
    /// Returns the indexes of the leaves.
    #[must_use]
    pub fn leaves(&self) -> Range<u64> {
        self.leaves.clone()
    }

    /// Appends the leaves of the next export, which must be of the same log and begin where this
    /// one ends.
    ///
    /// # Errors
    /// [`ExportError::Gap`], or [`ExportError::OtherLog`].
    pub fn join(self, next: &Self) -> Result<Self, ExportError> {
        let (expected, found) = (self.leaves.end, next.leaves.start);
        if expected != found {
            return Err(ExportError::Gap { expected, found });
        }
        if self.root != next.before {
            return Err(ExportError::OtherLog { leaf_index: found });
        }
        Ok(Self {
            leaves: self.leaves.start..next.leaves.end,
            before: self.before,
            root: next.root,
        })
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
