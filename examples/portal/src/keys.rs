//! `portal keys`: lists and rotates the keys of access tokens in a file.

use std::path::PathBuf;
use std::time::Duration;

use http_guard::{Clock as _, SystemClock, Timestamp};
use kleidia_tower::access_token::{KeyRotation, KeyRotationError, StoredKeys};
use serde_json::json;

use crate::BoxError;
use crate::arguments::{KeysArguments, KeysCommand};
use crate::database::Location;
use crate::exit::Exit;
use crate::output::Output;
use crate::settings::{Period, Settings};

/// The lifetime of access tokens, unless there is a setting.
const DEFAULT_ACCESS_TTL: Duration = Duration::from_mins(30);

/// Runs the command. It does not open the database.
pub(crate) fn run(
    location: &Location,
    file: Option<PathBuf>,
    settings: &Settings,
    KeysArguments { json, command }: KeysArguments,
) -> Result<(), BoxError> {
    let path = location.keys(file)?;
    let failed = |error: KeyRotationError| {
        let text = format!("{}: {error}", path.display());
        match error {
            KeyRotationError::Read(_) | KeyRotationError::Write(_) => Exit::Failed.error(text),
            _ => Exit::Rejected.error(text),
        }
    };
    let ttl = settings.access_ttl.map_or(DEFAULT_ACCESS_TTL, |Period(ttl)| ttl);
    let now = SystemClock.now().ok_or("clock unavailable")?;
    let keys = match command {
        KeysCommand::List => StoredKeys::read(&path).map_err(|error| failed(error.into()))?,
        KeysCommand::Rotate { stage, retire } => {
            let step = match (stage, retire) {
                (true, _) => KeyRotation::Stage,
                (_, true) => KeyRotation::Retire,
                _ => KeyRotation::Sign,
            };
            StoredKeys::rotate(&path, step, ttl, now).map_err(failed)?
        }
    };
    print(&keys, ttl, &mut Output::new(json))
}

fn print(keys: &StoredKeys, ttl: Duration, output: &mut Output) -> Result<(), BoxError> {
    let created = |at: Option<Timestamp>| at.map(|at| at.to_string());
    let retires_at = keys.has_retired().then(|| keys.retires_at(ttl).to_string());
    if output.is_json() {
        let listed = keys.keys().iter().map(|key| {
            json!({
                "id": key.id,
                "state": key.state.as_str(),
                "created_at": created(key.created_at),
            })
        });
        let value = json!({ "keys": listed.collect::<Vec<_>>(), "retires_at": retires_at });
        output.print(&value, String::new)?;
    } else {
        for key in keys.keys() {
            let created = created(key.created_at).unwrap_or_else(|| "unknown".to_owned());
            let (state, id) = (key.state.as_str(), &key.id);
            output.line(&format!("{state:<8}  {created:<20}  {id}"))?;
        }
        if let Some(at) = retires_at {
            output.line(&format!("keys that only verify can be removed from {at} on"))?;
        }
    }
    output.flush()?;
    Ok(())
}
