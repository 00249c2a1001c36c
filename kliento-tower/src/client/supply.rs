//! Hands out bundles, and obtains the next one: once for all who wait.

use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

use http::HeaderValue;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::time::timeout;

use super::stock::{Flight, Outcome, Stock};
use super::{BundleError, IssuedBundle, TokenBundleSource};
use crate::{Clock, SystemClock};

/// Clones share what is at hand.
#[derive(Clone)]
pub(super) struct Supply {
    pub(super) source: Arc<dyn TokenBundleSource>,
    pub(super) clock: Arc<dyn Clock>,
    /// How long before it lapses a bundle is replaced, unless by default.
    pub(super) margin: Option<Duration>,
    pub(super) source_timeout: Duration,
    stock: Arc<RwLock<Stock>>,
}

pub(super) enum Supplied {
    AtHand(HeaderValue),
    Underway(Flight),
}

/// A question to the source, in a task of its own, so that it is no matter which requests are
/// given up. If it is given up itself, another one can be put.
struct Journey {
    supply: Supply,
    sender: Option<watch::Sender<Option<Outcome>>>,
}

impl Supply {
    const SOURCE_TIMEOUT: Duration = Duration::from_secs(30);

    pub(super) fn new(source: impl TokenBundleSource) -> Self {
        Self {
            source: Arc::new(source),
            clock: Arc::new(SystemClock),
            margin: None,
            source_timeout: Self::SOURCE_TIMEOUT,
            stock: Arc::default(),
        }
    }

    /// Gives the bundle at hand, and sees to it that it is replaced in time.
    pub(super) fn ask(&self) -> Result<Supplied, BundleError> {
        let now = self.clock.now().ok_or(BundleError::Clock)?;
        let has_changed = self.source.has_changed();
        if !has_changed && let Some(settled) = self.read().settled(now) {
            return settled.map(Supplied::AtHand);
        }
        let runtime = Handle::try_current().map_err(|_| BundleError::Runtime)?;
        let mut stock = self.write();
        // Another request may have seen to it in between.
        if !has_changed && let Some(settled) = stock.settled(now) {
            return settled.map(Supplied::AtHand);
        }
        let (flight, journey) = self.join(&mut stock);
        let valid = stock.valid(now).filter(|_| !has_changed);
        // A runtime that is being shut down drops the journey at once, and that takes the lock.
        drop(stock);
        if let Some(journey) = journey {
            runtime.spawn(journey.travel());
        }
        Ok(valid.map_or(Supplied::Underway(flight), Supplied::AtHand))
    }

    /// Joins the flight that is under way, or begins one.
    fn join(&self, stock: &mut Stock) -> (Flight, Option<Journey>) {
        if let Some(flight) = &stock.flight {
            return (flight.clone(), None);
        }
        let (sender, flight) = watch::channel(None);
        stock.flight = Some(flight.clone());
        (flight, Some(Journey { supply: self.clone(), sender: Some(sender) }))
    }

    async fn obtain(&self) -> Result<IssuedBundle, BundleError> {
        let obtained = timeout(self.source_timeout, self.source.token_bundle()).await;
        Ok(obtained.map_err(|_| BundleError::Timeout(self.source_timeout))??)
    }

    fn settle(&self, obtained: Result<IssuedBundle, BundleError>) -> Outcome {
        let now = self.clock.now().ok_or(BundleError::Clock);
        let settled = self.write().settle(obtained, now, self.margin);
        // A subscriber may send what it is told by this very client, so the lock is free by now.
        match settled {
            Ok((value, end)) => {
                tracing::debug!(%end, "obtained a token bundle");
                Ok(value)
            }
            Err((error, valid)) => {
                let is_served = valid.is_some();
                tracing::warn!(%error, is_served, "can't obtain a token bundle");
                valid.ok_or(error)
            }
        }
    }

    /// Nothing can panic while the lock is held.
    fn read(&self) -> RwLockReadGuard<'_, Stock> {
        self.stock.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Stock> {
        self.stock.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Waits for the outcome of a question to the source.
pub(super) async fn outcome(mut flight: Flight) -> Outcome {
    let landed = flight.wait_for(Option::is_some).await;
    landed.ok().and_then(|outcome| outcome.clone()).unwrap_or(Err(BundleError::Abandoned))
}

impl Journey {
    async fn travel(mut self) {
        let obtained = self.supply.obtain().await;
        if let Some(sender) = self.sender.take() {
            sender.send_replace(Some(self.supply.settle(obtained)));
        }
    }
}

/// The source panicked, or the runtime was shut down.
impl Drop for Journey {
    fn drop(&mut self) {
        if self.sender.is_some() {
            self.supply.write().flight = None;
        }
    }
}
