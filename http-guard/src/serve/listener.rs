//! Listeners: TCP, Unix sockets, or any stream with a handshake.

use std::future::{Future, Ready, ready};
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;

use http::Extensions;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
#[cfg(unix)]
use tokio::net::{UnixListener, UnixStream, unix::UCred};

use crate::PeerAddress;

/// A source of connections for [`Server::serve`](super::Server::serve).
///
/// It is implemented for [`TcpListener`] (which sets `TCP_NODELAY`) and for `UnixListener`.
/// Implement it for other transports; use [`with_handshake`](Self::with_handshake) for TLS.
pub trait Listener: Send {
    /// An accepted stream, after its handshake.
    type Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static;

    /// Makes the stream ready for HTTP.
    ///
    /// The server runs it in the connection's task, within the timeout for the head of a request.
    /// Use [`Ready`] for streams without a handshake.
    type Handshake: Future<Output = io::Result<Self::Stream>> + Send + 'static;

    /// Waits for the next connection.
    ///
    /// The server drops this future when it stops, so it must be safe to cancel. After an error the
    /// server calls it again.
    fn accept(&mut self) -> impl Future<Output = io::Result<(Self::Handshake, Peer)>> + Send;

    /// Runs `handshake` on each accepted stream, such as that of a TLS acceptor.
    ///
    /// A slow handshake delays no other connection.
    ///
    /// ```
    /// use http_guard::serve::Listener as _;
    /// use tokio::io::{AsyncReadExt as _, BufReader};
    /// use tokio::net::TcpListener;
    ///
    /// # async fn bind() -> std::io::Result<()> {
    /// // A protocol that begins each connection with a line of four octets.
    /// let listener = TcpListener::bind("127.0.0.1:0").await?.with_handshake(|tcp| async {
    ///     let mut tcp = BufReader::new(tcp);
    ///     tcp.read_u32().await?;
    ///     Ok(tcp)
    /// });
    /// # Ok(())
    /// # }
    /// ```
    fn with_handshake<F, Fut, T>(self, handshake: F) -> WithHandshake<Self, F>
    where
        Self: Sized,
        F: Fn(Self::Stream) -> Fut + Clone + Send + 'static,
        Fut: Future<Output = io::Result<T>> + Send + 'static,
        T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        WithHandshake { listener: self, handshake }
    }
}

/// The peer of a connection.
///
/// The server inserts it into the extensions of each request. For [`Peer::Ip`] it also inserts
/// [`PeerAddress`] and, with feature `connect-info`, axum's `ConnectInfo<SocketAddr>`.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Peer {
    /// An address of an IP network.
    Ip(SocketAddr),
    /// A process on the same machine, over a Unix socket, with its credentials where the system
    /// reports them.
    #[cfg(unix)]
    Unix(Option<UCred>),
    /// A transport without addresses.
    Unaddressed,
}

impl Peer {
    /// Returns the address, if the transport has addresses.
    #[must_use]
    pub const fn address(&self) -> Option<SocketAddr> {
        match self {
            Self::Ip(address) => Some(*address),
            _ => None,
        }
    }

    pub(super) fn insert_into(self, extensions: &mut Extensions) {
        if let Self::Ip(address) = self {
            extensions.insert(PeerAddress(address));
            #[cfg(feature = "connect-info")]
            extensions.insert(axum::extract::ConnectInfo(address));
        }
        extensions.insert(self);
    }
}

impl Listener for TcpListener {
    type Stream = TcpStream;
    type Handshake = Ready<io::Result<TcpStream>>;

    async fn accept(&mut self) -> io::Result<(Self::Handshake, Peer)> {
        let (stream, address) = Self::accept(self).await?;
        // Small frames are written whole, so waiting for more of them only adds latency.
        Ok((ready(stream.set_nodelay(true).map(|()| stream)), Peer::Ip(address)))
    }
}

#[cfg(unix)]
impl Listener for UnixListener {
    type Stream = UnixStream;
    type Handshake = Ready<io::Result<UnixStream>>;

    async fn accept(&mut self) -> io::Result<(Self::Handshake, Peer)> {
        let (stream, _) = Self::accept(self).await?;
        let credentials = stream.peer_cred().ok();
        Ok((ready(Ok(stream)), Peer::Unix(credentials)))
    }
}

/// A [`Listener`] whose streams pass a handshake, made by [`Listener::with_handshake`].
#[derive(Clone, Debug)]
pub struct WithHandshake<L, F> {
    listener: L,
    handshake: F,
}

impl<L, F, Fut, T> Listener for WithHandshake<L, F>
where
    L: Listener,
    F: Fn(L::Stream) -> Fut + Clone + Send + 'static,
    Fut: Future<Output = io::Result<T>> + Send + 'static,
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    type Stream = T;
    type Handshake = Pin<Box<dyn Future<Output = io::Result<T>> + Send>>;

    async fn accept(&mut self) -> io::Result<(Self::Handshake, Peer)> {
        let (inner, peer) = self.listener.accept().await?;
        let handshake = self.handshake.clone();
        let handshake = async move {
            let stream = inner.await?;
            let finished = handshake(stream);
            finished.await
        };
        Ok((Box::pin(handshake), peer))
    }
}
