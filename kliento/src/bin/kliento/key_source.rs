//! Where private and public keys are.

use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use kliento::issue::{PublicKey, RsaSigner, Signer};
use zeroize::Zeroizing;

use crate::failure::Failure;
use crate::input::InputSource;
use crate::token_key::TokenKey;

/// A private key that is ready to sign.
pub(crate) type SigningKey = Box<dyn Signer + Send + Sync>;

/// A private RSA key: the path of a file in PEM, or the PKCS #11 URI of a key in an HSM.
#[derive(Clone, Debug)]
pub(crate) enum KeySource {
    File(PathBuf),
    Token(TokenKey),
}

impl FromStr for KeySource {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        let scheme = text.get(..7).unwrap_or_default();
        let is_uri = scheme.eq_ignore_ascii_case("pkcs11:");
        Ok(if is_uri { Self::Token(text.parse()?) } else { Self::File(text.into()) })
    }
}

impl KeySource {
    /// Returns the path of the file, to resolve it.
    #[cfg(unix)]
    pub(crate) const fn file_mut(&mut self) -> Option<&mut PathBuf> {
        match self {
            Self::File(path) => Some(path),
            Self::Token(_) => None,
        }
    }

    /// Returns the name of the key for messages.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::File(path) => path.display().to_string(),
            Self::Token(key) => key.name(),
        }
    }

    /// Reads the file, or opens the key in its token.
    pub(crate) fn open(&self) -> Result<SigningKey, Failure> {
        match self {
            Self::File(path) => Ok(Box::new(read_pem(path)?)),
            Self::Token(key) => key.open(),
        }
    }
}

fn read_pem(path: &Path) -> Result<RsaSigner, Failure> {
    let pem = Zeroizing::new(InputSource::File(path.to_owned()).read()?);
    RsaSigner::from_pem(&pem).map_err(|source| Failure::Key { path: path.to_owned(), source })
}

/// The path of a public RSA key in PEM or DER, or `-` for standard input.
#[derive(Clone, Debug)]
pub(crate) struct PublicKeyFile(InputSource);

impl FromStr for PublicKeyFile {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        text.parse().map(Self)
    }
}

impl PublicKeyFile {
    pub(crate) fn read(&self) -> Result<PublicKey, Failure> {
        let octets = self.0.read()?;
        // The tag of a SEQUENCE is a digit, with which no PEM starts.
        let is_der = octets.first() == Some(&0x30);
        let key = if is_der { PublicKey::from_der(octets) } else { PublicKey::from_pem(&octets) };
        key.map_err(|source| Failure::Key { path: self.0.name().into(), source })
    }
}
