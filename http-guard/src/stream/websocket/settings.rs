//! The settings of watched WebSockets.

use std::time::Duration;

use super::super::Reconnection;
use crate::SettingError;

/// The close codes and the timeouts of [`WatchedWebSocket`](super::WatchedWebSocket)s (feature
/// `websocket`).
///
/// ```
/// use std::time::Duration;
///
/// use http_guard::stream::Reconnection;
/// use http_guard::stream::websocket::WebSocketSettings;
///
/// let settings = WebSocketSettings::default()
///     .with_close_code(Reconnection::Later, 1001)?
///     .with_write_timeout(Duration::from_secs(10))?;
/// assert_eq!(settings.close_code(Reconnection::Later), 1001);
/// assert_eq!(settings.close_code(Reconnection::Never), 4403);
/// # Ok::<(), http_guard::SettingError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WebSocketSettings {
    authenticate: u16,
    later: u16,
    never: u16,
    pub(super) close_timeout: Duration,
    pub(super) write_timeout: Duration,
}

impl WebSocketSettings {
    /// The default time for the closing handshake: 5 seconds.
    pub const DEFAULT_CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

    /// The default time in which the client has to read a message: 60 seconds.
    pub const DEFAULT_WRITE_TIMEOUT: Duration = Duration::from_secs(60);

    /// Sets the close code for what the client should do;
    /// [`Reconnection::close_code`] by default.
    ///
    /// # Errors
    /// [`SettingError`] if an endpoint may not send the code (RFC 6455, 7.4): 1000 to 1014 without
    /// 1004 to 1006, and 3000 to 4999 are valid.
    pub fn with_close_code(
        mut self,
        reconnection: Reconnection,
        code: u16,
    ) -> Result<Self, SettingError> {
        let name = "WebSocket close code";
        let code = match code {
            ..=1003 => SettingError::check(name, code, 1000..=1003),
            1004..=1014 => SettingError::check(name, code, 1007..=1014),
            1015.. => SettingError::check(name, code, 3000..=4999),
        }?;
        *match reconnection {
            Reconnection::Authenticate => &mut self.authenticate,
            Reconnection::Later => &mut self.later,
            Reconnection::Never => &mut self.never,
        } = code;
        Ok(self)
    }

    /// Sets the time to write the Close frame and to receive that of the client: 1 second to 1
    /// minute, 5 seconds by default.
    ///
    /// # Errors
    /// [`SettingError`] outside of these bounds.
    pub fn with_close_timeout(self, timeout: Duration) -> Result<Self, SettingError> {
        let bounds = Duration::from_secs(1)..=Duration::from_secs(60);
        let close_timeout = SettingError::check("WebSocket close timeout", timeout, bounds)?;
        Ok(Self { close_timeout, ..self })
    }

    /// Sets the time in which the client has to read a message: 1 second to 10 minutes, 60 seconds
    /// by default. Afterwards the connection is dropped.
    ///
    /// # Errors
    /// [`SettingError`] outside of these bounds.
    pub fn with_write_timeout(self, timeout: Duration) -> Result<Self, SettingError> {
        let bounds = Duration::from_secs(1)..=Duration::from_secs(600);
        let write_timeout = SettingError::check("WebSocket write timeout", timeout, bounds)?;
        Ok(Self { write_timeout, ..self })
    }

    /// Returns the close code for what the client should do.
    #[must_use]
    pub const fn close_code(&self, reconnection: Reconnection) -> u16 {
        match reconnection {
            Reconnection::Authenticate => self.authenticate,
            Reconnection::Later => self.later,
            Reconnection::Never => self.never,
        }
    }
}

impl Default for WebSocketSettings {
    fn default() -> Self {
        Self {
            authenticate: Reconnection::Authenticate.close_code(),
            later: Reconnection::Later.close_code(),
            never: Reconnection::Never.close_code(),
            close_timeout: Self::DEFAULT_CLOSE_TIMEOUT,
            write_timeout: Self::DEFAULT_WRITE_TIMEOUT,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_codes_that_an_endpoint_may_send() {
        let is_valid = |code| {
            let settings = WebSocketSettings::default().with_close_code(Reconnection::Never, code);
            settings.map(|settings| settings.close_code(Reconnection::Never)) == Ok(code)
        };
        for code in [1000, 1003, 1007, 1014, 3000, 4999] {
            assert!(is_valid(code), "{code}");
        }
        for code in [0, 999, 1004, 1005, 1006, 1015, 2999, 5000, u16::MAX] {
            assert!(!is_valid(code), "{code}");
        }
    }
}
