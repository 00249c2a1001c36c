//! `portal audit`: verifies the audit log, and proves what is in it.

use std::fmt::Display;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use kleidia_tower::audit::{
    AuditKey, AuditVerifierKey, Checkpoint, InclusionProof, LogKey, LogVerification,
};
use kleidia_tower::store::Store;

use crate::BoxError;
use crate::arguments::AuditCommand;
use crate::audit_archive;
use crate::database::Location;
use crate::settings::Settings;

/// Runs the command. A log with faults is an error.
pub(crate) async fn run(
    location: &Location,
    audit_key: Option<PathBuf>,
    command: AuditCommand,
) -> Result<(), BoxError> {
    match command {
        AuditCommand::Verify { since, export, verifier_key } => {
            let key = log_key(location, audit_key, verifier_key)?;
            let since = since.map(|path| read_checkpoint(&path, key.verifier_key())).transpose()?;
            if let Some(export) = export {
                return audit_archive::verify(&export, key.verifier_key(), since.as_ref());
            }
            with_store(location, key, async |store| report(&store.verify(since.as_ref()).await?))
                .await
        }
        AuditCommand::Checkpoint { verifier_key } => {
            let key = log_key(location, audit_key, verifier_key)?;
            with_store(location, key, async |store| {
                let checkpoint = store.checkpoint().await?.ok_or("the audit log is empty")?;
                print(checkpoint.note())
            })
            .await
        }
        AuditCommand::Export { from, to, output, verifier_key } => {
            let key = log_key(location, audit_key, verifier_key)?;
            with_store(location, key, async |store| {
                audit_archive::export(&*store, from, to, output.as_deref()).await
            })
            .await
        }
        AuditCommand::Detach { export, to } => {
            let key = log_key(location, audit_key, None)?;
            let verifier_key = key.verifier_key().clone();
            with_store(location, key, async |store| {
                audit_archive::detach(&*store, &export, &verifier_key, to).await
            })
            .await
        }
        AuditCommand::Prove { sequence, export, verifier_key } => {
            let key = log_key(location, audit_key, verifier_key)?;
            if let Some(export) = export {
                return audit_archive::prove(&export, key.verifier_key(), sequence);
            }
            with_store(location, key, async |store| {
                let Some(proof) = store.prove(sequence).await? else {
                    return Err(audit_archive::no_record(&*store, sequence).await?.into());
                };
                print(&format!("{}\n", proof.to_json()))
            })
            .await
        }
        AuditCommand::CheckProof { file, verifier_key } => check_proof(&file, &verifier_key),
        AuditCommand::VerifierKey => {
            let key = log_key(location, audit_key, None)?;
            print(&format!("{}\n", key.verifier_key()))
        }
    }
}

/// Returns the public key that is given, or the secret key in the file, which must exist.
fn log_key(
    location: &Location,
    audit_key: Option<PathBuf>,
    verifier_key: Option<AuditVerifierKey>,
) -> Result<LogKey, BoxError> {
    if let Some(key) = verifier_key {
        return Ok(key.into());
    }
    let path = location.audit_key(audit_key)?;
    Ok(AuditKey::open(&path).map_err(|error| failed(&path, &error))?.into())
}

async fn with_store(
    location: &Location,
    key: LogKey,
    command: impl AsyncFnOnce(Arc<dyn Store>) -> Result<(), BoxError>,
) -> Result<(), BoxError> {
    location.require()?;
    let database = location.open(key, &Settings::default()).await?;
    let outcome = command(database.store()).await;
    database.close().await;
    outcome
}

fn read_checkpoint(path: &Path, key: &AuditVerifierKey) -> Result<Checkpoint, BoxError> {
    let note = fs::read_to_string(path).map_err(|error| failed(path, &error))?;
    Ok(Checkpoint::verify(&note, key).map_err(|error| failed(path, &error))?)
}

fn report(verification: &LogVerification) -> Result<(), BoxError> {
    if verification.is_intact() {
        let size = verification.checkpoint().map_or(0, Checkpoint::size);
        let detached = match verification.first_leaf() {
            0 => String::new(),
            first => format!(", verified from leaf {first} on: those before it are detached"),
        };
        return print(&format!("intact: {size} records{detached}\n"));
    }
    for fault in verification.faults() {
        print(&format!("{fault}\n"))?;
    }
    Err(format!("the audit log has {} faults", verification.fault_count()).into())
}

fn check_proof(path: &Path, key: &AuditVerifierKey) -> Result<(), BoxError> {
    let text = fs::read_to_string(path).map_err(|error| failed(path, &error))?;
    let proof = InclusionProof::from_json(&text).map_err(|error| failed(path, &error))?;
    let checkpoint = proof.check(key).map_err(|error| failed(path, &error))?;
    let (record, size) = (proof.record(), checkpoint.size());
    print(&format!(
        "record {} ({}, {}) is in the log {} of {size} records\n",
        record.sequence,
        record.kind.as_str(),
        record.at,
        key.name(),
    ))
}

pub(crate) fn failed(path: &Path, error: &dyn Display) -> String {
    format!("{}: {error}", path.display())
}

pub(crate) fn print(text: &str) -> Result<(), BoxError> {
    Ok(io::stdout().write_all(text.as_bytes())?)
}
