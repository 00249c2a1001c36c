//! `portal audit`: verifies the audit log, and proves what is in it.

use std::fmt::Display;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use kleidia_tower::ClientInfo;
use kleidia_tower::audit::{
    AuditKey, AuditVerifierKey, Checkpoint, Detachment, InclusionProof, LogKey, LogVerification,
};
use kleidia_tower::store::{ChangeContext, Store};

use crate::BoxError;
use crate::arguments::{AuditCommand, AuditFiles};
use crate::audit_archive;
use crate::database::{Database, Location};
use crate::settings::Settings;

/// Runs the command. A log with faults is an error.
pub(crate) async fn run(
    location: &Location,
    audit: &AuditFiles,
    command: AuditCommand,
) -> Result<(), BoxError> {
    match command {
        AuditCommand::Verify { since, since_key, export, old_key, detached, verifier_key } => {
            let known = || known_checkpoint(location, audit);
            let since = since.or_else(|| if export.is_empty() { known() } else { None });
            let key = log_key(location, audit, verifier_key)?;
            let since_key = since_key.as_ref().unwrap_or(key.verifier_key());
            let since = since.map(|path| read_checkpoint(&path, since_key)).transpose()?;
            if !export.is_empty() {
                let verifier_key = key.verifier_key().clone();
                let detachment =
                    if detached { Some(read_detachment(location, key).await?) } else { None };
                let keys: Vec<_> = [&verifier_key].into_iter().chain(&old_key).collect();
                let (since, detachment) = (since.as_ref(), detachment.as_ref());
                return audit_archive::verify(&export, &keys, since, detachment);
            }
            with_store(location, key, async |store| report(&store.verify(since.as_ref()).await?))
                .await
        }
        AuditCommand::Checkpoint { verifier_key } => {
            let key = log_key(location, audit, verifier_key)?;
            with_store(location, key, async |store| {
                let checkpoint = store.checkpoint().await?.ok_or("the audit log is empty")?;
                print(checkpoint.note())
            })
            .await
        }
        AuditCommand::Export { from, to, output, verifier_key } => {
            let key = log_key(location, audit, verifier_key)?;
            with_store(location, key, async |store| {
                audit_archive::export(&*store, from, to, output.as_deref()).await
            })
            .await
        }
        AuditCommand::Detach { export, to } => {
            let key = secret_key(location, audit)?;
            let verifier_key = key.verifier_key().clone();
            let database = open(location, key.into()).await?;
            let now = database.clock().now().ok_or("the clock of the database is not known")?;
            let store = database.store();
            let detached = audit_archive::detach(&*store, &export, &verifier_key, to, now).await;
            database.close().await;
            detached
        }
        AuditCommand::Prove { sequence, export, verifier_key } => {
            let key = log_key(location, audit, verifier_key)?;
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
        AuditCommand::CreateKey => {
            let files = location.audit_key(audit)?;
            let key = AuditKey::create(files.clone());
            let key = key.map_err(|error| failed(files.key(), &error))?;
            print(&format!("{}\n", key.verifier_key()))
        }
        AuditCommand::Accept { size } => {
            accept(location, &secret_key(location, audit)?, size).await
        }
        AuditCommand::ReplaceKey { file, lost } => {
            let key = match lost {
                Some(lost) => lost.into(),
                // The log may have the new key already.
                None => LogKey::Inspect(secret_key(location, audit)?),
            };
            replace_key(location, key, &file).await
        }
        AuditCommand::VerifierKey => {
            print(&format!("{}\n", secret_key(location, audit)?.verifier_key()))
        }
    }
}

/// Replaces the key of the log by the one in this file.
async fn replace_key(location: &Location, key: LogKey, file: &Path) -> Result<(), BoxError> {
    let successor = AuditKey::open_or_create_successor(file, key.verifier_key());
    let successor = successor.map_err(|error| failed(file, &error))?;
    let database = open(location, key).await?;
    let now = database.clock().now().ok_or("the clock of the database is not known")?;
    let change = ChangeContext { at: now, client: ClientInfo::default(), actor: None };
    let replaced = database.store().replace_key(&successor, &change).await;
    database.close().await;
    print(replaced?.note())
}

/// Makes the portals with this key continue from the log, which must be intact and have this size.
async fn accept(location: &Location, key: &AuditKey, size: u64) -> Result<(), BoxError> {
    let inspected = LogKey::Inspect(key.clone().without_checkpoint_file());
    with_store(location, inspected, async |store| {
        let verification = store.verify(None).await?;
        // Nothing seals what a backup has unsealed.
        if !verification.is_authentic() {
            check_intact(&verification)?;
        }
        let checkpoint = verification.checkpoint();
        let found = checkpoint.map_or(0, Checkpoint::size);
        if found != size {
            return Err(format!("the audit log has {}, expected {size}", records(found)).into());
        }
        key.accept(checkpoint)?;
        print(&format!("accepted: {}\n", records(size)))
    })
    .await
}

/// Returns the public key that is given, or the secret key in the file, which must exist. The store
/// neither seals nor writes with either.
fn log_key(
    location: &Location,
    audit: &AuditFiles,
    verifier_key: Option<AuditVerifierKey>,
) -> Result<LogKey, BoxError> {
    if let Some(key) = verifier_key {
        return Ok(key.into());
    }
    let hint = "with --verifier-key VKEY, the public key suffices";
    let key = secret_key(location, audit).map_err(|error| format!("{error}; {hint}"))?;
    Ok(LogKey::Inspect(key))
}

/// Returns the file with the newest checkpoint that a portal with this key has signed or verified.
fn known_checkpoint(location: &Location, audit: &AuditFiles) -> Option<PathBuf> {
    let files = location.audit_key(audit).ok()?;
    let path = files.checkpoint();
    // A file that cannot be read is an error later.
    path.try_exists().unwrap_or(true).then(|| path.to_owned())
}

/// Returns the secret key in the file.
fn secret_key(location: &Location, audit: &AuditFiles) -> Result<AuditKey, BoxError> {
    let files = location.audit_key(audit)?;
    let key = AuditKey::open(files.clone());
    Ok(key.map_err(|error| failed(files.key(), &error))?)
}

async fn open(location: &Location, key: LogKey) -> Result<Database, BoxError> {
    location.require()?;
    location.open(key, &Settings::default()).await
}

async fn with_store(
    location: &Location,
    key: LogKey,
    command: impl AsyncFnOnce(Arc<dyn Store>) -> Result<(), BoxError>,
) -> Result<(), BoxError> {
    let database = open(location, key).await?;
    let outcome = command(database.store()).await;
    database.close().await;
    outcome
}

fn read_checkpoint(path: &Path, key: &AuditVerifierKey) -> Result<Checkpoint, BoxError> {
    let note = fs::read_to_string(path).map_err(|error| failed(path, &error))?;
    Ok(Checkpoint::verify(&note, key).map_err(|error| failed(path, &error))?)
}

fn report(verification: &LogVerification) -> Result<(), BoxError> {
    check_intact(verification)?;
    let size = verification.checkpoint().map_or(0, Checkpoint::size);
    let detached = match verification.first_leaf() {
        0 => String::new(),
        first => format!(", verified from leaf {first} on: those before it are detached"),
    };
    print(&format!("intact: {}{detached}\n", records(size)))
}

/// Prints the faults. A log with faults is an error.
fn check_intact(verification: &LogVerification) -> Result<(), BoxError> {
    if verification.is_intact() {
        return Ok(());
    }
    for fault in verification.faults() {
        print(&format!("{fault}\n"))?;
    }
    Err(match verification.fault_count() {
        1 => "the audit log has 1 fault".into(),
        count => format!("the audit log has {count} faults").into(),
    })
}

fn check_proof(path: &Path, key: &AuditVerifierKey) -> Result<(), BoxError> {
    let text = fs::read_to_string(path).map_err(|error| failed(path, &error))?;
    let proof = InclusionProof::from_json(&text).map_err(|error| failed(path, &error))?;
    let checkpoint = proof.check(key).map_err(|error| failed(path, &error))?;
    let (record, size) = (proof.record(), checkpoint.size());
    print(&format!(
        "record {} ({}, {}) is in the log {} of {}\n",
        record.sequence,
        record.kind.as_str(),
        record.at,
        key.name(),
        records(size),
    ))
}

/// Returns what of the log is detached from the database.
async fn read_detachment(location: &Location, key: LogKey) -> Result<Detachment, BoxError> {
    let database = open(location, key).await?;
    let detachment = database.store().detachment().await;
    database.close().await;
    Ok(detachment?.ok_or("no records are detached from the database")?)
}

/// Names a number of records.
pub(crate) fn records(count: u64) -> String {
    format!("{count} record{}", if count == 1 { "" } else { "s" })
}

pub(crate) fn failed(path: &Path, error: &dyn Display) -> String {
    format!("{}: {error}", path.display())
}

pub(crate) fn print(text: &str) -> Result<(), BoxError> {
    Ok(io::stdout().write_all(text.as_bytes())?)
}
