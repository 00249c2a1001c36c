//! `kliento inspect`: a bundle taken apart, with every window on one time line.

mod chain_tree;
mod drawing;
mod names;
mod node;
mod time_line;
mod tree;

use kliento::{Error, Timestamp, Token, TokenBundle, TokenError, TokenVerification, VerifiedToken};
use serde::Serialize;
use veraid::{Inspection, Period};

use self::node::{Node, Window};
use crate::arguments::Trust;
use crate::failure::Failure;
use crate::input::BundleInput;
use crate::report::{Report, Status};
use crate::terminal;

/// Show what a token bundle holds, when each part of it is valid, what fails and why
///
/// Draws the chain from the DNS root to the token, each part with its window on one time line. The
/// audience is the token's own: whether it is yours is for `kliento verify`.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    trust: Trust,

    /// Write the same as JSON
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    input: BundleInput,
}

/// Everything that is shown, as data.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Findings<'a> {
    #[serde(flatten)]
    report: &'a Report,
    at: String,
    octets: usize,
    valid_periods: Vec<Window>,
    tree: &'a Node,
}

/// A bundle that was inspected at an instant.
struct Inspected {
    at: Timestamp,
    verified: Result<VerifiedToken, Error>,
    /// When the bundle is valid.
    valid: Vec<Period>,
    tree: Node,
}

impl Arguments {
    pub(crate) fn run(&self) -> Result<Status, Failure> {
        let at = self.trust.instant()?;
        let input = self.input.read()?;
        let octets = input.bundle_octets();
        let inspected = self.inspect(input.bundle.clone(), octets, at);
        let report = Report::from(&inspected.verified);
        if self.json {
            terminal::print_json(&Findings {
                report: &report,
                at: at.to_string(),
                octets: octets.len(),
                valid_periods: inspected.valid.iter().map(|period| Window::of(*period)).collect(),
                tree: &inspected.tree,
            })?;
            return Ok(report.status());
        }
        terminal::print(&drawing::draw(&inspected, &report))?;
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
    ) -> Inspected {
        let anchors = self.trust.anchors();
        let inspection = TokenVerification::new(&[], &anchors).inspect(octets, at);
        let token = signed_token(&inspection);
        // The token's own audience, so that everything else decides.
        let audience = token.as_ref().and_then(|token| token.as_ref().ok()).map(Token::audience);
        let audiences: Vec<&str> = audience.into_iter().collect();
        let verification = TokenVerification::new(&audiences, &anchors);
        let verified = bundle.and_then(|bundle| bundle.verify(&verification, at));
        let tree = tree::build(&inspection, token.as_ref(), &anchors);
        Inspected { at, verified, valid: inspection.valid_periods, tree }
    }
}

/// The token that was signed, if the signature can be read so far.
fn signed_token(inspection: &Inspection<'_>) -> Option<Result<Token, TokenError>> {
    let plaintext = inspection.signature.as_ref()?.plaintext.as_ref()?;
    Some(Token::from_json(plaintext))
}
