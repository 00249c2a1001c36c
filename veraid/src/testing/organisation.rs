//! A mock organisation, with a key, a certificate, a TXT record and a chain.

use std::time::Duration;

use super::{MockDns, MockError, MockMember};
use crate::issue::{OrganisationCertificate, RsaSigner, SignatureRequest, Signer as _};
use crate::{Dialect, KeyAlgorithm, Member, ObjectIdentifier, OrganisationName, Period, TxtRecord};

/// An organisation of a [`MockEnvironment`](super::MockEnvironment). For tests only.
///
/// ```
/// use std::time::Duration;
///
/// use veraid::testing::MockEnvironment;
/// use veraid::{Dialect, Member, ObjectIdentifier, Period, TxtRecord};
///
/// # type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;
/// # fn bundle(environment: &MockEnvironment, period: Period) -> Result<Vec<u8>> {
/// let service: ObjectIdentifier = "1.3.6.1.4.1.58708.1.1".parse()?;
/// let organisation = environment.organisation("example.com")?;
/// let record = organisation.record(Duration::from_secs(86400), Some(service.clone()))?;
/// let organisation = organisation.with_records(&[record], Dialect::Spec)?;
/// let bundle = organisation.sign(b"Hello", &Member::Bot, &service, period)?;
/// # Ok(bundle)
/// # }
/// ```
#[derive(Clone)]
pub struct MockOrganisation {
    name: OrganisationName,
    key: RsaSigner,
    certificate: OrganisationCertificate,
    period: Period,
    dns: MockDns,
    chain: Vec<Vec<u8>>,
}

impl MockOrganisation {
    /// Creates an organisation with a certificate for the period, and adds its TXT record to the
    /// DNS.
    ///
    /// # Errors
    /// [`MockError::Signer`], and as [`MockDns::response`].
    pub fn new(
        name: OrganisationName,
        key: RsaSigner,
        dns: MockDns,
        period: Period,
    ) -> Result<Self, MockError> {
        let certificate = OrganisationCertificate::prepare(
            &name,
            key.subject_public_key_info(),
            key.hash(),
            period,
        )?
        .sign(&key)?;
        let organisation = Self { name, key, certificate, period, dns, chain: Vec::new() };
        let record = organisation.record(Duration::from_secs(3600), None)?;
        organisation.with_records(&[record], Dialect::Deployed)
    }

    /// Returns a TXT record for the organisation's key.
    ///
    /// # Errors
    /// [`MockError::TxtRecord`] unless the TTL override is from 1 to 7,776,000 whole seconds.
    pub fn record(
        &self,
        ttl_override: Duration,
        service: Option<ObjectIdentifier>,
    ) -> Result<TxtRecord, MockError> {
        let (algorithm, key) = (self.key.algorithm(), self.key.subject_public_key_info());
        Ok(TxtRecord::new(algorithm, key, ttl_override, service)?)
    }

    /// Replaces the TXT records by these.
    ///
    /// # Errors
    /// As [`MockDns::response`].
    pub fn with_records(self, records: &[TxtRecord], dialect: Dialect) -> Result<Self, MockError> {
        let values: Vec<_> = records.iter().map(|record| record.to_value(dialect)).collect();
        self.with_raw_records(&values)
    }

    /// Replaces the TXT records by these texts, valid or not.
    ///
    /// # Errors
    /// As [`MockDns::response`].
    pub fn with_raw_records(self, values: &[impl AsRef<str>]) -> Result<Self, MockError> {
        let owner = self.name.txt_owner();
        let mut dns = self.dns.clone().without_txt(&owner)?;
        for value in values {
            dns = dns.with_txt(&owner, value.as_ref())?;
        }
        self.with_dns(dns)
    }

    /// Replaces the DNS, which must contain the TXT records.
    ///
    /// # Errors
    /// As [`MockDns::response`].
    pub fn with_dns(mut self, dns: MockDns) -> Result<Self, MockError> {
        self.chain = dns.chain(&self.name.txt_owner())?;
        self.dns = dns;
        Ok(self)
    }

    /// Sets the DNS messages of the chain, valid or not.
    #[must_use]
    pub fn with_chain(mut self, chain: Vec<Vec<u8>>) -> Self {
        self.chain = chain;
        self
    }

    /// Replaces the certificate.
    #[must_use]
    pub fn with_certificate(mut self, certificate: OrganisationCertificate) -> Self {
        self.certificate = certificate;
        self
    }

    /// Creates a user of this name (or the bot, for `@`) with a new RSA-2048 key.
    ///
    /// # Errors
    /// [`MockError::UserName`], [`MockError::RsaKey`].
    pub fn member(&self, name: &str) -> Result<MockMember, MockError> {
        let key = RsaSigner::generate(KeyAlgorithm::Rsa2048)?;
        MockMember::new(self.clone(), name.parse()?, key, self.period)
    }

    /// Creates the bot, with a new RSA-2048 key.
    ///
    /// # Errors
    /// [`MockError::RsaKey`].
    pub fn bot(&self) -> Result<MockMember, MockError> {
        let key = RsaSigner::generate(KeyAlgorithm::Rsa2048)?;
        MockMember::new(self.clone(), Member::Bot, key, self.period)
    }

    /// Signs as the organisation, on behalf of a member.
    ///
    /// # Errors
    /// [`MockError::Issue`] if the certificate is not valid when the period starts.
    pub fn sign(
        &self,
        plaintext: &[u8],
        member: &Member,
        service: &ObjectIdentifier,
        period: Period,
    ) -> Result<Vec<u8>, MockError> {
        let request = SignatureRequest::new(service, plaintext, period);
        let unsigned =
            request.by_organisation(&self.certificate, &self.chain, member, self.key.hash())?;
        Ok(unsigned.sign(&self.key)?.into_bytes())
    }

    /// Returns the organisation's name.
    #[must_use]
    pub const fn name(&self) -> &OrganisationName {
        &self.name
    }

    /// Returns the organisation's key.
    #[must_use]
    pub const fn key(&self) -> &RsaSigner {
        &self.key
    }

    /// Returns the organisation's certificate.
    #[must_use]
    pub const fn certificate(&self) -> &OrganisationCertificate {
        &self.certificate
    }

    /// Returns the DNS that proves its TXT records.
    #[must_use]
    pub const fn dns(&self) -> &MockDns {
        &self.dns
    }

    /// Returns the DNS messages that prove its TXT records.
    #[must_use]
    pub fn chain(&self) -> &[Vec<u8>] {
        &self.chain
    }
}
