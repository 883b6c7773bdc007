//! What dockerd says to a daemon.json, before it is asked.

use serde_json::{Map, Value};

use super::super::version::Version;
use super::keys::{self, FLAGS_ONLY, KEYS, Platform};
use super::kind::Mistyped;
use super::logging::{BadLogOption, log_options};
use super::registry::{self, BadInsecure, BadMirror};
use super::resources;

/// How bad a problem is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// dockerd does not start with it, and refuses it on a reload.
    Error,
    /// dockerd starts, but not as the file reads.
    Warning,
}

/// Something in a daemon.json that dockerd refuses, or takes otherwise than it reads.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}: {trouble}", shown(.path))]
pub struct Problem {
    /// How bad it is.
    pub severity: Severity,
    /// The keys, and the numbers of list items from 0, that lead to it.
    pub path: Vec<String>,
    /// What it is.
    pub trouble: Trouble,
}

/// What is the matter with a key or value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "each variant's message is its documentation")]
pub enum Trouble {
    #[error("the file holds {0}, and dockerd wants a mapping; put `{{` and `}}` round its keys")]
    Root(&'static str),
    #[error("dockerd knows no such key; remove it, or correct its name")]
    UnknownKey,
    #[error("dockerd on Windows knows no such key; remove it")]
    NotOnWindows,
    #[error("dockerd knows no such key; did you mean `{0}`?")]
    Misspelt(&'static str),
    #[error("dockerd takes this key from {since} on, and the engine is {engine}; remove it, or upgrade")]
    TooNew { since: Version, engine: Version },
    #[error("dockerd refuses this key since {until}, and the engine is {engine}; remove it")]
    Gone { until: Version, engine: Version },
    #[error("dockerd takes this key since {since} and ignores it; remove it")]
    Ignored { since: Version },
    #[error("{found} where dockerd wants {wanted}; correct it")]
    Type { found: String, wanted: &'static str },
    #[error("this is the name of a flag, which dockerd takes in the file and ignores; write `{0}`")]
    FlagName(String),
    #[error("this is the name of a flag, which dockerd takes in the file and ignores; remove it")]
    OnlyFlag,
    #[error("dockerd ignores this mapping and what it holds; put its keys at the top")]
    Nested,
    #[error("{0}")]
    Insecure(BadInsecure),
    #[error("dockerd strips the scheme and warns; write `{0}`")]
    SchemeStripped(String),
    #[error("{0}")]
    Mirror(BadMirror),
    #[error("{0}")]
    LogOption(BadLogOption),
    #[error("a label is written `name=value`; correct `{0}`")]
    Label(String),
    #[error("the label `{0}` has two values; keep one")]
    LabelTwice(String),
    #[error(
        "the label `{0}` is in a namespace that is Docker's own (`com.docker.*`, `io.docker.*`, `org.dockerproject.*`); choose another"
    )]
    LabelReserved(String),
    #[error("`{0}` is no domain name; correct it")]
    Domain(String),
    #[error("a resource is written `kind=value`; correct `{0}`")]
    Resource(String),
    #[error(
        "the resource `{0}` has a number and another value, and dockerd takes one number or several names; keep one"
    )]
    ResourceMixed(String),
    #[error("the number of the resource `{0}` is negative; correct it")]
    ResourceNegative(String),
    #[error(
        "a filter is written `name=value`, and dockerd before 25.0 crashes on one without `=`; correct `{0}`"
    )]
    Filter(String),
    #[error("`{found}` is none of {allowed}; correct it")]
    Choice { found: String, allowed: &'static str },
    #[error("`{found}` is less than {least}; correct it")]
    TooSmall { found: i64, least: i64 },
    #[error("the name `runc` is reserved; choose another for the runtime")]
    ReservedRuntime,
    #[error("no runtime `{0}` is defined under `runtimes`; define it")]
    NoRuntime(String),
    #[error("`graph` is the old name of `data-root`, and dockerd takes only one of them; keep `data-root`")]
    DataRootTwice,
    #[error("`host-gateway-ip` and `host-gateway-ips` exclude each other; keep the second")]
    HostGatewayTwice,
}

fn shown(path: &[String]) -> String {
    if path.is_empty() { "daemon.json".to_owned() } else { format!("`{}`", path.join(".")) }
}

/// Everything wrong with a daemon.json. When the engine is not known, an error is what every engine refuses,
/// or what an engine in wide use refuses (a path in a mirror).
#[must_use]
pub fn judge(config: &Value, engine: Option<Version>) -> Vec<Problem> {
    let mut judge = Judge { engine, problems: Vec::new() };
    match config {
        Value::Null => {}
        Value::Object(config) => judge.config(config),
        other => {
            let noun = if other.is_array() { "a list" } else { "a scalar" };
            judge.error(&[], Trouble::Root(noun));
        }
    }
    judge.problems
}

/// The keys of a daemon.json that dockerd takes on Linux, and refuses on Windows.
#[must_use]
pub fn not_on_windows(config: &Value) -> Vec<Problem> {
    let names = config.as_object().into_iter().flat_map(Map::keys);
    let linux = |name: &&String| keys::find(name).is_some_and(|key| key.platform == Platform::Linux);
    let problem = |name: &String| Problem {
        severity: Severity::Error,
        path: vec![name.clone()],
        trouble: Trouble::NotOnWindows,
    };
    names.filter(linux).map(problem).collect()
}

struct Judge {
    engine: Option<Version>,
    problems: Vec<Problem>,
}

impl Judge {
    fn say(&mut self, severity: Severity, path: &[&str], trouble: Trouble) {
        let path = path.iter().map(|&key| key.to_owned()).collect();
        self.problems.push(Problem { severity, path, trouble });
    }

    fn error(&mut self, path: &[&str], trouble: Trouble) {
        self.say(Severity::Error, path, trouble);
    }

    fn warn(&mut self, path: &[&str], trouble: Trouble) {
        self.say(Severity::Warning, path, trouble);
    }

    fn config(&mut self, config: &Map<String, Value>) {
        for (name, value) in config {
            self.top_level(name, value);
        }
        self.registries(config);
        self.labels(config);
        self.items(config);
        self.choices(config);
        self.least(config);
        self.runtimes(config);
        self.filters(config);
        self.data_root(config);
        for (option, bad) in log_options(config, self.engine) {
            self.error(&["log-opts", &option], Trouble::LogOption(bad));
        }
        if config.contains_key("host-gateway-ip") && config.contains_key("host-gateway-ips") {
            self.error(&["host-gateway-ip"], Trouble::HostGatewayTwice);
        }
    }

    fn top_level(&mut self, name: &str, value: &Value) {
        let key = keys::find(name);
        if let Some(inner) = value.as_object().filter(|_| !keys::is_flat(name, self.engine)) {
            self.flattened(name, inner);
            if !keys::is_field(name) || key.is_some_and(|key| !key.known_to(self.engine)) {
                return self.warn(&[name], Trouble::Nested);
            }
            if key.is_none() {
                self.name(&[name], name);
            }
        } else {
            self.name(&[name], name);
        }
        if let Some(key) = key.filter(|key| key.known_to(self.engine)) {
            let mut mistyped = Vec::new();
            key.kind.check(value, &[name.to_owned()], &mut mistyped);
            for Mistyped { path, wanted, found } in mistyped {
                let trouble = Trouble::Type { found, wanted };
                self.problems.push(Problem { severity: Severity::Error, path, trouble });
            }
        }
    }

    /// dockerd looks up the keys within a mapping that it does not know to be one as if they stood at the top,
    /// and then forgets them. Those of `proxies` it reads.
    fn flattened(&mut self, name: &str, inner: &Map<String, Value>) {
        for key in inner.keys() {
            let proxy = name == "proxies" && key.ends_with("-proxy") && keys::find(key).is_none();
            if !(proxy && keys::takes(key, self.engine)) {
                self.name(&[name, key], key);
            }
        }
    }

    /// Whether dockerd knows a name, and heeds it.
    fn name(&mut self, path: &[&str], name: &str) {
        if let Some(key) = keys::find(name) {
            match (self.engine, key.until, key.ignored) {
                (Some(engine), Some(until), _) if until <= engine => {
                    self.error(path, Trouble::Gone { until, engine });
                }
                (Some(engine), _, _) if engine < key.since => {
                    self.error(path, Trouble::TooNew { since: key.since, engine });
                }
                (_, _, Some(since)) if key.ignored_by(self.engine) => {
                    self.warn(path, Trouble::Ignored { since });
                }
                _ => {}
            }
            return;
        }
        if !keys::takes(name, self.engine) {
            let trouble = suggestion(name).map_or(Trouble::UnknownKey, Trouble::Misspelt);
            return self.error(path, trouble);
        }
        let plural = KEYS.iter().find(|key| key.flag == name).map(|key| key.name.to_owned());
        let proxy = FLAGS_ONLY.iter().any(|flag| flag.0 == name) && name.ends_with("-proxy");
        let instead = plural.or_else(|| proxy.then(|| format!("proxies.{name}")));
        self.warn(path, instead.map_or(Trouble::OnlyFlag, Trouble::FlagName));
    }

    fn registries(&mut self, config: &Map<String, Value>) {
        for (i, item) in texts(config, "insecure-registries") {
            let path = ["insecure-registries", &i.to_string()];
            match registry::insecure(item) {
                Ok((_, false)) => {}
                Ok((_, true)) => {
                    let bare = item.split_once("://").map_or(item, |(_, bare)| bare);
                    self.warn(&path, Trouble::SchemeStripped(bare.to_owned()));
                }
                Err(bad) => self.error(&path, Trouble::Insecure(bad)),
            }
        }
        for (i, item) in texts(config, "registry-mirrors") {
            if let Err(bad) = registry::mirror(item, self.engine) {
                let severity =
                    if matches!(bad, BadMirror::NoHost(_)) { Severity::Warning } else { Severity::Error };
                self.say(severity, &["registry-mirrors", &i.to_string()], Trouble::Mirror(bad));
            }
        }
    }

    fn labels(&mut self, config: &Map<String, Value>) {
        let mut seen: Vec<(&str, &str)> = Vec::new();
        for (i, label) in texts(config, "labels") {
            let path = ["labels", &i.to_string()];
            let Some((name, value)) = label.split_once('=') else {
                self.error(&path, Trouble::Label(label.to_owned()));
                continue;
            };
            if is_reserved(label) {
                // Deprecated since 18.06, refused since 20.10.
                let strict = self.engine.is_none_or(|engine| engine >= Version::new(20, 10, 0));
                let severity = if strict { Severity::Error } else { Severity::Warning };
                self.say(severity, &path, Trouble::LabelReserved(name.to_owned()));
            }
            if seen.iter().any(|&(other, earlier)| other == name && earlier != value) {
                self.error(&path, Trouble::LabelTwice(name.to_owned()));
            }
            seen.push((name, value));
        }
    }

    fn items(&mut self, config: &Map<String, Value>) {
        for (i, domain) in texts(config, "dns-search") {
            if !is_search_domain(domain) {
                self.error(&["dns-search", &i.to_string()], Trouble::Domain(domain.to_owned()));
            }
        }
        for (i, trouble) in resources::judge(texts(config, "node-generic-resources")) {
            self.error(&["node-generic-resources", &i.to_string()], trouble);
        }
    }

    /// The filters of the builder's garbage collection. dockerd from 25.0 on takes an empty value where there is none.
    fn filters(&mut self, config: &Map<String, Value>) {
        if self.engine.is_some_and(|engine| engine >= Version::new(25, 0, 0)) {
            return;
        }
        let found = config.get("builder").and_then(|builder| field(builder, "gc"));
        let Some((gc, (policy, Value::Array(rules)))) =
            found.and_then(|(gc, value)| Some((gc, field(value, "policy")?)))
        else {
            return;
        };
        for (i, rule) in rules.iter().enumerate() {
            let Some((filter, Value::Array(items))) = field(rule, "filter") else { continue };
            for (j, item) in items.iter().enumerate() {
                let text = item.as_str().or_else(|| item.is_null().then_some(""));
                if let Some(text) = text.filter(|text| !text.contains('=')) {
                    let path = ["builder", gc, policy, &i.to_string(), filter, &j.to_string()];
                    self.error(&path, Trouble::Filter(text.to_owned()));
                }
            }
        }
    }

    fn data_root(&mut self, config: &Map<String, Value>) {
        // From 23.0 on `graph` is refused by itself.
        let old = self.engine.is_none_or(|engine| engine < Version::new(23, 0, 0));
        let given = |name| config.get(name).and_then(Value::as_str).is_some_and(|path| !path.is_empty());
        if old && given("graph") && given("data-root") {
            self.error(&["graph"], Trouble::DataRootTwice);
        }
    }

    fn choices(&mut self, config: &Map<String, Value>) {
        const LEVELS: &[&str] = &["panic", "fatal", "error", "warn", "warning", "info", "debug", "trace"];
        self.choice(config, "default-ipc-mode", &["shareable", "private"], "`shareable` and `private`");
        self.choice(config, "default-cgroupns-mode", &["host", "private"], "`host` and `private`");
        let Some(level) = config.get("log-level").and_then(Value::as_str) else { return };
        let lower = Map::from_iter([("log-level".to_owned(), Value::String(level.to_lowercase()))]);
        let allowed = "`debug`, `info`, `warn`, `error` and `fatal`";
        self.choice(&lower, "log-level", LEVELS, allowed);
    }

    fn choice(&mut self, config: &Map<String, Value>, key: &str, among: &[&str], allowed: &'static str) {
        if let Some(Value::String(found)) = config.get(key)
            && !found.is_empty()
            && !among.contains(&found.as_str())
        {
            self.error(&[key], Trouble::Choice { found: found.clone(), allowed });
        }
    }

    fn least(&mut self, config: &Map<String, Value>) {
        let since = |version| self.engine.is_some_and(|engine| version <= engine);
        let strict = since(Version::new(23, 0, 0));
        let attempts = i64::from(!strict);
        for (key, least, checked) in [
            ("max-concurrent-downloads", 0, true),
            ("max-concurrent-uploads", 0, true),
            ("max-download-attempts", attempts, true),
            ("mtu", 0, strict),
        ] {
            if let Some(found) =
                config.get(key).and_then(Value::as_i64).filter(|&found| checked && found < least)
            {
                self.error(&[key], Trouble::TooSmall { found, least });
            }
        }
    }

    fn runtimes(&mut self, config: &Map<String, Value>) {
        const BUILTIN: &[&str] =
            &["runc", "io.containerd.runtime.v1.linux", "io.containerd.runc.v1", "io.containerd.runc.v2"];
        let defined = config.get("runtimes").and_then(Value::as_object);
        if defined.is_some_and(|runtimes| runtimes.contains_key("runc")) {
            self.error(&["runtimes", "runc"], Trouble::ReservedRuntime);
        }
        let Some(Value::String(default)) = config.get("default-runtime") else { return };
        // From 23.0 on any runtime will do that containerd may find by its name, `io.containerd.runsc.v1` for one.
        let by_name = self.engine.is_none_or(|engine| engine >= Version::new(23, 0, 0));
        let shim = by_name && !default.contains('/') && default.find('.').is_some_and(|dot| dot > 0);
        let builtin = default.is_empty() || BUILTIN.contains(&default.as_str());
        if !builtin && !shim && !defined.is_some_and(|runtimes| runtimes.contains_key(default)) {
            self.error(&["default-runtime"], Trouble::NoRuntime(default.clone()));
        }
    }
}

/// The strings of a list, with their numbers. Null stands for the empty string, as in Go.
fn texts<'a>(config: &'a Map<String, Value>, key: &str) -> impl Iterator<Item = (usize, &'a str)> {
    let items = config.get(key).and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    items.iter().enumerate().filter_map(|(i, item)| match item {
        Value::String(text) => Some((i, text.as_str())),
        Value::Null => Some((i, "")),
        _ => None,
    })
}

/// A domain with a letter in it, or a lone dot, which stands for no search.
fn is_search_domain(text: &str) -> bool {
    let text = text.trim();
    let domain = text.strip_suffix('.').unwrap_or(text);
    text == "." || (domain.contains(|c: char| c.is_ascii_alphabetic()) && registry::is_domain(domain))
}

/// Go lowers the dotted I to a plain one, and this language to two characters.
fn is_reserved(label: &str) -> bool {
    let lower = label.replace('\u{130}', "i").to_lowercase();
    ["com.docker.", "io.docker.", "org.dockerproject."].iter().any(|space| lower.starts_with(space))
}

/// A field of a structure, which Go reads without regard to case, with its name as it stands there.
fn field<'a>(value: &'a Value, name: &str) -> Option<(&'a str, &'a Value)> {
    let (key, value) = value.as_object()?.iter().find(|(key, _)| key.eq_ignore_ascii_case(name))?;
    Some((key, value))
}

fn suggestion(name: &str) -> Option<&'static str> {
    let lower = name.to_lowercase().replace('_', "-");
    keys::nearest(&lower, KEYS.iter().map(|key| key.name))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const OLD: Option<Version> = Some(Version::new(20, 10, 24));
    const NEW: Option<Version> = Some(Version::new(28, 5, 2));

    fn verdict(config: &Value, engine: Option<Version>) -> Vec<(Severity, String)> {
        judge(config, engine).into_iter().map(|p| (p.severity, p.to_string())).collect()
    }

    fn error(text: &str) -> Vec<(Severity, String)> {
        vec![(Severity::Error, text.to_owned())]
    }

    fn warning(text: &str) -> Vec<(Severity, String)> {
        vec![(Severity::Warning, text.to_owned())]
    }

    #[test]
    fn unknown_keys() {
        let unknown = "`swarm-raft-election-tick`: dockerd knows no such key; remove it, or correct its name";
        assert_eq!(verdict(&json!({"swarm-raft-election-tick": 1}), OLD), error(unknown));
        assert_eq!(
            verdict(&json!({"insecure-registrys": []}), OLD),
            error("`insecure-registrys`: dockerd knows no such key; did you mean `insecure-registries`?")
        );
        assert_eq!(
            verdict(&json!({"Debug": true}), None),
            error("`Debug`: dockerd knows no such key; did you mean `debug`?")
        );
        assert_eq!(
            verdict(&json!({"nested": {"what": 1}}), OLD)[0].1,
            "`nested.what`: dockerd knows no such key; remove it, or correct its name"
        );
    }

    #[test]
    fn a_short_name_is_no_misspelling_of_another_short_name() {
        for name in ["H", "a", "", "x", "xy"] {
            assert_eq!(judge(&json!({name: 1}), OLD)[0].trouble, Trouble::UnknownKey, "{name}");
        }
        for (name, meant) in [
            ("dsn", "dns"),
            ("bib", "bip"),
            ("Mtu", "mtu"),
            ("host", "hosts"),
            ("registry-mirorr", "registry-mirrors"),
        ] {
            let said = &judge(&json!({name: null}), OLD)[0].to_string();
            assert!(said.contains(&format!("`{meant}`")), "{said}");
        }
    }

    /// Each of these is what dockerd 20.10.24 itself says.
    #[test]
    fn values_that_dockerd_reads_further_than_their_type() {
        let filter = |filter: Value| json!({"builder": {"GC": {"policy": [{"Filter": filter}]}}});
        for config in [
            json!({"labels": ["com.docker.x=1"]}),
            json!({"labels": ["IO.docker.x=1"]}),
            json!({"labels": ["\u{130}o.docker.=1"]}),
            json!({"labels": ["org.dockerproject.x=1"]}),
            json!({"node-generic-resources": ["gpu=1", "gpu=b"]}),
            json!({"graph": "/x", "data-root": "/x"}),
            filter(json!(["a"])),
            filter(json!(["until=1h", null])),
            filter(json!([1])),
            filter(json!("a=b")),
            filter(json!({"a": ["b"]})),
            filter(json!({"a": {"b": 1}})),
            json!({"": 1}),
            json!({"": null}),
            json!({"proxies": {"": 1}}),
            json!({"x": {"": 1}}),
            json!({"mtu": -0.0}),
        ] {
            for engine in [OLD, None] {
                let found = judge(&config, engine);
                assert!(
                    found.iter().any(|problem| problem.severity == Severity::Error),
                    "{config}: {found:?}"
                );
            }
        }
        for config in [
            json!({"labels": ["com.docker=1", "com.dockerx.y=1", " io.docker.a=1", "=1", "a="]}),
            json!({"node-generic-resources": ["=1", "a="]}),
            json!({"graph": "", "data-root": "/x"}),
            json!({"graph": "/x", "data-root": null}),
            filter(json!(["a=b", "=", "a=b=c"])),
            filter(json!({"a": {"b": true}, "c": null})),
            filter(json!(null)),
        ] {
            assert_eq!(judge(&config, OLD), [], "{config}");
        }
        assert_eq!(judge(&filter(json!(["a"])), NEW), []);
        let old = judge(&json!({"labels": ["com.docker.x=1"]}), Some(Version::new(19, 3, 0)));
        assert_eq!(old[0].severity, Severity::Warning);
    }

    #[test]
    fn keys_of_other_releases() {
        let config = json!({"log-format": "json", "graph": "/x"});
        assert_eq!(
            verdict(&config, OLD),
            error(
                "`log-format`: dockerd takes this key from 25.0.0 on, and the engine is 20.10.24; remove it, or upgrade"
            )
        );
        assert_eq!(
            verdict(&config, NEW),
            error("`graph`: dockerd refuses this key since 23.0.0, and the engine is 28.5.2; remove it")
        );
        assert_eq!(verdict(&config, None), []);
        assert_eq!(
            verdict(&json!({"deprecated-key-path": "/x"}), NEW),
            warning("`deprecated-key-path`: dockerd takes this key since 24.0.0 and ignores it; remove it")
        );
    }

    #[test]
    fn what_starts_without_effect() {
        assert_eq!(
            verdict(&json!({"insecure-registry": 3}), NEW),
            warning(
                "`insecure-registry`: this is the name of a flag, which dockerd takes in the file and ignores; write `insecure-registries`"
            )
        );
        let proxy = json!({"http-proxy": "http://p"});
        assert_eq!(
            verdict(&proxy, NEW),
            warning(
                "`http-proxy`: this is the name of a flag, which dockerd takes in the file and ignores; write `proxies.http-proxy`"
            )
        );
        assert_eq!(verdict(&proxy, OLD)[0].0, Severity::Error);
        assert_eq!(verdict(&json!({"proxies": proxy}), NEW), []);
        assert_eq!(verdict(&json!({"proxies": proxy}), OLD)[0].0, Severity::Error);
        assert_eq!(
            verdict(&json!({"nested": {"debug": true}}), NEW),
            warning("`nested`: dockerd ignores this mapping and what it holds; put its keys at the top")
        );
    }

    #[test]
    fn types() {
        for (config, message) in [
            (
                json!({"dns": "1.1.1.1"}),
                "`dns`: a string where dockerd wants a list of IP addresses; correct it",
            ),
            (json!({"debug": "true"}), "`debug`: a string where dockerd wants `true` or `false`; correct it"),
            (
                json!({"log-opts": {"max-file": 3}}),
                "`log-opts.max-file`: `3` where dockerd wants a string; correct it",
            ),
            (json!({"mtu": 1.5}), "`mtu`: `1.5` where dockerd wants a whole number; correct it"),
            (
                json!({"default-address-pools": [{"base": "10.0.0.0/8", "SIZE": "24"}]}),
                "`default-address-pools.0.SIZE`: a string where dockerd wants a whole number; correct it",
            ),
            (
                json!([]),
                "daemon.json: the file holds a list, and dockerd wants a mapping; put `{` and `}` round its keys",
            ),
        ] {
            assert_eq!(verdict(&config, OLD), error(message));
        }
        for config in [
            json!(null),
            json!({}),
            json!({"dns": null, "insecure-registries": null, "log-opts": {"tag": null}}),
        ] {
            assert_eq!(verdict(&config, OLD), []);
        }
    }

    #[test]
    fn values() {
        let config =
            json!({"insecure-registries": ["h", "https://h:1", "*.h"], "registry-mirrors": ["https://m/p"]});
        let texts: Vec<_> = verdict(&config, OLD);
        assert_eq!(
            texts,
            [
                (Severity::Warning, "`insecure-registries.1`: dockerd strips the scheme and warns; write `h:1`".to_owned()),
                (
                    Severity::Error,
                    "`insecure-registries.2`: `*.h` has a wildcard, which dockerd does not know; name each registry, or give a network".to_owned()
                ),
                (
                    Severity::Error,
                    "`registry-mirrors.0`: `https://m/p` has a path, which dockerd before 25.0 refuses; remove it".to_owned()
                ),
            ]
        );
    }
}
