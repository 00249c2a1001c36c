//! The rejections of errors.

use std::sync::Arc;

use super::Rejection;
use crate::access_token::KeyError;
use crate::password::HashingError;
use crate::rbac::Denial;
use crate::store::StoreError;

impl From<HashingError> for Rejection {
    fn from(error: HashingError) -> Self {
        match error {
            HashingError::Busy => Self::Busy,
            error => Self::PasswordHashing(Arc::new(error)),
        }
    }
}

impl From<Denial> for Rejection {
    fn from(denial: Denial) -> Self {
        match denial {
            Denial::StepUp(step_up) => Self::StepUpRequired(step_up),
            denial => Self::PermissionDenied(denial),
        }
    }
}

impl From<StoreError> for Rejection {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Busy => Self::Busy,
            error => Self::StoreUnavailable(error),
        }
    }
}

impl From<KeyError> for Rejection {
    fn from(error: KeyError) -> Self {
        Self::KeysUnavailable(Arc::new(error))
    }
}
