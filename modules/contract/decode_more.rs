//! Answers about services, checksums and requests, from the host's key=value lines.

use super::answer::AskError;
use super::decode::{Lines, act_output, attributes, garbled, owned, path, text, unreadable};
use super::path::HostPath;
use super::request::Response;
use super::service::ServiceState;

pub(super) fn summed(at: &HostPath, lines: Lines<'_>) -> Result<super::Summed, AskError> {
    let attributes = || attributes(lines.get("stat").ok_or_else(|| garbled("stat"))?);
    let word = |key| lines.get(key).unwrap_or_default().to_owned();
    match lines.get("kind") {
        _ if lines.get("error").is_some() => Err(unreadable(at)),
        Some("absent") => Ok(super::Summed::Absent),
        Some("dir") => Ok(super::Summed::Directory),
        Some("file") => Ok(super::Summed::File(attributes()?, word("digest"), word("sum"))),
        _ => Ok(super::Summed::Other),
    }
}

/// Reads what a request that is a change has printed.
pub fn response_of(body: &str) -> Result<Response, AskError> {
    response(Lines(&act_output(body)))
}

pub(super) fn response(lines: Lines<'_>) -> Result<Response, AskError> {
    let seen = lines.text("seen")?;
    let fields: Vec<&str> = seen.splitn(4, ' ').collect();
    let mut response = Response {
        error: lines.get("error").map(|_| lines.text("error")).transpose()?,
        cut: lines.get("large").is_some(),
        body: lines.bytes("body")?,
        ..Response::default()
    };
    if let [status, redirects, seconds, url] = fields[..] {
        response.status = status.parse().ok().filter(|status| *status > 0 && response.error.is_none());
        response.redirected = redirects != "0";
        response.elapsed = seconds.split(['.', ',']).next().and_then(|whole| whole.parse().ok()).unwrap_or(0);
        url.clone_into(&mut response.url);
    }
    // Those of a redirect or of a proxy stand before the ones that count.
    let text = lines.text("headers")?;
    for line in text.lines() {
        if line.starts_with("HTTP/") {
            response.headers.clear();
            line.splitn(3, ' ').nth(2).unwrap_or_default().trim().clone_into(&mut response.reason);
        } else if let Some((name, value)) = line.split_once(':') {
            let (name, value) = (name.trim().to_ascii_lowercase(), value.trim().to_owned());
            if name == "set-cookie" {
                let cookie = value.split(';').next().and_then(|pair| pair.split_once('='));
                response.cookies.extend(cookie.map(owned));
            }
            let known = response.headers.remove(&name);
            response.headers.insert(name, known.map_or(value.clone(), |known| format!("{known}, {value}")));
        }
    }
    Ok(response)
}

pub(super) fn service(ask: &super::AskService, lines: Lines<'_>) -> Result<ServiceState, AskError> {
    if ask.manager != "systemd" {
        let script = lines.get("script").map(path).transpose()?;
        let enabled = lines.get("starts").map(|word| word == "yes");
        let running = lines.get("running").is_some();
        return Ok(ServiceState {
            found: script.is_some(),
            running,
            enabled,
            script,
            ..ServiceState::default()
        });
    }
    let mut status = Vec::new();
    for line in lines.all("property") {
        status.extend(text(line)?.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned())));
    }
    let of =
        |name: &str| status.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value.as_str());
    let (word, rc) = lines.get("enabled").and_then(|line| line.split_once(' ')).unwrap_or_default();
    Ok(ServiceState {
        found: !matches!(of("LoadState"), "" | "not-found"),
        running: matches!(of("ActiveState"), "active" | "activating" | "reloading"),
        // What is to be enabled for good is not, where that holds until the next start alone.
        enabled: Some(rc == "0" && !matches!(word, "enabled-runtime" | "indirect" | "alias")),
        masked: word.starts_with("masked") || of("LoadState") == "masked",
        stale: of("NeedDaemonReload") == "yes" || lines.get("stale").is_some(),
        transient: of("Type") == "oneshot" && of("RemainAfterExit") == "no",
        script: None,
        status,
    })
}
