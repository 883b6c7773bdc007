//! Python's generator of random numbers, for `random(seed=…)` and `shuffle(seed=…)`: the same seed gives the same choice in
//! every run, and Ansible's.

use aws_lc_rs::digest;

use super::error::{Eval, type_error};
use super::value::Val;

const SIZE: usize = 624;
const MIDDLE: usize = 397;

/// A Mersenne Twister.
pub(super) struct Random {
    state: [u32; SIZE],
    index: usize,
}

impl Random {
    /// The generator for a seed: an integer or text.
    pub(super) fn new(seed: &Val) -> Eval<Self> {
        let bytes = match seed {
            Val::Int(i) => i.unsigned_abs().to_be_bytes().to_vec(),
            Val::Str(text) => {
                let digest = digest::digest(&digest::SHA512, text.as_bytes());
                [text.as_bytes(), digest.as_ref()].concat()
            }
            other => {
                let found = other.type_name();
                return Err(type_error(format!(
                    "the seed must be an integer or text, not of type `{found}`"
                )));
            }
        };
        let word = |chunk: &[u8]| chunk.iter().fold(0_u32, |word, byte| word << 8 | u32::from(*byte));
        let mut key: Vec<u32> = bytes.rchunks(4).map(word).collect();
        while key.len() > 1 && key.last() == Some(&0) {
            key.pop();
        }
        Ok(Self::of(&key))
    }

    fn of(key: &[u32]) -> Self {
        let mut state = [0_u32; SIZE];
        state[0] = 19_650_218;
        let mut number = 0_u32;
        for at in 1..SIZE {
            number += 1;
            state[at] =
                1_812_433_253_u32.wrapping_mul(state[at - 1] ^ (state[at - 1] >> 30)).wrapping_add(number);
        }
        let mut random = Self { state, index: SIZE };
        random.mix(key);
        random
    }

    fn mix(&mut self, key: &[u32]) {
        let (mut at, mut next, mut offset) = (1, 0, 0_u32);
        let step = |state: &mut [u32; SIZE], at: &mut usize, factor: u32, add: &dyn Fn(u32) -> u32| {
            let before = state[*at - 1];
            state[*at] = add(state[*at] ^ (before ^ (before >> 30)).wrapping_mul(factor));
            *at += 1;
            if *at >= SIZE {
                state[0] = state[SIZE - 1];
                *at = 1;
            }
        };
        for _ in 0..SIZE.max(key.len()) {
            let word = key[next];
            step(&mut self.state, &mut at, 1_664_525, &|x| x.wrapping_add(word).wrapping_add(offset));
            next += 1;
            offset += 1;
            if next >= key.len() {
                (next, offset) = (0, 0);
            }
        }
        let mut number = u32::try_from(at).unwrap_or(1);
        for _ in 1..SIZE {
            step(&mut self.state, &mut at, 1_566_083_941, &|x| x.wrapping_sub(number));
            number = u32::try_from(at).unwrap_or(1);
        }
        self.state[0] = 0x8000_0000;
    }

    fn word(&mut self) -> u32 {
        if self.index >= SIZE {
            self.renew();
        }
        let mut word = self.state[self.index];
        self.index += 1;
        word ^= word >> 11;
        word ^= (word << 7) & 0x9d2c_5680;
        word ^= (word << 15) & 0xefc6_0000;
        word ^ (word >> 18)
    }

    fn renew(&mut self) {
        for at in 0..SIZE {
            let joined = (self.state[at] & 0x8000_0000) | (self.state[(at + 1) % SIZE] & 0x7fff_ffff);
            let odd = if joined & 1 == 0 { 0 } else { 0x9908_b0df };
            self.state[at] = self.state[(at + MIDDLE) % SIZE] ^ (joined >> 1) ^ odd;
        }
        self.index = 0;
    }

    /// A number below the limit, which is not zero.
    pub(super) fn below(&mut self, limit: u64) -> u64 {
        let bits = 64 - limit.leading_zeros();
        loop {
            let number = if bits <= 32 {
                u64::from(self.word() >> (32 - bits))
            } else {
                let low = u64::from(self.word());
                u64::from(self.word() >> (64 - bits)) << 32 | low
            };
            if number < limit {
                return number;
            }
        }
    }
}
