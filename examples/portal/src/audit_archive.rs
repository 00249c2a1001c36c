//! `portal audit export` and `portal audit detach`: moves old records of the log out of the database.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, BufWriter, Write as _};
use std::ops::Range;
use std::path::{Path, PathBuf};

use kleidia_tower::Timestamp;
use kleidia_tower::audit::{
    self, AuditVerifierKey, Checkpoint, Detachment, ExportError, ExportReader, SignedRoot,
    VerifiedExport,
};
use kleidia_tower::store::{Store, StoreError};

use crate::BoxError;
use crate::audit::{failed, print, records};

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
    let count = records(count);
    print(&format!("exported {count} from leaf {first} on to {}\n", path.display()))
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

/// Verifies exports that have consecutive leaves, and that their log has what a checkpoint and the
/// database have signed. The first key is the log's.
pub(crate) fn verify(
    paths: &[PathBuf],
    keys: &[&AuditVerifierKey],
    since: Option<&Checkpoint>,
    detachment: Option<&Detachment>,
) -> Result<(), BoxError> {
    let mut exports = Vec::new();
    for path in paths {
        exports.push((path.as_path(), open(path, keys)?));
    }
    exports.sort_by_key(|(_, reader)| reader.leaves().start);
    let size = exports.iter().map(|(_, reader)| reader.checkpoint().size()).max().unwrap_or(0);
    let since = since.map(Checkpoint::signed_root);
    let detached = detachment.map(Detachment::signed_root);
    let roots: Vec<_> = since.into_iter().chain(detached).collect();
    let leaves = join(exports, &roots)?;
    if let Some(since) = since {
        require(&leaves, since.size().saturating_sub(1)..since.size())?;
    }
    if let Some(detached) = detached {
        require(&leaves, 0..detached.size())?;
    }
    let count = records(leaves.end - leaves.start);
    let (first, name, size) =
        (leaves.start, keys.first().map_or("", |key| key.name()), records(size));
    let detached = detached.map_or_else(String::new, |detached| {
        format!(", with all {} that are detached from the database", records(detached.size()))
    });
    print(&format!("intact: {count} from leaf {first} on, of the log {name} of {size}{detached}\n"))
}

/// Verifies exports in the order of their leaves, which they must have without a gap, and that their
/// log has these roots, as far as they have their leaves. Returns the leaves.
fn join(
    exports: Vec<(&Path, ExportReader<BufReader<File>>)>,
    roots: &[SignedRoot],
) -> Result<Range<u64>, BoxError> {
    let mut joined: Option<VerifiedExport> = None;
    for (path, reader) in exports {
        let Range { start, end } = reader.leaves();
        let is_within = |root: &&SignedRoot| start < root.size() && root.size() <= end;
        let roots: Vec<_> = roots.iter().filter(is_within).copied().collect();
        let verified = reader.verify(&roots).and_then(|verified| match joined.take() {
            Some(joined) => joined.join(&verified),
            None => Ok(verified),
        });
        joined = Some(verified.map_err(|error| failed(path, &error))?);
    }
    Ok(joined.ok_or("no exports")?.leaves())
}

/// Checks that exports have some leaves.
fn require(found: &Range<u64>, expected: Range<u64>) -> Result<(), ExportError> {
    let (Range { start: first, end }, Range { start: from, end: to }) = (found.clone(), expected);
    if first <= from && to <= end {
        Ok(())
    } else {
        Err(ExportError::OutOfRange { from, to, first, end })
    }
}

/// Detaches what an export has.
pub(crate) async fn detach(
    store: &dyn Store,
    path: &Path,
    key: &AuditVerifierKey,
    to: Option<u64>,
    now: Timestamp,
) -> Result<(), BoxError> {
    let file = File::open(path).map_err(|error| failed(path, &error))?;
    match audit::detach(store, BufReader::new(file), key, to, now).await {
        Ok(size) => print(&format!("detached: the log in the database begins at leaf {size}\n")),
        Err(error @ ExportError::TooRecent { leaf_index: leaf_index @ 1.., .. }) => {
            Err(format!("{}; --to {leaf_index} detaches those before it", failed(path, &error))
                .into())
        }
        Err(ExportError::Store(StoreError::Unavailable(cause))) => {
            Err(format!("{cause}; on PostgreSQL, only the owner of the tables detaches").into())
        }
        Err(error) => Err(failed(path, &error).into()),
    }
}

/// Prints the proof of a record that an export has.
pub(crate) fn prove(path: &Path, key: &AuditVerifierKey, sequence: u64) -> Result<(), BoxError> {
    let mut reader = open(path, &[key])?;
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

/// Opens an export that one of these keys has signed.
fn open(
    path: &Path,
    keys: &[&AuditVerifierKey],
) -> Result<ExportReader<BufReader<File>>, BoxError> {
    let mut rejected = None;
    for key in keys {
        let file = File::open(path).map_err(|error| failed(path, &error))?;
        match ExportReader::new(BufReader::new(file), key) {
            Ok(reader) => return Ok(reader),
            // The error of the first key, which is the log's.
            Err(error) => drop(rejected.get_or_insert_with(|| failed(path, &error))),
        }
    }
    Err(rejected.unwrap_or_default().into())
}
