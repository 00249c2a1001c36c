//! Whether what a request asks for is the principal's own.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use http::Uri;
use matchit::{InsertError, Router};

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
            Self::Parameter(router) => Known::Known(is_number_of(router, principal, head.uri())),
            Self::Function(function) => Known::Known(function(principal, head)),
            Self::Lookup(lookup) => Known::Waiting(lookup(principal.clone(), head.uri().clone())),
        }
    }
}

/// One number has one text, so that what is allowed is what is meant.
fn is_number_of(router: &Router<()>, principal: &Principal, uri: &Uri) -> bool {
    let Some(own) = principal.user_id() else { return false };
    let Ok(found) = router.at(uri.path()) else { return false };
    found.params.iter().next().is_some_and(|(_, text)| text == own.to_string())
}

/// A matcher for paths with one parameter.
pub(super) fn owner_path(path: &str) -> Result<Router<()>, OwnerPathError> {
    // Braces in text are doubled.
    let found = path.replace("{{", "").matches('{').count();
    if found != 1 {
        return Err(OwnerPathError::Parameters { path: path.to_owned(), found });
    }
    let mut router = Router::new();
    let refused = |error: InsertError| OwnerPathError::Pattern {
        path: path.to_owned(),
        reason: error.to_string(),
    };
    router.insert(path, ()).map_err(refused)?;
    Ok(router)
}

/// Why a path does not tell whose a resource is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OwnerPathError {
    /// It has no parameter, or several.
    #[error("{path:?} has {found} parameters; one is the owner's number")]
    Parameters {
        /// The path.
        path: String,
        /// How many it has.
        found: usize,
    },
    /// Nothing matches it.
    #[error("{path:?} can't be matched: {reason}")]
    Pattern {
        /// The path.
        path: String,
        /// Why.
        reason: String,
    },
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_has_one_parameter() {
        for (path, expected) in [("/users/{id}", 1), ("/{a}/{b}", 2), ("/{{a}}", 0), ("/users", 0)]
        {
            match owner_path(path) {
                Ok(_) => assert_eq!(expected, 1, "{path}"),
                Err(error) => {
                    let path = path.to_owned();
                    assert_eq!(error, OwnerPathError::Parameters { path, found: expected });
                }
            }
        }
        assert!(matches!(owner_path("/users/{id"), Err(OwnerPathError::Pattern { .. })));
    }
}
