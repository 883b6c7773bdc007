//! A real sshd of our own on loopback, with its own keys; its log says how many sessions there were.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use dtrctl::transport::{Destination, Pool, PoolSettings, Ssh, Transport};
use tempfile::TempDir;

const SSHD: &str = "/usr/sbin/sshd";

/// Has the server keep what is sent to it, so that the scripts in it can be counted.
pub const COUNTING: &str = "ForceCommand tee -a DIR/sent | sh -c \"$SSH_ORIGINAL_COMMAND\"";

/// The server, its keys, and a home for the client's sockets; all of it goes when this is dropped.
pub struct Sshd {
    dir: TempDir,
    child: Child,
    pub port: u16,
    pub pool: Arc<Pool>,
}

impl Sshd {
    /// None, with the reason on standard error, where no sshd is installed.
    pub fn start() -> Option<Self> {
        Self::with("")
    }

    /// With further lines for `sshd_config`; `DIR` in them is the server's directory.
    pub fn with(lines: &str) -> Option<Self> {
        if !Path::new(SSHD).exists() {
            eprintln!("skipped: no {SSHD}; install openssh-server");
            return None;
        }
        let dir = tempfile::Builder::new().prefix("dt").tempdir_in("/tmp").unwrap();
        let at = |name: &str| dir.path().join(name);
        for name in ["host", "user"] {
            keygen(&at(name));
        }
        fs::copy(at("user.pub"), at("authorized_keys")).unwrap();
        let port = free_port();
        // Where this machine is a host, its records are the test's own. Of several such lines sshd takes the first.
        let own = format!("DTRCTL_STATE={d}/state DTRCTL_RUNTIME={d}/run", d = dir.path().display());
        let lines = lines.replace("DIR", &dir.path().display().to_string());
        let lines = match lines.strip_prefix("SetEnv ") {
            Some(more) => format!("SetEnv {own} {more}"),
            None => format!("SetEnv {own}\n{lines}"),
        };
        let config = format!(
            "{lines}\nListenAddress 127.0.0.1\nPort {port}\nHostKey {d}/host\nAuthorizedKeysFile {d}/authorized_keys\n\
             PasswordAuthentication no\nKbdInteractiveAuthentication no\nUsePAM no\nStrictModes no\nLogLevel VERBOSE\n\
             PidFile none\nMaxStartups 100\n",
            d = dir.path().display()
        );
        fs::write(at("sshd_config"), config).unwrap();
        let host_key = fs::read_to_string(at("host.pub")).unwrap();
        fs::write(at("known_hosts"), format!("* {host_key}")).unwrap();
        let client = format!(
            "UserKnownHostsFile {d}/known_hosts\nGlobalKnownHostsFile /dev/null\n",
            d = dir.path().display()
        );
        fs::write(at("ssh_config"), client).unwrap();
        let child = serve(dir.path(), port);
        let pool = Self::pool(dir.path());
        Some(Self { dir, child, port, pool })
    }

    fn pool(dir: &Path) -> Arc<Pool> {
        Pool::new(PoolSettings::new(dir.to_owned(), Some(dir.to_owned()))).unwrap()
    }

    /// Another run of dtrctl that finds the same sockets.
    pub fn another_pool(&self) -> Arc<Pool> {
        Self::pool(self.dir.path())
    }

    /// The same where so many connections may stay.
    pub fn pool_of(&self, masters: usize) -> Arc<Pool> {
        let dir = self.path("");
        Pool::new(PoolSettings { masters, ..PoolSettings::new(dir.clone(), Some(dir)) }).unwrap()
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn destination(&self) -> Destination {
        let mut destination = Destination::new("web1", "127.0.0.1");
        destination.port = Some(self.port);
        destination.key = Some(self.path("user"));
        destination.ssh_config = Some(self.path("ssh_config"));
        destination
    }

    pub fn transport(&self) -> Transport {
        self.to(self.destination())
    }

    pub fn to(&self, destination: Destination) -> Transport {
        Transport::Ssh(Ssh::new(Arc::clone(&self.pool), destination))
    }

    /// The scripts that came whole, where [`COUNTING`] is among the lines of the configuration.
    pub fn scripts(&self) -> usize {
        // The line that calls a script's function: one word, and drawn anew for each.
        let is_call =
            |line: &&[u8]| line.len() == 33 && line[0] == b'm' && line[1..].iter().all(u8::is_ascii_hexdigit);
        let sent = fs::read(self.path("sent")).unwrap_or_default();
        sent.split(|b| *b == b'\n').filter(is_call).count()
    }

    /// Sessions that ran a command.
    pub fn sessions(&self) -> usize {
        self.log().matches("Starting session: ").count()
    }

    /// Connections that authenticated.
    pub fn logins(&self) -> usize {
        self.log().matches("Accepted publickey").count()
    }

    pub fn log(&self) -> String {
        fs::read_to_string(self.path("log")).unwrap()
    }

    /// The names in the directory for sockets.
    pub fn sockets(&self) -> Vec<PathBuf> {
        let Ok(entries) = fs::read_dir(self.path("dtrctl")) else { return vec![] };
        entries.map(|entry| entry.unwrap().path()).collect()
    }

    /// The client's masters: they stand apart from who has started them.
    pub fn masters(&self) -> Vec<i32> {
        let needle = format!("ControlPath={}", self.dir.path().display());
        let all = fs::read_dir("/proc").unwrap().flatten();
        let pids = all.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        pids.filter(|pid: &i32| {
            let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            let line = String::from_utf8_lossy(&line).replace('\0', " ");
            line.contains(&needle) && !line.starts_with("dtrctl")
        })
        .collect()
    }

    /// All processes below the server.
    pub fn below(&self) -> Vec<i32> {
        below(self.child.id().try_into().unwrap())
    }

    /// Processes whose arguments name this server's directory, but for the server itself.
    pub fn processes(&self) -> Vec<String> {
        let needle = self.dir.path().to_string_lossy().into_owned();
        processes().into_iter().filter(|line| line.contains(&needle) && !line.contains("sshd")).collect()
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        for socket in self.sockets() {
            let path = format!("ControlPath={}", socket.display());
            let mut exit = Command::new("ssh");
            exit.args(["-F", "none", "-O", "exit", "-o", &path, "x"]).stderr(Stdio::null());
            let _ = exit.status();
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Whether a process is this program, or a part of it such as `sshd-session`.
pub fn is(pid: i32, name: &str) -> bool {
    let comm = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    comm.trim() == name || comm.starts_with(&format!("{name}-"))
}

/// The processes that a process has started, and those that they have.
pub fn below(pid: i32) -> Vec<i32> {
    let mut found = Vec::new();
    let Ok(tasks) = fs::read_dir(format!("/proc/{pid}/task")) else { return found };
    for task in tasks.flatten() {
        let Ok(children) = fs::read_to_string(task.path().join("children")) else { continue };
        for child in children.split_whitespace().filter_map(|child| child.parse().ok()) {
            found.push(child);
            found.extend(below(child));
        }
    }
    found
}

/// The command line of each process.
pub fn processes() -> Vec<String> {
    let entries = fs::read_dir("/proc").unwrap().flatten();
    entries
        .filter_map(|entry| fs::read(entry.path().join("cmdline")).ok())
        .map(|line| String::from_utf8_lossy(&line).replace('\0', " "))
        .collect()
}

/// Waits until `done`, at most `seconds`.
pub fn eventually(seconds: u64, mut done: impl FnMut() -> bool) -> bool {
    let begin = Instant::now();
    while begin.elapsed() < Duration::from_secs(seconds) {
        if done() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    done()
}

pub fn keygen(path: &Path) {
    let done =
        Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(path).status().unwrap();
    assert!(done.success());
}

pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn serve(dir: &Path, port: u16) -> Child {
    if rustix::process::geteuid().is_root() {
        fs::create_dir_all("/run/sshd").unwrap();
    }
    let log = fs::File::create(dir.join("log")).unwrap();
    let mut command = Command::new(SSHD);
    command.args(["-D", "-e", "-f"]).arg(dir.join("sshd_config")).stderr(log).stdin(Stdio::null());
    let child = command.spawn().unwrap();
    assert!(
        eventually(10, || std::net::TcpStream::connect(("127.0.0.1", port)).is_ok()),
        "sshd does not answer"
    );
    child
}
