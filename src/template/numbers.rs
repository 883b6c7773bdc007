//! Numbers as text in C's formats, as Python's `%` and `format` write them.

/// How a number is to be written.
#[derive(Clone, Copy)]
pub(super) struct NumberFormat {
    /// One of `f e g x o b d`, lower case.
    pub(super) kind: char,
    pub(super) precision: Option<usize>,
    pub(super) upper: bool,
    pub(super) alternate: bool,
}

/// Digits of a float without its sign.
pub(super) fn float_digits(f: f64, format: NumberFormat) -> String {
    let f = f.abs();
    let precision = format.precision.unwrap_or(6);
    let digits = if f.is_nan() {
        "nan".to_owned()
    } else if f.is_infinite() {
        "inf".to_owned()
    } else {
        match format.kind {
            'e' => exponential(f, precision),
            'g' => general(f, precision.max(1), format.alternate),
            _ => format!("{f:.precision$}"),
        }
    };
    if format.upper { digits.to_uppercase() } else { digits }
}

fn exponential(f: f64, precision: usize) -> String {
    let text = format!("{f:.precision$e}");
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    format!("{mantissa}e{}{:02}", if exponent < 0 { '-' } else { '+' }, exponent.abs())
}

/// The shorter of the plain and the exponential form, without trailing zeros.
fn general(f: f64, precision: usize, keep_zeros: bool) -> String {
    let rounded = exponential(f, precision - 1);
    let (mantissa, exponent) = rounded.split_once('e').unwrap_or((&rounded, "0"));
    let exponent: i64 = exponent.parse().unwrap_or(0);
    let trim = |text: &str| {
        if keep_zeros || !text.contains('.') {
            text.to_owned()
        } else {
            text.trim_end_matches('0').trim_end_matches('.').to_owned()
        }
    };
    if exponent < -4 || exponent >= i64::try_from(precision).unwrap_or(i64::MAX) {
        return format!("{}e{}{:02}", trim(mantissa), if exponent < 0 { '-' } else { '+' }, exponent.abs());
    }
    let decimals = usize::try_from(i64::try_from(precision).unwrap_or(i64::MAX) - 1 - exponent).unwrap_or(0);
    trim(&format!("{f:.decimals$}"))
}

/// Digits of an integer without its sign.
pub(super) fn int_digits(i: i128, format: NumberFormat) -> String {
    let magnitude = i.unsigned_abs();
    let (prefix, digits) = match format.kind {
        'x' => ("0x", format!("{magnitude:x}")),
        'o' => ("0o", format!("{magnitude:o}")),
        'b' => ("0b", format!("{magnitude:b}")),
        _ => ("", magnitude.to_string()),
    };
    let text = if format.alternate { format!("{prefix}{digits}") } else { digits };
    if format.upper { text.to_uppercase() } else { text }
}

/// Whether a number is written with a minus.
pub(super) fn is_negative(f: f64) -> bool {
    f.is_sign_negative() && !f.is_nan()
}
