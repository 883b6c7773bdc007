//! One of several runs that do a playbook together, each with its part of the hosts.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::gates::{Budget, Canary, Gates, Share};

/// Which part: `2/4` is the second of four.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Shard {
    number: usize,
    count: usize,
}

/// A bound that is lower than the number of shards, which cannot share it: its name and what it is.
pub type Indivisible = (&'static str, usize);

impl Shard {
    /// Its number, from 1.
    #[must_use]
    pub const fn number(self) -> usize {
        self.number
    }

    /// How many there are.
    #[must_use]
    pub const fn count(self) -> usize {
        self.count
    }

    /// Whether the host at a position of the inventory, counted from 0 among those of the run, is one of its hosts. The same
    /// hosts fall to the same shards each time, and the shards differ by one host at most.
    #[must_use]
    pub const fn takes(self, position: usize) -> bool {
        position % self.count == self.number - 1
    }

    /// Its part of a bound of all shards: together they have no more than that.
    ///
    /// # Errors
    /// There are more shards than that.
    pub const fn part(self, name: &'static str, of: usize) -> Result<usize, Indivisible> {
        if of < self.count {
            return Err((name, of));
        }
        Ok(of / self.count + if self.number <= of % self.count { 1 } else { 0 })
    }

    /// What its hosts are bounded by, where these gates bound all. Percentages are of its own hosts.
    ///
    /// # Errors
    /// A bound is lower than the number of shards.
    pub fn gates(self, gates: Gates) -> Result<Gates, Indivisible> {
        let budget = |name, budget| match budget {
            Some(Budget::Count(most)) => self.part(name, most).map(|part| Some(Budget::Count(part))),
            other => Ok(other),
        };
        let window = match gates.window {
            Some(Share::Count(count)) => Some(Share::Count(self.part("window", count)?)),
            other => other,
        };
        let canary = match gates.canary {
            // No shard goes without one.
            Some(Canary::First(Share::Count(count))) if count > 0 => {
                Some(Canary::First(Share::Count(self.part("canary", count).unwrap_or(1))))
            }
            other => other,
        };
        Ok(Gates {
            window,
            canary,
            max_fail: budget("max_fail", gates.max_fail)?,
            max_unreachable: budget("max_unreachable", gates.max_unreachable)?,
            ..gates
        })
    }
}

impl FromStr for Shard {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let number = |text: &str| text.parse::<usize>().ok().filter(|number| *number > 0);
        let read = || {
            let (own, all) = text.split_once('/')?;
            let shard = Self { number: number(own)?, count: number(all)? };
            (shard.number <= shard.count).then_some(shard)
        };
        read().ok_or_else(|| "it has to be I/N with I from 1 to N, such as `2/4`".to_owned())
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.number, self.count)
    }
}

impl Serialize for Shard {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Shard {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shard(text: &str) -> Shard {
        text.parse().expect("a shard")
    }

    #[test]
    fn every_host_falls_to_one_shard_and_they_are_even() {
        for (hosts, count) in [(10, 3), (3, 4), (1000, 7), (0, 2)] {
            let shards: Vec<Shard> = (1..=count).map(|number| Shard { number, count }).collect();
            let sizes: Vec<usize> = shards
                .iter()
                .map(|shard| (0..hosts).filter(|position| shard.takes(*position)).count())
                .collect();
            assert_eq!(sizes.iter().sum::<usize>(), hosts);
            assert!(sizes.iter().max().unwrap() - sizes.iter().min().unwrap() <= 1, "{sizes:?}");
        }
    }

    #[test]
    fn bounds_are_shared_and_never_exceeded() {
        for (of, count) in [(4, 4), (10, 4), (7, 3)] {
            let parts: Vec<usize> =
                (1..=count).map(|number| Shard { number, count }.part("serial", of).unwrap()).collect();
            assert_eq!(parts.iter().sum::<usize>(), of);
            assert!(parts.iter().all(|part| *part >= 1), "{parts:?}");
        }
        assert_eq!(shard("1/4").part("serial", 3), Err(("serial", 3)));
        let gates = Gates { max_fail: Some(Budget::Count(1)), ..Gates::default() };
        assert_eq!(shard("1/2").gates(gates), Err(("max_fail", 1)));
        let gates = Gates {
            max_fail: Some(Budget::Percent(5.0)),
            max_unreachable: Some(Budget::Count(5)),
            window: Some(Share::Count(4)),
            canary: Some(Canary::First(Share::Count(1))),
            ..Gates::default()
        };
        let part = shard("1/2").gates(gates).unwrap();
        assert_eq!(
            (part.max_fail, part.max_unreachable),
            (Some(Budget::Percent(5.0)), Some(Budget::Count(3)))
        );
        assert_eq!(part.window, Some(Share::Count(2)));
        assert_eq!(part.canary, Some(Canary::First(Share::Count(1))));
    }

    #[test]
    fn what_is_no_shard_is_refused() {
        assert_eq!(shard("2/4").to_string(), "2/4");
        for wrong in ["", "2", "0/4", "5/4", "1/0", "a/b", "1/4/2", "-1/4"] {
            assert!(wrong.parse::<Shard>().is_err(), "{wrong}");
        }
    }
}
