//! `kliento issue`: a signed token bundle.

mod by_member;
mod by_organisation;

use std::io::{self, IsTerminal as _};
use std::path::PathBuf;
use std::time::Duration;

use kliento::issue::TokenRequest;
use kliento::{OrganisationName, Timestamp, Token, TokenBundle, UserName};

use crate::arguments::{now, parse_instant, parse_ttl, parse_whole_seconds, whole_second};
use crate::failure::Failure;
use crate::input::InputSource;
use crate::key_source::KeySource;
use crate::output::{self, FileMode};
use crate::report::Status;
use crate::terminal;

/// Issue a token bundle: a token for an audience, signed by a member or by the organisation
///
/// With the organisation's key, the command issues the certificates in it, which are valid as long
/// as the token. A member without that key signs with a member id bundle instead, from `kliento
/// member issue`. The bundle is a credential: keep it secret until it expires.
#[derive(clap::Args)]
#[command(group = clap::ArgGroup::new("subject").args(["user", "bot"]))]
pub(crate) struct Arguments {
    /// The organisation, a domain name such as example.com
    #[arg(
        long = "org",
        value_name = "ORG",
        required_unless_present = "member_bundle",
        conflicts_with = "member_bundle"
    )]
    organisation: Option<OrganisationName>,

    /// Issue it to the user of this name: the subject is NAME@ORG
    #[arg(long = "member", alias = "user", value_name = "NAME", conflicts_with = "member_bundle")]
    user: Option<UserName>,

    /// Issue it to the bot, which speaks for the organisation: the subject is ORG [default]
    #[arg(long, conflicts_with = "member_bundle")]
    bot: bool,

    /// The signer [default: the member with a --member-key, else the organisation]
    #[arg(long = "as", value_enum, value_name = "SIGNER")]
    signer: Option<SignerChoice>,

    /// The organisation's private key: a file in PEM, or a PKCS #11 URI
    #[arg(
        long,
        value_name = "KEY.pem",
        required_unless_present = "member_bundle",
        conflicts_with = "member_bundle"
    )]
    key: Option<KeySource>,

    /// The member id bundle of the signer, in place of --org, --member and --key
    #[arg(long, value_name = "MEMBER.vid", requires = "member_key")]
    member_bundle: Option<InputSource>,

    /// The member's private key: a file in PEM, or a PKCS #11 URI
    #[arg(long, value_name = "KEY.pem")]
    member_key: Option<KeySource>,

    /// The organisation's DNSSEC chain, from `kliento chain fetch` or `kliento mock`
    /// [default: the chain of the member id bundle]
    #[arg(long, value_name = "CHAIN.der", required_unless_present = "member_bundle")]
    chain: Option<InputSource>,

    /// The audience of the token: a name that its verifier accepts, such as a URL
    #[arg(long, value_name = "AUD")]
    audience: String,

    /// A claim of the token; may be repeated
    #[arg(long = "claim", value_name = "K=V", value_parser = parse_claim)]
    claims: Vec<(String, String)>,

    /// How long the token is valid from now, such as 90s, 5m or 1h, in whole seconds
    ///
    /// Verifiers accept at most 1h in all. If this and the backdating are longer, the token ends
    /// earlier, with a warning.
    #[arg(long, value_name = "DURATION", default_value = "5m", value_parser = parse_ttl)]
    ttl: Duration,

    /// How long before now the token starts to be valid, for verifiers whose clocks are behind, in
    /// whole seconds
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = parse_whole_seconds)]
    backdating: Duration,

    /// When the token starts to be valid, in RFC 3339, rounded down to the second
    /// [default: now, less the backdating]
    #[arg(long, value_name = "RFC3339", value_parser = parse_instant, conflicts_with = "backdating")]
    at: Option<Timestamp>,

    /// Write the text of an Authorization header's value: `Kliento <base64>`
    #[arg(long)]
    auth_header: bool,

    /// The file to write or replace, readable by its owner only [default: standard output]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum SignerChoice {
    /// The member, with a certificate by the organisation
    Member,
    /// The organisation, on behalf of the member
    Organisation,
}

/// A signed token, and the id of its subject.
struct IssuedToken {
    bundle: TokenBundle,
    subject: String,
}

impl Arguments {
    pub(crate) fn run(&self) -> Result<Status, Failure> {
        let is_binary = !self.auth_header;
        if self.output.is_none() && is_binary && io::stdout().is_terminal() {
            return Err(Failure::BinaryOnTerminal);
        }
        self.check_signer()?;
        let issued_at = whole_second(self.at.map_or_else(now, Ok)?);
        let token = self.token();
        let backdating = if self.at.is_some() { Duration::ZERO } else { self.backdating };
        let request = TokenRequest::issued_at(&token, issued_at, self.ttl);
        let request = request.with_backdating(backdating);
        let issued = match (&self.member_bundle, &self.member_key) {
            (Some(bundle), Some(key)) => self.issue_by_member(bundle, key, &request, issued_at)?,
            _ => self.issue_by_organisation(&request, issued_at)?,
        };
        let until = request.period().end();
        self.warn_of_early_end(issued_at, until);
        self.write(&issued, until)?;
        Ok(Status::Valid)
    }

    /// Rejects keys and bundles that the signer of `--as` does not use.
    const fn check_signer(&self) -> Result<(), Failure> {
        match (self.signer, &self.member_bundle, &self.member_key) {
            (Some(SignerChoice::Organisation), Some(_), _) => Err(Failure::UnexpectedMemberBundle),
            (Some(SignerChoice::Organisation), None, Some(_)) => Err(Failure::UnexpectedMemberKey),
            (Some(SignerChoice::Member), _, None) => Err(Failure::MissingMemberKey),
            _ => Ok(()),
        }
    }

    fn token(&self) -> Token {
        let token = Token::new(&self.audience);
        self.claims.iter().fold(token, |token, (name, value)| token.with_claim(name, value))
    }

    /// Warns if backdating shortens the token.
    fn warn_of_early_end(&self, issued_at: Timestamp, until: Timestamp) {
        let left = until.duration_since(issued_at).unsigned_abs();
        let cut = self.ttl.saturating_sub(left).as_secs();
        if cut > 0 {
            terminal::print_warning(&format!(
                "the token ends {cut} s earlier than --ttl, at {until}: verifiers accept at most 1h \
                 from its start, which --backdating moves before now"
            ));
        }
    }

    fn write(&self, issued: &IssuedToken, until: Timestamp) -> Result<(), Failure> {
        let IssuedToken { bundle, subject } = issued;
        let header = || format!("{}\n", bundle.to_authorization()).into_bytes();
        let octets = if self.auth_header { header() } else { bundle.as_bytes().to_vec() };
        let Some(path) = &self.output else {
            return terminal::print_octets(&octets);
        };
        let destination = output::replace(path, &octets, FileMode::Private)?;
        let summary = format!(
            "wrote {}: {subject} for {}, until {until}, {} octets\n",
            path.display(),
            crate::text::printable(&self.audience),
            octets.len(),
        );
        terminal::print_summary(&summary, destination)
    }
}

fn parse_claim(text: &str) -> Result<(String, String), String> {
    let claim = text.split_once('=').filter(|(name, _)| !name.is_empty());
    let claim = claim.map(|(name, value)| (name.to_owned(), value.to_owned()));
    claim.ok_or_else(|| "write it as name=value".to_owned())
}
