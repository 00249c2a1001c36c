//! `portal user`: administers accounts as the operator.

mod list;

use std::collections::BTreeSet;
use std::process::ExitCode;
use std::sync::Arc;

use http_guard::log_text;
use kleidia_tower::ClientInfo;
use kleidia_tower::account::{Account, AccountError, AccountUpdate, Accounts, IssuedCode, NewUser};
use kleidia_tower::rbac::RoleName;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Serialize;
use serde_json::{Value, json};

use crate::arguments::{AuditFiles, UserArguments, UserCommand};
use crate::database::Location;
use crate::exit::{Exit, classify};
use crate::output::Output;
use crate::service::Service;
use crate::{BoxError, create_admin, user_import};

pub(crate) use self::list::for_each_page;

/// An account, under the names of the API.
#[derive(Serialize)]
struct UserJson {
    id: i64,
    username: String,
    roles: Vec<String>,
    disabled: bool,
    must_change_password: bool,
    erased: bool,
    created_at: String,
    password_changed_at: String,
}

impl From<&Account> for UserJson {
    fn from(account: &Account) -> Self {
        Self {
            id: account.id.get(),
            username: account.name.to_string(),
            roles: account.roles.iter().map(ToString::to_string).collect(),
            disabled: account.is_disabled,
            must_change_password: account.must_change_password,
            erased: account.is_erased,
            created_at: account.created_at.to_string(),
            password_changed_at: account.password_changed_at.to_string(),
        }
    }
}

/// Runs the command.
pub(crate) async fn run(
    database: &Location,
    audit: &AuditFiles,
    UserArguments { json, command }: UserArguments,
) -> Result<ExitCode, BoxError> {
    let command = match command {
        UserCommand::Import(arguments) => {
            return user_import::run(database, audit, &arguments, json).await.map_err(classify);
        }
        command => command,
    };
    // Only a command that creates an account creates a database.
    if !matches!(command, UserCommand::Create { .. }) {
        database.require()?;
    }
    // Before the database is opened: a person may take time.
    let password = match &command {
        UserCommand::Create { code: false, password_stdin, .. } => {
            Some(create_admin::read(*password_stdin)?)
        }
        _ => None,
    };
    let service = Service::open_for_command(database, audit).await.map_err(classify)?;
    let done = run_on(&service.accounts, command, password, &mut Output::new(json)).await;
    service.close(None).await;
    done.map(|()| ExitCode::SUCCESS)
}

async fn run_on(
    accounts: &Accounts,
    command: UserCommand,
    password: Option<SecretString>,
    output: &mut Output,
) -> Result<(), BoxError> {
    let disable = |is_disabled| AccountUpdate { is_disabled: Some(is_disabled), roles: None };
    match command {
        UserCommand::List => list::run(accounts, output).await?,
        UserCommand::Create { name, roles, must_change_password, .. } => {
            let new = new_user(&name, roles, password, must_change_password);
            let request = ClientInfo::default();
            let created =
                accounts.create(None, new, request).await.map_err(|error| match error {
                    AccountError::InvalidUserName(error) => Exit::Rejected.error(error).into(),
                    error => named(&name, error),
                })?;
            let text = format!("created the account {}", created.account.name);
            print_account(output, &created.account, created.code.as_ref(), &text)?;
        }
        UserCommand::Disable { name } => {
            let account = update(accounts, &name, disable(true)).await?;
            print_account(output, &account, None, &format!("disabled {}", account.name))?;
        }
        UserCommand::Enable { name } => {
            let account = update(accounts, &name, disable(false)).await?;
            print_account(output, &account, None, &format!("enabled {}", account.name))?;
        }
        UserCommand::Unlock { name, device } => unlock(accounts, &name, device, output).await?,
        UserCommand::Roles { name, set: None } => {
            let account = find(accounts, &name).await?;
            print_account(output, &account, None, &list::roles(&account))?;
        }
        UserCommand::Roles { name, set: Some(roles) } => {
            let roles: BTreeSet<RoleName> = roles.into_iter().collect();
            let change = AccountUpdate { is_disabled: None, roles: Some(roles) };
            let account = update(accounts, &name, change).await?;
            let text = format!("{} has the roles {}", account.name, list::roles(&account));
            print_account(output, &account, None, &text)?;
        }
        // It has its own report.
        UserCommand::Import(_) => {}
        UserCommand::Reset { name } => {
            let account = find(accounts, &name).await?;
            let issued = accounts.issue_recovery_code(None, account.id, ClientInfo::default());
            let code = issued.await.map_err(|error| named(&name, error))?;
            let text = format!("{} sets a new password with the code", account.name);
            print_account(output, &account, Some(&code), &text)?;
        }
    }
    output.flush()?;
    Ok(())
}

fn new_user(
    name: &str,
    roles: Vec<RoleName>,
    password: Option<SecretString>,
    must_change_password: bool,
) -> NewUser {
    let mut new = NewUser::new(name);
    if !roles.is_empty() {
        new = new.with_roles(roles);
    }
    match password {
        Some(password) if must_change_password => new.with_temporary_password(password),
        Some(password) => new.with_password(password),
        None => new,
    }
}

/// Returns the account with this name.
pub(crate) async fn find(accounts: &Accounts, name: &str) -> Result<Arc<Account>, BoxError> {
    accounts.find_by_name(name).await.map_err(|error| named(name, error))
}

async fn update(
    accounts: &Accounts,
    name: &str,
    update: AccountUpdate,
) -> Result<Arc<Account>, BoxError> {
    let account = find(accounts, name).await?;
    let updated = accounts.update_user(None, account.id, update, ClientInfo::default()).await;
    updated.map_err(|error| named(name, error))
}

async fn unlock(
    accounts: &Accounts,
    name: &str,
    device: bool,
    output: &mut Output,
) -> Result<(), BoxError> {
    let account = find(accounts, name).await?;
    accounts.unlock_by_name(name).await.map_err(|error| named(name, error))?;
    let device = if device {
        Some(accounts.add_device(name).await.map_err(|error| named(name, error))?)
    } else {
        None
    };
    let device = device.as_ref().map(SecretString::expose_secret);
    let mut value = serde_json::to_value(UserJson::from(&*account))?;
    if let (Some(token), Value::Object(object)) = (device, &mut value) {
        object.insert("device_token".to_owned(), json!(token));
    }
    output.print(&value, || {
        let device = device.map_or_else(String::new, |token| {
            format!(
                "\ndevice token: {token}\nopen the page at /#device={token} to sign in, or send it \
                 as X-Device-Token"
            )
        });
        format!("unlocked the sign-in of {}{device}", account.name)
    })?;
    Ok(())
}

/// Prints an account, with its one-time code if it has a new one.
fn print_account(
    output: &mut Output,
    account: &Account,
    code: Option<&IssuedCode>,
    text: &str,
) -> Result<(), BoxError> {
    let mut value = serde_json::to_value(UserJson::from(account))?;
    if let (Some(issued), Value::Object(object)) = (code, &mut value) {
        let (code, expires_at) = (issued.code.expose_secret(), issued.expires_at.to_string());
        object
            .insert("recovery_code".to_owned(), json!({ "code": code, "expires_at": expires_at }));
    }
    output.print(&value, || match code {
        Some(issued) => {
            let (code, expires_at) = (issued.code.expose_secret(), issued.expires_at);
            format!("{text}\none-time code: {code}\nvalid until {expires_at}")
        }
        None => text.to_owned(),
    })?;
    Ok(())
}

/// Adds the name to an error, and its exit code.
fn named(name: &str, error: AccountError) -> BoxError {
    let quoted = format!("{:?}", log_text(name));
    match error {
        AccountError::UserNotFound => Exit::NotFound.error(format!("no account {quoted}")).into(),
        AccountError::UserNameTaken => {
            Exit::Rejected.error(format!("an account {quoted} already exists")).into()
        }
        AccountError::UserDisabled => {
            Exit::Rejected.error(format!("the account {quoted} is disabled")).into()
        }
        error => classify(error.into()),
    }
}
