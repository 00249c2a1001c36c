//! The settings of factors.

use super::Accounts;
use crate::account::FactorSettings;

impl Accounts {
    /// Sets how factors are enrolled and stored; [`FactorSettings::default`] by default.
    #[must_use]
    pub fn with_factor_settings(self, settings: FactorSettings) -> Self {
        self.with(|inner| inner.factor_settings = settings)
    }

    pub(in crate::account) fn factor_settings(&self) -> &FactorSettings {
        &self.0.factor_settings
    }
}
