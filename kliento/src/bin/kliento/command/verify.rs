//! `kliento verify`: verifies a token bundle.

use std::fmt::Write as _;

use kliento::{Timestamp, TokenVerification, VerifiedToken};

use crate::arguments::BundleOptions;
use crate::failure::Failure;
use crate::report::{Report, Status};
use crate::terminal::{self, DIM, GOOD};
use crate::text::{printable, relative_duration};

/// Verify a token bundle, and print its subject, audience and claims
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The audience that the token must be for, octet for octet
    ///
    /// May be given several times; then the token must be for one of them.
    #[arg(long = "audience", value_name = "AUD", required = true)]
    audiences: Vec<String>,

    #[command(flatten)]
    options: BundleOptions,
}

impl Arguments {
    pub(crate) fn run(&self) -> Result<Status, Failure> {
        let at = self.options.trust.instant()?;
        let anchors = self.options.trust.anchors();
        let audiences: Vec<&str> = self.audiences.iter().map(String::as_str).collect();
        let verification = TokenVerification::new(&audiences, &anchors)
            .with_clock_skew(self.options.clock_skew)?;
        let input = self.options.input.read()?;
        let verified = input.bundle.clone().and_then(|bundle| bundle.verify(&verification, at));
        let report = Report::from(&verified);
        if self.options.json {
            terminal::print_json(&report)?;
            return Ok(report.status());
        }
        match &verified {
            Ok(token) => terminal::print(&describe(token, at, ""))?,
            Err(error) => {
                terminal::print(&terminal::format_rejection(
                    report.status(),
                    error.code(),
                    &error.to_string(),
                ))?;
            }
        }
        if let Some(hint) = input.hint().or_else(|| self.options.trust.hint(report.code())) {
            terminal::print_hint(hint);
        }
        Ok(report.status())
    }
}

/// Formats the result as text, with a remark about the audience.
pub(crate) fn describe(token: &VerifiedToken, at: Timestamp, remark: &str) -> String {
    let period = token.period();
    let mut text = format!("{GOOD}valid{GOOD:#}: {}\n", printable(&token.subject_id()));
    let mut line = |name: &str, value: &str| {
        let _ = writeln!(text, "  {DIM}{name:<12}{DIM:#}{value}");
    };
    line("audience", &format!("{}{remark}", printable(token.audience())));
    for (position, (name, value)) in token.claims().iter().enumerate() {
        let heading = if position == 0 { "claims" } else { "" };
        line(heading, &format!("{} = {}", printable(name), printable(value)));
    }
    line("signed by", &format!("the {}", token.signer()));
    line("valid from", &period.start().to_string());
    let left = relative_duration(at, period.end());
    line("valid until", &format!("{} ({left} left)", period.end()));
    text
}
