//! A host of the imagination: it answers what a module asks, and holds every module to the law that a plan, once applied,
//! leaves nothing to plan.

use std::collections::BTreeMap;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use serde_json::Value;
use time::macros::datetime;

use crate::certs::{self, Certificate};
use crate::contract::{
    Answer, Ask, AskError, Attributes, Bundle, Containers, DaemonInfo, Dir, DirEntry, Distribution, Facts,
    File, FileKind, Host, HostCheck, HostPath, HttpAnswer, HttpTrust, LockedPin, Mode, Module, Overlay,
    OwedRecord, Plan, PlanError, Process, RegistryTls, Resolved, Running, ServedChain, ServiceState, Step,
    Task as _, TrustStore, Validation,
};
use crate::platform::path;

/// The host, and the controller's view of a registry.
pub struct World {
    pub host: Host,
    /// What stands at a path; a link is marked.
    pub files: BTreeMap<HostPath, (bool, FileKind)>,
    pub process: Process,
    pub trust: TrustStore,
    pub owed: Vec<OwedRecord>,
    pub builders: Vec<String>,
    pub served: Result<Vec<Certificate>, String>,
    pub verified: Result<HttpAnswer, String>,
    pub insecure: Result<HttpAnswer, String>,
    pub local: BTreeMap<String, Vec<u8>>,
    pub locked: Option<LockedPin>,
    pub info: Option<Value>,
    pub https: HostCheck,
    pub http: HostCheck,
    pub distribution: Distribution,
    pub resolved: Resolved,
    /// Whether a request of the daemon's own was asked for.
    pub asked_the_daemon: std::cell::Cell<bool>,
    /// Every service, and the running containers.
    pub service: ServiceState,
    pub containers: Containers,
    /// A registry of the host's own.
    pub registry_tls: Option<RegistryTls>,
    /// Rounds in which the host was asked.
    pub trips: usize,
    overlay: Overlay,
}

pub const NOW: time::OffsetDateTime = datetime!(2026-06-01 12:00 UTC);

impl World {
    /// A Debian host with a running daemon, of which nothing else is known.
    pub fn new() -> Self {
        let facts =
            Facts { id: "debian".into(), user: "root".into(), init: "systemd".into(), ..Facts::default() };
        let none = || HostCheck { resolves: None, curl: None, status: 0, body: String::new() };
        Self {
            host: Host::new("web1", facts),
            files: BTreeMap::new(),
            process: Process { installed: true, running: Some(running()), units: Vec::new() },
            trust: TrustStore { bundle: Some(bundle(&[])), strays: Vec::new(), dangling: Vec::new() },
            owed: Vec::new(),
            builders: Vec::new(),
            served: Err("nobody listens".into()),
            verified: Err("nobody listens".into()),
            insecure: Err("nobody listens".into()),
            local: BTreeMap::new(),
            locked: None,
            info: None,
            https: none(),
            http: none(),
            distribution: Distribution { status: 0, message: String::new(), pull: None },
            resolved: Resolved::default(),
            asked_the_daemon: std::cell::Cell::new(false),
            service: ServiceState::default(),
            containers: Containers::default(),
            registry_tls: None,
            trips: 0,
            overlay: Overlay::default(),
        }
    }

    /// Puts a file, and the directories above it.
    pub fn put(&mut self, at: &str, content: impl AsRef<[u8]>) {
        let kind = FileKind::File(attributes(content.as_ref().len()), Some(content.as_ref().to_vec()));
        let mut above = path(at).parent();
        self.files.insert(path(at), (false, kind));
        while let Some(directory) = above {
            above = directory.parent();
            self.files.insert(directory, (false, FileKind::Directory(attributes(0))));
        }
    }

    /// The plan of a module; the world stays as it is.
    pub fn plan<M: Module>(&mut self, arguments: Value) -> Result<Plan, PlanError> {
        self.ask::<M>(arguments).expect("all asks are answered")
    }

    /// The plan applied. The same task must then find nothing to do, in one trip.
    pub fn apply<M: Module>(&mut self, arguments: Value) -> Result<Plan, PlanError> {
        let first = self.plan::<M>(arguments.clone())?;
        self.overlay.extend(&first.changes);
        self.trips = 0;
        let second = self.plan::<M>(arguments)?;
        assert_eq!(second.changes, Vec::new(), "once applied, nothing is left to do");
        assert!(self.trips <= 1, "a converged task costs at most one trip");
        Ok(first)
    }

    /// The same where an ask may have no answer.
    pub fn ask<M: Module>(&mut self, arguments: Value) -> Result<Result<Plan, PlanError>, AskError> {
        let module = serde_json::from_value::<M>(arguments).expect("the arguments are read");
        let mut probe = Box::new(module).start(&self.host);
        loop {
            self.trips += usize::from(probe.asks().iter().any(|ask| !ask.is_controllers()));
            let answers = probe.asks().iter().map(|ask| self.answer(ask)).collect();
            match probe.resume(answers)? {
                Step::Ready(plan) => return Ok(plan),
                Step::More(next) => probe = next,
            }
        }
    }

    fn answer(&self, ask: &Ask) -> Answer {
        let answer = match ask {
            Ask::File(ask) => Answer::File(self.file(&ask.path)),
            Ask::Dir(ask) => Answer::Dir(self.dir(&ask.path)),
            Ask::TrustStore(_) => Answer::TrustStore(self.trust.clone()),
            Ask::Process(_) => Answer::Process(self.process.clone()),
            Ask::Builders(_) => Answer::Builders(self.builders.clone()),
            Ask::Service(_) => Answer::Service(self.service.clone()),
            Ask::Containers(_) => Answer::Containers(self.containers.clone()),
            Ask::Owed(_) => Answer::Owed(self.owed.clone()),
            Ask::Now(_) => Answer::Now(NOW),
            Ask::Tls(_) => Answer::Tls(self.served.clone().map(|chain| ServedChain {
                certificates: chain.iter().map(|certificate| certificate.der().to_vec()).collect(),
            })),
            Ask::Http(ask) => Answer::Http(match ask.trust {
                HttpTrust::Anchors(_) => self.verified.clone(),
                HttpTrust::Insecure => self.insecure.clone(),
            }),
            Ask::LocalFile(ask) => match self.local.get(&ask.path) {
                Some(content) => Answer::LocalFile(content.clone()),
                None => Answer::Failed(AskError::Host(format!("`{}` is not there", ask.path))),
            },
            Ask::LockedPin(_) => Answer::LockedPin(self.locked.clone()),
            Ask::Info(_) => Answer::Info(self.info.clone().map(|json| DaemonInfo {
                version: "28.5.2".into(),
                json,
                fresh: false,
            })),
            Ask::HostCheck(ask) => {
                Answer::HostCheck(if ask.plain { &self.http } else { &self.https }.clone())
            }
            Ask::Resolve(_) => Answer::Resolve(self.resolved.clone()),
            Ask::Distribution(_) => {
                self.asked_the_daemon.set(true);
                Answer::Distribution(self.distribution.clone())
            }
            Ask::Syntax(_) => Answer::Syntax(Validation { accepted: true, message: String::new() }),
            Ask::RegistryTls(_) => {
                Answer::RegistryTls(Box::new(self.registry_tls.clone().expect("a registry")))
            }
            other => panic!("nobody has said what to answer to {other:?}"),
        };
        self.overlay.lay(ask, answer, &self.host.facts)
    }

    fn file(&self, at: &HostPath) -> File {
        let kind = self.files.get(at).map_or(FileKind::Absent, |(_, kind)| kind.clone());
        File { path: at.clone(), target: None, link: None, kind }
    }

    fn dir(&self, at: &HostPath) -> Dir {
        let inside = self.files.iter().filter(|(entry, _)| entry.parent().as_ref() == Some(at));
        let entries: Vec<DirEntry> = inside
            .map(|(entry, (link, kind))| DirEntry {
                name: entry.name().into(),
                link: *link,
                // As on a host, large files are listed without their content.
                kind: match kind {
                    FileKind::File(attributes, _) if attributes.size > 65536 => {
                        FileKind::File(attributes.clone(), None)
                    }
                    other => other.clone(),
                },
            })
            .collect();
        Dir { path: at.clone(), present: self.files.contains_key(at), entries }
    }
}

/// Attributes of a file of root.
pub fn attributes(size: usize) -> Attributes {
    Attributes {
        mode: Mode::new(0o644),
        uid: 0,
        gid: 0,
        owner: "root".into(),
        group: "root".into(),
        size: size as u64,
        mtime: 1_700_000_000,
    }
}

fn running() -> Running {
    Running {
        pid: 612,
        start: "boot:100".into(),
        started: 1_780_000_000,
        cmdline: vec!["/usr/sbin/dockerd".into()],
        program: path("/usr/sbin/dockerd"),
        environ: Vec::new(),
    }
}

/// A bundle that is older than the daemon.
pub fn bundle(certificates: &[&Certificate]) -> Bundle {
    Bundle {
        path: path("/etc/ssl/certs/ca-certificates.crt"),
        content: pem(certificates).into_bytes().into(),
        mtime: 1_700_000_000,
    }
}

/// Certificates as text.
pub fn pem(certificates: &[&Certificate]) -> String {
    certificates.iter().copied().map(certs::encode).collect()
}

/// An answer to `GET /v2/`.
pub fn answered(status: u16) -> HttpAnswer {
    HttpAnswer {
        status,
        api_version: Some("registry/2.0".into()),
        authenticate: None,
        body: String::new(),
        plain: false,
    }
}

/// A certificate authority.
pub struct Authority {
    pub certificate: Certificate,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    /// A root.
    pub fn root(name: &str) -> Self {
        let (params, key) = authority(name);
        let certificate = params.self_signed(&key).expect("a root");
        Self { certificate: read(&certificate), issuer: Issuer::new(params, key) }
    }

    /// A CA under this one.
    pub fn intermediate(&self, name: &str) -> Self {
        let (params, key) = authority(name);
        let certificate = params.signed_by(&key, &self.issuer).expect("an intermediate");
        Self { certificate: read(&certificate), issuer: Issuer::new(params, key) }
    }

    /// A root that ends then.
    pub fn root_until(name: &str, not_after: time::OffsetDateTime) -> Self {
        let (mut params, key) = authority(name);
        params.not_after = not_after;
        let certificate = params.self_signed(&key).expect("a root");
        Self { certificate: read(&certificate), issuer: Issuer::new(params, key) }
    }

    /// A server's certificate with these names.
    pub fn leaf(&self, names: &[&str]) -> Certificate {
        self.pair(names).0
    }

    /// The same with its key, as PEM.
    pub fn pair(&self, names: &[&str]) -> (Certificate, String) {
        self.sign(&server(names))
    }

    /// The same with its end.
    pub fn pair_until(&self, names: &[&str], not_after: time::OffsetDateTime) -> (Certificate, String) {
        let mut params = server(names);
        params.not_after = not_after;
        self.sign(&params)
    }

    fn sign(&self, params: &CertificateParams) -> (Certificate, String) {
        let key = KeyPair::generate().expect("a key");
        let leaf = params.signed_by(&key, &self.issuer).expect("a leaf");
        (read(&leaf), key.serialize_pem())
    }
}

/// A server's certificate that signs itself.
pub fn self_signed(names: &[&str]) -> Certificate {
    self_signed_pair(names).0
}

/// The same with its key, as PEM.
pub fn self_signed_pair(names: &[&str]) -> (Certificate, String) {
    let key = KeyPair::generate().expect("a key");
    (read(&server(names).self_signed(&key).expect("a certificate")), key.serialize_pem())
}

/// A server's certificate that ended.
pub fn expired(names: &[&str]) -> Certificate {
    let key = KeyPair::generate().expect("a key");
    let mut params = server(names);
    params.not_after = datetime!(2020-01-01 0:00 UTC);
    read(&params.self_signed(&key).expect("a certificate"))
}

fn server(names: &[&str]) -> CertificateParams {
    let names: Vec<String> = names.iter().map(|&name| name.into()).collect();
    let mut params = CertificateParams::new(names).expect("names");
    params.distinguished_name.push(DnType::CommonName, "dtr.example.com");
    params.not_after = datetime!(2027-06-01 0:00 UTC);
    params
}

fn authority(name: &str) -> (CertificateParams, KeyPair) {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    (params, KeyPair::generate().expect("a key"))
}

fn read(certificate: &rcgen::Certificate) -> Certificate {
    Certificate::from_der(certificate.der()).expect("rcgen's certificates are read")
}
