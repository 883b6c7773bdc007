use std::fs;

use crate::inventory::{Inventory, Transport};

const VIRTUALBOX: &str = r#"{
    "ConfigVersion": 3,
    "Driver": {
        "IPAddress": "192.168.99.100",
        "MachineName": "default",
        "SSHUser": "docker",
        "SSHPort": 57894,
        "SSHKeyPath": "C:\\Users\\user\\.docker\\machine\\machines\\default\\id_rsa",
        "StorePath": "C:\\Users\\user\\.docker\\machine",
        "VBoxManager": {},
        "CPU": 1,
        "Boot2DockerURL": ""
    },
    "DriverName": "virtualbox",
    "HostOptions": {
        "EngineOptions": {
            "InsecureRegistry": ["reg.example:5000"],
            "Labels": ["env={{ x }}"],
            "RegistryMirror": null
        }
    },
    "Name": "default"
}"#;

/// docker-machine 0.1: no version, no path of the key.
const OLD: &str = r#"{"DriverName":"virtualbox","Driver":{"IPAddress":"192.168.99.101","SSHUser":"docker","SSHPort":53507,"MachineName":"dev","CPU":-1},"StorePath":"/Users/x/.docker/machine/machines/dev","HostOptions":{"EngineOptions":{"Labels":null}}}"#;

fn driver(name: &str, fields: &str) -> String {
    format!("{{\n  \"ConfigVersion\": 3,\n  \"Driver\": {{{fields}}},\n  \"DriverName\": \"{name}\"\n}}\n")
}

struct Store(tempfile::TempDir);

impl Store {
    fn new(machines: &[(&str, &str)]) -> Self {
        let root = tempfile::tempdir().unwrap();
        for (name, config) in machines {
            let folder = root.path().join("machines").join(name);
            fs::create_dir_all(&folder).unwrap();
            fs::write(folder.join("config.json"), config).unwrap();
            fs::write(folder.join("id_rsa"), "a key").unwrap();
        }
        fs::create_dir_all(root.path().join("certs")).unwrap();
        fs::write(root.path().join("certs/ca.pem"), "no inventory").unwrap();
        Self(root)
    }

    fn load(&self, below: &str) -> Result<Inventory, String> {
        let path = self.0.path().join(below).display().to_string();
        Inventory::load(&[path.trim_end_matches('/')], None)
            .map_err(|problems| problems.to_string().replace(&self.0.path().display().to_string(), "$STORE"))
    }
}

fn hosts(inventory: &Inventory, group: &str) -> Vec<String> {
    inventory.hosts_of(group).unwrap_or_default().iter().map(ToString::to_string).collect()
}

#[test]
fn a_machine_is_reached_as_docker_machine_reaches_it() {
    let store = Store::new(&[
        ("default", VIRTUALBOX),
        ("dev", OLD),
        ("cloud", &driver("amazonec2", "\"IPAddress\": \"203.0.113.7\", \"SSHPort\": 22")),
        (
            "own",
            &driver(
                "generic",
                "\"IPAddress\": \"web1.example\", \"SSHUser\": \"admin\", \"SSHPort\": 2222, \"SSHKeyPath\": \"\"",
            ),
        ),
        ("hyper", &driver("hyperv", "\"IPAddress\": \"10.0.0.5\", \"SSHUser\": \"docker\", \"SSHPort\": 22")),
        ("vcloud", &driver("vmwarevcloudair", "\"IPAddress\": \"10.9.9.9\", \"PublicIP\": \"203.0.113.9\"")),
    ]);
    for below in ["", "machines"] {
        let inventory = store.load(below).unwrap();
        let way = |host: &str| {
            let found = inventory.connection(host).unwrap();
            assert_eq!(found.transport, Transport::Ssh);
            (found.address, found.port, found.user.unwrap_or_default())
        };
        let line = |address: &str, port: Option<u16>, user: &str| (address.to_owned(), port, user.to_owned());
        assert_eq!(way("default"), line("127.0.0.1", Some(57894), "docker"));
        assert_eq!(way("dev"), line("127.0.0.1", Some(53507), "docker"));
        assert_eq!(way("cloud"), line("203.0.113.7", Some(22), "ubuntu"));
        assert_eq!(way("own"), line("web1.example", Some(2222), "admin"));
        assert_eq!(way("hyper"), line("10.0.0.5", Some(22), "docker"));
        assert_eq!(way("vcloud"), line("203.0.113.9", None, "root"));
        let key = inventory.connection("default").unwrap().key_file.unwrap();
        assert!(
            key.ends_with("/machines/default/id_rsa") && key.starts_with('/'),
            "the one beside it: {key}"
        );
        assert_eq!(hosts(&inventory, "docker").len(), 6);
        assert_eq!(hosts(&inventory, "docker_machine").len(), 6);
        assert_eq!(hosts(&inventory, "driver_virtualbox"), ["default", "dev"]);
        let vars = inventory.vars_json("default").unwrap();
        assert_eq!(vars["docker_machine_driver"], "virtualbox");
        assert_eq!(vars["docker_machine_insecure_registries"], serde_json::json!(["reg.example:5000"]));
        assert_eq!(vars["docker_machine_labels"], serde_json::json!(["env={{ x }}"]));
        assert!(!vars.contains_key("docker_machine_registry_mirrors"));
        assert!(!inventory.vars("default")["docker_machine_labels"].node().has_template());
    }
}

#[test]
fn a_machine_without_an_address_is_refused_when_it_is_used() {
    let store = Store::new(&[
        ("ok", VIRTUALBOX),
        ("stopped", &driver("hyperv", "\n    \"IPAddress\": \"\",\n    \"SSHPort\": 22")),
        ("unmade", &driver("virtualbox", "\"IPAddress\": \"\", \"SSHPort\": 0")),
        ("elsewhere", &driver("none", "\"URL\": \"tcp://203.0.113.1:2376\", \"IPAddress\": \"203.0.113.1\"")),
    ]);
    let inventory = store.load("").unwrap();
    assert!(inventory.connection("ok").is_ok());
    for (host, line) in [("stopped", 4), ("unmade", 3), ("elsewhere", 4)] {
        let said = inventory.connection(host).unwrap_err().to_string();
        assert!(said.contains(&format!("knows no address by which ssh reaches `{host}`")), "{said}");
        assert!(said.contains(&format!("{host}/config.json:{line}")), "{said}");
    }
    assert_eq!(
        hosts(&inventory, "docker"),
        ["ok", "stopped", "unmade"],
        "without ssh there is nothing to do"
    );
    assert_eq!(hosts(&inventory, "driver_none"), ["elsewhere"]);
}

#[test]
fn what_is_broken_is_named_with_its_line() {
    for (config, line, what) in [
        ("{\n  \"Driver\": {\n", 2, ""),
        ("{\n  \"Driver\": {},\n  \"DriverName\": \"x\",\n  \"Driver\": {}\n}", 4, ""),
        ("[]", 1, "this is a list"),
        ("{\"DriverName\": \"x\"}", 1, "no `Driver`"),
        ("{\"Driver\": {}}", 1, "no `DriverName`"),
        ("{\n\"ConfigVersion\": 4, \"Driver\": {}, \"DriverName\": \"x\"}", 2, "`ConfigVersion` 4"),
        ("{\"Driver\": {\n\"IPAddress\": \"-oProxyCommand=x\"}, \"DriverName\": \"x\"}", 2, "`ansible_host`"),
        (
            "{\"Driver\": {\"IPAddress\": \"a\",\n\"SSHPort\": 70000}, \"DriverName\": \"x\"}",
            2,
            "`ansible_port`",
        ),
        (
            "{\"Driver\": {\"IPAddress\": \"a\",\n\"SSHUser\": \"a b\"}, \"DriverName\": \"x\"}",
            2,
            "`ansible_user`",
        ),
        ("{\"Driver\": {\"IPAddress\": \"a\"},\n\"DriverName\": \"x y\"}", 2, "driver's name"),
    ] {
        let said = Store::new(&[("m", config)]).load("").expect_err(config);
        assert!(said.contains(&format!("config.json:{line}")) && said.contains(what), "{config}: {said}");
    }
}

#[test]
fn a_store_is_one_by_whatever_path_and_so_is_a_machine_of_it() {
    let store = Store::new(&[("a", VIRTUALBOX), ("b", OLD)]);
    std::os::unix::fs::symlink(store.0.path().join("machines"), store.0.path().join("link")).unwrap();
    for (below, expected) in [
        ("machines/", &["a", "b"][..]),
        ("machines/a/..", &["a", "b"]),
        ("link", &["a", "b"]),
        ("link/../certs/../machines/.", &["a", "b"]),
        ("machines/b", &["b"]),
        ("machines/b/config.json", &["b"]),
        ("link/b/.", &["b"]),
    ] {
        let inventory = store.load(below).unwrap_or_else(|error| panic!("{below}: {error}"));
        assert_eq!(hosts(&inventory, "docker"), expected, "{below}");
    }
}

#[test]
fn a_machine_whose_name_is_no_hosts_is_refused_and_is_no_range() {
    for name in ["dev[1:3]", "my box", "a,b", "-x", "all"] {
        let said = Store::new(&[(name, VIRTUALBOX)]).load("").expect_err(name);
        assert_eq!(said.matches("cannot be the name of a host").count(), 1, "{said}");
    }
}

#[test]
fn an_ordinary_directory_is_no_store_and_a_half_made_machine_no_host() {
    let store = Store::new(&[("ok", VIRTUALBOX)]);
    fs::create_dir_all(store.0.path().join("machines/half")).unwrap();
    fs::create_dir_all(store.0.path().join("machines/.hidden")).unwrap();
    assert_eq!(store.load("").unwrap().hosts().count(), 1);
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir_all(folder.path().join("machines")).unwrap();
    fs::write(folder.path().join("machines/a.yml"), "all:\n  hosts:\n    a:\n").unwrap();
    let inventory = Inventory::load(&[folder.path().to_str().unwrap()], None).unwrap();
    assert_eq!(hosts(&inventory, "all"), ["a"]);
}
