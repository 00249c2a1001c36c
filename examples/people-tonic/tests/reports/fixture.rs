//! A server with people and workloads, and clients for it.

use std::collections::BTreeSet;
use std::future::pending;
use std::sync::Arc;

use http_guard::serve::Server;
use kleidia_tower::ClientInfo;
use kleidia_tower::access_token::{KeyRing, SigningKey};
use kleidia_tower::account::{AccountUpdate, Accounts, LoginRequest, TokenSet};
use kleidia_tower::password::{Argon2Parameters, PasswordHasher};
use kleidia_tower::rbac::{Policy, RoleName, WorkloadRules};
use kleidia_tower::store::MemoryStore;
use kleidia_tower::testing;
use kliento::{Period, SERVICE, Token, TokenBundle};
use kliento_tower::{FixedClock, KlientoAuthLayer, TrustAnchors};
use people_tonic::v1::reports_client::ReportsClient;
use secrecy::ExposeSecret as _;
use tokio::net::TcpListener;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status};
use veraid::testing::MockEnvironment;

const AUDIENCE: &str = "https://reports.example.com";
const PASSWORD: &str = "correct horse battery staple";

/// A server with the users `root` (admin), `reader`, `editor` and `alice`, and the workloads `publisher`,
/// `reader` and `other` of `example.org`.
pub(crate) struct Fixture {
    accounts: Accounts,
    environment: MockEnvironment,
    channel: Channel,
}

pub(crate) type Client = ReportsClient<InterceptedService<Channel, Credentials>>;

/// Adds `authorization` to each call.
#[derive(Clone)]
pub(crate) struct Credentials(Option<MetadataValue<Ascii>>);

impl Fixture {
    pub(crate) async fn start(limit: &str) -> Self {
        let accounts = accounts().await;
        let environment = MockEnvironment::new(hour()).unwrap();
        let anchors = TrustAnchors::new(environment.trust_anchors().unwrap());
        let workloads = KlientoAuthLayer::new(AUDIENCE)
            .with_trust_anchors(anchors)
            .with_clock(FixedClock(hour().start()));
        let rules = WorkloadRules::default()
            .with_subject("publisher@example.org", [role("publisher"), role("reader")])
            .with_subject("reader@example.org", [role("reader")]);
        let limit = limit.parse().unwrap();
        let service = people_tonic::service(&accounts, workloads, rules, limit).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move {
            let _summary = Server::new().serve(listener, service, pending()).await;
        });
        let channel = url.parse::<Endpoint>().unwrap().connect().await.unwrap();
        Self { accounts, environment, channel }
    }

    /// Returns a client that sends these credentials.
    pub(crate) fn client(&self, credentials: Option<&str>) -> Client {
        let credentials = Credentials(credentials.map(|value| value.parse().unwrap()));
        ReportsClient::with_interceptor(self.channel.clone(), credentials)
    }

    /// Returns the `authorization` of a user.
    pub(crate) async fn access_token(&self, name: &str) -> String {
        authorization(&self.log_in(name).await)
    }

    pub(crate) async fn log_in(&self, name: &str) -> TokenSet {
        let (user_name, password, client) = (name.to_owned(), PASSWORD.into(), client_info());
        let request = LoginRequest { user_name, password, client, device_token: None };
        self.accounts.log_in(request).await.unwrap()
    }

    /// Ends a session, as in another place.
    pub(crate) async fn log_out(&self, tokens: &TokenSet) {
        self.accounts.log_out(&tokens.session, client_info()).await.unwrap();
    }

    /// Withdraws all roles from a user.
    pub(crate) async fn withdraw_roles(&self, tokens: &TokenSet) {
        let root = testing::user(self.log_in("root").await.session);
        let update = AccountUpdate { is_disabled: None, roles: Some(BTreeSet::new()) };
        let id = tokens.session.account.id;
        self.accounts.update_user(Some(&root), id, update, client_info()).await.unwrap();
    }

    /// Ends the streams of people, as the shutdown of the server does.
    pub(crate) fn shut_down_streams(&self) {
        self.accounts.shut_down_streams();
    }

    /// Returns the `authorization` of a member of `example.org`.
    pub(crate) fn bundle(&self, member: &str) -> String {
        let organisation = self.environment.organisation("example.org").unwrap();
        let member = organisation.member(member).unwrap();
        let (token, service) = (Token::new(AUDIENCE).to_json(), SERVICE.parse().unwrap());
        let octets = member.sign(token.as_bytes(), &service, hour()).unwrap();
        TokenBundle::from_bytes(octets).unwrap().to_authorization()
    }
}

/// Returns the `authorization` of a session.
pub(crate) fn authorization(tokens: &TokenSet) -> String {
    format!("Bearer {}", tokens.access_token.expose_secret())
}

impl tonic::service::Interceptor for Credentials {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if let Some(value) = &self.0 {
            request.metadata_mut().insert("authorization", value.clone());
        }
        Ok(request)
    }
}

async fn accounts() -> Accounts {
    let parameters = Argon2Parameters::default().with_memory_kib(7 * 1024).unwrap();
    let hasher = PasswordHasher::options().with_parameters(parameters).start().unwrap();
    let keys = Arc::new(KeyRing::new([SigningKey::generate().unwrap()]).unwrap());
    let policy = Policy::default()
        .with_role(role("reader"), ["reports:read".parse().unwrap()])
        .with_role(role("publisher"), ["reports:publish".parse().unwrap()]);
    let store = Arc::new(MemoryStore::default());
    let accounts = Accounts::new(store, keys, hasher).with_policy(policy);
    for (name, role) in
        [("root", "admin"), ("reader", "reader"), ("alice", "user"), ("editor", "publisher")]
    {
        let roles = [self::role(role)].into();
        accounts.create_user(None, name, PASSWORD.into(), roles, client_info()).await.unwrap();
    }
    accounts
}

fn role(name: &str) -> RoleName {
    name.parse().unwrap()
}

fn client_info() -> ClientInfo {
    ClientInfo::new([192, 0, 2, 1].into())
}

/// The period of all records and bundles.
fn hour() -> Period {
    let start = "2026-11-22T18:00:00Z".parse().unwrap();
    Period::new(start, "2026-11-22T19:00:00Z".parse().unwrap()).unwrap()
}
