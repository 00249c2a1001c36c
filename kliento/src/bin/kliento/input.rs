//! Files and standard input, and the bundles in them.

use std::fs::File;
use std::io::{self, IsTerminal as _, Read};
use std::path::PathBuf;
use std::str::FromStr;

use kliento::{AuthorizationError, Error, Malformed, TokenBundle};

use crate::failure::Failure;
use crate::terminal;

/// A file's path, or `-` for standard input.
#[derive(Clone, Debug)]
pub(crate) enum InputSource {
    StandardInput,
    File(PathBuf),
}

impl FromStr for InputSource {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(if text == "-" { Self::StandardInput } else { Self::File(text.into()) })
    }
}

impl InputSource {
    /// The maximum size of an input: 1 MiB.
    const MAX_OCTETS: u64 = 1 << 20;

    /// Reads the input, up to one octet more than the maximum.
    pub(crate) fn read(&self) -> Result<Vec<u8>, Failure> {
        let octets = match self {
            Self::StandardInput => {
                if io::stdin().is_terminal() {
                    terminal::print_hint("reading standard input; its end is Ctrl-D");
                }
                read_bounded(io::stdin().lock())
            }
            Self::File(path) => File::open(path).and_then(read_bounded),
        };
        octets.map_err(|source| Failure::Read { name: self.name(), source })
    }

    /// Returns the name for messages.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::StandardInput => "standard input".to_owned(),
            Self::File(path) => path.display().to_string(),
        }
    }
}

fn read_bounded(reader: impl Read) -> io::Result<Vec<u8>> {
    let mut octets = Vec::new();
    reader.take(InputSource::MAX_OCTETS + 1).read_to_end(&mut octets)?;
    Ok(octets)
}

/// Trims line breaks at the end of the text.
pub(crate) fn trim_line_breaks(text: &[u8]) -> &[u8] {
    let end = text.iter().rposition(|octet| !b"\r\n".contains(octet));
    text.get(..end.map_or(0, |end| end + 1)).unwrap_or_default()
}

/// The arguments for a bundle, or for the value of a header.
#[derive(clap::Args)]
pub(crate) struct BundleInput {
    /// The token bundle; `-` is standard input
    #[arg(value_name = "FILE", default_value = "-", hide_default_value = false)]
    source: InputSource,

    /// FILE is the text of an Authorization header's value: `Kliento <base64>`
    #[arg(long)]
    auth_header: bool,
}

impl BundleInput {
    /// Reads the file, and then the bundle in it.
    pub(crate) fn read(&self) -> Result<InputBundle, Failure> {
        let octets = self.source.read()?;
        let bundle = if self.auth_header {
            TokenBundle::from_authorization(trim_line_breaks(&octets))
        } else {
            TokenBundle::from_bytes(octets.clone())
        };
        Ok(InputBundle { bundle, octets, is_header: self.auth_header })
    }
}

/// The contents of a file.
pub(crate) struct InputBundle {
    /// The bundle, or its error.
    pub(crate) bundle: Result<TokenBundle, Error>,
    octets: Vec<u8>,
    is_header: bool,
}

impl InputBundle {
    /// Returns the octets of the bundle, malformed or not. If the header is malformed, they are
    /// empty.
    pub(crate) fn bundle_octets(&self) -> &[u8] {
        match &self.bundle {
            Ok(bundle) => bundle.as_bytes(),
            Err(_) if self.is_header => &[],
            Err(_) => &self.octets,
        }
    }

    /// Returns a hint for a malformed file.
    pub(crate) fn hint(&self) -> Option<&'static str> {
        let scheme = self.octets.get(..8).unwrap_or_default();
        match &self.bundle {
            Err(Error::Malformed(Malformed::Authorization(AuthorizationError::Scheme)))
                if scheme.starts_with(&[0x30]) =>
            {
                Some("it looks like a binary bundle: leave out --auth-header")
            }
            Err(_) if !self.is_header && scheme.eq_ignore_ascii_case(b"kliento ") => {
                Some("it looks like the value of a header: add --auth-header")
            }
            _ => None,
        }
    }
}
