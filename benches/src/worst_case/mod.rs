//! Bundles that are as expensive to verify as possible within the size limit.

mod lists;
mod messages;
mod signatures;

use veraid::testing::MockMessage;

use crate::Bundle;
use crate::mock::Mock;

/// A bundle that is expensive to verify.
#[derive(Clone, Debug)]
pub struct WorstCaseBundle {
    /// The reason why it is expensive.
    pub name: &'static str,
    /// The bundle.
    pub bundle: Bundle,
}

impl WorstCaseBundle {
    /// Creates all bundles, which takes seconds.
    #[must_use]
    pub fn all() -> Vec<Self> {
        let mock = Mock::typical();
        let bundles = [signatures::all(&mock), messages::all(&mock), lists::all(&mock)];
        bundles.into_iter().flatten().map(|(name, bundle)| Self { name, bundle }).collect()
    }
}

/// Creates a valid bundle whose signatures have this many different inception times.
#[must_use]
pub fn bundle_with_inceptions(inceptions: usize) -> Bundle {
    let mock = Mock::typical();
    // The signatures of the chain itself have the same inception time.
    messages::filled(&mock, compose(&chain(&mock)), inceptions - 1)
}

type Named = (&'static str, Bundle);

/// Returns the messages of the mock's chain, for modification.
fn chain(mock: &Mock) -> Vec<MockMessage> {
    mock.dns.chain_messages(&mock.owner()).expect("a chain")
}

fn compose(messages: &[MockMessage]) -> Vec<Vec<u8>> {
    messages.iter().map(|message| message.compose().expect("a message")).collect()
}
