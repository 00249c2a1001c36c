//! A mock environment: one DNS root, and organisations below it.

use super::{MockDns, MockError, MockKey, MockOrganisation, MockZone, ZoneAlgorithm};
use crate::issue::RsaSigner;
use crate::{Dialect, KeyAlgorithm, OrganisationName, Period, TrustAnchor, TxtRecord};

/// A DNS root, with organisations below it, in a period. For tests only.
///
/// The same trust anchor proves all organisations.
///
/// ```
/// use veraid::testing::MockEnvironment;
/// use veraid::{ObjectIdentifier, Period, SignatureBundle, Timestamp, Verification};
///
/// let start: Timestamp = "2026-01-01T00:00:00Z".parse()?;
/// let end: Timestamp = "2026-02-01T00:00:00Z".parse()?;
/// let period = Period::new(start, end).expect("starts before it ends");
/// let service: ObjectIdentifier = "1.3.6.1.4.1.58708.1.1".parse()?;
///
/// let environment = MockEnvironment::new(period)?;
/// let alice = environment.organisation("example.com")?.member("alice")?;
/// let octets = alice.sign(b"Hello", &service, period)?;
///
/// let trust_anchors = environment.trust_anchors()?;
/// let bundle = SignatureBundle::from_der(&octets)?;
/// let verified =
///     Verification::new(&service, &trust_anchors).verify_signature_at(&bundle, end)?;
/// assert_eq!(verified.member().subject_id(verified.organisation()), "alice@example.com");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct MockEnvironment {
    dns: MockDns,
    zone_key: MockKey,
    period: Period,
}

impl MockEnvironment {
    /// Creates an environment whose signatures are valid in the period, of less than 2^31 seconds.
    ///
    /// The ends of signatures in the DNS are rounded inwards to whole seconds.
    ///
    /// # Errors
    /// [`MockError::Key`] if the system has no randomness.
    pub fn new(period: Period) -> Result<Self, MockError> {
        let key = || MockKey::generate(ZoneAlgorithm::EcdsaP256Sha256);
        Self::with_keys(period, key()?, key()?)
    }

    /// Creates an environment with a key for the root, and a key that all other zones share.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn with_keys(
        period: Period,
        root_key: MockKey,
        zone_key: MockKey,
    ) -> Result<Self, MockError> {
        let root = MockZone::new(".", period)?.with_keys([root_key]);
        Ok(Self { dns: MockDns::new(period)?.with_zone(root)?, zone_key, period })
    }

    /// Returns the trust anchors that prove everything in this environment.
    ///
    /// # Errors
    /// [`MockError::TrustAnchor`] if the root's key has an unsupported algorithm.
    pub fn trust_anchors(&self) -> Result<Vec<TrustAnchor>, MockError> {
        self.dns.trust_anchors()
    }

    /// Creates an organisation with a new RSA-2048 key, which takes a while.
    ///
    /// Each label of its name is a zone, and its TXT record has a TTL override of an hour.
    ///
    /// # Errors
    /// [`MockError::OrganisationName`], [`MockError::RsaKey`], [`MockError::Period`].
    pub fn organisation(&self, name: &str) -> Result<MockOrganisation, MockError> {
        self.organisation_with_key(name, RsaSigner::generate(KeyAlgorithm::Rsa2048)?)
    }

    /// Creates an organisation as [`Self::organisation`] does, with this key.
    ///
    /// # Errors
    /// [`MockError::OrganisationName`], [`MockError::Period`].
    pub fn organisation_with_key(
        &self,
        name: &str,
        key: RsaSigner,
    ) -> Result<MockOrganisation, MockError> {
        let name: OrganisationName = name.parse()?;
        let dns = self.dns_with_zones_of(&name)?;
        MockOrganisation::new(name, key, dns, self.period)
    }

    /// Creates the chain of an organisation with these TXT records, whose key is elsewhere, such as
    /// in an HSM.
    ///
    /// # Errors
    /// [`MockError::Period`], and as [`MockDns::response`].
    pub fn chain(
        &self,
        name: &OrganisationName,
        records: &[TxtRecord],
        dialect: Dialect,
    ) -> Result<Vec<Vec<u8>>, MockError> {
        let (owner, mut dns) = (name.txt_owner(), self.dns_with_zones_of(name)?);
        for record in records {
            dns = dns.with_txt(&owner, &record.to_value(dialect))?;
        }
        dns.chain(&owner)
    }

    fn dns_with_zones_of(&self, name: &OrganisationName) -> Result<MockDns, MockError> {
        let mut dns = self.dns.clone();
        let text = name.as_str();
        let ends = text.rmatch_indices('.').map(|(dot, _)| dot + 1).chain([0]);
        for zone in ends.filter_map(|start| text.get(start..)) {
            let zone = MockZone::new(zone, self.period)?.with_keys([self.zone_key.clone()]);
            dns = dns.with_zone(zone)?;
        }
        Ok(dns)
    }
}
