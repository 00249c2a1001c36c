//! The statements on profiles, one-time codes and factors, and their values.

use async_trait::async_trait;
use kleidia_tower::account::{
    CodePurpose, EmailAddress, Factor, FactorKind, OneTimeCode, Profile, ProfileEmail,
};
use kleidia_tower::store::StoreError;
use kleidia_tower::store::rows::{FactorRows, OneTimeCodeRows, ProfileRows};
use kleidia_tower::{FactorId, Timestamp, TokenDigest, UserId};
use redb::ReadableTable;
use serde::{Deserialize, Serialize};

use crate::store::RedbRows;
use crate::tables::{
    CODES, Digest, FACTORS, PROFILES, corrupt, decode, get, next_id, put, unavailable,
};
use crate::values::time;

#[derive(Default, Serialize, Deserialize)]
struct ProfileValue {
    display_name: Option<String>,
    email: Option<(String, bool)>,
    attributes: String,
}

#[derive(Serialize, Deserialize)]
pub(crate) struct CodeValue {
    user: Option<UserId>,
    purpose: String,
    data: String,
    created_at: i64,
    pub(crate) expires_at: i64,
}

#[derive(Serialize, Deserialize)]
struct FactorValue {
    user: UserId,
    kind: String,
    credential: Option<Vec<u8>>,
    label: String,
    data: String,
    created_at: i64,
    last_used_at: Option<i64>,
}

impl From<&Profile> for ProfileValue {
    fn from(profile: &Profile) -> Self {
        let email = |email: &ProfileEmail| (email.address.to_string(), email.is_verified);
        Self {
            display_name: profile.display_name.as_ref().map(ToString::to_string),
            email: profile.email.as_ref().map(email),
            attributes: profile.attributes.to_string(),
        }
    }
}

impl ProfileValue {
    fn decode(self) -> Result<Profile, StoreError> {
        let email = |(address, is_verified): (String, bool)| {
            let address = address.parse().map_err(|_| corrupt("profile"))?;
            Ok(ProfileEmail { address, is_verified })
        };
        let display_name = self.display_name.map(|name| name.parse()).transpose();
        Ok(Profile {
            display_name: display_name.map_err(|_| corrupt("profile"))?,
            email: self.email.map(email).transpose()?,
            attributes: self.attributes.parse().map_err(|_| corrupt("profile"))?,
        })
    }
}

impl CodeValue {
    fn decode(self, digest: TokenDigest) -> Result<OneTimeCode, StoreError> {
        Ok(OneTimeCode {
            digest,
            user: self.user,
            purpose: CodePurpose::from_name(&self.purpose).ok_or(corrupt("purpose"))?,
            data: self.data,
            created_at: time(self.created_at)?,
            expires_at: time(self.expires_at)?,
        })
    }
}

impl From<&Factor> for FactorValue {
    fn from(factor: &Factor) -> Self {
        Self {
            user: factor.user,
            kind: factor.kind.as_str().to_owned(),
            credential: factor.credential.clone(),
            label: factor.label.to_string(),
            data: factor.data.clone(),
            created_at: factor.created_at.as_second(),
            last_used_at: factor.last_used_at.map(Timestamp::as_second),
        }
    }
}

impl FactorValue {
    fn decode(self, id: FactorId) -> Result<Factor, StoreError> {
        Ok(Factor {
            id,
            user: self.user,
            kind: FactorKind::from_name(&self.kind).ok_or(corrupt("kind of a factor"))?,
            credential: self.credential,
            label: self.label.parse().map_err(|_| corrupt("label of a factor"))?,
            data: self.data,
            created_at: time(self.created_at)?,
            last_used_at: self.last_used_at.map(time).transpose()?,
        })
    }
}

pub(crate) fn profile(
    profiles: &impl ReadableTable<i64, &'static [u8]>,
    user: UserId,
) -> Result<Profile, StoreError> {
    let found: Option<ProfileValue> = get(profiles, user.get())?;
    found.map_or_else(|| Ok(Profile::default()), ProfileValue::decode)
}

/// Reads all profiles. A store for many accounts has an index by address.
pub(crate) fn users_by_email(
    profiles: &impl ReadableTable<i64, &'static [u8]>,
    address: &EmailAddress,
) -> Result<Vec<UserId>, StoreError> {
    let mut users = Vec::new();
    for row in profiles.iter().map_err(unavailable)? {
        let (id, value) = row.map_err(unavailable)?;
        let profile = decode::<ProfileValue>(value.value())?.decode()?;
        users.extend((profile.verified_email() == Some(address)).then(|| UserId::new(id.value())));
    }
    Ok(users)
}

pub(crate) fn code(
    codes: &impl ReadableTable<Digest, &'static [u8]>,
    digest: &TokenDigest,
    purpose: CodePurpose,
) -> Result<Option<OneTimeCode>, StoreError> {
    let found: Option<CodeValue> = get(codes, &digest.0)?;
    let found = found.map(|value| value.decode(*digest)).transpose()?;
    Ok(found.filter(|code| code.purpose == purpose))
}

/// Reads all factors. A store for many accounts has indexes.
pub(crate) fn factors(
    factors: &impl ReadableTable<i64, &'static [u8]>,
    matches: impl Fn(&Factor) -> bool,
) -> Result<Vec<Factor>, StoreError> {
    let mut found = Vec::new();
    for row in factors.iter().map_err(unavailable)? {
        let (id, value) = row.map_err(unavailable)?;
        let factor = decode::<FactorValue>(value.value())?.decode(FactorId::new(id.value()))?;
        found.extend(matches(&factor).then_some(factor));
    }
    Ok(found)
}

impl RedbRows {
    pub(crate) fn purge_codes(&self, until: i64, limit: usize) -> Result<usize, StoreError> {
        let mut expired = Vec::new();
        let mut codes = self.0.open_table(CODES).map_err(unavailable)?;
        for row in codes.iter().map_err(unavailable)? {
            let (digest, value) = row.map_err(unavailable)?;
            let code: CodeValue = decode(value.value())?;
            if code.expires_at <= until && expired.len() < limit {
                expired.push(*digest.value());
            }
        }
        for digest in &expired {
            codes.remove(digest).map_err(unavailable)?;
        }
        Ok(expired.len())
    }

    fn find_factors(&self, matches: impl Fn(&Factor) -> bool) -> Result<Vec<Factor>, StoreError> {
        factors(&self.0.open_table(FACTORS).map_err(unavailable)?, matches)
    }

    fn put_factor(&self, factor: &Factor) -> Result<(), StoreError> {
        let mut factors = self.0.open_table(FACTORS).map_err(unavailable)?;
        put(&mut factors, factor.id.get(), &FactorValue::from(factor))
    }
}

#[async_trait]
impl ProfileRows for RedbRows {
    async fn profile(&mut self, user: UserId) -> Result<Profile, StoreError> {
        profile(&self.0.open_table(PROFILES).map_err(unavailable)?, user)
    }

    async fn put_profile(&mut self, user: UserId, profile: &Profile) -> Result<(), StoreError> {
        let mut profiles = self.0.open_table(PROFILES).map_err(unavailable)?;
        if *profile == Profile::default() {
            profiles.remove(user.get()).map_err(unavailable)?;
            return Ok(());
        }
        put(&mut profiles, user.get(), &ProfileValue::from(profile))
    }
}

#[async_trait]
impl OneTimeCodeRows for RedbRows {
    async fn code(
        &mut self,
        digest: &TokenDigest,
        purpose: CodePurpose,
    ) -> Result<Option<OneTimeCode>, StoreError> {
        code(&self.0.open_table(CODES).map_err(unavailable)?, digest, purpose)
    }

    async fn insert_code(&mut self, code: &OneTimeCode) -> Result<(), StoreError> {
        let mut codes = self.0.open_table(CODES).map_err(unavailable)?;
        let value = CodeValue {
            user: code.user,
            purpose: code.purpose.as_str().to_owned(),
            data: code.data.clone(),
            created_at: code.created_at.as_second(),
            expires_at: code.expires_at.as_second(),
        };
        put(&mut codes, &code.digest.0, &value)
    }

    async fn take_code(
        &mut self,
        digest: &TokenDigest,
        purpose: CodePurpose,
    ) -> Result<Option<OneTimeCode>, StoreError> {
        let mut codes = self.0.open_table(CODES).map_err(unavailable)?;
        let found = code(&codes, digest, purpose)?;
        if found.is_some() {
            codes.remove(&digest.0).map_err(unavailable)?;
        }
        Ok(found)
    }

    async fn delete_codes(
        &mut self,
        user: UserId,
        purpose: Option<CodePurpose>,
    ) -> Result<u64, StoreError> {
        let mut codes = self.0.open_table(CODES).map_err(unavailable)?;
        let before = redb::ReadableTableMetadata::len(&codes).map_err(unavailable)?;
        let purpose = purpose.map(CodePurpose::as_str);
        let is_kept = |value: &[u8]| {
            let code = decode::<CodeValue>(value);
            code.is_ok_and(|code| {
                code.user != Some(user) || purpose.is_some_and(|purpose| code.purpose != purpose)
            })
        };
        codes.retain(|_, value| is_kept(value)).map_err(unavailable)?;
        let after = redb::ReadableTableMetadata::len(&codes).map_err(unavailable)?;
        Ok(before - after)
    }
}

#[async_trait]
impl FactorRows for RedbRows {
    async fn factors(&mut self, user: UserId) -> Result<Vec<Factor>, StoreError> {
        self.find_factors(|factor| factor.user == user)
    }

    async fn factor_by_credential(
        &mut self,
        credential: &[u8],
    ) -> Result<Option<Factor>, StoreError> {
        let of = |factor: &Factor| factor.credential.as_deref() == Some(credential);
        Ok(self.find_factors(of)?.pop())
    }

    async fn insert_factor(&mut self, mut factor: Factor) -> Result<Option<Factor>, StoreError> {
        if let Some(credential) = &factor.credential
            && self.factor_by_credential(credential).await?.is_some()
        {
            return Ok(None);
        }
        factor.id = FactorId::new(next_id(&self.0, "factors")?);
        self.put_factor(&factor)?;
        Ok(Some(factor))
    }

    async fn update_factor(&mut self, factor: &Factor) -> Result<bool, StoreError> {
        let of = |stored: &Factor| stored.id == factor.id && stored.user == factor.user;
        let Some(stored) = self.find_factors(of)?.pop() else { return Ok(false) };
        let Factor { label, data, last_used_at, .. } = factor.clone();
        self.put_factor(&Factor { label, data, last_used_at, ..stored })?;
        Ok(true)
    }

    async fn delete_factor(&mut self, user: UserId, id: FactorId) -> Result<bool, StoreError> {
        let is_found =
            !self.find_factors(|factor| factor.id == id && factor.user == user)?.is_empty();
        if is_found {
            let mut factors = self.0.open_table(FACTORS).map_err(unavailable)?;
            factors.remove(id.get()).map_err(unavailable)?;
        }
        Ok(is_found)
    }

    async fn delete_factors(&mut self, user: UserId) -> Result<u64, StoreError> {
        let found = self.find_factors(|factor| factor.user == user)?;
        let mut factors = self.0.open_table(FACTORS).map_err(unavailable)?;
        for factor in &found {
            factors.remove(factor.id.get()).map_err(unavailable)?;
        }
        Ok(found.len() as u64)
    }
}
