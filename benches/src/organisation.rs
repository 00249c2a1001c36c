//! A typical organisation that signs any number of different bundles.

use std::num::NonZero;
use std::ops::Range;
use std::thread;

use kliento::{SERVICE, Token};
use veraid::KeyAlgorithm;
use veraid::issue::RsaSigner;
use veraid::testing::MockMember;

use crate::Bundle;
use crate::mock::{AUDIENCE, Mock, period};

/// An organisation with a typical chain: RSA in the root, ECDSA P-256 in other zones.
#[derive(Clone)]
pub struct Organisation {
    mock: Mock,
    /// The key of all new members; only their certificates are new.
    members_key: RsaSigner,
}

/// The signer of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signer {
    /// The same member each time.
    Member,
    /// The organisation, on behalf of that member.
    Organisation,
    /// A new member each time.
    NewMember,
}

impl Organisation {
    /// Creates an organisation under a new DNS root.
    #[must_use]
    pub fn typical() -> Self {
        let members_key = RsaSigner::generate(KeyAlgorithm::Rsa2048).expect("a key");
        Self { mock: Mock::typical(), members_key }
    }

    /// Signs a different token for each serial number, on all processors.
    ///
    /// Each takes about a millisecond.
    #[must_use]
    pub fn sign(&self, signer: Signer, serials: Range<usize>) -> Vec<Bundle> {
        let threads = thread::available_parallelism().map_or(1, NonZero::get);
        let share = serials.len().div_ceil(threads).max(1);
        let shares = serials.clone().step_by(share);
        let shares = shares.map(|start| start..serials.end.min(start + share));
        thread::scope(|scope| {
            let work = |share: Range<usize>| {
                scope.spawn(move || share.map(|serial| self.bundle(signer, serial)).collect())
            };
            let threads: Vec<_> = shares.map(work).collect();
            let done = threads.into_iter().map(|thread| thread.join().expect("no panic"));
            done.flat_map(|bundles: Vec<_>| bundles).collect()
        })
    }

    fn bundle(&self, signer: Signer, serial: usize) -> Bundle {
        let token = Token::new(AUDIENCE).with_claim("permission", "read-only");
        let token = token.with_claim("serial", serial.to_string()).to_json();
        let (token, service) = (token.as_bytes(), SERVICE.parse().expect("a constant"));
        let Mock { organisation, member, .. } = &self.mock;
        let octets = match signer {
            Signer::Member => member.sign(token, &service, period()),
            Signer::Organisation => organisation.sign(token, member.member(), &service, period()),
            Signer::NewMember => self.member(serial).sign(token, &service, period()),
        };
        self.mock.wrap(octets.expect("a signature"))
    }

    fn member(&self, serial: usize) -> MockMember {
        let name = format!("member-{serial}").parse().expect("a user name");
        let organisation = self.mock.organisation.clone();
        MockMember::new(organisation, name, self.members_key.clone(), period())
            .expect("a certificate")
    }
}
