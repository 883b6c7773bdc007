//! A made-up machine with Windows and dockerd: a folder. Its answers are what library.ps1 and daemon.ps1 say that they print.

use std::fs;
use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use modules::digest;
use serde_json::{Map, Value as Json, json};

pub const CONFIG: &str = r"C:\ProgramData\docker\config\daemon.json";

/// A call that failed.
pub struct Failed {
    pub status: i32,
    pub message: String,
}

type Called = Result<Vec<String>, Failed>;

fn failed<T>(status: i32, message: impl Into<String>) -> Result<T, Failed> {
    Err(Failed { status, message: message.into() })
}

pub struct Machine {
    folder: PathBuf,
}

fn word(text: &str) -> String {
    enc(text.as_bytes())
}

fn enc(bytes: &[u8]) -> String {
    format!("b:{}", STANDARD.encode(bytes))
}

fn text(arg: &Json) -> &str {
    arg.get("path")
        .or_else(|| arg.get("word"))
        .and_then(Json::as_str)
        .unwrap_or_else(|| panic!("no text: {arg}"))
}

fn bytes(arg: &Json) -> Vec<u8> {
    STANDARD.decode(arg["bytes"].as_str().unwrap()).unwrap()
}

impl Machine {
    pub fn at(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// A new one, whose daemon runs.
    pub fn new(folder: PathBuf) -> Self {
        let machine = Self { folder };
        fs::create_dir_all(machine.path(r"C:\ProgramData\docker\config")).unwrap();
        fs::create_dir_all(machine.state("owed")).unwrap();
        fs::create_dir_all(machine.state("roots")).unwrap();
        fs::write(machine.state("log"), "").unwrap();
        machine.start(1);
        machine
    }

    fn state(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Something that is so where a file says it: `constrained`, `limited`.
    pub fn has(&self, name: &str) -> bool {
        self.state(name).exists()
    }

    pub fn set(&self, name: &str) {
        fs::write(self.state(name), "").unwrap();
    }

    pub fn is_elevated(&self) -> bool {
        !self.has("limited")
    }

    pub fn note(&self, line: &str) {
        use std::io::Write as _;
        let mut log = fs::OpenOptions::new().append(true).open(self.state("log")).unwrap();
        writeln!(log, "{line}").unwrap();
    }

    /// What was called so far, and forgets it.
    pub fn take_log(&self) -> Vec<String> {
        let log = fs::read_to_string(self.state("log")).unwrap();
        fs::write(self.state("log"), "").unwrap();
        log.lines().map(str::to_owned).collect()
    }

    /// Where a path of the machine is kept. Windows does not tell case apart.
    pub fn path(&self, path: &str) -> PathBuf {
        let rest = path.strip_prefix(r"C:\").unwrap_or_else(|| panic!("no path of Windows: {path}"));
        rest.to_lowercase().split('\\').fold(self.state("disk"), |at, part| at.join(part))
    }

    pub fn read(&self, path: &str) -> Option<Vec<u8>> {
        fs::read(self.path(path)).ok()
    }

    pub fn write(&self, path: &str, text: &[u8]) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    // --- the daemon

    fn daemon(&self) -> Json {
        serde_json::from_str(&fs::read_to_string(self.state("daemon")).unwrap()).unwrap()
    }

    fn config(&self) -> Map<String, Json> {
        let file = self.read(CONFIG).unwrap_or_default();
        let file = file.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&file);
        if file.is_empty() { Map::new() } else { serde_json::from_slice(file).unwrap() }
    }

    fn start(&self, pid: u64) {
        let daemon = json!({"pid": pid, "heeds": self.config(), "reloads": 0});
        fs::write(self.state("daemon"), daemon.to_string()).unwrap();
        for record in fs::read_dir(self.state("owed")).unwrap() {
            fs::remove_file(record.unwrap().path()).unwrap();
        }
    }

    /// How often it was started and reloaded.
    pub fn starts_and_reloads(&self) -> (u64, u64) {
        let daemon = self.daemon();
        (daemon["pid"].as_u64().unwrap(), daemon["reloads"].as_u64().unwrap())
    }

    /// The insecure registries that it heeds.
    pub fn insecure(&self) -> Json {
        self.daemon()["heeds"]["insecure-registries"].clone()
    }

    fn info(&self) -> Json {
        let heeds = &self.daemon()["heeds"];
        let list = |key: &str| heeds.get(key).cloned().unwrap_or_else(|| json!([]));
        let names = list("insecure-registries");
        let names = names.as_array().unwrap().iter().map(|name| name.as_str().unwrap().to_owned());
        let indexes: Map<String, Json> = names.map(|name| (name, json!({"Secure": false}))).collect();
        json!({
            "ServerVersion": "26.1.5", "OSType": "windows", "Labels": list("labels"), "Debug": heeds["debug"] == true,
            "LiveRestoreEnabled": false, "Swarm": {"LocalNodeState": "inactive", "ControlAvailable": false},
            "RegistryConfig": {"InsecureRegistryCIDRs": ["::1/128", "127.0.0.0/8"], "IndexConfigs": indexes, "Mirrors": []},
        })
    }

    /// What `docker pull` says of a registry: whether it is trusted is looked up as dockerd on Windows does.
    fn pull(&self, registry: &str) -> String {
        let insecure = self.insecure().as_array().is_some_and(|list| list.contains(&json!(registry)));
        let own = self.path(&format!(r"C:\ProgramData\docker\certs.d\{}", registry.replace(':', "")));
        let own = fs::read_dir(own).into_iter().flatten().flatten();
        let own = own.filter(|entry| entry.file_name().to_string_lossy().ends_with(".crt")).count();
        let system = fs::read_dir(self.state("roots")).unwrap().count();
        // What stands in certs.d replaces the system's certificates, which are read when the daemon starts.
        if insecure || own > 0 || (system > 0 && !self.has("roots-changed")) {
            format!(
                "Error response from daemon: manifest for {registry}/dtrctl-probe:none not found: manifest unknown"
            )
        } else {
            "Error response from daemon: tls: failed to verify certificate: x509: certificate signed by unknown authority"
                .to_owned()
        }
    }

    // --- the calls

    pub fn call(&self, name: &str, args: &[Json]) -> Called {
        match (name, args) {
            ("ask_facts", []) => Ok(self.facts()),
            ("ask_file", [path, limit]) => Ok(self.ask_file(text(path), limit["number"].as_u64().unwrap())),
            ("ask_dir", [path]) => Ok(self.ask_dir(text(path))),
            ("ask_trust_store", [known, _, bundle]) => Ok(self.trust_store(text(known), text(bundle))),
            ("ask_process", []) => Ok(self.process()),
            ("ask_info", []) => Ok(vec![format!("info={}", word(&self.info().to_string()))]),
            ("ask_containers", []) => {
                let id = "0".repeat(64);
                let one = || vec![format!("container={id} always iis")];
                Ok(if self.has("container") { one() } else { vec![] })
            }
            ("ask_builders", []) => Ok(vec![]),
            ("ask_owed", []) => Ok(self.owed()),
            ("ask_validate", [config, program, flags @ ..]) => {
                Ok(Self::validate(&bytes(config), text(program), flags))
            }
            ("ask_host_check", [scheme, registry, _]) => {
                let answer = format!("{{}}\n{}", if text(scheme) == "https" { 200 } else { 0 });
                assert!(!text(registry).is_empty());
                Ok(vec!["resolves=yes".to_owned(), "curl=0".to_owned(), format!("answer={}", word(&answer))])
            }
            ("ask_resolve", [name]) => {
                assert!(!text(name).is_empty());
                Ok(vec!["resolves=yes".to_owned(), "address=192.0.2.7".to_owned()])
            }
            ("ask_distribution", [registry]) => {
                Ok(vec!["status=1".to_owned(), format!("message={}", word(&self.pull(text(registry))))])
            }
            _ => self.change(name, args).map(|()| vec![]),
        }
    }

    fn change(&self, name: &str, args: &[Json]) -> Result<(), Failed> {
        match (name, args) {
            ("do_write", [path, before, after, mode, owner, group, content]) => {
                // `create` has these: what a file of Windows is made with, or had.
                assert!(["0644", "-"].contains(&text(mode)), "{mode}");
                assert_eq!(text(owner), text(group));
                self.do_write(text(path), text(before), text(after), &bytes(content))
            }
            ("do_remove", [path, before]) => {
                self.still(text(path), text(before))?;
                fs::remove_file(self.path(text(path))).unwrap();
                Ok(())
            }
            ("do_make_dir", [path, _, _, _]) => {
                fs::create_dir_all(self.path(text(path))).unwrap();
                Ok(())
            }
            ("do_remove_dir", [path]) => {
                fs::remove_dir(self.path(text(path))).or_else(|error| failed(1, error.to_string()))
            }
            ("do_refresh", [_, drop, present, absent, ..]) => {
                self.refresh(text(drop), text(present), text(absent))
            }
            ("do_owe", [id, need, reason]) => {
                let record = format!("owed={} {} {}", text(need), word(text(id)), word(text(reason)));
                fs::write(self.state("owed").join(digest(text(id).as_bytes())), record).unwrap();
                Ok(())
            }
            ("do_reload", [how, settles]) => self.reload(text(how), text(settles)),
            ("do_restart", [_, stops, _, _, command, service]) => {
                assert_eq!((text(command), text(service)), ("Restart-Service", "docker"));
                if self.has("container") && text(stops) != "iis" {
                    return failed(96, "the container iis runs now, and would stop");
                }
                self.start(self.starts_and_reloads().0 + 1);
                _ = fs::remove_file(self.state("roots-changed"));
                Ok(())
            }
            _ => panic!("{name} with {args:?}"),
        }
    }

    fn facts(&self) -> Vec<String> {
        let release = "ID=windows\nVERSION_ID=10.0.20348\nPRETTY_NAME=\"Windows Server 2022 Datacenter\"\n";
        let line = r#""C:\Program Files\Docker\dockerd.exe" --run-service"#;
        let daemon =
            [word("LocalSystem"), word(r"\\.\pipe\docker_engine"), word(r"C:\ProgramData"), word(line)];
        vec![
            format!("os_release={}", word(release)),
            "kernel_name=Windows".to_owned(),
            "kernel=10.0.20348".to_owned(),
            "machine=AMD64".to_owned(),
            format!("hostname={}", word("WIN1")),
            format!("uid={}", if self.is_elevated() { 0 } else { 1001 }),
            format!("user={}", word("Administrator")),
            format!("home={}", word(r"C:\Users\Administrator")),
            "init=windows".to_owned(),
            format!("daemon=windows 0 {}", daemon.join(" ")),
        ]
    }

    fn stat(&self, path: &str, between: &str) -> String {
        let found = fs::metadata(self.path(path)).unwrap();
        let (mode, size) = if found.is_dir() { ("755", 0) } else { ("644", found.len()) };
        let owner = "S-1-5-32-544";
        [mode, "0", "0", owner, owner, &size.to_string(), "1700000000"].join(between)
    }

    fn kind(&self, path: &str) -> &'static str {
        let at = self.path(path);
        if at.is_dir() {
            "dir"
        } else if at.exists() {
            "file"
        } else {
            "absent"
        }
    }

    fn ask_file(&self, path: &str, limit: u64) -> Vec<String> {
        let kind = self.kind(path);
        let mut lines = vec![format!("kind={kind}")];
        if kind != "absent" {
            lines.push(format!("stat={}", self.stat(path, " ")));
        }
        if kind == "file" && limit > 0 {
            lines.push(format!("content={}", enc(&self.read(path).unwrap())));
        }
        lines
    }

    fn ask_dir(&self, path: &str) -> Vec<String> {
        let mut lines = vec![format!("kind={}", self.kind(path))];
        let entries = fs::read_dir(self.path(path)).into_iter().flatten().flatten();
        let mut names: Vec<String> = entries.map(|entry| entry.file_name().into_string().unwrap()).collect();
        names.sort();
        for name in names {
            let at = format!(r"{path}\{name}");
            let kind = self.kind(&at);
            let content = if kind == "file" { enc(&self.read(&at).unwrap()) } else { "-".to_owned() };
            lines.push(format!("entry={} file {kind} {} {content}", word(&name), self.stat(&at, ",")));
        }
        lines
    }

    fn still(&self, path: &str, before: &str) -> Result<(), Failed> {
        let now = self.read(path).map_or("absent".to_owned(), |content| digest(&content));
        if now == before { Ok(()) } else { failed(96, "it has moved on since it was read") }
    }

    fn do_write(&self, path: &str, before: &str, after: &str, content: &[u8]) -> Result<(), Failed> {
        self.still(path, before)?;
        assert_eq!(digest(content), after);
        match fs::write(self.path(path), content) {
            Ok(()) => Ok(()),
            Err(error) => failed(94, error.to_string()),
        }
    }

    fn process(&self) -> Vec<String> {
        let pid = self.starts_and_reloads().0;
        vec![
            "installed=1".to_owned(),
            "unit=docker active".to_owned(),
            format!("pid={pid}"),
            format!("start={pid}:638000000000000000"),
            "started=1780000000".to_owned(),
            format!("command_line={}", word(r#""C:\Program Files\Docker\dockerd.exe" --run-service"#)),
            format!("program={}", word(r"C:\Program Files\Docker\dockerd.exe")),
            format!("environ={}", word("")),
        ]
    }

    fn owed(&self) -> Vec<String> {
        let records = fs::read_dir(self.state("owed")).unwrap();
        records.map(|record| fs::read_to_string(record.unwrap().path()).unwrap()).collect()
    }

    fn validate(config: &[u8], program: &str, flags: &[Json]) -> Vec<String> {
        assert_eq!(program, r"C:\Program Files\Docker\dockerd.exe");
        assert_eq!(flags, [] as [Json; 0], "a service's flags are none of a validation");
        let config = config.strip_prefix(b"\xef\xbb\xbf").unwrap_or(config);
        let fine = serde_json::from_slice::<Json>(config).is_ok();
        let message = if fine { "configuration OK" } else { "unable to configure the Docker daemon" };
        vec![format!("status={}", i32::from(!fine)), format!("message={}", word(message))]
    }

    /// On a reload written keys are taken, and those that are gone keep their value.
    fn reload(&self, how: &str, settles: &str) -> Result<(), Failed> {
        let (before, mut daemon) = (self.info(), self.daemon());
        for (key, value) in self.config() {
            daemon["heeds"][key] = value;
        }
        daemon["reloads"] = json!(daemon["reloads"].as_u64().unwrap() + 1);
        fs::write(self.state("daemon"), daemon.to_string()).unwrap();
        if how == "visible" && self.info() == before {
            return failed(1, "the daemon was told to reload, but shows the same settings as before");
        }
        for id in settles.split_whitespace() {
            _ = fs::remove_file(self.state("owed").join(digest(id.as_bytes())));
        }
        Ok(())
    }

    // --- the system's certificates

    /// The thumbprints and bytes of the machine's root certificates.
    pub fn roots(&self) -> Vec<(String, Vec<u8>)> {
        let entries = fs::read_dir(self.state("roots")).unwrap().flatten();
        let mut roots: Vec<_> = entries
            .map(|entry| (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap()))
            .collect();
        roots.sort();
        roots
    }

    fn trust_store(&self, known: &str, bundle: &str) -> Vec<String> {
        assert_eq!(bundle, r"Cert:\LocalMachine\Root");
        let pem = |der: &[u8]| {
            let body = STANDARD.encode(der).into_bytes();
            let lines: Vec<String> =
                body.chunks(64).map(|line| String::from_utf8(line.to_vec()).unwrap()).collect();
            format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", lines.join("\n"))
        };
        let all: String = self.roots().iter().map(|(_, der)| pem(der)).collect();
        let sum = digest(all.as_bytes());
        let mut lines =
            vec![format!("bundle={}", word(bundle)), format!("mtime={}", i64::MAX), format!("digest={sum}")];
        if !known.split(' ').any(|known| known == sum) {
            lines.push(format!("bulk={}", enc(all.as_bytes())));
        }
        lines
    }

    fn refresh(&self, drop: &str, present: &str, absent: &str) -> Result<(), Failed> {
        let dropped: String = fs::read_dir(self.path(drop))
            .unwrap()
            .map(|entry| fs::read_to_string(entry.unwrap().path()).unwrap().replace('\n', ""))
            .collect();
        let root = |encoded: &str| self.state("roots").join(digest(encoded.as_bytes()));
        for encoded in absent.split_whitespace() {
            _ = fs::remove_file(root(encoded));
            self.set("roots-changed");
        }
        for encoded in present.split_whitespace() {
            if !dropped.contains(encoded) {
                return failed(1, "no file holds it");
            }
            fs::write(root(encoded), STANDARD.decode(encoded).unwrap()).unwrap();
            self.set("roots-changed");
        }
        Ok(())
    }
}
