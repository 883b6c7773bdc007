//! The order in which Python's sets give back numbers.
//!
//! It follows from the hash table: numbers hash to the same in every run, so the order is the same, too, and
//! playbooks may rely on it. (Text hashes differently in every run.)

use super::value::Val;

/// How far a probe looks ahead of its slot.
const LINEAR_PROBES: usize = 9;

/// Numbers hash to their remainder by this prime.
const MODULUS: u128 = (1 << 61) - 1;

/// A number in a set: equal ones are the same key, whatever their types.
#[derive(Clone, Copy)]
pub(super) enum Number {
    Bool(bool),
    Int(i128),
    Float(f64),
}

impl Number {
    /// The number that a value is. None for what is not a number, which every run hashes to something else, and for integers
    /// of more than 64 bits, of which as many as one likes hash alike.
    pub(super) fn of(value: &Val) -> Option<Self> {
        match value {
            Val::Bool(flag) => Some(Self::Bool(*flag)),
            Val::Int(i) if u64::try_from(i.unsigned_abs()).is_ok() => Some(Self::Int(*i)),
            Val::Float(f) if !f.is_nan() => Some(Self::Float(*f)),
            _ => None,
        }
    }

    /// The value again.
    pub(super) const fn value(self) -> Val {
        match self {
            Self::Bool(flag) => Val::Bool(flag),
            Self::Int(i) => Val::Int(i),
            Self::Float(f) => Val::Float(f),
        }
    }

    /// `hash(number)`.
    fn hash(self) -> i64 {
        let (negative, remainder) = match self {
            Self::Bool(flag) => (false, u128::from(flag)),
            Self::Int(i) => (i < 0, i.unsigned_abs() % MODULUS),
            Self::Float(f) if f.is_infinite() => (f < 0.0, 314_159),
            Self::Float(f) => (f < 0.0, remainder(f)),
        };
        let hash = i64::try_from(remainder).unwrap_or(0);
        match if negative { -hash } else { hash } {
            // Python keeps -1 for errors.
            -1 => -2,
            hash => hash,
        }
    }
}

impl PartialEq for Number {
    fn eq(&self, other: &Self) -> bool {
        match (*self, *other) {
            (Self::Bool(flag), other) => Self::Int(flag.into()) == other,
            (number, Self::Bool(flag)) => number == Self::Int(flag.into()),
            (Self::Int(a), Self::Int(b)) => a == b,
            (Self::Float(a), Self::Float(b)) => a.partial_cmp(&b).is_some_and(std::cmp::Ordering::is_eq),
            (Self::Int(i), Self::Float(f)) | (Self::Float(f), Self::Int(i)) => whole(f) == Some(i),
        }
    }
}

/// The integer that a float is.
#[expect(clippy::cast_possible_truncation, reason = "checked against the range of the integers")]
fn whole(f: f64) -> Option<i128> {
    (f.is_finite() && f.abs() < 1e38 && f.fract().abs() == 0.0).then_some(f as i128)
}

/// The remainder of a float without its sign, by the prime: a power of two repeats after 61.
fn remainder(f: f64) -> u128 {
    let bits = f.abs().to_bits();
    let (exponent, fraction) = (bits >> 52, bits & ((1 << 52) - 1));
    let digits = if exponent == 0 { fraction << 1 } else { fraction | 1 << 52 };
    // The exponent counts from -1075, and 1098 are 18 times 61.
    let power = (exponent + 1098 - 1075) % 61;
    (u128::from(digits) << power) % MODULUS
}

#[derive(Clone, Copy, PartialEq)]
enum Slot {
    Empty,
    /// Held a key that has been removed.
    Dummy,
    Key(Number),
}

/// A set of numbers.
#[derive(Clone)]
pub(super) struct PySet {
    table: Vec<Slot>,
    fill: usize,
    used: usize,
}

impl PySet {
    fn empty() -> Self {
        Self { table: vec![Slot::Empty; 8], fill: 0, used: 0 }
    }

    /// `set(keys)`.
    pub(super) fn new(keys: impl IntoIterator<Item = Number>) -> Self {
        let mut set = Self::empty();
        keys.into_iter().for_each(|key| set.add(key));
        set
    }

    /// The keys in Python's order.
    pub(super) fn keys(&self) -> impl Iterator<Item = Number> {
        self.table.iter().filter_map(|slot| if let Slot::Key(key) = slot { Some(*key) } else { None })
    }

    /// The slots that a key may be in, in the order in which they are tried.
    fn probes(&self, key: Number) -> impl Iterator<Item = usize> {
        let mask = self.table.len() - 1;
        let mut perturb = key.hash().cast_unsigned();
        let mut slot = low_bits(perturb) & mask;
        std::iter::from_fn(move || {
            let ahead = if slot + LINEAR_PROBES <= mask { LINEAR_PROBES } else { 0 };
            let run = slot..=slot + ahead;
            perturb >>= 5;
            slot = slot.wrapping_mul(5).wrapping_add(1).wrapping_add(low_bits(perturb)) & mask;
            Some(run)
        })
        .flatten()
    }

    /// The slot that holds the key, or else the one to put it into.
    fn find(&self, key: Number) -> usize {
        let wanted = |slot: &usize| self.table[*slot] == Slot::Empty || self.table[*slot] == Slot::Key(key);
        self.probes(key).find(wanted).unwrap_or(0)
    }

    fn contains(&self, key: Number) -> bool {
        self.table[self.find(key)] == Slot::Key(key)
    }

    fn add(&mut self, key: Number) {
        let slot = self.find(key);
        if self.table[slot] == Slot::Key(key) {
            return;
        }
        // The last slot on the way that has held another key is taken first; it counts as filled already.
        let way = self.probes(key).take_while(|probe| *probe != slot);
        if let Some(dummy) = way.filter(|probe| self.table[*probe] == Slot::Dummy).last() {
            self.table[dummy] = Slot::Key(key);
            self.used += 1;
            return;
        }
        self.table[slot] = Slot::Key(key);
        self.fill += 1;
        self.used += 1;
        if self.fill * 5 >= (self.table.len() - 1) * 3 {
            self.resize(if self.used > 50_000 { self.used * 2 } else { self.used * 4 });
        }
    }

    fn resize(&mut self, more_than: usize) {
        let mut size = 8;
        while size <= more_than {
            size *= 2;
        }
        let old = std::mem::replace(&mut self.table, vec![Slot::Empty; size]);
        self.fill = self.used;
        for slot in old {
            if let Slot::Key(key) = slot {
                let free = self.find(key);
                self.table[free] = slot;
            }
        }
    }

    fn discard(&mut self, key: Number) -> bool {
        let slot = self.find(key);
        let found = self.table[slot] == Slot::Key(key);
        if found {
            self.table[slot] = Slot::Dummy;
            self.used -= 1;
        }
        found
    }

    fn merge(&mut self, other: &Self) {
        if (self.fill + other.used) * 5 >= (self.table.len() - 1) * 3 {
            self.resize((self.used + other.used) * 2);
        }
        if self.fill == 0 && self.table.len() == other.table.len() && other.fill == other.used {
            self.clone_from(other);
            return;
        }
        other.keys().for_each(|key| self.add(key));
    }

    fn copied(&self) -> Self {
        let mut copy = Self::empty();
        copy.merge(self);
        copy
    }

    /// `self | other`.
    pub(super) fn union(&self, other: &Self) -> Self {
        let mut union = self.copied();
        union.merge(other);
        union
    }

    /// `self & other`.
    pub(super) fn intersection(&self, other: &Self) -> Self {
        let (walked, asked) = if other.used > self.used { (self, other) } else { (other, self) };
        Self::new(walked.keys().filter(|key| asked.contains(*key)))
    }

    /// `self - other`.
    pub(super) fn difference(&self, other: &Self) -> Self {
        if self.used / 4 <= other.used {
            return Self::new(self.keys().filter(|key| !other.contains(*key)));
        }
        let mut rest = self.copied();
        for key in other.keys() {
            rest.discard(key);
        }
        if rest.fill - rest.used > (rest.table.len() - 1) / 5 {
            rest.resize(if rest.used > 50_000 { rest.used * 2 } else { rest.used * 4 });
        }
        rest
    }

    /// `self ^ other`.
    pub(super) fn symmetric_difference(&self, other: &Self) -> Self {
        let mut rest = other.copied();
        for key in self.keys() {
            if !rest.discard(key) {
                rest.add(key);
            }
        }
        rest
    }
}

#[expect(clippy::cast_possible_truncation, reason = "only the low bits choose a slot")]
fn low_bits(hash: u64) -> usize {
    hash as usize
}
