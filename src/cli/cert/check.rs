//! `dtrctl cert check`

use std::fmt::Write as _;
use std::path::PathBuf;

use clap::Args;
use modules::certs::{self, Certificate, Pin, RegistryHost};
use modules::review::Review;
use serde_json::{Value as Json, json};
use time::OffsetDateTime;

use super::super::options::Format;
use super::super::trust::{Ask, Given};
use super::super::{Done, output};
use super::file;
use crate::error::Failure;
use crate::event::visible;

/// Says whether a certificate that is not served yet would do: the file by itself (order, names, dates, uses, chain), and,
/// with a pattern of hosts or -l, whether each of them would accept it. Nothing is changed, and no daemon is asked.
///
/// Exit codes: 0 it would; 2 it would not, or what vouches for it ends soon, or that is not known; 3 a host failed; 4 one
/// was unreachable (when several hold: 3, then 4, then 2); 1 the file holds no certificates.
#[derive(Debug, Args)]
pub struct Check {
    /// The certificate's file: the registry's own certificate first, then its intermediates. `-` for standard input.
    file: PathBuf,
    /// The hosts, such as `docker`; without it and without -l the file alone is judged.
    pattern: Option<String>,
    /// The registry, as image references name it: HOST or HOST:PORT.
    #[arg(long = "for", value_name = "HOST[:PORT]")]
    registry: RegistryHost,
    #[command(flatten)]
    ask: Ask,
}

/// It would not do.
const NO: u8 = 2;

impl Check {
    pub fn run(self) -> Done {
        let name = self.file.display().to_string();
        let bytes = file::read(&self.file)?;
        let chain = certs::read(&bytes).map_err(|error| {
            Failure::said(format!("`{name}`: {error}"))
                .help("give a PEM file with the registry's own certificate first, then its intermediates")
        })?;
        let review = Review::of(&chain, &self.registry, OffsetDateTime::now_utc());
        let asks_hosts = self.pattern.is_some() || self.ask.inventory.limit.is_some();
        if asks_hosts && review.faults.is_empty() {
            for warning in &review.warnings {
                output::note(&format!("warning: `{name}`: {}", visible::line(warning)));
            }
            let pem: String = chain.iter().map(certs::encode).collect();
            let pattern = self.pattern.as_deref().unwrap_or("all");
            return self.ask.of(pattern, &self.registry, Some(Given { name, pem }));
        }
        let code = if review.faults.is_empty() && !self.expiring(&review) { 0 } else { NO };
        output::print(&match self.ask.format {
            Format::Human => self.text(&name, &chain, &review, asks_hosts, code),
            Format::Json => format!("{:#}\n", self.document(&name, &chain, &review, code)),
        });
        Ok(code)
    }

    fn expiring(&self, review: &Review) -> bool {
        review.days < i64::from(self.ask.expires_within)
    }

    fn text(&self, name: &str, chain: &[Certificate], review: &Review, hosts: bool, code: u8) -> String {
        let mut text = format!("{name} for {}\n", self.registry);
        for certificate in chain {
            let facts = certificate.facts();
            let line = format!(
                "`{}`, {}, issued by `{}`, until {}",
                facts.subject,
                Pin::of(certificate),
                facts.issuer,
                facts.not_after.date()
            );
            _ = writeln!(text, "  {}", visible::line(&line));
        }
        for fault in &review.faults {
            _ = writeln!(
                text,
                "{}: {}\n  help: {}",
                if fault.certain { "wrong" } else { "unknown" },
                visible::line(&fault.message),
                visible::line(&fault.help)
            );
        }
        for warning in &review.warnings {
            _ = writeln!(text, "warning: {}", visible::line(warning));
        }
        if self.expiring(review) && review.days >= 0 {
            _ = writeln!(text, "warning: it ends in {} days", review.days);
        }
        if hosts {
            text += "no host was asked: each would refuse it\n";
        } else if review.faults.is_empty() {
            _ = writeln!(
                text,
                "hosts have to trust `{}`; no host was asked (name them, or give -l)",
                visible::line(&review.rests_on)
            );
        }
        let meaning = match code {
            0 => "it would do",
            _ if review.faults.is_empty() => "it ends soon",
            _ if review.faults.iter().all(|fault| !fault.certain) => "whether it would do is not known",
            _ => "it would not do",
        };
        _ = writeln!(text, "\nexit status {code}: {meaning}");
        text
    }

    fn document(&self, name: &str, chain: &[Certificate], review: &Review, code: u8) -> Json {
        let faults = review
            .faults
            .iter()
            .map(|fault| json!({"message": fault.message, "help": fault.help, "certain": fault.certain}));
        json!({
            "version": 1,
            "registry": self.registry.to_string(),
            "certificate": name,
            "chain": chain.iter().map(Certificate::facts).collect::<Vec<_>>(),
            "faults": faults.collect::<Vec<_>>(),
            "warnings": review.warnings,
            "rests_on": review.rests_on,
            "days": review.days,
            "expiring": self.expiring(review),
            "hosts": {},
            "exit": code,
        })
    }
}
