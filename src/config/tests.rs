use std::collections::HashMap;

use super::*;

fn load(folder: &Path, env: &[(&str, &str)], writable_by_all: bool) -> Result<Config, Problems> {
    let env: HashMap<String, String> = env.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    Config::load(&Surroundings {
        env: &|name| env.get(name).map(OsString::from),
        directory: folder,
        writable_by_all,
    })
}

fn folder(text: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("ansible.cfg"), text).unwrap();
    folder
}

#[test]
fn settings_are_read_and_the_rest_is_named() {
    let folder = folder(
        "# ours\n[defaults]\ninventory = hosts.yml, ~/more,\n    $EXTRA/x ; and that\nremote_user: 'ops'\nForks=7\n\
         timeout = 25\nvault_identity_list = dev@d , prod@p\nroles_path = roles:/srv/roles\ngathering = smart\n\
         private_key_file = {{CWD}}/key#1\nhash_behaviour = replace\nstdout_callback=yaml\n\
         [privilege_escalation]\nbecome = Yes\nbecome_ask_pass = off\nbecome_method=sudo\n",
    );
    let here = |name: &str| folder.path().join(name);
    let text = |path: PathBuf| path.display().to_string();
    let config = load(folder.path(), &[("HOME", "/home/me"), ("EXTRA", "/e")], false).unwrap();
    let expected = Config {
        path: Some(here("ansible.cfg")),
        inventory: vec![text(here("hosts.yml")), "/home/me/more".to_owned(), "/e/x".to_owned()],
        remote_user: Some("ops".to_owned()),
        private_key_file: Some(here("key#1")),
        vault_ids: vec!["dev@d".to_owned(), "prod@p".to_owned()],
        r#become: true,
        forks: Some(7),
        timeout: Some(25),
        roles_path: vec![here("roles"), "/srv/roles".into()],
        notes: vec![format!(
            "`{}`: not used by dtrctl: `gathering`, `stdout_callback`",
            here("ansible.cfg").display()
        )],
        ..Config::default()
    };
    assert_eq!(config, expected);
}

#[test]
fn the_environment_goes_before_the_file_and_its_paths_begin_here() {
    let folder = folder("");
    std::fs::create_dir(folder.path().join("etc")).unwrap();
    std::fs::write(folder.path().join("etc/ansible.cfg"), "[defaults]\ninventory=a\nforks=3\n").unwrap();
    let config = load(
        folder.path(),
        &[("ANSIBLE_CONFIG", "etc"), ("ANSIBLE_FORKS", "9"), ("ANSIBLE_VAULT_PASSWORD_FILE", "pw")],
        false,
    )
    .unwrap();
    let here = |name: &str| folder.path().join(name);
    assert_eq!(config.path, Some(here("etc/ansible.cfg")));
    assert_eq!(config.inventory, [here("etc/a").display().to_string()]);
    assert_eq!((config.forks, config.vault_password_file), (Some(9), Some(here("pw"))));
}

#[test]
fn a_directory_that_everyone_may_write_to_configures_nothing() {
    let folder = folder("[defaults]\nforks=3\n");
    let config = load(folder.path(), &[("HOME", "/nonexistent")], true).unwrap();
    assert_eq!(config.forks, None);
    assert!(config.notes[0].contains("everyone may write"), "{:?}", config.notes);
}

#[test]
fn what_would_change_hosts_or_variables_is_refused_at_its_place() {
    for (line, said) in [
        ("hash_behaviour = merge", "`hash_behaviour` is not supported here"),
        ("precedence = all_inventory", "`precedence` is not supported here"),
        ("inventory_ignore_patterns = x", "`inventory_ignore_patterns` is not supported here"),
        ("forks = many", "`forks` is not a number that it can be"),
        ("forks = 0", "`forks` is not a number that it can be"),
        ("ask_vault_pass = perhaps", "`ask_vault_pass` is neither true nor false"),
        ("remote_user", "this is neither `[section]` nor `name = value`"),
        ("timeout = 1\ntimeout = 2", "`timeout` is set twice"),
        ("[privilege_escalation]\nbecome_user = app", "`become_user` is not supported here"),
        ("[privilege_escalation]\nbecome_method = su", "`become_method` is not supported here"),
    ] {
        let folder = folder(&format!("[defaults]\n{line}\n"));
        let problems = load(folder.path(), &[], false).unwrap_err();
        let (at, _) = problems.0[0].at.as_ref().unwrap().line_column();
        assert_eq!((problems.0[0].message.as_str(), at), (said, line.lines().count() + 1), "{line}");
    }
}
