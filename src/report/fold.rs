//! Host names folded into ranges, as an inventory writes them: `web[001:400]`.

use std::collections::HashMap;

/// Folds names into ranges, separated by commas. Names that share all but one number come together, in the order of
/// that number; else the given order stays.
#[must_use]
pub fn fold<S: AsRef<str>>(hosts: &[S]) -> String {
    let mut seen = std::collections::HashSet::new();
    let mut names: Vec<Name> =
        hosts.iter().map(AsRef::as_ref).filter(|name| seen.insert(*name)).map(Name::new).collect();
    loop {
        let before = names.len();
        names = once(&names);
        // `a[1:2]b1` and `a[1:2]b2` fold once more.
        if names.len() == before {
            return names.iter().map(|name| name.0.concat()).collect::<Vec<_>>().join(",");
        }
    }
}

/// A name cut into text, at odd places its numbers; a range that was folded already is text.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Name(Vec<String>);

impl Name {
    fn new(text: &str) -> Self {
        let (mut parts, mut in_number) = (vec![String::new()], false);
        // Such a name could be taken for a range.
        let foldable = !text.contains(['[', ']', ',']);
        for c in text.chars() {
            if c.is_ascii_digit() != in_number && foldable {
                in_number = !in_number;
                parts.push(String::new());
            }
            if let Some(part) = parts.last_mut() {
                part.push(c);
            }
        }
        Self(parts)
    }

    /// Where its numbers are.
    fn numbers(&self) -> impl Iterator<Item = usize> {
        (1..self.0.len()).step_by(2)
    }

    /// The name without the number at `place`: what it has in common with others of its family.
    fn family(&self, place: usize) -> (usize, Vec<&str>) {
        let blank = |(index, part)| if index == place { "" } else { part };
        (place, self.0.iter().map(String::as_str).enumerate().map(blank).collect())
    }

    /// The name with a range in the place of a number.
    fn ranged(&self, place: usize, last: &str) -> Self {
        let mut parts = self.0.clone();
        let range = format!(
            "{}[{}:{last}]{}",
            parts[place - 1],
            parts[place],
            parts.get(place + 1).map_or("", |p| p)
        );
        parts.splice(place - 1..parts.len().min(place + 2), [range]);
        Self(parts)
    }
}

/// Folds along one number of each name: the one that most names share, the leftmost of equals.
fn once(names: &[Name]) -> Vec<Name> {
    let mut sizes: HashMap<_, usize> = HashMap::new();
    for name in names {
        for place in name.numbers() {
            *sizes.entry(name.family(place)).or_default() += 1;
        }
    }
    let mut families: HashMap<_, usize> = HashMap::new();
    let mut members: Vec<(Option<usize>, Vec<&Name>)> = Vec::new();
    for name in names {
        let size = |place: &usize| sizes.get(&name.family(*place)).copied().unwrap_or_default();
        let best = name.numbers().max_by_key(|place| (size(place), std::cmp::Reverse(*place)));
        match best.filter(|place| size(place) > 1) {
            None => members.push((None, vec![name])),
            Some(place) => {
                let next = members.len();
                let index = *families.entry(name.family(place)).or_insert(next);
                if index == next {
                    members.push((Some(place), Vec::new()));
                }
                members[index].1.push(name);
            }
        }
    }
    members.into_iter().flat_map(|(place, family)| ranges(place, &family)).collect()
}

fn ranges(place: Option<usize>, family: &[&Name]) -> Vec<Name> {
    let Some(place) = place else {
        return family.iter().map(|name| (*name).clone()).collect();
    };
    // A number that no machine counts to stays as it is.
    let value = |name: &Name| name.0[place].parse::<u64>().unwrap_or(u64::MAX);
    let mut sorted = family.to_vec();
    sorted.sort_by_key(|name| (value(name), name.0[place].len()));
    // `1` and `01` in one family count side by side, each in its own width.
    let mut open: Vec<(&Name, &Name)> = Vec::new();
    for name in sorted {
        let follows = |(first, last): &(&Name, &Name)| {
            let width = first.0[place].len();
            value(last).checked_add(1).is_some_and(|next| format!("{next:0width$}") == name.0[place])
        };
        match open.iter().rposition(follows) {
            Some(index) => open[index].1 = name,
            None => open.push((name, name)),
        }
    }
    let range = |(first, last): (&Name, &Name)| {
        if first == last { first.clone() } else { first.ranged(place, &last.0[place]) }
    };
    open.into_iter().map(range).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn folded(hosts: &str) -> String {
        fold(&hosts.split(' ').collect::<Vec<_>>())
    }

    #[test]
    fn names_fold_as_an_inventory_writes_them() {
        let fleet: Vec<String> = (1..=400).map(|n| format!("web{n:03}")).collect();
        assert_eq!(fold(&fleet), "web[001:400]");
        assert_eq!(folded("web1 db1 web2 web3"), "web[1:3],db1");
        assert_eq!(folded("web8 web9 web10 web12"), "web[8:10],web12");
        assert_eq!(folded("web2.dc1 web1.dc1 web1.dc2 web2.dc2"), "web[1:2].dc[1:2]");
        assert_eq!(folded("10.0.0.9 10.0.0.10 10.0.1.1"), "10.0.0.[9:10],10.0.1.1");
        assert_eq!(folded("n1 n01 n2 n02 n003"), "n[1:2],n[01:02],n003");
        assert_eq!(folded("a b a"), "a,b");
        assert_eq!(folded("1 2 3"), "[1:3]");
        assert_eq!(folded("x[1:2] x3"), "x[1:2],x3");
        assert_eq!(
            folded("n18446744073709551615 n99999999999999999999999"),
            "n18446744073709551615,n99999999999999999999999"
        );
        assert_eq!(fold::<&str>(&[]), "");
    }

    /// The names that a folded text stands for.
    fn expand(text: &str) -> Vec<String> {
        let Some((before, rest)) = text.split_once('[') else {
            return vec![text.to_owned()];
        };
        let (range, after) = rest.split_once(']').expect("a range ends");
        let (first, last) = range.split_once(':').expect("a range has two ends");
        let numbers = first.parse::<u64>().expect("a number")..=last.parse::<u64>().expect("a number");
        let tails = expand(after);
        let name =
            |n: u64| tails.iter().map(move |tail| format!("{before}{n:0width$}{tail}", width = first.len()));
        numbers.flat_map(name).collect()
    }

    proptest! {
        #[test]
        fn no_name_is_lost_or_invented(hosts in proptest::collection::vec("[ab]?[0-9]{1,2}(-[0-9])?[c.]?", 0..60)) {
            let folded = fold(&hosts);
            let mut names: Vec<String> = if hosts.is_empty() { vec![] } else { folded.split(',').flat_map(expand).collect() };
            let mut given = hosts;
            names.sort();
            given.sort();
            given.dedup();
            prop_assert_eq!(names, given);
        }
    }
}
