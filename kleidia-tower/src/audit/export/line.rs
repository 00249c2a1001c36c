//! The lines of an export, each a JSON object.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::audit::record_json::{RecordJson, decode_hashes, encode_hashes};
use crate::audit::{AuditRecord, InclusionProof};

const FORMAT: &str = "kleidia-audit-export/1";

/// The first line.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct HeaderLine {
    format: String,
    /// The indexes of the first leaf, and of the one after the last leaf.
    pub(super) from: u64,
    pub(super) to: u64,
    /// The signed note to which all proofs lead.
    pub(super) checkpoint: String,
}

/// The line of a record.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RecordLine {
    leaf_index: u64,
    /// The octets of the leaf in Base64, for readers that do not encode the record.
    leaf: String,
    hashes: Vec<String>,
    record: RecordJson,
}

impl HeaderLine {
    pub(super) fn new(from: u64, to: u64, checkpoint: &str) -> Self {
        Self { format: FORMAT.to_owned(), from, to, checkpoint: checkpoint.to_owned() }
    }

    pub(super) fn to_json(&self) -> String {
        // Texts and numbers can always be written.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Parses the line if it is exactly what [`Self::to_json`] writes.
    pub(super) fn from_json(line: &[u8]) -> Option<Self> {
        parse(line).filter(|header: &Self| header.format == FORMAT)
    }
}

/// Returns the line of a record.
pub(super) fn record_line(proof: &InclusionProof) -> String {
    let line = RecordLine {
        leaf_index: proof.leaf_index(),
        leaf: BASE64_STANDARD.encode(proof.record().leaf()),
        hashes: encode_hashes(proof.hashes()),
        record: RecordJson::from(proof.record()),
    };
    serde_json::to_string(&line).unwrap_or_default()
}

/// Parses the line of a record if it is exactly what [`record_line`] writes. The proof is not yet
/// checked.
pub(super) fn parse_record_line(line: &[u8], checkpoint: &str) -> Option<InclusionProof> {
    let parsed: RecordLine = parse(line)?;
    let hashes = decode_hashes(&parsed.hashes).ok()?;
    let record = AuditRecord::try_from(parsed.record).ok()?;
    let proof = InclusionProof::new(record, parsed.leaf_index, hashes, checkpoint.to_owned());
    // The text of the record must be that of the leaf, which is what was sealed.
    (record_line(&proof).as_bytes() == line).then_some(proof)
}

/// Parses a line, and checks that it has no other form than the writer gives it: no byte of it can
/// be altered.
fn parse<T: Serialize + DeserializeOwned>(line: &[u8]) -> Option<T> {
    let parsed = serde_json::from_slice(line).ok()?;
    let written = serde_json::to_vec(&parsed).ok()?;
    (written == line).then_some(parsed)
}
