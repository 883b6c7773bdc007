//! What a host says of the entries of its file systems, as typed answers.

use super::answer::AskError;
use super::decode::{Lines, attributes, garbled, text, unreadable};
use super::entry::{Entity, EntityKind, Numbers, Stat};
use super::path::HostPath;
use super::text::Mode;
use super::tree::{AskTree, Tree, TreeEntry};

pub(super) fn stat(path: &HostPath, lines: Lines<'_>) -> Result<Stat, AskError> {
    let Some(numbers) = lines.get("numbers") else {
        return match lines.get("kind") {
            Some("absent") => Ok(Stat { path: path.clone(), entry: None }),
            _ => Err(garbled("numbers")),
        };
    };
    let fields: Vec<&str> = numbers.split(' ').collect();
    let [raw, uid, gid, size, modified, accessed, changed, inode, device, links, blocks, block_size] =
        fields[..]
    else {
        return Err(garbled("numbers"));
    };
    let (kind, mode) = raw_mode(raw)?;
    let name = |key: &'static str| {
        let name = lines.get(key).map(text).transpose()?;
        Ok(name.map(|name| name.trim_end().to_owned()).filter(|name| name != "UNKNOWN"))
    };
    Ok(Stat {
        path: path.clone(),
        entry: Some(Entity {
            kind,
            mode,
            link: lines.get("link").map(text).transpose()?,
            source: lines.get("source").map(text).transpose()?,
            uid: Some(number(uid)?),
            gid: Some(number(gid)?),
            owner: name("owner")?,
            group: name("group")?,
            size: Some(number(size)?),
            numbers: Some(Numbers {
                modified: number(modified)?,
                accessed: number(accessed)?,
                changed: number(changed)?,
                inode: number(inode)?,
                device: number(device)?,
                links: number(links)?,
                blocks: number(blocks)?,
                block_size: number(block_size)?,
            }),
            rights: lines.get("rights").map(|rights| rights.trim_start_matches('-').to_owned()),
            checksum: lines.get("checksum").map(str::to_owned),
        }),
    })
}

fn number<N: std::str::FromStr>(text: &str) -> Result<N, AskError> {
    text.parse().map_err(|_| garbled("numbers"))
}

fn raw_mode(hex: &str) -> Result<(EntityKind, Mode), AskError> {
    let raw = u32::from_str_radix(hex, 16).map_err(|_| garbled("mode"))?;
    let bits = u16::try_from(raw & 0o7777).map_err(|_| garbled("mode"))?;
    Ok((EntityKind::of(raw).ok_or_else(|| garbled("mode"))?, Mode::new(bits)))
}

pub(super) fn tree(ask: &AskTree, lines: Lines<'_>) -> Result<Tree, AskError> {
    let path = ask.path.clone();
    match (lines.get("kind"), lines.get("error")) {
        (_, Some("large")) => {
            return Err(AskError::Host(format!(
                "`{path}` holds more than {} entries, too many to be shown; look at it by hand",
                ask.limit
            )));
        }
        (_, Some(_)) => return Err(unreadable(&path)),
        (Some("absent"), _) => return Ok(Tree { path, present: false, entries: Vec::new() }),
        (Some("dir"), _) => {}
        _ => return Err(AskError::Host(format!("`{path}` is not a directory"))),
    }
    let names = lines.bytes("names")?;
    let stats = lines.text("stats")?;
    let names: Vec<&[u8]> = names.split(|byte| *byte == 0).filter(|name| !name.is_empty()).collect();
    let stats: Vec<&str> = stats.lines().collect();
    if names.len() != stats.len() {
        return Err(AskError::Host(format!("`{path}` has changed while it was read; run again")));
    }
    // The directory itself comes first.
    let below = names.iter().zip(stats).skip(1);
    let mut entries = below.map(|(name, stat)| tree_entry(name, stat)).collect::<Result<Vec<_>, _>>()?;
    entries.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(Tree { path, present: true, entries })
}

fn tree_entry(name: &[u8], stat: &str) -> Result<TreeEntry, AskError> {
    let (raw, rest) = stat.split_once(',').ok_or_else(|| garbled("stats"))?;
    let name = name.strip_prefix(b"./").ok_or_else(|| garbled("names"))?.to_vec();
    Ok(TreeEntry { name, kind: raw_mode(raw)?.0, attributes: attributes(rest)? })
}
