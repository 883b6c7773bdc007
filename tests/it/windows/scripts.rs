//! The scripts for PowerShell, read but not run: by a real grammar, and by rules of what Windows PowerShell 5.1 lacks.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use tree_sitter::{Node, Parser, Tree};

/// A script that is sent to hosts.
struct Script {
    path: PathBuf,
    text: String,
    tree: Tree,
}

impl Script {
    fn node_text(&self, node: Node<'_>) -> &str {
        node.utf8_text(self.text.as_bytes()).unwrap()
    }

    fn place(&self, node: Node<'_>) -> String {
        let at = node.start_position();
        let line = self.text.lines().nth(at.row).unwrap_or_default().trim();
        format!("{}:{}: {line}", self.path.display(), at.row + 1)
    }

    /// Every node, in the order of the text.
    fn nodes(&self) -> Vec<Node<'_>> {
        let mut all = Vec::new();
        let mut open = vec![self.tree.root_node()];
        while let Some(node) = open.pop() {
            all.push(node);
            let mut cursor = node.walk();
            let children: Vec<Node<'_>> = node.children(&mut cursor).collect();
            open.extend(children.into_iter().rev());
        }
        all
    }
}

fn parse(path: &Path, text: String) -> Script {
    let mut parser = Parser::new();
    parser.set_language(&tree_sitter_powershell::LANGUAGE.into()).unwrap();
    let tree = parser.parse(&text, None).unwrap();
    Script { path: path.to_owned(), text, tree }
}

/// Every `.ps1` of the sources.
fn scripts() -> Vec<Script> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (mut open, mut found) = (vec![root.join("src"), root.join("modules")], Vec::new());
    while let Some(directory) = open.pop() {
        for path in fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|ending| ending == "ps1") {
                // The library is one text, wherever its parts lie.
                let text = match path.file_name().unwrap().to_str() {
                    Some("daemon.ps1") => continue,
                    Some("library.ps1") => ["library.ps1", "daemon.ps1"]
                        .map(|part| fs::read_to_string(path.with_file_name(part)).unwrap())
                        .concat(),
                    _ => fs::read_to_string(&path).unwrap(),
                };
                found.push(parse(path.strip_prefix(root).unwrap(), text));
            }
        }
    }
    assert_eq!(found.len(), 3, "the scripts are found");
    found
}

/// Where the grammar finds what is no PowerShell.
fn faults(script: &Script) -> Vec<String> {
    let wrong = |node: &Node<'_>| node.is_error() || node.is_missing();
    script.nodes().into_iter().filter(wrong).map(|node| script.place(node)).collect()
}

#[test]
fn every_script_is_powershell_to_a_real_grammar() {
    for script in scripts() {
        assert_eq!(faults(&script), Vec::<String>::new());
    }
}

#[test]
fn what_is_sent_is_powershell_too() {
    // Comments and indentation go before a script is sent.
    for script in scripts() {
        let lines = script.text.lines().map(str::trim_start);
        let sent: String =
            lines.filter(|line| !line.starts_with('#')).map(|line| format!("{line}\n")).collect();
        assert_eq!(faults(&parse(&script.path, sent)), Vec::<String>::new());
    }
}

#[test]
fn the_grammar_does_find_faults() {
    for text in ["if ($a { 1 }", "function f( { }", "$x = 'a"] {
        assert_ne!(faults(&parse(Path::new("x"), text.to_owned())), Vec::<String>::new(), "{text}");
    }
}

/// Operators that came after Windows PowerShell 5.1.
fn newer(script: &Script) -> Vec<String> {
    const TOKENS: &[&str] = &["??", "??=", "?.", "?[", "&&", "||"];
    let is_newer = |node: &Node<'_>| {
        TOKENS.contains(&node.kind())
            || (node.child_count() == 0 && TOKENS.contains(&script.node_text(*node)))
            || node.kind().contains("ternary")
            || node.kind() == "?"
    };
    script.nodes().into_iter().filter(is_newer).map(|node| script.place(node)).collect()
}

#[test]
fn nothing_newer_than_windows_powershell_is_used() {
    for script in scripts() {
        assert_eq!(newer(&script), Vec::<String>::new());
        for word in
            ["-AsHashtable", "-AsByteStream", "-Parallel", "utf8NoBOM", "ResolveLinkTarget", "Join-String"]
        {
            assert!(!script.text.contains(word), "{}: {word}", script.path.display());
        }
    }
    for text in ["$a = $b ?? 1", "$a ??= 1", "$a = $b ? 1 : 2", "f && g", "f || g", "${a}?.b", "${a}?[0]"] {
        let script = parse(Path::new("x"), text.to_owned());
        assert!(!newer(&script).is_empty() || !faults(&script).is_empty(), "{text} is let through");
    }
}

/// The cmdlets that may be called, with the parameters that may be given: all are in Windows PowerShell 5.1.
const CMDLETS: &[(&str, &[&str])] = &[
    ("ConvertFrom-Json", &[]),
    ("Get-ChildItem", &["-LiteralPath"]),
    ("Get-CimInstance", &["-ClassName", "-Filter", "-ErrorAction"]),
    ("Get-Command", &["-Name", "-CommandType", "-ErrorAction"]),
    ("Get-ItemProperty", &["-LiteralPath", "-ErrorAction"]),
    ("Get-ScheduledTaskInfo", &["-TaskName"]),
    ("Get-WinEvent", &["-FilterHashtable", "-MaxEvents"]),
    ("Import-Certificate", &["-FilePath", "-CertStoreLocation"]),
    ("New-Object", &[]),
    ("New-ScheduledTaskAction", &["-Execute", "-Argument"]),
    ("New-ScheduledTaskPrincipal", &["-UserId", "-LogonType"]),
    ("Register-ScheduledTask", &["-TaskName", "-Action", "-Principal"]),
    ("Remove-Item", &["-LiteralPath"]),
    ("Restart-Service", &["-Name", "-Force", "-WarningAction"]),
    ("Select-Object", &["-First", "-Last"]),
    ("Sort-Object", &["-Property", "-Unique"]),
    ("Start-ScheduledTask", &["-TaskName"]),
    ("Start-Sleep", &["-Milliseconds", "-Seconds"]),
    ("Test-Path", &["-LiteralPath"]),
    ("Unregister-ScheduledTask", &["-TaskName", "-Confirm"]),
    ("Where-Object", &[]),
];

/// A function's parameters: their types, and whether the last takes all that is left.
struct Function {
    types: Vec<String>,
    rest: bool,
}

fn named<'t>(node: Node<'t>, kind: &str) -> Option<Node<'t>> {
    let mut cursor = node.walk();
    node.children(&mut cursor).find(|child| child.kind() == kind)
}

/// The nodes of a kind at any depth.
fn within<'t>(node: Node<'t>, kind: &str) -> Vec<Node<'t>> {
    let mut cursor = node.walk();
    let deeper =
        node.children(&mut cursor).collect::<Vec<_>>().into_iter().flat_map(|child| within(child, kind));
    let mut found: Vec<Node<'t>> = deeper.collect();
    if node.kind() == kind {
        found.insert(0, node);
    }
    found
}

fn functions(script: &Script) -> BTreeMap<String, Function> {
    let mut found = BTreeMap::new();
    for node in script.nodes().into_iter().filter(|node| node.kind() == "function_statement") {
        let name = script.node_text(named(node, "function_name").unwrap()).to_owned();
        let list = named(node, "function_parameter_declaration").map(|node| within(node, "script_parameter"));
        let list = list.unwrap_or_default();
        let rest = list.iter().any(|node| script.node_text(*node).contains("ValueFromRemainingArguments"));
        let last_type = |node: &Node<'_>| {
            let types = within(*node, "type_literal");
            types.last().map_or(String::new(), |node| script.node_text(*node).to_owned())
        };
        let function = Function { types: list.iter().map(last_type).collect(), rest };
        assert!(found.insert(name.clone(), function).is_none(), "`{name}` is there twice");
    }
    found
}

/// A parameter's name, of `-Name` and of `-Name:value`.
fn name_of(parameter: &str) -> &str {
    parameter.split(':').next().unwrap_or_default()
}

/// Commands that nobody has, parameters that they do not take, and more arguments than a function has parameters.
fn wrong_commands(script: &Script) -> Vec<String> {
    let own = functions(script);
    let mut wrong = Vec::new();
    for node in script.nodes().into_iter().filter(|node| node.kind() == "command") {
        let Some(name) = named(node, "command_name").map(|node| script.node_text(node)) else { continue };
        let elements = named(node, "command_elements");
        let mut cursor = node.walk();
        let elements: Vec<Node<'_>> =
            elements.map(|node| node.named_children(&mut cursor).collect()).unwrap_or_default();
        let parameters = elements.iter().filter(|node| node.kind() == "command_parameter");
        let values = elements.iter().filter(|node| {
            !matches!(node.kind(), "command_parameter" | "command_argument_sep" | "argument_list")
        });
        let fine = match (own.get(name), CMDLETS.iter().find(|(known, _)| *known == name)) {
            (Some(function), _) => {
                parameters.count() == 0 && (function.rest || values.count() <= function.types.len())
            }
            (None, Some((_, known))) => {
                parameters.into_iter().all(|parameter| known.contains(&name_of(script.node_text(*parameter))))
            }
            (None, None) => false,
        };
        if !fine {
            wrong.push(script.place(node));
        }
    }
    wrong
}

#[test]
fn every_command_is_known_and_takes_what_it_is_given() {
    for script in scripts() {
        assert_eq!(wrong_commands(&script), Vec::<String>::new());
    }
    for text in
        ["Invoke-Expression $x", "iex $x", "Get-Item -Path x", "function f($a) {}\nf 1 2", "Add-Type x"]
    {
        assert_eq!(wrong_commands(&parse(Path::new("x"), text.to_owned())).len(), 1, "{text}");
    }
}

/// Variables that PowerShell sets.
const AUTOMATIC: &[&str] = &[
    "$_",
    "$null",
    "$true",
    "$false",
    "$input",
    "$Matches",
    "$ExecutionContext",
    "$env:PROCESSOR_ARCHITECTURE",
    "$ErrorActionPreference",
    "$ProgressPreference",
];

/// Variables that are read where nothing has set them: neither the function, nor the script around it.
fn unset(script: &Script) -> Vec<String> {
    let root = script.tree.root_node();
    let function_of = |node: Node<'_>| {
        let mut at = node;
        while let Some(parent) = at.parent() {
            if parent.kind() == "function_statement" {
                return Some(parent.id());
            }
            at = parent;
        }
        None
    };
    let plain = |node: Node<'_>| {
        let text = script.node_text(node).replace(['{', '}'], "").replacen('@', "$", 1);
        text.to_lowercase()
    };
    let mut set: BTreeSet<(Option<usize>, String)> = BTreeSet::new();
    for kind in
        ["left_assignment_expression", "script_parameter", "foreach_statement", "post_increment_expression"]
    {
        for node in within(root, kind) {
            // An element or a member that is assigned to sets no variable.
            if kind == "left_assignment_expression"
                && !(within(node, "member_access").is_empty() && within(node, "element_access").is_empty())
            {
                continue;
            }
            // Of `foreach ($a in $b)` the first, of a parameter the one beside its attributes, of `[type[]]$a` the only one.
            let variable = match kind {
                "left_assignment_expression" => within(node, "variable").last().copied(),
                _ => named(node, "variable"),
            };
            if let Some(variable) = variable {
                set.insert((function_of(variable), plain(variable)));
            }
        }
    }
    let automatic: BTreeSet<String> = AUTOMATIC.iter().map(|name| name.to_lowercase()).collect();
    let is_set = |node: Node<'_>| {
        let name = plain(node);
        automatic.contains(&name)
            || set.contains(&(function_of(node), name.clone()))
            || set.contains(&(None, name))
    };
    let read = within(root, "variable").into_iter().filter(|node| !is_set(*node));
    read.map(|node| script.place(node)).collect()
}

#[test]
fn every_variable_is_set_before_it_is_read() {
    for script in scripts() {
        assert_eq!(unset(&script), Vec::<String>::new());
    }
    for text in [
        "function f($a) { $b }",
        "$x.y = 1",
        "foreach ($a in $b) { }",
        "\"$c\"",
        "g @d",
        "function f() { $a = 1 }\n$a",
    ] {
        assert_eq!(unset(&parse(Path::new("x"), text.to_owned())).len(), 1, "{text}");
    }
}

/// Types of .NET Framework 4.6, as Windows Server 2016 has it, and PowerShell's own names for some.
const TYPES: &[&str] = &[
    "Array",
    "byte[]",
    "Console",
    "Convert",
    "DateTime",
    "Environment",
    "int",
    "long",
    "Math",
    "NullString",
    "Parameter",
    "PowerShell",
    "ref",
    "ScriptBlock",
    "string",
    "string[]",
    "BitConverter",
    "UnauthorizedAccessException",
    "Diagnostics.Process",
    "IO.Directory",
    "IO.DirectoryNotFoundException",
    "IO.File",
    "IO.FileAccess",
    "IO.FileAttributes",
    "IO.FileMode",
    "IO.FileNotFoundException",
    "IO.FileOptions",
    "IO.FileShare",
    "IO.FileStream",
    "IO.Path",
    "Net.Dns",
    "Net.IPAddress",
    "Security.AccessControl.AccessControlSections",
    "Security.AccessControl.FileSystemRights",
    "Security.Principal.SecurityIdentifier",
    "Security.Principal.WindowsBuiltInRole",
    "Security.Principal.WindowsIdentity",
    "Text.Encoding",
    "Threading.EventWaitHandle",
];

#[test]
fn every_type_is_one_of_net_framework() {
    let mut used = BTreeSet::new();
    for script in scripts() {
        for node in script.nodes().into_iter().filter(|node| node.kind() == "type_literal") {
            let name = script.node_text(node).trim_matches(|c| c == '[' || c == ']').to_owned();
            let name = if script.node_text(node).ends_with("[]]") { format!("{name}[]") } else { name };
            assert!(TYPES.contains(&name.as_str()), "{}: [{name}]", script.place(node));
            used.insert(name);
        }
    }
    for name in TYPES {
        assert!(used.contains(*name) || *name == "Parameter", "{name} is used no more");
    }
}

#[test]
fn only_the_scripts_own_text_becomes_code() {
    for script in scripts() {
        let made = script.text.matches("[ScriptBlock]::Create").count();
        let may = usize::from(!script.path.ends_with("library.ps1"));
        assert_eq!(made, may, "{}", script.path.display());
        // By its name, which the controller has chosen among functions that are there.
        let called =
            script.text.lines().filter(|line| line.contains("& ") && !line.trim_start().starts_with('#'));
        for line in called {
            let known = [
                "& $name @list",
                "& $library $own $stdout",
                "& ([ScriptBlock]::Create(($l[0] | ConvertFrom-Json).script)) $l",
            ];
            assert!(known.iter().any(|text| line.contains(text)), "{line}");
        }
    }
}

mod calls {
    //! The calls that Rust makes are those that the functions take.

    use modules::{
        Arg, Ask, AskBuilders, AskContainers, AskDir, AskDistribution, AskFile, AskHostCheck, AskInfo,
        AskOwed, AskProcess, AskResolve, AskTrustStore, AskValidate, Attributes, Before, Call, Change,
        Content, HostPath, MakeDir, Mode, Need, OwedRecord, Ownership, RefreshTrustStore, ReloadDocker,
        Remove, RemoveDir, RestartDocker, Shell, WriteFile,
    };

    use super::{functions, scripts};

    fn path() -> HostPath {
        HostPath::new(r"C:\x").unwrap()
    }

    fn words() -> Vec<String> {
        vec!["Restart-Service".to_owned(), "docker".to_owned()]
    }

    fn asks() -> Vec<Ask> {
        let registry = || "dtr.example.com:5000".parse().unwrap();
        let object = HostPath::object(r"Cert:\LocalMachine\Root").unwrap();
        vec![
            AskFile::new(path()).into(),
            AskDir { path: path() }.into(),
            AskTrustStore { bundles: vec![object], directory: path(), known: Vec::new() }.into(),
            AskProcess.into(),
            AskInfo.into(),
            AskContainers.into(),
            AskBuilders.into(),
            AskOwed.into(),
            AskValidate { program: path(), flags: words(), config: vec![0] }.into(),
            AskHostCheck { registry: registry(), plain: false }.into(),
            AskResolve { host: registry().host().to_owned() }.into(),
            AskDistribution { registry: registry() }.into(),
        ]
    }

    fn changes() -> Vec<Change> {
        let attributes = Attributes {
            mode: Mode::new(0o644),
            uid: 0,
            gid: 0,
            owner: "S-1-5-18".to_owned(),
            group: "S-1-5-18".to_owned(),
            size: 1,
            mtime: 0,
        };
        let before = Before { content: Content::new(vec![0]), attributes };
        let ownership = Ownership::default();
        let content = Content::new(vec![1]);
        let (id, reason) = ("daemon.json".to_owned(), "x".to_owned());
        vec![
            Change::WriteFile(WriteFile::new(path(), Some(before.clone()), content, ownership.clone())),
            Change::Remove(Remove { path: path(), before }),
            Change::MakeDir(MakeDir { path: path(), ownership }),
            Change::RemoveDir(RemoveDir { path: path() }),
            Change::RefreshTrustStore(RefreshTrustStore {
                command: vec!["Import-Certificate".to_owned()],
                bundle: HostPath::object(r"Cert:\LocalMachine\Root").unwrap(),
                drop: path(),
                present: words(),
                absent: words(),
            }),
            Change::Owe(OwedRecord { id, need: Need::Reload, reason: reason.clone() }),
            Change::ReloadDocker(ReloadDocker {
                reason: reason.clone(),
                command: Vec::new(),
                visible: true,
                settles: words(),
                on_request: false,
            }),
            Change::RestartDocker(RestartDocker {
                reason,
                command: words(),
                manager_of: None,
                kept: false,
                stops: words(),
                stays_down: words(),
                settles: words(),
                on_request: false,
            }),
        ]
    }

    fn kind(arg: &Arg) -> &'static str {
        match arg {
            Arg::Path(_) | Arg::Word(_) => "[string]",
            Arg::Bytes(_) => "[byte[]]",
            Arg::Number(_) => "[long]",
        }
    }

    #[test]
    fn every_call_fits_its_function_and_every_function_is_called() {
        let library = scripts().into_iter().find(|script| script.path.ends_with("library.ps1")).unwrap();
        let known = functions(&library);
        let mut calls: Vec<Call> = asks().iter().filter_map(Ask::call).collect();
        assert!(asks().iter().all(|ask| Shell::PowerShell.refuses_ask(ask).is_none()));
        assert!(changes().iter().all(|change| Shell::PowerShell.refuses_change(change).is_none()));
        calls.extend(changes().iter().filter_map(Change::call));
        calls.push(Call::new("ask_facts"));
        for call in &calls {
            let function = &known[call.function];
            let given: Vec<&str> = call.args.iter().map(kind).collect();
            let fixed = function.types.len() - usize::from(function.rest);
            let fits = if function.rest { given.len() >= fixed } else { given.len() <= fixed };
            assert!(fits, "{}: {given:?} for {:?}", call.function, function.types);
            for (given, wanted) in given.iter().zip(&function.types[..fixed]) {
                assert_eq!(given, wanted, "{}", call.function);
            }
        }
        for name in known.keys().filter(|name| name.starts_with("ask_") || name.starts_with("do_")) {
            assert!(calls.iter().any(|call| call.function == name), "nothing calls `{name}`");
        }
    }
}
