//! `kliento inspect`: the parts of a bundle, with every validity period on one timeline.

mod chain_tree;
mod names;
mod node;
mod render;
mod timeline;
mod tree;

use std::time::Duration;

use kliento::{Error, Timestamp, Token, TokenBundle, TokenError, TokenVerification, VerifiedToken};
use serde::Serialize;
use veraid::{Inspection, Period};

use self::node::{Node, ValidityWindow};
use crate::arguments::{TrustOptions, parse_clock_skew};
use crate::failure::Failure;
use crate::input::BundleInput;
use crate::report::{Report, Status};
use crate::terminal;

/// Show the parts of a token bundle, their validity periods and their errors
///
/// Draws the chain from the DNS root to the token, each part with its validity period on one
/// timeline. The audience is not checked: use `kliento verify` for that.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    trust: TrustOptions,

    /// How far this clock may be behind the issuer's: 0s to 5m
    ///
    /// The signature and the certificates are valid that much before they start. Their ends and the
    /// signatures of the DNSSEC chain are not affected.
    #[arg(long, value_name = "DURATION", default_value = "0s", value_parser = parse_clock_skew)]
    clock_skew: Duration,

    /// Write the result as JSON
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    input: BundleInput,
}

/// The inspection as JSON.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct InspectReport<'a> {
    #[serde(flatten)]
    report: &'a Report,
    at: String,
    octets: usize,
    valid_periods: Vec<ValidityWindow>,
    tree: &'a Node,
}

/// A bundle inspected at an instant.
struct InspectedBundle {
    at: Timestamp,
    verified: Result<VerifiedToken, Error>,
    /// The periods in which the bundle is valid.
    valid: Vec<Period>,
    tree: Node,
}

impl Arguments {
    pub(crate) fn run(&self) -> Result<Status, Failure> {
        let at = self.trust.instant()?;
        let input = self.input.read()?;
        let octets = input.bundle_octets();
        let inspected = self.inspect(input.bundle.clone(), octets, at)?;
        let report = Report::from(&inspected.verified);
        if self.json {
            terminal::print_json(&InspectReport {
                report: &report,
                at: at.to_string(),
                octets: octets.len(),
                valid_periods: inspected
                    .valid
                    .iter()
                    .map(|period| ValidityWindow::from_period(*period))
                    .collect(),
                tree: &inspected.tree,
            })?;
            return Ok(report.status());
        }
        terminal::print(&render::render(&inspected, &report))?;
        if let Some(hint) = input.hint().or_else(|| self.trust.hint(report.code())) {
            terminal::print_hint(hint);
        }
        Ok(report.status())
    }

    fn inspect(
        &self,
        bundle: Result<TokenBundle, Error>,
        octets: &[u8],
        at: Timestamp,
    ) -> Result<InspectedBundle, Failure> {
        let anchors = self.trust.anchors();
        let inspection = TokenVerification::new(&[], &anchors)
            .with_clock_skew(self.clock_skew)?
            .inspect(octets, at);
        let token = signed_token(&inspection);
        // The token's own audience always matches.
        let audience = token.as_ref().and_then(|token| token.as_ref().ok()).map(Token::audience);
        let audiences: Vec<&str> = audience.into_iter().collect();
        let verification =
            TokenVerification::new(&audiences, &anchors).with_clock_skew(self.clock_skew)?;
        let verified = bundle.and_then(|bundle| bundle.verify(&verification, at));
        let tree = tree::build(&inspection, token.as_ref(), &anchors);
        Ok(InspectedBundle { at, verified, valid: inspection.valid_periods, tree })
    }
}

/// Returns the signed token, if the signature is readable up to it.
fn signed_token(inspection: &Inspection<'_>) -> Option<Result<Token, TokenError>> {
    let plaintext = inspection.signature.as_ref()?.plaintext.as_ref()?;
    Some(Token::from_json(plaintext))
}
