//! The keys of daemon.json: their types, the releases that know them, what a change of them needs.
//!
//! The releases were read off moby's flags and JSON tags at every tag from 1.10.0 to 29.7.2; the types were
//! asked of dockerd 20.10.24 itself.

use super::super::version::Version;
use super::kind::Kind;

/// Where a key is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Platform {
    /// Everywhere.
    Any,
    /// On Linux; on Windows it is an unknown key.
    Linux,
}

/// One key of daemon.json.
#[derive(Debug, Clone, Copy)]
pub struct Key {
    /// Its name in the file.
    pub name: &'static str,
    /// What dockerd reads there.
    pub kind: Kind,
    /// The flag of the same meaning, when it is named otherwise: `insecure-registry`.
    pub flag: &'static str,
    /// The flag's one letter, or NUL.
    pub short: char,
    /// The first release that takes the key.
    pub since: Version,
    /// The first release that refuses it.
    pub until: Option<Version>,
    /// The first release that takes a new value on SIGHUP.
    pub reload: Option<Version>,
    /// The first release that takes it and ignores it.
    pub ignored: Option<Version>,
    /// Where it is known.
    pub platform: Platform,
}

impl Key {
    const fn new(name: &'static str, kind: Kind) -> Self {
        Self {
            name,
            kind,
            flag: name,
            short: '\0',
            since: Version::new(1, 10, 0),
            until: None,
            reload: None,
            ignored: None,
            platform: Platform::Any,
        }
    }

    const fn linux(name: &'static str, kind: Kind) -> Self {
        Self { platform: Platform::Linux, ..Self::new(name, kind) }
    }

    const fn flag(self, flag: &'static str) -> Self {
        Self { flag, ..self }
    }

    const fn short(self, short: char) -> Self {
        Self { short, ..self }
    }

    const fn since(self, major: u32, minor: u32) -> Self {
        Self { since: Version::new(major, minor, 0), ..self }
    }

    const fn until(self, major: u32, minor: u32) -> Self {
        Self { until: Some(Version::new(major, minor, 0)), ..self }
    }

    const fn reload(self, major: u32, minor: u32) -> Self {
        Self { reload: Some(Version::new(major, minor, 0)), ..self }
    }

    const fn ignored(self, major: u32, minor: u32) -> Self {
        Self { ignored: Some(Version::new(major, minor, 0)), ..self }
    }

    /// Whether this release takes the key; when the release is not known, whether any does.
    #[must_use]
    pub fn known_to(&self, engine: Option<Version>) -> bool {
        engine.is_none_or(|engine| self.since <= engine && self.until.is_none_or(|until| engine < until))
    }

    /// Whether this release takes a new value on SIGHUP. An engine that is not known counts as one of 20.10.
    #[must_use]
    pub fn reloadable(&self, engine: Option<Version>) -> bool {
        let engine = engine.unwrap_or(Version::new(20, 10, 0));
        self.reload.is_some_and(|since| since <= engine)
    }

    /// Whether this release takes the key and does nothing with it.
    #[must_use]
    pub fn ignored_by(&self, engine: Option<Version>) -> bool {
        self.ignored.is_some_and(|since| engine.is_some_and(|engine| since <= engine))
    }
}

/// Every key that some release takes.
pub const KEYS: &[Key] = &[
    // Strings.
    Key::new("api-cors-header", Kind::Text).since(1, 12).ignored(28, 0).until(29, 0),
    Key::linux("bip", Kind::Text),
    Key::linux("bip6", Kind::Text).since(28, 0),
    Key::new("bridge", Kind::Text).short('b'),
    Key::linux("bridge-accept-fwmark", Kind::Text).since(29, 0),
    Key::linux("cgroup-parent", Kind::Text),
    Key::new("cluster-advertise", Kind::Text).until(23, 0).reload(1, 10),
    Key::new("cluster-store", Kind::Text).until(23, 0).reload(1, 10),
    Key::new("containerd", Kind::Text).since(1, 11),
    Key::new("containerd-namespace", Kind::Text).since(19, 3),
    Key::new("data-root", Kind::Text).since(17, 5),
    Key::linux("default-cgroupns-mode", Kind::Text).since(20, 10).reload(20, 10),
    Key::linux("default-gateway", Kind::Address),
    Key::linux("default-gateway-v6", Kind::Address),
    Key::linux("default-ipc-mode", Kind::Text).since(17, 9).reload(17, 9),
    Key::linux("default-runtime", Kind::Text).since(1, 12).reload(1, 12),
    Key::linux("default-shm-size", Kind::Size).since(17, 4).reload(17, 4),
    Key::new("deprecated-key-path", Kind::Text).since(17, 6).ignored(24, 0),
    Key::new("exec-root", Kind::Text),
    Key::linux("firewall-backend", Kind::Text).since(29, 0),
    Key::new("fixed-cidr", Kind::Text),
    Key::linux("fixed-cidr-v6", Kind::Text),
    Key::new("graph", Kind::Text).short('g').until(23, 0),
    Key::new("group", Kind::Text).short('G'),
    Key::new("host-gateway-ip", Kind::Address).since(20, 10),
    Key::linux("init-path", Kind::Text).since(1, 13),
    Key::linux("ip", Kind::Address),
    Key::new("log-driver", Kind::Text),
    Key::new("log-format", Kind::Text).since(25, 0),
    Key::new("log-level", Kind::Text).short('l'),
    Key::new("metrics-addr", Kind::Text).since(1, 13),
    Key::new("min-api-version", Kind::Text).since(29, 0),
    Key::new("pidfile", Kind::Text).short('p'),
    Key::linux("seccomp-profile", Kind::Text).since(1, 13),
    Key::new("storage-driver", Kind::Text).short('s'),
    Key::new("swarm-default-advertise-addr", Kind::Text).since(1, 12),
    Key::new("tlscacert", Kind::Text),
    Key::new("tlscert", Kind::Text),
    Key::new("tlskey", Kind::Text),
    Key::linux("userland-proxy-path", Kind::Text).since(1, 13),
    Key::linux("userns-remap", Kind::Text),
    // Booleans.
    Key::linux("allow-direct-routing", Kind::Bool).since(28, 2),
    Key::new("api-enable-cors", Kind::Bool).until(17, 9),
    Key::new("cri-containerd", Kind::Bool).since(18, 9),
    Key::new("debug", Kind::Bool).short('D').reload(1, 10),
    Key::new("disable-legacy-registry", Kind::Bool).since(1, 11).until(19, 3),
    Key::new("experimental", Kind::Bool).since(1, 13),
    Key::linux("icc", Kind::Bool),
    Key::linux("init", Kind::Bool).since(1, 13),
    Key::linux("ip-forward", Kind::Bool),
    Key::linux("ip-forward-no-drop", Kind::Bool).since(28, 0),
    Key::linux("ip-masq", Kind::Bool).since(1, 12),
    Key::linux("ip6tables", Kind::Bool).since(20, 10),
    Key::linux("iptables", Kind::Bool),
    Key::linux("ipv6", Kind::Bool),
    Key::linux("live-restore", Kind::Bool).since(1, 12).reload(1, 12),
    Key::linux("no-new-privileges", Kind::Bool).since(17, 6),
    Key::new("raw-logs", Kind::Bool).since(1, 11),
    Key::linux("rootless", Kind::Bool).since(19, 3),
    Key::linux("selinux-enabled", Kind::Bool),
    Key::new("tls", Kind::Bool),
    Key::new("tlsverify", Kind::Bool),
    Key::linux("userland-proxy", Kind::Bool),
    // Whole numbers.
    Key::linux("cpu-rt-period", Kind::Int).since(1, 13),
    Key::linux("cpu-rt-runtime", Kind::Int).since(1, 13),
    Key::new("default-stop-timeout", Kind::Int).since(29, 7).reload(29, 7),
    Key::new("max-concurrent-downloads", Kind::Int).since(1, 12).reload(1, 12),
    Key::new("max-concurrent-uploads", Kind::Int).since(1, 12).reload(1, 12),
    Key::new("max-download-attempts", Kind::Int).since(20, 10).reload(20, 10),
    Key::new("mtu", Kind::Int),
    Key::new("network-control-plane-mtu", Kind::Int).since(17, 9),
    Key::new("network-diagnostic-port", Kind::Int).since(17, 12).reload(17, 12),
    Key::new("oom-score-adjust", Kind::Int).since(1, 12).until(26, 0),
    Key::new("shutdown-timeout", Kind::Int).since(1, 13).reload(1, 13),
    // Lists.
    Key::new("allow-nondistributable-artifacts", Kind::Texts).since(17, 6).reload(17, 6).ignored(28, 0),
    Key::new("authorization-plugins", Kind::Texts).flag("authorization-plugin").reload(1, 10),
    Key::new("cdi-spec-dirs", Kind::Texts).flag("cdi-spec-dir").since(25, 0),
    Key::new("dns", Kind::Addresses),
    Key::new("dns-opts", Kind::Texts).flag("dns-opt"),
    Key::new("dns-search", Kind::Texts),
    Key::new("exec-opts", Kind::Texts).flag("exec-opt"),
    Key::new("host-gateway-ips", Kind::Addresses).flag("host-gateway-ip").since(28, 0),
    Key::new("hosts", Kind::Texts).flag("host").short('H'),
    Key::new("insecure-registries", Kind::Texts).flag("insecure-registry").since(1, 11).reload(1, 13),
    Key::new("labels", Kind::Texts).flag("label").reload(1, 10),
    Key::new("node-generic-resources", Kind::Texts).flag("node-generic-resource").since(17, 9),
    Key::new("registry-mirrors", Kind::Texts).flag("registry-mirror").since(1, 11).reload(17, 6),
    Key::new("storage-opts", Kind::Texts).flag("storage-opt"),
    // Mappings, and lists of them.
    Key::new("builder", Kind::Builder).since(18, 9),
    Key::new("cluster-store-opts", Kind::TextMap).flag("cluster-store-opt").until(23, 0).reload(1, 10),
    Key::linux("default-address-pools", Kind::Pools).flag("default-address-pool").since(18, 6),
    Key::new("default-network-opts", Kind::TextMaps).flag("default-network-opt").since(24, 0),
    Key::linux("default-ulimits", Kind::Ulimits).flag("default-ulimit").since(17, 7),
    Key::new("features", Kind::BoolMap).flag("feature").since(18, 9).reload(18, 9),
    Key::new("log-opts", Kind::TextMap).flag("log-opt"),
    Key::new("nri-opts", Kind::Mapping).flag("nri-opts").since(29, 2).reload(29, 2),
    Key::new("proxies", Kind::Proxies).flag("").since(23, 0),
    Key::linux("runtimes", Kind::Runtimes).flag("add-runtime").since(1, 12).reload(1, 12),
];

/// Flags that are no key of the file. dockerd takes them there and does nothing with them, because it holds
/// the file's keys against the names of its flags.
pub(super) const FLAGS_ONLY: &[(&str, Kind, Version)] = &[
    ("config-file", Kind::Text, Version::new(1, 10, 0)),
    ("containerd-plugins-namespace", Kind::Text, Version::new(19, 3, 3)),
    ("help", Kind::Bool, Version::new(1, 10, 0)),
    ("http-proxy", Kind::Text, Version::new(23, 0, 0)),
    ("https-proxy", Kind::Text, Version::new(23, 0, 0)),
    ("no-proxy", Kind::Text, Version::new(23, 0, 0)),
    ("restart", Kind::Bool, Version::new(1, 10, 0)),
    ("validate", Kind::Bool, Version::new(23, 0, 0)),
    ("version", Kind::Bool, Version::new(1, 10, 0)),
];

/// The key of this name, in any release.
#[must_use]
pub fn find(name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.name == name)
}

/// Whether a release takes the keys of this mapping for names of its own, rather than as keys of the file.
pub(super) fn is_flat(name: &str, engine: Option<Version>) -> bool {
    const FLAT: &[&str] =
        &["builder", "cluster-store-opts", "default-ulimits", "features", "log-opts", "runtimes"];
    const FLAT_ONCE_KNOWN: &[&str] = &["default-network-opts", "nri-opts"];
    FLAT.contains(&name)
        || (FLAT_ONCE_KNOWN.contains(&name) && find(name).is_some_and(|key| key.known_to(engine)))
}

/// Fields of dockerd's configuration that have no flag, so that it refuses their names in the file.
const FIELDS_ONLY: &[&str] = &[
    "containerd-plugin-namespace",
    "default-init",
    "resolv-conf",
    "swarm-raft-election-tick",
    "swarm-raft-heartbeat-tick",
];

/// Whether Go reads a value of this name into a field: it does so without regard to case.
pub(super) fn is_field(name: &str) -> bool {
    KEYS.iter()
        .map(|key| key.name)
        .chain(FIELDS_ONLY.iter().copied())
        .any(|field| field.eq_ignore_ascii_case(name))
}

/// Whether a release lets a name stand in the file, be it a key of the file or only a flag.
pub(super) fn takes(name: &str, engine: Option<Version>) -> bool {
    // What has no flag has an empty one, and an empty name is none of dockerd's.
    let flag_of = |key: &Key| !name.is_empty() && key.flag == name;
    let key = |key: &Key| (key.name == name || flag_of(key)) && key.known_to(engine);
    let flag = |flag: &(&str, Kind, Version)| flag.0 == name && engine.is_none_or(|engine| flag.2 <= engine);
    KEYS.iter().any(key) || FLAGS_ONLY.iter().any(flag)
}

/// The flag of dockerd's whose name is nearest to this one, if one is near.
#[must_use]
pub fn known_flag(name: &str) -> Option<&'static str> {
    let names = KEYS.iter().map(|key| key.flag).chain(FLAGS_ONLY.iter().map(|flag| flag.0));
    nearest(name, names)
}

/// The name that this one may have been meant for: one letter in three may be wrong, and two at most.
pub(super) fn nearest(name: &str, names: impl Iterator<Item = &'static str>) -> Option<&'static str> {
    let most = (name.chars().count() / 3).min(2);
    let distance = |known: &&str| strsim::damerau_levenshtein(known, name);
    names.filter(|known| !known.is_empty() && distance(known) <= most).min_by_key(distance)
}

/// A name that dockerd knows and that differs from this one by its case alone.
pub(crate) fn other_case(name: &str) -> Option<&'static str> {
    let names = KEYS.iter().flat_map(|key| [key.name, key.flag]).chain(FLAGS_ONLY.iter().map(|flag| flag.0));
    let mut same = names.filter(|known| known.eq_ignore_ascii_case(name));
    let first = same.next()?;
    (first != name && same.all(|known| known != name)).then_some(first)
}
