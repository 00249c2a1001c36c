//! `portal create-admin`: the first account, and those of other admins.

use std::io::{self, BufRead as _, IsTerminal as _, Write as _};
use std::path::Path;

use kleidia_tower::ClientInfo;
use kleidia_tower::account::AccountError;
use kleidia_tower::rbac::RoleName;
use secrecy::{ExposeSecret as _, SecretString};

use crate::BoxError;
use crate::service::Service;
use crate::settings::Settings;

/// Asks for a password, and creates the account.
pub(crate) async fn run(database: &Path, name: &str, password_stdin: bool) -> Result<(), BoxError> {
    let service = Service::open(database, &Settings::default()).await?;
    let password = if password_stdin { read()? } else { ask()? };
    let outcome = create(&service, name, password).await;
    service.close().await;
    outcome?;
    writeln!(io::stdout(), "created the admin {name}")?;
    Ok(())
}

/// Creates the account.
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
        Err(AccountError::PasswordRejected(violations)) => {
            let violations: Vec<_> = violations.iter().map(ToString::to_string).collect();
            Err(format!("password violates the policy: {}", violations.join(", ")).into())
        }
        Err(other) => Err(other.into()),
    }
}

fn read() -> Result<SecretString, BoxError> {
    let mut line = zeroize::Zeroizing::new(String::new());
    io::stdin().lock().read_line(&mut line)?;
    let password = line.strip_suffix('\n').unwrap_or(&line);
    Ok(password.strip_suffix('\r').unwrap_or(password).into())
}

fn ask() -> Result<SecretString, BoxError> {
    if !io::stdin().is_terminal() {
        return Err("no terminal to ask on; use --password-stdin".into());
    }
    let password = SecretString::from(rpassword::prompt_password("Password: ")?);
    let repeated = SecretString::from(rpassword::prompt_password("Once more: ")?);
    if password.expose_secret() == repeated.expose_secret() {
        Ok(password)
    } else {
        Err("these are two different passwords".into())
    }
}
