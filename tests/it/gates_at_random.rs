//! R10: never more hosts under way than `serial` or a window permits, and nobody begins once a budget is exceeded. Fifty hosts,
//! of which random ones fail or cannot be reached, under random gates; each run is judged by its events and by what is on the
//! hosts.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value as Json, json};

use crate::gates::with_gone;
use crate::harness::{Ran, World};

/// Runs of the short form; `DTRCTL_FAULTS=long` makes a thousand.
const SHORT: u64 = 8;
const LONG: u64 = 1000;
const HOSTS: usize = 50;

#[test]
fn never_more_hosts_than_the_gates_permit() {
    let long = std::env::var("DTRCTL_FAULTS").is_ok_and(|form| form == "long");
    let figures = simulate(if long { LONG } else { SHORT }, seed());
    println!("R10: {figures}");
    let test = "never_more_hosts_than_the_gates_permit";
    crate::figure::figure(
        "R10",
        test,
        &format!("violations=0 of={} closed={}", figures.runs, figures.closed),
    );
}

/// What the runs have shown.
#[derive(Default)]
struct Figures {
    runs: u64,
    closed: u64,
    most: usize,
    failed: usize,
    unreachable: usize,
}

impl std::fmt::Display for Figures {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { runs, closed, most, failed, unreachable } = self;
        write!(
            f,
            "{runs} runs of {HOSTS} hosts, {failed} failed, {unreachable} out of reach, {closed} runs ended by a gate, at most \
             {most} hosts under way at once; 0 violations"
        )
    }
}

/// The first seed: the same each time, unless `DTRCTL_SEED` says another one.
fn seed() -> u64 {
    std::env::var("DTRCTL_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(1)
}

/// So many runs; a violation fails the test, with the seed that shows it.
fn simulate(runs: u64, seed: u64) -> Figures {
    let names: Vec<String> = (1..=HOSTS).map(|number| format!("h{number:02}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut world = World::with(&names);
    let mut figures = Figures::default();
    for seed in seed..seed + runs {
        let case = Case::new(seed, &names);
        for host in &names {
            _ = std::fs::remove_file(world.root(host).join("etc/motd"));
        }
        let gone: Vec<&str> = case.gone.iter().map(String::as_str).collect();
        world = with_gone(world, &gone).playbook(&case.playbook());
        let ran = world.events(&["-f", &case.forks.to_string()]).any_code().any_stderr().run();
        let seen = Seen::of(&ran);
        case.judge(&seen, &world);
        figures.runs += 1;
        figures.closed += u64::from(seen.closed_at.is_some());
        figures.most = figures.most.max(seen.most);
        figures.failed += seen.failed.len();
        figures.unreachable += seen.unreachable.len();
    }
    figures
}

/// A sequence of numbers that is the same for a seed (splitmix64).
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % bound as u64).unwrap()
    }

    fn among<T: Clone>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())].clone()
    }
}

/// One run's hosts and gates.
struct Case {
    seed: u64,
    /// Hosts that fail at their second task, or at their first.
    broken: BTreeSet<String>,
    gone: BTreeSet<String>,
    canary: usize,
    /// The sizes of batches, of which the last repeats; or the size of the window.
    serial: Vec<usize>,
    window: Option<usize>,
    max_fail: Option<usize>,
    max_unreachable: Option<usize>,
    forks: usize,
}

impl Case {
    fn new(seed: u64, hosts: &[&str]) -> Self {
        let mut random = Random(seed);
        let mut some = || -> BTreeSet<String> {
            let percent = random.among(&[0, 4, 12, 30]);
            let picked = hosts.iter().filter(|_| random.below(100) < percent);
            picked.map(|host| (*host).to_owned()).collect()
        };
        let (broken, gone) = (some(), some());
        let slides = random.below(2) == 0;
        Self {
            seed,
            broken,
            gone,
            canary: random.among(&[0, 0, 1, 2, 5]),
            serial: if slides {
                vec![]
            } else {
                random.among(&[vec![], vec![1], vec![7], vec![1, 5, 12], vec![20]])
            },
            window: slides.then(|| 1 + random.below(12)),
            max_fail: random.among(&[None, Some(0), Some(1), Some(3), Some(5)]),
            max_unreachable: random.among(&[None, Some(0), Some(2), Some(5)]),
            forks: random.among(&[1, 3, 10, 50]),
        }
    }

    fn playbook(&self) -> String {
        let mut gates = BTreeMap::new();
        if self.canary > 0 {
            gates.insert("canary", json!(self.canary));
        }
        if let Some(window) = self.window {
            gates.insert("window", json!(window));
        } else if !self.serial.is_empty() {
            gates.insert("serial", json!(self.serial));
        }
        self.max_fail.map(|most| gates.insert("max_fail", json!(most)));
        // The same budget, as a percentage of 50 hosts.
        self.max_unreachable.map(|most| gates.insert("max_unreachable", json!(format!("{}%", most * 2))));
        let mut play = json!({
            "hosts": "docker",
            "vars": {"broken": self.broken, "early": self.seed.is_multiple_of(3)},
            "tasks": [
                {"assert": {"that": "not early or inventory_hostname not in broken"}},
                {"copy": {"dest": "/etc/motd", "content": format!("{}", self.seed)}},
                {"assert": {"that": "inventory_hostname not in broken"}},
                {"copy": {"dest": "/etc/motd", "content": format!("{} done", self.seed)}},
            ],
        });
        for (name, value) in gates {
            play[name] = value;
        }
        json!([play]).to_string()
    }

    fn judge(&self, seen: &Seen, world: &World) {
        let seed = self.seed;
        let most = match (self.window, self.serial.iter().max()) {
            (Some(window), _) => window.max(self.canary),
            (None, Some(serial)) => (*serial).max(self.canary),
            (None, None) => HOSTS,
        };
        assert!(seen.most <= most, "seed {seed}: {} hosts under way at once, not {most}", seen.most);
        assert_eq!(seen.violations, Vec::<String>::new(), "seed {seed}");
        for (name, budget, lost, at) in [
            ("max_fail", self.max_fail, seen.failed.len(), seen.failed_at(self.max_fail)),
            (
                "max_unreachable",
                self.max_unreachable,
                seen.unreachable.len(),
                seen.unreachable_at(self.max_unreachable),
            ),
        ] {
            let exceeded = budget.is_some_and(|most| lost > most);
            assert!(!exceeded || seen.exit == 5, "seed {seed}: `{name}` is exceeded, exit {}", seen.exit);
            let later = at.map_or(0, |at| seen.begun.values().filter(|begun| **begun > at).count());
            assert_eq!(later, 0, "seed {seed}: hosts have begun after `{name}` was exceeded");
        }
        // A canary that is lost, or is not through, lets nobody begin; those before the others have begun are the canary.
        if self.canary > 0 {
            let lost = seen.first(self.canary).into_iter().any(|host| seen.failed.contains(host));
            assert!(
                !lost || seen.begun.len() <= self.canary,
                "seed {seed}: hosts have begun after a lost canary"
            );
        }
        // With too many out of reach nothing changes anywhere.
        let too_many = self.max_unreachable.is_some_and(|most| self.gone.len() > most);
        assert!(!too_many || seen.changed.is_empty(), "seed {seed}: {:?} were changed", seen.changed);
        for host in world.hosts() {
            let touched = world.root(host).join("etc/motd").exists();
            assert!(
                !touched || seen.begun.contains_key(host),
                "seed {seed}: {host} was changed and never begun"
            );
            assert_eq!(touched, seen.changed.contains(host), "seed {seed}: {host}");
        }
        if seen.closed_at.is_none() {
            self.judge_whole(seen);
        }
    }

    /// Where no gate has closed, every host comes to its own end: none is left out, but for a batch that is lost whole.
    fn judge_whole(&self, seen: &Seen) {
        let left = seen
            .states
            .values()
            .filter(|state| ["aborted", "not_attempted"].contains(&state.as_str()))
            .count();
        assert!(left == 0 || seen.lost_batch, "seed {}: {left} hosts are left out", self.seed);
        for (host, state) in seen.states.iter().filter(|_| left == 0) {
            let expected = match (self.gone.contains(host), self.broken.contains(host)) {
                (true, _) => "unreachable",
                (_, true) => "failed",
                _ => "changed",
            };
            assert_eq!(state, expected, "seed {}: {host}", self.seed);
        }
    }
}

/// What a run's events say.
#[derive(Default)]
struct Seen {
    /// The most hosts under way at once, from their beginning to their end.
    most: usize,
    /// When each host began.
    begun: BTreeMap<String, usize>,
    failed: Vec<String>,
    unreachable: Vec<String>,
    failed_when: Vec<usize>,
    unreachable_when: Vec<usize>,
    changed: BTreeSet<String>,
    closed_at: Option<usize>,
    lost_batch: bool,
    exit: u64,
    states: BTreeMap<String, String>,
    violations: Vec<String>,
}

impl Seen {
    fn of(ran: &Ran) -> Self {
        let mut seen = Self::default();
        let mut under_way: BTreeSet<String> = BTreeSet::new();
        let mut batch: BTreeSet<String> = BTreeSet::new();
        for (at, event) in ran.events().iter().enumerate() {
            let host = event["host"].as_str().unwrap_or_default().to_owned();
            match event["event"].as_str().unwrap_or_default() {
                "batch_started" => batch = names(&event["hosts"]),
                "host_started" => seen.begins(at, &host, &batch, &mut under_way),
                "host_finished" => _ = under_way.remove(&host),
                "planned" if !under_way.contains(&host) => {
                    seen.violations.push(format!("{host} plans though it is not under way"));
                }
                "task_finished" => seen.ends_a_task(at, &host, event, &under_way),
                "host_failed" => {
                    seen.failed.push(host);
                    seen.failed_when.push(at);
                }
                "host_unreachable" => {
                    if seen.unreachable.contains(&host) {
                        seen.violations.push(format!("{host} is said to be out of reach twice"));
                    }
                    seen.unreachable.push(host);
                    seen.unreachable_when.push(at);
                }
                "gate_closed" => seen.closed_at = Some(at),
                "said" => {
                    seen.lost_batch |=
                        event["text"].as_str().is_some_and(|text| text.contains("the run ends here"));
                }
                "run_finished" => seen.ends(event),
                _ => {}
            }
            seen.most = seen.most.max(under_way.len());
        }
        seen
    }

    fn begins(&mut self, at: usize, host: &str, batch: &BTreeSet<String>, under_way: &mut BTreeSet<String>) {
        if self.closed_at.is_some() {
            self.violations.push(format!("{host} has begun after a gate had closed"));
        }
        if !batch.contains(host) || self.begun.insert(host.to_owned(), at).is_some() {
            self.violations.push(format!("{host} has begun out of its turn"));
        }
        under_way.insert(host.to_owned());
    }

    fn ends_a_task(&mut self, at: usize, host: &str, event: &Json, under_way: &BTreeSet<String>) {
        if !under_way.contains(host) {
            self.violations.push(format!("{host} works though it is not under way"));
        }
        match event["outcome"].as_str() {
            Some("failed") => {
                self.failed.push(host.to_owned());
                self.failed_when.push(at);
            }
            Some("changed") => _ = self.changed.insert(host.to_owned()),
            _ => {}
        }
    }

    fn ends(&mut self, event: &Json) {
        self.exit = event["exit"].as_u64().unwrap_or_default();
        for (host, recap) in event["hosts"].as_object().expect("hosts") {
            self.states.insert(host.clone(), recap["state"].as_str().unwrap_or_default().to_owned());
        }
        if self.closed_at.is_some() != (self.exit == 5) {
            self.violations.push(format!("exit {} and a gate that closed: {:?}", self.exit, self.closed_at));
        }
    }

    /// When so many hosts had failed that it was one too many.
    fn failed_at(&self, most: Option<usize>) -> Option<usize> {
        self.failed_when.get(most?).copied()
    }

    fn unreachable_at(&self, most: Option<usize>) -> Option<usize> {
        self.unreachable_when.get(most?).copied()
    }

    /// The hosts that began first.
    fn first(&self, count: usize) -> Vec<&String> {
        let mut begun: Vec<_> = self.begun.iter().collect();
        begun.sort_by_key(|(_, at)| **at);
        begun.into_iter().take(count).map(|(host, _)| host).collect()
    }
}

fn names(hosts: &Json) -> BTreeSet<String> {
    hosts.as_array().expect("hosts").iter().map(|host| host.as_str().unwrap_or_default().to_owned()).collect()
}
