//! One request over HTTP/1.1, as much as a registry's `/v2/` and an admin API need. Redirects are reported, not followed.

use std::io;
use std::time::Duration;

use modules::certs::{CertError, Certificate, HostError, Pin, RegistryHost, Verdict, verify};
use time::OffsetDateTime;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::time::timeout_at;

use super::connect::{ConnectError, Deadline, connect};
use super::tls::{self, TlsError};

const LARGEST_HEAD: usize = 32 * 1024;
const LARGEST_BODY: usize = 64 * 1024;
/// Chunks of one byte each are six times their content.
const LARGEST_CHUNKED: usize = 8 * LARGEST_BODY;
const MOST_HEADERS: usize = 100;

/// What the server has to prove.
#[derive(Clone, Debug)]
pub enum Trust {
    /// A chain that dockerd would accept with these anchors (DER).
    Anchors(Vec<Vec<u8>>),
    /// A chain that dockerd would accept with these anchors (DER), or one of which a certificate has one of these pins: the
    /// server's own, or a CA that vouches for it.
    AnchorsOrPins(Vec<Vec<u8>>, Vec<Pin>),
    /// Nothing, but TLS it is.
    Unverified,
    /// Nothing, and no TLS.
    Plain,
}

/// The answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpAnswer {
    /// The status.
    pub status: u16,
    /// All headers in their order; names as sent.
    pub headers: Vec<(String, String)>,
    /// The body, at most 64 KiB of it.
    pub body: Vec<u8>,
    /// There was more of the body, or it ended too early.
    pub truncated: bool,
    /// The chain that the server showed, in DER.
    pub chain: Vec<Vec<u8>>,
}

impl HttpAnswer {
    /// A header's first value, whatever the case of its name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    /// Where a redirect leads.
    #[must_use]
    pub fn redirect(&self) -> Option<&str> {
        matches!(self.status, 301 | 302 | 303 | 307 | 308).then(|| self.header("location")).flatten()
    }
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HttpError {
    /// The host is none.
    #[error(transparent)]
    Host(#[from] HostError),
    /// The path is none.
    #[error("`{0}` is no path: it begins with `/` and has no blanks or control characters")]
    Path(String),
    /// No connection.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// No handshake.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The engine would not accept the chain.
    #[error("the server's certificate is not accepted: {}", .0.with_note())]
    Untrusted(Verdict),
    /// Neither an anchor nor a pin.
    #[error("the server's certificate ({shown}) matches no pin{}", .verdict.as_ref().map(|verdict| format!(", and is not accepted: {}", verdict.with_note())).unwrap_or_default())]
    Unpinned {
        /// The pin that it would match.
        shown: Pin,
        /// What the engine would say with the anchors, where there are any.
        verdict: Option<Verdict>,
    },
    /// A secret would go over the wire in clear.
    #[error("credentials are not sent without TLS")]
    PlainSecret,
    /// A certificate cannot be read.
    #[error("certificate {index} of {whose} cannot be read: {source}")]
    Certificate {
        /// Counted from 1.
        index: usize,
        /// Whose it is.
        whose: &'static str,
        /// What is wrong with it.
        source: CertError,
    },
    /// The server wants to know who asks.
    #[error("the server ends the connection without a client's certificate")]
    ClientCertificate,
    /// No answer in time.
    #[error("no complete answer within {} s", .0.as_secs_f32())]
    Timeout(Duration),
    /// Not HTTP.
    #[error("the answer is no HTTP/1.1: {0}")]
    NotHttp(String),
    /// It ended before the headers did.
    #[error("the server closed the connection before it had answered")]
    Closed,
    /// The head has no end.
    #[error("the answer's headers exceed {LARGEST_HEAD} bytes")]
    HeadTooLarge,
    /// Reading or writing failed.
    #[error("the connection failed: {0}")]
    Io(io::Error),
}

/// What is asked of a server, beside the path.
#[derive(Clone, Copy, Default)]
pub struct Request<'a> {
    /// The value of `Authorization`: a secret.
    pub authorization: Option<&'a str>,
    /// JSON, to be posted; else it is a GET. It may hold secrets.
    pub post: Option<&'a str>,
}

/// Asks `host` (IPv6 without brackets) for `path`, all within `limit`.
///
/// # Errors
/// As [`send`].
pub async fn get(
    host: &str,
    port: u16,
    path: &str,
    trust: &Trust,
    now: OffsetDateTime,
    limit: Duration,
) -> Result<HttpAnswer, HttpError> {
    send(host, port, path, Request::default(), trust, now, limit).await
}

/// Sends a request to `host` (IPv6 without brackets), all within `limit`. A chain is judged for `now` before a byte of the
/// request is sent.
///
/// # Errors
/// When there is no answer, or none that may be believed.
pub async fn send(
    host: &str,
    port: u16,
    path: &str,
    what: Request<'_>,
    trust: &Trust,
    now: OffsetDateTime,
    limit: Duration,
) -> Result<HttpAnswer, HttpError> {
    let bracketed = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
    let registry: RegistryHost = format!("{bracketed}:{port}").parse()?;
    if !path.starts_with('/') || !path.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(HttpError::Path(path.to_owned()));
    }
    let deadline = Deadline::after(limit);
    let default = if matches!(trust, Trust::Plain) { 80 } else { 443 };
    let authority = if port == default { bracketed } else { registry.to_string() };
    let request = what.text(path, &authority);
    if matches!(trust, Trust::Plain) && (what.authorization.is_some() || what.post.is_some()) {
        return Err(HttpError::PlainSecret);
    }
    if matches!(trust, Trust::Plain) {
        let (stream, _) = connect(host, port, deadline).await?;
        return within(deadline, exchange(stream, &request)).await;
    }
    let channel = tls::open(host, port, registry.server_name(), &[b"http/1.1"], deadline).await?;
    if let Trust::Anchors(anchors) = trust {
        judge(&channel.served.chain, anchors, &registry, now)?;
    }
    if let Trust::AnchorsOrPins(anchors, pins) = trust {
        judge_or_pin(&channel.served.chain, anchors, pins, &registry, now)?;
    }
    let stream = channel.stream.ok_or(HttpError::ClientCertificate)?;
    match within(deadline, exchange(stream, &request)).await {
        Ok(answer) => Ok(HttpAnswer { chain: channel.served.chain, ..answer }),
        // In TLS 1.3 the refusal comes only after the handshake.
        Err(HttpError::Io(_) | HttpError::Closed) if channel.served.asks_for_client_certificate => {
            Err(HttpError::ClientCertificate)
        }
        Err(error) => Err(error),
    }
}

impl Request<'_> {
    fn text(&self, path: &str, authority: &str) -> String {
        let method = if self.post.is_some() { "POST" } else { "GET" };
        let mut text = format!(
            "{method} {path} HTTP/1.1\r\nHost: {authority}\r\nUser-Agent: dtrctl/{}\r\nAccept: */*\r\nConnection: close\r\n",
            env!("CARGO_PKG_VERSION")
        );
        if let Some(value) = self.authorization {
            text += &format!("Authorization: {value}\r\n");
        }
        if let Some(body) = self.post {
            text +=
                &format!("Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}", body.len());
            return text;
        }
        text + "\r\n"
    }
}

/// Whether the server's own certificate has a pin, or one that vouches for it does; else by the anchors.
fn judge_or_pin(
    chain: &[Vec<u8>],
    anchors: &[Vec<u8>],
    pins: &[Pin],
    host: &RegistryHost,
    now: OffsetDateTime,
) -> Result<(), HttpError> {
    let sent = read_all(chain, "the server's chain")?;
    let leaf = sent.first().ok_or(HttpError::Closed)?;
    let pinned = |certificate: &Certificate| pins.iter().any(|pin| pin.matches(certificate));
    let vouches = |ca: &Certificate| verify(leaf, &sent[1..], std::slice::from_ref(ca), host, now).is_ok();
    if pinned(leaf) || sent[1..].iter().any(|ca| pinned(ca) && vouches(ca)) {
        return Ok(());
    }
    let shown = Pin::of(leaf);
    if anchors.is_empty() {
        return Err(HttpError::Unpinned { shown, verdict: None });
    }
    match judge(chain, anchors, host, now) {
        Err(HttpError::Untrusted(verdict)) => Err(HttpError::Unpinned { shown, verdict: Some(verdict) }),
        other => other,
    }
}

fn judge(
    chain: &[Vec<u8>],
    anchors: &[Vec<u8>],
    host: &RegistryHost,
    now: OffsetDateTime,
) -> Result<(), HttpError> {
    let sent = read_all(chain, "the server's chain")?;
    let anchors = read_all(anchors, "the anchors")?;
    let leaf = sent.first().ok_or(HttpError::Closed)?;
    verify(leaf, &sent[1..], &anchors, host, now).map_err(HttpError::Untrusted)?;
    Ok(())
}

fn read_all(ders: &[Vec<u8>], whose: &'static str) -> Result<Vec<Certificate>, HttpError> {
    let read = |(index, der): (usize, &Vec<u8>)| {
        Certificate::from_der(der).map_err(|source| HttpError::Certificate {
            index: index + 1,
            whose,
            source,
        })
    };
    ders.iter().enumerate().map(read).collect()
}

async fn within<T>(
    deadline: Deadline,
    work: impl Future<Output = Result<T, HttpError>>,
) -> Result<T, HttpError> {
    timeout_at(deadline.at, work).await.map_err(|_| HttpError::Timeout(deadline.limit))?
}

async fn exchange(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    request: &str,
) -> Result<HttpAnswer, HttpError> {
    stream.write_all(request.as_bytes()).await.map_err(HttpError::Io)?;
    stream.flush().await.map_err(HttpError::Io)?;
    let mut received = Vec::new();
    let head = loop {
        match head(&received)? {
            Some(head) if (100..200).contains(&head.status) => {
                received.drain(..head.length);
                continue;
            }
            Some(head) => break head,
            None if received.len() > LARGEST_HEAD => return Err(HttpError::HeadTooLarge),
            None => {}
        }
        if read_more(&mut stream, &mut received).await? == 0 {
            return Err(HttpError::Closed);
        }
    };
    received.drain(..head.length);
    let (body, truncated) = body(&mut stream, received, head.framing()?).await?;
    Ok(HttpAnswer { status: head.status, headers: head.headers, body, truncated, chain: Vec::new() })
}

/// A peer that ends TLS without saying so counts as one that closed.
async fn read_more(stream: &mut (impl AsyncRead + Unpin), into: &mut Vec<u8>) -> Result<usize, HttpError> {
    match stream.read_buf(into).await {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(0),
        other => other.map_err(HttpError::Io),
    }
}

struct Head {
    status: u16,
    headers: Vec<(String, String)>,
    length: usize,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Framing {
    Length(usize),
    Chunked,
    UntilClose,
}

fn head(received: &[u8]) -> Result<Option<Head>, HttpError> {
    let mut headers = [httparse::EMPTY_HEADER; MOST_HEADERS];
    let mut response = httparse::Response::new(&mut headers);
    let parsed = response.parse(received).map_err(|error| HttpError::NotHttp(error.to_string()))?;
    let httparse::Status::Complete(length) = parsed else { return Ok(None) };
    let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
    let headers = response.headers.iter().map(|header| (header.name.to_owned(), text(header.value)));
    Ok(Some(Head { status: response.code.unwrap_or_default(), headers: headers.collect(), length }))
}

impl Head {
    fn framing(&self) -> Result<Framing, HttpError> {
        let all = |name: &str| {
            let named = self.headers.iter().filter(move |(key, _)| key.eq_ignore_ascii_case(name));
            named.map(|(_, value)| value.trim().to_owned()).collect::<Vec<_>>()
        };
        if matches!(self.status, 204 | 304) {
            return Ok(Framing::Length(0));
        }
        let (codings, mut lengths) = (all("transfer-encoding"), all("content-length"));
        lengths.dedup();
        match (codings.as_slice(), lengths.as_slice()) {
            ([], []) => Ok(Framing::UntilClose),
            ([], [length]) => {
                let bad = || HttpError::NotHttp(format!("its length is `{length}`"));
                length.parse().map(Framing::Length).map_err(|_| bad())
            }
            ([coding], []) if coding.eq_ignore_ascii_case("chunked") => Ok(Framing::Chunked),
            _ => Err(HttpError::NotHttp("it states its length in several ways".to_owned())),
        }
    }
}

async fn body(
    stream: &mut (impl AsyncRead + Unpin),
    mut received: Vec<u8>,
    framing: Framing,
) -> Result<(Vec<u8>, bool), HttpError> {
    let most = match framing {
        Framing::Length(length) => length.min(LARGEST_BODY),
        Framing::Chunked => LARGEST_CHUNKED,
        Framing::UntilClose => LARGEST_BODY + 1,
    };
    let mut open = true;
    while open && received.len() < most && !(framing == Framing::Chunked && chunks(&received)?.1) {
        open = read_more(stream, &mut received).await? > 0;
    }
    let (mut body, complete) = match framing {
        Framing::Length(length) => {
            received.truncate(length);
            let complete = received.len() == length;
            (received, complete)
        }
        Framing::Chunked => chunks(&received)?,
        Framing::UntilClose => (received, !open),
    };
    let truncated = !complete || body.len() > LARGEST_BODY;
    body.truncate(LARGEST_BODY);
    Ok((body, truncated))
}

/// The content of the chunks so far, and whether the last one is among them.
fn chunks(mut received: &[u8]) -> Result<(Vec<u8>, bool), HttpError> {
    let mut body = Vec::new();
    loop {
        let size = httparse::parse_chunk_size(received)
            .map_err(|_| HttpError::NotHttp("a chunk has no size".to_owned()))?;
        let httparse::Status::Complete((start, size)) = size else { return Ok((body, false)) };
        if size == 0 {
            return Ok((body, true));
        }
        let rest = &received[start..];
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        let Some(after) = size.checked_add(2).and_then(|end| rest.get(end..)) else {
            body.extend_from_slice(&rest[..rest.len().min(size)]);
            return Ok((body, false));
        };
        body.extend_from_slice(&rest[..size]);
        received = after;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn answer(text: &[u8]) -> Result<HttpAnswer, HttpError> {
        let (near, mut far) = tokio::io::duplex(1 << 20);
        far.write_all(text).await.unwrap();
        let mut request = [0; 16];
        let client = exchange(near, "GET / HTTP/1.1\r\n");
        let server = async {
            far.read_exact(&mut request).await.unwrap();
            far.shutdown().await.unwrap();
        };
        tokio::join!(client, server).0
    }

    #[tokio::test]
    async fn bodies_in_all_framings() {
        let plain = answer(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}rest").await.unwrap();
        assert_eq!((plain.status, &plain.body[..], plain.truncated), (200, &b"{}"[..], false));
        let chunked =
            b"HTTP/1.1 401 No\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n";
        let chunked = answer(chunked).await.unwrap();
        assert_eq!((chunked.status, &chunked.body[..], chunked.truncated), (401, &b"abcde"[..], false));
        let closed = answer(b"HTTP/1.0 200 OK\r\n\r\nhello").await.unwrap();
        assert_eq!((&closed.body[..], closed.truncated), (&b"hello"[..], false));
        let early = answer(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc").await.unwrap();
        assert_eq!((&early.body[..], early.truncated), (&b"abc"[..], true));
        let none = answer(b"HTTP/1.1 204 No\r\nContent-Length: 9\r\n\r\n").await.unwrap();
        assert_eq!((none.body.len(), none.truncated), (0, false));
        let continued =
            answer(b"HTTP/1.1 100 Go\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await.unwrap();
        assert_eq!(continued.status, 200);
    }

    #[tokio::test]
    async fn a_body_without_end_is_cut() {
        let mut text = b"HTTP/1.1 200 OK\r\n\r\n".to_vec();
        text.resize(text.len() + 2 * LARGEST_BODY, b'x');
        let cut = answer(&text).await.unwrap();
        assert_eq!((cut.body.len(), cut.truncated), (LARGEST_BODY, true));
    }

    #[tokio::test]
    async fn what_is_no_answer_is_refused() {
        let error = async |text: &[u8]| answer(text).await.unwrap_err();
        assert!(matches!(error(b"").await, HttpError::Closed));
        assert!(matches!(error(b"SSH-2.0-x\r\n").await, HttpError::NotHttp(_)));
        assert!(matches!(error(b"HTTP/1.1 200 OK\r\nA: b").await, HttpError::Closed));
        let both = b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n";
        assert!(matches!(error(both).await, HttpError::NotHttp(_)));
        let two = b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n";
        assert!(matches!(error(two).await, HttpError::NotHttp(_)));
        let size = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n";
        assert!(matches!(error(size).await, HttpError::NotHttp(_)));
        let mut long = b"HTTP/1.1 200 OK\r\nA: ".to_vec();
        long.resize(LARGEST_HEAD + 2, b'x');
        assert!(matches!(error(&long).await, HttpError::HeadTooLarge | HttpError::Closed));
    }
}
