use modules::{Account, HostPath, Mode, Remove};

use super::*;

fn content(text: &str) -> Content {
    Content::new(text.as_bytes().to_vec())
}

fn before(content: Content) -> Before {
    let owner = "root".to_owned();
    let mode = Mode::new(0o600);
    Before {
        content,
        attributes: Attributes {
            mode,
            uid: 0,
            gid: 0,
            owner: owner.clone(),
            group: owner,
            size: 0,
            mtime: 0,
        },
    }
}

fn write(old: Option<Content>, new: Content, ownership: Ownership) -> String {
    let path = HostPath::new("/etc/docker/daemon.json").expect("an absolute path");
    let change = Change::WriteFile(WriteFile::new(path, old.map(before), new, ownership));
    diff(&change).expect("a write has a diff")
}

fn text(old: &str, new: &str) -> String {
    write(Some(content(old)), content(new), Ownership::default())
}

#[test]
fn files_appear_and_go() {
    insta::assert_snapshot!(write(None, content("{}\n"), Ownership::default()), @"
    new file mode 0644
    --- (absent)
    +++ /etc/docker/daemon.json
    @@ -0,0 +1 @@
    +{}
    ");
    let path = HostPath::new("/etc/docker/a\nb").expect("an absolute path");
    let remove = Change::Remove(Remove { path, before: before(content("{}\n")) });
    insta::assert_snapshot!(diff(&remove).expect("a removal has a diff"), @"
    deleted file mode 0600
    --- /etc/docker/a^Jb
    +++ (absent)
    @@ -1 +0,0 @@
    -{}
    ");
    insta::assert_snapshot!(write(None, content(""), Ownership::mode(0o755)), @"
    new file mode 0755
    --- (absent)
    +++ /etc/docker/daemon.json
    ");
}

#[test]
fn mode_and_owner_are_lines() {
    let account = |name| Account::new(name).ok();
    let ownership = Ownership { mode: Some(Mode::new(0o644)), owner: account("0"), group: account("docker") };
    insta::assert_snapshot!(write(Some(content("a\n")), content("b\n"), ownership.clone()), @"
    old mode 0600
    new mode 0644
    old group root
    new group docker
    --- /etc/docker/daemon.json
    +++ /etc/docker/daemon.json
    @@ -1 +1 @@
    -a
    +b
    ");
    insta::assert_snapshot!(write(None, content("b\n"), ownership), @"
    new file mode 0644
    new owner 0
    new group docker
    --- (absent)
    +++ /etc/docker/daemon.json
    @@ -0,0 +1 @@
    +b
    ");
}

#[test]
fn line_ends_are_seen() {
    insta::assert_snapshot!(text("a\r\nb", "a\nb\n"), @r#"
    --- /etc/docker/daemon.json
    +++ /etc/docker/daemon.json
    @@ -1,2 +1,2 @@
    -a^M
    -b
    \ No newline at end of file
    +a
    +b
    "#);
    insta::assert_snapshot!(text("a\rb\n", "a\rc\n"), @"
    --- /etc/docker/daemon.json
    +++ /etc/docker/daemon.json
    @@ -1 +1 @@
    -a^Mb
    +a^Mc
    ");
}

#[test]
fn content_commands_no_terminal() {
    insta::assert_snapshot!(text("a\n", "\u{feff}a\x1b[31m\u{9b}2J\n"), @"
    --- /etc/docker/daemon.json
    +++ /etc/docker/daemon.json
    @@ -1 +1 @@
    -a
    +<U+FEFF>a^[[31m<U+009B>2J
    ");
}

#[test]
fn what_may_not_or_cannot_be_shown_has_a_size() {
    let secret = |text: &str| Content { secret: true, ..content(text) };
    insta::assert_snapshot!(write(Some(secret("hunter2")), secret("x"), Ownership::default()), @"
    --- /etc/docker/daemon.json
    +++ /etc/docker/daemon.json
    secret: 1 byte, was 7 bytes
    ");
    // One side alone is enough: the other is the secret's successor.
    insta::assert_snapshot!(write(Some(secret("hunter2")), content("public\n"), Ownership::default()), @"
    --- /etc/docker/daemon.json
    +++ /etc/docker/daemon.json
    secret: 7 bytes, was 7 bytes
    ");
    let key = content("-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----\n");
    insta::assert_snapshot!(write(Some(content("public\n")), key, Ownership::default()), @"
    --- /etc/docker/daemon.json
    +++ /etc/docker/daemon.json
    secret: 67 bytes, was 7 bytes
    ");
    insta::assert_snapshot!(write(None, Content::new(vec![0, 255, 1]), Ownership::default()), @"
    new file mode 0644
    --- (absent)
    +++ /etc/docker/daemon.json
    binary: 3 bytes
    ");
    let many: String = (0..15_000).flat_map(|n| [n.to_string(), "\n".to_owned()]).collect();
    insta::assert_snapshot!(text(&many, &many.replace('1', "x")), @"
    --- /etc/docker/daemon.json
    +++ /etc/docker/daemon.json
    too long to compare: 15000 lines, was 15000 lines
    ");
}

#[test]
fn only_changed_lines_count() {
    let lines = |diff: &str| changed_lines(diff).map(str::to_owned).collect::<Vec<_>>();
    let (one, other) = (text("a\n-- x\nc", "a\n-- y\nc"), text("b\n-- x\nd\n", "b\n-- y\nd\n"));
    assert_ne!(one, other);
    assert_eq!(lines(&one), lines(&other));
    assert_eq!(lines(&one)[2..], ["--- x", "+-- y"]);
    assert_ne!(lines(&text("a", "b")), lines(&text("a\n", "b\n")));
    assert_eq!(stat(&one), Some((1, 1)));
    assert_eq!(stat(&write(None, Content::new(vec![0]), Ownership::default())), None);
}

/// A diff of texts that have nothing in common takes the longest, and still no time that a run would feel.
#[test]
fn the_largest_comparison_is_quick() {
    let side = |salt: usize| {
        let line = |n: usize| [(n * 2 + salt).to_string(), "\n".to_owned()];
        (0..COMPARABLE / 2).flat_map(line).collect::<String>()
    };
    assert_eq!(stat(&text(&side(0), &side(1))), Some((COMPARABLE / 2, COMPARABLE / 2)));
}
