//! A made-up host with a made-up dockerd: it answers asks, and takes changes as a real one does.

use std::collections::BTreeMap;

use modules::daemon_config::rules::{judge, keys};
use modules::daemon_config::{Version, edit};
use modules::{
    Answer, Ask, Attributes, Change, Container, Containers, DaemonInfo, DaemonKind, DaemonSite, Facts, File,
    FileKind, Host, HostPath, Mode, Overlay, OwedRecord, Plan, PlanError, Process, Running, Step, Validation,
    WriteFile, find,
};
use serde_json::{Map, Value, json};

pub const CONFIG: &str = "/etc/docker/daemon.json";

pub struct FakeHost {
    pub facts: Facts,
    pub files: BTreeMap<String, (Vec<u8>, u16)>,
    pub directories: Vec<String>,
    /// What the daemon heeds; none where none runs.
    pub heeds: Option<Map<String, Value>>,
    pub flags: Vec<String>,
    pub engine: &'static str,
    pub units: Vec<(String, String)>,
    pub installed: bool,
    pub answers_api: bool,
    pub swarm: Value,
    pub containers: Vec<Container>,
    pub owed: Vec<OwedRecord>,
    pub verdict: Validation,
    pub validated: Vec<Vec<u8>>,
}

impl FakeHost {
    /// A Debian host whose daemon heeds this file.
    pub fn new(config: Option<&str>) -> Self {
        let heeds = config.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
        let file = |text: &str| (CONFIG.to_owned(), (text.as_bytes().to_vec(), 0o640));
        let unit = |name: &str| (name.to_owned(), "active".to_owned());
        Self {
            facts: Facts { id: "debian".to_owned(), init: "systemd".to_owned(), ..Facts::default() },
            files: config.map(file).into_iter().collect(),
            directories: vec!["/etc/docker".to_owned()],
            heeds: Some(heeds),
            flags: ["-H", "fd://"].map(str::to_owned).to_vec(),
            engine: "20.10.24+dfsg1",
            units: vec![unit("docker.service"), unit("docker.socket")],
            installed: true,
            answers_api: true,
            swarm: json!({"LocalNodeState": "inactive"}),
            containers: Vec::new(),
            owed: Vec::new(),
            verdict: Validation { accepted: true, message: "configuration OK".to_owned() },
            validated: Vec::new(),
        }
    }

    pub fn without_daemon(mut self) -> Self {
        self.heeds = None;
        self.units.iter_mut().for_each(|(_, state)| "inactive".clone_into(state));
        self
    }

    /// Gives it Boot2Docker's profile.
    pub fn profile(&mut self, text: &str) {
        self.files.insert("/var/lib/boot2docker/profile".to_owned(), (text.as_bytes().to_vec(), 0o644));
    }

    pub fn text(&self) -> Option<&str> {
        self.files.get(CONFIG).and_then(|(text, _)| std::str::from_utf8(text).ok())
    }

    pub fn container(&mut self, name: &str, restart: &str) {
        let id = "0".repeat(64);
        self.containers.push(Container { id, name: name.to_owned(), restart: restart.to_owned() });
    }

    /// The plan of a task, and in how many stages the host was asked.
    pub fn ask(
        &mut self,
        module: &str,
        arguments: &Value,
        overlay: &Overlay,
    ) -> (Result<Plan, PlanError>, usize) {
        let task = find(module).expect("a module").read(arguments.clone()).expect("arguments");
        let mut probe = task.start(&Host::new("h", self.facts.clone()));
        for trips in 1.. {
            let asks = probe.asks().to_vec();
            let answers = asks.iter().map(|ask| overlay.lay(ask, self.answer(ask), &self.facts)).collect();
            match probe.resume(answers).expect("answers") {
                Step::Ready(plan) => return (plan, trips),
                Step::More(more) => probe = more,
            }
        }
        unreachable!("a probe ends")
    }

    pub fn plan(&mut self, module: &str, arguments: &Value) -> Result<Plan, PlanError> {
        self.ask(module, arguments, &Overlay::default()).0
    }

    /// Check, apply, apply: the plan laid over the host leaves nothing to do, nor does the plan applied.
    pub fn apply(&mut self, module: &str, arguments: &Value) -> Plan {
        let plan = self.plan(module, arguments).expect("a plan");
        let mut overlay = Overlay::default();
        overlay.extend(&plan.changes);
        let (again, _) = self.ask(module, arguments, &overlay);
        assert_eq!(again.expect("a plan").changes, [], "on the overlay");
        for change in &plan.changes {
            self.make(change);
        }
        let again = self.plan(module, arguments).expect("a plan");
        assert_eq!(again.changes, [], "after the changes");
        plan
    }

    fn answer(&mut self, ask: &Ask) -> Answer {
        match ask {
            Ask::File(ask) => Answer::File(self.file(&ask.path)),
            Ask::Process(_) => Answer::Process(self.process()),
            Ask::Info(_) => Answer::Info(self.info()),
            Ask::Containers(_) => Answer::Containers(Containers { running: self.containers.clone() }),
            Ask::Owed(_) => Answer::Owed(self.owed.clone()),
            Ask::Validate(ask) => {
                assert_eq!(ask.flags, self.flags);
                self.validated.push(ask.config.clone());
                Answer::Validate(self.verdict.clone())
            }
            other => panic!("{other:?} is asked"),
        }
    }

    fn file(&self, path: &HostPath) -> File {
        let attributes = |mode, size| Attributes {
            mode: Mode::new(mode),
            uid: 0,
            gid: 0,
            owner: "root".to_owned(),
            group: "root".to_owned(),
            size,
            mtime: 0,
        };
        let kind = match self.files.get(path.as_str()) {
            Some((text, mode)) => FileKind::File(attributes(*mode, text.len() as u64), Some(text.clone())),
            None if self.directories.iter().any(|dir| dir == path.as_str()) => {
                FileKind::Directory(attributes(0o755, 0))
            }
            None => FileKind::Absent,
        };
        File { path: path.clone(), target: None, link: None, kind }
    }

    fn process(&self) -> Process {
        let program = HostPath::new("/usr/sbin/dockerd").expect("a path");
        let mut cmdline = vec!["/usr/sbin/dockerd".to_owned()];
        cmdline.extend(self.flags.clone());
        if let Some(path) = self.facts.daemons.iter().find_map(|site| site.config.as_ref()) {
            cmdline.extend(["--config-file".to_owned(), path.to_string()]);
        }
        let running = self.heeds.as_ref().map(|_| Running {
            pid: 1,
            start: "boot:1".to_owned(),
            started: 1,
            cmdline,
            program,
            environ: Vec::new(),
        });
        Process { installed: self.installed, running, units: self.units.clone() }
    }

    fn info(&self) -> Option<DaemonInfo> {
        let heeds = self.heeds.as_ref().filter(|_| self.answers_api)?;
        let list = |key: &str| heeds.get(key).cloned().unwrap_or_else(|| json!([]));
        let flag = |key: &str| heeds.get(key).cloned().unwrap_or_else(|| json!(false));
        let mut indexes = Map::new();
        let mut networks = vec![json!("127.0.0.0/8")];
        for item in list("insecure-registries").as_array().into_iter().flatten() {
            let name = item.as_str().unwrap_or_default();
            if name.contains('/') && !name.contains("://") {
                networks.push(item.clone());
            } else {
                let name = name.rsplit("//").next().unwrap_or_default();
                indexes.insert(name.to_owned(), json!({"Secure": false}));
            }
        }
        let mirrors = list("registry-mirrors");
        let mirrors = mirrors.as_array().into_iter().flatten().filter_map(Value::as_str);
        let mirrors: Vec<String> =
            mirrors.map(|mirror| format!("{}/", mirror.trim_end_matches('/'))).collect();
        let json = json!({
            "ServerVersion": self.engine, "Swarm": self.swarm, "Labels": list("labels"),
            "LiveRestoreEnabled": flag("live-restore"), "Debug": flag("debug"),
            "RegistryConfig": {"InsecureRegistryCIDRs": networks, "IndexConfigs": indexes, "Mirrors": mirrors},
        });
        Some(DaemonInfo { version: self.engine.to_owned(), json, fresh: false })
    }

    fn make(&mut self, change: &Change) {
        match change {
            Change::WriteFile(write) => self.write(write),
            Change::Remove(remove) => {
                let (text, _) = self.files.remove(remove.path.as_str()).expect("a file");
                assert_eq!(text, remove.before.content.bytes);
            }
            Change::MakeDir(make) => self.directories.push(make.path.to_string()),
            Change::Owe(owed) => {
                self.owed.retain(|record| record.id != owed.id);
                self.owed.push(owed.clone());
            }
            Change::ReloadDocker(reload) => self.reload(reload.visible, &reload.settles),
            Change::RestartDocker(_) => {
                self.heeds = Some(self.config());
                self.units.iter_mut().for_each(|(_, state)| "active".clone_into(state));
                self.owed.clear();
            }
            other => panic!("{other:?} is planned"),
        }
    }

    fn write(&mut self, write: &WriteFile) {
        let old = self.files.get(write.path.as_str());
        let before = write.before.as_ref().map(|before| &before.content.bytes);
        assert_eq!(before, old.map(|(text, _)| text), "the file has moved on");
        let mode = old.map_or(0o644, |(_, mode)| *mode);
        let parent = write.path.parent().expect("a directory").to_string();
        assert!(self.directories.contains(&parent), "{parent} is not there");
        self.files.insert(write.path.to_string(), (write.content.bytes.clone(), mode));
    }

    /// The file, as dockerd would read it.
    fn config(&self) -> Map<String, Value> {
        let text = self.files.get(CONFIG).map_or(&b"{}"[..], |(text, _)| text);
        match edit::strict_json(text).expect("dockerd refuses the file") {
            Value::Object(config) => config,
            _ => Map::new(),
        }
    }

    /// On a reload written keys are taken, and those that are gone keep their value.
    fn reload(&mut self, visible: bool, settles: &[String]) {
        let before = self.info().map(|info| info.json);
        let engine: Option<Version> = self.engine.parse().ok();
        let config = self.config();
        let errors = judge(&Value::Object(config.clone()), engine);
        assert!(
            errors.iter().all(|problem| problem.severity != modules::daemon_config::rules::Severity::Error),
            "{errors:?}"
        );
        let heeds = self.heeds.as_mut().expect("a daemon");
        for (key, value) in config {
            if !value.is_null() && keys::find(&key).is_some_and(|key| key.reloadable(engine)) {
                heeds.insert(key, value);
            }
        }
        assert_eq!(self.info().map(|info| info.json) != before, visible, "what `/info` shows of the reload");
        self.owed.retain(|record| !settles.contains(&record.id));
    }
}

/// The system's daemon, as facts name it.
pub fn system_daemon(config: Option<&str>) -> DaemonSite {
    DaemonSite {
        kind: DaemonKind::System,
        user: "root".to_owned(),
        uid: 0,
        socket: HostPath::new("/var/run/docker.sock").expect("a path"),
        config: config.and_then(|path| path.parse().ok()),
        config_home: None,
    }
}

/// Each change as one line.
pub fn lines(plan: &Plan) -> Vec<String> {
    plan.changes.iter().map(Change::summary).collect()
}
