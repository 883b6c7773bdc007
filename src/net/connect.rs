//! A TCP connection to the first address of a host that answers.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::{TcpStream, lookup_host};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout_at};

/// How long one address has before the next is tried beside it (RFC 8305 says 250 ms).
const HEAD_START: Duration = Duration::from_millis(250);
/// A name with more addresses than this is a mistake or an attack.
const MOST_ADDRESSES: usize = 16;

/// Why no connection came about.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The name has no address.
    #[error("`{host}` cannot be resolved: {source}; check the name, and the resolver of this machine")]
    Dns {
        /// The name.
        host: String,
        /// What the resolver said.
        source: io::Error,
    },
    /// The name resolves to nothing.
    #[error("`{host}` has no address")]
    NoAddress {
        /// The name.
        host: String,
    },
    /// Nobody listens there.
    #[error("{addresses} refused the connection: is the registry running, and is that its port?")]
    Refused {
        /// Every address that was tried.
        addresses: String,
    },
    /// No way there.
    #[error("{addresses} cannot be reached: {source}")]
    Unreachable {
        /// Every address that was tried.
        addresses: String,
        /// What the last attempt said.
        source: io::Error,
    },
    /// No answer in time.
    #[error("no connection to `{host}` port {port} within {} s: a firewall that drops, or a host that is down", limit.as_secs_f32())]
    Timeout {
        /// The name.
        host: String,
        /// The port.
        port: u16,
        /// The time that was given.
        limit: Duration,
    },
}

/// Until when something has to be done, and how long that was.
#[derive(Clone, Copy, Debug)]
pub(super) struct Deadline {
    pub at: Instant,
    pub limit: Duration,
}

impl Deadline {
    pub(super) fn after(limit: Duration) -> Self {
        Self { at: Instant::now() + limit, limit }
    }
}

/// Connects to a name or an address (IPv6 without brackets).
pub(super) async fn connect(
    host: &str,
    port: u16,
    deadline: Deadline,
) -> Result<(TcpStream, SocketAddr), ConnectError> {
    let late = || ConnectError::Timeout { host: host.to_owned(), port, limit: deadline.limit };
    let attempt = async {
        let found = lookup_host((host, port))
            .await
            .map_err(|source| ConnectError::Dns { host: host.to_owned(), source })?;
        let addresses: Vec<SocketAddr> = found.take(MOST_ADDRESSES).collect();
        if addresses.is_empty() {
            return Err(ConnectError::NoAddress { host: host.to_owned() });
        }
        race(&alternate(&addresses)).await
    };
    timeout_at(deadline.at, attempt).await.map_err(|_| late())?
}

/// The resolver's order, with the two families in turn, so that a broken one costs one head start.
fn alternate(addresses: &[SocketAddr]) -> Vec<SocketAddr> {
    let first_is_v6 = addresses.first().is_some_and(SocketAddr::is_ipv6);
    let (mut first, mut other) =
        addresses.iter().partition::<Vec<_>, _>(|address| address.is_ipv6() == first_is_v6);
    let mut ordered = Vec::with_capacity(addresses.len());
    first.reverse();
    other.reverse();
    while let Some(address) = first.pop().or_else(|| other.pop()) {
        ordered.push(address);
        ordered.extend(other.pop());
    }
    ordered
}

async fn race(addresses: &[SocketAddr]) -> Result<(TcpStream, SocketAddr), ConnectError> {
    let mut attempts = JoinSet::new();
    for (delay, &address) in
        std::iter::successors(Some(Duration::ZERO), |last| Some(*last + HEAD_START)).zip(addresses)
    {
        attempts.spawn(async move {
            sleep(delay).await;
            TcpStream::connect(address).await.map(|stream| (stream, address))
        });
    }
    let mut failure = io::Error::from(io::ErrorKind::NotConnected);
    while let Some(ended) = attempts.join_next().await {
        match ended {
            Ok(Ok(connected)) => return Ok(connected),
            Ok(Err(error)) => failure = error,
            Err(_) => {}
        }
    }
    let addresses = addresses.iter().map(SocketAddr::to_string).collect::<Vec<_>>().join(", ");
    Err(match failure.kind() {
        io::ErrorKind::ConnectionRefused => ConnectError::Refused { addresses },
        _ => ConnectError::Unreachable { addresses, source: failure },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_take_turns() {
        let all: Vec<SocketAddr> = ["[::1]:1", "[::2]:1", "[::3]:1", "10.0.0.1:1"]
            .iter()
            .map(|text| text.parse().unwrap())
            .collect();
        let ordered: Vec<String> = alternate(&all).iter().map(SocketAddr::to_string).collect();
        assert_eq!(ordered, ["[::1]:1", "10.0.0.1:1", "[::2]:1", "[::3]:1"]);
        assert_eq!(alternate(&[]), []);
    }
}
