//! The dearest bundles that we could think of, each within the size of a token bundle.

mod lists;
mod messages;
mod signatures;

use veraid::testing::MockMessage;

use crate::Bundle;
use crate::mock::Mock;

/// A bundle that was made to cost much.
#[derive(Clone, Debug)]
pub struct DearBundle {
    /// What makes it dear.
    pub name: &'static str,
    /// The bundle.
    pub bundle: Bundle,
}

impl DearBundle {
    /// All of them; making them takes a while.
    #[must_use]
    pub fn all() -> Vec<Self> {
        let mock = Mock::typical();
        let bundles = [signatures::all(&mock), messages::all(&mock), lists::all(&mock)];
        bundles.into_iter().flatten().map(|(name, bundle)| Self { name, bundle }).collect()
    }
}

/// A valid bundle whose signatures start to hold at so many different instants.
#[must_use]
pub fn bundle_of_instants(instants: usize) -> Bundle {
    let mock = Mock::typical();
    // All of the chain's own start together.
    messages::filled(&mock, compose(&chain(&mock)), instants - 1)
}

type Named = (&'static str, Bundle);

/// The messages of the mock's chain, for changing them.
fn chain(mock: &Mock) -> Vec<MockMessage> {
    mock.dns.chain_messages(&mock.owner()).expect("a chain")
}

fn compose(messages: &[MockMessage]) -> Vec<Vec<u8>> {
    messages.iter().map(|message| message.compose().expect("a message")).collect()
}
