//! The admin API of DTR 2.x and MSR 2.x: its settings are read, its certificate is set, and what it serves is awaited.

use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use modules::certs::read;
use modules::{DtrApi, DtrCredential, DtrSettings, SetDtrTls, Told, digest, is_served};
use serde_json::{Value, json};
use time::OffsetDateTime;

use super::reach;
use crate::net::http::{self, HttpAnswer, HttpError, Request, Trust};

const SETTINGS: &str = "/api/v0/meta/settings";
const HIDDEN: &str = "(hidden)";
/// How often what is served is looked at.
const PAUSE: Duration = Duration::from_millis(250);
/// The longest words of a server that are repeated.
const LONGEST: usize = 400;

/// What is awaited of one request: DTR checks a chain and restarts services, which takes a while.
const PATIENCE: Duration = Duration::from_secs(30);

/// Reads the settings.
///
/// # Errors
/// Why there is no answer, in one line.
pub async fn settings(api: &DtrApi, now: OffsetDateTime, limit: Duration) -> Result<DtrSettings, String> {
    let answer = send(api, None, now, limit).await.map_err(|error| error.to_string())?;
    let json: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let text = |name: &str| json[name].as_str().filter(|text| !text.is_empty()).map(str::to_owned);
    let mut settings = DtrSettings { status: answer.status, ..DtrSettings::default() };
    if answer.status == 200 {
        settings.host = text("dtrHost");
        settings.certificate = text("webTLSCert");
        settings.ca = text("webTLSCA");
        if answer.truncated || !json.is_object() {
            return Err(format!("the answer to GET {SETTINGS} cannot be read"));
        }
    } else {
        settings.message = words(&answer, &json, &secrets(api, None));
    }
    Ok(settings)
}

/// Sets certificate, key and CA, and waits until they are served.
///
/// # Errors
/// The sentence that says what went wrong, and whether anything was changed.
pub async fn set(change: &SetDtrTls, now: OffsetDateTime, limit: Duration) -> Result<Told, String> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let mut body =
        json!({"webTLSCert": text(&change.certificate.bytes), "webTLSKey": text(&change.key.bytes)});
    if let Some(ca) = &change.ca {
        body["webTLSCA"] = text(&ca.bytes).into();
    }
    let begin = Instant::now();
    let sent = send(&change.api, Some(&body.to_string()), now, PATIENCE.max(limit)).await;
    let lost = match sent {
        Ok(answer) if (200..300).contains(&answer.status) => None,
        Ok(answer) => {
            let json: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
            return Err(refusal(answer.status, &words(&answer, &json, &secrets(&change.api, Some(change)))));
        }
        // Sent, perhaps, and not answered: what is served tells.
        Err(
            error @ (HttpError::Io(_) | HttpError::Closed | HttpError::Timeout(_) | HttpError::NotHttp(_)),
        ) => Some(error.to_string()),
        Err(error) => return Err(format!("nothing was sent: {error}")),
    };
    served(change, begin, lost, limit).await
}

/// Waits until the chain is served. An answer that was lost may mean that DTR was already restarting.
async fn served(
    change: &SetDtrTls,
    begin: Instant,
    lost: Option<String>,
    limit: Duration,
) -> Result<Told, String> {
    let registry = &change.api.registry;
    let (mut last, mut away) = (String::new(), None::<Instant>);
    while begin.elapsed() < Duration::from_secs(change.timeout) {
        match reach::served_chain(registry, limit.min(Duration::from_secs(5))).await {
            Ok(served) => {
                let sums: Vec<String> = served.certificates.iter().map(|der| digest(der)).collect();
                if is_served(&sums, &change.chain, change.ends_in_root) {
                    let after = begin.elapsed().as_secs_f64();
                    let seconds = away.map(|since| since.elapsed().as_secs_f64());
                    let down = seconds.map_or_else(
                        || "it was not seen to be away".to_owned(),
                        |seconds| format!("it was away for {seconds:.1} s"),
                    );
                    let line = format!("the new certificate is served {after:.1} s after it was set; {down}");
                    return Ok(Told { line, seconds, saved: None });
                }
                "it still shows another certificate".clone_into(&mut last);
            }
            Err(why) => {
                away.get_or_insert_with(Instant::now);
                last = why;
            }
        }
        tokio::time::sleep(PAUSE).await;
    }
    let seconds = change.timeout;
    Err(match lost {
        Some(why) => format!(
            "whether the certificate was set is not known: the connection was lost before the answer ({why}), and after \
             {seconds} s `{registry}` does not show it: {last}"
        ),
        None => format!(
            "the certificate was accepted, but after {seconds} s `{registry}` does not show it: {last}"
        ),
    })
}

async fn send(
    api: &DtrApi,
    post: Option<&str>,
    now: OffsetDateTime,
    limit: Duration,
) -> Result<HttpAnswer, HttpError> {
    let anchors = read(api.anchors.as_bytes()).unwrap_or_default();
    let anchors = anchors.iter().map(|anchor| anchor.der().to_vec()).collect();
    let trust = Trust::AnchorsOrPins(anchors, api.pins.clone());
    let authorization = authorization(&api.credential);
    let request = Request { authorization: Some(&authorization), post };
    let registry = &api.registry;
    http::send(registry.host(), registry.port(), SETTINGS, request, &trust, now, limit).await
}

fn authorization(credential: &DtrCredential) -> String {
    match credential {
        DtrCredential::Basic { username, password } => {
            format!("Basic {}", STANDARD.encode(format!("{username}:{}", password.reveal())))
        }
        DtrCredential::Token(token) => format!("Bearer {}", token.reveal()),
    }
}

/// A word that tells apart who asks, to keep answers by. It is not shown.
pub fn asker(api: &DtrApi) -> String {
    digest(authorization(&api.credential).as_bytes())
}

/// What must not be repeated, should the server say it.
fn secrets(api: &DtrApi, change: Option<&SetDtrTls>) -> Vec<String> {
    let header = authorization(&api.credential);
    let mut found = vec![header.rsplit(' ').next().unwrap_or_default().to_owned()];
    if let DtrCredential::Basic { password, .. } = &api.credential {
        found.push(password.reveal().to_owned());
    }
    let key =
        change.map(|change| String::from_utf8_lossy(&change.key.bytes).into_owned()).unwrap_or_default();
    found.extend(key.lines().map(|line| line.trim().to_owned()).filter(|line| !line.starts_with("-----")));
    found.retain(|secret| !secret.is_empty());
    found
}

/// What the server says of an error, without secrets.
fn words(answer: &HttpAnswer, json: &Value, secrets: &[String]) -> String {
    let said = match (answer.redirect(), json["errors"].as_array()) {
        (Some(to), _) => to.to_owned(),
        (None, Some(errors)) => {
            let word = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            let line = |error: &Value| {
                let parts = ["code", "message", "detail"].map(|name| &error[name]);
                parts.into_iter().filter(|part| !part.is_null()).map(word).collect::<Vec<_>>().join(": ")
            };
            errors.iter().map(line).collect::<Vec<_>>().join("; ")
        }
        (None, None) => String::from_utf8_lossy(&answer.body).into_owned(),
    };
    let said = secrets.iter().fold(said, |said, secret| said.replace(secret.as_str(), HIDDEN));
    let line: String = said.chars().map(|c| if c.is_control() { ' ' } else { c }).take(LONGEST).collect();
    line.trim().to_owned()
}

fn refusal(status: u16, said: &str) -> String {
    match status {
        300..=399 => {
            format!("nothing was set: it answers with a redirect to `{said}`, where credentials are not sent")
        }
        400 => format!("nothing was set: DTR refuses the settings: {said}"),
        401 | 403 => {
            format!("nothing was set: the credentials are not those of an administrator ({status}): {said}")
        }
        500..=599 => format!("DTR failed, and what it has set is not known ({status}): {said}"),
        _ => format!("nothing was set: DTR answers with {status}: {said}"),
    }
}
