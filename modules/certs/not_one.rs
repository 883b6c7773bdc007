//! What bytes are that are no certificate: a parser's own words for it help nobody.

use x509_parser::error::X509Error;
use x509_parser::nom;

use super::der::{Item, item, items};

/// What to say of bytes that the parser has refused.
pub(super) fn reason(der: &[u8], error: &nom::Err<X509Error>) -> String {
    if let Some(missing) = missing(der) {
        let bytes = if missing == 1 { "1 byte is".to_owned() } else { format!("{missing} bytes are") };
        return format!("it ends too early, {bytes} missing");
    }
    if let Some(kind) = kind(der) {
        return kind.to_owned();
    }
    match error {
        nom::Err::Error(X509Error::Der(_) | X509Error::NomError(_) | X509Error::Generic)
        | nom::Err::Failure(X509Error::Der(_) | X509Error::NomError(_) | X509Error::Generic)
        | nom::Err::Incomplete(_) => "it is damaged, or something else".to_owned(),
        nom::Err::Error(error) | nom::Err::Failure(error) => format!("it is damaged ({error})"),
    }
}

/// The bytes that are missing, going by the length that the first element gives itself.
fn missing(der: &[u8]) -> Option<usize> {
    let (&first, rest) = der.strip_prefix(&[0x30])?.split_first()?;
    let size = if first & 0x80 == 0 { 0 } else { usize::from(first & 0x7f) };
    let wanted = match rest.get(..size)? {
        [] if first & 0x80 == 0 => usize::from(first),
        bytes @ ([_] | [_, _] | [_, _, _]) => {
            bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte))
        }
        _ => return None,
    };
    wanted.checked_sub(rest.len() - size).filter(|missing| *missing > 0)
}

fn kind(der: &[u8]) -> Option<&'static str> {
    let ((0x30, content), _) = item(der)? else { return None };
    match items(content)?[..] {
        [(2, _), (0x30, algorithm), (4, _), ..] if is_algorithm(algorithm) => Some("it is a private key"),
        [(2, [1]), (4, _), ..] | [(2, [0]), (2, _), (2, _), (2, _), ..] => Some("it is a private key"),
        [(2, [3]), (0x30, _), ..] => Some("it is a PKCS#12 file"),
        [(6, _), (0xa0, _)] => Some("it is PKCS#7"),
        [(0x30, algorithm), (3, _)] if is_algorithm(algorithm) => Some("it is a bare public key"),
        [(0x30, signed), (0x30, _), (3, _)] => kind_of_signed(&items(signed)?),
        _ => None,
    }
}

/// A request and a list of revoked certificates are signed as a certificate is.
fn kind_of_signed(parts: &[Item<'_>]) -> Option<&'static str> {
    match parts {
        [(2, _), (0x30, _), (0x30, _), (0xa0, _)] => {
            Some("it is the request for one; take what the CA answered")
        }
        [(2, _), (0x30, _), (0x30, _), (0x17 | 0x18, _), ..]
        | [(0x30, _), (0x30, _), (0x17 | 0x18, _), ..] => Some("it is a list of revoked certificates"),
        _ => None,
    }
}

fn is_algorithm(content: &[u8]) -> bool {
    matches!(item(content), Some(((6, _), _)))
}
