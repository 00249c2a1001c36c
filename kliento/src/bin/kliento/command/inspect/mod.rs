//! `kliento inspect`: the parts of a bundle, with every validity period on one timeline.

mod chain_tree;
mod names;
mod node;
mod render;
pub(super) mod timeline;
mod tree;

use kliento::{Error, Timestamp, Token, TokenBundle, TokenError, TokenVerification, VerifiedToken};
use serde::Serialize;
use veraid::{Inspection, Period};

use self::node::{Node, ValidityWindow};
use crate::arguments::BundleOptions;
use crate::failure::Failure;
use crate::report::{Report, Status};
use crate::terminal;

/// Show the parts of a token bundle, their validity periods and their errors
///
/// Draws the chain from the DNS root to the token, each part with its validity period on one
/// timeline. The audience is not checked: use `kliento verify` for that.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    options: BundleOptions,
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
        let at = self.options.trust.instant()?;
        let input = self.options.input.read()?;
        let octets = input.bundle_octets();
        let inspected = self.inspect(input.bundle.clone(), octets, at)?;
        let report = Report::from(&inspected.verified);
        if self.options.json {
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
        if let Some(hint) = input.hint().or_else(|| self.options.trust.hint(report.code())) {
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
        let anchors = self.options.trust.anchors();
        let inspection = TokenVerification::new(&[], &anchors)
            .with_clock_skew(self.options.clock_skew)?
            .inspect(octets, at);
        let token = signed_token(&inspection);
        // The token's own audience always matches.
        let audience = token.as_ref().and_then(|token| token.as_ref().ok()).map(Token::audience);
        let audiences: Vec<&str> = audience.into_iter().collect();
        let verification = TokenVerification::new(&audiences, &anchors)
            .with_clock_skew(self.options.clock_skew)?;
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
