//! `boot2docker_profile`: flags of the Docker daemon on Boot2Docker.

mod edit;
mod flags;
pub(crate) mod next_start;
mod reader;
mod words;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::arguments::Listed;
use crate::contract::{
    AskError, AskFile, AskOwed, AskProcess, AskSyntax, Before, Change, CheckSyntax, Content, File, FileKind,
    Host, HostPath, Module, Need, OwedRecord, Ownership, Plan, PlanError, Probe, Process, Remove, Validation,
    WriteFile,
};
use crate::daemon_config::edit::strict_json;
use crate::daemon_config::rules::{conflicts, sentence};
use crate::platform::{Daemon, boot2docker};
use edit::{Profile, Wanted};
use flags::{Flag, in_force};
use words::Refusal;

/// The record under which this module keeps what the profile owes to the running daemon.
pub(crate) const OWED: &str = "boot2docker_profile";

/// Adds flags to those with which Boot2Docker starts the Docker daemon, or takes flags away: `EXTRA_ARGS` in
/// `/var/lib/boot2docker/profile`. The file is shell text, which Boot2Docker runs as root; it is read here without ever
/// being run. What is added stands in lines of its own at the end, `EXTRA_ARGS="$EXTRA_ARGS --FLAG" # dtrctl`, so that
/// docker-machine's flags, and every other byte, stay. Text whose effect on `EXTRA_ARGS` is not certain is refused
/// untouched, with its line; before the file is replaced, the host's own shell has to take the new one (`sh -n`).
///
/// dockerd reads its flags when it starts: a restart is owed, which `restart_docker` pays. What is given both as a flag
/// and in `daemon.json` stops dockerd, and is refused. docker-machine writes the file anew when it provisions a machine
/// (`docker-machine provision`, `regenerate-certs`, `upgrade`): apply again after that. On a host that is no Boot2Docker
/// the task is skipped.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Boot2DockerProfile {
    /// Registries to talk to without checking their certificates (`--insecure-registry`): `HOST`, `HOST:PORT` or a
    /// network. A list, or text with commas. Default: none.
    #[serde(default)]
    insecure_registries: Listed<String>,
    /// Mirrors of Docker Hub (`--registry-mirror`): `https://HOST`. A list, or text with commas. Default: none.
    #[serde(default)]
    registry_mirrors: Listed<String>,
    /// Other flags of dockerd, each as one item, `--name` or `--name=value`, such as `--label=env=test`. Default: none.
    #[serde(default)]
    flags: Vec<String>,
    /// Whether the daemon shall get these flags. With `absent` they are taken away whoever has written them; where none
    /// is named, all that dtrctl has added go. Default: `present`.
    #[serde(default)]
    state: Presence,
}

/// Whether flags shall be there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Presence {
    /// They shall.
    #[default]
    Present,
    /// They shall not.
    Absent,
}

/// What was found on the host.
#[derive(Debug)]
pub struct Found {
    profile: File,
    config: File,
    process: Process,
    owed: Vec<OwedRecord>,
    /// What the host's shell says to the new text, where there is one.
    verdict: Option<Validation>,
}

impl Module for Boot2DockerProfile {
    const NAME: &'static str = "boot2docker_profile";
    const EXAMPLE: &'static str = "- boot2docker_profile:\n    insecure_registries: [\"{{ registry }}\"]\n    flags: [--log-level=warn, --label=env=test]\n- boot2docker_profile:\n    insecure_registries: [\"{{ registry }}\"]\n    state: absent\n";
    type State = Option<Found>;

    fn probe(&self, host: &Host) -> Probe<Option<Found>> {
        if !boot2docker::is(&host.facts) {
            return Probe::ready(None);
        }
        // `plan` says what is wrong with the arguments, with its help.
        let Ok(wanted) = self.wanted() else { return Probe::ready(None) };
        Probe::ask(AskFile::new(boot2docker::profile()))
            .zip(Probe::ask(AskFile::new(Daemon::assumed(host).config)))
            .zip(Probe::ask(AskProcess).zip(Probe::ask(AskOwed)))
            .and_then(move |((profile, config), (process, owed))| {
                let found = Found { profile, config, process, owed, verdict: None };
                let Some(ask) = found.question(&wanted) else { return Probe::ready(Some(found)) };
                Probe::ask(ask).map(|verdict| Some(Found { verdict: Some(verdict), ..found }))
            })
    }

    fn plan(&self, host: &Host, found: Option<Found>) -> Result<Plan, PlanError> {
        if !boot2docker::is(&host.facts) {
            let system = if host.facts.id.is_empty() { "its system" } else { &host.facts.id };
            return Ok(Plan::skip(format!(
                "this host is no Boot2Docker ({system}): `daemon_json` is for its daemon's settings"
            )));
        }
        let wanted = self.wanted()?;
        let Some(found) = found else { return Err(PlanError::new(AskError::Lost.to_string())) };
        found.plan(&wanted)
    }
}

impl Boot2DockerProfile {
    /// # Errors
    /// Where the flags are none of dockerd's, or would not reach it.
    fn wanted(&self) -> Result<Wanted, PlanError> {
        let mut flags: Vec<Flag> =
            self.insecure_registries.0.iter().map(|value| Flag::insecure(value)).collect();
        flags.extend(self.registry_mirrors.0.iter().map(|value| Flag::mirror(value)));
        let present = self.state == Presence::Present;
        for text in &self.flags {
            flags.push(if present { Flag::read(text)? } else { Flag::unwanted(text)? });
        }
        if present {
            flags::check(&flags)?;
        }
        let mut once: Vec<Flag> = Vec::new();
        flags.into_iter().for_each(|flag| {
            if !once.contains(&flag) {
                once.push(flag);
            }
        });
        match self.state {
            Presence::Present if once.is_empty() => Err(PlanError::new("no flag is given")
                .help("give `insecure_registries`, `registry_mirrors` or `flags`")),
            Presence::Present => Ok(Wanted::Present(once)),
            Presence::Absent if once.is_empty() => Ok(Wanted::NothingOfOurs),
            Presence::Absent => Ok(Wanted::Absent(once)),
        }
    }
}

impl Found {
    /// What the host's shell has to be asked, where something is to be written.
    fn question(&self, wanted: &Wanted) -> Option<AskSyntax> {
        let (before, after) = self.draft(wanted).ok()?;
        (before.text != after.text && !after.text.is_empty()).then_some(AskSyntax { text: after.text })
    }

    /// The profile as it is and as it shall be.
    fn draft(&self, wanted: &Wanted) -> Result<(Profile, Profile), PlanError> {
        let path = &self.profile.path;
        let text = match &self.profile.kind {
            FileKind::Absent => None,
            FileKind::File(_, Some(text)) => Some(text.as_slice()),
            FileKind::File(_, None) => return Err(PlanError::new(format!("`{path}` could not be read"))),
            FileKind::Directory(_) | FileKind::Other => {
                return Err(PlanError::new(format!("`{path}` is no regular file")).help("look at it by hand"));
            }
        };
        let refused = |refusal: Refusal| {
            let before = &text.unwrap_or_default()[..refusal.at.min(text.map_or(0, <[u8]>::len))];
            let line = before.split(|&byte| byte == b'\n').count();
            let shown =
                text.unwrap_or_default().split(|&byte| byte == b'\n').nth(line - 1).unwrap_or_default();
            let text_of = String::from_utf8_lossy(shown);
            // As it stands in the file, but for what a terminal would take for something else.
            let as_is = |c: char| matches!(c, '"' | '\'' | '\\');
            let shown = |c: char| if as_is(c) { c.to_string() } else { c.escape_debug().to_string() };
            let shown: String = text_of.trim().chars().map(shown).collect();
            PlanError::new(format!("{path}:{line}: {}: {shown}", refusal.what))
                .help(format!("nothing was written; {}", refusal.help))
        };
        let before = Profile::read(text).map_err(refused)?;
        let after = before.edited(wanted).map_err(refused)?;
        Ok((before, after))
    }

    fn plan(&self, wanted: &Wanted) -> Result<Plan, PlanError> {
        let path = &self.profile.path;
        let (before, after) = self.draft(wanted)?;
        let mut plan = Plan::default();
        let changed = before.text != after.text;
        if let Wanted::Present(flags) = wanted {
            self.compare(flags, &before, &mut plan)?;
        }
        self.check_config(&after, changed, &mut plan)?;
        if let Some(verdict) = self.verdict.as_ref().filter(|verdict| !verdict.accepted) {
            return Err(PlanError::new(format!(
                "the host's shell does not read the edited {path} (`sh -n`): {}",
                verdict.message.trim()
            ))
            .help("nothing was written; correct the file by hand and run again"));
        }
        if before.text.contains(&b'\r') {
            plan.warn(format!(
                "{path} has lines that end in CR LF: the shell takes the CR for a part of the values"
            ));
        }
        if before.text.starts_with(b"\xef\xbb\xbf") {
            plan.warn(format!(
                "{path} begins with a byte order mark: the shell takes it for a part of the first command's name"
            ));
        }
        let owed = self.owe(wanted, changed, &mut plan);
        if changed {
            self.write(&before, after, owed, &mut plan);
        } else {
            plan.changes.extend(owed.map(Change::Owe));
        }
        plan.set("path", path.to_string());
        plan.set("owed", plan.owed.as_ref().map(|_| "restart"));
        Ok(plan)
    }

    /// What the asked flags mean beside those that are given already.
    fn compare(&self, flags: &[Flag], before: &Profile, plan: &mut Plan) -> Result<(), PlanError> {
        let given = before.given();
        for flag in flags.iter().filter(|flag| !in_force(flag, &given)) {
            if let Some(other) = flags::label_twice(flag, &given) {
                return Err(PlanError::new(format!(
                    "dockerd does not start with `{other}`, which is in {}, and `{flag}`",
                    self.profile.path
                ))
                .help("take the other one out with `state: absent` first, or use another name"));
            }
            let same = given.iter().rfind(|other| other.flag.name == flag.name && !flag.is_repeated());
            if let Some(other) = same {
                plan.info(format!("`{flag}` takes the place of `{}`", other.flag));
            }
        }
        Ok(())
    }

    /// A flag that daemon.json gives too stops dockerd.
    fn check_config(&self, after: &Profile, changed: bool, plan: &mut Plan) -> Result<(), PlanError> {
        let path = &self.config.path;
        let config = match self.config.content().map(strict_json) {
            None => return Ok(()),
            Some(Ok(config)) => config,
            Some(Err(error)) => {
                plan.warn(format!("{path} cannot be read, and dockerd does not start with it: {error}"));
                return Ok(());
            }
        };
        let mut cmdline = vec!["dockerd".to_owned()];
        cmdline.extend(after.words());
        let found = conflicts(&cmdline, &config);
        let Some(first) = found.first() else { return Ok(()) };
        let message = format!("dockerd would not start: {}", sentence(&found));
        if !changed {
            plan.warn(message);
            return Ok(());
        }
        Err(PlanError::new(message).help(format!(
            "nothing was written; take `{}` out of {path}, or keep it there and leave the flag `--{}` out",
            first.key, first.flag
        )))
    }

    /// What the running daemon is owed: it has been started with other flags.
    fn owe(&self, wanted: &Wanted, changed: bool, plan: &mut Plan) -> Option<OwedRecord> {
        let earlier = self.owed.iter().find(|record| record.id == OWED);
        let record = || OwedRecord {
            id: OWED.to_owned(),
            need: Need::Restart,
            reason: format!("flags changed in {}, which dockerd reads when it starts", self.profile.path),
        };
        let Some(running) = &self.process.running else {
            if changed {
                plan.info("no docker daemon runs: it reads its flags when it starts");
            }
            return None;
        };
        let given = flags::given(running.cmdline.get(1..).unwrap_or_default());
        let differs = match wanted {
            Wanted::Present(flags) => !flags.iter().all(|flag| in_force(flag, &given)),
            Wanted::Absent(flags) => flags.iter().any(|flag| given.iter().any(|given| given.flag == *flag)),
            Wanted::NothingOfOurs => changed,
        };
        let owed = (differs && earlier.is_none()).then(record);
        plan.owed = owed
            .as_ref()
            .or(earlier)
            .map(|record| format!("a restart of the docker daemon: {}", record.reason));
        owed
    }

    fn write(&self, before: &Profile, after: Profile, owed: Option<OwedRecord>, plan: &mut Plan) {
        let path: HostPath = self.profile.path.clone();
        let old = match &self.profile.kind {
            FileKind::File(attributes, Some(text)) => {
                Some(Before { content: Content::new(text.clone()), attributes: attributes.clone() })
            }
            _ => None,
        };
        match old {
            // What dtrctl has created, it removes; of a link only the link would go.
            Some(old)
                if after.text.is_empty() && before.text.ends_with(b"\n") && self.profile.target.is_none() =>
            {
                plan.changes.extend(owed.map(Change::Owe));
                plan.changes.push(Change::Remove(Remove { path, before: old }));
            }
            old => {
                let content = Content::new(after.text);
                plan.changes.push(Change::CheckSyntax(CheckSyntax {
                    path: path.clone(),
                    text: content.bytes.clone(),
                }));
                plan.changes.extend(owed.map(Change::Owe));
                let ownership = Ownership::default();
                plan.changes.push(Change::WriteFile(WriteFile::new(path, old, content, ownership)));
            }
        }
    }
}
