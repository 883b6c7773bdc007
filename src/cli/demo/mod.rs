//! `dtrctl demo`

mod hosts;

use std::path::Path;
use std::time::Duration;

use clap::{Args, Parser as _};
use time::OffsetDateTime;

use super::apply::Apply;
use super::{Done, output};
use crate::error::Failure;
use crate::net::http::{self, Trust};
use crate::net::stand_in::StandIn;

/// Shows the main job on this machine: no root, no Docker, nothing outside a temporary folder.
///
/// A registry's stand-in listens on loopback, with a certificate made on the spot. Three folders stand for Debian
/// hosts. The shipped playbooks are checked, applied, and applied again, and a real handshake is judged by the trust
/// that they wrote. No Docker daemon runs.
#[derive(Debug, Args)]
pub struct Demo {}

const TRUST: &str = include_str!("../../../playbooks/trust-registry.yml");
const INSECURE: &str = include_str!("../../../playbooks/insecure-registry.yml");

fn say(text: &str) {
    output::print(&format!("\n{text}"));
}

/// `apply` with its arguments, parsed as on the command line.
#[derive(Debug, clap::Parser)]
struct Line {
    #[command(flatten)]
    apply: Apply,
}

impl Demo {
    pub fn run() -> Done {
        let folder = tempfile::Builder::new()
            .prefix("dtrctl-demo-")
            .tempdir()
            .map_err(|error| Failure::said(format!("no temporary folder: {error}")))?;
        let runtime =
            tokio::runtime::Runtime::new().map_err(|error| Failure::said(format!("no runtime: {error}")))?;
        let registry = runtime.block_on(StandIn::start()).map_err(Failure::said)?;
        let shown =
            Shown { folder: folder.path(), registry: format!("localhost:{}", registry.address.port()) };
        let done = shown.go(&registry, &runtime);
        drop(registry);
        let path = folder.path().to_path_buf();
        folder
            .close()
            .map_err(|error| Failure::said(format!("`{}` cannot be removed: {error}", path.display())))?;
        done?;
        output::print("\nThe folder is removed, and the stand-in is gone: nothing is left behind.\n");
        Ok(0)
    }
}

struct Shown<'a> {
    folder: &'a Path,
    registry: String,
}

impl Shown<'_> {
    fn go(&self, registry: &StandIn, runtime: &tokio::runtime::Runtime) -> Result<(), Failure> {
        let write = |name: &str, text: &str| {
            std::fs::write(self.folder.join(name), text)
                .map_err(|error| Failure::said(format!("the demo's folder cannot be written: {error}")))
        };
        hosts::make(self.folder)
            .map_err(|error| Failure::said(format!("the demo's hosts cannot be made: {error}")))?;
        write("trust-registry.yml", TRUST)?;
        write("insecure-registry.yml", INSECURE)?;
        write("root.pem", &registry.root)?;
        say(&format!(
            "A registry's stand-in listens on {}, over TLS, with a certificate that no one knows.\nThree folders stand \
             for Debian hosts: web1, web2, build1. No Docker daemon runs here, and no ssh:\nthe scripts are those that \
             real hosts get, run by this machine's sh inside the folders.\n",
            self.registry
        ));
        say("Before, judged by what web1 trusts:\n");
        output::print(&format!("  {}\n", self.judge(runtime, "web1")));
        self.step("trust-registry.yml", &["--check"], "What would change. Nothing is written.")?;
        self.step("trust-registry.yml", &[], "The same list of changes, now made so.")?;
        self.step("trust-registry.yml", &[], "Once more: nothing to do, one script a host.")?;
        say("After, judged by what web1 trusts, with a real handshake:\n");
        let verdict = self.judge(runtime, "web1");
        output::print(&format!("  {verdict}\n"));
        if !verdict.starts_with("trusted") {
            return Err(Failure::said(
                "the demo's registry is not trusted after the playbook; please report this",
            ));
        }
        self.step(
            "insecure-registry.yml",
            &["--diff"],
            "The other way: an entry in daemon.json, all else in it kept byte for byte.",
        )
    }

    fn step(&self, playbook: &str, more: &[&str], what: &str) -> Result<(), Failure> {
        let flags = more.iter().map(|flag| format!(" {flag}")).collect::<String>();
        let ca = if playbook.starts_with("trust") { " -e registry_ca=root.pem" } else { "" };
        say(&format!(
            "{what}\n$ dtrctl apply {playbook} -i hosts.yml -e registry={}{ca}{flags}\n\n",
            self.registry
        ));
        let path = |name: &str| self.folder.join(name).display().to_string();
        let mut line = vec!["apply".to_owned(), path(playbook), "-i".to_owned(), path("hosts.yml")];
        line.extend([
            "-e".to_owned(),
            format!("registry={}", self.registry),
            "--cache".to_owned(),
            path("cache"),
            "--journal".to_owned(),
            path("journal"),
        ]);
        if playbook.starts_with("trust") {
            line.extend(["-e".to_owned(), format!("registry_ca={}", path("root.pem"))]);
        }
        line.extend(more.iter().map(ToString::to_string));
        let Line { apply } = Line::try_parse_from(line).map_err(|error| Failure::said(error.to_string()))?;
        match apply.run()? {
            0 => Ok(()),
            code => Err(Failure::said(format!(
                "the demo's run of {playbook} ended with {code}; please report this"
            ))),
        }
    }

    /// What a daemon on that host would say of the registry, by the anchors in its certs.d and Go's rules.
    fn judge(&self, runtime: &tokio::runtime::Runtime, host: &str) -> String {
        let directory = self.folder.join(host).join("etc/docker/certs.d").join(&self.registry);
        let files = std::fs::read_dir(directory).into_iter().flatten().flatten();
        let texts = files.filter_map(|file| std::fs::read(file.path()).ok());
        let anchors = texts.filter_map(|text| modules::certs::read(&text).ok()).flatten();
        let trust = Trust::Anchors(anchors.map(|anchor| anchor.der().to_vec()).collect());
        let port = self.registry.rsplit(':').next().and_then(|port| port.parse().ok()).unwrap_or_default();
        let get =
            http::get("localhost", port, "/v2/", &trust, OffsetDateTime::now_utc(), Duration::from_secs(5));
        match runtime.block_on(get) {
            Ok(answer) => format!(
                "trusted: GET /v2/ says {} {}",
                answer.status,
                String::from_utf8_lossy(&answer.body).trim()
            ),
            Err(error) => format!("not trusted: {error}"),
        }
    }
}
