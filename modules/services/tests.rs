use super::*;
use crate::contract::{Container, Module};
use crate::service::Service;
use crate::systemd::SystemdService;
use crate::testing::World;
use serde_json::{Value, json};

fn world(running: bool, enabled: bool) -> World {
    let mut world = World::new();
    let status = vec![("ActiveState".to_owned(), "inactive".to_owned())];
    world.service =
        ServiceState { found: true, running, enabled: Some(enabled), status, ..ServiceState::default() };
    world
}

/// The commands of a plan.
fn commands<M: Module>(world: &mut World, arguments: Value) -> Result<Vec<String>, String> {
    let plan = world.plan::<M>(arguments).map_err(|error| error.message)?;
    Ok(plan
        .changes
        .iter()
        .map(Change::summary)
        .map(|line| line.split('`').nth(1).unwrap_or("").to_owned())
        .collect())
}

#[test]
fn only_what_is_missing_is_done() {
    for (running, enabled, arguments, expected) in [
        (
            false,
            false,
            json!({"state": "started", "enabled": true}),
            &["systemctl enable x", "systemctl start x"][..],
        ),
        (true, true, json!({"state": "started", "enabled": true}), &[]),
        (
            true,
            true,
            json!({"state": "stopped", "enabled": false}),
            &["systemctl disable x", "systemctl stop x"],
        ),
        (true, false, json!({"state": "restarted"}), &["systemctl restart x"]),
        (false, false, json!({"state": "restarted"}), &["systemctl start x"]),
        (true, false, json!({"state": "reloaded"}), &["systemctl reload x"]),
        (false, false, json!({"state": "reloaded"}), &["systemctl start x"]),
    ] {
        let mut arguments = arguments;
        arguments["name"] = "x.service".into();
        let done = commands::<Service>(&mut world(running, enabled), arguments.clone());
        assert_eq!(done.unwrap(), expected, "{arguments}");
        if !expected.iter().any(|command| command.contains("restart") || command.contains("reload")) {
            // Once planned, the state is as wished.
            let state = arguments["state"].as_str().unwrap();
            if matches!(state, "started" | "stopped") {
                world(running, enabled).apply::<Service>(arguments).unwrap();
            }
        }
    }
}

#[test]
fn the_result_is_ansibles() {
    let plan = world(false, true)
        .plan::<Service>(json!({"name": "x", "state": "reloaded", "enabled": true}))
        .unwrap();
    assert_eq!(plan.result["state"], "started");
    assert_eq!((&plan.result["name"], &plan.result["enabled"]), (&json!("x"), &json!(true)));
    assert_eq!(plan.result["status"]["ActiveState"], "inactive");
}

#[test]
fn what_cannot_be_is_refused_with_its_reason() {
    let mut gone = World::new();
    let refused = |world: &mut World, arguments: Value| commands::<Service>(world, arguments).unwrap_err();
    assert!(refused(&mut gone, json!({"name": "x", "state": "started"})).contains("no service `x`"));
    assert!(
        refused(&mut world(true, true), json!({"name": "x", "enabled": true, "use": "openrc"}))
            .contains("`openrc` does not run")
    );
    let mut upstart = world(false, false);
    upstart.host.facts.init = "upstart".into();
    assert!(
        refused(&mut upstart, json!({"name": "x", "enabled": true}))
            .contains("nothing is known to enable `x`")
    );
    for wrong in [
        json!({"name": "x"}),
        json!({"name": "x*", "state": "started"}),
        json!({"name": "-x", "state": "started"}),
    ] {
        assert!(world(true, true).ask::<Service>(wrong).is_err());
    }
    assert!(world(true, true).ask::<SystemdService>(json!({"state": "started"})).is_err());
    let mut openrc = world(true, true);
    openrc.host.facts.init = "openrc".into();
    assert!(openrc.ask::<SystemdService>(json!({"name": "x", "state": "started"})).is_err());
}

#[test]
fn systemd_reads_its_units_again_where_it_has_to() {
    let arguments = json!({"name": "x", "daemon_reload": true, "state": "started"});
    let mut stale = world(true, true);
    assert_eq!(commands::<SystemdService>(&mut stale, arguments.clone()).unwrap(), Vec::<String>::new());
    stale.service.stale = true;
    assert_eq!(
        commands::<SystemdService>(&mut stale, arguments.clone()).unwrap(),
        ["systemctl daemon-reload"]
    );
    stale.apply::<SystemdService>(arguments).unwrap();
    let mut masked = world(false, false);
    masked.service.masked = true;
    let user = json!({"name": "x", "masked": false, "scope": "user"});
    assert_eq!(commands::<SystemdService>(&mut masked, user).unwrap(), ["systemctl --user unmask x"]);
}

#[test]
fn a_restart_of_docker_names_the_containers_that_stop() {
    let mut world = world(true, true);
    world.put("/etc/docker/daemon.json", "{}");
    world.info = Some(json!({"ServerVersion": "28.5.2"}));
    let container =
        |name: &str, restart: &str| Container { id: name.into(), name: name.into(), restart: restart.into() };
    world.containers.running = vec![container("db", "no"), container("web", "always")];
    let arguments = json!({"name": "docker", "state": "restarted"});
    let plan = world.plan::<Service>(arguments.clone()).unwrap();
    let [Change::RestartDocker(restart)] = &plan.changes[..] else { panic!("{plan:?}") };
    assert_eq!(
        (&restart.stops[..], &restart.stays_down[..]),
        (&["web".to_owned()][..], &["db".to_owned()][..])
    );
    assert!(plan.notes.iter().any(|note| note.text.contains("stay down: db")), "{:?}", plan.notes);
    assert!(!plan.changes[0].is_provable(), "it would ask again");
    world.put("/etc/docker/daemon.json", "{\"insecure-registries\": 5}");
    let error = world.plan::<Service>(arguments).unwrap_err();
    assert!(error.message.contains("the docker daemon is left alone"), "{}", error.message);
    world.put("/etc/docker/daemon.json", "{}");
    let plan = world.plan::<Service>(json!({"name": "docker", "state": "reloaded"})).unwrap();
    assert!(matches!(&plan.changes[..], [Change::ReloadDocker(reload)] if reload.on_request), "{plan:?}");
}
