//! Names out of an inventory that try to be more than names: refused before any process starts.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::Arc;

use dtrctl::transport::{Cause, Destination, Pool, PoolSettings, Script, Ssh, Transport};
use tempfile::TempDir;

use super::limits;
use crate::figure::figure;

/// An ssh that only writes down its arguments, each in brackets, and fails.
fn recorder() -> (TempDir, Arc<Pool>, PathBuf) {
    let dir = tempfile::Builder::new().prefix("dt").tempdir_in("/tmp").unwrap();
    let (ssh, argv) = (dir.path().join("ssh"), dir.path().join("argv"));
    fs::write(
        &ssh,
        format!("#!/bin/sh\nfor a; do printf '[%s]\\n' \"$a\"; done >>{}\nexit 255\n", argv.display()),
    )
    .unwrap();
    fs::set_permissions(&ssh, fs::Permissions::from_mode(0o755)).unwrap();
    let mut settings = PoolSettings::new(dir.path().to_owned(), Some(dir.path().to_owned()));
    settings.ssh = ssh;
    (dir, Pool::new(settings).unwrap(), argv)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn at_most_eight_handshakes_through_one_jump_host() {
    let (dir, pool, argv) = recorder();
    let (count, script) = (dir.path().join("count"), dir.path().join("ssh"));
    fs::create_dir(&count).unwrap();
    let text = format!(
        "#!/bin/sh\ntouch {c}/$$; sleep 0.2; ls {c} | wc -l >>{}\nrm {c}/$$; exit 255\n",
        argv.display(),
        c = count.display()
    );
    fs::write(script, text).unwrap();
    let mut runs = tokio::task::JoinSet::new();
    for number in 0..20 {
        let mut destination = Destination::new("web1", format!("web{number}"));
        destination.jump = Some("gw".into());
        let transport = Transport::Ssh(Ssh::new(Arc::clone(&pool), destination));
        runs.spawn(async move { transport.run("web1", &Script::login("true"), &limits()).await });
    }
    assert!(runs.join_all().await.iter().all(Result::is_err));
    let counts: Vec<u32> =
        fs::read_to_string(argv).unwrap().lines().map(|l| l.trim().parse().unwrap()).collect();
    assert_eq!((counts.len(), counts.iter().max()), (20, Some(&8)), "{counts:?}");
}

fn corpus() -> Option<Vec<serde_json::Value>> {
    let Ok(folder) = std::env::var("DTRCTL_CORPUS") else {
        eprintln!("skipped: DTRCTL_CORPUS is not set");
        return None;
    };
    let text = fs::read_to_string(PathBuf::from(folder).join("hostile/hosts.json")).unwrap();
    let file: serde_json::Value = serde_json::from_str(&text).unwrap();
    Some(file["hosts"].as_array().unwrap().clone())
}

#[tokio::test]
async fn hostile_names_start_nothing() {
    let Some(hosts) = corpus() else { return };
    let (_dir, pool, argv) = recorder();
    let (mut taken, mut refused) = (Vec::new(), 0);
    for case in &hosts {
        let name = case["host"].as_str().unwrap();
        for place in 0..6 {
            let mut destination = Destination::new("web1", "web1");
            match place {
                0 => destination.address = name.into(),
                1 => destination.name = name.into(),
                2 => destination.user = Some(name.into()),
                3 => destination.key = Some(name.into()),
                4 => destination.jump = Some(name.into()),
                _ => destination.options = vec![(name.into(), "yes".into())],
            }
            if destination.check().is_ok() {
                taken.push((place, name.to_owned()));
                continue;
            }
            let transport = Transport::Ssh(Ssh::new(Arc::clone(&pool), destination));
            let error = transport.run("web1", &Script::login("true"), &limits()).await.unwrap_err();
            assert!(matches!(*error.cause, Cause::Name { .. } | Cause::Option { .. }), "{name:?}: {error}");
            refused += 1;
        }
    }
    assert!(!argv.exists(), "{}", fs::read_to_string(argv).unwrap());
    let hosts_taken: Vec<_> =
        taken.iter().filter(|(place, _)| *place == 0).map(|(_, name)| name.as_str()).collect();
    eprintln!("{} names, {refused} refusals; taken as an address: {hosts_taken:?}", hosts.len());
    let harmless = |name: &str| {
        name.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-:".contains(&b)) && !name.starts_with('-')
    };
    assert!(hosts_taken.iter().all(|name| harmless(name)));
    figure("S3", "hostile_names_start_nothing", &format!("processes_started=0 of={refused}"));
    assert!(taken.iter().all(|(place, name)| *place != 5 || name.bytes().all(|b| b.is_ascii_alphanumeric())));
}

#[tokio::test]
async fn the_destination_is_one_argument_behind_two_dashes() {
    let (_dir, pool, argv) = recorder();
    let mut destination = Destination::new("web1", "10.0.0.1");
    destination.user = Some("deploy".into());
    destination.key = Some("/keys/my key".into());
    let transport = Transport::Ssh(Ssh::new(pool, destination));
    let error = transport.run("web1", &Script::login("true"), &limits()).await.unwrap_err();
    assert!(matches!(*error.cause, Cause::Master { .. }), "{error}");
    let recorded = fs::read_to_string(argv).unwrap();
    assert!(recorded.ends_with("[-i]\n[/keys/my key]\n[-l]\n[deploy]\n[--]\n[10.0.0.1]\n"), "{recorded}");
}
