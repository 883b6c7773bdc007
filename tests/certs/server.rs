//! Servers on loopback that show whatever chain they are given.

use std::net::SocketAddr;
use std::sync::Arc;

use modules::certs::Certificate;
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::PrivateKeyDer;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

/// Something that listens until it is dropped.
pub struct Listening {
    pub address: SocketAddr,
    _task: JoinSet<()>,
}

/// Shows one certificate to everybody, whether the key fits or not.
#[derive(Debug)]
struct Always(Arc<CertifiedKey>);

impl ResolvesServerCert for Always {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }
}

pub fn config(
    chain: &[Certificate],
    key: &[u8],
    versions: &[&'static rustls::SupportedProtocolVersion],
) -> ServerConfig {
    let key = PrivateKeyDer::try_from(key.to_vec()).unwrap();
    let key = aws_lc_rs::sign::any_supported_type(&key).unwrap();
    let chain = chain.iter().map(|certificate| certificate.der().to_vec().into()).collect();
    ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(versions)
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(Always(Arc::new(CertifiedKey::new(chain, key)))))
}

/// A TLS server that answers every request with `answer`.
pub async fn tls(config: ServerConfig, answer: &'static [u8]) -> Listening {
    let acceptor = TlsAcceptor::from(Arc::new(config));
    listen(move |stream| {
        let acceptor = acceptor.clone();
        async move {
            let Ok(mut stream) = acceptor.accept(stream).await else { return };
            let mut request = [0; 4096];
            if stream.read(&mut request).await.is_ok_and(|size| size > 0) {
                let _ = stream.write_all(answer).await;
            }
            let _ = stream.shutdown().await;
        }
    })
    .await
}

/// A server that says this much and no more; with nothing to say it keeps the connection open.
pub async fn saying(text: &'static [u8]) -> Listening {
    listen(move |mut stream| async move {
        let mut request = [0; 4096];
        let _ = stream.read(&mut request).await;
        if text.is_empty() {
            std::future::pending::<()>().await;
        }
        let _ = stream.write_all(text).await;
        let _ = stream.shutdown().await;
    })
    .await
}

/// A proxy that leads every CONNECT to loopback, so that any name can be asked for.
pub async fn proxy() -> Listening {
    listen(|mut client| async move {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            if client.read_buf(&mut head).await.unwrap_or(0) == 0 {
                return;
            }
        }
        let head = String::from_utf8_lossy(&head).into_owned();
        let port = head.split_whitespace().nth(1).and_then(|target| target.rsplit(':').next()).unwrap();
        let Ok(mut server) = TcpStream::connect(("127.0.0.1", port.parse().unwrap())).await else { return };
        let _ = client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await;
        let _ = copy_bidirectional(&mut client, &mut server).await;
    })
    .await
}

async fn listen<F: Future<Output = ()> + Send + 'static>(
    serve: impl Fn(TcpStream) -> F + Send + 'static,
) -> Listening {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut task = JoinSet::new();
    task.spawn(async move {
        let mut connections = JoinSet::new();
        while let Ok((stream, _)) = listener.accept().await {
            connections.spawn(serve(stream));
        }
    });
    Listening { address, _task: task }
}
