//! A temporary file of trust anchors, the contents of IANA's file, and a manual clock.

use std::fmt::Display;
use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use kliento_core::Timestamp;
use kliento_tower::{
    Clock, TrustAnchorFile, TrustAnchorFileError, TrustAnchorStore as _, TrustAnchors,
};
use tempfile::TempDir;

/// A time at which 20326 and 38696 are valid.
pub(crate) const NOW: &str = "2026-11-22T18:03:00Z";
pub(crate) const DIGEST_2010: &str =
    "49AAC11D7B6F6446702E54A1607371607A1A41855200FD2CE1CDDE32F24E8FB5";
pub(crate) const DIGEST_2017: &str =
    "E06D44B80B8F1D39A95C0B0D7C65D08458E880409BBC683457104237C7F8EC8D";
pub(crate) const DIGEST_2024: &str =
    "683D2D0ACB8C9B712A1948B27F741219298D0A450D612C483AF444A4C0FB2B16";
/// The DS records of IANA's file, of which 19036 has expired.
pub(crate) const IANA_DS: &str = "\
; The keys of the DNS root
. 86400 IN DS 20326 8 2 E06D44B80B8F1D39A95C0B0D7C65D084 58E880409BBC683457104237C7F8EC8D
# KSK-2024
38696 8 2 683d2d0acb8c9b712a1948b27f741219298d0a450d612c483af444a4c0fb2b16

";

/// IANA's file, from <https://data.iana.org/root-anchors/root-anchors.xml>.
pub(crate) const IANA_XML: &str = include_str!("root-anchors.xml");

/// A file of trust anchors in a temporary folder.
pub(crate) struct AnchorFile(TempDir);

impl AnchorFile {
    pub(crate) fn new(content: impl AsRef<[u8]>) -> Self {
        let anchor_file = Self(tempfile::tempdir().unwrap());
        anchor_file.write(content);
        anchor_file
    }

    pub(crate) fn file(&self) -> PathBuf {
        self.folder().join("anchors")
    }

    pub(crate) fn folder(&self) -> PathBuf {
        self.0.path().to_owned()
    }

    /// Replaces the file by renaming another one over it.
    pub(crate) fn write(&self, content: impl AsRef<[u8]>) {
        let draft = self.folder().join("draft");
        fs::write(&draft, content).unwrap();
        fs::rename(draft, self.file()).unwrap();
    }

    /// Opens the file at [`NOW`]; only [`TrustAnchorFile::reload`] reads it again.
    pub(crate) fn open(&self) -> Result<TrustAnchorFile, TrustAnchorFileError> {
        self.open_with_clock(&ManualClock::new(NOW))
    }

    pub(crate) fn open_with_clock(
        &self,
        clock: &ManualClock,
    ) -> Result<TrustAnchorFile, TrustAnchorFileError> {
        let options = TrustAnchorFile::options().with_poll_interval(Duration::MAX).unwrap();
        options.with_clock(clock.clone()).open(self.file())
    }
}

/// A clock that a test sets, or stops.
#[derive(Clone)]
pub(crate) struct ManualClock(Arc<Mutex<Option<Timestamp>>>);

impl ManualClock {
    pub(crate) fn new(at: &str) -> Self {
        Self(Arc::new(Mutex::new(Some(at.parse().unwrap()))))
    }

    pub(crate) fn set(&self, at: &str) {
        *self.0.lock().unwrap() = Some(at.parse().unwrap());
    }

    pub(crate) fn stop(&self) {
        *self.0.lock().unwrap() = None;
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Option<Timestamp> {
        *self.0.lock().unwrap()
    }
}

/// Returns the key tags of the active anchors.
pub(crate) fn key_tags(store: &TrustAnchorFile) -> Vec<u16> {
    let anchors = store.try_current();
    anchors
        .iter()
        .flat_map(TrustAnchors::as_slice)
        .map(kliento_core::TrustAnchor::key_tag)
        .collect()
}

/// Returns a document like IANA's with these `KeyDigest` elements.
pub(crate) fn anchors_xml(key_digests: impl Display) -> String {
    format!(r#"<TrustAnchor id="1" source="-"><Zone>.</Zone>{key_digests}</TrustAnchor>"#)
}

pub(crate) fn key_digest(key_tag: u16, attributes: &str, digest: &str) -> String {
    format!(
        "<KeyDigest id=\"k\" {attributes}><KeyTag>{key_tag}</KeyTag><Algorithm>8</Algorithm>\
         <DigestType>2</DigestType><Digest>{digest}</Digest></KeyDigest>"
    )
}
