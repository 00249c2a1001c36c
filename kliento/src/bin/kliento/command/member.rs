//! `kliento member`: the identities that an organisation issues to its members.

use std::io::{self, IsTerminal as _};
use std::path::PathBuf;
use std::time::Duration;

use kliento::issue::{
    MemberCertificate, OrganisationCertificate, PublicKey, Signer as _, TokenRequest,
    member_id_bundle,
};
use kliento::{Member, OrganisationName, Period, Timestamp, UserName};

use crate::arguments::{now, parse_days, parse_instant, whole_second};
use crate::chain_file::ChainFile;
use crate::failure::Failure;
use crate::input::InputSource;
use crate::key_source::{KeySource, PublicKeyFile};
use crate::organisation_chain::{OrganisationChain, warn_of_shared_key};
use crate::output::{self, FileMode};
use crate::report::Status;
use crate::terminal;

/// Issue the identities of members
#[derive(clap::Subcommand)]
pub(crate) enum Command {
    Issue(Issue),
}

impl Command {
    pub(crate) fn run(&self) -> Result<Status, Failure> {
        match self {
            Self::Issue(arguments) => arguments.run(),
        }
    }
}

/// Issue a member id bundle, with which a member signs tokens without the organisation's key
///
/// The bundle has the organisation's certificate, the member's certificate, which are valid as long,
/// and the DNSSEC chain. It is not secret: only the member's private key can sign with it. The
/// chain usually expires first: then issue the bundle again, or give a more recent chain to `kliento
/// issue --member-bundle`.
///
/// The member's certificate cannot be revoked before it expires, other than with the organisation's
/// key.
#[derive(clap::Args)]
#[command(group = clap::ArgGroup::new("subject").args(["user", "bot"]))]
#[command(group = clap::ArgGroup::new("certified").args(["member_public_key", "member_key"]).required(true))]
pub(crate) struct Issue {
    /// The organisation, a domain name such as example.com
    #[arg(long = "org", value_name = "ORG")]
    organisation: OrganisationName,

    /// The member is the user of this name: the subject of its tokens is NAME@ORG
    #[arg(long = "member", visible_alias = "user", value_name = "NAME")]
    user: Option<UserName>,

    /// The member is the bot, which speaks for the organisation: the subject is ORG [default]
    #[arg(long)]
    bot: bool,

    /// The organisation's private key: a file in PEM, or a PKCS #11 URI
    #[arg(long, value_name = "KEY.pem")]
    key: KeySource,

    /// The member's public key, in PEM or DER, such as from `kliento key public`
    #[arg(long, value_name = "KEY.pub")]
    member_public_key: Option<PublicKeyFile>,

    /// The member's private key: a file in PEM, or a PKCS #11 URI, of which only the public key is used
    #[arg(long, value_name = "KEY.pem")]
    member_key: Option<KeySource>,

    /// The organisation's DNSSEC chain, from `kliento chain fetch` or `kliento mock`
    #[arg(long, value_name = "CHAIN.der")]
    chain: InputSource,

    /// How long the certificates are valid from now, such as 12h or 30d, in whole seconds
    #[arg(long, value_name = "DURATION", value_parser = parse_days)]
    ttl: Duration,

    /// When the certificates start to be valid, in RFC 3339, rounded down to the second
    /// [default: 30 s before now, for verifiers whose clocks are behind]
    #[arg(long, value_name = "RFC3339", value_parser = parse_instant)]
    at: Option<Timestamp>,

    /// The file to write or replace [default: standard output]
    #[arg(short, long, value_name = "MEMBER.vid")]
    output: Option<PathBuf>,
}

impl Issue {
    fn run(&self) -> Result<Status, Failure> {
        if self.output.is_none() && io::stdout().is_terminal() {
            return Err(Failure::BinaryOnTerminal);
        }
        let member_key = self.member_public_key()?;
        let key = self.key.open()?;
        let public_key = PublicKey::from_signer(&key)?;
        let chain = ChainFile::read(&self.chain)?;
        let messages = chain.messages()?;
        let period = self.period()?;
        self.check_chain(&chain, &messages, &public_key, period)?;
        warn_of_shared_key(&public_key, &member_key);
        let public_key = public_key.subject_public_key_info();
        let organisation =
            OrganisationCertificate::prepare(&self.organisation, public_key, key.hash(), period)?;
        let organisation = organisation.sign(&key)?;
        let (member, public_key) = (self.member(), member_key.subject_public_key_info());
        let certificate =
            MemberCertificate::prepare(&member, public_key, &organisation, key.hash(), period)?;
        let bundle = member_id_bundle(&organisation, &certificate.sign(&key)?, &messages)?;
        self.write(&bundle, period.end())?;
        Ok(Status::Valid)
    }

    fn member_public_key(&self) -> Result<PublicKey, Failure> {
        match (&self.member_public_key, &self.member_key) {
            (Some(file), _) => file.read(),
            (None, Some(file)) => Ok(PublicKey::from_signer(&file.open()?)?),
            (None, None) => Err(Failure::MissingMemberKey),
        }
    }

    fn member(&self) -> Member {
        self.user.clone().map_or(Member::Bot, Member::User)
    }

    /// Returns the validity of the certificates.
    fn period(&self) -> Result<Period, Failure> {
        let from = whole_second(self.at.map_or_else(now, Ok)?);
        let end = from.saturating_add(self.ttl).unwrap_or(Timestamp::MAX);
        let backdating = TokenRequest::DEFAULT_BACKDATING;
        let backdating = if self.at.is_some() { Duration::ZERO } else { backdating };
        let start = from.saturating_sub(backdating).unwrap_or(Timestamp::MIN);
        Ok(Period::new(start, end).unwrap_or(Period::at(start)))
    }

    /// Rejects a chain with which no token would be valid when the certificates start.
    fn check_chain(
        &self,
        file: &ChainFile,
        messages: &[&[u8]],
        key: &PublicKey,
        period: Period,
    ) -> Result<(), Failure> {
        let (name, organisation) = (file.name(), &self.organisation);
        let chain = OrganisationChain { name, messages, organisation };
        match chain.valid_until(key, period.start())? {
            None => Err(Failure::ChainNotValid { name: name.to_owned(), at: period.start() }),
            Some(end) if end < period.end() => {
                terminal::print_warning(&format!(
                    "the chain is only valid until {end}: later, issue the bundle again, or sign \
                     with a more recent --chain"
                ));
                Ok(())
            }
            Some(_) => Ok(()),
        }
    }

    fn write(&self, bundle: &[u8], until: Timestamp) -> Result<(), Failure> {
        let Some(path) = &self.output else {
            return terminal::print_octets(bundle);
        };
        let destination = output::replace(path, bundle, FileMode::Public)?;
        let subject = self.member().subject_id(&self.organisation);
        let summary = format!(
            "wrote {}: member id bundle of {subject}, until {until}, {} octets\n",
            path.display(),
            bundle.len(),
        );
        terminal::print_summary(&summary, destination)
    }
}
