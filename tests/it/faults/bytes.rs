//! What others have written is mutated byte by byte, from a number: no reader panics, and none takes long or much for it.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::figure::figure;
use crate::form::times;
use crate::readers::{self, Reader};

/// A reader, the folders of the corpus whose files it is given, and a text of each kind for who has no corpus.
const READERS: [(&str, Reader, &[&str], &str); 7] = [
    ("yaml", readers::yaml, &["inventories", "yaml_values"], "a: &x [1, {b: 'c'}]\nd: *x\ne: |\n  text\n"),
    (
        "ini",
        readers::ini,
        &["inventories"],
        "[web]\nweb[1:3] a=1 b='x y'\n[all:children]\nweb\n[web:vars]\nc=[1]\n",
    ),
    ("yaml_inventory", readers::yaml_inventory, &["inventories", "patterns"], "all: {hosts: {a: {x: 1}}}\n"),
    (
        "daemon_json",
        readers::daemon_json,
        &["daemon_json", "json_test_suite"],
        "{\"log-opts\": {\"a\": \"b\"}, \"dns\": []}",
    ),
    ("profile", readers::profile, &["boot2docker_profiles"], "EXTRA_ARGS='\n--label a=b\n'\nCACERT=/x\n"),
    ("pem", readers::pem, &["certs"], "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n"),
    ("pattern", readers::pattern, &[], "web[1:3]:&~db.*:!x,*.example[0]"),
];

/// Numbers that look random and are the same in each run.
struct Chance(u64);

impl Chance {
    const fn below(&mut self, most: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 33) as usize % most
    }
}

/// What readers take for more than a byte.
const TOKENS: &[&[u8]] = &[
    b"\0",
    b"\xff",
    b"\xef\xbb\xbf",
    b"\r\n",
    b"\n",
    b"'",
    b"\"",
    b"\\",
    b"{{",
    b"}}",
    b"[",
    b"]",
    b"{",
    b"}",
    b":",
    b": ",
    b"- ",
    b"#",
    b"&a ",
    b"*a",
    b"!!",
    b"!vault",
    b"<<: ",
    b"|",
    b">",
    b"%",
    b"$(",
    b"`",
    b"~",
    b",",
    b"=",
    b"-----BEGIN CERTIFICATE-----\n",
    b"-----END CERTIFICATE-----\n",
    b"9999999999999999999",
    b"1e999",
    b"-0",
    b"[0:99999999]",
    b"\xe2\x80\xae",
    b"\xed\xa0\x80",
    b"[[[[[[[[[[[[[[[[",
    b"((((((((((",
];

fn mutate(text: &mut Vec<u8>, chance: &mut Chance) {
    for _ in 0..=chance.below(4) {
        let at = chance.below(text.len() + 1);
        let end = (at + 1 + chance.below(40)).min(text.len());
        match chance.below(6) {
            0 if at < text.len() => text[at] ^= 1 << chance.below(8),
            1 => text.splice(at..at, TOKENS[chance.below(TOKENS.len())].iter().copied()).for_each(drop),
            2 if at < end => text.drain(at..end).for_each(drop),
            3 if at < end => {
                let part = text[at..end].to_vec();
                text.splice(at..at, part).for_each(drop);
            }
            4 => text.truncate(at),
            _ if at < text.len() => text[at] = chance.below(256).try_into().unwrap(),
            _ => {}
        }
    }
}

fn files(folder: &Path, found: &mut Vec<Vec<u8>>) {
    let mut entries: Vec<PathBuf> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            files(&path, found);
        } else {
            // Long ones are cut, as each is read again and again.
            let mut text = fs::read(path).unwrap();
            text.truncate(20_000);
            found.push(text);
        }
    }
}

fn seeds(folders: &[&str], own: &str) -> Vec<Vec<u8>> {
    let mut seeds = vec![own.as_bytes().to_vec()];
    if let Some(corpus) = std::env::var_os("DTRCTL_CORPUS") {
        folders.iter().for_each(|folder| files(&PathBuf::from(&corpus).join(folder), &mut seeds));
    }
    seeds
}

#[test]
fn mutated_texts_make_no_reader_panic() {
    let test = "mutated_texts_make_no_reader_panic";
    let many = times(400, 40_000);
    for (name, reader, folders, own) in READERS {
        let seeds = seeds(folders, own);
        for number in 0..many {
            let mut chance = Chance((number as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
            let mut text = seeds[chance.below(seeds.len())].clone();
            mutate(&mut text, &mut chance);
            let said = catch_unwind(AssertUnwindSafe(|| reader(&text)));
            assert!(said.is_ok(), "{name} panics at number {number}: {:?}", String::from_utf8_lossy(&text));
        }
    }
    figure("S10", test, &format!("panics=0 of={} readers={}", many * READERS.len(), READERS.len()));
}

/// Texts of about 100 KiB that cost the most where a reader is careless.
fn long() -> Vec<(&'static str, Vec<u8>)> {
    const SIZE: usize = 100 << 10;
    let repeat = |text: &str| text.repeat(SIZE / text.len()).into_bytes();
    let mut laughs = String::from("a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol]\n");
    for level in 1..12 {
        laughs += &format!("a{level}: &a{level} [{}]\n", vec![format!("*a{}", level - 1); 9].join(", "));
    }
    let texts = [
        "[",
        "{",
        "(",
        "- ",
        "a: ",
        "{a: ",
        "[[1],",
        "'",
        "\"\\",
        "\n",
        "a\n",
        "a: b\n",
        "- a\n",
        "&a ",
        "*a ",
        "a,",
        "!",
        "%",
        "[a]\n",
        "[a:children]\na\n",
        "web[1:9]\n",
        "x='",
        "EXTRA_ARGS='--a'\n",
        "$(",
        "`",
        "\\\n",
        "-----BEGIN CERTIFICATE-----\n",
        "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n",
        "{\"a\":",
        "[1,",
        "\"a\":1,",
        "~(a+)+",
        ":!a",
        "a[0:9]",
    ];
    let mut long: Vec<_> = texts.iter().map(|text| (*text, repeat(text))).collect();
    long.push(("aliases of aliases", laughs.into_bytes()));
    long.push(("a range of hosts", b"[a]\nweb[0:999999999]\n".to_vec()));
    long.push(("ranges of ranges", b"a[0:99][0:99][0:99][0:99]\n".to_vec()));
    long
}

/// What this thread has had of a processor: other work on the machine does not count.
fn processor_time() -> Duration {
    let stat = fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    Duration::from_nanos(stat.split(' ').next().unwrap().parse().unwrap())
}

fn peak_kib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

#[test]
#[ignore = "it measures time and memory: tests/faults/run"]
fn long_texts_are_read_in_bounded_time_and_memory() {
    let test = "long_texts_are_read_in_bounded_time_and_memory";
    let (mut worst, mut count) = (Duration::ZERO, 0);
    for (name, reader, ..) in READERS {
        for (kind, text) in long() {
            let begin = processor_time();
            let said = catch_unwind(AssertUnwindSafe(|| reader(&text)));
            let took = processor_time().saturating_sub(begin);
            assert!(said.is_ok(), "{name} panics at `{kind}`");
            if took > worst {
                eprintln!("{name}: {took:?} for `{kind}`");
                worst = took;
            }
            count += 1;
        }
    }
    let peak = peak_kib() >> 10;
    eprintln!("at most {worst:?}, {peak} MiB");
    assert!(worst < Duration::from_secs(1), "{worst:?}");
    assert!(peak < 256, "{peak} MiB");
    figure("S10", test, &format!("not_read_in_bounds=0 of={count} memory<256MiB slowest<1s"));
}
