//! `kliento chain verify`: verifies a chain and prints its TXT records.

use std::fmt::Write as _;

use kliento::Timestamp;
use serde::Serialize;
use veraid::{DnssecChain, DnssecError, TxtRrset};

use crate::arguments::TrustOptions;
use crate::failure::Failure;
use crate::input::InputSource;
use crate::report::{Report, Status};
use crate::terminal::{self, DIM, GOOD};
use crate::text::{plural, presentation};

/// Verify a DNSSEC chain, and print the TXT records that it proves
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The owner of the TXT records [default: the only one in the chain]
    #[arg(long, value_name = "OWNER")]
    name: Option<String>,

    #[command(flatten)]
    trust: TrustOptions,

    /// Write the result as JSON
    #[arg(long)]
    json: bool,

    /// The chain: the DER of a SET OF OCTET STRING, each a DNS response; `-` is standard input
    #[arg(value_name = "CHAIN")]
    source: InputSource,
}

/// What a valid chain proves.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ValidChain {
    name: String,
    zone: String,
    /// Each a list of character-strings, in the presentation form of RFC 1035, 5.1.
    records: Vec<Vec<String>>,
    valid_from: String,
    valid_until: String,
}

impl Arguments {
    pub(crate) fn run(&self) -> Result<Status, Failure> {
        let at = self.trust.instant()?;
        let octets = self.source.read()?;
        let report = self.verify(&octets, at)?;
        if self.json {
            terminal::print_json(&report)?;
        } else {
            terminal::print(&describe(&report))?;
            if let Some(hint) = self.trust.hint(report.code()) {
                terminal::print_hint(hint);
            }
        }
        Ok(report.status())
    }

    fn verify(&self, octets: &[u8], at: Timestamp) -> Result<Report<ValidChain>, Failure> {
        let messages = match DnssecChain::messages_from_der(octets) {
            Ok(messages) => messages,
            Err(error) => {
                return Ok(Report::Malformed { code: error.code(), error: error.to_string() });
            }
        };
        let invalid =
            |error: DnssecError| Report::Invalid { code: error.code(), error: error.to_string() };
        let chain = match DnssecChain::from_messages(messages) {
            Ok(chain) => chain,
            Err(error) => return Ok(invalid(error)),
        };
        let name = match &self.name {
            Some(name) => name.clone(),
            None => match only_owner(&chain)? {
                Some(owner) => owner,
                None => return Ok(without_records()),
            },
        };
        let proven = chain.verify_at(&name, at, &self.trust.anchors());
        Ok(proven.map_or_else(invalid, |records| Report::Valid(ValidChain::new(&name, &records))))
    }
}

/// Returns the only owner of TXT records in the chain, if there is any.
fn only_owner(chain: &DnssecChain<'_>) -> Result<Option<String>, Failure> {
    let mut owners = chain.txt_owners();
    for owner in &mut owners {
        owner.make_ascii_lowercase();
    }
    owners.sort_unstable();
    owners.dedup();
    match owners.pop() {
        Some(owner) if !owners.is_empty() => {
            owners.push(owner);
            Err(Failure::AmbiguousOwner(owners))
        }
        only => Ok(only),
    }
}

impl ValidChain {
    fn new(name: &str, records: &TxtRrset) -> Self {
        let strings =
            |record: &Vec<Vec<u8>>| record.iter().map(|string| presentation(string)).collect();
        Self {
            name: format!("{}.", name.trim_end_matches('.').to_ascii_lowercase()),
            zone: records.zone().to_owned(),
            records: records.records().iter().map(strings).collect(),
            valid_from: records.period().start().to_string(),
            valid_until: records.period().end().to_string(),
        }
    }
}

/// The library's error names an owner, which is unknown here.
fn without_records() -> Report<ValidChain> {
    let error = "the chain has no response about TXT records".to_owned();
    Report::Invalid { code: "dnssec-txt-responses", error }
}

/// Formats the result as text.
fn describe(report: &Report<ValidChain>) -> String {
    let chain = match report {
        Report::Valid(chain) => chain,
        Report::Invalid { code, error } | Report::Malformed { code, error } => {
            return terminal::format_rejection(report.status(), code, error);
        }
    };
    let count = plural(chain.records.len(), "TXT record");
    let mut text = format!("{GOOD}valid{GOOD:#}: {count} of {}\n", chain.name);
    for record in &chain.records {
        let strings: Vec<_> = record.iter().map(|string| format!("\"{string}\"")).collect();
        let _ = writeln!(text, "  {}", strings.join(" "));
    }
    for (heading, value) in [
        ("in the zone", &chain.zone),
        ("valid from", &chain.valid_from),
        ("valid until", &chain.valid_until),
    ] {
        let _ = writeln!(text, "  {DIM}{heading:<13}{DIM:#}{value}");
    }
    text
}
