//! Keys of access tokens in Vault or OpenBao.

use std::env;
use std::path::PathBuf;
use std::sync::Arc;

use kleidia_tower::access_token::{KvVersion, VaultKeys, VaultLogin};
use zeroize::Zeroizing;

use crate::BoxError;
use crate::settings::Settings;
use crate::vault_client::{self, TlsFiles};

/// The variable with the client's token, if there is no login.
const TOKEN_VARIABLE: &str = "VAULT_TOKEN";

/// The token of a pod's service account.
const SERVICE_ACCOUNT_TOKEN: &str = "/var/run/secrets/kubernetes.io/serviceaccount/token";

/// Returns the keys, or `None` if no server is given.
pub(crate) async fn open(settings: &Settings) -> Result<Option<VaultKeys>, BoxError> {
    let Some(url) = &settings.vault else {
        return if has_settings_of_vault(settings) {
            Err("options that begin with --vault- need --vault".into())
        } else {
            Ok(None)
        };
    };
    let login = login(settings)?;
    let mut options = VaultKeys::options();
    if settings.vault_kv_version == Some(1) {
        options = options.with_kv_version(KvVersion::V1);
    }
    let mut token = Zeroizing::default();
    match login {
        Some(login) => options = options.with_login(login),
        None => token = client_token()?,
    }
    let client = Arc::new(vault_client::new(url, &token, &TlsFiles::from_environment())?);
    let mount = settings.vault_mount.as_deref().unwrap_or("secret");
    let path = settings.vault_path.as_deref().unwrap_or("portal");
    let keys = options.open(client, mount, path).await;
    let failed = |error| format!("keys in the secret {mount}/{path} of {url}: {error}");
    Ok(Some(keys.map_err(failed)?))
}

fn has_settings_of_vault(settings: &Settings) -> bool {
    let texts = [
        &settings.vault_mount,
        &settings.vault_path,
        &settings.vault_login_mount,
        &settings.vault_role_id,
        &settings.vault_kubernetes_role,
    ];
    let files = [
        &settings.vault_token_file,
        &settings.vault_secret_id_file,
        &settings.vault_kubernetes_token_file,
    ];
    texts.iter().any(|text| text.is_some())
        || files.iter().any(|file| file.is_some())
        || settings.vault_kv_version.is_some()
}

/// Returns the login, or `None` for the token of the variable.
fn login(settings: &Settings) -> Result<Option<VaultLogin>, BoxError> {
    let mount = |method: &str| {
        let given = settings.vault_login_mount.as_deref();
        given.unwrap_or(method).to_owned()
    };
    let token_file = settings.vault_token_file.clone().map(VaultLogin::TokenFile);
    let app_role = match (&settings.vault_role_id, &settings.vault_secret_id_file) {
        (Some(role_id), Some(file)) => Some(VaultLogin::AppRole {
            mount: mount("approle"),
            role_id: role_id.clone(),
            secret_id_file: file.clone(),
        }),
        (None, None) => None,
        _ => return Err("--vault-role-id and --vault-secret-id-file need each other".into()),
    };
    let kubernetes = settings.vault_kubernetes_role.clone().map(|role| VaultLogin::Kubernetes {
        mount: mount("kubernetes"),
        role,
        token_file: settings
            .vault_kubernetes_token_file
            .clone()
            .unwrap_or_else(|| PathBuf::from(SERVICE_ACCOUNT_TOKEN)),
    });
    if settings.vault_kubernetes_token_file.is_some() && kubernetes.is_none() {
        return Err("--vault-kubernetes-token-file needs --vault-kubernetes-role".into());
    }
    if settings.vault_login_mount.is_some() && app_role.is_none() && kubernetes.is_none() {
        return Err("--vault-login-mount needs --vault-role-id or --vault-kubernetes-role".into());
    }
    let mut logins = [token_file, app_role, kubernetes].into_iter().flatten();
    match (logins.next(), logins.next()) {
        (login, None) => Ok(login),
        (_, Some(_)) => Err("--vault-token-file, --vault-role-id and --vault-kubernetes-role \
             exclude each other"
            .into()),
    }
}

fn client_token() -> Result<Zeroizing<String>, BoxError> {
    let token = env::var(TOKEN_VARIABLE).map(Zeroizing::new).unwrap_or_default();
    if token.is_empty() {
        return Err(format!(
            "--vault needs --vault-token-file, --vault-role-id, --vault-kubernetes-role, or the \
             variable {TOKEN_VARIABLE}"
        )
        .into());
    }
    Ok(token)
}
