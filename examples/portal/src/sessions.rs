//! `portal sessions`: lists and ends sessions as the operator.

use http_guard::log_text_up_to;
use kleidia_tower::ClientInfo;
use kleidia_tower::account::{Account, AccountError, Accounts};
use kleidia_tower::session::Session;
use serde::Serialize;
use serde_json::json;

use crate::BoxError;
use crate::arguments::{AuditFiles, SessionsArguments, SessionsCommand};
use crate::database::Location;
use crate::exit::{Exit, classify};
use crate::output::Output;
use crate::service::Service;
use crate::user::{find, for_each_page};

/// A session, under the names of the API.
#[derive(Serialize)]
struct SessionJson {
    id: i64,
    username: String,
    ip: Option<String>,
    user_agent: Option<String>,
    created_at: String,
    authenticated_at: String,
    last_seen_at: String,
    expires_at: String,
}

impl SessionJson {
    fn new(account: &Account, session: &Session) -> Self {
        Self {
            id: session.id.get(),
            username: account.name.to_string(),
            ip: session.client.address.map(|address| address.to_string()),
            user_agent: session.client.user_agent.as_ref().map(|agent| agent.as_str().to_owned()),
            created_at: session.created_at.to_string(),
            authenticated_at: session.authenticated_at.to_string(),
            last_seen_at: session.last_seen_at.to_string(),
            expires_at: session.expires_at.to_string(),
        }
    }

    fn line(&self) -> String {
        let Self { id, username, created_at, last_seen_at, expires_at, .. } = self;
        let ip = self.ip.as_deref().unwrap_or("-");
        // It is what the client says.
        let agent = log_text_up_to(60, self.user_agent.as_deref().unwrap_or("-"));
        format!(
            "{id:>6}  {created_at:<20}  {last_seen_at:<20}  {expires_at:<20}  {ip:<15}  \
             {username:<16}  {agent}"
        )
    }
}

fn header() -> String {
    format!(
        "{:>6}  {:<20}  {:<20}  {:<20}  {:<15}  {:<16}  CLIENT",
        "ID", "CREATED", "LAST SEEN", "EXPIRES", "ADDRESS", "NAME"
    )
}

/// Runs the command.
pub(crate) async fn run(
    database: &Location,
    audit: &AuditFiles,
    SessionsArguments { json, command }: SessionsArguments,
) -> Result<(), BoxError> {
    database.require()?;
    let service = Service::open_for_command(database, audit).await.map_err(classify)?;
    let done = run_on(&service.accounts, command, &mut Output::new(json)).await;
    service.close(None).await;
    done
}

async fn run_on(
    accounts: &Accounts,
    command: SessionsCommand,
    output: &mut Output,
) -> Result<(), BoxError> {
    match command {
        SessionsCommand::List { user } => list(accounts, user.as_deref(), output).await?,
        SessionsCommand::End { session: Some(session), .. } => {
            let ended = accounts.revoke_session(None, session, ClientInfo::default()).await;
            let account = ended.map_err(|error| match error {
                AccountError::SessionNotFound => {
                    Exit::NotFound.error(format!("no active session {session}")).into()
                }
                error => classify(error.into()),
            })?;
            let text = || format!("ended the session {session} of {}", account.name);
            output.print(&json!({ "ended": 1 }), text)?;
        }
        SessionsCommand::End { user: Some(name), .. } => {
            let account = find(accounts, &name).await?;
            let ended = accounts.end_user_sessions(None, account.id, ClientInfo::default()).await;
            let count = ended.map_err(|error| classify(error.into()))?.len();
            let text =
                || format!("ended the sessions of {}, of which {count} were active", account.name);
            output.print(&json!({ "ended": count }), text)?;
        }
        SessionsCommand::End { .. } => {
            let count = accounts.end_all_sessions().await;
            let count = count.map_err(|error| classify(error.into()))?;
            let text = || format!("ended all sessions, of which {count} were active");
            output.print(&json!({ "ended": count }), text)?;
        }
    }
    output.flush()?;
    Ok(())
}

async fn list(
    accounts: &Accounts,
    user: Option<&str>,
    output: &mut Output,
) -> Result<(), BoxError> {
    if !output.is_json() {
        output.line(&header())?;
    }
    if let Some(name) = user {
        let account = find(accounts, name).await?;
        print_sessions(accounts, &account, output).await?;
        return Ok(());
    }
    for_each_page(accounts, async |page| {
        for account in page {
            if !print_sessions(accounts, account, output).await? {
                return Ok(false);
            }
        }
        output.flush()
    })
    .await
}

/// Prints the active sessions of a user. Returns whether more can be printed.
async fn print_sessions(
    accounts: &Accounts,
    account: &Account,
    output: &mut Output,
) -> Result<bool, BoxError> {
    let sessions = accounts.sessions(account.id).await;
    for session in sessions.map_err(|error| classify(error.into()))? {
        let session = SessionJson::new(account, &session);
        if !output.print(&session, || session.line())? {
            return Ok(false);
        }
    }
    Ok(true)
}
