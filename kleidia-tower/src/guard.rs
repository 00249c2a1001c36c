//! What the layers have in common: each looks at a request, and lets it pass or refuses it.

use std::pin::Pin;

use http::{HeaderMap, Request};

use crate::Rejection;
use crate::answer::Answer;

/// Decides about requests, in one step or in two: what has to be waited for comes between them.
///
/// The request stays with the service, so that its body can be of any type and is not touched.
pub trait Guard: Send + Sync + 'static {
    /// What was waited for.
    type Finding: Send + 'static;

    /// Decides, or tells what has to be found out first.
    fn begin<B>(&self, request: &mut Request<B>) -> Progress<Self::Finding>;

    /// Decides with what was found out.
    fn finish<B>(&self, request: &mut Request<B>, finding: Self::Finding) -> Verdict;

    /// How refusals are answered.
    fn answer(&self) -> &Answer;
}

/// How far a decision is.
pub enum Progress<F> {
    /// It is made.
    Decided(Verdict),
    /// This has to be found out first.
    Waiting(Pin<Box<dyn Future<Output = F> + Send>>),
}

/// The request passes, or is refused.
pub(crate) type Verdict = Result<Passed, Rejection>;

/// A request passes.
#[derive(Debug, Default)]
pub struct Passed {
    /// What its response has to carry.
    pub(crate) headers: Option<Box<HeaderMap>>,
}
