//! The operations on one-time codes, profiles, ceremonies and factors.

use kleidia_tower::account::{
    CodePurpose, FactorOutcome, FactorRemoval, FactorStore as _, FactorUse, Profile,
    ProfileStore as _, Recovery, RecoveryOutcome, RecoveryStore as _,
};
use kleidia_tower::lockout::{Evidence, LockoutPolicy, LoginAttempt};
use kleidia_tower::rbac::{Policy, RoleRules};
use kleidia_tower::store::{PostgresStore, StoreError};

use super::Operation;
use crate::fixture::{ACTIVE, CEREMONY, EXPIRY, Fixture, RECOVERY, UNUSED, day, second_factor};
use crate::numbered::{hash, operator};

impl Operation {
    pub(super) async fn change_personal(
        self,
        store: &PostgresStore,
        fixture: &Fixture,
        number: u32,
    ) -> Result<String, StoreError> {
        let (user, change) = (fixture.account.id, &fixture.change(number, 1));
        Ok(match self {
            Self::IssueCode | Self::IssueCodeByOther => {
                let rules = match self {
                    Self::IssueCode => operator(),
                    _ => RoleRules::for_user(Policy::default(), fixture.other.id),
                };
                let code = fixture.one_time_code(number, CodePurpose::Recovery, day(EXPIRY));
                let issued = store.issue_recovery_code(code, &rules, change).await?.value;
                format!("issued {:?}", issued.map(drop))
            }
            Self::Recover => {
                let (code, password) = (fixture.code(RECOVERY), hash(number));
                let recovery = Recovery { code, user_name: None, password, history: 5 };
                match store.recover(recovery, change).await?.value {
                    RecoveryOutcome::Recovered(_) => "recovered".to_owned(),
                    other @ RecoveryOutcome::Invalid => format!("{other:?}"),
                }
            }
            Self::ReplaceProfile => {
                let display_name = Some("Alice Lovelace".parse().unwrap());
                let profile = Profile { display_name, ..Profile::default() };
                let replaced = store.replace_profile(user, profile, change).await?.value;
                format!("replaced {:?}", replaced.map(drop))
            }
            _ => self.change_factors(store, fixture, number).await?,
        })
    }

    async fn change_factors(
        self,
        store: &PostgresStore,
        fixture: &Fixture,
        number: u32,
    ) -> Result<String, StoreError> {
        let (change, purpose) = (&fixture.change(number, 1), CodePurpose::TotpEnrolment);
        let (user, session, factor) =
            (fixture.account.id, fixture.sessions[ACTIVE], fixture.factor);
        Ok(match self {
            Self::BeginCeremony => {
                let ceremony = fixture.one_time_code(number, purpose, day(EXPIRY));
                store.begin_ceremony(&ceremony).await?;
                "begun".to_owned()
            }
            Self::TakeCeremony => {
                let taken = store.take_ceremony(&fixture.code(CEREMONY), purpose).await?;
                format!("taken {}", taken.is_some())
            }
            Self::AddFactor => {
                let new = fixture.new_factor(&number.to_string());
                let added = store.add_factor(&new, change).await?.value;
                format!("added {:?}", added.map(drop))
            }
            Self::RemoveFactor => {
                let removal = FactorRemoval::One { user, session, factor };
                format!("removed {:?}", store.remove_factors(&removal, change).await?.value)
            }
            _ => match store.use_factor(&factor_use(fixture, number), change).await?.value {
                FactorOutcome::Used(_) => "used".to_owned(),
                other => format!("{other:?}"),
            },
        })
    }
}

/// Returns a use of the factor as it is in the fixture.
fn factor_use(fixture: &Fixture, number: u32) -> FactorUse {
    let session = fixture.sessions[ACTIVE];
    let evidence = Evidence::SecondFactor(session);
    let attempt = LoginAttempt { evidence, ..fixture.attempt() };
    FactorUse {
        user: fixture.account.id,
        session,
        factor: fixture.factor,
        expected_data: UNUSED.to_owned(),
        data: number.to_string(),
        methods: second_factor(),
        attempt: Some((attempt, LockoutPolicy::default())),
    }
}
