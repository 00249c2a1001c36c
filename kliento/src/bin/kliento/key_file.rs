//! Files of private and public keys.

use std::convert::Infallible;
use std::path::PathBuf;
use std::str::FromStr;

use kliento::issue::{PublicKey, RsaSigner};
use zeroize::Zeroizing;

use crate::failure::Failure;
use crate::input::InputSource;

/// The path of a private RSA key in PEM.
#[derive(Clone, Debug)]
pub(crate) struct KeyFile(PathBuf);

impl FromStr for KeyFile {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(Self(text.into()))
    }
}

impl KeyFile {
    /// Returns the path, for messages.
    pub(crate) fn name(&self) -> String {
        self.0.display().to_string()
    }

    pub(crate) fn read(&self) -> Result<RsaSigner, Failure> {
        let pem = Zeroizing::new(InputSource::File(self.0.clone()).read()?);
        RsaSigner::from_pem(&pem).map_err(|source| Failure::Key { path: self.0.clone(), source })
    }
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
