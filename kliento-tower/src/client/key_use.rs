//! Notices a key that signs for several names.

use std::sync::{Mutex, PoisonError};

use http_guard::{event, log_text};
use kliento_core::issue::MemberIdBundle;
use veraid::Certificate;

const ONE_NAME: &str = "use a key for one name only: signatures can be presented as the other's";

/// Warns if a member's key is used for another name too: anyone can present a signature for one name
/// as a signature for the other, since nothing that is signed names the signer.
#[derive(Debug, Default)]
pub(super) struct KeyUse {
    /// The last name, and whether a warning about the organisation's key was logged.
    last: Mutex<(Option<String>, bool)>,
}

/// What was noticed.
#[derive(Debug, PartialEq, Eq)]
enum Reuse {
    /// The member has the key of the organisation.
    KeyOfOrganisation,
    /// The key was certified for this name before.
    OtherName(String),
}

impl KeyUse {
    /// Logs a warning when a bundle shows another use of the key.
    pub(super) fn check(&self, id: &MemberIdBundle<'_>) {
        let (organisation, member) = (id.organisation_certificate(), id.member_certificate());
        let keys = [organisation, member].map(Certificate::subject_public_key_info);
        let [organisation, member] =
            [organisation, member].map(|issued| issued.common_name().unwrap_or_default());
        let name = format!("{member}@{}", organisation.trim_end_matches('.').to_lowercase());
        match self.notice(keys[0] == keys[1], &name) {
            Some(Reuse::KeyOfOrganisation) => {
                let name = log_text(&name);
                event!(warn, name, "the member's key is the organisation's: {ONE_NAME}");
            }
            Some(Reuse::OtherName(other)) => {
                let (name, other) = (log_text(&name), log_text(&other));
                event!(warn, name, other, "one key for two names: {ONE_NAME}");
            }
            None => {}
        }
    }

    fn notice(&self, is_of_organisation: bool, name: &str) -> Option<Reuse> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let other = last.0.replace(name.to_owned()).filter(|other| other != name);
        if let Some(other) = other {
            return Some(Reuse::OtherName(other));
        }
        let is_new = is_of_organisation && !std::mem::replace(&mut last.1, true);
        is_new.then_some(Reuse::KeyOfOrganisation)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notices_each_further_name_of_a_key_once() {
        let uses = KeyUse::default();
        let (first, second) = ("alice@example.com", "alice@example.net");
        assert_eq!(uses.notice(false, first), None);
        assert_eq!(uses.notice(false, first), None);
        assert_eq!(uses.notice(false, second), Some(Reuse::OtherName(first.to_owned())));
        assert_eq!(uses.notice(false, second), None);
    }

    #[test]
    fn notices_the_key_of_the_organisation_once() {
        let uses = KeyUse::default();
        assert_eq!(uses.notice(false, "a@example.com"), None);
        assert_eq!(uses.notice(true, "a@example.com"), Some(Reuse::KeyOfOrganisation));
        assert_eq!(uses.notice(true, "a@example.com"), None);
    }
}
