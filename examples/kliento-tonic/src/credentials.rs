//! What a client sends to prove who it is.

use kliento::TokenBundle;
use tonic::metadata::errors::InvalidMetadataValue;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;
use tonic::{Request, Status};

/// A token bundle that goes with every call.
///
/// ```no_run
/// use kliento_tonic::Credentials;
/// use kliento_tonic::v1::{WhoAmIRequest, identity_client::IdentityClient};
/// use tonic::transport::Channel;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let credentials = Credentials::from_file(std::fs::read("bundle")?)?;
/// let channel = Channel::from_static("http://127.0.0.1:50051").connect().await?;
/// let mut client = IdentityClient::with_interceptor(channel, credentials);
/// let caller = client.who_am_i(WhoAmIRequest {}).await?.into_inner();
/// println!("{}", caller.subject);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Credentials(MetadataValue<Ascii>);

/// Why there are no credentials.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CredentialsError {
    /// The bundle can't be read.
    #[error(transparent)]
    Bundle(#[from] kliento::Error),
    /// The bundle can't be sent.
    #[error(transparent)]
    Value(#[from] InvalidMetadataValue),
}

impl Credentials {
    /// Reads a bundle's octets, or the value of a header with or without a line's end.
    ///
    /// # Errors
    /// [`CredentialsError::Bundle`] if it is neither. Whether it is valid, the server says.
    pub fn from_file(octets: Vec<u8>) -> Result<Self, CredentialsError> {
        // As DER, a bundle is a sequence.
        const SEQUENCE: u8 = 0x30;
        let bundle = if octets.first() == Some(&SEQUENCE) {
            TokenBundle::from_bytes(octets)?
        } else {
            TokenBundle::from_authorization(octets.trim_ascii())?
        };
        Self::new(&bundle)
    }

    /// A bundle's value of the header.
    ///
    /// # Errors
    /// [`CredentialsError::Value`], which no bundle leads to.
    pub fn new(bundle: &TokenBundle) -> Result<Self, CredentialsError> {
        let mut value = MetadataValue::try_from(bundle.to_authorization())?;
        // So that nobody who prints a request prints it.
        value.set_sensitive(true);
        Ok(Self(value))
    }
}

impl Interceptor for Credentials {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        request.metadata_mut().insert("authorization", self.0.clone());
        Ok(request)
    }
}
