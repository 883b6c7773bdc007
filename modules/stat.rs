//! `stat`: what stands at a path.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::arguments::yes;
use crate::contract::{
    AskStat, Checksum, Entity, EntityKind, Host, HostPath, Module, Plan, PlanError, Probe, Stat, Touches,
};

/// Finds out what stands at a path. It changes nothing.
///
/// Registered: `stat`, with `exists`, and where something is there: `path`, `isreg`, `isdir`, `islnk`, `isfifo`, `issock`,
/// `ischr`, `isblk`, `mode`, `uid`, `gid`, `pw_name`, `gr_name`, `size`, `mtime`, `atime`, `ctime`, `inode`, `dev`, `nlink`,
/// `blocks`, `block_size`, `lnk_source`, `lnk_target`, `checksum`, `readable`, `writeable`, `executable`, and the single bits
/// (`rusr` to `xoth`, `isuid`, `isgid`).
///
/// Other than Ansible's: times are whole seconds; `mimetype`, `charset`, `attributes`, `attr_flags`, `version` and `device_type`
/// need programs that not every host has, and are left out. In check mode, what only the file system knows of a file that an
/// earlier task has planned (`inode`, times, numbers of users) is left out.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "each is an argument of Ansible's")]
pub struct StatPath {
    /// The path.
    path: HostPath,
    /// Whether a link is followed. Default: false, which tells of the link itself.
    #[serde(default)]
    follow: bool,
    /// Whether the checksum of a file is wanted. Default: true.
    #[serde(default = "yes")]
    get_checksum: bool,
    /// How files are summed up. Default: `sha1`.
    #[serde(default)]
    checksum_algorithm: Checksum,
    /// False, as there are no MIME types to get. Default: false.
    #[serde(default)]
    get_mime: bool,
    /// False, as there are no flags of file systems to get. Default: false.
    #[serde(default)]
    get_attributes: bool,
}

impl Module for StatPath {
    const NAME: &'static str = "stat";
    const EXAMPLE: &'static str = "- stat:\n    path: /etc/docker/daemon.json\n  register: config\n- debug:\n    msg: there is no daemon.json\n  when: not config.stat.exists\n";
    const ALIASES: &'static [(&'static str, &'static str)] = &[
        ("dest", "path"),
        ("name", "path"),
        ("checksum", "checksum_algorithm"),
        ("checksum_algo", "checksum_algorithm"),
        ("mime", "get_mime"),
        ("mime_type", "get_mime"),
        ("mime-type", "get_mime"),
        ("attr", "get_attributes"),
        ("attributes", "get_attributes"),
    ];
    const TOUCHES: Touches = Touches::Nothing;
    type State = Stat;

    fn probe(&self, _host: &Host) -> Probe<Stat> {
        let checksum = self.get_checksum.then_some(self.checksum_algorithm);
        Probe::ask(AskStat { path: self.path.clone(), follow: self.follow, checksum, times: true })
    }

    fn plan(&self, _host: &Host, stat: Stat) -> Result<Plan, PlanError> {
        for (wanted, argument) in [(self.get_mime, "get_mime"), (self.get_attributes, "get_attributes")] {
            if wanted {
                return Err(PlanError::new(format!("`{argument}` needs programs that not every host has"))
                    .help("leave it out, and run `file` or `lsattr` with `command`"));
            }
        }
        let mut fields = Map::new();
        fields.insert("exists".to_owned(), stat.entry.is_some().into());
        if let Some(entity) = &stat.entry {
            fields.insert("path".to_owned(), self.path.as_str().into());
            describe(entity, &mut fields);
        }
        let mut plan = Plan::default();
        plan.set("stat", fields);
        Ok(plan)
    }
}

fn describe(entity: &Entity, fields: &mut Map<String, Value>) {
    let mut set = |name: &str, value: Value| fields.insert(name.to_owned(), value);
    for (name, kind) in [
        ("isreg", EntityKind::File),
        ("isdir", EntityKind::Directory),
        ("islnk", EntityKind::Link),
        ("isfifo", EntityKind::Fifo),
        ("issock", EntityKind::Socket),
        ("ischr", EntityKind::CharacterDevice),
        ("isblk", EntityKind::BlockDevice),
    ] {
        set(name, (entity.kind == kind).into());
    }
    set("mode", entity.mode.to_string().into());
    for (at, name) in
        ["xoth", "woth", "roth", "xgrp", "wgrp", "rgrp", "xusr", "wusr", "rusr"].iter().enumerate()
    {
        set(name, (entity.mode.bits() & (1 << at) != 0).into());
    }
    set("isuid", (entity.mode.bits() & 0o4000 != 0).into());
    set("isgid", (entity.mode.bits() & 0o2000 != 0).into());
    if let Some(rights) = &entity.rights {
        for (name, letter) in [("readable", 'r'), ("writeable", 'w'), ("executable", 'x')] {
            set(name, rights.contains(letter).into());
        }
    }
    if let Some(numbers) = &entity.numbers {
        // Ansible gives fractions of seconds, so that these are no integers.
        #[expect(clippy::cast_precision_loss, reason = "seconds stay below 2^53")]
        let seconds = |time: i64| Value::from(time as f64);
        set("mtime", seconds(numbers.modified));
        set("atime", seconds(numbers.accessed));
        set("ctime", seconds(numbers.changed));
        for (name, number) in [
            ("inode", numbers.inode),
            ("dev", numbers.device),
            ("nlink", numbers.links),
            ("blocks", numbers.blocks),
            ("block_size", numbers.block_size),
        ] {
            set(name, number.into());
        }
    }
    let texts = [
        ("pw_name", &entity.owner),
        ("gr_name", &entity.group),
        ("lnk_target", &entity.link),
        ("lnk_source", &entity.source),
        ("checksum", &entity.checksum),
    ];
    for (name, text) in texts {
        if let Some(text) = text {
            set(name, text.as_str().into());
        }
    }
    for (name, id) in [("uid", entity.uid), ("gid", entity.gid)] {
        if let Some(id) = id {
            set(name, id.into());
        }
    }
    if let Some(size) = entity.size {
        set("size", size.into());
    }
}
