//! Tokens that are issued with the organisation's key, which certifies the member's.

use kliento::issue::{
    MemberCertificate, MemberIdBundle, OrganisationCertificate, PublicKey, Signer, TokenIssueError,
    TokenRequest, member_id_bundle,
};
use kliento::{Member, OrganisationName, Timestamp, TokenBundle};

use super::{Arguments, IssuedToken};
use crate::chain_file::ChainFile;
use crate::failure::Failure;
use crate::key_source::KeySource;
use crate::organisation_chain::{OrganisationChain, warn_of_shared_key};
use crate::terminal;

/// The organisation's chain and key.
struct Issuer<'a> {
    organisation: &'a OrganisationName,
    messages: &'a [&'a [u8]],
    key: &'a dyn Signer,
    public_key: PublicKey,
}

impl Arguments {
    pub(super) fn issue_by_organisation(
        &self,
        request: &TokenRequest<'_>,
        issued_at: Timestamp,
    ) -> Result<IssuedToken, Failure> {
        let (Some(organisation), Some(key), Some(chain)) =
            (&self.organisation, &self.key, &self.chain)
        else {
            return Err(Failure::MissingOrganisation);
        };
        let member_key = self.member_key.as_ref().map(KeySource::open).transpose()?;
        let key = key.open()?;
        let chain = ChainFile::read(chain)?;
        let messages = chain.messages()?;
        let public_key = PublicKey::from_signer(&key)?;
        let published = OrganisationChain { name: chain.name(), messages: &messages, organisation };
        match published.valid_until(&public_key, issued_at)? {
            None => terminal::print_warning("the chain is not valid when the token starts"),
            Some(end) if end < request.period().end() => {
                terminal::print_warning(&format!("the chain is only valid until {end}"));
            }
            Some(_) => {}
        }
        let issuer = Issuer { organisation, messages: &messages, key: &key, public_key };
        let member = self.user.clone().map_or(Member::Bot, Member::User);
        let member_key = member_key.as_deref().map(|key| -> &dyn Signer { key });
        let bundle = issuer.issue(request, &member, member_key)?;
        Ok(IssuedToken { bundle, subject: member.subject_id(organisation) })
    }
}

impl Issuer<'_> {
    fn issue(
        &self,
        request: &TokenRequest<'_>,
        member: &Member,
        member_key: Option<&dyn Signer>,
    ) -> Result<TokenBundle, Failure> {
        let (period, hash) = (request.period(), self.key.hash());
        let public_key = self.public_key.subject_public_key_info();
        let organisation =
            OrganisationCertificate::prepare(self.organisation, public_key, hash, period)?;
        let organisation = organisation.sign(self.key)?;
        let Some(member_key) = member_key else {
            let (messages, key) = (self.messages, self.key);
            return Ok(request.sign_by_organisation(&organisation, messages, member, key)?);
        };
        let public_key = PublicKey::from_signer(member_key)?;
        warn_of_shared_key(&self.public_key, &public_key);
        let public_key = public_key.subject_public_key_info();
        let certificate =
            MemberCertificate::prepare(member, public_key, &organisation, hash, period)?;
        let id = member_id_bundle(&organisation, &certificate.sign(self.key)?, self.messages)?;
        let id = MemberIdBundle::from_der(&id).map_err(TokenIssueError::from)?;
        Ok(request.sign_by_member(&id, member_key)?)
    }
}
