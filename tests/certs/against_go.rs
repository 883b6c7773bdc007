//! Chains at random, judged by `modules::certs` and by the crypto/x509 of whatever Go is at hand.
//!
//! `DTRCTL_GO` names go programs, with `:` between them; without it the one on PATH is asked. `DTRCTL_GO_CASES` says how many.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use modules::certs::{Certificate, RegistryHost, verify};
use rcgen::KeyPair;
use serde_json::{Value as Json, json};
use time::OffsetDateTime;
use time::macros::datetime;

use crate::forge::{self, Forged, all, der, extension};

const AT: OffsetDateTime = datetime!(2026-06-01 12:00 UTC);

/// Numbers that are the same in every run, and how seldom odd things are.
struct Dice(u64, usize);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).unwrap_or_default() % sides
    }

    fn one_in(&mut self, sides: usize) -> bool {
        self.roll(sides) == 0
    }

    /// Odd things are seldom in a gentle case.
    fn oddly(&mut self, sides: usize) -> bool {
        let sides = sides * self.1;
        self.one_in(sides)
    }

    fn pick<'a, T>(&mut self, list: &'a [T]) -> &'a T {
        let at = self.roll(list.len());
        &list[at]
    }
}

/// A case: DER throughout.
struct Case {
    chain: Vec<Vec<u8>>,
    anchors: Vec<Vec<u8>>,
    host: &'static str,
    /// With policies or wildcards, over which some versions of Go pass.
    stricter: bool,
}

const HOSTS: [&str; 6] = ["dtr.corp", "a.dtr.corp", "192.0.2.1", "::1", "DTR.Corp", "other.example"];

fn dns(name: &[u8]) -> Vec<u8> {
    der(0x82, name)
}

fn alt_names(dice: &mut Dice) -> Vec<u8> {
    let names: [Vec<u8>; 22] = [
        dns(b"dtr.corp"),
        dns(b"dtr.corp"),
        dns(b"dtr.corp"),
        dns(b"*.dtr.corp"),
        dns(b"*.corp"),
        dns(b"DTR.CORP"),
        dns(b"dtr.corp."),
        dns(b"*"),
        dns(b"a.*.corp"),
        dns(b"d*.corp"),
        dns(b""),
        dns(b"dtr_x.corp"),
        dns(b"-dtr.corp"),
        dns(b"dtr..corp"),
        dns(b"192.0.2.1"),
        der(0x87, &[192, 0, 2, 1]),
        der(0x87, &[192, 0, 2, 1]),
        der(0x87, &[&[0; 10][..], &[255, 255, 192, 0, 2, 1]].concat()),
        der(0x87, &[&[0; 15][..], &[1]].concat()),
        der(0x81, b"a@dtr.corp"),
        der(0x86, b"https://dtr.corp/x"),
        all(0xa4, &[forge::common_name("dir")]),
    ];
    let count = 1 + dice.roll(3);
    let mut list: Vec<Vec<u8>> = (0..count).map(|_| dice.pick(&names).clone()).collect();
    if !dice.oddly(2) {
        list.push(dns(b"dtr.corp"));
        list.retain(|name| name[0] != 0x87 || name.len() != 18 || name[12] != 255);
    }
    all(0x30, &list)
}

fn subtree(dice: &mut Dice) -> Vec<u8> {
    let bases: [Vec<u8>; 15] = [
        dns(b"corp"),
        dns(b"corp"),
        dns(b".corp"),
        dns(b"dtr.corp"),
        dns(b"example"),
        dns(b""),
        dns(b"CORP"),
        dns(b"a.dtr.corp"),
        der(0x87, &[192, 0, 2, 0, 255, 255, 255, 0]),
        der(0x87, &[10, 0, 0, 0, 255, 0, 0, 0]),
        der(0x87, &[0; 8]),
        der(0x87, &[0; 32]),
        der(0x81, b"corp"),
        der(0x86, b".corp"),
        all(0xa4, &[forge::common_name("dir")]),
    ];
    all(0x30, &[dice.pick(&bases).clone()])
}

fn constraints(dice: &mut Dice) -> Vec<u8> {
    let mut lists = Vec::new();
    let kind = 1 + dice.roll(3);
    for (bit, tag) in [(1, 0xa0), (2, 0xa1)] {
        if kind & bit != 0 {
            let count = 1 + dice.roll(2);
            lists.push(all(tag, &(0..count).map(|_| subtree(dice)).collect::<Vec<_>>()));
        }
    }
    all(0x30, &lists)
}

fn usages(dice: &mut Dice) -> Vec<u8> {
    let one = |last| forge::oid(&[1, 3, 6, 1, 5, 5, 7, 3, last]);
    let any = forge::oid(&[2, 5, 29, 37, 0]);
    let lists = [
        vec![one(1)],
        vec![one(1)],
        vec![one(2)],
        vec![one(1), one(2)],
        vec![any],
        vec![one(9)],
        vec![forge::oid(&[1, 2, 3])],
    ];
    let list: &Vec<Vec<u8>> = dice.pick(&lists);
    all(0x30, list)
}

const BASIC: &[u32] = &[2, 5, 29, 19];
const KEY_USAGE: &[u32] = &[2, 5, 29, 15];
const EXTENDED: &[u32] = &[2, 5, 29, 37];
const ALT_NAMES: &[u32] = &[2, 5, 29, 17];
const CONSTRAINTS: &[u32] = &[2, 5, 29, 30];
const SUBJECT_KEY: &[u32] = &[2, 5, 29, 14];
const AUTHORITY_KEY: &[u32] = &[2, 5, 29, 35];

fn basic(dice: &mut Dice, ca: bool) -> Vec<u8> {
    let mut body = Vec::new();
    if ca != dice.oddly(12) {
        body.extend([1, 1, 0xff]);
        if dice.one_in(4) {
            body.extend([2, 1, dice.pick(&[0, 0, 1, 2]).to_owned()]);
        }
    }
    extension(BASIC, !dice.one_in(6), &der(0x30, &body))
}

fn key_usage(dice: &mut Dice, ca: bool) -> Vec<u8> {
    let values: &[&[u8]] = if ca {
        &[&[3, 2, 1, 6], &[3, 2, 2, 4], &[3, 2, 1, 6], &[3, 2, 7, 0x80], &[3, 2, 0, 0], &[3, 1, 0]]
    } else {
        &[&[3, 2, 7, 0x80], &[3, 2, 5, 0xa0], &[3, 2, 2, 4]]
    };
    let value: &&[u8] = if dice.oddly(2) { dice.pick(values) } else { &values[0] };
    extension(KEY_USAGE, true, value)
}

fn identifiers(dice: &mut Dice, own: u8, above: u8) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    if !dice.one_in(3) {
        let id = if dice.one_in(8) { vec![] } else { vec![own; 4] };
        found.push(extension(SUBJECT_KEY, false, &der(4, &id)));
    }
    if !dice.one_in(3) {
        let id = if dice.one_in(6) { vec![99; 4] } else { vec![above; 4] };
        found.push(extension(AUTHORITY_KEY, false, &all(0x30, &[der(0x80, &id)])));
    }
    found
}

fn validity(dice: &mut Dice) -> [Vec<u8>; 2] {
    let pairs = [
        ["20200101000000Z", "20260601115959Z"],
        ["20260601120001Z", "20271231235959Z"],
        ["20200101000000Z", "20260601120000Z"],
        ["20260601120000Z", "20530101000000Z"],
    ];
    if dice.oddly(4) {
        dice.pick(&pairs).map(forge::time)
    } else {
        ["20260101000000Z", "20271231235959Z"].map(forge::time)
    }
}

/// Policies, mostly ones that go together.
fn policies(dice: &mut Dice, forged: &mut Forged) {
    let id = |last: usize| forge::oid(&[1, 2, 3, u32::try_from(last).unwrap_or_default()]);
    let any = forge::oid(&[2, 5, 29, 32, 0]);
    let mut ids = vec![if dice.one_in(3) { any } else { id(dice.roll(2)) }];
    if dice.one_in(3) {
        ids.push(id(3));
    }
    if !dice.one_in(4) {
        let list: Vec<Vec<u8>> = ids.into_iter().map(|id| all(0x30, &[id])).collect();
        forged.extensions.push(extension(&[2, 5, 29, 32], dice.one_in(2), &all(0x30, &list)));
    }
    if dice.one_in(3) {
        let skip = dice.roll(3).to_be_bytes()[7];
        let tag = 0x80 + dice.roll(2).to_be_bytes()[7];
        forged.extensions.push(extension(&[2, 5, 29, 36], dice.one_in(8), &[0x30, 3, tag, 1, skip]));
    }
    if dice.one_in(5) {
        let skip = dice.roll(3).to_be_bytes()[7];
        forged.extensions.push(extension(&[2, 5, 29, 54], dice.one_in(8), &[2, 1, skip]));
    }
    if dice.one_in(5) {
        let pair = all(0x30, &[id(dice.roll(2)), id(dice.roll(4))]);
        forged.extensions.push(extension(&[2, 5, 29, 33], dice.one_in(8), &all(0x30, &[pair])));
    }
}

/// Text in every encoding, good and bad.
fn odd_name(dice: &mut Dice) -> Vec<u8> {
    let texts: [(u8, &[u8]); 18] = [
        (12, "é".as_bytes()),
        (12, &[0xff]),
        (12, b""),
        (19, b"a*b&c"),
        (19, b"a@b"),
        (19, b""),
        (20, &[0xe9]),
        (22, b"a@b"),
        (22, &[0xe9]),
        (18, b"12 3"),
        (18, b"1a"),
        (30, &[0, 65]),
        (30, &[0]),
        (30, &[0xd8, 0]),
        (30, &[0xff, 0xfe]),
        (28, &[0, 0, 0, 65]),
        (2, &[1]),
        (26, b"visible"),
    ];
    let (tag, text) = *dice.pick(&texts);
    forge::name(&[(*dice.pick(&[3, 10, 65]), tag, text)])
}

/// Keys that some readers take and others do not.
fn odd_key(dice: &mut Dice) -> Vec<u8> {
    let bits = |content: &[u8]| der(3, &[&[0], content].concat());
    let ec = |curve: Vec<u8>, point: &[u8]| {
        all(0x30, &[all(0x30, &[forge::oid(&[1, 2, 840, 10045, 2, 1]), curve]), bits(point)])
    };
    let p256 = || forge::oid(&[1, 2, 840, 10045, 3, 1, 7]);
    let rsa = |parameters: &[u8], key: &[u8]| {
        let algorithm = all(0x30, &[forge::oid(&[1, 2, 840, 113_549, 1, 1, 1]), parameters.to_vec()]);
        all(0x30, &[algorithm, bits(key)])
    };
    let number = |value: &[u8]| der(2, value);
    let good = all(0x30, &[number(&[&[0x41][..], &[7; 256]].concat()), number(&[1, 0, 1])]);
    let ed = |parameters: &[u8], size: usize| {
        let algorithm = all(0x30, &[forge::oid(&[1, 3, 101, 112]), parameters.to_vec()]);
        all(0x30, &[algorithm, bits(&vec![7; size])])
    };
    let keys = [
        ec(p256(), &[4; 65]),
        ec(p256(), &[2; 33]),
        ec(p256(), &[4; 64]),
        ec(forge::oid(&[1, 3, 132, 0, 10]), &[4; 65]),
        ec(vec![5, 0], &[4; 65]),
        ec(Vec::new(), &[4; 65]),
        rsa(&[5, 0], &good),
        rsa(&[], &good),
        rsa(&[5, 0], &all(0x30, &[number(&[0xff, 1]), number(&[1, 0, 1])])),
        rsa(&[5, 0], &all(0x30, &[number(&[1, 1]), number(&[0xff])])),
        rsa(&[5, 0], &all(0x30, &[number(&[0]), number(&[0])])),
        rsa(&[5, 0], b"x"),
        ed(&[], 32),
        ed(&[5, 0], 32),
        ed(&[], 31),
        all(0x30, &[all(0x30, &[forge::oid(&[1, 3, 101, 110])]), bits(&[7; 32])]),
        all(0x30, &[all(0x30, &[forge::oid(&[1, 2, 3])]), bits(&[7; 32])]),
    ];
    dice.pick(&keys).clone()
}

fn odd_times(dice: &mut Dice) -> [Vec<u8>; 2] {
    let texts: [(u8, &[u8]); 9] = [
        (0x17, b"991231235959Z"),
        (0x17, b"491231235959Z"),
        (0x17, b"2712312359Z"),
        (0x17, b"271231235959+0100"),
        (0x17, b"271331235959Z"),
        (0x18, b"20271231235959Z"),
        (0x18, b"20271231235959.5Z"),
        (0x18, b"99991231235959Z"),
        (0x18, b"20271231235960Z"),
    ];
    let (tag, text) = *dice.pick(&texts);
    [forge::time("20260101000000Z"), der(tag, text)]
}

/// Values that do not have the form of their extension, or an unusual one.
fn odd_extension(dice: &mut Dice) -> Vec<u8> {
    let list: [(&[u32], Vec<u8>); 18] = [
        (ALT_NAMES, vec![]),
        (ALT_NAMES, vec![0x30, 0]),
        (ALT_NAMES, all(0x30, &[der(0x82, "ü.corp".as_bytes())])),
        (ALT_NAMES, all(0x30, &[der(0x86, b"https://dtr.corp./")])),
        (ALT_NAMES, all(0x30, &[der(0x86, b"https://%zz/")])),
        (ALT_NAMES, all(0x30, &[der(0x86, b"spiffe://a_b/c")])),
        (ALT_NAMES, all(0x30, &[der(0x87, &[1, 2, 3])])),
        (BASIC, vec![0x30, 3, 1, 1, 1]),
        (BASIC, vec![5, 0]),
        (KEY_USAGE, vec![4, 1, 0]),
        (EXTENDED, vec![0x30, 0]),
        (EXTENDED, vec![0x30, 2, 5, 0]),
        (CONSTRAINTS, vec![0x30, 0]),
        (CONSTRAINTS, all(0x30, &[all(0xa0, &[all(0x30, &[dns(b"corp.")])])])),
        (CONSTRAINTS, all(0x30, &[all(0xa0, &[all(0x30, &[der(0x87, &[10, 0, 0, 0, 255, 0, 255, 0])])])])),
        (SUBJECT_KEY, vec![5, 0]),
        (AUTHORITY_KEY, vec![5, 0]),
        (&[2, 5, 29, 31], vec![5, 0]),
    ];
    let (numbers, value) = dice.pick(&list);
    extension(numbers, false, value)
}

fn odd(dice: &mut Dice, forged: &mut Forged) {
    match dice.roll(28) {
        0 => forged.extensions.push(extension(&[1, 2, 3, 4], true, &[5, 0])),
        1 => forged.extensions.push(extension(&[1, 2, 3, 4], false, &[5, 0])),
        2 => forged.serial = vec![0xff],
        3 => forged.serial = vec![0],
        4 => forged.version = None,
        5 => {
            let sha1 = all(0x30, &[forge::oid(forge::ECDSA_SHA1)]);
            forged.inner_algorithm.clone_from(&sha1);
            forged.outer_algorithm = sha1;
        }
        6 => forged.outer_algorithm = all(0x30, &[forge::oid(forge::ECDSA_SHA1)]),
        7 => forged.extensions.push(extension(
            &[2, 5, 29, 32],
            true,
            &all(0x30, &[all(0x30, &[forge::oid(&[2, 5, 29, 32, 0])])]),
        )),
        8 => forged.extensions.push(extension(
            &[2, 5, 29, 36],
            dice.one_in(2),
            &[0x30, 3, 0x80, 1, dice.roll(2).to_be_bytes()[7]],
        )),
        9 => forged.extensions.push(extension(&[2, 5, 29, 54], dice.one_in(2), &[2, 1, 0])),
        10 => {
            let twice = forged.extensions.first().cloned();
            forged.extensions.extend(twice);
        }
        11 => forged.serial = vec![0, 0x80],
        12 => forged.serial = vec![1; 30],
        13 => forged.version = Some(0),
        14 => forged.extensions.push(extension(SUBJECT_KEY, true, &der(4, &[1; 4]))),
        15 => forged.extensions.push(extension(AUTHORITY_KEY, true, &all(0x30, &[der(0x80, &[1; 4])]))),
        16 => forged.version = Some(1),
        17 => forged.version = Some(3),
        18 => forged.subject = forge::name(&[(3, 19, b"a@b_c")]),
        19 => forged.subject = all(0x30, &[]),
        20 => forged.subject = odd_name(dice),
        21 => forged.key = odd_key(dice),
        22 => forged.validity = odd_times(dice),
        23 => forged.extensions.push(odd_extension(dice)),
        _ => {}
    }
}

fn case(dice: &mut Dice, keys: &[KeyPair]) -> Case {
    let names: Vec<Vec<u8>> = ["Root", "Middle", "Old", "Other"].map(forge::common_name).to_vec();
    // Name and key of every CA that may sign; the first is a root.
    let mut authorities: Vec<(usize, usize)> = vec![(0, 0)];
    let mut made: Vec<Vec<u8>> = Vec::new();
    let with_policies = dice.one_in(4);
    let count = 2 + dice.roll(5);
    for at in 0..count {
        let (name, key) = if at == 0 { (0, 0) } else { (dice.roll(names.len()), dice.roll(4)) };
        let (above, by) = if at == 0 || dice.one_in(3) { (name, key) } else { *dice.pick(&authorities) };
        let mut forged = Forged::new(&names[name], &keys[key]);
        forged.issuer.clone_from(&names[above]);
        forged.validity = validity(dice);
        if !dice.oddly(10) {
            forged.extensions.push(basic(dice, true));
        }
        if dice.one_in(2) {
            forged.extensions.push(key_usage(dice, true));
        }
        if dice.oddly(6) {
            forged.extensions.push(extension(EXTENDED, false, &usages(dice)));
        }
        if dice.one_in(5) {
            forged.extensions.push(extension(CONSTRAINTS, dice.one_in(2), &constraints(dice)));
        }
        let ids =
            identifiers(dice, u8::try_from(key).unwrap_or_default(), u8::try_from(by).unwrap_or_default());
        forged.extensions.extend(ids);
        if dice.oddly(5) {
            odd(dice, &mut forged);
        }
        // Now and then another key signs than the one that is named.
        let by = if dice.oddly(20) { dice.roll(4) } else { by };
        made.push(forged.sign(&keys[by]));
        authorities.push((name, key));
    }
    let (above, by) = *dice.pick(&authorities);
    let own = dice.one_in(6);
    let subject: &&str = dice.pick(&["dtr.corp", "leaf", "192.0.2.1"]);
    let mut leaf = Forged::new(&forge::common_name(subject), &keys[4]);
    if !own {
        leaf.issuer.clone_from(&names[above]);
    }
    leaf.validity = validity(dice);
    if !dice.oddly(8) {
        leaf.extensions.push(extension(ALT_NAMES, dice.one_in(3), &alt_names(dice)));
    }
    if dice.one_in(2) {
        leaf.extensions.push(basic(dice, false));
    }
    if dice.one_in(2) {
        leaf.extensions.push(key_usage(dice, false));
    }
    if dice.oddly(3) {
        leaf.extensions.push(extension(EXTENDED, false, &usages(dice)));
    }
    if with_policies {
        policies(dice, &mut leaf);
    }
    leaf.extensions.extend(identifiers(dice, 4, u8::try_from(by).unwrap_or_default()));
    if dice.oddly(6) {
        odd(dice, &mut leaf);
    }
    let leaf_has_wildcard = leaf.extensions.iter().any(|value| value.windows(2).any(|pair| pair == b"*."));
    let leaf = leaf.sign(&keys[if own { 4 } else { by }]);
    let mut sent = vec![leaf.clone()];
    let mut anchors = Vec::new();
    for certificate in &made {
        for _ in 0..dice.roll(3) {
            let at = 1 + dice.roll(sent.len());
            sent.insert(at, certificate.clone());
        }
        if dice.one_in(2) {
            anchors.push(certificate.clone());
        }
    }
    if dice.one_in(5) {
        anchors.push(leaf);
    }
    let constrained = |der: &Vec<u8>| {
        der.windows(5).any(|at| at[..4] == [6, 3, 0x55, 0x1d] && [33, 36, 54].contains(&at[4]))
    };
    let stricter = with_policies || leaf_has_wildcard || made.iter().any(constrained);
    Case { chain: sent, anchors, stricter, host: HOSTS[[0, 0, 0, 0, 1, 2, 3, 4, 5][dice.roll(9)]] }
}

fn programs() -> Vec<PathBuf> {
    if let Some(named) = std::env::var_os("DTRCTL_GO") {
        return std::env::split_paths(&named).collect();
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .map(|folder| folder.join("go"))
        .filter(|file| file.is_file())
        .take(1)
        .collect()
}

/// Builds the oracle with a Go and asks it.
fn ask(go: &Path, cases: &[Case], folder: &Path) -> Vec<Json> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/certs/oracle/main.go");
    let oracle = folder.join("oracle");
    let built = Command::new(go)
        .args(["build", "-o"])
        .arg(&oracle)
        .arg(source)
        .envs([("GO111MODULE", "off"), ("CGO_ENABLED", "0"), ("GOFLAGS", ""), ("GOTOOLCHAIN", "local")])
        .env("GOCACHE", folder.join("cache"))
        .env("GOPATH", folder.join("path"))
        .status()
        .expect("go runs");
    assert!(built.success(), "{} builds the oracle", go.display());
    let mut child =
        Command::new(oracle).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("the oracle");
    let mut stdin = child.stdin.take().expect("its input");
    let base64 = |list: &[Vec<u8>]| list.iter().map(|der| encode(der)).collect::<Vec<_>>();
    let lines: String = cases
        .iter()
        .map(|case| {
            let line = json!({"Chain": base64(&case.chain), "Anchors": base64(&case.anchors), "Host": case.host, "At": AT.unix_timestamp()});
            format!("{line}\n")
        })
        .collect();
    let writer = std::thread::spawn(move || stdin.write_all(lines.as_bytes()));
    let output = child.wait_with_output().expect("answers");
    writer.join().expect("a writer").expect("written");
    let text = String::from_utf8(output.stdout).expect("text");
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

fn encode(der: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(der)
}

/// The judge's own answer: the text, whether engines are said to differ, the paths.
struct Own {
    text: String,
    noted: bool,
    /// Policies or wildcards are about, which some versions pass over.
    stricter: bool,
    paths: Vec<String>,
}

fn own(case: &Case) -> Own {
    let refused = |text: String, noted| Own { text, noted, stricter: case.stricter, paths: Vec::new() };
    let read =
        |list: &[Vec<u8>]| list.iter().map(|der| Certificate::from_der(der)).collect::<Result<Vec<_>, _>>();
    let chain = match read(&case.chain) {
        Ok(chain) => chain,
        Err(error) => {
            return refused(format!("tls: failed to parse certificate from server: {error}"), false);
        }
    };
    let anchors: Vec<Certificate> =
        case.anchors.iter().filter_map(|der| Certificate::from_der(der).ok()).collect();
    let host = if case.host.contains("::") { format!("[{}]", case.host) } else { case.host.to_owned() };
    let host: RegistryHost = host.parse().expect("a host");
    // An anchor that some engines cannot read is none for any.
    let some = |refusal: &String| {
        ["marked critical", "IPv6 address", "unsupported string type", "invalid BMPString"]
            .iter()
            .any(|part| refusal.contains(part))
    };
    let unread = anchors.iter().any(|anchor| anchor.facts().go_refuses.as_ref().is_some_and(some));
    match verify(&chain[0], &chain[1..], &anchors, &host, AT) {
        Err(verdict) => {
            let bmp = verdict.to_string().ends_with("invalid BMPString");
            refused(verdict.to_string(), verdict.note.is_some() || unread || bmp)
        }
        Ok(paths) => {
            let names = paths.iter().map(|path| {
                let names = path.certificates.iter().map(|one| one.facts().sha256.clone());
                json!(names.collect::<Vec<_>>()).to_string()
            });
            Own {
                text: String::new(),
                noted: unread,
                stricter: case.stricter,
                paths: sorted(names.collect()),
            }
        }
    }
}

fn sorted(mut chains: Vec<String>) -> Vec<String> {
    chains.sort();
    chains.dedup();
    chains
}

/// What an answer says, whatever the words that versions of Go put it in.
fn class(text: &str) -> &str {
    if text.starts_with("tls: failed to parse certificate from server") {
        return "unreadable";
    }
    if text.starts_with("x509: certificate signed by unknown authority") {
        return "unknown authority";
    }
    let constraint = [
        "not authorized to sign for this name",
        "cannot parse dnsName",
        "cannot parse rfc822Name",
        "cannot be matched against constraints",
    ];
    if constraint.iter().any(|part| text.contains(part)) { "name constraint" } else { text }
}

/// How the judge errs: never by accepting what a Go refuses.
fn differs(own: &Own, go: &Json) -> Option<&'static str> {
    let its = go["error"].as_str().expect("an answer");
    if its == "panic" {
        return None;
    }
    match (own.text.is_empty(), its.is_empty()) {
        (true, false) => Some("ACCEPTED, and Go refuses"),
        // Which a Go before 1.25.5 does not find.
        (false, true) if own.text.contains("DNS name \"*.") => None,
        (false, true) if !own.noted => Some("refused, and Go accepts"),
        (true, true) => {
            // A Go that does not look at policies, or at a wildcard's reach, finds more.
            let chains: Vec<String> =
                go["chains"].as_array().into_iter().flatten().map(ToString::to_string).collect();
            let found = own.paths.iter().all(|path| chains.contains(path));
            let all = sorted(chains).len() == own.paths.len() || own.stricter;
            (!(own.noted || found && all)).then_some("other paths")
        }
        // Since 1.27 name constraints are looked at when all else is, so that another fault is named first.
        _ if own.noted
            || own.stricter
            || class(its) == "name constraint"
            || class(&own.text) == "name constraint" =>
        {
            None
        }
        _ => (class(&own.text) != class(its)).then_some("another fault"),
    }
}

#[test]
fn random_chains_are_judged_as_go_judges_them() {
    let programs = programs();
    if programs.is_empty() {
        eprintln!("skipped: random_chains_are_judged_as_go_judges_them: no go is at hand");
        return;
    }
    let count = std::env::var("DTRCTL_GO_CASES").ok().and_then(|text| text.parse().ok()).unwrap_or(2000);
    let keys: Vec<KeyPair> = (0..5).map(|_| KeyPair::generate().unwrap()).collect();
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15, 1);
    let case = |at: usize| {
        dice.1 = if at.is_multiple_of(3) { 1 } else { 12 };
        case(&mut dice, &keys)
    };
    let cases: Vec<Case> = (0..count).map(case).collect();
    let own: Vec<Own> = cases.iter().map(own).collect();
    let folder = tempfile::tempdir().unwrap();
    let mut wrong = Vec::new();
    for go in &programs {
        let theirs = ask(go, &cases, folder.path());
        assert_eq!(theirs.len(), cases.len());
        let accepted = theirs.iter().filter(|go| go["error"] == "").count();
        let same = own.iter().zip(&theirs).filter(|(own, go)| go["error"] == own.text.as_str()).count();
        println!("{}: {count} cases, {accepted} accepted, {same} with the same words", go.display());
        for (at, (own, its)) in own.iter().zip(&theirs).enumerate() {
            if let Some(how) = differs(own, its) {
                wrong.push(format!("{} {at}: {how}: own {:?}, go {}", go.display(), own.text, its["error"]));
            }
        }
    }
    assert!(wrong.is_empty(), "{} wrong\n{}", wrong.len(), wrong.join("\n"));
}
