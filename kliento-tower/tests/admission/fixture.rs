//! Bundles of organisations under a mock DNS root, a layer that verifies them, and a file of rules.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use http::HeaderValue;
use kliento_core::{Member, Period, SERVICE, Token};
use kliento_tower::{
    AdmissionFile, AdmissionFileError, AdmissionStore, FixedClock, KlientoAuthLayer, Rejection,
};
use tempfile::TempDir;
use veraid::testing::MockEnvironment;

use crate::mock::exchange::send;
use crate::mock::{credentials, period};

pub(crate) const AUDIENCE: &str = "https://api.example.com";
pub(crate) const OTHER_AUDIENCE: &str = "https://api.example.com/deploy";

/// A mock DNS root.
pub(crate) struct Fixture(MockEnvironment);

impl Fixture {
    pub(crate) fn new() -> Self {
        Self(MockEnvironment::new(hour()).unwrap())
    }

    /// Returns the credentials of a user, signed by their own key.
    pub(crate) fn member(&self, organisation: &str, user: &str, token: &Token) -> HeaderValue {
        let member = self.0.organisation(organisation).unwrap().member(user).unwrap();
        credentials(crate::mock::sign(&member, token, hour()))
    }

    /// Returns the credentials of a user, signed by the organisation.
    pub(crate) fn on_behalf(&self, organisation: &str, user: &str, token: &Token) -> HeaderValue {
        let organisation = self.0.organisation(organisation).unwrap();
        let (service, member) = (SERVICE.parse().unwrap(), Member::User(user.parse().unwrap()));
        let signed = organisation.sign(token.to_json().as_bytes(), &member, &service, hour());
        credentials(signed.unwrap())
    }

    /// Returns a layer without rules, for two audiences.
    pub(crate) fn layer(&self) -> KlientoAuthLayer {
        KlientoAuthLayer::new(AUDIENCE)
            .with_audience(OTHER_AUDIENCE)
            .with_trust_anchors(kliento_tower::TrustAnchors::from(self.0.trust_anchors().unwrap()))
            .with_clock(FixedClock(hour().start()))
    }

    /// Returns the code of the rejection, or `allowed`.
    pub(crate) async fn decide(
        &self,
        rules: impl AdmissionStore,
        credentials: &HeaderValue,
    ) -> &'static str {
        decide(&self.layer().with_admission(rules), credentials).await
    }
}

pub(crate) async fn decide(layer: &KlientoAuthLayer, credentials: &HeaderValue) -> &'static str {
    send(layer, credentials)
        .await
        .map_or_else(|rejection: Rejection| rejection.code(), |_| "allowed")
}

pub(crate) fn hour() -> Period {
    period("2026-11-22T18:00:00Z", "2026-11-22T19:00:00Z")
}

/// A file of rules in a temporary folder.
pub(crate) struct RuleFile(TempDir);

impl RuleFile {
    pub(crate) fn new(content: impl AsRef<[u8]>) -> Self {
        let file = Self(tempfile::tempdir().unwrap());
        file.write(content);
        file
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.0.path().join("admission.toml")
    }

    /// Replaces the file by renaming another one over it.
    pub(crate) fn write(&self, content: impl AsRef<[u8]>) {
        let draft = self.0.path().join("draft");
        fs::write(&draft, content).unwrap();
        fs::rename(draft, self.path()).unwrap();
    }

    /// Opens the file, which only `reload` reads again.
    pub(crate) fn open(&self) -> Result<AdmissionFile, AdmissionFileError> {
        let options = AdmissionFile::options().with_poll_interval(Duration::MAX).unwrap();
        options.open(self.path())
    }
}

pub(crate) fn parse(content: &str) -> Result<AdmissionFile, AdmissionFileError> {
    RuleFile::new(content).open()
}
