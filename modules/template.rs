//! `template`: a file that the controller's template makes.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::arguments::yes;
use crate::contract::{
    Account, AskLocalTree, Content, Host, LocalKind, LocalTree, Module, Plan, PlanError, Probe, Touches,
    WantedMode,
};
use crate::copy::content::Destination;
use crate::copy::one::{self, One, Target};
use crate::text_encoding::Encoding;
use crate::writing::{LEFT_OUT, Wanted};

/// Writes a file that is rendered from a template of the controller with the task's variables. It is written as `copy` does.
///
/// Registered: what `copy` registers.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "each is an argument of Ansible's")]
pub struct Template {
    /// The template, a file of the controller; a relative path begins where the task's templates are.
    src: String,
    /// Where on the host. A directory, or a path with a slash at its end, takes the file by the template's own name.
    /// Otherwise the directory must exist.
    dest: Destination,
    /// The rendered text, which the engine gives.
    #[serde(default)]
    #[schemars(skip)]
    content: Option<String>,
    /// Permission bits: octal (`"0644"`), symbolic (`u=rw,g=r,o=`), or `preserve` for those of the template. Default: those
    /// that the file has, 0644 for a new one.
    #[serde(default)]
    mode: Option<WantedMode>,
    /// The owner. Default: the one that the file has, the running user for a new one.
    #[serde(default)]
    owner: Option<Account>,
    /// The group. Default: the one that the file has, the running user's for a new one.
    #[serde(default)]
    group: Option<Account>,
    /// Whether a copy of the old file is kept beside it. Default: false.
    #[serde(default)]
    backup: bool,
    /// Whether a file that is there is replaced where it differs. Default: true.
    #[serde(default = "yes")]
    force: bool,
    /// Whether a link at `dest` is followed; otherwise the file takes its place. Default: false.
    #[serde(default)]
    follow: bool,
    /// A command that has to accept the new file before it is in force; `%s` stands for it. It runs without a shell.
    #[serde(default)]
    validate: Option<String>,
    /// What ends a line. Default: `\n`.
    #[serde(default)]
    #[expect(dead_code, reason = "the engine reads it when it renders")]
    newline_sequence: Option<Newline>,
    /// Whether the line end after a block's tag is dropped. Default: true.
    #[serde(default = "yes")]
    #[expect(dead_code, reason = "the engine reads it when it renders")]
    trim_blocks: bool,
    /// Whether spaces before a block's tag are dropped. Default: false.
    #[serde(default)]
    #[expect(dead_code, reason = "the engine reads it when it renders")]
    lstrip_blocks: bool,
    /// What begins an expression. Default: `{{`.
    #[serde(default)]
    #[expect(dead_code, reason = "the engine reads it when it renders")]
    variable_start_string: Option<String>,
    /// What ends an expression. Default: `}}`.
    #[serde(default)]
    #[expect(dead_code, reason = "the engine reads it when it renders")]
    variable_end_string: Option<String>,
    /// What begins a block's tag. Default: `{%`.
    #[serde(default)]
    #[expect(dead_code, reason = "the engine reads it when it renders")]
    block_start_string: Option<String>,
    /// What ends a block's tag. Default: `%}`.
    #[serde(default)]
    #[expect(dead_code, reason = "the engine reads it when it renders")]
    block_end_string: Option<String>,
    /// What begins a comment. Default: `{#`.
    #[serde(default)]
    #[expect(dead_code, reason = "the engine reads it when it renders")]
    comment_start_string: Option<String>,
    /// What ends a comment. Default: `#}`.
    #[serde(default)]
    #[expect(dead_code, reason = "the engine reads it when it renders")]
    comment_end_string: Option<String>,
    /// The encoding of the file: `utf-8`, `latin-1` or `ascii`. Default: `utf-8`.
    #[serde(default)]
    output_encoding: Encoding,
}

/// What ends a line, as it is or as an escape.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
enum Newline {
    /// A line feed.
    #[serde(rename = "\n", alias = "\\n")]
    LineFeed,
    /// A carriage return.
    #[serde(rename = "\r", alias = "\\r")]
    CarriageReturn,
    /// Both of them.
    #[serde(rename = "\r\n", alias = "\\r\\n")]
    Both,
}

impl Module for Template {
    const NAME: &'static str = "template";
    const EXAMPLE: &'static str =
        "- template:\n    src: motd.j2\n    dest: /etc/motd\n    mode: \"0644\"\n    backup: true\n";
    const RENDERS: Option<&'static str> = Some("src");
    const LEFT_OUT: &'static [(&'static str, &'static str)] = LEFT_OUT;
    const TOUCHES: Touches = Touches::Paths(&["dest"]);
    type State = (Target, Option<u16>);

    fn probe(&self, _host: &Host) -> Probe<Self::State> {
        let name = self.src.rsplit('/').next();
        let mode = match self.mode {
            Some(WantedMode::Preserve) => {
                let ask = AskLocalTree {
                    path: self.src.clone(),
                    kind: LocalKind::Template,
                    follow: true,
                    decrypt: true,
                };
                Probe::ask(ask).map(|tree| match tree {
                    LocalTree::File(file) => Some(file.mode),
                    LocalTree::Directory(_) => None,
                })
            }
            _ => Probe::ready(None),
        };
        one::probe(&self.dest, name).zip(mode)
    }

    fn plan(&self, host: &Host, (target, mode): Self::State) -> Result<Plan, PlanError> {
        let Some(text) = &self.content else {
            return Err(PlanError::new(format!("the template `{}` has not been rendered", self.src)));
        };
        let wanted = Wanted { mode: self.mode.clone(), owner: self.owner.clone(), group: self.group.clone() };
        let one = One {
            dest: &self.dest,
            content: Content::new(self.output_encoding.encode(text)?),
            directory: Wanted { mode: None, ..wanted.clone() },
            wanted: wanted.of_source(mode),
            backup: self.backup,
            force: self.force,
            follow: self.follow,
            validate: self.validate.clone(),
        };
        let mut plan = one.plan(host, &target)?;
        plan.set("src", self.src.as_str());
        Ok(plan)
    }
}
