//! The keys that sign, and whether verifiers accept them: for the start and for the status.

use std::path::PathBuf;

use kliento::issue::{MemberIdBundle, PublicKey, Signer};
use kliento::{OrganisationName, Period, Timestamp};
use kliento_tower::client::FreshChain;
use veraid::{Certificate, DnssecChain};

use super::AgentFailure;
use crate::failure::Failure;
use crate::input::InputSource;
use crate::organisation_chain::OrganisationChain;

/// The credentials of an organisation or a member.
#[derive(Clone, Debug)]
pub(super) struct Credentials {
    organisation: OrganisationName,
    kind: Kind,
}

#[derive(Clone, Debug)]
enum Kind {
    /// The organisation's key.
    Organisation(PublicKey),
    /// A member id bundle, and the name and the public key of the member's key.
    Member { bundle: PathBuf, key_name: String, key: Vec<u8> },
}

/// The names and the periods of certificates.
type Certificates = Vec<(&'static str, Period)>;

/// What a member id bundle has at one time.
#[derive(Debug, Default)]
pub(super) struct Inspection {
    pub(super) certificates: Certificates,
    /// The reason why no verifier would accept a token, if it is known without one.
    pub(super) error: Option<String>,
}

impl Credentials {
    pub(super) fn organisation(
        organisation: OrganisationName,
        key: &dyn Signer,
    ) -> Result<Self, Failure> {
        let key = PublicKey::from_der(key.subject_public_key_info().to_vec())?;
        Ok(Self { organisation, kind: Kind::Organisation(key) })
    }

    pub(super) fn member(
        organisation: OrganisationName,
        bundle: PathBuf,
        key_name: String,
        key: &dyn Signer,
    ) -> Self {
        let key = key.subject_public_key_info().to_vec();
        Self { organisation, kind: Kind::Member { bundle, key_name, key } }
    }

    /// Checks what does not depend on the time.
    pub(super) fn check(&self) -> Result<(), Failure> {
        self.read().map(drop)
    }

    /// Reads the member id bundle again, as for each token, and compares the chain with the
    /// organisation's key.
    pub(super) fn inspect(&self, chain: Option<&FreshChain>, now: Timestamp) -> Inspection {
        let (certificates, key) = match self.read() {
            Ok(read) => read,
            Err(failure) => {
                return Inspection { error: Some(failure.to_string()), ..Inspection::default() };
            }
        };
        let published = chain.map_or(Ok(()), |chain| self.check_chain(chain, &key, now));
        Inspection { certificates, error: published.err().map(|failure| failure.to_string()) }
    }

    fn read(&self) -> Result<(Certificates, PublicKey), Failure> {
        let (path, key_name, key) = match &self.kind {
            Kind::Organisation(key) => return Ok((Vec::new(), key.clone())),
            Kind::Member { bundle, key_name, key } => (bundle, key_name, key),
        };
        let name = path.display().to_string();
        let octets = InputSource::File(path.clone()).read()?;
        let id = MemberIdBundle::from_der(&octets)
            .map_err(|source| Failure::MemberBundle { name: name.clone(), source })?;
        let [organisation, member] = [id.organisation_certificate(), id.member_certificate()];
        if member.subject_public_key_info() != key.as_slice() {
            return Err(Failure::MemberKeyMismatch { key: key_name.clone(), bundle: name });
        }
        let found = organisation.common_name().unwrap_or_default();
        if found.parse::<OrganisationName>().ok().as_ref() != Some(&self.organisation) {
            let expected = self.organisation.to_string();
            return Err(AgentFailure::OtherOrganisation { bundle: name, found, expected }.into());
        }
        let period = |name, certificate: &Certificate<'_>| {
            let period = Period::new(certificate.not_before(), certificate.not_after());
            period.map(|period| (name, period))
        };
        let certificates = [
            period("organisation's certificate", organisation),
            period("member's certificate", member),
        ];
        let key = PublicKey::from_der(organisation.subject_public_key_info().to_vec())?;
        Ok((certificates.into_iter().flatten().collect(), key))
    }

    fn check_chain(
        &self,
        chain: &FreshChain,
        key: &PublicKey,
        now: Timestamp,
    ) -> Result<(), Failure> {
        let name = "the chain";
        let messages = DnssecChain::messages_from_der(chain.as_der())
            .map_err(|source| Failure::Chain { name: name.to_owned(), source })?;
        let organisation = &self.organisation;
        OrganisationChain { name, messages: &messages, organisation }.check_key(key, now)
    }
}
