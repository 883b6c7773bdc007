//! The Docker daemon of a host that a task is about: which of several, where its settings and certificates are, and what
//! runs it.

use crate::contract::{DaemonKind, DaemonSite, Host, HostPath, PlanError};

use super::service::Service;
use super::windows;
use super::{is_windows, path};

/// A host's Docker daemon.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Daemon {
    /// Whose it is.
    pub kind: DaemonKind,
    /// The user that it runs as.
    pub user: String,
    /// Its socket.
    pub socket: HostPath,
    /// The configuration file that it reads.
    pub config: HostPath,
    /// The directory in which it looks for a directory of each registry's certificates.
    pub certs_d: HostPath,
    /// What runs it.
    pub service: &'static Service,
    /// Where its flags are written down, for messages.
    pub flags: &'static str,
    /// Files that may hold its process id.
    pid_files: Vec<String>,
}

const SOCKET: &str = "/var/run/docker.sock";
const UNIT_FLAGS: &str = "`systemctl cat docker.service`, and the files that it names";

/// Where flags are written down, by what runs services and by distribution; the first that fits.
const FLAGS: &[(&str, &[&str], &str)] = &[
    (
        "systemd",
        &["debian", "ubuntu"],
        "`systemctl cat docker.service`, and `DOCKER_OPTS` in /etc/default/docker where the unit reads it",
    ),
    (
        "systemd",
        &["amzn", "rhel", "centos"],
        "`systemctl cat docker.service`, and `OPTIONS` in /etc/sysconfig/docker where the unit reads it",
    ),
    ("systemd", &[], UNIT_FLAGS),
    ("upstart", &[], "`DOCKER_OPTS` in /etc/default/docker"),
    ("sysvinit", &[], "`DOCKER_OPTS` in /etc/default/docker"),
    ("sysvinit-redhat", &[], "`other_args` or `OPTIONS` in /etc/sysconfig/docker"),
    ("openrc", &[], "`DOCKER_OPTS` in /etc/conf.d/docker"),
    ("windows", &[], "`sc.exe qc docker`"),
    ("boot2docker", &[], "`EXTRA_ARGS` in /var/lib/boot2docker/profile, and /etc/init.d/docker itself"),
    ("", &[], "the script that starts the daemon, and the files that it reads"),
];

impl Daemon {
    /// The daemon that a task is about: the one that `docker_daemon` chooses, else the only one.
    ///
    /// # Errors
    /// [`PlanError`] where several are found and none is chosen, where the chosen one is not there, and where it belongs to
    /// another user than the one that the task runs as.
    pub fn of(host: &Host) -> Result<Self, PlanError> {
        let site = choose(host)?;
        let daemon = Self::at(host, site.as_ref());
        if daemon.kind == DaemonKind::Rootless && daemon.user != host.facts.user {
            return Err(PlanError::new(format!(
                "the daemon `rootless:{}` is looked after by its own user, and the task runs as `{}`",
                daemon.user, host.facts.user
            ))
            .help(format!("run the task with `become_user: {}`", daemon.user)));
        }
        Ok(daemon)
    }

    /// The same where a probe needs one: [`Daemon::of`] refuses at the plan what is not clear here.
    #[must_use]
    pub fn assumed(host: &Host) -> Self {
        Self::at(host, choose(host).ok().flatten().as_ref())
    }

    fn at(host: &Host, site: Option<&DaemonSite>) -> Self {
        let kind = site.map_or(DaemonKind::System, |site| site.kind);
        let init = host.facts.init.as_str();
        let on_windows = is_windows(&host.facts);
        let slash = if on_windows { '\\' } else { '/' };
        let (settings, pid_files) = match (kind, site) {
            (DaemonKind::Rootless, Some(site)) => {
                let home = if host.facts.user == site.user { host.facts.home.as_str() } else { "" };
                let default = format!("{}/.config", home.trim_end_matches('/'));
                let settings = site.config_home.clone().unwrap_or_else(|| {
                    HostPath::new(&default).unwrap_or_else(|_| path("/nonexistent/.config"))
                });
                (format!("{settings}/docker"), vec![format!("/run/user/{}/docker.pid", site.uid)])
            }
            (DaemonKind::Snap, _) => (
                "/var/snap/docker/current/etc/docker".to_owned(),
                ["/run/snap.docker/docker.pid", "/var/snap/docker/current/run/docker.pid"]
                    .map(str::to_owned)
                    .to_vec(),
            ),
            _ if on_windows => (windows::settings(site), Vec::new()),
            _ => (
                "/etc/docker".to_owned(),
                vec!["/run/docker.pid".to_owned(), "/var/run/docker.pid".to_owned()],
            ),
        };
        // The snap's wrapper names the file by a flag; this is where it lies when the daemon does not run.
        let config = match kind {
            DaemonKind::Snap => "/var/snap/docker/current/config/daemon.json".to_owned(),
            _ if on_windows => format!(r"{settings}\config\daemon.json"),
            _ => format!("{settings}/daemon.json"),
        };
        Self {
            kind,
            user: site.map_or_else(|| host.facts.user.clone(), |site| site.user.clone()),
            socket: site.map_or_else(
                || path(if on_windows { windows::PIPE } else { SOCKET }),
                |site| site.socket.clone(),
            ),
            config: site.and_then(|site| site.config.clone()).unwrap_or_else(|| joined(&config)),
            certs_d: joined(&format!("{settings}{slash}certs.d")),
            service: Service::of(kind, init),
            flags: flags(host, kind),
            pid_files,
        }
    }

    /// The name of a registry's directory there: on Windows no name holds a colon, and dockerd leaves it out.
    #[must_use]
    pub fn certs_d_name(&self, registry: &str) -> String {
        if self.certs_d.is_windows() { registry.replace(':', "") } else { registry.to_owned() }
    }

    /// Whether what stands there for a registry takes the place of the system's certificates, instead of adding to them.
    #[must_use]
    pub fn certs_d_replaces(&self) -> bool {
        self.certs_d.is_windows()
    }

    /// What the host's script library has to know of it, as names and values of shell variables.
    #[must_use]
    pub fn header(&self) -> Vec<(&'static str, String)> {
        let user = self.kind == DaemonKind::Rootless;
        let words = |list: &[&str]| list.join(" ");
        vec![
            ("pid_files", self.pid_files.join(" ")),
            ("socket", self.socket.to_string()),
            ("units", words(self.service.units)),
            ("user_units", if user { "--user".to_owned() } else { String::new() }),
            ("log_files", words(self.service.logs)),
            ("owed_name", if self.kind == DaemonKind::Snap { "owed-snap" } else { "owed" }.to_owned()),
        ]
    }
}

fn joined(text: &str) -> HostPath {
    HostPath::new(text).unwrap_or_else(|_| path("/nonexistent"))
}

fn flags(host: &Host, kind: DaemonKind) -> &'static str {
    match kind {
        DaemonKind::Snap => return "`snap get docker`, and the snap's own wrapper",
        DaemonKind::Rootless => return "`systemctl --user cat docker.service`, and the files that it names",
        DaemonKind::System => {}
    }
    let facts = &host.facts;
    let named = |ids: &[&str]| {
        ids.is_empty()
            || std::iter::once(&facts.id).chain(&facts.id_like).any(|id| ids.contains(&id.as_str()))
    };
    let fits = |init: &str, ids: &[&str]| (init.is_empty() || init == facts.init) && named(ids);
    FLAGS.iter().find(|(init, ids, _)| fits(init, ids)).map_or(UNIT_FLAGS, |(_, _, text)| text)
}

/// The site that a task is about; none where no daemon is found and the system's is meant.
fn choose(host: &Host) -> Result<Option<DaemonSite>, PlanError> {
    let sites = &host.facts.daemons;
    let Some(choice) = host.settings.get("docker_daemon").map(|text| text.trim()) else {
        return match sites.as_slice() {
            [] => Ok(None),
            [only] => Ok(Some(only.clone())),
            several => Err(PlanError::new(format!("this host runs {} docker daemons: {}", several.len(), listed(several)))
                .help(format!(
                    "say which with the variable `docker_daemon`, such as `docker_daemon: {}`, in the inventory or with `-e`",
                    several[0]
                ))),
        };
    };
    let chosen = match choice {
        // A host may have one user's daemon, and its name need not be known.
        "rootless" => {
            let mut users = sites.iter().filter(|site| site.kind == DaemonKind::Rootless);
            match (users.next(), users.next()) {
                (Some(_), Some(_)) => {
                    return Err(PlanError::new(format!(
                        "several users run a docker daemon of their own: {}",
                        listed(sites)
                    ))
                    .help("name one: `docker_daemon: rootless:USER`"));
                }
                (first, _) => first,
            }
        }
        _ => sites.iter().find(|site| {
            site.to_string() == choice
                || choice.strip_prefix("unix://").unwrap_or(choice) == site.socket.as_str()
        }),
    };
    match chosen {
        Some(site) => Ok(Some(site.clone())),
        None if choice == "system" => Ok(None),
        None => Err(not_found(choice, sites)),
    }
}

fn not_found(choice: &str, sites: &[DaemonSite]) -> PlanError {
    let known = choice == "snap"
        || choice == "rootless"
        || choice.starts_with("rootless:")
        || choice.starts_with('/')
        || choice.starts_with("unix:///");
    if !known {
        return PlanError::new(format!("`docker_daemon: {choice}` names no daemon"))
            .help("it is `system`, `snap`, `rootless`, `rootless:USER` or the path of a socket");
    }
    let found = if sites.is_empty() { "none".to_owned() } else { listed(sites) };
    PlanError::new(format!("the docker daemon `{choice}` does not run on this host; found: {found}"))
        .help("start it, or correct the variable `docker_daemon`; a user's own daemon is seen by root and by that user")
}

fn listed(sites: &[DaemonSite]) -> String {
    sites.iter().map(|site| format!("`{site}` ({})", site.socket)).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::Facts;

    fn site(kind: DaemonKind, user: &str, uid: u32) -> DaemonSite {
        let socket = if uid == 0 { SOCKET.to_owned() } else { format!("/run/user/{uid}/docker.sock") };
        DaemonSite {
            kind,
            user: user.to_owned(),
            uid,
            socket: path(&socket),
            config: None,
            config_home: None,
        }
    }

    fn host(user: &str, daemons: &[DaemonSite], choice: Option<&str>) -> Host {
        let facts = Facts {
            id: "debian".to_owned(),
            init: "systemd".to_owned(),
            user: user.to_owned(),
            home: format!("/home/{user}"),
            daemons: daemons.to_vec(),
            ..Facts::default()
        };
        let mut host = Host::new("web1", facts);
        host.settings.extend(choice.map(|text| ("docker_daemon".to_owned(), text.to_owned())));
        host
    }

    fn both() -> [DaemonSite; 2] {
        [site(DaemonKind::System, "root", 0), site(DaemonKind::Rootless, "alice", 1001)]
    }

    #[test]
    fn the_only_one_is_meant_and_several_are_refused_with_their_sockets() {
        assert_eq!(Daemon::of(&host("root", &[], None)).unwrap().config.as_str(), "/etc/docker/daemon.json");
        let alone = host("alice", &both()[1..], None);
        assert_eq!(Daemon::of(&alone).unwrap().config.as_str(), "/home/alice/.config/docker/daemon.json");
        let error = Daemon::of(&host("root", &both(), None)).unwrap_err();
        assert_eq!(
            error.message,
            "this host runs 2 docker daemons: `system` (/var/run/docker.sock), `rootless:alice` (/run/user/1001/docker.sock)"
        );
    }

    #[test]
    fn a_choice_is_by_kind_by_user_or_by_socket() {
        let of = |user, choice| Daemon::of(&host(user, &both(), Some(choice)));
        assert_eq!(of("root", "system").unwrap().certs_d.as_str(), "/etc/docker/certs.d");
        for choice in
            ["rootless", "rootless:alice", "/run/user/1001/docker.sock", "unix:///run/user/1001/docker.sock"]
        {
            let daemon = of("alice", choice).unwrap();
            assert_eq!(daemon.certs_d.as_str(), "/home/alice/.config/docker/certs.d", "{choice}");
            assert_eq!(daemon.service.name, "the user's systemd");
        }
        let error = of("root", "rootless:alice").unwrap_err();
        assert!(error.help.unwrap().contains("become_user: alice"));
        assert!(of("root", "rootless:bob").unwrap_err().message.contains("does not run on this host"));
        assert!(of("root", "podman").unwrap_err().message.contains("names no daemon"));
    }

    #[test]
    fn a_snap_has_its_own_places_and_flags_win() {
        let mut snap = site(DaemonKind::Snap, "root", 0);
        let daemon = Daemon::of(&host("root", &[snap.clone()], None)).unwrap();
        assert_eq!(daemon.config.as_str(), "/var/snap/docker/current/config/daemon.json");
        assert_eq!(daemon.certs_d.as_str(), "/var/snap/docker/current/etc/docker/certs.d");
        snap.config = HostPath::new("/var/snap/docker/2904/config/daemon.json").ok();
        let daemon = Daemon::of(&host("root", &[snap], None)).unwrap();
        assert_eq!(daemon.config.as_str(), "/var/snap/docker/2904/config/daemon.json");
    }

    #[test]
    fn windows_has_its_own_places_and_no_colon_in_a_name() {
        let facts = Facts { id: "windows".to_owned(), init: "windows".to_owned(), ..Facts::default() };
        let mut host = Host::new("win1", facts);
        let daemon = Daemon::of(&host).unwrap();
        assert_eq!(daemon.config.as_str(), r"C:\ProgramData\docker\config\daemon.json");
        assert_eq!(daemon.certs_d.as_str(), r"C:\ProgramData\docker\certs.d");
        assert_eq!(daemon.certs_d_name("dtr.example.com:5000"), "dtr.example.com5000");
        assert_eq!(daemon.socket.as_str(), r"\\.\pipe\docker_engine");
        assert_eq!(daemon.service.restart.join(" "), "Restart-Service docker");
        assert!(daemon.flags.contains("sc.exe") && daemon.certs_d_replaces());
        let mut site = site(DaemonKind::System, "LocalSystem", 0);
        site.socket = HostPath::object(r"\\.\pipe\docker_engine").unwrap();
        site.config_home = HostPath::new(r"D:\Data").ok();
        host.facts.daemons = vec![site];
        assert_eq!(Daemon::of(&host).unwrap().config.as_str(), r"D:\Data\docker\config\daemon.json");
        host.facts.daemons[0].config = HostPath::new(r"E:\d.json").ok();
        assert_eq!(Daemon::of(&host).unwrap().config.as_str(), r"E:\d.json");
    }

    #[test]
    fn flags_are_named_by_distribution_and_init() {
        let of = |id: &str, init: &str| {
            let facts = Facts { id: id.to_owned(), init: init.to_owned(), ..Facts::default() };
            Daemon::of(&Host::new("h", facts)).unwrap().flags
        };
        assert!(of("debian", "systemd").contains("/etc/default/docker"));
        assert!(of("amzn", "systemd").contains("/etc/sysconfig/docker"));
        assert!(!of("exotic", "systemd").contains("/etc/"));
        assert!(of("alpine", "openrc").contains("/etc/conf.d/docker"));
        assert!(of("boot2docker", "boot2docker").contains("EXTRA_ARGS"));
    }
}
