//! Keys as text, as environment variables, files and secret stores hold them.

use std::env::{self, VarError};
use std::str::FromStr;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use zeroize::Zeroizing;

use super::{KeyRing, KeyRingError, SigningKey};

/// The maximum number of keys; a rotation needs two or three.
pub(super) const MAX_KEYS: usize = 16;
const MAX_ID_LENGTH: usize = 64;

/// Padding is optional, since it is redundant.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// An error from parsing keys. It contains the number of the invalid key, counted from 1, and
/// nothing of the text.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyTextError {
    /// A key does not have the form `id:secret`.
    #[error("key {0} does not have the form `id:secret`")]
    InvalidForm(usize),
    /// An ID is empty, too long, or contains other characters.
    #[error("the ID of key {0} is not 1 to {MAX_ID_LENGTH} characters of A-Z a-z 0-9 . _ -")]
    InvalidId(usize),
    /// A secret is not Base64.
    #[error("the secret of key {0} is not Base64")]
    InvalidBase64(usize),
    /// A secret is too short.
    #[error("the secret of key {key} has {found} octets, expected at least {min}")]
    TooShort {
        /// The number of the key.
        key: usize,
        /// The length of its secret in octets.
        found: usize,
        /// The minimum length.
        min: usize,
    },
    /// There are too many keys.
    #[error("more than {limit} keys")]
    TooMany {
        /// The maximum number of keys.
        limit: usize,
    },
    /// The keys do not form a ring.
    #[error(transparent)]
    Ring(#[from] KeyRingError),
}

/// An error from reading keys from an environment variable.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyEnvironmentError {
    /// The variable is not set.
    #[error("the variable {0} is not set")]
    Unset(String),
    /// The variable is not Unicode.
    #[error("the variable {0} is not Unicode")]
    Encoding(String),
    /// The value is invalid.
    #[error("the variable {variable}: {error}")]
    Keys {
        /// The name of the variable.
        variable: String,
        /// The error.
        #[source]
        error: KeyTextError,
    },
}

/// Parses at most 16 keys, separated by line breaks or commas. The first one signs.
///
/// A key has the form `id:secret`. The ID has 1 to 64 characters of `A-Z a-z 0-9 . _ -`. The secret
/// has at least 32 octets, in Base64 (RFC 4648, 4) with or without padding. White space around IDs
/// and secrets is ignored, and lines that start with `#` are comments.
///
/// Create a key with `echo "2026-11:$(openssl rand -base64 32)"`.
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
            keys.push(parse_key(entry, index + 1)?);
        }
        Ok(Self::new(keys)?)
    }
}

impl KeyRing {
    /// Reads keys from an environment variable, in the form of [`KeyRing::from_str`], such as
    /// `2026-11:x1rf..,2026-10:7h2t..`.
    ///
    /// A rotation takes effect at the next start of the service. Child processes inherit the
    /// environment, so prefer a file ([`KeyFile`](super::KeyFile)).
    ///
    /// ```no_run
    /// use kleidia_tower::access_token::KeyRing;
    ///
    /// let keys = KeyRing::from_env("KLEIDIA_KEYS")?;
    /// # Ok::<(), kleidia_tower::access_token::KeyEnvironmentError>(())
    /// ```
    ///
    /// # Errors
    /// [`KeyEnvironmentError`] if the variable is not set or invalid.
    pub fn from_env(variable: &str) -> Result<Self, KeyEnvironmentError> {
        let name = variable.to_owned();
        match env::var(variable).map(Zeroizing::new) {
            // `VarError` contains the value.
            Err(VarError::NotUnicode(_)) => Err(KeyEnvironmentError::Encoding(name)),
            Err(VarError::NotPresent) => Err(KeyEnvironmentError::Unset(name)),
            Ok(text) => {
                text.parse().map_err(|error| KeyEnvironmentError::Keys { variable: name, error })
            }
        }
    }
}

impl SigningKey {
    /// Returns the key in the form of [`KeyRing::from_str`].
    pub(super) fn to_text(&self) -> Zeroizing<String> {
        let mut text = Zeroizing::new(String::with_capacity(4 * MAX_ID_LENGTH));
        text.extend([self.id(), ":"]);
        BASE64.encode_string(self.encoding_key().as_bytes(), &mut text);
        text
    }
}

fn parse_key(entry: &str, number: usize) -> Result<SigningKey, KeyTextError> {
    let (id, secret) = entry.split_once(':').ok_or(KeyTextError::InvalidForm(number))?;
    let (id, secret) = (id.trim_end(), secret.trim_start());
    let is_id_octet = |octet: u8| octet.is_ascii_alphanumeric() || b"._-".contains(&octet);
    if id.is_empty() || id.len() > MAX_ID_LENGTH || !id.bytes().all(is_id_octet) {
        return Err(KeyTextError::InvalidId(number));
    }
    let mut octets = Zeroizing::new(vec![0; secret.len()]);
    let decoded = BASE64.decode_slice(secret, &mut octets);
    let secret = decoded.ok().and_then(|length| octets.get(..length));
    let secret = secret.ok_or(KeyTextError::InvalidBase64(number))?;
    let (found, min) = (secret.len(), SigningKey::MIN_OCTETS);
    // The ring's error would contain the ID, which is the secret if the operator swapped them.
    if found < min {
        return Err(KeyTextError::TooShort { key: number, found, min });
    }
    Ok(SigningKey::new(id, secret.to_vec())?)
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "a:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    const B: &str = "b:/+++++++++++++++++++++++++++++++++++++++++8=";

    fn parse(text: &str) -> Result<String, String> {
        let ring = text.parse::<KeyRing>();
        ring.map(|ring| format!("{ring:?}")).map_err(|error| error.to_string())
    }

    #[test]
    fn separates_keys_by_lines_and_commas() {
        let bare = B.trim_end_matches('=');
        for text in [
            format!("{A}\n{B}"),
            format!("{A},{bare}"),
            format!("\u{feff}\r\n # {B}\n {A} , \r\n\t{bare},,"),
            format!("{}\n{B}", A.replace(':', " : ")),
        ] {
            assert_eq!(parse(&text).unwrap(), r#"["a", "b"]"#, "{text:?}");
        }
        assert_eq!(parse(&format!("{B},{A}")).unwrap(), r#"["b", "a"]"#);
    }

    #[test]
    fn rejects_other_texts_without_quoting_them() {
        let (short, long) = (&A[..A.len() - 4], "c".repeat(65));
        for (text, reason) in [
            (String::new(), "no keys".to_owned()),
            (" # \n,".to_owned(), "no keys".to_owned()),
            (format!("{A},{A}"), r#"duplicate key ID "a""#.to_owned()),
            (format!("{A},secret"), KeyTextError::InvalidForm(2).to_string()),
            (A.replace('a', ""), KeyTextError::InvalidId(1).to_string()),
            (A.replace('a', "a b"), KeyTextError::InvalidId(1).to_string()),
            (A.replace('a', "ä"), KeyTextError::InvalidId(1).to_string()),
            (A.replace('a', &long), KeyTextError::InvalidId(1).to_string()),
            (A.replace('=', "*"), KeyTextError::InvalidBase64(1).to_string()),
            (A.replace('=', "=="), KeyTextError::InvalidBase64(1).to_string()),
            (B.replace("8=", "9="), KeyTextError::InvalidBase64(1).to_string()),
            (B.replace('/', "_"), KeyTextError::InvalidBase64(1).to_string()),
            (format!("{B}\n{A}:A"), KeyTextError::InvalidBase64(2).to_string()),
            (
                short.to_owned(),
                "the secret of key 1 has 30 octets, expected at least 32".to_owned(),
            ),
        ] {
            assert_eq!(parse(&text).unwrap_err(), reason, "{text:?}");
        }
        let many =
            |count| (0..count).map(|id| A.replace('a', &format!("{id}"))).collect::<Vec<_>>();
        assert!(parse(&many(16).join(",")).is_ok());
        assert_eq!(parse(&many(17).join(",")).unwrap_err(), "more than 16 keys");
    }

    #[test]
    fn parses_its_own_text() {
        let key = SigningKey::generate().unwrap();
        let parsed = parse_key(&key.to_text(), 1).unwrap();
        assert_eq!(parsed.id(), key.id());
        assert_eq!(parsed.encoding_key().as_bytes(), key.encoding_key().as_bytes());
    }
}
