//! The order in which Python's sets give back integers.
//!
//! It follows from the hash table: integers hash to themselves, so the order is the same in every run, and
//! playbooks may rely on it. (Text hashes differently in every run.)

/// How far a probe looks ahead of its slot.
const LINEAR_PROBES: usize = 9;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Slot {
    Empty,
    /// Held a key that has been removed.
    Dummy,
    Key(i64),
}

/// A set of integers.
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
    pub(super) fn new(keys: impl IntoIterator<Item = i64>) -> Self {
        let mut set = Self::empty();
        keys.into_iter().for_each(|key| set.add(key));
        set
    }

    /// The keys in Python's order.
    pub(super) fn keys(&self) -> impl Iterator<Item = i64> {
        self.table.iter().filter_map(|slot| if let Slot::Key(key) = slot { Some(*key) } else { None })
    }

    /// The slots that a key may be in, in the order in which they are tried.
    fn probes(&self, key: i64) -> impl Iterator<Item = usize> {
        let mask = self.table.len() - 1;
        // Python keeps -1 for errors.
        let mut perturb = if key == -1 { -2_i64 } else { key }.cast_unsigned();
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
    fn find(&self, key: i64) -> usize {
        let wanted = |slot: &usize| self.table[*slot] == Slot::Empty || self.table[*slot] == Slot::Key(key);
        self.probes(key).find(wanted).unwrap_or(0)
    }

    fn contains(&self, key: i64) -> bool {
        self.table[self.find(key)] == Slot::Key(key)
    }

    fn add(&mut self, key: i64) {
        let slot = self.find(key);
        if self.table[slot] == Slot::Key(key) {
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

    fn discard(&mut self, key: i64) -> bool {
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
