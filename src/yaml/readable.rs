//! Characters that YAML 1.1 and 1.2 read differently, or not at all.

use std::sync::Arc;

use super::{Problem, Source};

/// Finds the first character that the reader under Ansible refuses, or takes for a line break where ours does not.
pub(super) fn check(source: &Arc<Source>) -> Result<(), Problem> {
    let suspicious = |byte: u8| byte >= 0x7f || (byte < b' ' && !matches!(byte, b'\t' | b'\n' | b'\r'));
    if !source.text.bytes().any(suspicious) {
        return Ok(());
    }
    for (offset, character) in source.text.char_indices() {
        if character == '\u{feff}' && source.text[..offset].ends_with('\n') {
            let place = source.place(offset..offset + character.len_utf8());
            return Err(
                Problem::new("a byte order mark stands at the beginning of a line", place).help("remove it")
            );
        }
        let Some((message, help)) = fault(character) else { continue };
        let place = source.place(offset..offset + character.len_utf8());
        return Err(Problem::new(message, place).label("here").help(help));
    }
    Ok(())
}

fn fault(character: char) -> Option<(String, String)> {
    let code = u32::from(character);
    match character {
        '\u{85}' | '\u{2028}' | '\u{2029}' => Some((
            format!("the line separator U+{code:04X} is read differently by different versions of YAML"),
            format!("write it as an escape within double quotes: `\"\\u{code:04x}\"`"),
        )),
        '\t' | '\n' | '\r' => None,
        '\u{0}'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{fffe}' | '\u{ffff}' => Some((
            format!("the control character U+{code:04X} is not allowed in YAML"),
            format!("write it as an escape within double quotes: `\"\\u{code:04x}\"`"),
        )),
        _ => None,
    }
}
