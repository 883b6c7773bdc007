//! Distinguished names as one line, in the form and with the short names of
//! `openssl x509 -nameopt RFC2253,utf8`.

use std::fmt::Write as _;

use x509_parser::der_parser::asn1_rs::{Any, Tag, ToDer as _};
use x509_parser::x509::{AttributeTypeAndValue, X509Name};

const SHORT_NAMES: &[(&str, &str)] = &[
    ("2.5.4.3", "CN"),
    ("2.5.4.4", "SN"),
    ("2.5.4.5", "serialNumber"),
    ("2.5.4.6", "C"),
    ("2.5.4.7", "L"),
    ("2.5.4.8", "ST"),
    ("2.5.4.9", "street"),
    ("2.5.4.10", "O"),
    ("2.5.4.11", "OU"),
    ("2.5.4.12", "title"),
    ("2.5.4.13", "description"),
    ("2.5.4.15", "businessCategory"),
    ("2.5.4.16", "postalAddress"),
    ("2.5.4.17", "postalCode"),
    ("2.5.4.18", "postOfficeBox"),
    ("2.5.4.20", "telephoneNumber"),
    ("2.5.4.41", "name"),
    ("2.5.4.42", "GN"),
    ("2.5.4.43", "initials"),
    ("2.5.4.44", "generationQualifier"),
    ("2.5.4.45", "x500UniqueIdentifier"),
    ("2.5.4.46", "dnQualifier"),
    ("2.5.4.65", "pseudonym"),
    ("2.5.4.97", "organizationIdentifier"),
    ("0.9.2342.19200300.100.1.1", "UID"),
    ("0.9.2342.19200300.100.1.25", "DC"),
    ("1.2.840.113549.1.9.1", "emailAddress"),
    ("1.2.840.113549.1.9.2", "unstructuredName"),
    ("1.3.6.1.4.1.311.60.2.1.1", "jurisdictionL"),
    ("1.3.6.1.4.1.311.60.2.1.2", "jurisdictionST"),
    ("1.3.6.1.4.1.311.60.2.1.3", "jurisdictionC"),
];

pub(super) const COMMON_NAME: &str = "2.5.4.3";
pub(super) const ORGANIZATION: &str = "2.5.4.10";

/// The name, most specific part first.
pub(super) fn one_line(name: &X509Name<'_>) -> String {
    let mut parts: Vec<String> = name
        .iter_rdn()
        .map(|rdn| rdn.iter().map(attribute).collect::<Vec<_>>().join("+"))
        .filter(|part| !part.is_empty())
        .collect();
    parts.reverse();
    parts.join(",")
}

/// OpenSSL and Go refuse such a certificate; the parser at hand does not look.
pub(super) fn has_broken_text(name: &X509Name<'_>) -> bool {
    name.iter_attributes()
        .map(AttributeTypeAndValue::attr_value)
        .any(|value| value.tag() == Tag::Utf8String && std::str::from_utf8(value.data).is_err())
}

/// The last value of a type in the name, which is the one that Go takes.
pub(super) fn last_value(name: &X509Name<'_>, oid: &str) -> Option<String> {
    name.iter_attributes()
        .filter(|attribute| attribute.attr_type().to_id_string() == oid)
        .filter_map(|attribute| text(attribute.attr_value()))
        .last()
}

/// The first value of a type in the name.
pub(super) fn first_value(name: &X509Name<'_>, oid: &str) -> Option<String> {
    name.iter_attributes()
        .filter(|attribute| attribute.attr_type().to_id_string() == oid)
        .find_map(|attribute| text(attribute.attr_value()))
}

fn attribute(attribute: &AttributeTypeAndValue<'_>) -> String {
    let oid = attribute.attr_type().to_id_string();
    let short = SHORT_NAMES.iter().find(|(known, _)| *known == oid).map(|(_, name)| *name);
    let value = match (short, text(attribute.attr_value())) {
        (Some(_), Some(value)) => escape(&value),
        _ => dump(attribute.attr_value()),
    };
    format!("{}={value}", short.unwrap_or(&oid))
}

/// The characters of a string type; `None` for other types and broken encodings.
pub(super) fn text(value: &Any<'_>) -> Option<String> {
    match value.tag() {
        Tag::Utf8String => String::from_utf8(value.data.to_vec()).ok(),
        Tag::PrintableString | Tag::NumericString | Tag::Ia5String | Tag::VisibleString | Tag::T61String => {
            Some(value.data.iter().map(|&byte| char::from(byte)).collect())
        }
        Tag::BmpString => {
            let units = value.data.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]]));
            char::decode_utf16(units).collect::<Result<_, _>>().ok()
        }
        Tag::UniversalString => {
            let points = value.data.chunks_exact(4).map(|four| [four[0], four[1], four[2], four[3]]);
            points.map(|four| char::from_u32(u32::from_be_bytes(four))).collect()
        }
        _ => None,
    }
}

fn escape(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    let last = value.chars().count().saturating_sub(1);
    for (index, found) in value.chars().enumerate() {
        match found {
            ',' | '+' | '"' | '\\' | '<' | '>' | ';' => out.extend(['\\', found]),
            '#' if index == 0 => out.push_str("\\#"),
            ' ' if index == 0 || index == last => out.push_str("\\ "),
            '\0'..='\x1f' | '\x7f' => {
                let _ = write!(out, "\\{:02X}", u32::from(found));
            }
            _ => out.push(found),
        }
    }
    out
}

/// The whole encoding in hexadecimal, for what has no text.
fn dump(value: &Any<'_>) -> String {
    let bytes = value.to_der_vec().unwrap_or_else(|_| value.data.to_vec());
    bytes.iter().fold(String::from("#"), |mut out, byte| {
        let _ = write!(out, "{byte:02X}");
        out
    })
}
