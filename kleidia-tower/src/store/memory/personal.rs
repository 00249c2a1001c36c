//! The profiles, one-time codes and factors in memory.

use async_trait::async_trait;

use super::state::State;
use crate::account::{CodePurpose, EmailAddress, Factor, OneTimeCode, Profile};
use crate::store::StoreError;
use crate::store::rows::{FactorRows, OneTimeCodeRows, ProfileRows};
use crate::{FactorId, TokenDigest, UserId};

impl State {
    pub(super) fn find_code(
        &self,
        digest: &TokenDigest,
        purpose: CodePurpose,
    ) -> Option<&OneTimeCode> {
        self.codes.get(digest).filter(|code| code.purpose == purpose)
    }

    pub(super) fn factors_of(&self, user: UserId) -> impl Iterator<Item = &Factor> {
        self.factors.values().filter(move |factor| factor.user == user)
    }

    pub(super) fn find_factor(&self, credential: &[u8]) -> Option<&Factor> {
        self.factors.values().find(|factor| factor.credential.as_deref() == Some(credential))
    }

    pub(super) fn users_by_email(&self, address: &EmailAddress) -> Vec<UserId> {
        let profiles = self.profiles.iter();
        let found = profiles.filter(|(_, profile)| profile.verified_email() == Some(address));
        let mut users: Vec<_> = found.map(|(user, _)| *user).collect();
        users.sort_unstable();
        users
    }
}

#[async_trait]
impl ProfileRows for State {
    async fn profile(&mut self, user: UserId) -> Result<Profile, StoreError> {
        Ok(self.profiles.get(&user).cloned().unwrap_or_default())
    }

    async fn put_profile(&mut self, user: UserId, profile: &Profile) -> Result<(), StoreError> {
        if *profile == Profile::default() {
            self.profiles.remove(&user);
        } else {
            self.profiles.insert(user, profile.clone());
        }
        Ok(())
    }
}

#[async_trait]
impl OneTimeCodeRows for State {
    async fn code(
        &mut self,
        digest: &TokenDigest,
        purpose: CodePurpose,
    ) -> Result<Option<OneTimeCode>, StoreError> {
        Ok(self.find_code(digest, purpose).cloned())
    }

    async fn insert_code(&mut self, code: &OneTimeCode) -> Result<(), StoreError> {
        self.codes.insert(code.digest, code.clone());
        Ok(())
    }

    async fn take_code(
        &mut self,
        digest: &TokenDigest,
        purpose: CodePurpose,
    ) -> Result<Option<OneTimeCode>, StoreError> {
        let is_found = self.find_code(digest, purpose).is_some();
        Ok(if is_found { self.codes.remove(digest) } else { None })
    }

    async fn delete_codes(
        &mut self,
        user: UserId,
        purpose: Option<CodePurpose>,
    ) -> Result<u64, StoreError> {
        let before = self.codes.len();
        self.codes.retain(|_, code| {
            code.user != Some(user) || purpose.is_some_and(|purpose| code.purpose != purpose)
        });
        Ok((before - self.codes.len()) as u64)
    }
}

#[async_trait]
impl FactorRows for State {
    async fn factors(&mut self, user: UserId) -> Result<Vec<Factor>, StoreError> {
        Ok(self.factors_of(user).cloned().collect())
    }

    async fn factor_by_credential(
        &mut self,
        credential: &[u8],
    ) -> Result<Option<Factor>, StoreError> {
        Ok(self.find_factor(credential).cloned())
    }

    async fn insert_factor(&mut self, mut factor: Factor) -> Result<Option<Factor>, StoreError> {
        if factor.credential.as_deref().is_some_and(|id| self.find_factor(id).is_some()) {
            return Ok(None);
        }
        self.last_factor += 1;
        factor.id = FactorId::new(self.last_factor);
        self.factors.insert(factor.id, factor.clone());
        Ok(Some(factor))
    }

    async fn update_factor(&mut self, factor: &Factor) -> Result<bool, StoreError> {
        let found = self.factors.get_mut(&factor.id);
        let Some(stored) = found.filter(|stored| stored.user == factor.user) else {
            return Ok(false);
        };
        let (kind, credential, created_at) =
            (stored.kind, stored.credential.clone(), stored.created_at);
        *stored = Factor { kind, credential, created_at, ..factor.clone() };
        Ok(true)
    }

    async fn delete_factor(&mut self, user: UserId, id: FactorId) -> Result<bool, StoreError> {
        let is_found = self.factors.get(&id).is_some_and(|factor| factor.user == user);
        Ok(is_found && self.factors.remove(&id).is_some())
    }

    async fn delete_factors(&mut self, user: UserId) -> Result<u64, StoreError> {
        let before = self.factors.len();
        self.factors.retain(|_, factor| factor.user != user);
        Ok((before - self.factors.len()) as u64)
    }
}
