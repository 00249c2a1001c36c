//! `portal create-admin`: creates accounts of admins.

use std::io::{self, BufRead as _, IsTerminal as _};

use http_guard::log;
use kleidia_tower::ClientInfo;
use kleidia_tower::account::AccountError;
use kleidia_tower::rbac::RoleName;
use secrecy::{ExposeSecret as _, SecretString};

use crate::BoxError;
use crate::arguments::AuditFiles;
use crate::database::Location;
use crate::service::Service;

/// Reads a password, and creates the account.
pub(crate) async fn run(
    database: &Location,
    audit: &AuditFiles,
    name: &str,
    password_stdin: bool,
) -> Result<(), BoxError> {
    let service = Service::open_for_command(database, audit).await?;
    let password = read(password_stdin)?;
    let outcome = create(&service, name, password).await;
    service.close(None).await;
    outcome?;
    // It is created, also if standard output is gone.
    log::announce(&format!("created the admin {name}"));
    Ok(())
}

/// Creates an account with the role `admin`.
pub(crate) async fn create(
    service: &Service,
    name: &str,
    password: SecretString,
) -> Result<(), BoxError> {
    let roles = [RoleName::admin()].into();
    let created = service.accounts.create_user(None, name, password, roles, ClientInfo::default());
    match created.await {
        Ok(_) => Ok(()),
        Err(AccountError::UserNameTaken) => {
            Err(format!("an account {name:?} already exists").into())
        }
        Err(other) => Err(other.into()),
    }
}

/// Reads a password from standard input, or prompts for it.
pub(crate) fn read(from_stdin: bool) -> Result<SecretString, BoxError> {
    if from_stdin { read_password() } else { prompt_for_password() }
}

fn read_password() -> Result<SecretString, BoxError> {
    let mut line = zeroize::Zeroizing::new(String::new());
    io::stdin().lock().read_line(&mut line)?;
    let password = line.strip_suffix('\n').unwrap_or(&line);
    Ok(password.strip_suffix('\r').unwrap_or(password).into())
}

fn prompt_for_password() -> Result<SecretString, BoxError> {
    if !io::stdin().is_terminal() {
        return Err("no terminal to prompt on; use --password-stdin".into());
    }
    let password = SecretString::from(rpassword::prompt_password("Password: ")?);
    let repeated = SecretString::from(rpassword::prompt_password("Repeat the password: ")?);
    if password.expose_secret() == repeated.expose_secret() {
        Ok(password)
    } else {
        Err("the passwords differ".into())
    }
}
