//! Policies for requests without valid credentials.

use http_guard::CredentialPolicy::{AllowMissing, AllowMissingOrInvalid, Required};

use crate::guard::TestRejection::{Invalid, Missing, Unavailable};

#[test]
fn server_errors_are_rejected_under_every_policy() {
    for (policy, missing, invalid) in
        [(Required, false, false), (AllowMissing, true, false), (AllowMissingOrInvalid, true, true)]
    {
        assert_eq!(policy.allows(&Missing), missing, "{policy:?}");
        assert_eq!(policy.allows(&Invalid), invalid, "{policy:?}");
        assert!(!policy.allows(&Unavailable), "{policy:?}");
    }
}
