//! `dtrctl cert fetch`

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use modules::certs::{
    self, Certificate, Choice, ChooseError, Pin, Proof, Proven, RegistryHost, Served, Warning, choose,
};
use time::OffsetDateTime;

use super::super::{Done, output};
use super::file;
use crate::error::Failure;
use crate::net::tls::{self, TlsError};

/// Fetches the chain that a registry sends, as it is sent: PEM to standard output or a file, and what proves it, or that
/// nothing does, to standard error.
///
/// A chain that was only fetched is what an attacker would show, too: give a pin or the root, or compare the fingerprint with
/// the registry's owner, before anything trusts it. Where what is given is not met, nothing is written.
#[derive(Debug, Args)]
pub struct Fetch {
    /// The registry: `HOST` or `HOST:PORT`; port 443 where none is given.
    #[arg(value_name = "HOST[:PORT]")]
    registry: RegistryHost,
    /// Writes to this file (`-`: standard output), whole or not at all; a file that is there stays as it is when anything goes wrong.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// A fingerprint (`sha256:`) or key (`spki:`) that has to be on the path. May be given again.
    #[arg(long)]
    pin: Vec<Pin>,
    /// A file with the registry's root, and with intermediates that it does not send.
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// Gives the certificates to install, instead of the chain: what `fetch_cert` would choose.
    #[arg(long)]
    anchor: bool,
    /// Bounds the handshake, in seconds.
    #[arg(short = 'T', long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..))]
    timeout: u64,
}

/// The registry could be reached, and is not what was asked for.
const FAILED: u8 = 3;
const UNREACHABLE: u8 = 4;

impl Fetch {
    pub fn run(self) -> Done {
        let roots = match &self.ca {
            Some(path) => certs::read(&file::read(path)?)
                .map_err(|error| Failure::said(format!("`{}`: {error}", path.display())))?,
            None => Vec::new(),
        };
        let served = match self.handshake()? {
            Ok(served) => served,
            Err(error) => {
                let code = if matches!(error, TlsError::Connect(_)) { UNREACHABLE } else { FAILED };
                output::fail(&self.kept(error.to_string()));
                return Ok(code);
            }
        };
        let mut chain = Vec::new();
        for (at, der) in served.chain.iter().enumerate() {
            match Certificate::from_der(der) {
                Ok(certificate) => chain.push(certificate),
                Err(error) => {
                    output::fail(&self.kept(format!("certificate {} of the chain: {error}", at + 1)));
                    return Ok(FAILED);
                }
            }
        }
        let given = !roots.is_empty() || !self.pin.is_empty();
        let proof = Proof { pins: self.pin.clone(), roots, first_use: true, leaf_alone: true };
        let now = OffsetDateTime::now_utc();
        let chosen = choose(&Served { host: self.registry.clone(), chain: chain.clone() }, &proof, now);
        if let Err(error) = &chosen
            && (given || self.anchor)
        {
            output::fail(&self.kept(error.to_string()));
            return Ok(FAILED);
        }
        let wanted = match &chosen {
            Ok(choice) if self.anchor => &choice.anchors,
            _ => &chain,
        };
        self.give(&wanted.iter().map(certs::encode).collect::<String>())?;
        output::note(self.account(&served, &chain, &chosen, now).trim_end());
        Ok(0)
    }

    fn handshake(&self) -> Result<Result<tls::Served, TlsError>, Failure> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| Failure::said(format!("no runtime: {error}")))?;
        let (registry, limit) = (&self.registry, Duration::from_secs(self.timeout));
        Ok(runtime.block_on(tls::handshake(registry.host(), registry.port(), registry.server_name(), limit)))
    }

    fn kept(&self, message: String) -> Failure {
        let failure = Failure::said(message);
        match &self.output {
            Some(path) => failure.help(format!("`{}` was not touched", path.display())),
            None => failure,
        }
    }

    fn give(&self, text: &str) -> Result<(), Failure> {
        let Some(path) = self.output.as_ref().filter(|path| *path != Path::new("-")) else {
            output::print(text);
            return Ok(());
        };
        let state = if file::write(path, text)? { "written" } else { "already so" };
        output::note(&format!("`{}`: {state}", path.display()));
        Ok(())
    }

    /// What was seen, and what proves it.
    fn account(
        &self,
        served: &tls::Served,
        chain: &[Certificate],
        chosen: &Result<Choice, ChooseError>,
        now: OffsetDateTime,
    ) -> String {
        let mut text = format!("{} ({}) sends, over {}:\n", self.registry, served.peer_addr, served.protocol);
        for (at, certificate) in chain.iter().enumerate() {
            let facts = certificate.facts();
            _ = writeln!(text, "  {}. {}", at + 1, facts.subject);
            _ = writeln!(
                text,
                "     issuer {}, until {}, {}",
                facts.issuer,
                facts.not_after.date(),
                super::inspect::left(facts.not_after, now)
            );
            _ = writeln!(text, "     {}  spki:{}", Pin::of(certificate), facts.spki_sha256);
        }
        if served.asks_for_client_certificate {
            text += "it asks for a client's certificate: certs.d needs a pair for it, too\n";
        }
        match chosen {
            Ok(choice) => {
                text += &proven(choice);
                // What is said of an anchor concerns whoever has asked for one.
                let told = |warning: &&Warning| self.anchor || !is_about_anchors(warning);
                for warning in choice.warnings.iter().filter(told) {
                    _ = writeln!(text, "warning: {warning}");
                }
            }
            Err(error) => _ = writeln!(text, "warning: {error}"),
        }
        text
    }
}

const fn is_about_anchors(warning: &Warning) -> bool {
    matches!(
        warning,
        Warning::LeafAsAnchor
            | Warning::IntermediateAsAnchor { .. }
            | Warning::UncheckedRoot { .. }
            | Warning::NotForP11Kit { .. }
    )
}

fn proven(choice: &Choice) -> String {
    let top = choice.path.anchor();
    match &choice.proven {
        Proven::Pin(pin, certificate) => {
            format!("proven: `{}` on the verified path matches {pin}\n", certificate.facts().subject)
        }
        Proven::Root(root) => format!("proven: the given `{}` vouches for it\n", root.facts().subject),
        Proven::FirstUse => format!(
            "NOT PROVEN: this is what answered just now, whoever it is. Compare {} with what the registry's owner reads from its own file, then give it with `--pin`, or the root with `--ca`\n",
            Pin::of(top)
        ),
    }
}
