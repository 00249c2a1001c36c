//! Recovery codes: for a user who has lost the other factors, each for a single use.

use std::fmt;

use aws_lc_rs::digest::{Context, SHA256};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use super::FactorSummary;
use crate::account::{AccountError, Accounts, Factor, FactorKind, FactorLabel, NewFactor};
use crate::session::SessionView;
use crate::store::StoreError;
use crate::{RequestInfo, UserId};

/// The recovery codes of a user, which are shown once.
#[non_exhaustive]
pub struct RecoveryCodes {
    /// The codes: 16 characters of 5 random bits each, in groups of 4.
    pub codes: Vec<SecretString>,
    /// The factor.
    pub factor: FactorSummary,
}

/// The data of the factor: the digests of the codes that were not used.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Digests {
    digests: Vec<String>,
}

/// How many codes a set has.
const CODES: usize = 10;
/// The number of characters of a code: 80 random bits, so a fast digest is enough.
const CHARACTERS: usize = 16;
/// Base 32 without letters that look like others (Crockford).
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

impl Accounts {
    /// Creates 10 recovery codes for the session's user, in place of earlier ones. They are shown
    /// once: the store has only their digests. Recorded as `factor.added`.
    ///
    /// # Errors
    /// [`AccountError::StepUp`] unless the session is fresh and has a second factor, which has to be
    /// enrolled first. [`AccountError::TooManyFactors`], and server errors.
    pub async fn create_recovery_codes(
        &self,
        view: &SessionView,
        request: impl Into<RequestInfo>,
    ) -> Result<RecoveryCodes, AccountError> {
        let request = request.into();
        self.require_fresh(view, &request)?;
        let user = view.account.id;
        let codes = (0..CODES).map(|_| generate()).collect::<Result<Vec<_>, _>>()?;
        let digests = codes.iter().map(|code| digest(user, code)).collect();
        let new = NewFactor {
            user,
            session: view.session.id,
            kind: FactorKind::RecoveryCodes,
            credential: None,
            label: FactorLabel::default(),
            data: to_data(&Digests { digests })?,
            presented: None,
            ceremony: None,
            max_factors: self.factor_settings().max_factors(),
        };
        let change = self.change(request.client.clone(), None)?;
        let added = self.publish(self.store().add_factor(&new, &change).await?);
        let factor = added.map_err(|error| self.factor_change_rejected(view, request, error))?;
        let codes = codes.iter().map(|code| grouped(code).into()).collect();
        Ok(RecoveryCodes { codes, factor: FactorSummary::new(&factor)? })
    }
}

/// Returns the data of the factor without a code; `None` if that is none of its codes.
pub(super) fn without(factor: &Factor, code: &str) -> Result<Option<String>, AccountError> {
    let Some(code) = normalised(code) else { return Ok(None) };
    let mut left = digests(factor)?;
    let (used, count) = (digest(factor.user, &code), left.digests.len());
    left.digests.retain(|digest| *digest != used);
    if left.digests.len() == count { Ok(None) } else { to_data(&left).map(Some) }
}

/// Returns how many codes are left.
pub(super) fn count(factor: &Factor) -> Result<usize, AccountError> {
    Ok(digests(factor)?.digests.len())
}

fn digests(factor: &Factor) -> Result<Digests, AccountError> {
    let parsed = serde_json::from_str(&factor.data);
    parsed.map_err(|_| StoreError::Corrupt("recovery codes").into())
}

fn to_data(digests: &Digests) -> Result<String, AccountError> {
    serde_json::to_string(digests).map_err(|_| StoreError::Corrupt("recovery codes").into())
}

fn generate() -> Result<String, AccountError> {
    let mut octets = [0; CHARACTERS];
    getrandom::fill(&mut octets).map_err(|_| AccountError::RandomUnavailable)?;
    let character = |octet: &u8| ALPHABET.get(usize::from(octet % 32)).copied().map(char::from);
    Ok(octets.iter().filter_map(character).collect())
}

/// Returns the canonical form of a typed code: without separators, and with the letters that a
/// person may read instead of digits replaced by these. `None` if it has another length.
fn normalised(typed: &str) -> Option<String> {
    // Bounded before it is copied.
    if typed.len() > 4 * CHARACTERS {
        return None;
    }
    let characters = typed.chars().filter(|character| !matches!(character, ' ' | '-'));
    let canonical = |character: char| match character.to_ascii_uppercase() {
        'I' | 'L' => '1',
        'O' => '0',
        other => other,
    };
    let code: String = characters.map(canonical).collect();
    (code.chars().count() == CHARACTERS).then_some(code)
}

fn grouped(code: &str) -> String {
    let groups = code.as_bytes().chunks(4).map(String::from_utf8_lossy);
    groups.collect::<Vec<_>>().join("-")
}

/// The digest is of the user too, so a writer of the store cannot move codes to another account.
fn digest(user: UserId, code: &str) -> String {
    let mut context = Context::new(&SHA256);
    context.update(b"kleidia: a recovery code\0");
    context.update(&user.get().to_be_bytes());
    context.update(code.as_bytes());
    BASE64_URL_SAFE_NO_PAD.encode(context.finish())
}

impl fmt::Debug for RecoveryCodes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecoveryCodes").field("factor", &self.factor).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typed_codes_are_read_as_people_write_them() {
        let code = generate().unwrap();
        assert_eq!(code.len(), CHARACTERS);
        for typed in [grouped(&code), code.to_lowercase(), format!(" {} ", grouped(&code))] {
            assert_eq!(normalised(&typed).as_deref(), Some(code.as_str()), "{typed}");
        }
        assert_eq!(normalised("oil0-OIL0-0000-0000").unwrap(), "0110011000000000");
        for typed in ["", "0000-0000-0000-000", &"-".repeat(65), &code.repeat(2)] {
            assert_eq!(normalised(typed), None, "{typed}");
        }
        assert_ne!(digest(UserId::new(1), &code), digest(UserId::new(2), &code));
    }
}
