//! DER by its tags and lengths alone, as Go cuts it up: no tag of several bytes, no length longer than it has to be.

/// A tag and the content.
pub(super) type Item<'a> = (u8, &'a [u8]);

/// The elements of a DER sequence that is all there is.
pub(super) fn sequence(der: &[u8]) -> Option<Vec<Item<'_>>> {
    match items(der)?[..] {
        [(0x30, content)] => items(content),
        _ => None,
    }
}

/// Elements one after the other, to the end.
pub(super) fn items(mut der: &[u8]) -> Option<Vec<Item<'_>>> {
    let mut found = Vec::new();
    while !der.is_empty() {
        let (item, rest) = item(der)?;
        found.push(item);
        der = rest;
    }
    Some(found)
}

/// The first element, and what follows it.
pub(super) fn item(der: &[u8]) -> Option<(Item<'_>, &[u8])> {
    let (&tag, rest) = der.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        0x81..=0x84 => {
            let (bytes, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            let length = bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte));
            (Some(length).filter(|length| *length > 0x7f && bytes[0] != 0)?, rest)
        }
        _ => return None,
    };
    let (content, rest) = rest.split_at_checked(length)?;
    (tag & 0x1f != 0x1f).then_some(((tag, content), rest))
}

/// Whether this is the content of an object identifier that Go reads: whole numbers, each of 31 bits at most.
pub(super) fn is_oid(content: &[u8]) -> bool {
    let mut number = 0_u64;
    for byte in content {
        number = number << 7 | u64::from(byte & 0x7f);
        if number >> 31 != 0 {
            return false;
        }
        if byte & 0x80 == 0 {
            number = 0;
        }
    }
    content.last().is_some_and(|last| last & 0x80 == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_are_cut_as_go_cuts_them() {
        assert_eq!(items(&[2, 1, 5, 5, 0]), Some(vec![(2, &[5][..]), (5, &[][..])]));
        assert_eq!(sequence(&[0x30, 3, 2, 1, 5]), Some(vec![(2, &[5][..])]));
        let long = [&[4, 0x81, 0x80][..], &[0; 0x80]].concat();
        assert_eq!(items(&long).unwrap()[0].1.len(), 0x80);
        for bad in
            [&[2][..], &[2, 2, 1], &[4, 0x81, 1, 0], &[4, 0x82, 0, 0x80], &[4, 0x80, 0, 0], &[0x1f, 1, 0]]
        {
            assert_eq!(items(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn identifiers_are_whole_numbers_of_31_bits() {
        for good in [&[0x55, 0x1d, 0x11][..], &[0x2a, 0x86, 0x48], &[0x2a, 0x87, 0xff, 0xff, 0xff, 0x7f]] {
            assert!(is_oid(good), "{good:?}");
        }
        for bad in [&[][..], &[0x55, 0x9d], &[0x2a, 0x88, 0x80, 0x80, 0x80, 0x00]] {
            assert!(!is_oid(bad), "{bad:?}");
        }
    }
}
