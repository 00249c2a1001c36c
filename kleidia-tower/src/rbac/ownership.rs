//! Whether what a request asks for is the principal's own.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use http::Uri;
use matchit::Router;

use crate::rate_limit::RequestHead;
use crate::{Principal, Rejection};

/// How it is found out.
#[derive(Clone, Default)]
pub(super) enum Ownership {
    /// Nothing is anybody's own.
    #[default]
    Unknown,
    /// By a parameter of the path, which is a user's number.
    Parameter(Arc<Router<()>>),
    /// By a function of the service's.
    Function(Arc<Function>),
    /// By one that has to wait, such as for a database.
    Lookup(Arc<Lookup>),
}

pub(super) type Function = dyn Fn(&Principal, &RequestHead<'_>) -> bool + Send + Sync;
pub(super) type Lookup = dyn Fn(Principal, Uri) -> Finding + Send + Sync;
pub(super) type Finding = Pin<Box<dyn Future<Output = Result<bool, Rejection>> + Send>>;

/// What is known at once.
pub(super) enum Known {
    Known(bool),
    Waiting(Finding),
}

impl Ownership {
    pub(super) fn find(&self, principal: &Principal, head: &RequestHead<'_>) -> Known {
        match self {
            Self::Unknown => Known::Known(false),
            Self::Parameter(router) => {
                let id = router.at(head.uri().path()).ok();
                let id =
                    id.and_then(|found| found.params.iter().next().map(|(_, id)| id.to_owned()));
                // One number has one text, so that what is allowed is what is meant.
                let own = principal.user_id().map(|id| id.to_string());
                Known::Known(id.is_some() && id == own)
            }
            Self::Function(function) => Known::Known(function(principal, head)),
            Self::Lookup(lookup) => Known::Waiting(lookup(principal.clone(), head.uri().clone())),
        }
    }
}

impl fmt::Debug for Ownership {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unknown => "Unknown",
            Self::Parameter(_) => "Parameter",
            Self::Function(_) => "Function",
            Self::Lookup(_) => "Lookup",
        })
    }
}
