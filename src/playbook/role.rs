//! Roles: where they are used, and what they bring.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::argument_specs;
use super::keywords::Keywords;
use super::part::{Around, Block, Files, Part, Role};
use super::read::{IncludedRole, Reader, real};
use super::role_files::{Meta, find_role, main_file};
use super::role_use::RoleUse;
use crate::yaml::{Node, Place, Problem, Problems, Value};

/// A role that is to be read.
#[derive(Debug, Clone)]
pub struct WantedRole {
    /// Its name, or its path.
    pub name: String,
    /// The file of its tasks, below `tasks/`: `main`.
    pub tasks_from: String,
    /// The file of its variables, below `vars/`: `main`.
    pub vars_from: String,
    /// The file of its defaults, below `defaults/`: `main`.
    pub defaults_from: String,
    /// The file of its handlers, below `handlers/`: `main`.
    pub handlers_from: String,
    /// Whether its variables are seen by tasks of others.
    pub public: bool,
    /// Whether it runs again where it has run already: true, but for those in `roles` and among dependencies.
    pub allow_duplicates: bool,
    /// Whether its arguments are held against its specification: true.
    pub validate: bool,
    /// The tags and conditions at its use, which tell it from other uses.
    pub said: String,
    /// Where it is named.
    pub place: Place,
}

/// What a role brings to where it is used.
pub(super) struct UsedRole {
    /// The tasks of the roles that it depends on, then its own.
    pub parts: Vec<Part>,
    /// The role.
    pub role: Arc<Role>,
}

impl WantedRole {
    /// A role by name, with everything as it is by default.
    #[must_use]
    pub fn new(name: impl Into<String>, place: Place) -> Self {
        let main = || "main".to_owned();
        Self {
            name: name.into(),
            tasks_from: main(),
            vars_from: main(),
            defaults_from: main(),
            handlers_from: main(),
            public: false,
            allow_duplicates: true,
            validate: true,
            said: String::new(),
            place,
        }
    }

    /// What tells it from other roles and other files of this one.
    #[must_use]
    pub fn key(&self) -> String {
        let Self { name, tasks_from, vars_from, defaults_from, handlers_from, .. } = self;
        let flags = (self.public, self.allow_duplicates, self.validate);
        format!("{:?} {flags:?}", [name, tasks_from, vars_from, defaults_from, handlers_from])
    }

    /// From the arguments of `include_role` or `import_role`.
    ///
    /// # Errors
    /// An argument is of the wrong type, or a template where none can be.
    pub(super) fn read(options: &Node, public: bool) -> Result<Self, Problems> {
        let mut problems = Problems::new();
        let mut text = |key: &str| -> Option<String> {
            let node = options.get(key)?;
            let fault = match node.as_str() {
                Some(_) if node.has_template() => {
                    "is needed before the play runs, and is a template; write it out, or use `include_role`"
                }
                Some(text) => return Some(text.to_owned()),
                None => "has to be text",
            };
            problems.push(Problem::new(format!("`{key}` {fault}"), node.place()));
            None
        };
        let name = text("name").unwrap_or_default();
        let mut from = |key: &str| text(key).unwrap_or_else(|| "main".to_owned());
        let [tasks_from, vars_from, defaults_from, handlers_from] =
            ["tasks_from", "vars_from", "defaults_from", "handlers_from"].map(&mut from);
        let mut flag = |key: &str, default: bool| match options.get(key).map(|node| (&node.value, node)) {
            None => default,
            Some((Value::Bool(value), _)) => *value,
            Some((_, node)) => {
                problems.push(Problem::new(format!("`{key}` has to be true or false"), node.place()));
                default
            }
        };
        let (public, allow_duplicates) = (flag("public", public), flag("allow_duplicates", true));
        let validate = flag("rolespec_validate", true);
        let place = options.get("name").map_or_else(|| options.place(), Node::place);
        problems.or(Self {
            name,
            tasks_from,
            vars_from,
            defaults_from,
            handlers_from,
            public,
            allow_duplicates,
            validate,
            said: String::new(),
            place,
        })
    }
}

impl Reader<'_> {
    /// Reads a role that is included while the play runs.
    pub fn role(&mut self, wanted: &WantedRole, around: &Around) -> Option<IncludedRole> {
        let used = self.used_role(wanted, &[], around)?;
        Some(IncludedRole { parts: used.parts, handlers: self.handlers(), role: used.role })
    }

    /// The roles of a play.
    pub(super) fn roles(&mut self, node: Option<&Node>, around: &Around) -> Vec<Part> {
        let uses = self.uses(node, "`roles`");
        uses.into_iter().flat_map(|used| self.use_of(used, around)).collect()
    }

    fn uses(&mut self, node: Option<&Node>, key: &str) -> Vec<RoleUse> {
        let Some(node) = node.filter(|node| !node.is_null()) else { return Vec::new() };
        let Some(items) = node.as_seq() else {
            self.problems.push(
                Problem::new(format!("{key} is {}, not a list", node.kind()), node.place())
                    .help("begin each role with `- `"),
            );
            return Vec::new();
        };
        let modules = &self.library.modules;
        items.iter().filter_map(|item| RoleUse::read(item, modules, self.problems)).collect()
    }

    fn use_of(&mut self, used: RoleUse, around: &Around) -> Vec<Part> {
        let around = Around { keywords: used.keywords.within(&around.keywords), ..around.clone() };
        let read = self.used_role(&used.wanted, &used.params, &around);
        read.map(|used| used.parts).unwrap_or_default()
    }

    /// Reads a role where it is used; `around` says what its use says.
    pub(super) fn used_role(
        &mut self,
        wanted: &WantedRole,
        params: &[(String, Node)],
        around: &Around,
    ) -> Option<UsedRole> {
        let found = find_role(wanted, self.library, around.role.as_deref());
        self.incomplete |= found.is_err();
        let directory = self.problems.take(found)?;
        if self.within.contains(&real(&directory)) {
            self.problems.push(
                Problem::new(format!("the role `{}` uses itself", wanted.name), wanted.place.clone())
                    .help("leave one of the two uses away"),
            );
            return None;
        }
        self.within.push(real(&directory));
        let noted = self.problems.0.len();
        let used = self.role_at(wanted, params, around, &directory);
        self.forget_repeated(noted);
        self.within.pop();
        Some(used)
    }

    fn role_at(
        &mut self,
        wanted: &WantedRole,
        params: &[(String, Node)],
        around: &Around,
        directory: &Path,
    ) -> UsedRole {
        let own_vars = self.variables_of(directory, "vars", &wanted.vars_from, wanted);
        let own_defaults = self.variables_of(directory, "defaults", &wanted.defaults_from, wanted);
        let meta = self.meta_of(directory);
        let mut role = Role::used(wanted, params, around, directory);
        role.allow_duplicates |= meta.allow_duplicates;
        role.vars.extend(own_vars.iter().cloned());
        role.defaults.extend(own_defaults.iter().cloned());
        let (mut parts, inherited) = self.dependencies(&meta, &role, params, around, directory);
        let [vars, defaults] = inherited;
        // What it depends on is hidden by its own, and hides nothing that its parents say.
        let (mut all_vars, mut all_defaults) = (vars.clone(), defaults.clone());
        all_vars.extend(own_vars);
        all_defaults.extend(own_defaults);
        let at = role.vars.len() - (all_vars.len() - vars.len());
        role.vars.splice(at..at, vars);
        role.defaults.splice(0..0, defaults);
        (role.shown_vars, role.shown_defaults) = (all_vars, all_defaults);
        let role = Arc::new(role);
        self.roles.push(Arc::clone(&role));
        parts.push(self.tasks_of(wanted, &role, params, around, directory, &meta));
        self.handlers_of(wanted, &role, params, around, directory);
        UsedRole { parts, role }
    }

    /// The roles that a role depends on: their tasks, and their variables and defaults.
    fn dependencies(
        &mut self,
        meta: &Meta,
        role: &Role,
        params: &[(String, Node)],
        around: &Around,
        directory: &Path,
    ) -> (Vec<Part>, [Vec<(String, Node)>; 2]) {
        let mut parts = Vec::new();
        let mut inherited = [Vec::new(), Vec::new()];
        let uses = self.uses(meta.dependencies.as_ref(), "`dependencies`");
        if uses.is_empty() {
            return (parts, inherited);
        }
        // The variables that its use gives are among those of the role for what it depends on.
        let mut parent = role.clone();
        parent.vars.extend(around.keywords.vars.iter().cloned());
        let keywords = Keywords { vars: Vec::new(), ..around.keywords.clone() };
        let inside = self.inside(around, &Arc::new(parent), params, directory, "meta");
        let below = Around { keywords, ..inside };
        for used in uses {
            let around = Around { keywords: used.keywords.within(&below.keywords), ..below.clone() };
            if let Some(read) = self.used_role(&used.wanted, &used.params, &around) {
                parts.extend(read.parts);
                inherited[0].extend(read.role.shown_vars.iter().cloned());
                inherited[1].extend(read.role.shown_defaults.iter().cloned());
            }
        }
        (parts, inherited)
    }

    fn tasks_of(
        &mut self,
        wanted: &WantedRole,
        role: &Arc<Role>,
        params: &[(String, Node)],
        around: &Around,
        directory: &Path,
        meta: &Meta,
    ) -> Part {
        let number = self.number();
        let inside = self.inside(around, role, params, directory, "tasks");
        let mut parts = Vec::new();
        if wanted.validate
            && let Some(spec) = meta.specs.as_ref().and_then(|specs| specs.get(&wanted.tasks_from))
        {
            let task = self.problems.take(argument_specs::task(&role.name, spec));
            parts.extend(task.into_iter().flat_map(|task| self.entry(&task, &inside)));
        }
        if let Some(path) = self.file_of(directory, "tasks", &wanted.tasks_from, wanted) {
            parts.extend(self.file(&path, &inside));
        }
        let block = Block {
            number,
            place: wanted.place.clone(),
            parts,
            rescue: Vec::new(),
            always: Vec::new(),
            role: Some(Arc::clone(role)),
        };
        Part::Block(Arc::new(block))
    }

    fn handlers_of(
        &mut self,
        wanted: &WantedRole,
        role: &Arc<Role>,
        params: &[(String, Node)],
        around: &Around,
        directory: &Path,
    ) {
        let inside = self.inside(around, role, params, directory, "handlers");
        let Some(path) = self.file_of(directory, "handlers", &wanted.handlers_from, wanted) else { return };
        let root = self.parse(&path);
        self.handlers.extend(root.map(|root| (root, Around { handler: true, ..inside })));
    }

    fn inside(
        &self,
        around: &Around,
        role: &Arc<Role>,
        params: &[(String, Node)],
        directory: &Path,
        folder: &str,
    ) -> Around {
        let mut roles = vec![directory.to_path_buf()];
        roles.extend(around.files.roles.iter().cloned());
        let files = Files::of(roles.into(), &directory.join(folder), &self.library.playbook);
        Around { files: Arc::new(files), ..role_around(around, role, params) }
    }

    /// The file of a role's folder; one that was named has to be there.
    pub(super) fn file_of(
        &mut self,
        directory: &Path,
        folder: &str,
        name: &str,
        wanted: &WantedRole,
    ) -> Option<PathBuf> {
        let found = main_file(directory, folder, name, wanted);
        self.problems.take(found)?
    }
}

/// What a role's tasks have from around it.
fn role_around(around: &Around, role: &Arc<Role>, params: &[(String, Node)]) -> Around {
    let role_params = around.role_params.iter().chain(params).cloned().collect();
    Around { role: Some(Arc::clone(role)), role_params, ..around.clone() }
}

impl Role {
    /// A role with what it has from where it is used.
    fn used(wanted: &WantedRole, params: &[(String, Node)], around: &Around, directory: &Path) -> Self {
        let parent = around.role.as_deref();
        let parents = parent
            .into_iter()
            .flat_map(|parent| std::iter::once(&parent.name).chain(&parent.parents))
            .cloned();
        let written = |named: &[(String, Node)]| {
            let mut all: Vec<String> =
                named.iter().map(|(name, node)| format!("{name}: {}", node.written())).collect();
            all.sort();
            all.join("\n")
        };
        Self {
            name: wanted.name.clone(),
            path: std::path::absolute(directory).unwrap_or_else(|_| directory.to_path_buf()),
            defaults: parent.map(|parent| parent.defaults.clone()).unwrap_or_default(),
            vars: parent.map(|parent| parent.vars.clone()).unwrap_or_default(),
            shown_defaults: Vec::new(),
            shown_vars: Vec::new(),
            parents: parents.collect(),
            allow_duplicates: wanted.allow_duplicates,
            public: wanted.public,
            key: format!(
                "{}\n{}\n{}\n{}\n{}",
                directory.display(),
                wanted.tasks_from,
                wanted.said,
                written(params),
                written(&around.keywords.vars)
            ),
        }
    }
}
