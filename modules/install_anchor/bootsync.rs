//! A marked block in a script, with every other byte as it was.

/// The line that begins a block.
pub const BEGIN: &str = "# dtrctl: begin";
/// The same where the script itself is dtrctl's.
const BEGIN_ALONE: &str = "# dtrctl: begin (of a file of its own)";
/// The line that ends it.
pub const END: &str = "# dtrctl: end";
const SHEBANG: &[u8] = b"#!/bin/sh\n";

/// Where a block stands, and whether the script is dtrctl's.
struct Block {
    start: usize,
    /// Behind the last line, without its newline.
    end: usize,
    alone: bool,
}

/// A script with the block, once, and before everything else: what a script ends with may end it.
///
/// # Errors
/// The number of the line that begins a block without an end.
pub fn with_block(text: Option<&[u8]>, body: &str) -> Result<Vec<u8>, usize> {
    let Some(text) = text else { return Ok(inserted(SHEBANG, body, true)) };
    let alone = find(text)?.is_some_and(|block| block.alone);
    let rest = without_block(Some(text))?.unwrap_or_else(|| SHEBANG.to_vec());
    Ok(inserted(&rest, body, alone))
}

/// A script without the block; none where nothing of anybody else's is left, or nothing was there.
///
/// # Errors
/// The number of the line that begins a block without an end.
pub fn without_block(text: Option<&[u8]>) -> Result<Option<Vec<u8>>, usize> {
    let Some(text) = text else { return Ok(None) };
    let Some(block) = find(text)? else { return Ok(Some(text.to_vec())) };
    // A block that no newline ends was put behind a line that had none.
    let (start, end) = match text.get(block.end) {
        Some(_) => (block.start, block.end + 1),
        None => (block.start.saturating_sub(1), block.end),
    };
    let rest = [&text[..start], &text[end..]].concat();
    Ok((!(block.alone && rest == SHEBANG)).then_some(rest))
}

fn inserted(text: &[u8], body: &str, alone: bool) -> Vec<u8> {
    let begin = if alone { BEGIN_ALONE } else { BEGIN };
    let block = format!("{begin}\n{body}{END}");
    let first = text.iter().position(|&byte| byte == b'\n');
    match (text.starts_with(b"#!"), first) {
        (true, None) => [text, b"\n", block.as_bytes()].concat(),
        (true, Some(at)) => [&text[..=at], block.as_bytes(), b"\n", &text[at + 1..]].concat(),
        (false, _) if text.is_empty() => block.into_bytes(),
        (false, _) => [block.as_bytes(), b"\n", text].concat(),
    }
}

fn find(text: &[u8]) -> Result<Option<Block>, usize> {
    let mut found: Option<(usize, usize, bool)> = None;
    let mut at = 0;
    for (index, line) in text.split(|&byte| byte == b'\n').enumerate() {
        if line == BEGIN.as_bytes() || line == BEGIN_ALONE.as_bytes() {
            found = Some((at, index + 1, line == BEGIN_ALONE.as_bytes()));
        }
        if let (Some((start, _, alone)), true) = (found, line == END.as_bytes()) {
            return Ok(Some(Block { start, end: at + line.len(), alone }));
        }
        at += line.len() + 1;
    }
    found.map_or(Ok(None), |(_, line, _)| Err(line))
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &str = "true\n";

    #[test]
    fn a_block_comes_once_and_goes_without_a_trace() {
        for text in [
            "",
            "#!/bin/sh",
            "#!/bin/sh\n",
            "#!/bin/sh -e\necho a\nexit 0",
            "echo a",
            "echo a\n",
            "\n",
            "#x\r\ny\r\n",
        ] {
            let with = with_block(Some(text.as_bytes()), BODY).unwrap();
            assert_eq!(with_block(Some(&with), BODY).unwrap(), with, "{text:?}");
            let other = with_block(Some(&with), "false\n").unwrap();
            assert_eq!(with_block(Some(&other), BODY).unwrap(), with, "{text:?}");
            assert_eq!(without_block(Some(&with)).unwrap().as_deref(), Some(text.as_bytes()), "{text:?}");
            assert_eq!(without_block(Some(text.as_bytes())).unwrap().as_deref(), Some(text.as_bytes()));
        }
    }

    #[test]
    fn it_stands_behind_the_first_line_and_before_what_may_end_the_script() {
        let with = with_block(Some(b"#!/bin/sh\nexit 0\n"), BODY).unwrap();
        assert_eq!(with, b"#!/bin/sh\n# dtrctl: begin\ntrue\n# dtrctl: end\nexit 0\n");
    }

    #[test]
    fn a_file_of_our_own_goes_and_what_others_have_added_stays() {
        let with = with_block(None, BODY).unwrap();
        assert!(with.starts_with(SHEBANG));
        assert_eq!(without_block(Some(&with)).unwrap(), None);
        assert_eq!(without_block(None).unwrap(), None);
        let added = [&with[..], b"echo b\n"].concat();
        let rest = without_block(Some(&added)).unwrap();
        assert_eq!(rest.as_deref(), Some(&b"#!/bin/sh\necho b\n"[..]));
        assert_eq!(with_block(Some(&with), BODY).unwrap(), with);
    }

    #[test]
    fn a_block_without_an_end_is_named() {
        assert_eq!(without_block(Some(b"a\n# dtrctl: begin\nb\n")), Err(2));
        assert_eq!(with_block(Some(b"# dtrctl: begin\n"), BODY), Err(1));
    }
}
