//! One-time codes by mail: the SMTP server, from options and the environment.

use std::env;
use std::fs;
use std::path::PathBuf;

use kleidia_tower::account::{EmailAddress, SmtpDelivery, SmtpSecurity};
use secrecy::SecretString;
use url::Url;
use zeroize::Zeroizing;

use crate::BoxError;

/// The variable with the password, if there is no file.
const PASSWORD_VARIABLE: &str = "SMTP_PASSWORD";

/// The server that delivers one-time codes, and the account there.
#[derive(clap::Args)]
pub(crate) struct MailArguments {
    /// Send one-time codes that users ask for over this SMTP server: `smtp://HOST` with STARTTLS (port
    /// 587), `smtps://HOST` with TLS from the start (port 465), or `smtp+plain://localhost` without
    /// (port 25), for this machine only. Without it, no codes are sent
    // Text, since an error of the command line would show a password in it.
    #[arg(long, value_name = "URL", env = "SMTP_URL", hide_env_values = true)]
    smtp: Option<String>,

    /// The address that mails are from
    #[arg(long, value_name = "ADDRESS", env = "SMTP_FROM")]
    smtp_from: Option<EmailAddress>,

    /// The name to log in to the SMTP server with. The password is in the variable `SMTP_PASSWORD`, or
    /// in the file of the next option
    #[arg(long, value_name = "NAME", env = "SMTP_USER")]
    smtp_user: Option<String>,

    /// A file with this password
    #[arg(long, value_name = "FILE", env = "SMTP_PASSWORD_FILE")]
    smtp_password_file: Option<PathBuf>,

    /// A file with a certificate in PEM to trust, besides those of the operating system
    #[arg(long, value_name = "FILE", env = "SMTP_CA_FILE")]
    smtp_ca: Option<PathBuf>,
}

impl MailArguments {
    /// Returns what delivers codes, or `None` without a server.
    pub(crate) fn delivery(&self) -> Result<Option<SmtpDelivery>, BoxError> {
        let Some(url) = &self.smtp else {
            let has_others = self.smtp_from.is_some()
                || self.smtp_user.is_some()
                || self.smtp_password_file.is_some()
                || self.smtp_ca.is_some();
            return if has_others {
                Err("options that begin with --smtp- need --smtp".into())
            } else {
                Ok(None)
            };
        };
        let (host, port, security) = server(url).map_err(|error| format!("--smtp: {error}"))?;
        let from = self.smtp_from.clone().ok_or("--smtp needs --smtp-from")?;
        let mut delivery = SmtpDelivery::new(host, port, security, from);
        if let Some((name, password)) = self.credentials()? {
            delivery = delivery.with_credentials(name, password);
        }
        if let Some(path) = &self.smtp_ca {
            let pem = fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
            delivery = delivery.with_root_certificate(pem);
        }
        Ok(Some(delivery))
    }

    fn credentials(&self) -> Result<Option<(&str, SecretString)>, BoxError> {
        let password = match &self.smtp_password_file {
            Some(path) => {
                let read = fs::read_to_string(path).map(Zeroizing::new);
                let text = read.map_err(|error| format!("{}: {error}", path.display()))?;
                Some(text.trim_end_matches(['\r', '\n']).into())
            }
            None => env::var(PASSWORD_VARIABLE).ok().map(SecretString::from),
        };
        match (&self.smtp_user, password) {
            (Some(name), Some(password)) => Ok(Some((name, password))),
            (Some(_), None) => {
                Err(format!("--smtp-user needs --smtp-password-file or {PASSWORD_VARIABLE}").into())
            }
            (None, _) if self.smtp_password_file.is_some() => {
                Err("--smtp-password-file needs --smtp-user".into())
            }
            // The variable may be for another program.
            (None, _) => Ok(None),
        }
    }
}

/// Returns the server of a URL. Errors do not quote it.
fn server(url: &str) -> Result<(String, u16, SmtpSecurity), &'static str> {
    let url = Url::parse(url).map_err(|_| "not a valid URL")?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err("the URL has credentials, use --smtp-user and --smtp-password-file");
    }
    let has_more = !matches!(url.path(), "" | "/") || url.query().is_some();
    if has_more || url.fragment().is_some() {
        return Err("the URL has more than a host and a port");
    }
    let host = url.host_str().filter(|host| !host.is_empty()).ok_or("the URL has no host")?;
    let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
    let (port, security) = match url.scheme() {
        "smtp" => (587, SmtpSecurity::StartTls),
        "smtps" => (465, SmtpSecurity::Tls),
        "smtp+plain" if matches!(&*host, "localhost" | "127.0.0.1" | "::1") => {
            (25, SmtpSecurity::Plain)
        }
        "smtp+plain" => return Err("smtp+plain is for servers on this machine only"),
        _ => return Err("expected smtp://, smtps:// or smtp+plain://"),
    };
    Ok((host, url.port().unwrap_or(port), security))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_server_and_its_security() {
        for (url, host, port, security) in [
            ("smtp://mail.example.com", "mail.example.com", 587, SmtpSecurity::StartTls),
            ("smtp://mail.example.com:25/", "mail.example.com", 25, SmtpSecurity::StartTls),
            ("smtps://mail.example.com", "mail.example.com", 465, SmtpSecurity::Tls),
            ("smtp+plain://localhost", "localhost", 25, SmtpSecurity::Plain),
            ("smtp+plain://[::1]:2525", "::1", 2525, SmtpSecurity::Plain),
        ] {
            assert_eq!(server(url), Ok((host.to_owned(), port, security)), "{url}");
        }
    }

    #[test]
    fn rejects_other_urls_without_quoting_them() {
        for url in [
            "secret",
            "smtp://",
            "http://secret",
            "smtp://user:secret@mail.example.com",
            "smtp://secret@mail.example.com",
            "smtp://mail.example.com/secret",
            "smtp://mail.example.com?tls=secret",
            "smtp+plain://secret.example.com",
            "smtp+plain://localhost.secret.example.com",
        ] {
            let error = server(url).expect_err(url);
            assert!(!error.contains("secret"), "{error}");
        }
    }
}
