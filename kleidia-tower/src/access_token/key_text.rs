//! Keys as text, which is what variables, files and secret stores hold.

use std::env::{self, VarError};
use std::str::FromStr;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use zeroize::Zeroizing;

use super::{KeyRing, KeyRingError, SigningKey};

/// While keys rotate there are two or three.
const MAX_KEYS: usize = 16;
const MAX_ID_LENGTH: usize = 64;

/// Padding says nothing that the length does not.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Why a text is not one of keys. It tells which key is wrong, and nothing of what it says.
///
/// Keys count from 1.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyTextError {
    /// A key is not of the form `name:secret`.
    #[error("key {0} is not of the form `name:secret`")]
    Form(usize),
    /// A name is empty, too long, or has other characters than names may have.
    #[error("the name of key {0} is not 1 to {MAX_ID_LENGTH} of A-Z a-z 0-9 . _ -")]
    Id(usize),
    /// A secret is not in Base64.
    #[error("the secret of key {0} is not in Base64")]
    Base64(usize),
    /// A secret can be guessed.
    #[error("the secret of key {key} has {found} octets, fewer than {least}")]
    TooShort {
        /// Which key.
        key: usize,
        /// How many octets its secret has.
        found: usize,
        /// The least that it must have.
        least: usize,
    },
    /// There are more keys than rotation needs.
    #[error("there are more than {limit} keys")]
    TooMany {
        /// How many there may be.
        limit: usize,
    },
    /// They are no ring.
    #[error(transparent)]
    Ring(#[from] KeyRingError),
}

/// Why a variable gives no keys.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyEnvironmentError {
    /// It is not set.
    #[error("the variable {0} is not set")]
    Unset(String),
    /// It is not Unicode.
    #[error("the variable {0} is not Unicode")]
    Encoding(String),
    /// What it says is wrong.
    #[error("the variable {variable}: {error}")]
    Keys {
        /// Its name.
        variable: String,
        /// What is wrong.
        #[source]
        error: KeyTextError,
    },
}

/// Reads keys from text: one a line, or with commas between them, the one that signs first. Each
/// is `name:secret`, the name of 1 to 64 of `A-Z a-z 0-9 . _ -`, the secret of at least 32 octets
/// in Base64 (RFC 4648, 4), with or without padding. There are at most 16. Spaces around them do
/// not matter, and lines that begin with `#` are comments.
///
/// A line for such a text is made by `echo "2026-11:$(openssl rand -base64 32)"`.
///
/// ```
/// use kleidia_tower::access_token::KeyRing;
///
/// let keys: KeyRing = "
///     ## The second one signed until 2026-11-01.
///     2026-11:x1rfFMl6eDCVKoNYKFmgvUDTSWbI1UgyeYe3Mww+pTw=
///     2026-10:7h2tOTk5Cz3TIrDFa1eQnqGwmlGm/tHQS7KyRr8WTu8=
/// "
/// .parse()?;
/// assert_eq!(format!("{keys:?}"), r#"["2026-11", "2026-10"]"#);
/// # Ok::<(), kleidia_tower::access_token::KeyTextError>(())
/// ```
impl FromStr for KeyRing {
    type Err = KeyTextError;

    fn from_str(text: &str) -> Result<Self, KeyTextError> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let lines = text.lines().filter(|line| !line.trim_start().starts_with('#'));
        let entries = lines.flat_map(|line| line.split(',')).map(str::trim);
        let mut keys = Vec::new();
        for (index, entry) in entries.filter(|entry| !entry.is_empty()).enumerate() {
            if index == MAX_KEYS {
                return Err(KeyTextError::TooMany { limit: MAX_KEYS });
            }
            keys.push(key(entry, index + 1)?);
        }
        Ok(Self::new(keys)?)
    }
}

impl KeyRing {
    /// The keys in a variable of the environment, as text of the form that [`KeyRing::from_str`]
    /// reads, such as `2026-11:x1rf..,2026-10:7h2t..`.
    ///
    /// They rotate when the service is started anew. Programs that the service starts inherit its
    /// environment, so a file ([`KeyFile`](super::KeyFile)) keeps secrets better.
    ///
    /// ```no_run
    /// use kleidia_tower::access_token::KeyRing;
    ///
    /// let keys = KeyRing::from_env("KLEIDIA_KEYS")?;
    /// # Ok::<(), kleidia_tower::access_token::KeyEnvironmentError>(())
    /// ```
    ///
    /// # Errors
    /// [`KeyEnvironmentError`] if it is not set, or is bad.
    pub fn from_env(variable: &str) -> Result<Self, KeyEnvironmentError> {
        let name = variable.to_owned();
        match env::var(variable).map(Zeroizing::new) {
            // The text that is no Unicode is in the other error, so that one goes no further.
            Err(VarError::NotUnicode(_)) => Err(KeyEnvironmentError::Encoding(name)),
            Err(VarError::NotPresent) => Err(KeyEnvironmentError::Unset(name)),
            Ok(text) => {
                text.parse().map_err(|error| KeyEnvironmentError::Keys { variable: name, error })
            }
        }
    }
}

fn key(entry: &str, number: usize) -> Result<SigningKey, KeyTextError> {
    let (id, secret) = entry.split_once(':').ok_or(KeyTextError::Form(number))?;
    let (id, secret) = (id.trim_end(), secret.trim_start());
    let is_id = |octet: u8| octet.is_ascii_alphanumeric() || b"._-".contains(&octet);
    if id.is_empty() || id.len() > MAX_ID_LENGTH || !id.bytes().all(is_id) {
        return Err(KeyTextError::Id(number));
    }
    let mut octets = Zeroizing::new(vec![0; secret.len()]);
    let decoded = BASE64.decode_slice(secret, &mut octets);
    let secret = decoded.ok().and_then(|length| octets.get(..length));
    let secret = secret.ok_or(KeyTextError::Base64(number))?;
    let (found, least) = (secret.len(), SigningKey::LEAST_OCTETS);
    // The ring's own error would tell the name, which is the secret where the two are swapped.
    if found < least {
        return Err(KeyTextError::TooShort { key: number, found, least });
    }
    Ok(SigningKey::new(id, secret.to_vec())?)
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "a:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    const B: &str = "b:/+++++++++++++++++++++++++++++++++++++++++8=";

    fn read(text: &str) -> Result<String, String> {
        let ring = text.parse::<KeyRing>();
        ring.map(|ring| format!("{ring:?}")).map_err(|error| error.to_string())
    }

    #[test]
    fn lines_and_commas_separate_keys() {
        let bare = B.trim_end_matches('=');
        for text in [
            format!("{A}\n{B}"),
            format!("{A},{bare}"),
            format!("\u{feff}\r\n # {B}\n {A} , \r\n\t{bare},,"),
            format!("{}\n{B}", A.replace(':', " : ")),
        ] {
            assert_eq!(read(&text).unwrap(), r#"["a", "b"]"#, "{text:?}");
        }
        assert_eq!(read(&format!("{B},{A}")).unwrap(), r#"["b", "a"]"#);
    }

    #[test]
    fn anything_else_is_refused_without_telling_it() {
        let (short, long) = (&A[..A.len() - 4], "c".repeat(65));
        for (text, reason) in [
            (String::new(), "there is no key".to_owned()),
            (" # \n,".to_owned(), "there is no key".to_owned()),
            (format!("{A},{A}"), r#"two keys have the name "a""#.to_owned()),
            (format!("{A},secret"), KeyTextError::Form(2).to_string()),
            (A.replace('a', ""), KeyTextError::Id(1).to_string()),
            (A.replace('a', "a b"), KeyTextError::Id(1).to_string()),
            (A.replace('a', "ä"), KeyTextError::Id(1).to_string()),
            (A.replace('a', &long), KeyTextError::Id(1).to_string()),
            (A.replace('=', "*"), KeyTextError::Base64(1).to_string()),
            (A.replace('=', "=="), KeyTextError::Base64(1).to_string()),
            (B.replace("8=", "9="), KeyTextError::Base64(1).to_string()),
            (B.replace('/', "_"), KeyTextError::Base64(1).to_string()),
            (format!("{B}\n{A}:A"), KeyTextError::Base64(2).to_string()),
            (short.to_owned(), "the secret of key 1 has 30 octets, fewer than 32".to_owned()),
        ] {
            assert_eq!(read(&text).unwrap_err(), reason, "{text:?}");
        }
        let many =
            |count| (0..count).map(|id| A.replace('a', &format!("{id}"))).collect::<Vec<_>>();
        assert!(read(&many(16).join(",")).is_ok());
        assert_eq!(read(&many(17).join(",")).unwrap_err(), "there are more than 16 keys");
    }
}
