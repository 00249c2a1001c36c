//! `portal user import`: creates the accounts of another system from a file of JSON lines.

mod lines;
mod report;

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;
use std::process::ExitCode;

use kleidia_tower::account::{AccountImport, ImportOptions, ImportedAccount};

use self::lines::Lines;
use self::report::Report;
use crate::BoxError;
use crate::arguments::{AuditFiles, ImportArguments};
use crate::database::Location;
use crate::exit::Exit;
use crate::service::Service;

/// Imports the lines of the file; [`Exit::Rejected`] if some were rejected. Accounts that are there already are left as they are, so an
/// interrupted import is run again.
pub(crate) async fn run(
    database: &Location,
    audit: &AuditFiles,
    arguments: &ImportArguments,
    is_json: bool,
) -> Result<ExitCode, BoxError> {
    let (input, octets) = open(&arguments.file)?;
    if arguments.dry_run {
        database.require()?;
    }
    let service = Service::open_for_command(database, audit).await?;
    let mut report = Report::new(octets, is_json, arguments.dry_run);
    let outcome = import(&service, Lines::new(BufReader::new(input)), arguments, &mut report).await;
    service.close(None).await;
    report.finish(outcome.is_ok())?;
    outcome?;
    Ok(if report.rejected() > 0 { Exit::Rejected.into() } else { ExitCode::SUCCESS })
}

/// Opens the file, or standard input for `-`, and returns its length if it is known.
fn open(path: &Path) -> Result<(Box<dyn Read>, Option<u64>), BoxError> {
    if path == Path::new("-") {
        return Ok((Box::new(io::stdin()), None));
    }
    let failed = |error| format!("{}: {error}", path.display());
    let file = File::open(path).map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    Ok((Box::new(file), metadata.is_file().then_some(metadata.len())))
}

async fn import(
    service: &Service,
    mut lines: Lines<impl io::BufRead>,
    arguments: &ImportArguments,
    report: &mut Report,
) -> Result<(), BoxError> {
    let mut options = ImportOptions::default();
    if arguments.allow_admins {
        options = options.with_administrators();
    }
    if arguments.dry_run {
        options = options.with_dry_run();
    }
    let mut import = service.accounts.start_import(options).await?;
    loop {
        let (mut numbers, mut batch) = (Vec::new(), Vec::new());
        while batch.len() < AccountImport::MAX_BATCH
            && let Some(line) = lines.next_line()?
        {
            batch.push(line.and_then(ImportedAccount::from_json));
            numbers.push(lines.number());
        }
        if batch.is_empty() {
            return Ok(());
        }
        let outcomes = import.add(batch).await?;
        report.add(numbers.into_iter().zip(outcomes), lines.octets())?;
    }
}
