//! Inventories on disk: which variable wins, which name is refused where.

use std::{collections::BTreeMap, fs, path::PathBuf};

use super::{Connection, Inventory, Layer, Order, Pattern, Transport};
use crate::yaml::{Problems, Value};

/// Files in a directory that goes away with it.
struct Files(tempfile::TempDir);

impl Files {
    fn new(files: &[(&str, &str)]) -> Self {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        Self(root)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn load(&self, source: &str) -> Result<Inventory, Problems> {
        Inventory::load(&[self.path(source).to_str().unwrap()], Some(&self.path("playbooks")))
    }
}

fn inventory(text: &str) -> Inventory {
    Files::new(&[("hosts.yml", text)]).load("hosts.yml").unwrap()
}

/// The problems without the directory they were found in.
fn refused(text: &str) -> String {
    let files = Files::new(&[("hosts.yml", text)]);
    let problems = files.load("hosts.yml").unwrap_err().to_string();
    problems.replace(&format!("{}/", files.0.path().display()), "")
}

#[test]
fn the_strongest_place_wins() {
    // Each name is set at every place that is weaker than the one it is called after, and there last.
    let places = [
        ("hosts.yml", "FILE_ALL", Layer::FileAll),
        ("hosts.yml", "FILE_GROUP", Layer::FileGroup),
        ("group_vars/all.yml", "inventory_all", Layer::InventoryAll),
        ("playbooks/group_vars/all/a.yml", "playbook_all", Layer::PlaybookAll),
        ("group_vars/web", "inventory_group", Layer::InventoryGroup),
        ("playbooks/group_vars/web.yaml", "playbook_group", Layer::PlaybookGroup),
        ("hosts.yml", "FILE_HOST", Layer::FileHost),
        ("host_vars/w1.yml", "inventory_host", Layer::InventoryHost),
        ("playbooks/host_vars/w1/z.yml", "playbook_host", Layer::PlaybookHost),
    ];
    let body = |rank: usize| {
        let names = (rank..places.len()).map(|later| format!("v{later}: {rank}"));
        names.collect::<Vec<_>>().join("\n")
    };
    let mut files: BTreeMap<&str, String> = BTreeMap::new();
    let mut hosts = "all:\n  vars: {FILE_ALL}\n  children:\n    web:\n      vars: {FILE_GROUP}\n      hosts: {w1: {FILE_HOST}}\n".to_owned();
    for (rank, (path, name, _)) in places.iter().enumerate() {
        if *path == "hosts.yml" {
            hosts = hosts.replace(name, &body(rank).replace('\n', ", "));
        } else {
            files.insert(path, body(rank));
        }
    }
    files.insert("hosts.yml", hosts);
    let files: Vec<_> = files.iter().map(|(path, text)| (*path, text.as_str())).collect();
    let inventory = Files::new(&files).load("hosts.yml").unwrap();
    let vars = inventory.vars("w1");
    for (rank, (_, _, layer)) in places.iter().enumerate() {
        let won = &vars[&*format!("v{rank}")];
        assert_eq!((won.origin.layer, won.json().unwrap()), (*layer, serde_json::json!(rank)));
        assert_eq!(inventory.trace("w1", &format!("v{rank}")).len(), rank + 1);
    }
}

#[test]
fn deeper_groups_win_then_priority_then_name() {
    let inventory = inventory(
        "a:\n  hosts: {h: }\n  vars: {x: a, y: a, z: a}\nb:\n  hosts: {h: }\n  vars: {x: b, y: b}\n\
         c:\n  vars: {x: c, z: c, ansible_group_priority: 5}\n  hosts: {h: }\n\
         top:\n  children: {deep: {hosts: {h: }, vars: {z: deep}}}\n",
    );
    let vars = inventory.vars_json("h").unwrap();
    assert_eq!((&vars["x"], &vars["y"], &vars["z"]), (&"c".into(), &"b".into(), &"deep".into()));
    let groups = inventory.groups_of("h");
    assert_eq!(
        groups.iter().map(|group| &**group).collect::<Vec<_>>(),
        ["all", "a", "b", "top", "c", "deep"]
    );
}

#[test]
fn every_bad_name_is_shown_with_its_place() {
    let problems = refused(
        "all:\n  hosts:\n    -oProxyCommand=x:\n    web[1:3:\n    'a b':\n    ok:\n      ansible_host: '%h'\n      ansible_port: 70000\n      ansible_user: -x\n",
    );
    insta::assert_snapshot!(problems, @"
    hosts.yml:3:5: `-oProxyCommand=x` cannot be the name of a host: `-` may not begin it
    hosts.yml:4:5: `web[1:3` does not name hosts: `[` has no `]`
    hosts.yml:5:5: `a b` cannot be the name of a host: ` ` may not be in it
    hosts.yml:7:21: `ansible_host` cannot be `%h`: `%` may not begin it
    hosts.yml:8:21: `ansible_port` cannot be `70000`: a port is a number between 1 and 65535
    hosts.yml:9:21: `ansible_user` cannot be `-x`: `-` may not begin it
    ");
}

#[test]
fn mistakes_say_what_was_meant() {
    let said = |text: &str| {
        let files = Files::new(&[("hosts.yml", text)]);
        let problems = files.load("hosts.yml").unwrap_err();
        let problem = &problems.0[0];
        let (line, column) = problem.at.as_ref().unwrap().line_column();
        format!("{line}:{column} {problem}; {}", problem.help.as_deref().unwrap_or_default())
    };
    assert_eq!(
        said("all:\n  host:\n    a:\n"),
        "2:3 `host` means nothing within a group; did you mean `hosts`?"
    );
    assert_eq!(
        said("web:\n  hosts: [a, b]\n"),
        "2:10 `hosts` is a mapping, and this is a list; write each name as a key of its own: `name:`, without a dash"
    );
    assert_eq!(
        said("a:\n  children:\n    b:\nb:\n  children:\n    a:\n"),
        "6:5 the group `b` is within itself: b → a → b; "
    );
}

#[test]
fn a_list_of_hosts_needs_no_file() {
    let inventory = Inventory::load(&["web1, web2:2222,"], None).unwrap();
    assert_eq!(inventory.hosts().map(|host| &**host).collect::<Vec<_>>(), ["web1", "web2"]);
    assert_eq!(inventory.connection("web2").unwrap().port, Some(2222));
    let problems = Inventory::load(&["web1,$(id),"], None).unwrap_err();
    assert_eq!(problems.to_string(), "-i:1:6: `$(id)` cannot be the name of a host: `$` may not begin it");
}

#[test]
fn connections_are_checked_and_templates_wait() {
    let inventory = inventory(
        "all:\n  vars: {ansible_user: \"{{ login }}\", ansible_become: yes, ansible_ssh_common_args: '-o ProxyJump=ops@bastion'}\n  hosts:\n    a: {ansible_host: 10.0.0.1, ansible_port: '22'}\n    b: {ansible_connection: winrm, ansible_user: x}\n    c: {ansible_user: x, ansible_ssh_common_args: '-o ProxyCommand=id'}\n    d: {ansible_connection: sandbox, ansible_sandbox_root: /srv/d, ansible_user: x}\n    '7': {ansible_user: x}\n",
    );
    let mut vars = inventory.connection_vars("a");
    assert!(vars.resolve().unwrap_err().to_string().contains("has not been templated yet"));
    for setting in vars.templates() {
        assert_eq!(setting.name(), "ansible_user");
        let value = setting.node().value.clone();
        let Value::String(text) = value else { panic!() };
        setting.set(Value::String(crate::yaml::Text { text: "root".into(), ..text }));
    }
    let Connection { address, port, user, options, r#become, .. } = vars.resolve().unwrap();
    assert_eq!((&*address, port, user.as_deref()), ("10.0.0.1", Some(22), Some("root")));
    assert_eq!(
        (options[0].name, &*options[0].value, r#become.active),
        ("ProxyJump", "ops@bastion", Some(true))
    );
    let transport = |host| inventory.connection(host).map(|connection| connection.transport);
    assert_eq!(transport("b").unwrap(), Transport::Unsupported { name: "winrm".to_owned() });
    assert_eq!(transport("d").unwrap(), Transport::Sandbox { root: "/srv/d".to_owned() });
    assert!(transport("c").is_err());
    assert!(transport("7").unwrap_err().to_string().contains("it is a number"));
}

#[test]
fn a_setting_of_the_connection_that_is_not_supported_is_refused_where_the_host_is_used() {
    for name in [
        "ansible_password",
        "ansible_ssh_private_key_passphrase",
        "ansible_ssh_pkcs11_provider",
        "ansible_become_exe",
    ] {
        let inventory = inventory(&format!("all:\n  hosts:\n    a: {{{name}: x}}\n    b:\n"));
        let said = inventory.connection("a").unwrap_err().to_string();
        assert!(said.contains("hosts.yml:3:") && said.contains(name), "{said}");
        assert!(inventory.connection("b").is_ok());
    }
}

#[test]
fn a_password_of_sudo_may_be_a_vault_value_and_a_closed_one_is_refused_where_it_stands() {
    let closed = inventory(
        "all:\n  hosts:\n    a:\n      ansible_become_password: !vault |\n        $ANSIBLE_VAULT;1.1;AES256\n        00\n",
    );
    let said = closed.connection("a").unwrap_err().to_string();
    assert!(said.contains("hosts.yml:5:9: the value is encrypted with ansible-vault, and"), "{said}");
}

#[test]
fn a_host_of_windows_says_so_by_its_shell() {
    let inventory = inventory(
        "all:\n  hosts:\n    a: {ansible_shell_type: powershell, ansible_become_method: runas}\n    b: {ansible_shell_type: cmd}\n    c: {ansible_shell_type: sh}\n    d: {ansible_become_method: runas}\n    e: {ansible_shell_type: cmd.exe}\n    f: {}\n",
    );
    let windows = |host| inventory.connection(host).map(|connection| connection.windows);
    assert_eq!(
        (windows("a"), windows("b"), windows("c"), windows("f")),
        (Ok(true), Ok(true), Ok(false), Ok(false))
    );
    assert!(windows("d").unwrap_err().to_string().contains("names a method that is not supported"));
    assert!(windows("e").unwrap_err().to_string().contains("names a shell that is not known"));
}

#[test]
fn the_controller_exists_unlisted() {
    let inventory = inventory("all:\n  vars: {x: 1, ansible_user: '{{ y }}'}\n  hosts: {a: }\n");
    let selected = inventory.select(&Pattern::from_argument("hosts", "localhost").unwrap()).unwrap();
    assert_eq!(&*selected.hosts, ["localhost".into()]);
    let (both, limit) = ("127.0.0.1,localhost,a", "localhost,a");
    let [both, limit] = [both, limit].map(|text| Pattern::from_argument("hosts", text).unwrap());
    let one: Vec<std::sync::Arc<str>> = vec!["127.0.0.1".into(), "a".into()];
    assert_eq!(inventory.select(&both).unwrap().hosts, one, "it is one host under each of its names");
    assert_eq!(inventory.select_limited(&both, &limit).unwrap().hosts, one);
    assert_eq!(inventory.vars_json("localhost").unwrap()["x"], 1);
    assert!(!inventory.has_host("localhost"));
    assert_eq!(inventory.hosts().count(), 1);
}

#[test]
fn a_bracket_that_is_not_closed_takes_no_exclusion_in() {
    for (pattern, at) in [("all:web[0:!db", 8), ("web[0", 4), ("web[0]:x[", 9), ("a b[1 [2", 4)] {
        for read in
            [Pattern::from_argument("hosts", pattern), Pattern::from_limit(pattern, || unreachable!())]
        {
            let said = read.unwrap_err().to_string();
            assert!(said.ends_with(&format!(":1:{at}: `[` is not closed")), "{pattern}: {said}");
        }
    }
    assert!(Pattern::from_argument("hosts", "all:web[0]:!db,web[").is_ok());
}

#[test]
fn limits_read_files_and_stop_at_nothing() {
    let files = Files::new(&[("hosts.yml", "all:\n  hosts:\n    web[1:4]:\n"), ("retry", "web1\nweb3\n\n")]);
    let inventory = files.load("hosts.yml").unwrap();
    let all = Pattern::from_argument("hosts", "all").unwrap();
    let limited = |text: &str| {
        let limit = Pattern::from_limit(text, || Ok("web2\n".to_owned()))?;
        let hosts = inventory.select_limited(&all, &limit)?.hosts;
        Ok::<_, Problems>(hosts.join(" "))
    };
    assert_eq!(limited(&format!("@{}", files.path("retry").display())).unwrap(), "web1 web3");
    assert_eq!(limited("@-").unwrap(), "web2");
    assert_eq!(limited("!web2").unwrap(), "web1 web3 web4");
    assert_eq!(
        limited("webb1").unwrap_err().to_string(),
        "--limit:1:1: `webb1` matches no host and no group"
    );
    for nothing in ["", ",", "!", "@/nonexistent", "all:!web9"] {
        assert!(limited(nothing).is_err(), "{nothing}");
    }
}

#[test]
fn the_order_of_hosts_is_stable() {
    let names = || ["b", "a", "c", "d"].map(std::sync::Arc::<str>::from);
    let arranged = |order: Order| {
        let mut hosts = names();
        order.arrange(&mut hosts);
        hosts.join("")
    };
    assert_eq!(arranged(Order::ReverseInventory), "dcab");
    assert_eq!(arranged(Order::Sorted), "abcd");
    assert_eq!(arranged(Order::Shuffle(7)), arranged(Order::Shuffle(7)));
}

#[test]
fn two_files_for_one_name_are_refused() {
    let files = Files::new(&[
        ("hosts.yml", "all:\n  hosts: {a: }\n"),
        ("group_vars/all.yml", ""),
        ("group_vars/all/x", ""),
    ]);
    assert!(files.load("hosts.yml").unwrap_err().to_string().contains("both hold variables of `all`"));
}

/// As in Ansible, the variables are the group's: a deeper or later group overrules them.
#[test]
fn a_host_may_be_its_group_where_the_group_is_nothing_else() {
    let ini = "[localhost]\nlocalhost x=1 y=1\n[zeta]\nlocalhost\n[zeta:vars]\nx=2\n";
    let json = r#"{"localhost": ["localhost"], "zeta": {"hosts": ["localhost"], "vars": {"x": 2}},
        "_meta": {"hostvars": {"localhost": {"x": 1, "y": 1}}}}"#;
    let yaml = "localhost: {hosts: {localhost: {x: 1, y: 1}}}\nzeta: {hosts: {localhost: }, vars: {x: 2}}\n";
    for (name, text) in [("hosts", ini), ("hosts.json", json), ("hosts.yml", yaml)] {
        let inventory = Files::new(&[(name, text)]).load(name).unwrap();
        let vars = inventory.vars_json("localhost").unwrap();
        assert_eq!((&vars["x"], &vars["y"]), (&2.into(), &1.into()), "{name}");
    }
    for more in ["[localhost]\nother\n", "[localhost:children]\nzeta\n"] {
        let problems = Files::new(&[("hosts", &format!("{ini}{more}"))]).load("hosts").unwrap_err();
        assert!(problems.to_string().contains("hosts:2:1: the host `localhost` has the name of a group"));
    }
}

#[test]
fn a_file_is_judged_as_what_it_begins_as() {
    let said = |name: &str, text: &str| {
        let problems = Files::new(&[(name, text)]).load(name).unwrap_err();
        let help = problems.0[0].help.clone().unwrap_or_default();
        format!("{} {}; {help}", problems.0.len(), problems.0[0])
    };
    for text in ["# c\n\nall: # c\n  hosts:\n    a: {x: 1\n    b:\n", "---\nall:\n\thosts:\n"] {
        let said = said("hosts", text);
        assert!(said.starts_with("1 ") && !said.contains("cannot be the name"), "{said}");
    }
    assert_eq!(
        said("hosts", "---\n- a\n"),
        "1 an inventory is a mapping of groups, and this is a list; begin it with `all:`, and below it `hosts:`"
    );
    for text in ["# c\n[web]\na x=1\n", "[web:vars]\nx=1\n", "[web]\n"] {
        assert!(
            said("hosts.yml", text).ends_with("; this looks like INI: give the file no ending, or `.ini`")
        );
    }
    assert!(said("hosts.yml", "[a, b]\n").contains("begin it with `all:`"));
    assert!(said("hosts.yml", "{}\n").contains("of groups, and this is an empty mapping;"));
    assert_eq!(Files::new(&[("hosts", "web:22\n")]).load("hosts").unwrap().hosts().count(), 1);
}

#[test]
fn a_groups_name_may_be_a_path_that_does_not_lead_out() {
    let files = Files::new(&[
        ("in/hosts", "[env/prod]\na\n[../out]\na\n[env/../../out]\na\n[/in]\na\n[e//prod]\na\n[env]\na\n"),
        ("in/group_vars/env/prod.yml", "prod: 1\n"),
        ("in/group_vars/e/prod/x.yml", "twice: 1\n"),
        ("in/group_vars/in", "root: 1\n"),
        ("in/out", "out: 1\n"),
        ("out", "out: 1\n"),
    ]);
    let inventory = files.load("in/hosts").unwrap();
    assert_eq!(
        inventory.vars_json("a").unwrap(),
        *serde_json::json!({ "prod": 1, "twice": 1 }).as_object().unwrap()
    );
    let prod = &inventory.vars("a")["prod"];
    assert_eq!((&*prod.origin.owner, inventory.trace("a", "prod").len()), ("env/prod", 2));
}

proptest::proptest! {
    #[test]
    fn no_text_makes_the_readers_panic(ini in "[-a1 :\\[\\]{}(),&*!|'\"é#=.\\\\\n\t]{0,60}", pattern in "[-a1:\\[\\]!&~,*?é.()|\\\\ ]{0,20}") {
        let files = Files::new(&[("hosts", &ini)]);
        let _ = files.load("hosts");
        let inventory = inventory("all:\n  hosts:\n    a:\n    a1:\n");
        if let Ok(pattern) = Pattern::from_argument("hosts", &pattern) {
            let _ = inventory.select(&pattern);
        }
    }
}
