//! `kliento issue`: a signed token bundle.

use std::io::{self, IsTerminal as _};
use std::path::PathBuf;
use std::time::Duration;

use kliento::issue::{
    IssueError, MemberCertificate, MemberIdBundle, OrganisationCertificate, RsaSigner, Signer as _,
    TokenRequest, member_id_bundle,
};
use kliento::{Member, OrganisationName, Period, SERVICE, Timestamp, Token, TokenBundle, UserName};
use veraid::{DnssecChain, InspectedChain, TxtRecord};

use crate::arguments::{now, parse_duration, parse_instant, whole_second};
use crate::failure::Failure;
use crate::input::InputSource;
use crate::key_file::KeyFile;
use crate::output::{self, FileMode};
use crate::report::Status;
use crate::terminal;

/// The risk that a signature does not bind its signer's name (SECURITY.md).
const ONE_NAME: &str =
    "a signature for one name can be presented as the other's, so use a key for one name only";

/// Issue a token bundle: a token for an audience, signed by a member or by the organisation
///
/// The command issues the certificates in it, which are valid as long as the token. The bundle is
/// a credential: keep it secret until it expires.
#[derive(clap::Args)]
#[command(group = clap::ArgGroup::new("subject").args(["user", "bot"]))]
pub(crate) struct Arguments {
    /// The organisation, a domain name such as example.com
    #[arg(long = "org", value_name = "ORG")]
    organisation: OrganisationName,

    /// Issue it to the user of this name: the subject is NAME@ORG
    #[arg(long = "member", value_name = "NAME")]
    user: Option<UserName>,

    /// Issue it to the bot, which speaks for the organisation: the subject is ORG [default]
    #[arg(long)]
    bot: bool,

    /// The signer [default: the member with a --member-key, else the organisation]
    #[arg(long = "as", value_enum, value_name = "SIGNER")]
    signer: Option<SignerChoice>,

    /// The organisation's private key, in PEM
    #[arg(long, value_name = "KEY.pem")]
    key: KeyFile,

    /// The member's private key, in PEM
    #[arg(long, value_name = "KEY.pem")]
    member_key: Option<KeyFile>,

    /// The organisation's DNSSEC chain, from `kliento chain fetch` or `kliento mock`
    #[arg(long, value_name = "CHAIN.der")]
    chain: InputSource,

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

impl Arguments {
    pub(crate) fn run(&self) -> Result<Status, Failure> {
        let is_binary = !self.auth_header;
        if self.output.is_none() && is_binary && io::stdout().is_terminal() {
            return Err(Failure::BinaryOnTerminal);
        }
        let member_key = self.member_key()?;
        let key = self.key.read()?;
        let file = self.chain.read()?;
        let messages = DnssecChain::messages_from_der(&file)
            .map_err(|source| Failure::Chain { name: self.chain.name(), source })?;
        let issued_at = whole_second(self.at.map_or_else(now, Ok)?);
        let token = self.token();
        let backdating = if self.at.is_some() { Duration::ZERO } else { self.backdating };
        let request = TokenRequest::issued_at(&token, issued_at, self.ttl);
        let request = request.with_backdating(backdating);
        let until = request.period().end();
        self.check_chain(&messages, &key, issued_at, until)?;
        let bundle = self.issue(&messages, &key, member_key.as_ref(), &request)?;
        self.warn_of_early_end(issued_at, until);
        self.write(&bundle, until)?;
        Ok(Status::Valid)
    }

    /// Returns the key of the member, if the member is to sign.
    fn member_key(&self) -> Result<Option<RsaSigner>, Failure> {
        match (self.signer, &self.member_key) {
            (Some(SignerChoice::Member), None) => Err(Failure::MissingMemberKey),
            (Some(SignerChoice::Organisation), Some(_)) => Err(Failure::UnexpectedMemberKey),
            (_, key) => key.as_ref().map(KeyFile::read).transpose(),
        }
    }

    fn token(&self) -> Token {
        let token = Token::new(&self.audience);
        self.claims.iter().fold(token, |token, (name, value)| token.with_claim(name, value))
    }

    /// Rejects a chain that no verifier would accept, and warns of one that expires first.
    fn check_chain(
        &self,
        messages: &[&[u8]],
        key: &RsaSigner,
        issued_at: Timestamp,
        until: Timestamp,
    ) -> Result<(), Failure> {
        let owner = self.organisation.txt_owner();
        let chain =
            DnssecChain::from_messages(messages.iter().copied()).map_err(IssueError::Chain)?;
        let inspect = |owner: &str| chain.inspect(owner, issued_at, &[]).map_err(IssueError::Chain);
        let inspected = inspect(&owner)?;
        if !publishes_key(&inspected, key) {
            return Err(Failure::KeyNotInChain { name: self.chain.name(), owner });
        }
        for other in chain.txt_owners() {
            let is_other = !other.trim_end_matches('.').eq_ignore_ascii_case(&owner);
            if is_other && publishes_key(&inspect(&other)?, key) {
                terminal::print_warning(&format!(
                    "the key is also published at {other}: {ONE_NAME}"
                ));
            }
        }
        match chain_valid_until(&inspected, issued_at) {
            None => terminal::print_warning("the chain is not valid when the token starts"),
            Some(end) if end < until => {
                terminal::print_warning(&format!("the chain is only valid until {end}"));
            }
            Some(_) => {}
        }
        Ok(())
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

    fn issue(
        &self,
        messages: &[&[u8]],
        key: &RsaSigner,
        member_key: Option<&RsaSigner>,
        request: &TokenRequest<'_>,
    ) -> Result<TokenBundle, Failure> {
        let period = request.period();
        let (public_key, hash) = (key.subject_public_key_info(), key.hash());
        let organisation =
            OrganisationCertificate::prepare(&self.organisation, public_key, hash, period)?;
        let organisation = organisation.sign(key)?;
        let Some(member_key) = member_key else {
            let member = self.member();
            return Ok(request.sign_by_organisation(&organisation, messages, &member, key)?);
        };
        if member_key.subject_public_key_info() == public_key {
            let warning = format!("the member's key is the organisation's: {ONE_NAME}");
            terminal::print_warning(&warning);
        }
        let public_key = member_key.subject_public_key_info();
        let member =
            MemberCertificate::prepare(&self.member(), public_key, &organisation, hash, period)?;
        let id = member_id_bundle(&organisation, &member.sign(key)?, messages)?;
        let id = MemberIdBundle::from_der(&id).map_err(kliento::issue::TokenIssueError::from)?;
        Ok(request.sign_by_member(&id, member_key)?)
    }

    fn member(&self) -> Member {
        self.user.clone().map_or(Member::Bot, Member::User)
    }

    fn write(&self, bundle: &TokenBundle, until: Timestamp) -> Result<(), Failure> {
        let header = || format!("{}\n", bundle.to_authorization()).into_bytes();
        let octets = if self.auth_header { header() } else { bundle.as_bytes().to_vec() };
        let Some(path) = &self.output else {
            return terminal::print_octets(&octets);
        };
        let destination = output::replace(path, &octets, FileMode::Private)?;
        let subject = self.member().subject_id(&self.organisation);
        let summary = format!(
            "wrote {}: {subject} for {}, until {until}, {} octets\n",
            path.display(),
            crate::text::printable(&self.audience),
            octets.len(),
        );
        terminal::print_summary(&summary, destination)
    }
}

/// Returns whether one of the chain's TXT records publishes the key for Kliento.
fn publishes_key(chain: &InspectedChain, key: &RsaSigner) -> bool {
    let (algorithm, public_key) = (key.algorithm(), key.subject_public_key_info());
    let texts = chain.records.iter().filter_map(|strings| match strings.as_slice() {
        [string] => std::str::from_utf8(string).ok(),
        _ => None,
    });
    let mut records = texts.filter_map(|text| text.parse::<TxtRecord>().ok());
    records.any(|record| {
        let is_service = record.service().is_none_or(|service| service.to_string() == SERVICE);
        is_service && record.identifies(algorithm, public_key)
    })
}

/// Returns until when each RRset of the chain, valid at the instant, stays valid.
fn chain_valid_until(chain: &InspectedChain, at: Timestamp) -> Option<Timestamp> {
    let delegations = chain.zones.iter().filter_map(|zone| zone.delegation.as_ref());
    let sets = chain.zones.iter().map(|zone| &zone.rrset);
    let sets = sets.chain(delegations.map(|delegation| &delegation.rrset)).chain([&chain.rrset]);
    let ends =
        sets.map(|set| set.periods().filter(|period| period.contains(at)).map(Period::end).max());
    ends.min().flatten()
}

fn parse_claim(text: &str) -> Result<(String, String), String> {
    let claim = text.split_once('=').filter(|(name, _)| !name.is_empty());
    let claim = claim.map(|(name, value)| (name.to_owned(), value.to_owned()));
    claim.ok_or_else(|| "write it as name=value".to_owned())
}

fn parse_ttl(text: &str) -> Result<Duration, String> {
    let at_least = |error: &str| format!("{error}, and at least one second");
    let ttl = parse_whole_seconds(text).map_err(|error| at_least(&error))?;
    let is_allowed = !ttl.is_zero();
    is_allowed.then_some(ttl).ok_or_else(|| at_least("write it as 90s, 5m or 1h"))
}

/// Reads a duration in whole seconds, which is what certificates have.
fn parse_whole_seconds(text: &str) -> Result<Duration, String> {
    let duration = parse_duration(text)?;
    let is_whole = duration.subsec_nanos() == 0;
    is_whole.then_some(duration).ok_or_else(|| "write it in whole seconds, such as 90s".to_owned())
}
