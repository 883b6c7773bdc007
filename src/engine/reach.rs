//! From what goes wrong on the way to a host or registry to what is said about it.

use std::time::Duration;

use modules::certs::{RegistryHost, read};
use modules::{HttpAnswer, HttpTrust, ServedChain};
use time::OffsetDateTime;

use crate::event::Reason;
use crate::net::http::{self, HttpError, Trust};
use crate::net::tls;
use crate::transport::{Cause, Phase, TransportError};

/// A registry's chain as it is sent.
///
/// # Errors
/// Why there is none, in one line.
pub async fn served_chain(registry: &RegistryHost, limit: Duration) -> Result<ServedChain, String> {
    let served = tls::handshake(registry.host(), registry.port(), registry.server_name(), limit).await;
    served.map(|served| ServedChain { certificates: served.chain }).map_err(|error| error.to_string())
}

/// `GET /v2/` of a registry.
///
/// # Errors
/// Why there is no answer, in one line.
pub async fn version_check(
    registry: &RegistryHost,
    trust: &HttpTrust,
    now: OffsetDateTime,
    limit: Duration,
) -> Result<HttpAnswer, String> {
    let get =
        async |trust: Trust| http::get(registry.host(), registry.port(), "/v2/", &trust, now, limit).await;
    let (answer, plain) = match trust {
        HttpTrust::Anchors(pem) => {
            let anchors = read(pem.as_bytes()).map_err(|error| error.to_string())?;
            (get(Trust::Anchors(anchors.iter().map(|anchor| anchor.der().to_vec()).collect())).await, false)
        }
        // As dockerd: HTTPS whatever its certificate, then plain HTTP.
        HttpTrust::Insecure => match get(Trust::Unverified).await {
            Ok(answer) => (Ok(answer), false),
            Err(HttpError::Tls(_)) => (get(Trust::Plain).await, true),
            Err(error) => (Err(error), false),
        },
    };
    let answer = answer.map_err(|error| error.to_string())?;
    Ok(HttpAnswer {
        status: answer.status,
        api_version: answer.header("docker-distribution-api-version").map(str::to_owned),
        authenticate: answer.header("www-authenticate").map(str::to_owned),
        body: String::from_utf8_lossy(&answer.body).into_owned(),
        plain,
    })
}

/// What a report says of a script that did not come to its end.
#[must_use]
pub fn reason(error: &TransportError) -> Reason {
    let by_hand = error.attempt.as_ref().map(|command| format!("; to see it by hand: {command}"));
    Reason {
        kind: kind(&error.cause).to_owned(),
        message: error.cause.to_string(),
        help: Some(format!("{}{}", error.cause.advice(), by_hand.unwrap_or_default())),
        place: None,
    }
}

const fn kind(cause: &Cause) -> &'static str {
    match cause {
        Cause::Name { .. } | Cause::Option { .. } | Cause::Password => "inventory",
        Cause::Script { .. } | Cause::Local { .. } | Cause::Sockets { .. } => "controller",
        Cause::Dns { .. } => "dns",
        Cause::Tcp { .. } => "tcp",
        Cause::HostKey { .. } => "host_key",
        Cause::Authentication { .. } => "authentication",
        Cause::Master { .. } | Cause::Session { .. } => "ssh",
        Cause::Sudo { .. } => "sudo",
        Cause::Become { .. } => "become",
        Cause::Shell { .. } | Cause::Ended { .. } => "shell",
        Cause::DiskFull { .. } => "disk_full",
        Cause::Timeout { .. } => "timeout",
        Cause::Cut { .. } => "cut",
        Cause::TooMuchOutput { .. } => "output",
    }
}

/// Whether the host itself could not be reached, or was lost: anything else is a failure on a host that answers.
#[must_use]
pub const fn is_unreachable(cause: &Cause) -> bool {
    matches!(
        cause,
        Cause::Dns { .. }
            | Cause::Tcp { .. }
            | Cause::HostKey { .. }
            | Cause::Authentication { .. }
            | Cause::Master { .. }
            | Cause::Session { .. }
            | Cause::Timeout { phase: Phase::Connect | Phase::Session | Phase::Upload, .. }
            | Cause::Cut { .. }
    )
}
