//! `kliento key`: keys of organisations and members.

use std::path::{Path, PathBuf};

use kliento::issue::{KeyAlgorithm, PublicKey, RsaSigner};

use crate::failure::Failure;
use crate::key_source::KeySource;
use crate::output;
use crate::report::Status;
use crate::terminal;
use crate::token_key::TokenKey;

/// Generate private keys, and print their public keys
#[derive(clap::Subcommand)]
pub(crate) enum Command {
    Generate(Generate),
    Public(Public),
}

impl Command {
    pub(crate) fn run(&self) -> Result<Status, Failure> {
        match self {
            Self::Generate(arguments) => arguments.run(),
            Self::Public(arguments) => arguments.run(),
        }
    }
}

/// Generate a private RSA key, for an organisation or a member
///
/// The file is PKCS #8 in PEM, not encrypted, and only its owner can read it (mode 0600). With
/// --pkcs11 there is no file: the key is in an HSM.
#[derive(clap::Args)]
pub(crate) struct Generate {
    /// The size of the modulus, in bits
    #[arg(long, default_value = "2048", value_parser = parse_bits, value_name = "2048|3072|4096")]
    bits: KeyAlgorithm,

    /// The file to write, which must not exist, or a device or pipe
    #[arg(
        short,
        long,
        value_name = "KEY.pem",
        required_unless_present = "token_key",
        conflicts_with = "token_key"
    )]
    output: Option<PathBuf>,

    /// Generate the key in an HSM, which it cannot leave, with this PKCS #11 URI
    ///
    /// The URI (RFC 7512) names the token, the new key, the PKCS #11 library and a file with the PIN:
    /// `pkcs11:token=T;object=NAME?module-path=LIBRARY&pin-source=file:PIN`. The token must not have
    /// such a key.
    #[arg(long = "pkcs11", value_name = "URI")]
    token_key: Option<TokenKey>,
}

impl Generate {
    fn run(&self) -> Result<Status, Failure> {
        match (&self.output, &self.token_key) {
            (_, Some(key)) => self.generate_in_token(key),
            (Some(path), None) => self.generate_file(path),
            (None, None) => Err(Failure::MissingKeyOutput),
        }
    }

    fn generate_in_token(&self, key: &TokenKey) -> Result<Status, Failure> {
        let bits = modulus_bits(self.bits);
        let progress = terminal::progress(&format!("generating an RSA key of {bits} bits"));
        key.generate(self.bits)?;
        drop(progress);
        terminal::print(&format!("generated {}: a private RSA key of {bits} bits\n", key.name()))?;
        Ok(Status::Valid)
    }

    fn generate_file(&self, path: &Path) -> Result<Status, Failure> {
        output::check_absent(path)?;
        let bits = modulus_bits(self.bits);
        let progress = terminal::progress(&format!("generating an RSA key of {bits} bits"));
        let key = RsaSigner::generate(self.bits).map_err(Failure::KeyGeneration)?;
        let pem = key.to_pkcs8_pem().map_err(Failure::KeyGeneration)?;
        drop(progress);
        let destination = output::create(path, pem.as_bytes(), output::FileMode::Private)?;
        let path = path.display();
        let summary = format!("wrote {path}: a private RSA key of {bits} bits\n");
        terminal::print_summary(&summary, destination)?;
        Ok(Status::Valid)
    }
}

/// Print the public key of a private key, for `kliento member issue`
///
/// The output is a `SubjectPublicKeyInfo` in PEM, which is not secret.
#[derive(clap::Args)]
pub(crate) struct Public {
    /// The private key: a file in PEM, or a PKCS #11 URI
    #[arg(long, value_name = "KEY.pem")]
    key: KeySource,

    /// The file to write or replace [default: standard output]
    #[arg(short, long, value_name = "KEY.pub")]
    output: Option<PathBuf>,
}

impl Public {
    fn run(&self) -> Result<Status, Failure> {
        let key = PublicKey::from_signer(&self.key.open()?)?;
        let pem = key.to_pem()?;
        let Some(path) = &self.output else {
            terminal::print(&pem)?;
            return Ok(Status::Valid);
        };
        let destination = output::replace(path, pem.as_bytes(), output::FileMode::Public)?;
        let (path, bits) = (path.display(), modulus_bits(key.algorithm()));
        let summary = format!("wrote {path}: a public RSA key of {bits} bits\n");
        terminal::print_summary(&summary, destination)?;
        Ok(Status::Valid)
    }
}

fn parse_bits(text: &str) -> Result<KeyAlgorithm, String> {
    let bits = text.parse().ok().and_then(KeyAlgorithm::from_modulus_bits);
    bits.ok_or_else(|| "it must be 2048, 3072 or 4096".to_owned())
}

/// Returns the size of such a key, in bits.
pub(crate) const fn modulus_bits(algorithm: KeyAlgorithm) -> u16 {
    match algorithm {
        KeyAlgorithm::Rsa2048 => 2048,
        KeyAlgorithm::Rsa3072 => 3072,
        KeyAlgorithm::Rsa4096 => 4096,
    }
}
