//! `portal audit export` and `portal audit detach`: moves old records of the log out of the database.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, BufWriter, Write as _};
use std::path::Path;

use kleidia_tower::audit::{
    self, AuditVerifierKey, Checkpoint, Detachment, ExportError, ExportReader,
};
use kleidia_tower::store::{Store, StoreError};

use crate::BoxError;
use crate::audit::{failed, print};

/// Exports a range to a new file or to standard output.
pub(crate) async fn export(
    store: &dyn Store,
    from: Option<u64>,
    to: Option<u64>,
    output: Option<&Path>,
) -> Result<(), BoxError> {
    let Some(path) = output else {
        let mut output = BufWriter::new(io::stdout());
        audit::export(store, from, to, &mut output).await?;
        return Ok(output.flush()?);
    };
    let file = create(path).map_err(|error| failed(path, &error))?;
    let is_file = file.metadata()?.is_file();
    let mut output = BufWriter::new(&file);
    let exported = async {
        let leaves = audit::export(store, from, to, &mut output).await?;
        output.flush()?;
        if is_file {
            file.sync_all()?;
        }
        Ok(leaves)
    };
    let leaves = exported.await.map_err(|error: ExportError| {
        // An incomplete file is of no use.
        if is_file {
            drop(fs::remove_file(path));
        }
        failed(path, &error)
    })?;
    if !is_file {
        return Ok(());
    }
    let (first, count) = (leaves.start, leaves.end - leaves.start);
    print(&format!("exported {count} records from leaf {first} on to {}\n", path.display()))
}

/// Creates a file that only its owner can read, since records are about people. Devices and pipes
/// are opened.
fn create(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    if fs::metadata(path).is_ok_and(|found| !found.is_file() && !found.is_dir()) {
        return options.write(true).open(path);
    }
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.write(true).create_new(true).open(path)
}

/// Verifies an export, without the database.
pub(crate) fn verify(
    path: &Path,
    key: &AuditVerifierKey,
    since: Option<&Checkpoint>,
) -> Result<(), BoxError> {
    let reader = open(path, key)?;
    let (leaves, size) = (reader.leaves(), reader.checkpoint().size());
    reader.verify(since).map_err(|error| failed(path, &error))?;
    print(&format!(
        "intact: {} records from leaf {} on, of the log {} of {size} records\n",
        leaves.end - leaves.start,
        leaves.start,
        key.name(),
    ))
}

/// Detaches what an export has.
pub(crate) async fn detach(
    store: &dyn Store,
    path: &Path,
    key: &AuditVerifierKey,
    to: Option<u64>,
) -> Result<(), BoxError> {
    let file = File::open(path).map_err(|error| failed(path, &error))?;
    match audit::detach(store, BufReader::new(file), key, to).await {
        Ok(size) => print(&format!("detached: the log in the database begins at leaf {size}\n")),
        Err(ExportError::Store(StoreError::Unavailable(cause))) => {
            Err(format!("{cause}; on PostgreSQL, only the owner of the tables detaches").into())
        }
        Err(error) => Err(failed(path, &error).into()),
    }
}

/// Prints the proof of a record that an export has.
pub(crate) fn prove(path: &Path, key: &AuditVerifierKey, sequence: u64) -> Result<(), BoxError> {
    let mut reader = open(path, key)?;
    while let Some(proof) = reader.next_record().map_err(|error| failed(path, &error))? {
        if proof.record().sequence == sequence {
            return print(&format!("{}\n", proof.to_json()));
        }
    }
    Err(failed(path, &format!("no record {sequence}")).into())
}

/// Says why the database has no proof of a record.
pub(crate) async fn no_record(store: &dyn Store, sequence: u64) -> Result<String, StoreError> {
    let detached = store.detachment().await?.as_ref().map_or(0, Detachment::size);
    Ok(match detached {
        0 => format!("no sealed record {sequence}"),
        _ => format!(
            "no sealed record {sequence} from leaf {detached} on; those before it are detached: use \
             `audit prove {sequence} --export FILE` with the file of `audit export`"
        ),
    })
}

fn open(path: &Path, key: &AuditVerifierKey) -> Result<ExportReader<BufReader<File>>, BoxError> {
    let file = File::open(path).map_err(|error| failed(path, &error))?;
    let reader = ExportReader::new(BufReader::new(file), key);
    Ok(reader.map_err(|error| failed(path, &error))?)
}
