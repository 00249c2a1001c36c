//! Neither responses nor logs disclose any part of the credentials.

use std::collections::{BTreeSet, HashSet};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::AUTHORIZATION;
use http::{HeaderMap, Request};
use kliento_tower::{
    BundleCache, CredentialPolicy, KlientoAuthLayer, Rejection, SignatureCache, TrustAnchors,
    WorkloadIdentity,
};
use metrics::with_local_recorder;
use metrics_util::debugging::DebuggingRecorder;
use tower::{Layer as _, service_fn};

use crate::bundle::{authorization, body, layer, request, respond_with_subject, send};
use crate::log::text;

/// The length of a fragment in characters.
const FRAGMENT_LENGTH: usize = 16;

/// Fragments of credentials, in every encoding in which they could be disclosed.
struct Fragments {
    base64: HashSet<Vec<u8>>,
    octets: HashSet<Vec<u8>>,
}

impl Fragments {
    /// Returns the fragments of a whole bundle.
    fn from_bundle(bundle: &[u8]) -> Self {
        Self::new(bundle, bundle)
    }

    /// Returns the fragments that not even a log may contain.
    ///
    /// Errors contain expected and found values in hex: names, key identifiers and digests, which
    /// are in every certificate. The secret is the signature, at the end of the bundle.
    fn from_signature(bundle: &[u8]) -> Self {
        const SIGNATURE: usize = 2048 / 8;
        Self::new(bundle, &bundle[bundle.len() - SIGNATURE..])
    }

    fn new(encoded: &[u8], octets: &[u8]) -> Self {
        let windows = |text: &[u8], size| text.windows(size).map(<[u8]>::to_vec).collect();
        let base64 = STANDARD.encode(encoded);
        Self {
            base64: windows(base64.as_bytes(), FRAGMENT_LENGTH),
            octets: windows(octets, FRAGMENT_LENGTH / 2),
        }
    }

    /// Returns the fragment that a text contains, if any: in Base64, in hex, or as a list of
    /// numbers.
    fn find_in<'t>(&self, text: &'t str) -> Option<&'t str> {
        let is_found = |window: &&[u8]| {
            self.base64.contains(*window)
                || decode_hex(window).is_some_and(|octets| self.octets.contains(&octets))
        };
        let window = text.as_bytes().windows(FRAGMENT_LENGTH).find(is_found);
        let window = window.map(|window| str::from_utf8(window).unwrap());
        window.or_else(|| self.contains_list(text).then_some("a list of numbers"))
    }

    /// Returns whether a text contains octets as `{:?}` prints them.
    fn contains_list(&self, text: &str) -> bool {
        let numbers = text.split([',', '[', ']', ' ']).filter(|number| !number.is_empty());
        let octets: Vec<_> = numbers.map(|number| number.parse::<u8>().ok()).collect();
        let mut windows = octets.windows(FRAGMENT_LENGTH / 2);
        windows.any(|window| {
            let window: Option<Vec<u8>> = window.iter().copied().collect();
            window.is_some_and(|octets| self.octets.contains(&octets))
        })
    }
}

/// Decodes hex in either case.
fn decode_hex(hex: &[u8]) -> Option<Vec<u8>> {
    let digit = |digit: &u8| char::from(*digit).to_digit(16);
    let octet = |pair: &[u8]| u8::try_from(digit(&pair[0])? * 16 + digit(&pair[1])?).ok();
    hex.chunks_exact(2).map(octet).collect()
}

fn encode_hex(octet: u8) -> [char; 2] {
    [octet >> 4, octet & 15].map(|digit| char::from_digit(digit.into(), 16).unwrap())
}

/// Valid bundles, and invalid ones of many kinds.
fn bundles() -> Vec<Vec<u8>> {
    let header = authorization();
    let good = STANDARD.decode(header.strip_prefix("Kliento ").unwrap()).unwrap();
    let altered = (0..good.len()).step_by(29).map(|index| {
        let mut altered = good.clone();
        altered[index] ^= 1;
        altered
    });
    altered.chain([good.clone()]).collect()
}

fn layers() -> [KlientoAuthLayer; 5] {
    [
        layer(),
        layer().with_policy(CredentialPolicy::AllowMissingOrInvalid),
        layer().with_trust_anchors(TrustAnchors::iana()),
        layer().with_trust_anchors(TrustAnchors::new([])),
        layer().with_authorizer(|_| false),
    ]
}

/// The output for a request.
#[derive(Default)]
struct Output {
    client: String,
    /// For the service, outer layers and the log.
    inside: String,
}

fn collect_output(
    layer: &KlientoAuthLayer,
    credentials: &str,
    reasons: &mut BTreeSet<&str>,
) -> Output {
    let mut output = Output::default();
    let log = text(false, async {
        let response = send(layer, request(&[credentials])).await;
        output.client = format!("{:?}", response.headers());
        if let Some(rejection) = response.extensions().get::<Rejection>() {
            reasons.insert(rejection.reason());
            output.inside = format!("{rejection} {rejection:?} {rejection:#?} ");
        }
        output.client += str::from_utf8(&body(response).await).unwrap();
    });
    assert!(log.contains("outcome="), "{log}");
    let printed = format!("{layer:?}{:?}", layer.layer(service_fn(respond_with_subject)));
    Output { inside: output.inside + &log + &printed, ..output }
}

fn assert_nothing_disclosed(layer: &KlientoAuthLayer, octets: &[u8], reasons: &mut BTreeSet<&str>) {
    let (whole, secret) = (Fragments::from_bundle(octets), Fragments::from_signature(octets));
    let base64 = STANDARD.encode(octets);
    // A bundle with malformed Base64 is secret, too.
    for credentials in [format!("Kliento {base64}"), format!("Kliento {base64}!")] {
        let Output { client, inside } = collect_output(layer, &credentials, reasons);
        assert_eq!(whole.find_in(&client), None, "{client}");
        assert_eq!(secret.find_in(&inside), None, "{inside}");
    }
}

#[test]
fn bundle_is_not_disclosed() {
    let recorder = DebuggingRecorder::new();
    let (layers, mut reasons) = (layers(), BTreeSet::new());
    let bundles = bundles();
    let (good, altered) = bundles.split_last().unwrap();
    with_local_recorder(&recorder, || {
        for layer in &layers {
            assert_nothing_disclosed(layer, good, &mut reasons);
        }
        for octets in altered {
            assert_nothing_disclosed(&layers[0], octets, &mut reasons);
        }
    });
    assert!(reasons.len() > 20, "too few reasons: {reasons:?}");
    let metrics = format!("{:?}", recorder.snapshotter().snapshot());
    assert!(metrics.contains("kliento_authentications_total"));
    assert_eq!(Fragments::from_bundle(good).find_in(&metrics), None);
}

/// Extensions and headers of a request can be printed without disclosing the credentials.
#[test]
fn debug_output_contains_no_secret() {
    let (cache, signature_cache) = (BundleCache::default(), SignatureCache::default());
    let layer = layer().with_cache(cache.clone()).with_signature_cache(signature_cache.clone());
    let service = layer.layer(service_fn(async |request: Request<String>| {
        let identity = request.extensions().get::<WorkloadIdentity>();
        tracing::info!(?request, headers = ?request.headers(), ?identity, "called");
        respond_with_subject(request).await
    }));
    let credentials = authorization();
    let log = text(false, tower::ServiceExt::oneshot(service, request(&[&credentials])));
    let printed = format!("{log} {cache:?} {signature_cache:?}");
    assert!(printed.contains("alice@example.com") && printed.contains("Sensitive"), "{printed}");
    assert_eq!((cache.len(), signature_cache.is_empty()), (1, false));
    let octets = STANDARD.decode(credentials.strip_prefix("Kliento ").unwrap()).unwrap();
    assert_eq!(Fragments::from_bundle(&octets).find_in(&printed), None, "{printed}");
}

/// The other tests rely on this search to find every leak.
#[test]
fn finds_fragments_in_every_encoding() {
    let octets: Vec<u8> = (100..140).collect();
    let fragments = Fragments::from_bundle(&octets);
    let base64 = STANDARD.encode(&octets);
    let headers: HeaderMap = HeaderMap::from_iter([(AUTHORIZATION, base64.parse().unwrap())]);
    let hex: String = octets.iter().copied().flat_map(encode_hex).collect();
    for leak in [
        format!("x{}x", &base64[3..3 + FRAGMENT_LENGTH]),
        format!("x{}x", &hex[8..8 + FRAGMENT_LENGTH]),
        hex.to_uppercase(),
        format!("{headers:?}"),
        format!("{:?}", &octets[5..20]),
    ] {
        assert!(fragments.find_in(&leak).is_some(), "{leak}");
    }
    assert!(fragments.find_in(&base64[..FRAGMENT_LENGTH - 1]).is_none());
}
