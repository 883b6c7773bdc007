//! `registry_tls`: a registry's own certificate and key.

mod files;
mod names;
#[cfg(test)]
mod tests;

use schemars::JsonSchema;
use serde::Deserialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::arguments::filled;
use crate::certs::{self, Certificate, Pin, RegistryHost};
use crate::contract::{
    AskLocalFile, AskNow, AskRegistryTls, AskTls, Change, FileKind, Host, HostPath, LocalView, Module, Plan,
    PlanError, Probe, RegistryService, RegistryTls as Found, ReplaceRegistryTls, Secret, ServedChain,
    is_served,
};
use crate::tls_pair::{Given, Pair, continuity, given, read_ca};
use files::Files;
use names::{ContainerName, SavedName, ServiceName};

/// Gives a registry its own certificate and key: the CNCF registry as a service of its host or as a container, or whatever
/// else reads a certificate from files and is told to by a command. Run it on the registry's host.
///
/// All that can be known is checked before anything is touched: the order (the host's certificate first, then the
/// intermediates), that the key belongs to the certificate and is one that a registry reads, the dates, the name, the way to
/// an anchor, and whether clients that trust today's certificate will trust the new one. Then both files are replaced as one,
/// the registry is restarted, and it has to serve the new certificate within `timeout`; where it does not, the old pair is
/// put back, seen to be served again, and the task fails with the registry's last words. How long the registry was down is
/// said. The old pairs are kept on the host alone, in /var/lib/dtrctl/registry-tls, readable by root.
///
/// The key is never shown, and the old one never leaves the host. Owner and permissions of files that are there stay; a new
/// key has mode 0600 and belongs to the user that the service runs as. Whether a certificate is served is looked at with the
/// host's openssl, or its curl from 7.88 on, and by the controller's own handshake. Where the host has neither, only the
/// controller looks, and nothing is put back.
///
/// It registers `fingerprint`, `subject`, `issuer`, `not_after`, `previous` (the fingerprint of what was served before),
/// `certificate_path`, `key_path` and, after a change, `down_seconds` and `saved`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RegistryTls {
    /// The registry, as image references name it: `HOST` or `HOST:PORT`; port 443 where none is given. The certificate has
    /// to be valid for it.
    registry: RegistryHost,
    /// A file of the controller with the certificate (PEM): the host's own first, then the intermediates, each after the one
    /// that it signs, a root last if at all. A relative path begins at the playbook's directory.
    #[serde(default, deserialize_with = "filled")]
    certificate_file: Option<String>,
    /// The same as text, in the place of `certificate_file`.
    #[serde(default, deserialize_with = "filled")]
    certificate: Option<String>,
    /// A file of the controller with the certificate's private key (PEM: PKCS#8, PKCS#1 or SEC1, not encrypted).
    #[serde(default, deserialize_with = "filled")]
    key_file: Option<String>,
    /// The same as text, in the place of `key_file`. It is never shown.
    #[serde(default, deserialize_with = "filled")]
    key: Option<Secret>,
    /// The name of an old pair that is kept on the registry's host (`saved` of an earlier run, its last part), to be put back in
    /// the place of a new one. Its key does not leave the host. Default: none.
    #[serde(default, deserialize_with = "filled")]
    restore: Option<SavedName>,
    /// A file of the controller with the roots that clients trust (PEM); the chain has to lead to one of them. Default: none;
    /// the chain is then followed as far as it goes.
    #[serde(default, deserialize_with = "filled")]
    ca: Option<String>,
    /// The registry's service on its host, such as Debian's `docker-registry`. Give this, `container` or `reload_command`.
    #[serde(default, deserialize_with = "filled")]
    service: Option<ServiceName>,
    /// The registry's container on its host, by name; restarted by `docker restart`.
    #[serde(default, deserialize_with = "filled")]
    container: Option<ContainerName>,
    /// Shell text that has a registry or proxy of another kind read its files again, such as `systemctl reload nginx`. It
    /// needs `certificate_path` and `key_path`.
    #[serde(default, deserialize_with = "filled")]
    reload_command: Option<String>,
    /// The registry's configuration file on its host. Default: the one that the service or container names, else
    /// /etc/docker/registry/config.yml.
    #[serde(default, deserialize_with = "filled")]
    config: Option<HostPath>,
    /// The certificate's file on the host. Default: `http.tls.certificate` of the registry's configuration, or
    /// `REGISTRY_HTTP_TLS_CERTIFICATE` of its environment; a container's path is followed through its mounts.
    #[serde(default, deserialize_with = "filled")]
    certificate_path: Option<HostPath>,
    /// The key's file on the host. Default: likewise `http.tls.key` or `REGISTRY_HTTP_TLS_KEY`.
    #[serde(default, deserialize_with = "filled")]
    key_path: Option<HostPath>,
    /// Where the registry answers on its own host, as `ADDRESS:PORT`. Default: 127.0.0.1 and the registry's name, with the
    /// registry's port.
    #[serde(default, deserialize_with = "filled")]
    address: Option<RegistryHost>,
    /// Seconds within which the registry has to serve the new certificate, 1 to 600. Default: 60.
    #[serde(default = "sixty")]
    timeout: u64,
    /// How many old pairs are kept on the host, 0 to 100. Default: 3.
    #[serde(default = "three")]
    keep: u64,
}

const fn sixty() -> u64 {
    60
}

const fn three() -> u64 {
    3
}

/// What was seen.
pub struct Seen {
    now: OffsetDateTime,
    certificate: Result<Given, PlanError>,
    key: Result<Given, PlanError>,
    ca: Option<Vec<u8>>,
    served: Result<ServedChain, String>,
    found: Option<Box<Found>>,
}

impl Module for RegistryTls {
    const NAME: &'static str = "registry_tls";
    const EXAMPLE: &'static str = "- registry_tls:\n    registry: dtr.example.com:5000\n    certificate_file: pki/dtr.example.com.pem\n    key_file: pki/dtr.example.com.key\n    ca: pki/root.pem\n    service: docker-registry\n- registry_tls:\n    registry: dtr.example.com\n    certificate_file: pki/dtr.example.com.pem\n    key_file: pki/dtr.example.com.key\n    reload_command: systemctl reload nginx\n    certificate_path: /etc/nginx/tls/dtr.pem\n    key_path: /etc/nginx/tls/dtr.key\n";
    type State = Seen;

    fn probe(&self, _host: &Host) -> Probe<Seen> {
        let certificate = given("certificate", self.certificate.as_deref(), self.certificate_file.as_ref());
        let key = given("key", self.key.as_ref().map(Secret::reveal), self.key_file.as_ref());
        let ca = match self.ca.clone() {
            Some(path) => Probe::ask(AskLocalFile::new(path)).map(Some),
            None => Probe::ready(None),
        };
        let found = match self.service() {
            Ok(service) => Probe::ask(self.question(service)).map(Some),
            Err(_) => Probe::ready(None),
        };
        let served = Probe::ask(AskTls { registry: self.registry.clone() });
        certificate.zip(key).zip(ca).zip(Probe::ask(AskNow)).zip(served.zip(found)).map(
            |((((certificate, key), ca), now), (served, found))| Seen {
                now,
                certificate,
                key,
                ca,
                served,
                found,
            },
        )
    }

    fn plan(&self, host: &Host, seen: Seen) -> Result<Plan, PlanError> {
        let service = self.service()?;
        self.bounds()?;
        let found = seen
            .found
            .ok_or_else(|| PlanError::new("the registry's host gave no answer; please report this"))?;
        let pair = self.pair(seen.certificate, seen.key, &found)?;
        let ca = read_ca(self.ca.as_ref(), seen.ca.as_ref())?;
        let mut plan = Plan::default();
        pair.judge(&self.registry, &ca, seen.now, &mut plan)?;
        let files = Files::of(&found, &mut plan)?;
        let today = today(seen.served.as_ref().ok(), &files);
        continuity(&today, &pair.chain, &ca, seen.now, &mut plan);
        self.report(&pair, &today, &files, &mut plan);
        let state = State { sandbox: host.facts.sandbox, served: &seen.served, found: &found };
        self.decide(&pair, &files, &service, &state, &mut plan)?;
        Ok(plan)
    }
}

/// How the registry stands.
struct State<'a> {
    sandbox: bool,
    served: &'a Result<ServedChain, String>,
    found: &'a Found,
}

impl RegistryTls {
    fn service(&self) -> Result<RegistryService, PlanError> {
        let help = "say `service: docker-registry` (Debian's), `container: NAME`, or `reload_command:` with \
                    `certificate_path` and `key_path`";
        match (&self.service, &self.container, &self.reload_command) {
            (Some(name), None, None) => Ok(RegistryService::Service(name.to_string())),
            (None, Some(name), None) => Ok(RegistryService::Container(name.to_string())),
            (None, None, Some(text)) if text.contains('\0') => {
                Err(PlanError::new("`reload_command` holds a NUL byte, which no shell can be given"))
            }
            (None, None, Some(text)) => Ok(RegistryService::Command(text.clone())),
            (None, None, None) => {
                Err(PlanError::new("what has the registry read its files again is not said").help(help))
            }
            _ => {
                Err(PlanError::new("`service`, `container` and `reload_command` exclude each other")
                    .help(help))
            }
        }
    }

    fn bounds(&self) -> Result<(), PlanError> {
        for (name, value, least, most) in [("timeout", self.timeout, 1, 600), ("keep", self.keep, 0, 100)] {
            if value < least || value > most {
                return Err(PlanError::new(format!("`{name}: {value}` is not between {least} and {most}")));
            }
        }
        Ok(())
    }

    fn question(&self, service: RegistryService) -> AskRegistryTls {
        AskRegistryTls {
            service,
            registry: self.registry.clone(),
            addresses: self.addresses(),
            config: self.config.clone(),
            certificate: self.certificate_path.clone(),
            key: self.key_path.clone(),
            saved: self.restore.as_ref().map(ToString::to_string),
        }
    }

    /// The pair that shall be in place: a new one, or one that was there before.
    fn pair(
        &self,
        certificate: Result<Given, PlanError>,
        key: Result<Given, PlanError>,
        found: &Found,
    ) -> Result<Pair, PlanError> {
        let Some(name) = &self.restore else { return Pair::read(certificate?, key?) };
        if certificate.is_ok() || key.is_ok() {
            return Err(PlanError::new("`restore` is given beside a new certificate or key")
                .help("give one of the two"));
        }
        match &found.saved {
            Some(saved) => Pair::kept(&name.to_string(), saved.clone()),
            None if found.kept.is_empty() => Err(PlanError::new("no old pair is kept on this host")
                .help("give the old certificate and key as `certificate_file` and `key_file`")),
            None => Err(PlanError::new(format!("no pair `{name}` is kept on this host"))
                .help(format!("these are: {}", found.kept.join(", ")))),
        }
    }

    fn addresses(&self) -> Vec<String> {
        let text = |host: &RegistryHost| {
            let name = host.host();
            if name.contains(':') {
                format!("[{name}]:{}", host.port())
            } else {
                format!("{name}:{}", host.port())
            }
        };
        match &self.address {
            Some(address) => vec![text(address)],
            None => vec![format!("127.0.0.1:{}", self.registry.port()), text(&self.registry)],
        }
    }

    fn report(&self, pair: &Pair, today: &[Certificate], files: &Files, plan: &mut Plan) {
        let facts = pair.leaf().facts();
        plan.set("registry", self.registry.to_string());
        plan.set("fingerprint", Pin::of(pair.leaf()).to_string());
        plan.set("subject", facts.subject.clone());
        plan.set("issuer", facts.issuer.clone());
        plan.set("not_after", facts.not_after.format(&Rfc3339).unwrap_or_default());
        plan.set("previous", today.first().map(|leaf| Pin::of(leaf).to_string()));
        plan.set("certificate_path", files.certificate.path.as_str());
        plan.set("key_path", files.key.path.as_str());
    }

    /// Nothing, a restart, or both files and a restart.
    fn decide(
        &self,
        pair: &Pair,
        files: &Files,
        service: &RegistryService,
        state: &State<'_>,
        plan: &mut Plan,
    ) -> Result<(), PlanError> {
        let chain: Vec<String> = pair.chain.iter().map(|one| one.facts().sha256.clone()).collect();
        let ends_in_root = pair.chain.last().is_some_and(Certificate::is_self_signed);
        let from_here = state.served.as_ref().map(|served| {
            let sums: Vec<String> =
                served.certificates.iter().map(|der| crate::contract::digest(der)).collect();
            is_served(&sums, &chain, ends_in_root)
        });
        let live = match state.found.served.serves(&chain, ends_in_root) {
            Some(live) => Some(live),
            None => from_here.as_ref().ok().copied(),
        };
        let written = files.hold(pair);
        let reason = match (written, live) {
            (false, _) => {
                let facts = pair.leaf().facts();
                format!("`{}`, valid until {}", facts.subject, facts.not_after.date())
            }
            (true, _) if state.sandbox => return self.only_files(plan),
            (true, Some(false)) => self.why_not_live(state.found),
            (true, Some(true)) if from_here == Ok(false) => return Err(self.proxied(state.served)),
            (true, live) => {
                self.settled(live, state.served, plan);
                return Ok(());
            }
        };
        if let RegistryService::Service(name) = service {
            files.can_be_read_by(name)?;
        }
        if !state.sandbox {
            self.announce(service, state.found, plan);
        }
        let (certificate, key) = files.change(pair, written);
        plan.changes.push(Change::ReplaceRegistryTls(Box::new(ReplaceRegistryTls {
            registry: self.registry.clone(),
            service: service.clone(),
            reason,
            writes: !written,
            certificate,
            key,
            chain,
            ends_in_root,
            addresses: self.addresses(),
            timeout: self.timeout,
            keep: self.keep,
            restores: self.restore.as_ref().map(ToString::to_string),
            ders: pair.chain.iter().map(|one| one.der().to_vec()).collect(),
        })));
        Ok(())
    }

    #[expect(clippy::unnecessary_wraps, reason = "one of the ways out of `decide`")]
    fn only_files(&self, plan: &mut Plan) -> Result<(), PlanError> {
        plan.info(format!(
            "a sandbox has no registry: that `{}` serves these files is not looked at",
            self.registry
        ));
        Ok(())
    }

    fn why_not_live(&self, found: &Found) -> String {
        match (&found.served, found.running) {
            (_, Some(false)) => "its files are right, and it does not run".to_owned(),
            (LocalView::Nobody, _) => format!("its files are right, and `{}` does not answer", self.registry),
            _ => "its files are right, and it still serves another certificate".to_owned(),
        }
    }

    /// The registry's own host sees the new certificate, and others do not.
    fn proxied(&self, served: &Result<ServedChain, String>) -> PlanError {
        let shown = served.as_ref().ok().and_then(|served| served.certificates.first());
        let shown = shown.and_then(|der| Certificate::from_der(der).ok());
        let shown = shown.map_or_else(String::new, |leaf| format!(" (`{}`)", leaf.facts().subject));
        let registry = &self.registry;
        PlanError::new(format!(
            "the registry serves this certificate on its own host, but `{registry}` shows another one{shown}"
        ))
        .help(format!(
            "either `{registry}` leads elsewhere: to a proxy or load balancer, which has a certificate of its own \
             (install it there, with `reload_command`), or to another host; or `address` names another service"
        ))
    }

    fn settled(&self, live: Option<bool>, served: &Result<ServedChain, String>, plan: &mut Plan) {
        let registry = &self.registry;
        match (live, served) {
            (Some(_), Ok(_)) => plan.set("msg", format!("`{registry}` serves this certificate")),
            (Some(_), Err(why)) => plan.warn(format!(
                "the registry serves this certificate on its own host; from here `{registry}` is not reached: {why}"
            )),
            (None, _) => plan.warn(format!(
                "whether `{registry}` serves its files is not known: its host has neither openssl nor curl 7.88, and from \
                 here it is not reached"
            )),
        }
    }

    fn announce(&self, service: &RegistryService, found: &Found, plan: &mut Plan) {
        if found.running == Some(false) {
            plan.warn("the registry does not run: it is started");
        }
        let action = service.action();
        let cut = if self.reload_command.is_some() {
            ""
        } else {
            "; pulls and pushes that are under way are cut off"
        };
        plan.info(format!("then: {action}; it has to serve the certificate within {} s{cut}", self.timeout));
        if found.served == LocalView::Blind {
            plan.warn(
                "this host has neither openssl nor curl 7.88: what it serves is seen from here alone, and where that is \
                 not the new certificate the old pair is not put back",
            );
        }
    }
}

/// What clients are shown today: what is served, else what the registry's file holds.
fn today(served: Option<&ServedChain>, files: &Files) -> Vec<Certificate> {
    match served {
        Some(served) => {
            served.certificates.iter().filter_map(|der| Certificate::from_der(der).ok()).collect()
        }
        None => match &files.certificate.kind {
            FileKind::File(_, Some(content)) => certs::read_bundle(content).certificates,
            _ => Vec::new(),
        },
    }
}
