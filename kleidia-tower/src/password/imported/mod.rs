//! Hashes of passwords that other systems made: bcrypt, PBKDF2 and scrypt.

mod cost;
mod error;
mod foreign_hash;
mod formats;
mod parameter_sets;
#[cfg(test)]
mod tests;
mod work;

use std::fmt;
use std::str::FromStr;

pub use error::ImportedHashError;
pub(super) use foreign_hash::ForeignHash;
pub use parameter_sets::ParameterSets;
pub(super) use work::ForeignWork;

/// A hash of a password that another system made, in the one form in which it is stored.
///
/// The first login with the password replaces it by a hash of this service. Until then the password
/// is compared as typed: other systems do not normalise. These texts are accepted:
///
/// | algorithm | text | bounds |
/// |---|---|---|
/// | bcrypt | `$2a$`, `$2b$` and `$2y$`; Django's `bcrypt$` | cost 4 to 14 |
/// | PBKDF2 with HMAC-SHA-256 or HMAC-SHA-512 | `$pbkdf2-sha256$i=N,l=N$salt$hash`, as the crate `pbkdf2` writes it; `$pbkdf2-sha256$N$salt$hash`, passlib's; for SHA-256 `pbkdf2_sha256$N$salt$hash`, Django's | 1,000 to 4,000,000 iterations |
/// | scrypt | `$scrypt$ln=N,r=N,p=N$salt$hash`; Django's `scrypt$N$salt$r$p$hash` | `N * r * p` up to 2^20, so 128 MiB; `ln` from 10, `r` up to 32, `p` up to 16 |
/// | Argon2id | `$argon2id$v=19$m=N,t=N,p=N$salt$hash`; Django's `argon2$` | 7 to 128 MiB, up to 4 passes and 16 lanes |
///
/// Salts have 8 to 48 octets, and hashes 16 octets up to the length of the digest: 32 for
/// HMAC-SHA-256, 64 for others. bcrypt's have 16 and 23. The text has at most 256 octets.
///
/// bcrypt uses the first 72 octets of a password, so any text with these is accepted, as by the
/// system that made the hash. A password with a NUL never matches: libraries in C ignore what
/// follows it, and others do not.
///
/// Argon2id is the algorithm of this service: the password is normalised (NFKC) for it, also that
/// of an imported hash.
///
/// ```
/// use kleidia_tower::password::{ImportedHash, ImportedHashError, PasswordCheck, PasswordHasher};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let text = "$2b$04$EGdrhbKUv8Oc9vGiXX0HQOxSg445d458Muh7DAHskb6QbtCvdxcie";
/// let imported: ImportedHash = text.parse()?;
/// let password = "correctbatteryhorsestapler".into();
/// let check = PasswordHasher::new()?.verify(&password, imported.as_phc()).await?;
/// assert_eq!(check, PasswordCheck::Match { needs_rehash: true });
///
/// let costly = text.replace("$04$", "$31$").parse::<ImportedHash>();
/// assert!(matches!(costly, Err(ImportedHashError::Cost { found: 31, .. })));
/// # Ok(()) }
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct ImportedHash(String);

impl ImportedHash {
    /// The maximum length of the text in octets.
    pub const MAX_OCTETS: usize = 256;

    /// Returns the PHC string that is stored. It can differ from the text that was parsed.
    #[must_use]
    pub fn as_phc(&self) -> &str {
        &self.0
    }
}

impl FromStr for ImportedHash {
    type Err = ImportedHashError;

    fn from_str(text: &str) -> Result<Self, ImportedHashError> {
        formats::parse(text).map(Self)
    }
}

impl From<ImportedHash> for crate::account::PasswordHash {
    fn from(hash: ImportedHash) -> Self {
        Self::new(hash.0)
    }
}

impl fmt::Debug for ImportedHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ImportedHash")
    }
}
