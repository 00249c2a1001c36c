//! Files of private keys.

use std::convert::Infallible;
use std::path::PathBuf;
use std::str::FromStr;

use kliento::issue::RsaSigner;
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
    pub(crate) fn read(&self) -> Result<RsaSigner, Failure> {
        let pem = Zeroizing::new(InputSource::File(self.0.clone()).read()?);
        RsaSigner::from_pem(&pem).map_err(|source| Failure::Key { path: self.0.clone(), source })
    }
}
