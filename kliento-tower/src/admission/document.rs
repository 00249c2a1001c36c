//! The TOML form of rules.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use kliento_core::SignerKind;
use serde::Deserialize;
use toml::Spanned;

use super::file_error::{AdmissionFileError as Error, Position};
use super::names::Names;
use super::{Admission, AdmissionError, AllowRule, Quota};

/// The maximum number of `[[allow]]` and of `[[quota]]` entries: each request may compare all.
const MAX_ENTRIES: usize = 256;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    deny: Option<Spanned<DenyEntry>>,
    #[serde(default)]
    allow: Vec<Spanned<AllowEntry>>,
    #[serde(default)]
    quota: Vec<Spanned<QuotaEntry>>,
}

type List<T> = Option<Spanned<Vec<Spanned<T>>>>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DenyEntry {
    organisations: List<String>,
    subjects: List<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AllowEntry {
    organisations: List<String>,
    subjects: List<String>,
    audiences: List<String>,
    signers: List<Signer>,
    #[serde(default)]
    claims: BTreeMap<String, Spanned<ClaimCondition>>,
}

#[derive(Clone, Copy, Deserialize, PartialEq, Eq, Hash)]
#[serde(rename_all = "lowercase")]
enum Signer {
    Member,
    Organisation,
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "expected a text, a list of texts, or true")]
enum ClaimCondition {
    IsPresent(bool),
    Is(String),
    IsOneOf(Vec<String>),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct QuotaEntry {
    organisations: List<String>,
    requests: Spanned<u32>,
    /// In seconds.
    period: Spanned<u64>,
    burst: Option<Spanned<u32>>,
}

/// Reads the rules, and reports the position of the first fault. Other audiences than the known ones
/// are a fault, if these are given.
pub(super) fn parse(text: &str, audiences: Option<&HashSet<String>>) -> Result<Admission, Error> {
    let document: Document = toml::from_str(text).map_err(|error| {
        let offset = error.span().map_or(0, |span| span.start);
        let position = Position::of_offset(text, offset);
        Error::Syntax { position, message: error.message().to_owned() }
    })?;
    Reader { text, audiences }.admission(document)
}

/// Turns entries into rules, with positions in the text for errors.
#[derive(Clone, Copy)]
struct Reader<'a> {
    text: &'a str,
    audiences: Option<&'a HashSet<String>>,
}

impl Reader<'_> {
    fn admission(self, document: Document) -> Result<Admission, Error> {
        let Document { deny, allow, quota } = document;
        if allow.is_empty() {
            return Err(Error::NoAllowRule);
        }
        for (key, count) in [("allow", allow.len()), ("quota", quota.len())] {
            if count > MAX_ENTRIES {
                return Err(Error::TooMany { key, limit: MAX_ENTRIES });
            }
        }
        let mut admission = Admission::new();
        if let Some(deny) = deny {
            let denied = self.denied(&deny)?;
            admission = admission.with(|rules| rules.denied = denied);
        }
        for entry in allow {
            admission = admission.with_rule(self.rule(entry)?);
        }
        let mut limited = Names::default();
        for entry in quota {
            admission = admission.with_quota(self.quota(&entry, &mut limited)?);
        }
        Ok(admission)
    }

    fn denied(self, entry: &Spanned<DenyEntry>) -> Result<Names, Error> {
        let mut names = Names::default();
        let DenyEntry { organisations, subjects } = entry.get_ref();
        self.add(&mut names, "organisations", organisations.as_ref(), Names::add_organisation)?;
        self.add(&mut names, "subjects", subjects.as_ref(), Names::add_subject)?;
        if organisations.is_none() && subjects.is_none() {
            return Err(Error::Empty { position: self.position(entry), key: "deny" });
        }
        Ok(names)
    }

    fn rule(self, entry: Spanned<AllowEntry>) -> Result<AllowRule, Error> {
        let position = self.position(&entry);
        let AllowEntry { organisations, subjects, audiences, signers, claims } = entry.into_inner();
        if organisations.is_none() && subjects.is_none() {
            return Err(Error::UnnamedCallers { position });
        }
        let mut rule = AllowRule::new();
        self.add(
            &mut rule.names,
            "organisations",
            organisations.as_ref(),
            Names::add_organisation,
        )?;
        self.add(&mut rule.names, "subjects", subjects.as_ref(), Names::add_subject)?;
        if let Some(audiences) = audiences {
            self.check_audiences(audiences.get_ref())?;
            rule = rule.with_audiences(self.distinct("audiences", audiences, Clone::clone)?);
        }
        if let Some(signers) = signers {
            let name = |signer: &Signer| signer.kind().to_string();
            let signers = self.distinct("signers", signers, name)?;
            rule = rule.with_signers(signers.into_iter().map(Signer::kind));
        }
        for (name, condition) in claims {
            let position = self.position(&condition);
            rule = match condition.into_inner() {
                ClaimCondition::IsPresent(true) => rule.with_present_claim(name),
                ClaimCondition::Is(value) => rule.with_claim(name, [value]),
                ClaimCondition::IsOneOf(values) if !values.is_empty() => {
                    rule.with_claim(name, values)
                }
                ClaimCondition::IsPresent(false) | ClaimCondition::IsOneOf(_) => {
                    return Err(Error::Empty { position, key: "the condition of a claim" });
                }
            };
        }
        Ok(rule)
    }

    /// Reads a quota. `limited` are the organisations of those before it.
    fn quota(self, entry: &Spanned<QuotaEntry>, limited: &mut Names) -> Result<Quota, Error> {
        let QuotaEntry { organisations, requests, period, burst } = entry.get_ref();
        if limited.has_every_organisation() {
            return Err(Error::UnreachableQuota { position: self.position(entry) });
        }
        let invalid = |position, error| Error::Invalid { position, error };
        let quota = Quota::new(*requests.get_ref(), Duration::from_secs(*period.get_ref()));
        let mut quota = quota.map_err(|error| {
            let is_requests = error.setting() == Quota::REQUESTS;
            let position = if is_requests { requests.span() } else { period.span() };
            invalid(Position::of_offset(self.text, position.start), error.into())
        })?;
        if let Some(burst) = burst {
            let with_burst = quota.with_burst(*burst.get_ref());
            quota = with_burst.map_err(|error| invalid(self.position(burst), error.into()))?;
        }
        for name in organisations.iter().flat_map(Spanned::get_ref) {
            let (text, position) = (name.get_ref(), self.position(name));
            // The same name is a duplicate.
            if limited.covers(text) && !limited.names(text) {
                return Err(Error::CoveredQuota { position, name: text.clone() });
            }
        }
        self.add(limited, "organisations", organisations.as_ref(), Names::add_organisation)?;
        let Some(organisations) = organisations else {
            limited.add_organisation("*").map_err(|error| invalid(self.position(entry), error))?;
            return Ok(quota);
        };
        let organisations = organisations.get_ref();
        let named = quota.with_organisations(organisations.iter().map(Spanned::get_ref));
        named.map_err(|error| invalid(self.position(entry), error))
    }

    fn check_audiences(self, audiences: &[Spanned<String>]) -> Result<(), Error> {
        let Some(known) = self.audiences else { return Ok(()) };
        match audiences.iter().find(|audience| !known.contains(audience.get_ref())) {
            None => Ok(()),
            Some(unknown) => {
                let (position, audience) = (self.position(unknown), unknown.get_ref().clone());
                Err(Error::UnknownAudience { position, audience })
            }
        }
    }

    /// Adds the names of a list, which must be new.
    fn add(
        self,
        names: &mut Names,
        key: &'static str,
        list: Option<&Spanned<Vec<Spanned<String>>>>,
        add: fn(&mut Names, &str) -> Result<bool, AdmissionError>,
    ) -> Result<(), Error> {
        let Some(list) = list else { return Ok(()) };
        if list.get_ref().is_empty() {
            return Err(Error::Empty { position: self.position(list), key });
        }
        for name in list.get_ref() {
            let position = self.position(name);
            match add(names, name.get_ref()) {
                Ok(true) => {}
                Ok(false) => {
                    return Err(Error::Duplicate { position, name: name.get_ref().clone() });
                }
                Err(error) => return Err(Error::Invalid { position, error }),
            }
        }
        Ok(())
    }

    /// Returns the values of a list, which must differ.
    fn distinct<T>(
        self,
        key: &'static str,
        list: Spanned<Vec<Spanned<T>>>,
        name: impl Fn(&T) -> String,
    ) -> Result<Vec<T>, Error> {
        if list.get_ref().is_empty() {
            return Err(Error::Empty { position: self.position(&list), key });
        }
        let mut seen = HashSet::new();
        let values = list.into_inner().into_iter().map(|value| {
            let name = name(value.get_ref());
            if seen.contains(&name) {
                return Err(Error::Duplicate { position: self.position(&value), name });
            }
            seen.insert(name);
            Ok(value.into_inner())
        });
        values.collect()
    }

    fn position<T>(self, value: &Spanned<T>) -> Position {
        Position::of_offset(self.text, value.span().start)
    }
}

impl Signer {
    const fn kind(self) -> SignerKind {
        match self {
            Self::Member => SignerKind::Member,
            Self::Organisation => SignerKind::Organisation,
        }
    }
}
