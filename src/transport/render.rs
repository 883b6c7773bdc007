//! The shell text around a script: what the host's login shell is told, and what is fed to it.

use std::collections::HashSet;

use super::limits::Limits;
use super::quote::quote;
use super::script::{Identity, Script, Section};
use super::secret::Secret;

/// Two random words, new for each run. The nonce says where a script begins and ends, and may stand in the argument list of
/// processes; the mark is known to the script's frame alone, so no neighbour on the host can forge an answer.
#[derive(Debug, Clone)]
pub(super) struct Words {
    pub(super) nonce: String,
    pub(super) mark: String,
}

/// What the frame needs to know besides the script.
#[derive(Debug)]
pub(super) struct Frame<'a> {
    pub(super) words: &'a Words,
    pub(super) password: Option<&'a Secret>,
    pub(super) seconds: u64,
    pub(super) root: &'a str,
    /// In a sandbox every section is run by the current user.
    pub(super) ignore_identity: bool,
    /// Whether the shell is to read another script afterwards: then a line on standard error, the nonce, ends that too.
    pub(super) reads_on: bool,
}

/// What a host's login shell, whichever it is, is told to run: it reads what is fed to it.
pub(super) const SHELL: &str = "sh";

/// For a shell behind sudo, which may leave a password in what is fed to it: discards lines up to the nonce, takes the rest,
/// and evaluates it only if it ends with the nonce. No single quote, `!`, backslash or line break: it stands between single
/// quotes. The locale is set before the text is read, as bash takes quadratic time over long words in UTF-8.
fn bootstrap(words: &Words) -> String {
    format!(
        "LC_ALL=C;export LC_ALL;n={};while IFS= read -r l;do [ \"$l\" = $n ]&&break;done;s=$(cat);t=${{s%$n}};\
         [ \"$t\" = \"$s\" ]&&exit 97;unset s;eval \"$t\"",
        words.nonce
    )
}

/// The status of a shell whose input was not whole.
pub(super) const TRUNCATED: i32 = 97;

/// What is run only where all of it has come: a function is read to its end before anything of it is run, and its name, the
/// word after it, says that it has come. Shells read it in blocks, bash alone byte by byte where it cannot seek: that one has
/// it read by another program, to the last line, which is why that has to be told from all others. A shell goes on to read once
/// the function has returned, and has nothing left of it then; nothing in the function can take what follows for its input.
fn whole(words: &Words, body: &str) -> String {
    let nonce = &words.nonce;
    format!(
        "LC_ALL=C;export LC_ALL;trap 'exit {TRUNCATED}' EXIT\n\
         [ -z \"$BASH_VERSION\" ]||! command -v shopt >/dev/null 2>&1||{{ s=$(sed '/^#{nonce} end$/q')\n\
         case $s in '#{nonce}'*'#{nonce} end')eval \"$s\";;*)exit {TRUNCATED};;esac;}}\n\
         #{nonce}\nm{nonce}() {{\ntrap - EXIT\nunset s\n{{\n{body}}} </dev/null\n}}\nm{nonce}\nunset -f m{nonce}\n#{nonce} end\n"
    )
}

impl<'a> Frame<'a> {
    /// For a host itself, and a shell that reads this script alone.
    pub(super) fn new(words: &'a Words, password: Option<&'a Secret>, limits: &Limits) -> Self {
        Self { words, password, seconds: limits.seconds(), root: "", ignore_identity: false, reads_on: false }
    }
    /// What goes to the standard input of a shell that has read these functions before.
    pub(super) fn input(&self, script: &Script, known: &HashSet<&'static str>) -> String {
        let mut body = match self.direct_alone(script) {
            Some(only) => self.single(only, known),
            None => self.several(&script.sections),
        };
        if self.reads_on {
            body += &format!("printf '%s\\n' {} >&2\n", self.words.nonce);
        }
        whole(self.words, &body)
    }

    /// The functions that the shell itself reads: what several sections need, each reads in a shell of its own.
    pub(super) fn reads(&self, script: &Script) -> impl Iterator<Item = &'static str> {
        self.direct_alone(script).into_iter().flat_map(|only| &only.functions).map(|(name, _)| *name)
    }

    fn direct_alone<'s>(&self, script: &'s Script) -> Option<&'s Section> {
        let [only] = script.sections.as_slice() else { return None };
        (self.ignore_identity || only.identity == Identity::Login).then_some(only)
    }

    /// One section of the login user needs no second shell: nothing secret is in its frame.
    fn single(&self, section: &Section, known: &HashSet<&'static str>) -> String {
        let mark = &self.words.mark;
        let new = section.functions.iter().filter(|(name, _)| !known.contains(name));
        format!(
            "{}{}{}printf '\\n%s end\\n' {mark}\n",
            started(mark),
            new.map(|(_, text)| *text).collect::<String>(),
            self.framed(&section.text, section.is_quick, &self.seconds.to_string())
        )
    }

    /// Each section in a shell of its own, so that nothing of one, and no password, can be seen in another.
    fn several(&self, sections: &[Section]) -> String {
        let mark = &self.words.mark;
        let sections: String = sections.iter().map(|section| self.section(section)).collect();
        format!(
            "{started}{PATH}b={bootstrap}\ne=$(date +%s)\n\
             left() {{ d=$(({seconds} - $(date +%s) + e)); [ $d -gt 0 ] || d=1; echo $d; }}\n\
             {sections}printf '\\n%s end\\n' {mark}\n",
            started = started(mark),
            bootstrap = quote(&bootstrap(self.words)),
            seconds = self.seconds,
        )
    }

    fn section(&self, section: &Section) -> String {
        let mark = &self.words.mark;
        let text: String =
            section.functions.iter().map(|(_, text)| *text).chain([section.text.as_str()]).collect();
        let inner = format!(
            "unset n l s t\nleft=$1\n{}[ $s = 0 ] || exit 3\n",
            self.framed(&text, section.is_quick, "$left")
        );
        let feed = format!(
            "feed() {{ printf '%s\\n' {nonce} {text} {nonce}; }}\n",
            nonce = self.words.nonce,
            text = quote(&inner)
        );
        let run = match &section.identity {
            Identity::User(user) if !self.ignore_identity => self.by_sudo(&quote(user)),
            _ => format!("{OWN}; r=$?\n"),
        };
        // A status of 1 is sudo's own refusal, as the inner shell ends with 0, 3 or 97 only.
        format!(
            "{feed}{run}case $r in\n0) ;;\n3) printf '\\n%s end\\n' {mark}; exit 0;;\n\
             *) printf '\\n%s broken %s\\n' {mark} \"$r\"; exit 0;;\nesac\n"
        )
    }

    fn by_sudo(&self, user: &str) -> String {
        let mark = &self.words.mark;
        let refused = |why: &str| format!("printf '\\n%s sudo {why}\\n' {mark}; exit 0");
        let with_password = self.password.map_or_else(String::new, |password| {
            let line = format!("printf '%s\\n' {}", quote(password.reveal()));
            // The password is tried alone first: sudo would take the lines of the script for further attempts, and lock
            // the account.
            format!(
                "if [ $r = 1 ]; then\ncase $(command -v printf) in */*) {unsafe_shell};; esac\nprintf '%s\\n' {mark} >&2\n\
                 {line} | sudo -S -p '' -u {user} -v || {{ {wrong}; }}\n\
                 {{ {line}; feed; }} | sudo -S -p '' -u {user} -- sh -c \"$b\" sh \"$(left)\"; r=$?\nfi\n",
                unsafe_shell = refused("shell"),
                wrong = refused("password"),
            )
        });
        format!(
            "if [ \"$(id -un)\" = {user} ]; then {OWN}; r=$?\nelse\n\
             command -v sudo >/dev/null 2>&1 || {{ {missing}; }}\nprintf '%s\\n' {mark} >&2\n\
             feed | sudo -n -u {user} -- sh -c \"$b\" sh \"$(left)\"; r=$?\n{with_password}\
             [ $r != 1 ] || {{ {refused}; }}\nfi\n",
            missing = refused("missing"),
            refused = refused("refused"),
        )
    }

    /// The section itself, evaluated in a subshell: its `exit` and its syntax errors end it and not its frame.
    fn framed(&self, text: &str, is_quick: bool, seconds: &str) -> String {
        let mark = &self.words.mark;
        let begin = if is_quick { "W=1" } else { "deadline" };
        format!(
            "unset CDPATH ENV BASH_ENV W w\nR={root}; export R\n{PATH}{deadline}{begin}\n( eval {text} ) </dev/null\n\
             s=$?; [ -z \"$w\" ] || kill $w 2>/dev/null\nprintf '\\n%s %s\\n' {mark} $s\n",
            root = quote(self.root),
            deadline = deadline(seconds),
            text = quote(text),
        )
    }
}

const OWN: &str = "feed | sh -c \"$b\" sh \"$(left)\"";

/// A login without a terminal often lacks the directories of the administrator's tools.
const PATH: &str = "for d in /usr/local/sbin /usr/local/bin /usr/sbin /usr/bin /sbin /bin; do\n\
                    case :$PATH: in *:$d:*) ;; *) PATH=${PATH:+$PATH:}$d;; esac\ndone; unset d; export PATH\n";

/// Nothing is started that could not be reported.
fn started(mark: &str) -> String {
    format!("printf '\\n%s start\\n' {mark} || exit 97\n")
}

/// A function that sees to it that the whole process group ends at the deadline: sshd signals nothing to a session without a
/// terminal. It leaves no `sleep` behind, whenever it is killed. Where $W is set, whatever may hang calls it first, and it
/// ends with the shell that did.
fn deadline(seconds: &str) -> String {
    format!(
        "deadline() {{\n( trap 'kill -9 $! 2>/dev/null; exit 0' TERM; sleep {seconds} & wait $! || exit 0\n\
         trap '' TERM; kill -TERM 0; sleep 1; kill -KILL 0 ) </dev/null >/dev/null 2>&1 &\nw=$!\n\
         [ -z \"$W\" ] || {{ W=; trap 'kill $w 2>/dev/null' EXIT; }}\n}}\n"
    )
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead as _, Write as _};
    use std::process::{Command, Stdio};

    use super::{TRUNCATED, Words, whole};

    fn run(shell: &[&str], bash_version: Option<&str>, input: &str) -> (Option<i32>, String) {
        let mut command = Command::new(shell[0]);
        command.args(&shell[1..]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        command.env_remove("BASH_VERSION");
        if let Some(version) = bash_version {
            command.env("BASH_VERSION", version);
        }
        let mut child = command.spawn().unwrap();
        // It may end before it has read all.
        _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        let output = child.wait_with_output().unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    }

    #[test]
    fn all_of_it_or_nothing() {
        let words = Words { nonce: "0123abcd".into(), mark: "m".into() };
        let body = format!("echo first\n{}cat\necho last\nexit 3\n", "echo middle >/dev/null\n".repeat(2000));
        let text = whole(&words, &body);
        let called = text.find("\nm0123abcd\n").unwrap() + "\nm0123abcd".len();
        for shell in [&["sh"][..], &["bash"], &["bash", "--posix"]] {
            assert_eq!(run(shell, None, &text), (Some(3), "first\nlast\n".to_owned()), "{shell:?}");
            for length in [called - 1, called - 9, called - 20, called - 500, 30_000, 150, 1] {
                let expected = if length == 1 { Some(127) } else { Some(TRUNCATED) };
                let (status, said) = run(shell, None, &text[..length]);
                assert_eq!((status, said.as_str()), (expected, ""), "{shell:?}, {length} bytes");
            }
            // What is cut behind the call may have run, and if so whole.
            for length in called..text.len() {
                let (status, said) = run(shell, None, &text[..length]);
                let outcome = (status, said.as_str());
                assert!(
                    outcome == (Some(3), "first\nlast\n") || outcome == (Some(TRUNCATED), ""),
                    "{shell:?}, {length} bytes: {outcome:?}"
                );
            }
        }
        // Another shell that its environment makes look like bash.
        assert_eq!(run(&["sh"], Some("5.2"), &text), (Some(3), "first\nlast\n".to_owned()));
    }

    #[test]
    fn one_shell_reads_one_script_after_the_other() {
        for shell in [&["sh"][..], &["bash"], &["bash", "--posix"], &["busybox", "sh"]] {
            let Ok(mut child) = Command::new(shell[0])
                .args(&shell[1..])
                .env("BASH_VERSION", "5.2")
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .spawn()
            else {
                continue;
            };
            let mut stdin = child.stdin.take().unwrap();
            let mut lines = std::io::BufReader::new(child.stdout.take().unwrap()).lines();
            for turn in 0..3 {
                let words = Words { nonce: format!("{turn}123abcd"), mark: "m".into() };
                let text = whole(&words, &format!("{}cat\necho turn {turn}\n", ": nothing\n".repeat(1000)));
                stdin.write_all(text.as_bytes()).unwrap();
                // It has not seen an end of its input by now.
                assert_eq!(lines.next().unwrap().unwrap(), format!("turn {turn}"), "{shell:?}");
            }
            drop(stdin);
            assert!(lines.next().is_none() && child.wait().unwrap().success(), "{shell:?}");
        }
    }
}
