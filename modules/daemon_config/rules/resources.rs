//! `node-generic-resources`, as dockerd adds its items up.

use super::judge::Trouble;

/// What dockerd says against these items, by their numbers: a kind of resource has one number, or names.
pub(super) fn judge<'a>(items: impl Iterator<Item = (usize, &'a str)>) -> Vec<(usize, Trouble)> {
    let (mut read, mut found) = (Vec::new(), Vec::new());
    for (i, item) in items {
        match term(item) {
            Some((kind, value)) => read.push((i, kind, value)),
            None => found.push((i, Trouble::Resource(item.to_owned()))),
        }
    }
    for (at, &(i, kind, value)) in read.iter().enumerate() {
        let same = |other: &&(usize, &str, &str)| other.1 == kind;
        let first = read[..at].iter().find(same);
        let alone = read.iter().filter(same).count() == 1;
        let numbers = || read.iter().filter(same).any(|other| number(other.2).is_some());
        if alone && number(value).is_some_and(|number| number < 0) {
            found.push((i, Trouble::ResourceNegative(kind.to_owned())));
        } else if first.is_some() && numbers() {
            found.push((i, Trouble::ResourceMixed(kind.to_owned())));
        }
    }
    found
}

fn term(item: &str) -> Option<(&str, &str)> {
    let (kind, value) = item.split_once('=').filter(|(_, value)| !value.contains('='))?;
    Some((kind.trim(), value.trim()))
}

fn number(value: &str) -> Option<i64> {
    value.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The numbers of the items that are wrong, as dockerd 20.10.24 judges them.
    fn wrong(items: &[&str]) -> Vec<usize> {
        judge(items.iter().copied().enumerate()).into_iter().map(|(i, _)| i).collect()
    }

    #[test]
    fn a_kind_has_one_number_or_names() {
        for good in [
            &["a=1"][..],
            &["a=b", "a=c", "a=c"],
            &["a=1", "b=c", "A=d"],
            &["=1", "a="],
            &["a=0", "b=-0", "c=1.5", "d=-9223372036854775809"],
        ] {
            assert_eq!(wrong(good), [0; 0], "{good:?}");
        }
        for bad in
            [&["a"][..], &[""], &["a=1=2"], &["a=b,c=d"], &["a=-1"], &["a= -1"], &["a=-9223372036854775808"]]
        {
            assert_eq!(wrong(bad), [0], "{bad:?}");
        }
        for mixed in
            [&["a=1", "a=b"][..], &["a=b", "a=1"], &["a=1", "a=2"], &[" a=1", "a=+1"], &["a =-1", "a=b"]]
        {
            assert_eq!(wrong(mixed), [1], "{mixed:?}");
        }
    }
}
