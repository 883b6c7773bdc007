//! docker-machine's store as an inventory: `machines/NAME/config.json`, of any version (0 to 3).
//!
//! A machine is reached as `docker-machine ssh` reaches it. Where that asks a hypervisor or a cloud for the address, the
//! address that is written down is taken, which is the last that was known.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{
    graph::Graph,
    name,
    vars::{Definition, Vars, define},
    yaml_file,
};
use crate::yaml::{Node, Problem, Problems, Source, Value, parse};

/// The newest form of config.json: docker-machine's last release writes it.
const NEWEST: i128 = 3;

/// Users that drivers log in as where config.json names none; `root` elsewhere.
const USERS: &[(&str, &str)] = &[
    ("virtualbox", "docker"),
    ("vmwarefusion", "docker"),
    ("vmwarevsphere", "docker"),
    ("amazonec2", "ubuntu"),
    ("google", "docker-user"),
];

/// The files of the store, if a path is one: `~/.docker/machine`, the `machines` in it, by whatever name it is given, or
/// one machine of these. A machine without config.json was never made, and is left out.
pub(super) fn configs(given: &Path) -> Vec<PathBuf> {
    let is_machines = |path: &Path| path.file_name().is_some_and(|name| name == "machines");
    let found = files(&given.join("machines"));
    let Ok(real) = given.canonicalize() else { return found };
    if !found.is_empty() {
        return found;
    }
    if is_machines(&real) {
        return files(given);
    }
    let config = if real.is_dir() { real.join("config.json") } else { real };
    let is_one = config.ends_with("config.json") && config.is_file();
    let of_a_store = config.parent().and_then(Path::parent).is_some_and(is_machines);
    if is_one && of_a_store { vec![config] } else { Vec::new() }
}

fn files(machines: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(machines) else { return Vec::new() };
    let hidden = |path: &Path| path.file_name().is_none_or(|name| name.to_string_lossy().starts_with('.'));
    let paths = entries.flatten().map(|entry| entry.path()).filter(|path| !hidden(path));
    let mut found: Vec<PathBuf> =
        paths.map(|path| path.join("config.json")).filter(|path| path.is_file()).collect();
    found.sort();
    found
}

/// Takes over a machine.
pub(super) fn read(graph: &mut Graph, path: &Path, problems: &mut Problems) {
    let Some(source) = problems.take(Source::read(path)) else { return };
    let Some(root) = problems.take(parse(&source)) else { return };
    let Some(directory) = path.parent() else { return };
    match Machine::new(&root, directory) {
        Ok(machine) => machine.add(graph, problems),
        Err(problem) => problems.push(*problem),
    }
}

/// What is wrong with the address of a machine that has none.
pub(super) fn no_address(host: &str, address: &Node) -> Option<Problem> {
    if address.as_str() != Some("") || !address.source.path.ends_with("config.json") {
        return None;
    }
    let place = address.place();
    let mend = if place.text().contains("none") {
        "docker-machine has no ssh to a machine of the driver `none`: list it in an inventory of its own"
            .to_owned()
    } else {
        format!("start the machine (`docker-machine start {host}`)")
    };
    let message = format!("docker-machine knows no address by which ssh reaches `{host}`");
    Some(Problem::new(message, place).help(format!("{mend}, or leave it out: `-l '!{host}'`")))
}

/// What config.json says.
struct Machine<'n> {
    name: String,
    directory: &'n Path,
    root: &'n Node,
    driver: &'n Node,
    driver_name: &'n Node,
}

impl<'n> Machine<'n> {
    fn new(root: &'n Node, directory: &'n Path) -> Result<Self, Box<Problem>> {
        let wrong = |message: String, node: &Node| {
            Err(Box::new(
                Problem::new(message, node.place())
                    .help("it should be as docker-machine has written it; `docker-machine rm -f` takes away what it has not made whole"),
            ))
        };
        if root.as_map().is_none() {
            return wrong(format!("a machine's config.json is a mapping, and this is {}", root.kind()), root);
        }
        if let Some(version) = root.get("ConfigVersion")
            && !matches!(version.value, Value::Int(0..=NEWEST))
        {
            return wrong(
                format!("`ConfigVersion` {} is not known: 0 to {NEWEST} are", version.written()),
                version,
            );
        }
        let driver = match root.get("Driver") {
            Some(driver) if driver.as_map().is_some() => driver,
            Some(other) => {
                return wrong(format!("`Driver` is a mapping, and this is {}", other.kind()), other);
            }
            None => return wrong("this machine has no `Driver`".to_owned(), root),
        };
        let Some(driver_name) = root.get("DriverName").filter(|name| name.as_str().is_some()) else {
            return wrong("this machine has no `DriverName`".to_owned(), root);
        };
        let name = directory.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Ok(Self { name, directory, root, driver, driver_name })
    }

    fn driver_name(&self) -> &str {
        self.driver_name.as_str().unwrap_or_default()
    }

    fn add(&self, graph: &mut Graph, problems: &mut Problems) {
        let at = yaml_file::text_node(&self.root.source, self.driver_name.span, &self.name);
        // It is one machine, and no range of hosts.
        if let Err(why) = name::check_host(&self.name) {
            problems.push(name::refused("the name of a host", &self.name, &why, at.place()));
            return;
        }
        let mut vars = Vars::new();
        self.connection(&mut vars, problems);
        self.describe(&mut vars);
        // One without a way in is not what playbooks for `docker` are about.
        let docker = if self.driver_name() == "none" { None } else { Some("docker") };
        let by_driver = format!("driver_{}", self.driver_name());
        if let Err(why) = yaml_file::check_group(&by_driver) {
            let message = format!("`{}` cannot be a driver's name: {why}", self.driver_name().escape_debug());
            problems.push(Problem::new(message, self.driver_name.place()));
            return;
        }
        for group in docker.into_iter().chain(["docker_machine", by_driver.as_str()]) {
            let id = graph.add_group(group);
            yaml_file::add_hosts(graph, id, &self.name, &at, &vars, problems);
        }
    }

    /// A key of the driver's; none where it is null, empty or 0.
    fn field(&self, key: &str) -> Option<&'n Node> {
        self.driver.get(key).filter(|node| match &node.value {
            Value::Null | Value::Int(0) => false,
            Value::String(text) => !text.text.is_empty(),
            _ => true,
        })
    }

    fn connection(&self, vars: &mut Vars, problems: &mut Problems) {
        let port = self.field("SSHPort");
        match self.address(port) {
            Ok(address) => set(vars, "ansible_host", &address, problems),
            // Refused when the host is used, and not before: the others are none the worse for it.
            Err(place) => {
                let node = yaml_file::text_node(&place.source, place.span, "");
                vars.insert("ansible_host".into(), Arc::new(Definition { name: node.place(), value: node }));
            }
        }
        if let Some(port) = port {
            set(vars, "ansible_port", port, problems);
        }
        if let Some(user) = self.user() {
            set(vars, "ansible_user", &user, problems);
        }
        if let Some(key) = self.key() {
            set(vars, "ansible_private_key_file", &key, problems);
        }
    }

    /// Where `docker-machine ssh` connects to; the place of what is missing.
    fn address(&self, port: Option<&Node>) -> Result<Node, &'n Node> {
        let missing = |key: &str| self.driver.get(key).unwrap_or(self.driver);
        match self.driver_name() {
            // A port of this machine is forwarded to it; without one, this machine itself would be reached.
            "virtualbox" if port.is_none() => Err(missing("SSHPort")),
            "virtualbox" => {
                let at = self.driver.get("SSHPort").unwrap_or(self.driver);
                Ok(yaml_file::text_node(&at.source, at.span, "127.0.0.1"))
            }
            "none" => Err(self.driver_name),
            "vmwarevcloudair" => self.field("PublicIP").cloned().ok_or_else(|| missing("PublicIP")),
            _ => {
                let known = self.field("IPAddress").or_else(|| self.field("PrivateIPAddress"));
                known.cloned().ok_or_else(|| missing("IPAddress"))
            }
        }
    }

    fn user(&self) -> Option<Node> {
        if let Some(user) = self.field("SSHUser") {
            return Some(literal(user));
        }
        let name = self.driver_name();
        if name == "generic" || name == "none" {
            return None;
        }
        let default = USERS.iter().find(|(driver, _)| *driver == name).map_or("root", |(_, user)| user);
        Some(yaml_file::text_node(&self.driver_name.source, self.driver_name.span, default))
    }

    /// The key: where config.json says, else beside it, as a store may have been moved here. Without one, ssh's own
    /// default and the agent's.
    fn key(&self) -> Option<Node> {
        let said = self.field("SSHKeyPath");
        let text = said.and_then(Node::as_str);
        let file = text.and_then(|text| text.rsplit(['/', '\\']).next()).unwrap_or("id_rsa");
        let beside = std::path::absolute(self.directory.join(file)).ok()?;
        let path = match text {
            Some(text) if Path::new(text).is_file() => text.to_owned(),
            _ if beside.is_file() => beside.to_string_lossy().into_owned(),
            _ => return None,
        };
        let at = said.unwrap_or(self.driver);
        Some(yaml_file::text_node(&at.source, at.span, &path))
    }

    /// What docker-machine has given the engine, for playbooks that want to know.
    fn describe(&self, vars: &mut Vars) {
        let mut put = |name: &str, node: Node| {
            vars.insert(name.into(), Arc::new(Definition { name: node.place(), value: node }));
        };
        put("docker_machine_driver", literal(self.driver_name));
        let engine = self.root.get("HostOptions").and_then(|options| options.get("EngineOptions"));
        for (key, name) in [
            ("Labels", "docker_machine_labels"),
            ("InsecureRegistry", "docker_machine_insecure_registries"),
            ("RegistryMirror", "docker_machine_registry_mirrors"),
        ] {
            if let Some(list) =
                engine.and_then(|engine| engine.get(key)).filter(|list| list.as_seq().is_some())
            {
                put(name, literal(list));
            }
        }
    }
}

fn set(vars: &mut Vars, name: &str, value: &Node, problems: &mut Problems) {
    let key = yaml_file::text_node(&value.source, value.span, name);
    define(vars, &key, literal(value), problems);
}

/// The same value, in which no text is a template: docker-machine has none.
fn literal(node: &Node) -> Node {
    let value = match &node.value {
        Value::String(text) => Value::String(crate::yaml::Text { literal: true, ..text.clone() }),
        Value::Seq(items) => Value::Seq(items.iter().map(literal).collect()),
        other => other.clone(),
    };
    Node { value, ..node.clone() }
}

#[cfg(test)]
mod tests;
