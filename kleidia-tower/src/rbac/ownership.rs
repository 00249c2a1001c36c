//! Whether the principal owns the requested resource.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use http::Uri;
use matchit::{InsertError, Router};

use crate::rate_limit::RequestHead;
use crate::{Principal, Rejection, UserId};

/// How the owner of a resource is determined.
#[derive(Clone, Default)]
pub(super) enum Ownership {
    /// No principal owns the resource.
    #[default]
    Unowned,
    /// The owner is the user whose id is the parameter of the path.
    Parameter(Arc<Router<()>>),
    /// A function decides synchronously.
    Function(Arc<OwnerFn>),
    /// A function decides asynchronously, such as by a database query.
    Lookup(Arc<LookupFn>),
}

pub(super) type OwnerFn = dyn Fn(&Principal, &RequestHead<'_>) -> bool + Send + Sync;
pub(super) type LookupFn = dyn Fn(Principal, Uri) -> OwnerLookup + Send + Sync;
pub(super) type OwnerLookup = Pin<Box<dyn Future<Output = Result<bool, Rejection>> + Send>>;

/// Whether the principal is the owner, or the lookup that decides it.
pub(super) enum OwnerCheck {
    Ready(bool),
    Pending(OwnerLookup),
}

impl Ownership {
    pub(super) fn start(&self, principal: &Principal, head: &RequestHead<'_>) -> OwnerCheck {
        match self {
            Self::Unowned => OwnerCheck::Ready(false),
            Self::Parameter(router) => {
                OwnerCheck::Ready(path_matches_user(router, principal, head.uri()))
            }
            Self::Function(owns) => OwnerCheck::Ready(owns(principal, head)),
            Self::Lookup(owns) => OwnerCheck::Pending(owns(principal.clone(), head.uri().clone())),
        }
    }
}

fn path_matches_user(router: &Router<()>, principal: &Principal, uri: &Uri) -> bool {
    let Some(user) = principal.user_id() else { return false };
    let Ok(found) = router.at(uri.path()) else { return false };
    found.params.iter().next().is_some_and(|(_, text)| is_id_of(user, text))
}

/// Only the canonical form of the user's id matches: `7`, neither `07` nor `+7`.
fn is_id_of(user: UserId, text: &str) -> bool {
    text.starts_with(|first: char| matches!(first, '1'..='9')) && text.parse() == Ok(user.get())
}

/// Returns a matcher for a path with one parameter.
pub(super) fn owner_path(path: &str) -> Result<Router<()>, OwnerPathError> {
    // `{{` is an escaped brace.
    let found = path.replace("{{", "").matches('{').count();
    if found != 1 {
        return Err(OwnerPathError::Parameters { path: path.to_owned(), found });
    }
    let mut router = Router::new();
    let invalid = |error: InsertError| OwnerPathError::Pattern {
        path: path.to_owned(),
        reason: error.to_string(),
    };
    router.insert(path, ()).map_err(invalid)?;
    Ok(router)
}

/// An error from parsing the path of an owner parameter.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OwnerPathError {
    /// The path does not have exactly one parameter.
    #[error("expected 1 parameter in {path:?}, found {found}")]
    Parameters {
        /// The path.
        path: String,
        /// The number of its parameters.
        found: usize,
    },
    /// The path is not a valid pattern.
    #[error("invalid path {path:?}: {reason}")]
    Pattern {
        /// The path.
        path: String,
        /// The error of the matcher.
        reason: String,
    },
}

impl fmt::Debug for Ownership {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unowned => "Unowned",
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
    fn only_the_canonical_form_of_an_id_matches() {
        assert!(is_id_of(UserId::new(7), "7"));
        for text in ["70", "07", "+7", "-7", "%37", "7 ", " 7", "", "9223372036854775815"] {
            assert!(!is_id_of(UserId::new(7), text), "{text}");
        }
    }

    #[test]
    fn requires_one_parameter() {
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
