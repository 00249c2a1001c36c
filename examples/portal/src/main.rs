//! A portal where people sign in: sessions, roles, limits and audit, on one SQLite file or on
//! PostgreSQL.

#![cfg_attr(not(test), warn(clippy::disallowed_methods))]

mod arguments;
mod audit;
mod audit_archive;
mod create_admin;
mod database;
mod doctor;
mod end_sessions;
mod exit;
mod keys;
mod limits;
mod mail;
mod metrics;
mod output;
mod page;
mod routes;
mod service;
mod session_cache;
mod sessions;
mod setting_text;
mod settings;
mod unlock;
mod user;
mod user_import;
mod vault;
mod vault_client;

use std::error::Error;
use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::Parser as _;
use http_guard::log;
use tokio::runtime::Runtime;

use crate::arguments::{Arguments, Command};
use crate::service::KeyFiles;
use crate::settings::LogFormat;

type BoxError = Box<dyn Error + Send + Sync>;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let outcome = Runtime::new().map_err(BoxError::from).and_then(|runtime| {
        let outcome = runtime.block_on(run(arguments));
        // A lookup of a host name may still block a thread for longer than a shutdown may take.
        runtime.shutdown_background();
        outcome
    });
    match outcome {
        Ok(code) => code,
        Err(error) => {
            // If standard error is closed, the exit code remains.
            drop(writeln!(io::stderr(), "error: {error}"));
            exit::code(&error)
        }
    }
}

async fn run(arguments: Arguments) -> Result<ExitCode, BoxError> {
    let Arguments { database, keys, audit, config, demo, mut settings, mail, command } = arguments;
    if let Some(path) = config {
        settings = settings.or_file(&path)?;
    }
    let format = match settings.log {
        None | Some(LogFormat::Text) => log::LogFormat::Text,
        Some(LogFormat::Json) => log::LogFormat::Json,
    };
    let _log = log::init(format)?;
    let done = match command {
        Some(Command::CreateAdmin { name, password_stdin }) => {
            create_admin::run(&database, &audit, &name, password_stdin).await
        }
        Some(Command::Unlock { name, device }) => {
            unlock::run(&database, &audit, &name, device).await
        }
        Some(Command::EndSessions { .. }) => end_sessions::run(&database, &audit).await,
        Some(Command::User(arguments)) => return user::run(&database, &audit, arguments).await,
        Some(Command::Sessions(arguments)) => sessions::run(&database, &audit, arguments).await,
        Some(Command::Keys(arguments)) => keys::run(&database, keys, &settings, arguments),
        Some(Command::Doctor { json }) => {
            return doctor::run(&database, KeyFiles { keys, audit }, &settings, &mail, json).await;
        }
        Some(Command::CreateKeys { file }) => service::create_keys(&file),
        Some(Command::Audit(command)) => audit::run(&database, &audit, command).await,
        None => {
            let mail = mail.delivery()?;
            service::run(&database, KeyFiles { keys, audit }, &settings, mail, demo).await
        }
    };
    done.map(|()| ExitCode::SUCCESS)
}
