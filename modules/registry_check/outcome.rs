//! What each viewpoint shows.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::contract::{HostCheck, HttpAnswer, Resolved};
use crate::trouble::Trouble;

use super::{Expect, RegistryCheck};

/// From where a registry is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Viewpoint {
    /// The machine that runs dtrctl.
    Controller,
    /// The host's own programs.
    Host,
    /// The host's docker daemon.
    Daemon,
    /// The host's resolver: whether it knows the registry's name.
    Resolver,
}

impl Viewpoint {
    pub const ALL: [Self; 4] = [Self::Controller, Self::Host, Self::Daemon, Self::Resolver];
    pub const DEFAULT: [Self; 3] = [Self::Controller, Self::Host, Self::Daemon];

    pub const fn word(self) -> &'static str {
        match self {
            Self::Controller => "controller",
            Self::Host => "host",
            Self::Daemon => "daemon",
            Self::Resolver => "resolver",
        }
    }

    /// Its name in a sentence.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Controller => "the controller",
            Self::Host => "the host's curl",
            Self::Daemon => "the docker daemon",
            Self::Resolver => "the host's resolver",
        }
    }
}

/// What it shows.
#[derive(Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The certificate is accepted.
    Trusted(String),
    /// The registry answers, and its certificate is not accepted.
    Untrusted { message: String, trouble: Trouble },
    /// The registry is used without judging its certificate.
    Insecure(String),
    /// It answers; nothing is said of trust.
    Alive(String),
    /// It does not answer as it should; `away` where it cannot be reached at all.
    Failed { message: String, help: String, away: bool },
    /// Nothing could be seen.
    Skipped(String),
}

impl Outcome {
    pub fn not_asked() -> Self {
        Self::Skipped("it was not asked".to_owned())
    }

    pub fn failed(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self::Failed { message: message.into(), help: help.into(), away: false }
    }

    fn of_trouble(check: &RegistryCheck, message: String, trouble: Trouble) -> Self {
        Self::Failed { message, help: trouble.help(&check.registry), away: trouble.is_away() }
    }

    /// A fault in the words of whoever met it.
    pub fn fault(check: &RegistryCheck, message: &str) -> Self {
        let trouble = Trouble::of(message);
        if trouble.is_distrust() {
            return Self::Untrusted { message: message.to_owned(), trouble };
        }
        Self::of_trouble(check, message.to_owned(), trouble)
    }

    pub const fn status(&self) -> &'static str {
        match self {
            Self::Trusted(_) => "trusted",
            Self::Untrusted { .. } => "untrusted",
            Self::Insecure(_) => "insecure",
            Self::Alive(_) => "alive",
            Self::Failed { .. } => "failed",
            Self::Skipped(_) => "skipped",
        }
    }

    pub fn message(&self) -> &str {
        match self {
            Self::Trusted(message)
            | Self::Insecure(message)
            | Self::Alive(message)
            | Self::Skipped(message)
            | Self::Untrusted { message, .. }
            | Self::Failed { message, .. } => message,
        }
    }

    pub fn json(&self) -> Value {
        json!({"status": self.status(), "message": self.message()})
    }

    /// What to do where this was not expected.
    pub fn help(&self, check: &RegistryCheck) -> Option<String> {
        match self {
            Self::Failed { help, .. } => Some(help.clone()),
            Self::Untrusted { trouble: Trouble::SystemStore, .. } => Some(format!(
                "curl and most programs read the system's store alone, and docker does not need it: where they shall trust the registry too, install its anchor with playbooks/trust-registry.yml (`-e registry={} -e stores=docker,system`)",
                check.registry
            )),
            Self::Untrusted { trouble: Trouble::Certificate, .. } => {
                Some(Trouble::UnknownAuthority.help(&check.registry))
            }
            Self::Untrusted { trouble, .. } => Some(trouble.help(&check.registry)),
            Self::Trusted(_) if check.expect == Expect::Untrusted => Some(
                "another certificate vouches for it: look at the warnings of `install_anchor`; a daemon that has read the system's store trusts it until it is restarted (`-e restart=true`)".to_owned(),
            ),
            Self::Insecure(_) => Some(format!(
                "the daemon has `{}` among its insecure registries, and judges no certificate of it: playbooks/insecure-registry.yml with `-e state=absent` takes it out",
                check.registry
            )),
            _ => None,
        }
    }

    /// The controller's own request.
    pub fn of_controller(check: &RegistryCheck, answer: &Result<HttpAnswer, String>) -> Self {
        let answer = match answer {
            Ok(answer) => answer,
            Err(message) => return Self::fault(check, message),
        };
        if answer.plain && !check.insecure {
            return Self::failed("the registry answers in plain HTTP", Trouble::Plain.help(&check.registry));
        }
        if !is_alive(answer.status) {
            return odd_status(check, answer.status);
        }
        if is_page(&answer.body) && answer.api_version.is_none() {
            return Self::page(check, answer.status);
        }
        let said = status(answer.status);
        match (answer.plain, &check.trust) {
            (true, _) => Self::Alive(format!("{said}, in plain HTTP")),
            (false, Some(_)) if !check.insecure => {
                Self::Trusted(format!("{said}, with a certificate that the given ones vouch for"))
            }
            _ => Self::Alive(format!("{said}; its certificate was not judged")),
        }
    }

    /// The host's curl, which knows the system's store alone.
    pub fn of_host(check: &RegistryCheck, seen: &HostCheck, plain: Option<&HostCheck>) -> Self {
        let Some(curl) = seen.curl else {
            return match seen.resolves {
                Some(false) => {
                    let message = format!("the host does not resolve `{}`", check.registry.host());
                    Self::of_trouble(check, message, Trouble::Name)
                }
                _ => Self::Skipped("the host has no curl".to_owned()),
            };
        };
        if check.insecure
            && let Some(plain) = plain
            && plain.curl == Some(0)
            && is_alive(plain.status)
        {
            return Self::Alive(format!("{}, in plain HTTP", status(plain.status)));
        }
        match curl {
            0 if is_alive(seen.status) && is_page(&seen.body) => Self::page(check, seen.status),
            0 if is_alive(seen.status) && check.insecure => Self::Alive(status(seen.status)),
            0 if is_alive(seen.status) => {
                Self::Trusted(format!("{}: the system's store vouches for it", status(seen.status)))
            }
            0 => odd_status(check, seen.status),
            51 | 60 if check.insecure => Self::Alive(
                "it answers, with a certificate that the system's store does not vouch for".to_owned(),
            ),
            51 | 60 => Self::of_curls_distrust(curl, &seen.body),
            _ => Self::of_curl(check, curl, &seen.body),
        }
    }

    fn of_curls_distrust(curl: i32, body: &str) -> Self {
        let trouble = if curl == 51 { Trouble::OtherName } else { distrust_of_curl(body) };
        let meaning = match trouble {
            Trouble::OtherName => "it is a certificate for another name",
            Trouble::Time => "its time is over, or has not come",
            _ => "the system's store does not vouch for it",
        };
        Self::Untrusted { message: format!("error {curl}, {}: {meaning}", reason(body)), trouble }
    }

    /// Whatever listens there shows a page to people.
    fn page(check: &RegistryCheck, status: u16) -> Self {
        let message = format!(
            "`{}` answers `GET /v2/` with {status} and a page for people, and a registry sends none",
            check.registry
        );
        Self::failed(message, Trouble::NotARegistry.help(&check.registry))
    }

    /// The host's resolver.
    pub fn of_resolver(check: &RegistryCheck, seen: &Resolved) -> Self {
        let host = check.registry.host();
        match seen.known {
            _ if check.registry.address().is_some() => Self::Alive(format!("`{host}` is an address")),
            Some(true) => {
                let all: Vec<String> = seen.addresses.iter().map(ToString::to_string).collect();
                Self::Alive(format!("it knows `{host}`: {}", all.join(", ")))
            }
            Some(false) => {
                let message = format!("it does not know `{host}`");
                Self::Failed {
                    message,
                    help: format!(
                        "the daemon has to resolve the name itself: add `{host}` to DNS, or to /etc/hosts of this host; is it spelled right?"
                    ),
                    away: true,
                }
            }
            None => Self::Skipped("the host has no `getent` to ask its resolver".to_owned()),
        }
    }

    fn of_curl(check: &RegistryCheck, curl: i32, body: &str) -> Self {
        if curl == 77 {
            return Self::failed(
                format!("error 77, {}: this host has no bundle of trusted certificates", reason(body)),
                "install the package `ca-certificates` there",
            );
        }
        let lower = body.to_lowercase();
        let trouble = match curl {
            5 | 97 => Trouble::Proxy,
            56 if lower.contains("proxy") || lower.contains("connect tunnel failed") => Trouble::Proxy,
            6 => Trouble::Name,
            7 => Trouble::Refused,
            28 | 124 => Trouble::Timeout,
            35 if NO_TLS.iter().any(|words| lower.contains(words)) => Trouble::Plain,
            58 => Trouble::ClientCertificate,
            _ => Trouble::Other,
        };
        Self::of_trouble(check, format!("error {curl}, {}", reason(body)), trouble)
    }
}

/// What TLS libraries say to an answer without TLS; lower case.
const NO_TLS: &[&str] = &[
    "wrong version number",
    "packet length too long",
    "unexpected tls packet",
    "record that exceeded the maximum",
];

/// A page of a web server or of a proxy that asks for a login.
fn is_page(body: &str) -> bool {
    body.trim_start().starts_with('<')
}

/// 401 is a registry's way of saying hello.
pub const fn is_alive(status: u16) -> bool {
    matches!(status, 200 | 401)
}

fn status(status: u16) -> String {
    match status {
        401 => "401 UNAUTHORIZED: it wants credentials, and TLS is fine".to_owned(),
        other => format!("{other}"),
    }
}

fn odd_status(check: &RegistryCheck, status: u16) -> Outcome {
    let message =
        format!("`{}` answers `GET /v2/` with {status}, and a registry says 200 or 401", check.registry);
    let help = match status {
        404 => "something else listens on this port: name the registry's own (`-e registry=HOST:PORT`)",
        407 => "a proxy stands between and wants credentials: let the registry pass by it (NO_PROXY)",
        301..=308 => "it sends elsewhere: name the registry to which it leads",
        502..=504 => "the proxy before it does not reach it: start the registry behind it",
        _ => "look at the registry's own log",
    };
    Outcome::failed(message, help)
}

/// curl's message without its prefix.
fn reason(body: &str) -> String {
    let line = body
        .lines()
        .find(|line| line.starts_with("curl: ("))
        .unwrap_or_else(|| body.lines().next().unwrap_or_default());
    let line =
        line.strip_prefix("curl: ").and_then(|line| line.split_once(") ")).map_or(line, |(_, rest)| rest);
    line.trim().to_owned()
}

fn distrust_of_curl(body: &str) -> Trouble {
    let body = body.to_lowercase();
    if body.contains("expired") || body.contains("not yet valid") {
        Trouble::Time
    } else if body.contains("no alternative certificate subject name") || body.contains("does not match") {
        Trouble::OtherName
    } else {
        Trouble::SystemStore
    }
}
