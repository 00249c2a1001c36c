//! An invalid signature in a valid bundle is not cached as valid.

use http::HeaderValue;
use kliento_core::{Member, SERVICE, Token};
use kliento_tower::{BundleCache, FixedClock, KlientoAuthLayer, SignatureCache, TrustAnchors};
use veraid::testing::{MockEnvironment, MockMessage, MockOrganisation, rtype};

use crate::mock::credentials;
use crate::mock::exchange::send;
use crate::{AUDIENCE, hour};

/// The bundle is valid, since one valid signature is enough (RFC 4035, 5.3.3), but the invalid
/// signature must not be cached with it.
#[tokio::test]
async fn forged_signature_of_a_valid_bundle_is_not_cached() {
    let environment = MockEnvironment::new(hour()).unwrap();
    let organisation = environment.organisation("example.com").unwrap();
    let signature_cache = SignatureCache::default();
    let layer = KlientoAuthLayer::new(AUDIENCE)
        .with_trust_anchors(TrustAnchors::new(environment.trust_anchors().unwrap()))
        .with_clock(FixedClock(hour().start()))
        .with_cache(BundleCache::new(0))
        .with_signature_cache(signature_cache.clone());
    // Signed once, since signing again produces other signatures.
    let chain = organisation.dns().chain_messages(&organisation.name().txt_owner()).unwrap();
    for _ in 0..2 {
        assert!(send(&layer, &bundle(&organisation, chain.clone(), true)).await.is_ok());
        assert!(!signature_cache.is_empty());
        let bad = bundle(&organisation, chain.clone(), false);
        let rejected = send(&layer, &bad).await.unwrap_err();
        assert_eq!(rejected.reason(), "dnssec-signature");
    }
}

/// Returns a bundle whose TXT `RRset` has a forged signature, and optionally a valid one after it.
fn bundle(
    organisation: &MockOrganisation,
    mut chain: Vec<MockMessage>,
    has_valid_signature: bool,
) -> HeaderValue {
    let is_txt = |message: &&mut MockMessage| message.questions[0].rtype == rtype::TXT;
    forge(chain.iter_mut().find(is_txt).unwrap(), has_valid_signature);
    let chain = chain.iter().map(|message| message.compose().unwrap()).collect();
    let token = Token::new(AUDIENCE).to_json();
    let service = SERVICE.parse().unwrap();
    let signed = organisation.clone().with_chain(chain);
    let octets = signed.sign(token.as_bytes(), &Member::Bot, &service, hour());
    credentials(octets.unwrap())
}

/// Adds a signature with an altered last octet before the others, so that it is checked first.
fn forge(response: &mut MockMessage, has_valid_signature: bool) {
    let answer = &mut response.answer;
    let index = answer.iter().position(|record| record.rtype == rtype::RRSIG).unwrap();
    let mut forged = answer[index].clone();
    *forged.data.last_mut().unwrap() ^= 1;
    if has_valid_signature {
        answer.insert(index, forged);
    } else {
        answer[index] = forged;
    }
}
