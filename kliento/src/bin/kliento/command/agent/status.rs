//! `kliento agent status`: what is fresh until when.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::pin::pin;
use std::time::Duration;

use axum::body::Bytes;
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::Request;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use kliento::{Period, Timestamp};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use unicode_width::UnicodeWidthStr as _;

use super::AgentFailure;
use super::config::Config;
use super::report::StatusReport;
use crate::command::inspect::timeline::Timeline;
use crate::failure::Failure;
use crate::report::Status;
use crate::terminal::{self, BAD, DIM, GOOD};
use crate::text::{printable, relative_duration};

const TIMEOUT: Duration = Duration::from_secs(10);
const MAX_OCTETS: usize = 1024 * 1024;

/// Show what the agent has, and until when it is valid
///
/// Exit status: 0 if the chain and the certificates are valid, the keys fit them, and no token has
/// failed in the last 5 minutes without another one since; otherwise 1.
#[derive(clap::Args)]
pub(super) struct Arguments {
    /// The agent's socket
    #[arg(long, value_name = "SOCKET", required_unless_present = "config")]
    socket: Option<PathBuf>,

    /// The agent's configuration, which names its socket or its address
    #[arg(long, value_name = "FILE.toml", conflicts_with = "socket")]
    config: Option<PathBuf>,

    /// Write the agent's response as JSON
    #[arg(long)]
    json: bool,
}

impl Arguments {
    pub(super) fn run(&self) -> Result<Status, Failure> {
        let runtime = tokio::runtime::Runtime::new().map_err(Failure::Runtime)?;
        let report = runtime.block_on(self.ask())?;
        if self.json {
            terminal::print_json(&report)?;
        } else {
            terminal::print(&render(&report))?;
        }
        Ok(if report.fresh { Status::Valid } else { Status::Invalid })
    }

    async fn ask(&self) -> Result<StatusReport, Failure> {
        let mut listen = match &self.config {
            Some(path) => Config::read(path)?.listen,
            None => super::config::Listen::default(),
        };
        listen.socket = self.socket.clone().or(listen.socket);
        let (address, asked) = match (&listen.socket, listen.address) {
            (Some(path), _) => {
                let stream = async { exchange(UnixStream::connect(path).await?).await };
                (path.display().to_string(), tokio::time::timeout(TIMEOUT, stream).await)
            }
            (None, Some(address)) => {
                let stream = async { exchange(TcpStream::connect(address).await?).await };
                (address.to_string(), tokio::time::timeout(TIMEOUT, stream).await)
            }
            (None, None) => {
                let missing = "listen has neither socket nor address";
                return Err(AgentFailure::Contradiction(missing).into());
            }
        };
        let asked = asked.unwrap_or_else(|_| Err("no response".into()));
        asked.map_err(|error| AgentFailure::Status { address, reason: error.to_string() }.into())
    }
}

async fn exchange(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
) -> Result<StatusReport, Box<dyn std::error::Error + Send + Sync>> {
    let handshake = http1::handshake::<_, Empty<Bytes>>(TokioIo::new(stream));
    let (mut sender, driver) = handshake.await?;
    let request = Request::get("/status").header("host", "localhost").body(Empty::new())?;
    let response = async {
        let response = sender.send_request(request).await?;
        let status = response.status();
        let body = Limited::new(response.into_body(), MAX_OCTETS).collect().await?.to_bytes();
        if status != hyper::StatusCode::OK {
            return Err(format!("the agent responded with {status}").into());
        }
        Ok(serde_json::from_slice(&body)?)
    };
    let (mut driver, mut response) = (pin!(driver), pin!(response));
    tokio::select! {
        biased;
        response = &mut response => return response,
        ended = &mut driver => ended?,
    }
    response.await
}

/// A row of the timeline.
struct Row {
    name: String,
    period: Period,
}

/// Renders the status with every validity on one timeline.
fn render(report: &StatusReport) -> String {
    let (columns, glyphs) = (terminal::columns(), terminal::glyphs());
    let rows = rows(report);
    let mut text = summary(report);
    let instant = report.now.parse::<Timestamp>().ok();
    let periods: Vec<_> = rows.iter().map(|row| row.period).collect();
    let width = rows.iter().map(|row| row.name.width()).max().unwrap_or(0).min(columns / 2);
    let line = instant.and_then(|now| {
        Timeline::new(&periods, now, columns.saturating_sub(width + 3)).map(|line| (now, line))
    });
    let Some((now, line)) = line else { return text };
    for heading in line.heading(glyphs) {
        let _ = writeln!(text, "  {:width$} {DIM}{}{DIM:#}", "", heading.trim_end());
    }
    for Row { name, period } in &rows {
        let style = if period.contains(now) { GOOD } else { BAD };
        let padding = width.saturating_sub(name.width());
        let bar = line.bar(*period, glyphs);
        let _ = writeln!(text, "  {name}{:padding$} {style}{}{style:#}", "", bar.trim_end());
        let _ = writeln!(text, "  {:width$} {DIM}{}{DIM:#}", "", when(*period, now));
    }
    if report.omitted_tokens > 0 {
        let _ = writeln!(text, "  {DIM}and {} further tokens{DIM:#}", report.omitted_tokens);
    }
    text
}

fn when(period: Period, now: Timestamp) -> String {
    let (start, end) = (period.start(), period.end());
    if end < now {
        format!("ended {} ago, at {end}", relative_duration(end, now))
    } else if now < start {
        format!("starts in {}, at {start}", relative_duration(now, start))
    } else {
        format!("{} left, until {end}", relative_duration(now, end))
    }
}

fn summary(report: &StatusReport) -> String {
    let (style, state) = if report.fresh { (GOOD, "fresh") } else { (BAD, "not fresh") };
    let organisation = report.organisation.as_deref().unwrap_or("VeraId Authority");
    let mut text = format!("{style}{state}{style:#}: {}\n", printable(organisation));
    let mut problem = |name: &str, error: Option<&String>| {
        if let Some(error) = error {
            let _ = writeln!(text, "  {BAD}{name}{BAD:#}: {}", printable(error));
        }
    };
    problem("the last reload failed", report.reload_error.as_ref());
    problem("a token failed", report.token_error.as_ref());
    problem("no token can be issued", report.identity_error.as_ref());
    let chain = report.chain.as_ref();
    problem("the last fetch of the chain failed", chain.and_then(|chain| chain.error.as_ref()));
    let store_error = chain.and_then(|chain| chain.store_error.as_ref());
    problem("the chain could not be stored", store_error);
    if let Some(next) = chain.and_then(|chain| chain.next_fetch.as_deref()) {
        let _ = writeln!(text, "  {DIM}the chain is fetched again at {next}{DIM:#}");
    }
    text
}

fn rows(report: &StatusReport) -> Vec<Row> {
    let period = |from: &str, until: &str| {
        from.parse().ok().zip(until.parse().ok()).and_then(|(from, until)| Period::new(from, until))
    };
    let chain = report.chain.as_ref();
    let chain = chain.and_then(|chain| chain.valid_from.as_ref().zip(chain.valid_until.as_ref()));
    let chain = chain.map(|(from, until)| ("DNSSEC chain".to_owned(), period(from, until)));
    let certificates = report.certificates.iter().map(|certificate| {
        let period = period(&certificate.valid_from, &certificate.valid_until);
        (printable(&certificate.name).into_owned(), period)
    });
    let tokens = report.tokens.iter().map(|token| {
        let claims = token.claims.iter().map(|(name, value)| format!(" {name}={value}"));
        let name = format!("{}{}", token.audience, claims.collect::<Vec<_>>().concat());
        (printable(&name).into_owned(), period(&report.now, &token.valid_until))
    });
    let rows = chain.into_iter().chain(certificates).chain(tokens);
    rows.filter_map(|(name, period)| period.map(|period| Row { name, period })).collect()
}
