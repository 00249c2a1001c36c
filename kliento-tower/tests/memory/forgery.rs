//! A signature that failed beside a good one is believed in no other bundle.

use http::HeaderValue;
use kliento::{Member, SERVICE, Token};
use kliento_tower::{BundleCache, FixedClock, KlientoAuthLayer, SignatureCache, TrustAnchors};
use veraid::testing::{MockEnvironment, MockMessage, MockOrganisation, rtype};

use crate::mock::credentials;
use crate::mock::exchange::send;
use crate::{AUDIENCE, hour};

/// The good bundle verifies, as one good signature is enough (RFC 4035, 5.3.3), but the other one
/// must not be remembered with it.
#[tokio::test]
async fn forged_signature_of_a_valid_bundle_is_not_cached() {
    let world = MockEnvironment::new(hour()).unwrap();
    let organisation = world.organisation("example.com").unwrap();
    let signature_cache = SignatureCache::default();
    let layer = KlientoAuthLayer::new(AUDIENCE)
        .with_trust_anchors(TrustAnchors::new(world.trust_anchors().unwrap()))
        .with_clock(FixedClock(hour().start()))
        .with_cache(BundleCache::new(0))
        .with_signature_cache(signature_cache.clone());
    // Signed once, as each signature is another one.
    let chain = organisation.dns().chain_messages(&organisation.name().txt_owner()).unwrap();
    for _ in 0..2 {
        assert!(send(&layer, &bundle(&organisation, chain.clone(), true)).await.is_ok());
        assert!(!signature_cache.is_empty());
        let bad = bundle(&organisation, chain.clone(), false);
        let refused = send(&layer, &bad).await.unwrap_err();
        assert_eq!(refused.reason(), "dnssec-signature");
    }
}

/// A bundle whose TXT records have a forged signature, and perhaps a good one after it.
fn bundle(
    organisation: &MockOrganisation,
    mut chain: Vec<MockMessage>,
    has_good_one: bool,
) -> HeaderValue {
    let is_txt = |message: &&mut MockMessage| message.questions[0].rtype == rtype::TXT;
    forge(chain.iter_mut().find(is_txt).unwrap(), has_good_one);
    let chain = chain.iter().map(|message| message.compose().unwrap()).collect();
    let token = Token::new(AUDIENCE).to_json();
    let service = SERVICE.parse().unwrap();
    let signed = organisation.clone().with_chain(chain);
    let octets = signed.sign(token.as_bytes(), &Member::Bot, &service, hour());
    credentials(octets.unwrap())
}

/// Alters the last octet of a signature: it comes first, and so it is tried first.
fn forge(response: &mut MockMessage, has_good_one: bool) {
    let answer = &mut response.answer;
    let place = answer.iter().position(|record| record.rtype == rtype::RRSIG).unwrap();
    let mut forged = answer[place].clone();
    *forged.data.last_mut().unwrap() ^= 1;
    if has_good_one {
        answer.insert(place, forged);
    } else {
        answer[place] = forged;
    }
}
