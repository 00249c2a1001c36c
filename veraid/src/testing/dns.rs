//! A mock DNS: signed zones from the root down, and the responses that prove their records.

use std::collections::BTreeMap;

use domain::base::{Name, ToName as _};

use super::name::{canonical, parse, presentation_form};
use super::record::{rtype, txt_data};
use super::{MockError, MockMessage, MockRecord, MockRrset, MockZone};
use crate::{Period, TrustAnchor};

type CanonicalName = Name<Vec<u8>>;

/// A mock DNS: a signed root, and zones and TXT records below it. For tests only.
///
/// A name belongs to the deepest zone above it, so that zones may skip labels (`example.co.jp`
/// below `jp`) and records may lie deep in their zone.
///
/// ```
/// use veraid::testing::MockDns;
/// use veraid::{DnssecChain, Period, Timestamp};
///
/// let start: Timestamp = "2026-01-01T00:00:00Z".parse()?;
/// let end: Timestamp = "2026-02-01T00:00:00Z".parse()?;
/// let dns = MockDns::new(Period::new(start, end).expect("starts before it ends"))?
///     .with_zones(["com", "example.com"])?
///     .with_txt("_veraid.example.com", "some text")?;
///
/// let messages = dns.chain("_veraid.example.com")?;
/// let chain = DnssecChain::from_messages(messages.iter().map(Vec::as_slice))?;
/// let proven = chain.verify_at("_veraid.example.com", end, &dns.trust_anchors()?)?;
/// assert_eq!(proven.records(), [[b"some text"]]);
/// assert_eq!(proven.zone(), "example.com.");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct MockDns {
    zones: BTreeMap<CanonicalName, MockZone>,
    texts: BTreeMap<CanonicalName, Vec<Vec<u8>>>,
    sets: BTreeMap<(CanonicalName, u16), MockRrset>,
    form: ResponseForm,
}

/// The form of the messages of a chain.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum ResponseForm {
    /// As a validating resolver sends them: flags, compressed names, denial of existence, EDNS.
    #[default]
    Resolver,
    /// As deployed implementations re-encode them: ID and flags 0, the answer section only,
    /// uncompressed names.
    Reencoded,
}

impl MockDns {
    /// Creates a DNS that consists of a root, with a new ECDSA P-256 key.
    ///
    /// # Errors
    /// [`MockError::Key`] if the system has no randomness.
    pub fn new(period: Period) -> Result<Self, MockError> {
        let root = MockZone::new(".", period)?;
        let zones = BTreeMap::from([(Name::root_vec(), root)]);
        let (texts, sets) = (BTreeMap::new(), BTreeMap::new());
        Ok(Self { zones, texts, sets, form: ResponseForm::default() })
    }

    /// Adds a zone, or replaces the zone of the same name, such as the root `.`.
    ///
    /// # Errors
    /// [`MockError::Name`].
    pub fn with_zone(mut self, zone: MockZone) -> Result<Self, MockError> {
        self.zones.insert(canonical(&zone.name)?, zone);
        Ok(self)
    }

    /// Adds zones with new ECDSA P-256 keys. Their signatures have the validity of the root's.
    ///
    /// # Errors
    /// [`MockError::Name`].
    pub fn with_zones<'n>(
        mut self,
        names: impl IntoIterator<Item = &'n str>,
    ) -> Result<Self, MockError> {
        let period = self.zone_mut(".")?.period;
        for name in names {
            self = self.with_zone(MockZone::new(name, period)?)?;
        }
        Ok(self)
    }

    /// Adds a TXT record of one character-string.
    ///
    /// # Errors
    /// [`MockError::Name`], [`MockError::TooLong`] above 255 octets.
    pub fn with_txt(self, owner: &str, value: &str) -> Result<Self, MockError> {
        self.with_txt_strings(owner, &[value])
    }

    /// Adds a TXT record of several character-strings.
    ///
    /// # Errors
    /// [`MockError::Name`], [`MockError::TooLong`] above 255 octets.
    pub fn with_txt_strings(
        mut self,
        owner: &str,
        strings: &[impl AsRef<[u8]>],
    ) -> Result<Self, MockError> {
        self.texts.entry(canonical(owner)?).or_default().push(txt_data(strings)?);
        Ok(self)
    }

    /// Removes the TXT records of a name.
    ///
    /// # Errors
    /// [`MockError::Name`].
    pub fn without_txt(mut self, owner: &str) -> Result<Self, MockError> {
        self.texts.remove(&canonical(owner)?);
        Ok(self)
    }

    /// Answers questions for its owner and type with this RRset, whatever the zones contain.
    ///
    /// # Errors
    /// [`MockError::Name`].
    pub fn with_rrset(mut self, set: MockRrset) -> Result<Self, MockError> {
        self.sets.insert((canonical(&set.owner)?, set.rtype), set);
        Ok(self)
    }

    /// Sets the form of the messages.
    #[must_use]
    pub const fn with_form(mut self, form: ResponseForm) -> Self {
        self.form = form;
        self
    }

    /// Returns the zone of this name, for changes.
    ///
    /// # Errors
    /// [`MockError::Name`], [`MockError::NoZone`].
    pub fn zone_mut(&mut self, name: &str) -> Result<&mut MockZone, MockError> {
        let zone = self.zones.get_mut(&canonical(name)?);
        zone.ok_or_else(|| MockError::NoZone(name.to_owned()))
    }

    /// Returns the root's secure entry point keys as trust anchors, with SHA-256.
    ///
    /// # Errors
    /// [`MockError::TrustAnchor`] if a key has an unsupported algorithm.
    pub fn trust_anchors(&self) -> Result<Vec<TrustAnchor>, MockError> {
        self.deepest_zone(&Name::root_vec())?
            .secure_entry_point_keys()
            .map(|key| trust_anchor(key, 2))
            .collect()
    }

    /// Returns the messages that prove the TXT records of `owner`: DNSKEY of the root and each
    /// label down to it, DS of the same but the root, and TXT.
    ///
    /// # Errors
    /// As [`Self::response`].
    pub fn chain(&self, owner: &str) -> Result<Vec<Vec<u8>>, MockError> {
        self.chain_messages(owner)?.iter().map(MockMessage::compose).collect()
    }

    /// Returns the messages of [`Self::chain`] before they are composed.
    ///
    /// # Errors
    /// As [`Self::response`].
    pub fn chain_messages(&self, owner: &str) -> Result<Vec<MockMessage>, MockError> {
        let owner = parse(owner)?;
        let mut names: Vec<String> =
            owner.iter_suffixes().map(|name| name.fmt_with_dot().to_string()).collect();
        names.reverse();
        let keys = names.iter().map(|name| (name, rtype::DNSKEY));
        let delegations = names.iter().skip(1).map(|name| (name, rtype::DS));
        let text = presentation_form(&owner);
        let questions = keys.chain(delegations).chain([(&text, rtype::TXT)]);
        questions.map(|(name, rtype)| self.response(name, rtype)).collect()
    }

    /// Returns the response to a question about DNSKEY, DS or TXT records.
    ///
    /// Without records, the response has NOERROR and a proof of their absence.
    ///
    /// # Errors
    /// [`MockError::Name`], [`MockError::Period`], [`MockError::Signing`],
    /// [`MockError::DigestType`].
    pub fn response(&self, owner: &str, rtype: u16) -> Result<MockMessage, MockError> {
        let mut message = MockMessage::response(owner, rtype);
        match self.rrset(owner, rtype)? {
            Some(set) => message.answer = set.records()?,
            None => message.authority = self.denial(owner, rtype)?,
        }
        match self.form {
            ResponseForm::Resolver => {
                // EDNS with 1232 octets and the flag DO (RFC 6891, 6.1.2; RFC 3225, 3).
                let options = MockRecord::new(".", rtype::OPT, vec![]);
                message.additional.push(MockRecord { class: 1232, ttl: 0x8000, ..options });
            }
            ResponseForm::Reencoded => {
                (message.flags, message.is_compressed) = (0, false);
                message.authority.clear();
            }
        }
        Ok(message)
    }

    /// Returns the RRset for a question, with the signatures to make. Change it and pass it to
    /// [`Self::with_rrset`].
    ///
    /// # Errors
    /// [`MockError::Name`], [`MockError::Period`], [`MockError::DigestType`].
    pub fn rrset(&self, owner: &str, rtype: u16) -> Result<Option<MockRrset>, MockError> {
        let name = canonical(owner)?;
        if let Some(set) = self.sets.get(&(name.clone(), rtype)) {
            return Ok(Some(set.clone()));
        }
        match (rtype, self.zones.get(&name), self.texts.get(&name)) {
            (rtype::DNSKEY, Some(zone), _) => zone.key_set().map(Some),
            (rtype::DS, Some(zone), _) if !name.is_root() => {
                let parent = self.zone_above(&name, rtype)?;
                parent.sign(owner, rtype, zone.delegation()?).map(Some)
            }
            (rtype::TXT, _, Some(texts)) => {
                self.zone_above(&name, rtype)?.sign(owner, rtype, texts.clone()).map(Some)
            }
            _ => Ok(None),
        }
    }

    /// Returns the proof that the records do not exist (RFC 4035, 3.1.3.1).
    fn denial(&self, owner: &str, rtype: u16) -> Result<Vec<MockRecord>, MockError> {
        let name = canonical(owner)?;
        let zone = self.zone_above(&name, rtype)?;
        let mut records = Vec::new();
        let rtypes: &[u16] = if self.texts.contains_key(&name) { &[rtype::TXT] } else { &[] };
        for record in
            [MockRecord::soa(&zone.name)?, MockRecord::nsec(&presentation_form(&name), rtypes)?]
        {
            records.extend(zone.sign(&record.owner, record.rtype, vec![record.data])?.records()?);
        }
        Ok(records)
    }

    /// Returns the deepest zone of the name. DS records are in the parent zone (RFC 4035, 2.4).
    fn zone_above(&self, name: &CanonicalName, rtype: u16) -> Result<&MockZone, MockError> {
        if rtype == rtype::DS && !name.is_root() {
            let parent = name.iter_suffixes().nth(1).map(|parent| parent.to_vec());
            return self.deepest_zone(&parent.unwrap_or_else(Name::root_vec));
        }
        self.deepest_zone(name)
    }

    fn deepest_zone(&self, name: &CanonicalName) -> Result<&MockZone, MockError> {
        let zone = name.iter_suffixes().find_map(|suffix| self.zones.get(&suffix.to_vec()));
        zone.ok_or_else(|| MockError::NoZone(presentation_form(name)))
    }
}

/// Returns the trust anchor for a key of the root.
fn trust_anchor(key: &super::MockKey, digest_type: u8) -> Result<TrustAnchor, MockError> {
    let data = key.ds_data(".", digest_type)?;
    let digest = data.get(4..).unwrap_or_default().to_vec();
    Ok(TrustAnchor::new(key.key_tag(), key.algorithm, digest_type, digest)?)
}
