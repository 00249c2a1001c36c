//! `portal doctor`: checks what a portal with these settings needs, and changes nothing.

use std::fmt::Display;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use http_guard::{Clock as _, SystemClock};
use kleidia_tower::access_token::StoredKeys;
use kleidia_tower::audit::{AuditKey, LogKey};
use serde::Serialize;
use tokio::time::timeout;

use crate::arguments::AuditFiles;
use crate::database::{Database, Location};
use crate::exit::Exit;
use crate::mail::MailArguments;
use crate::output::Output;
use crate::service::KeyFiles;
use crate::settings::Settings;
use crate::{BoxError, limits, service};

/// How long a server may take to respond.
const TIMEOUT: Duration = Duration::from_secs(10);
/// How long the verification of the audit log may take; `portal audit verify` has no limit.
const VERIFICATION_TIMEOUT: Duration = Duration::from_mins(5);
/// The age of the key that signs from which on a rotation is due.
const MAX_KEY_AGE: Duration = Duration::from_hours(24 * 90);
/// The difference to the clock of the database from which on times in logs mislead.
const MAX_CLOCK_DIFFERENCE: Duration = Duration::from_secs(5);

/// The result of a check.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
enum Status {
    Ok,
    Warning,
    Failed,
}

/// What a check has found. Details have no secrets: errors name files, and no URLs.
type Finding = (Status, String);

#[derive(Serialize)]
struct Check<'a> {
    #[serde(rename = "check")]
    name: &'a str,
    status: Status,
    detail: &'a str,
}

/// The findings so far.
struct Report {
    output: Output,
    worst: Status,
}

impl Report {
    fn add(&mut self, name: &str, (status, detail): Finding) -> Result<(), BoxError> {
        self.worst = self.worst.max(status);
        let label = match status {
            Status::Ok => "ok",
            Status::Warning => "warning",
            Status::Failed => "failed",
        };
        let text = || format!("{label:<8}  {name:<10}  {detail}");
        self.output.print(&Check { name, status, detail: &detail }, text)?;
        self.output.flush()?;
        Ok(())
    }
}

/// Runs all checks that the settings ask for. The exit code is that of the worst finding.
pub(crate) async fn run(
    database: &Location,
    KeyFiles { keys, audit }: KeyFiles,
    settings: &Settings,
    mail: &MailArguments,
    json: bool,
) -> Result<ExitCode, BoxError> {
    let mut report = Report { output: Output::new(json), worst: Status::Ok };
    report.add("settings", check_settings(settings, mail))?;
    if settings.vault.is_none() {
        report.add("keys", finding(check_keys(database, keys)))?;
    }
    report.add("audit-key", finding(check_audit_key(database, &audit)))?;
    match open(database, &audit, settings).await {
        Ok(opened) => {
            report.add("database", (Status::Ok, "reachable, with the expected schema".into()))?;
            report.add("clock", check_clock(&opened))?;
            report.add("audit-log", finding(check_log(&opened).await))?;
            drop(timeout(TIMEOUT, opened.close()).await);
        }
        Err(error) => report.add("database", failed(error))?,
    }
    if let Ok(Some(limits)) = limits::shared_limits(settings) {
        let checked = timeout(TIMEOUT, limits.check_store()).await;
        let found = match checked {
            Ok(Ok(())) => (Status::Ok, "reachable".to_owned()),
            Ok(Err(error)) => failed(error),
            Err(_) => failed("no response"),
        };
        report.add("redis", found)?;
    }
    Ok(match report.worst {
        Status::Ok => ExitCode::SUCCESS,
        Status::Warning => Exit::Warnings.into(),
        Status::Failed => Exit::Failed.into(),
    })
}

fn failed(error: impl Display) -> Finding {
    (Status::Failed, error.to_string())
}

fn finding(checked: Result<Finding, BoxError>) -> Finding {
    checked.unwrap_or_else(failed)
}

fn check_settings(settings: &Settings, mail: &MailArguments) -> Finding {
    let checks = [
        service::account_settings(settings).map(drop),
        settings.proxies().map(drop).map_err(BoxError::from),
        limits::shared_limits(settings).map(drop),
        mail.delivery().map(drop),
    ];
    let errors: Vec<_> = checks.into_iter().filter_map(Result::err).collect();
    match errors.first() {
        None => (Status::Ok, "valid".to_owned()),
        Some(error) => failed(error),
    }
}

fn check_keys(location: &Location, file: Option<PathBuf>) -> Result<Finding, BoxError> {
    let path = location.keys(file)?;
    let keys = StoredKeys::read(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    if let Some(warning) = check_permissions(&path)? {
        return Ok(warning);
    }
    let created_at = keys.keys().first().and_then(|key| key.created_at);
    let now = SystemClock.now().ok_or("clock unavailable")?;
    let changed_at = created_at.unwrap_or_else(|| keys.changed_at());
    let age = Duration::try_from(now.duration_since(changed_at)).unwrap_or_default();
    let days = age.as_secs() / (24 * 3600);
    Ok(if age > MAX_KEY_AGE {
        (Status::Warning, format!("{days} days old: run `portal keys rotate`"))
    } else {
        (Status::Ok, format!("{} keys, {days} days old", keys.keys().len()))
    })
}

fn check_audit_key(location: &Location, audit: &AuditFiles) -> Result<Finding, BoxError> {
    let files = location.audit_key(audit)?;
    let path = files.key().to_owned();
    AuditKey::open(files).map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(check_permissions(&path)?.unwrap_or_else(|| (Status::Ok, "readable".to_owned())))
}

/// Warns if users other than the owner and the group can read the file, or any can write to it.
#[cfg(unix)]
fn check_permissions(path: &Path) -> Result<Option<Finding>, BoxError> {
    use std::os::unix::fs::PermissionsExt as _;

    let mode = fs::metadata(path)?.permissions().mode() & 0o777;
    let text = || format!("{}: has the mode {mode:o}, expected 600 or 640", path.display());
    Ok((mode & 0o027 != 0).then(|| (Status::Warning, text())))
}

#[cfg(not(unix))]
fn check_permissions(_: &Path) -> Result<Option<Finding>, BoxError> {
    Ok(None)
}

/// Opens the database to read: it is neither created nor migrated.
async fn open(
    location: &Location,
    audit: &AuditFiles,
    settings: &Settings,
) -> Result<Database, BoxError> {
    location.require()?;
    let key = LogKey::Inspect(AuditKey::open(location.audit_key(audit)?)?);
    timeout(TIMEOUT, location.open(key, settings)).await.map_err(|_| "no response")?
}

fn check_clock(database: &Database) -> Finding {
    let (Some(theirs), Some(ours)) = (database.clock().now(), SystemClock.now()) else {
        return failed("clock unavailable");
    };
    let difference = theirs.duration_since(ours).unsigned_abs();
    let text = format!("differs by {} ms from the database's", difference.as_millis());
    (if difference > MAX_CLOCK_DIFFERENCE { Status::Warning } else { Status::Ok }, text)
}

async fn check_log(database: &Database) -> Result<Finding, BoxError> {
    let store = database.store();
    let verified = timeout(VERIFICATION_TIMEOUT, store.verify(None)).await;
    let verification = verified.map_err(|_| "not verified within 5 minutes")??;
    Ok(if verification.is_intact() {
        (Status::Ok, "intact".to_owned())
    } else {
        failed(format!("{} faults: run `portal audit verify`", verification.fault_count()))
    })
}
