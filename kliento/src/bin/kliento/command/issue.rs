//! `kliento issue`: a signed token bundle.

use std::io::{self, IsTerminal as _};
use std::path::PathBuf;
use std::time::Duration;

use kliento::issue::{
    MemberCertificate, MemberIdBundle, OrganisationCertificate, RsaSigner, Signer as _,
    TokenRequest, member_id_bundle,
};
use kliento::{Member, OrganisationName, Period, SERVICE, Timestamp, Token, TokenBundle, UserName};
use veraid::{DnssecChain, InspectedChain, TxtRecord};

use crate::arguments::{now, parse_instant, whole_second};
use crate::failure::Failure;
use crate::input::InputSource;
use crate::key_file::KeyFile;
use crate::output::{self, FileMode};
use crate::report::Status;
use crate::terminal;

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

    /// How long the token is valid, such as 90s, 5m or 1h; verifiers accept at most 1h
    #[arg(long, value_name = "DURATION", default_value = "5m", value_parser = parse_duration)]
    ttl: Duration,

    /// When the token starts to be valid, in RFC 3339, rounded down to the second [default: now]
    #[arg(long, value_name = "RFC3339", value_parser = parse_instant)]
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
        let period = self.period()?;
        self.check_chain(&messages, &key, period)?;
        let bundle = self.issue(&messages, &key, member_key.as_ref(), period)?;
        self.write(&bundle, period)?;
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

    fn period(&self) -> Result<Period, Failure> {
        let start = whole_second(self.at.map_or_else(now, Ok)?);
        let end = start.saturating_add(self.ttl).unwrap_or(Timestamp::MAX);
        Ok(Period::new(start, end).unwrap_or(Period::at(start)))
    }

    /// Rejects a chain that no verifier would accept, and warns of one that expires first.
    fn check_chain(
        &self,
        messages: &[&[u8]],
        key: &RsaSigner,
        period: Period,
    ) -> Result<(), Failure> {
        let owner = self.organisation.txt_owner();
        let chain = DnssecChain::from_messages(messages.iter().copied());
        let chain = chain.and_then(|chain| chain.inspect(&owner, period.start(), &[]));
        let chain = chain.map_err(kliento::issue::IssueError::Chain)?;
        if !publishes_key(&chain, key) {
            return Err(Failure::KeyNotInChain { name: self.chain.name(), owner });
        }
        match chain_valid_until(&chain, period.start()) {
            None => terminal::print_warning("the chain is not valid when the token starts"),
            Some(end) if end < period.end() => {
                terminal::print_warning(&format!("the chain is only valid until {end}"));
            }
            Some(_) => {}
        }
        Ok(())
    }

    fn issue(
        &self,
        messages: &[&[u8]],
        key: &RsaSigner,
        member_key: Option<&RsaSigner>,
        period: Period,
    ) -> Result<TokenBundle, Failure> {
        let token = self
            .claims
            .iter()
            .fold(Token::new(&self.audience), |token, (name, value)| token.with_claim(name, value));
        let request = TokenRequest::new(&token, period);
        let (public_key, hash) = (key.subject_public_key_info(), key.hash());
        let organisation =
            OrganisationCertificate::prepare(&self.organisation, public_key, hash, period)?;
        let organisation = organisation.sign(key)?;
        let Some(member_key) = member_key else {
            let member = self.member();
            return Ok(request.sign_by_organisation(&organisation, messages, &member, key)?);
        };
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

    fn write(&self, bundle: &TokenBundle, period: Period) -> Result<(), Failure> {
        let header = || format!("{}\n", bundle.to_authorization()).into_bytes();
        let octets = if self.auth_header { header() } else { bundle.as_bytes().to_vec() };
        let Some(path) = &self.output else {
            return terminal::print_octets(&octets);
        };
        output::replace(path, &octets, FileMode::Private)?;
        let subject = self.member().subject_id(&self.organisation);
        terminal::print(&format!(
            "wrote {}: {subject} for {}, until {}, {} octets\n",
            path.display(),
            crate::text::printable(&self.audience),
            period.end(),
            octets.len(),
        ))
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

fn parse_duration(text: &str) -> Result<Duration, String> {
    let duration = text.parse::<jiff::SignedDuration>().ok();
    let duration = duration.and_then(|duration| Duration::try_from(duration).ok());
    let duration = duration.filter(|duration| *duration >= Duration::from_secs(1));
    duration.ok_or_else(|| "write it as 90s, 5m or 1h, and at least one second".to_owned())
}
