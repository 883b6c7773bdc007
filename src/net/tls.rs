//! One TLS handshake, to see what certificates a server shows and that it has the key to them.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rustls::client::ResolvesClientCert;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::ServerName;
use rustls::sign::CertifiedKey;
use rustls::{AlertDescription, CertificateError, ClientConfig, Error, ProtocolVersion, SignatureScheme};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::time::timeout_at;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::connect::{ConnectError, Deadline, connect};
use super::tap::{Opening, Tap};
use super::verifier::{Capture, CapturingVerifier};

/// What a handshake has shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Served {
    /// The chain as sent, in DER, the server's own certificate first.
    pub chain: Vec<Vec<u8>>,
    /// `TLSv1.3` or `TLSv1.2`.
    pub protocol: &'static str,
    /// The address that answered.
    pub peer_addr: SocketAddr,
    /// The server asked for a client's certificate: certs.d needs a pair for it, too.
    pub asks_for_client_certificate: bool,
}

/// Why there is no handshake to report.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// No connection.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// No answer in time.
    #[error("{peer} accepts connections and does not answer within {} s: something listens there that speaks no TLS, or is overloaded", limit.as_secs_f32())]
    Timeout {
        /// The address.
        peer: SocketAddr,
        /// The time that was given.
        limit: Duration,
    },
    /// A web server without TLS.
    #[error(
        "{peer} speaks plain HTTP: the registry has no TLS on this port (`server gave HTTP response to HTTPS client` is what dockerd says)"
    )]
    PlainHttp {
        /// The address.
        peer: SocketAddr,
    },
    /// Another protocol.
    #[error("{peer} speaks no TLS: it begins with {opening:?}")]
    NotTls {
        /// The address.
        peer: SocketAddr,
        /// How it began.
        opening: String,
    },
    /// It hung up.
    #[error("{peer} closed the connection during the handshake{}", if *silent { " without a word" } else { "" })]
    Closed {
        /// The address.
        peer: SocketAddr,
        /// Before it had sent anything.
        silent: bool,
    },
    /// The server ended the handshake.
    #[error("{peer} ended the handshake with the alert `{alert}`{}", alert_hint(alert))]
    Alert {
        /// The address.
        peer: SocketAddr,
        /// Its name.
        alert: String,
    },
    /// A version that engines refuse.
    #[error("{peer} knows neither TLS 1.2 nor 1.3, and no engine since 18.09 accepts less")]
    TooOld {
        /// The address.
        peer: SocketAddr,
    },
    /// The server has not the key to its certificate.
    #[error(
        "{peer} shows a certificate and cannot sign with its key: someone replays a chain, or the server's key and certificate do not belong together"
    )]
    Signature {
        /// The address.
        peer: SocketAddr,
    },
    /// The server's certificate is none.
    #[error("{peer} sends a certificate that cannot be read")]
    Certificate {
        /// The address.
        peer: SocketAddr,
    },
    /// The name cannot be sent.
    #[error("`{0}` cannot be sent as a server name")]
    ServerName(String),
    /// Anything else.
    #[error("the handshake with {peer} failed: {message}")]
    Failed {
        /// The address.
        peer: SocketAddr,
        /// What failed.
        message: String,
    },
}

fn alert_hint(alert: &str) -> &'static str {
    match alert {
        "HandshakeFailure" | "ProtocolVersion" | "InsufficientSecurity" => {
            ": it shares no protocol version or cipher with us; TLS 1.2 with ECDHE and AES-GCM is the least"
        }
        "UnrecognisedName" => ": it knows no virtual host of this name",
        "CertificateRequired" | "BadCertificate" => ": it wants a client's certificate",
        _ => "",
    }
}

/// Connects to `host` (IPv6 without brackets), sends `sni` as the server's name when there is one,
/// and reports the chain. The chain is not judged; the handshake's signature is.
///
/// # Errors
/// When there is no handshake, or when the server has not the key to what it shows.
pub async fn handshake(
    host: &str,
    port: u16,
    sni: Option<&str>,
    limit: Duration,
) -> Result<Served, TlsError> {
    let deadline = Deadline::after(limit);
    let mut channel = open(host, port, sni, &[], deadline).await?;
    if let Some(stream) = &mut channel.stream {
        let _ = timeout_at(deadline.at.min(tokio::time::Instant::now() + GOODBYE), stream.shutdown()).await;
    }
    Ok(channel.served)
}

/// How long to wait for a polite end; nothing depends on it.
const GOODBYE: Duration = Duration::from_millis(500);

/// A connection after its handshake.
pub(super) struct Channel {
    pub served: Served,
    /// None when the server has proved its key and then ended the handshake, for want of a
    /// client's certificate.
    pub stream: Option<TlsStream<Tap<TcpStream>>>,
}

pub(super) async fn open(
    host: &str,
    port: u16,
    sni: Option<&str>,
    alpn: &[&[u8]],
    deadline: Deadline,
) -> Result<Channel, TlsError> {
    let name = server_name(host, sni)?;
    let (stream, peer) = connect(host, port, deadline).await?;
    let capture = Arc::new(Capture::default());
    let asked = Arc::new(Asked::default());
    let mut config =
        config(&capture, &asked).map_err(|error| TlsError::Failed { peer, message: error.to_string() })?;
    config.enable_sni = sni.is_some();
    config.alpn_protocols = alpn.iter().map(|protocol| protocol.to_vec()).collect();
    let (tap, opening) = Tap::new(stream);
    let connecting = TlsConnector::from(Arc::new(config)).connect(name, tap);
    let ended = timeout_at(deadline.at, connecting).await;
    let served = |protocol| Served {
        chain: capture.chain(),
        protocol,
        peer_addr: peer,
        asks_for_client_certificate: asked.0.load(Ordering::Acquire),
    };
    match ended {
        Err(_) => Err(TlsError::Timeout { peer, limit: deadline.limit }),
        Ok(Ok(stream)) => {
            let protocol = protocol_name(stream.get_ref().1.protocol_version());
            Ok(Channel { served: served(protocol), stream: Some(stream) })
        }
        // In TLS 1.2 a server that wants a client's certificate gives up here, its own key proved.
        Ok(Err(error)) if capture.proved() && is_alert(&error) => {
            Ok(Channel { served: served("TLSv1.2"), stream: None })
        }
        Ok(Err(error)) => Err(failure(&error, peer, &opening)),
    }
}

fn server_name(host: &str, sni: Option<&str>) -> Result<ServerName<'static>, TlsError> {
    match (sni, host.parse::<IpAddr>()) {
        (None, Ok(address)) => Ok(ServerName::IpAddress(address.into())),
        (sni, _) => {
            let name = sni.unwrap_or(host);
            ServerName::try_from(name.to_owned()).map_err(|_| TlsError::ServerName(name.to_owned()))
        }
    }
}

fn config(capture: &Arc<Capture>, asked: &Arc<Asked>) -> Result<ClientConfig, Error> {
    let mut config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(CapturingVerifier(Arc::clone(capture))))
        .with_no_client_auth();
    config.client_auth_cert_resolver = Arc::<Asked>::clone(asked);
    // A resumed session would show no chain.
    config.resumption = rustls::client::Resumption::disabled();
    Ok(config)
}

fn protocol_name(version: Option<ProtocolVersion>) -> &'static str {
    if version == Some(ProtocolVersion::TLSv1_3) { "TLSv1.3" } else { "TLSv1.2" }
}

/// Notes that the server asked for a client's certificate, and has none.
#[derive(Debug, Default)]
struct Asked(AtomicBool);

impl ResolvesClientCert for Asked {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.0.store(true, Ordering::Release);
        None
    }

    fn has_certs(&self) -> bool {
        false
    }
}

fn tls_error(error: &io::Error) -> Option<&Error> {
    error.get_ref()?.downcast_ref()
}

fn is_alert(error: &io::Error) -> bool {
    matches!(tls_error(error), Some(Error::AlertReceived(_)))
}

fn failure(error: &io::Error, peer: SocketAddr, opening: &Opening) -> TlsError {
    let opening = opening.bytes();
    // Some web servers answer what they do not understand with a page and no status line.
    let page = opening
        .get(..5)
        .is_some_and(|start| start.eq_ignore_ascii_case(b"<!doc") || start.eq_ignore_ascii_case(b"<html"));
    if opening.starts_with(b"HTTP/") || page {
        return TlsError::PlainHttp { peer };
    }
    // Every TLS record begins with a type from 20 to 23.
    if opening.first().is_some_and(|first| !(20..=23).contains(first)) {
        let text: String =
            opening.iter().map(|&byte| char::from(byte)).take_while(|&found| found != '\r').collect();
        return TlsError::NotTls { peer, opening: text };
    }
    match tls_error(error) {
        Some(
            Error::AlertReceived(AlertDescription::ProtocolVersion)
            | Error::PeerIncompatible(
                rustls::PeerIncompatible::ServerDoesNotSupportTls12Or13
                | rustls::PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig,
            ),
        ) => TlsError::TooOld { peer },
        Some(Error::AlertReceived(alert)) => TlsError::Alert { peer, alert: format!("{alert:?}") },
        Some(Error::InvalidCertificate(CertificateError::BadSignature)) => TlsError::Signature { peer },
        Some(Error::InvalidCertificate(_)) => TlsError::Certificate { peer },
        Some(other) => TlsError::Failed { peer, message: other.to_string() },
        None if matches!(
            error.kind(),
            io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe
        ) =>
        {
            TlsError::Closed { peer, silent: opening.is_empty() }
        }
        None => TlsError::Failed { peer, message: error.to_string() },
    }
}
