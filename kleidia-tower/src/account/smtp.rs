//! One-time codes by mail (feature `smtp`).

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use lettre::message::{Mailbox, Message};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use lettre::{AsyncSmtpTransport, AsyncTransport as _, Tokio1Executor};
use secrecy::{ExposeSecret as _, SecretString};

use super::{CodeDelivery, CodeMessage, CodePurpose, DeliveryError, EmailAddress};

/// How long the exchange of a mail may take.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(30);

/// Delivers one-time codes by mail, over SMTP with TLS.
///
/// Each mail has a connection of its own. The server's certificate and name are verified, with the
/// certification authorities of the operating system. A mail is plain text with the user name, the
/// code and the time at which it expires.
///
/// ```
/// use kleidia_tower::account::{SmtpDelivery, SmtpSecurity};
///
/// let from = "portal@example.com".parse()?;
/// let delivery = SmtpDelivery::new("mail.example.com", 587, SmtpSecurity::StartTls, from)
///     .with_credentials("portal", "secret".into());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct SmtpDelivery {
    host: String,
    port: u16,
    security: SmtpSecurity,
    from: EmailAddress,
    credentials: Option<(String, SecretString)>,
    root_certificates: Vec<u8>,
    timeout: Duration,
}

/// How the connection to an SMTP server is secured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SmtpSecurity {
    /// TLS from the first octet on (RFC 8314), usually on port 465.
    Tls,
    /// `STARTTLS` (RFC 3207), usually on port 587. A server without it gets no mail.
    StartTls,
    /// No TLS, for a server on this machine.
    Plain,
}

impl SmtpDelivery {
    /// Sends mail from this address over a server.
    #[must_use]
    pub fn new(
        host: impl Into<String>,
        port: u16,
        security: SmtpSecurity,
        from: EmailAddress,
    ) -> Self {
        Self {
            host: host.into(),
            port,
            security,
            from,
            credentials: None,
            root_certificates: Vec::new(),
            timeout: DEFAULT_TIMEOUT,
        }
    }

    /// Authenticates with a name and a password; not at all by default.
    #[must_use]
    pub fn with_credentials(self, name: impl Into<String>, password: SecretString) -> Self {
        Self { credentials: Some((name.into(), password)), ..self }
    }

    /// Also trusts a certificate in PEM.
    #[must_use]
    pub fn with_root_certificate(self, pem: impl Into<Vec<u8>>) -> Self {
        Self { root_certificates: pem.into(), ..self }
    }

    /// Sets how long each step of an exchange may take; 30 seconds by default.
    #[must_use]
    pub fn with_timeout(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }

    fn transport(&self) -> Result<AsyncSmtpTransport<Tokio1Executor>, DeliveryError> {
        let tls = match self.security {
            SmtpSecurity::Tls => Tls::Wrapper(self.tls_parameters()?),
            SmtpSecurity::StartTls => Tls::Required(self.tls_parameters()?),
            SmtpSecurity::Plain => Tls::None,
        };
        // Not dangerous: the next line sets TLS.
        let transport = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&self.host)
            .tls(tls)
            .port(self.port)
            .timeout(Some(self.timeout));
        Ok(match &self.credentials {
            Some((name, password)) => {
                let password = password.expose_secret().to_owned();
                transport.credentials(Credentials::new(name.clone(), password)).build()
            }
            None => transport.build(),
        })
    }

    fn tls_parameters(&self) -> Result<TlsParameters, DeliveryError> {
        let parameters = TlsParameters::builder(self.host.clone());
        let parameters = if self.root_certificates.is_empty() {
            parameters
        } else {
            let certificate = Certificate::from_pem(&self.root_certificates);
            parameters.add_root_certificate(certificate.map_err(DeliveryError::new)?)
        };
        parameters.build().map_err(DeliveryError::new)
    }

    fn mail(&self, message: &CodeMessage) -> Result<Message, DeliveryError> {
        let mailbox = |address: &EmailAddress| {
            let address = address.as_str().parse();
            address.map(|address| Mailbox::new(None, address)).map_err(DeliveryError::new)
        };
        Message::builder()
            .from(mailbox(&self.from)?)
            .to(mailbox(&message.address)?)
            .subject(subject(message.purpose))
            .body(body(message))
            .map_err(DeliveryError::new)
    }
}

#[async_trait]
impl CodeDelivery for SmtpDelivery {
    async fn deliver(&self, message: &CodeMessage) -> Result<(), DeliveryError> {
        let (transport, mail) = (self.transport()?, self.mail(message)?);
        // Servers that respond slowly to each step must not hold a request without end.
        let sent = tokio::time::timeout(4 * self.timeout, transport.send(mail)).await;
        match sent {
            Ok(Ok(_)) => Ok(()),
            // The server's text may quote the address.
            Ok(Err(error)) => Err(DeliveryError::new(failure(&error))),
            Err(_) => Err(DeliveryError::new("SMTP timeout")),
        }
    }
}

/// Returns what failed, without text of the server.
fn failure(error: &lettre::transport::smtp::Error) -> String {
    if let Some(status) = error.status() {
        return format!("SMTP status {status}");
    }
    let what = match () {
        () if error.is_timeout() => "SMTP timeout",
        () if error.is_tls() => "TLS failed",
        () if error.is_response() => "malformed SMTP response",
        () if error.is_client() => "SMTP client error",
        () => "SMTP connection failed",
    };
    what.to_owned()
}

const fn subject(purpose: CodePurpose) -> &'static str {
    match purpose {
        CodePurpose::EmailVerification => "Confirm your mail address",
        _ => "Choose a new password",
    }
}

fn body(message: &CodeMessage) -> String {
    let CodeMessage { user_name, code, expires_at, purpose, .. } = message;
    let use_of_code = match purpose {
        CodePurpose::EmailVerification => "confirm this mail address",
        _ => "choose a new password",
    };
    format!(
        "With this code you can {use_of_code} for the account {user_name}:\r\n\r\n\
         {}\r\n\r\nIt is valid once, until {expires_at}. If you have not asked for it, ignore this \
         mail: nothing has changed.\r\n",
        code.expose_secret()
    )
}

impl fmt::Debug for SmtpDelivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SmtpDelivery")
            .field("host", &self.host)
            .field("port", &self.port)
            .field("security", &self.security)
            .finish_non_exhaustive()
    }
}
