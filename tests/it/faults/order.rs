//! A write survives the loss of power: its bytes are on the disk before it is renamed, and the name before it is said to be done.

use super::site::{KINDS, Site, State, Whose, has, shells};
use crate::figure::figure;

/// Where the path stands as what a call is about: behind its descriptor, or quoted.
fn names(line: &str, path: &str) -> bool {
    line.contains(&format!("<{path}>")) || line.contains(&format!("\"{path}\""))
}

/// The renames of temporary files in a trace; each has its flushes around it.
fn renames(trace: &str, folder: &str) -> usize {
    let lines: Vec<&str> =
        trace.lines().filter(|line| line.ends_with("= 0") || !line.contains(" = ")).collect();
    let mut count = 0;
    for (index, line) in lines.iter().enumerate().filter(|(_, line)| line.contains("rename")) {
        let Some(from) = line.split('"').nth(1).filter(|from| from.contains("/.dtrctl-")) else { continue };
        let flushed =
            |lines: &[&str], path: &str| lines.iter().any(|line| line.contains("sync(") && names(line, path));
        assert!(flushed(&lines[..index], from), "the bytes of {from} are not flushed:\n{trace}");
        let next = lines[index..].iter().skip(1).position(|line| line.contains("rename"));
        let until = next.map_or(lines.len(), |next| index + 1 + next);
        assert!(flushed(&lines[index..until], folder), "the name is not flushed behind {line}:\n{trace}");
        count += 1;
    }
    count
}

/// The mode and the owner that a temporary file is born with: `openat` says what is asked for, the umask what is left of it.
#[test]
fn each_temporary_file_is_born_private() {
    if !has("strace") {
        eprintln!("skipped: each_temporary_file_is_born_private: no strace");
        return;
    }
    let mut count = 0;
    for site in shells().iter().flat_map(|shell| KINDS.map(|kind| Site::new(shell, kind))) {
        let ended = site.run(Whose::Each, &["-e", "trace=/^(open(at)?|umask|f?chmod(at)?)$"]);
        // Each process of the write has the mask of the shell that has begun it.
        let mut mask = String::new();
        for line in ended.trace.lines() {
            if let Some((_, rest)) = line.split_once("umask(")
                && let Some(set) = rest.split(')').next()
            {
                set.clone_into(&mut mask);
            }
            if line.contains("/.dtrctl-") && line.contains("O_CREAT") {
                assert!(line.contains("O_EXCL") && mask == "077", "{site:?}: umask {mask}: {line}");
                count += 1;
            }
        }
    }
    assert!(count > 0);
    figure(
        "S7",
        "each_temporary_file_is_born_private",
        &format!("wider_than_0600=0 not_exclusive=0 of={count}"),
    );
}

#[test]
fn each_write_is_flushed_before_and_behind_its_rename() {
    if !has("strace") {
        eprintln!("skipped: each_write_is_flushed_before_and_behind_its_rename: no strace");
        return;
    }
    let mut count = 0;
    for site in shells().iter().flat_map(|shell| KINDS.map(|kind| Site::new(shell, kind))) {
        let flags = ["-y", "-e", "trace=/^(rename.*|f(data)?sync)$"];
        let ended = site.run(Whose::Touching, &flags);
        assert_eq!(site.state("nothing fails"), State::New);
        let found = renames(&ended.trace, &site.folder().display().to_string());
        assert!(found > 0, "{site:?}: no rename in\n{}", ended.trace);
        count += found;
    }
    figure("R2", "each_write_is_flushed_before_and_behind_its_rename", &format!("unflushed=0 of={count}"));
}
