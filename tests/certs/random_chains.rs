//! Chains at random: CAs that sign each other, a server's certificate, each with whatever the dice add to it or leave out.

use rcgen::KeyPair;

use crate::forge::{self, Forged, all, der, extension};

/// Numbers that are the same in every run, and how seldom odd things are.
pub struct Dice(pub u64, pub usize);

impl Dice {
    pub fn roll(&mut self, sides: usize) -> usize {
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
pub struct Case {
    pub chain: Vec<Vec<u8>>,
    pub anchors: Vec<Vec<u8>>,
    pub host: &'static str,
    /// With policies or wildcards, over which some versions of Go pass.
    pub stricter: bool,
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

/// A CA by its name and its key, as places in the lists of both.
type Authority = (usize, usize);

impl Case {
    /// A case as the dice fall; the last of five keys is the leaf's.
    pub fn roll(dice: &mut Dice, keys: &[KeyPair]) -> Self {
        let names: Vec<Vec<u8>> = ["Root", "Middle", "Old", "Other"].map(forge::common_name).to_vec();
        let with_policies = dice.one_in(4);
        let (authorities, made) = authorities(dice, &names, keys);
        let (above, by) = *dice.pick(&authorities);
        let own = dice.one_in(6);
        let leaf = leaf(dice, &keys[4], (!own).then(|| &names[above]), by, with_policies);
        let leaf_has_wildcard =
            leaf.extensions.iter().any(|value| value.windows(2).any(|pair| pair == b"*."));
        let leaf = leaf.sign(&keys[if own { 4 } else { by }]);
        let (chain, anchors) = deal(dice, &leaf, &made);
        let constrained = |der: &Vec<u8>| {
            der.windows(5).any(|at| at[..4] == [6, 3, 0x55, 0x1d] && [33, 36, 54].contains(&at[4]))
        };
        let stricter = with_policies || leaf_has_wildcard || made.iter().any(constrained);
        Self { chain, anchors, stricter, host: HOSTS[[0, 0, 0, 0, 1, 2, 3, 4, 5][dice.roll(9)]] }
    }
}

/// CAs that sign each other, the first a root, and their certificates.
fn authorities(dice: &mut Dice, names: &[Vec<u8>], keys: &[KeyPair]) -> (Vec<Authority>, Vec<Vec<u8>>) {
    let mut authorities: Vec<Authority> = vec![(0, 0)];
    let mut made: Vec<Vec<u8>> = Vec::new();
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
    (authorities, made)
}

/// A server's certificate, not signed yet; without an issuer it is its own.
fn leaf(dice: &mut Dice, key: &KeyPair, issuer: Option<&Vec<u8>>, by: usize, with_policies: bool) -> Forged {
    let subject: &&str = dice.pick(&["dtr.corp", "leaf", "192.0.2.1"]);
    let mut leaf = Forged::new(&forge::common_name(subject), key);
    if let Some(issuer) = issuer {
        leaf.issuer.clone_from(issuer);
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
    leaf
}

/// What is sent behind the leaf, and what is trusted.
fn deal(dice: &mut Dice, leaf: &[u8], made: &[Vec<u8>]) -> (Vec<Vec<u8>>, Vec<Vec<u8>>) {
    let mut sent = vec![leaf.to_owned()];
    let mut anchors = Vec::new();
    for certificate in made {
        for _ in 0..dice.roll(3) {
            let at = 1 + dice.roll(sent.len());
            sent.insert(at, certificate.clone());
        }
        if dice.one_in(2) {
            anchors.push(certificate.clone());
        }
    }
    if dice.one_in(5) {
        anchors.push(leaf.to_owned());
    }
    (sent, anchors)
}
