//! Tokens that a member signs with a member id bundle, without the organisation's key.

use kliento::issue::{
    IssueError, MemberIdBundle, PublicKey, Signer as _, TokenIssueError, TokenRequest,
};
use kliento::{Member, OrganisationName, Timestamp};
use veraid::{Certificate, CertificateError};

use super::{Arguments, IssuedToken};
use crate::chain_file::ChainFile;
use crate::failure::Failure;
use crate::input::InputSource;
use crate::key_source::KeySource;
use crate::organisation_chain::{OrganisationChain, warn_of_shared_key};

impl Arguments {
    /// Signs as the member of the bundle. Whatever a verifier would reject is an error.
    pub(super) fn issue_by_member(
        &self,
        bundle: &InputSource,
        key: &KeySource,
        request: &TokenRequest<'_>,
        issued_at: Timestamp,
    ) -> Result<IssuedToken, Failure> {
        let (octets, name) = (bundle.read()?, bundle.name());
        let mut id = MemberIdBundle::from_der(&octets)
            .map_err(|source| Failure::MemberBundle { name: name.clone(), source })?;
        let signer = key.open()?;
        if id.member_certificate().subject_public_key_info() != signer.subject_public_key_info() {
            return Err(Failure::MemberKeyMismatch { key: key.name(), bundle: name });
        }
        let until = request.period().end();
        check_certificates(&id, &name, issued_at, until)?;
        let (organisation, member) = names(&id)?;
        let file = self.chain.as_ref().map(ChainFile::read).transpose()?;
        if let Some(file) = &file {
            id = id.with_dnssec_chain(file.messages()?);
        }
        let chain = OrganisationChain {
            name: file.as_ref().map_or(&name, ChainFile::name),
            messages: id.dnssec_chain(),
            organisation: &organisation,
        };
        check_chain(&chain, &id, issued_at, until)?;
        let bundle = request.sign_by_member(&id, &signer)?;
        Ok(IssuedToken { bundle, subject: member.subject_id(&organisation) })
    }
}

/// Rejects a bundle whose certificates expire before the token does.
fn check_certificates(
    id: &MemberIdBundle<'_>,
    name: &str,
    issued_at: Timestamp,
    until: Timestamp,
) -> Result<(), Failure> {
    let certificates = [id.organisation_certificate(), id.member_certificate()];
    let end = certificates.map(Certificate::not_after).into_iter().min();
    match end {
        Some(end) if end < issued_at => {
            Err(Failure::MemberBundleExpired { name: name.to_owned(), end })
        }
        Some(end) if end < until => {
            Err(Failure::MemberBundleEndsEarlier { name: name.to_owned(), end, until })
        }
        _ => Ok(()),
    }
}

/// Rejects a chain that does not publish the organisation's key, or expires before the token does.
fn check_chain(
    chain: &OrganisationChain<'_>,
    id: &MemberIdBundle<'_>,
    issued_at: Timestamp,
    until: Timestamp,
) -> Result<(), Failure> {
    let key = |certificate: &Certificate<'_>| {
        PublicKey::from_der(certificate.subject_public_key_info().to_vec())
    };
    let (organisation, member) =
        (key(id.organisation_certificate())?, key(id.member_certificate())?);
    warn_of_shared_key(&organisation, &member);
    match chain.valid_until(&organisation, issued_at)? {
        None => Err(Failure::ChainNotValid { name: chain.name.to_owned(), at: issued_at }),
        Some(end) if end < until => {
            Err(Failure::ChainEndsEarlier { name: chain.name.to_owned(), end, until })
        }
        Some(_) => Ok(()),
    }
}

/// Returns the names in the certificates, which are verified when the token is signed.
fn names(id: &MemberIdBundle<'_>) -> Result<(OrganisationName, Member), TokenIssueError> {
    let name = |certificate: &Certificate<'_>| certificate.common_name().unwrap_or_default();
    let organisation = name(id.organisation_certificate()).parse::<OrganisationName>();
    let member = name(id.member_certificate()).parse::<Member>();
    let invalid = |error: CertificateError| IssueError::OrganisationCertificate(error);
    Ok((
        organisation.map_err(|error| invalid(error.into()))?,
        member.map_err(|error| IssueError::MemberCertificate(error.into()))?,
    ))
}
