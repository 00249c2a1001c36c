//! The configuration of the agent, in TOML.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use kliento::{OrganisationName, TrustAnchor, UserName};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use super::AgentFailure;
use crate::arguments::parse_duration;
use crate::key_source::KeySource;

/// The whole file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Config {
    #[serde(default, deserialize_with = "parse_optional")]
    pub(super) organisation: Option<OrganisationName>,
    #[serde(default, deserialize_with = "parse_all")]
    pub(super) trust_anchors: Vec<TrustAnchor>,
    #[serde(default)]
    pub(super) listen: Listen,
    #[serde(default)]
    pub(super) chain: Chain,
    pub(super) identity: Identity,
    #[serde(default)]
    pub(super) token: TokenSettings,
    #[serde(default, rename = "allow")]
    pub(super) rules: Vec<Rule>,
}

/// `[listen]`: a Unix socket, or an address of the loopback interface.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Listen {
    pub(super) socket: Option<PathBuf>,
    /// The mode of the socket, in octal; 0600 by default.
    pub(super) mode: Option<String>,
    pub(super) address: Option<SocketAddr>,
}

/// `[chain]`: where the organisation's DNSSEC chain comes from.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Chain {
    /// `system`, an address, or a URL of DNS over HTTPS.
    pub(super) resolver: Option<String>,
    pub(super) file: Option<PathBuf>,
    pub(super) store: Option<PathBuf>,
    #[serde(default, deserialize_with = "optional_duration")]
    pub(super) max_interval: Option<Duration>,
}

/// `[identity]`: the keys that sign, or exchanges at VeraId Authority.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Identity {
    #[serde(default, deserialize_with = "parse_optional")]
    pub(super) key: Option<KeySource>,
    #[serde(default, deserialize_with = "parse_optional")]
    pub(super) member: Option<UserName>,
    #[serde(default, deserialize_with = "parse_optional")]
    pub(super) member_key: Option<KeySource>,
    pub(super) member_bundle: Option<PathBuf>,
    #[serde(default)]
    pub(super) exchange: Vec<Exchange>,
}

/// `[[identity.exchange]]`: the tokens for one audience from VeraId Authority.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Exchange {
    pub(super) audience: String,
    pub(super) url: String,
    pub(super) jwt_file: PathBuf,
}

/// `[token]`: the validity of tokens.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct TokenSettings {
    #[serde(default, deserialize_with = "optional_duration")]
    pub(super) lifetime: Option<Duration>,
    #[serde(default, deserialize_with = "optional_duration")]
    pub(super) backdating: Option<Duration>,
}

/// `[[allow]]`: the tokens that some callers may have.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Rule {
    pub(super) uid: Option<Uids>,
    pub(super) audiences: Vec<String>,
    #[serde(default)]
    pub(super) claims: BTreeMap<String, Values>,
}

/// User ids: one, several, or `"any"`, which includes callers on the loopback interface.
#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "expected a user id, a list of them, or \"any\"")]
pub(super) enum Uids {
    One(u32),
    Several(Vec<u32>),
    Any(AnyUid),
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum AnyUid {
    Any,
}

/// The allowed values of a claim: a list, or `"*"` for all values.
#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "expected a list of values, or \"*\"")]
pub(super) enum Values {
    Several(Vec<String>),
    All(AllValues),
}

#[derive(Debug, Deserialize)]
pub(super) enum AllValues {
    #[serde(rename = "*")]
    All,
}

impl Config {
    /// The maximum size of a file: 1 MiB.
    const MAX_OCTETS: u64 = 1 << 20;

    /// Reads a file. Its relative paths are relative to its folder.
    pub(super) fn read(path: &Path) -> Result<Self, AgentFailure> {
        let failed = |source| AgentFailure::ReadConfig { path: path.to_owned(), source };
        if fs::metadata(path).map_err(failed)?.len() > Self::MAX_OCTETS {
            return Err(failed(std::io::ErrorKind::FileTooLarge.into()));
        }
        let text = fs::read_to_string(path).map_err(failed)?;
        let mut config: Self = toml::from_str(&text).map_err(|source| AgentFailure::Config {
            path: path.to_owned(),
            source: Box::new(source),
        })?;
        config.resolve(path.parent().unwrap_or(Path::new("")));
        Ok(config)
    }

    fn resolve(&mut self, folder: &Path) {
        let identity = &mut self.identity;
        let paths = [
            &mut self.listen.socket,
            &mut self.chain.file,
            &mut self.chain.store,
            &mut identity.member_bundle,
        ];
        let keys = [&mut identity.key, &mut identity.member_key].into_iter().flatten();
        let keys = keys.filter_map(KeySource::file_mut);
        let jwts = identity.exchange.iter_mut().map(|exchange| &mut exchange.jwt_file);
        for path in paths.into_iter().flatten().chain(keys).chain(jwts) {
            *path = folder.join(&*path);
        }
    }
}

fn parse<'de, D: Deserializer<'de>, T: FromStr<Err: Display>>(text: &str) -> Result<T, D::Error> {
    text.parse().map_err(D::Error::custom)
}

fn parse_optional<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: FromStr<Err: Display>,
{
    parse::<D, T>(&String::deserialize(deserializer)?).map(Some)
}

fn parse_all<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: FromStr<Err: Display>,
{
    let texts = Vec::<String>::deserialize(deserializer)?;
    texts.iter().map(|text| parse::<D, T>(text)).collect()
}

fn optional_duration<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Duration>, D::Error> {
    let text = String::deserialize(deserializer)?;
    parse_duration(&text).map(Some).map_err(D::Error::custom)
}
