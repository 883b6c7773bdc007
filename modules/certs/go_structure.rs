//! The frame of a certificate as Go reads it, where the parser at hand is laxer: it passes over the class of a tag, and
//! leaves off in the middle of what it cannot read.

use super::der::{Item, is_oid, item, items, sequence};

/// Go's sentence, or one like it, for the frame of this certificate.
pub(super) fn fault(der: &[u8]) -> Option<&'static str> {
    read(der).err()
}

type Read = Result<(), &'static str>;

fn read(der: &[u8]) -> Read {
    let parts = sequence(der).ok_or("x509: malformed certificate")?;
    let [(0x30, signed), (0x30, outer), (3, [0..=7, ..])] = parts[..] else {
        return Err("x509: malformed signature");
    };
    let parts = items(signed).ok_or("x509: malformed tbs certificate")?;
    let parts = if matches!(parts.first(), Some((0xa0, _))) { &parts[1..] } else { &parts[..] };
    let [
        (2, _),
        (0x30, algorithm),
        (0x30, issuer),
        (0x30, validity),
        (0x30, subject),
        (0x30, key),
        rest @ ..,
    ] = parts
    else {
        return Err("x509: malformed tbs certificate");
    };
    if *algorithm != outer {
        return Err("x509: inner and outer signature algorithm identifiers don't match");
    }
    identifier(algorithm).ok_or("x509: malformed OID")?;
    name(issuer)?;
    let times = items(validity).ok_or("x509: malformed validity")?;
    if !times.iter().all(|(tag, _)| matches!(tag, 0x17 | 0x18)) {
        return Err("x509: unsupported time format");
    }
    name(subject)?;
    public_key(key)?;
    match rest.iter().find(|(tag, _)| *tag == 0xa3) {
        Some((_, list)) => extensions(list),
        None => Ok(()),
    }
}

/// The object identifier that an element begins with, and what follows it.
fn identifier(content: &[u8]) -> Option<Item<'_>> {
    match item(content)? {
        ((6, oid), rest) if is_oid(oid) => Some((6, rest)),
        _ => None,
    }
}

fn name(content: &[u8]) -> Read {
    for (tag, set) in items(content).ok_or("x509: invalid RDNSequence")? {
        if tag != 0x31 {
            return Err("x509: invalid RDNSequence");
        }
        for (tag, attribute) in items(set).ok_or("x509: invalid RDNSequence: invalid attribute")? {
            if tag != 0x30 {
                return Err("x509: invalid RDNSequence: invalid attribute");
            }
            let (_, value) =
                identifier(attribute).ok_or("x509: invalid RDNSequence: invalid attribute type")?;
            // Texts have tags without a class.
            if !matches!(item(value), Some(((tag, _), _)) if tag & 0xe0 == 0) {
                return Err("x509: invalid RDNSequence: invalid attribute value");
            }
        }
    }
    Ok(())
}

fn public_key(content: &[u8]) -> Read {
    const EC: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
    let ((0x30, algorithm), _) = item(content).ok_or("x509: malformed spki")? else {
        return Err("x509: malformed public key algorithm identifier");
    };
    let (_, parameters) = identifier(algorithm).ok_or("x509: malformed OID")?;
    if !parameters.is_empty() && item(parameters).is_none() {
        return Err("x509: malformed parameters");
    }
    let is_ec = matches!(item(algorithm), Some(((_, EC), _)));
    // A curve that is spelled out stands there as a sequence.
    if is_ec && identifier(parameters).is_none() {
        return Err("x509: invalid ECDSA parameters");
    }
    Ok(())
}

fn extensions(content: &[u8]) -> Read {
    for (tag, extension) in sequence(content).ok_or("x509: malformed extensions")? {
        if tag != 0x30 {
            return Err("x509: malformed extension");
        }
        let (_, rest) = identifier(extension).ok_or("x509: malformed extension OID field")?;
        let rest = match item(rest) {
            Some(((1, [0 | 0xff]), rest)) => rest,
            _ if rest.first() == Some(&1) => return Err("x509: malformed extension critical field"),
            _ => rest,
        };
        if !matches!(item(rest), Some(((4, _), _))) {
            return Err("x509: malformed extension value field");
        }
    }
    Ok(())
}
