//! Bundles that are verified before they are used.

use std::sync::Arc;

use async_trait::async_trait;
use kliento_core::{Timestamp, TokenVerification, TrustAnchor};
use tokio::task::spawn_blocking;

use super::{ExpiringBundle, SourceError, TokenBundleSource};
use crate::{Clock, SystemClock, TrustAnchorStore, TrustAnchors};

/// Verifies the bundles of another source as a service does: now, and at their expiry.
///
/// A bundle that a service would reject is an error, so a wrong key, a revoked record or an expired
/// chain is noticed where it can be mended. The expiry of a bundle becomes the end of the period in
/// which all of it is valid: the chain and the certificates may expire before the token.
///
/// ```
/// use kliento_tower::client::{BundleFile, KlientoClientLayer, VerifiedSource};
///
/// let source = VerifiedSource::new(BundleFile::new("/run/kliento/api.bin"));
/// let layer = KlientoClientLayer::new(source);
/// ```
#[derive(Clone)]
pub struct VerifiedSource<S> {
    source: S,
    anchors: Arc<dyn TrustAnchorStore>,
    clock: Arc<dyn Clock>,
}

impl<S: TokenBundleSource> VerifiedSource<S> {
    /// Creates a source that verifies the bundles of this one.
    pub fn new(source: S) -> Self {
        Self { source, anchors: Arc::new(TrustAnchors::iana()), clock: Arc::new(SystemClock) }
    }

    /// Sets the trust anchors; [`TrustAnchors::iana`] by default.
    #[must_use]
    pub fn with_trust_anchors(mut self, anchors: impl TrustAnchorStore) -> Self {
        self.anchors = Arc::new(anchors);
        self
    }

    /// Sets the clock; the [system's](crate::SystemClock) by default.
    #[must_use]
    pub fn with_clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }
}

#[async_trait]
impl<S: TokenBundleSource> TokenBundleSource for VerifiedSource<S> {
    async fn token_bundle(&self, audience: Option<&str>) -> Result<ExpiringBundle, SourceError> {
        self.verified(self.source.token_bundle(audience).await?, audience).await
    }

    async fn fresh_token_bundle(
        &self,
        audience: Option<&str>,
    ) -> Result<ExpiringBundle, SourceError> {
        self.verified(self.source.fresh_token_bundle(audience).await?, audience).await
    }

    async fn has_changed(&self, audience: Option<&str>) -> bool {
        self.source.has_changed(audience).await
    }
}

impl<S> VerifiedSource<S> {
    async fn verified(
        &self,
        bundle: ExpiringBundle,
        audience: Option<&str>,
    ) -> Result<ExpiringBundle, SourceError> {
        let anchors = self.anchors.snapshot().await.map_err(SourceError::new)?;
        let now = self.clock.now().ok_or_else(|| SourceError::new("clock unavailable"))?;
        let audience = audience.map(ToOwned::to_owned);
        #[expect(
            clippy::disallowed_methods,
            reason = "supervised: awaited, and a panic is an error"
        )]
        let verified =
            spawn_blocking(move || verify(bundle, audience.as_deref(), anchors.as_slice(), now));
        verified.await.map_err(SourceError::new)?.map_err(SourceError::new)
    }
}

/// Returns the bundle with the end of the period in which it is valid.
fn verify(
    bundle: ExpiringBundle,
    audience: Option<&str>,
    anchors: &[TrustAnchor],
    now: Timestamp,
) -> Result<ExpiringBundle, kliento_core::Error> {
    let claimed = bundle.valid_until();
    let bundle = bundle.into_bundle();
    let token = bundle.claimed_token()?;
    let audiences = [audience.unwrap_or(token.audience())];
    let verification = TokenVerification::new(&audiences, anchors);
    let verified = bundle.verify(&verification, now)?;
    let valid_until = verified.period().end().min(claimed);
    // The period says the same; a bundle that is handed out is worth the second look.
    bundle.verify(&verification, valid_until)?;
    Ok(ExpiringBundle::new(bundle, valid_until).with_valid_from(verified.period().start()))
}
