//! What stands at a path, in all that a host tells of it: asked by `stat`, and for hard links.

use aws_lc_rs::digest as sha;
use md5::{Digest as _, Md5};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::path::HostPath;
use super::text::{Call, Mode};

/// What stands at a path.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AskStat {
    /// Where.
    pub path: HostPath,
    /// Whether a link is followed.
    pub follow: bool,
    /// The checksum that is wanted of a file.
    pub checksum: Option<Checksum>,
    /// Whether times and blocks are wanted, which change by themselves: such an answer is never the same for long.
    pub times: bool,
}

/// A way to sum up a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Checksum {
    /// The MD5 of its content.
    Md5,
    /// The SHA-1 of its content.
    #[default]
    Sha1,
    /// The SHA-224 of its content.
    Sha224,
    /// The SHA-256 of its content.
    Sha256,
    /// The SHA-384 of its content.
    Sha384,
    /// The SHA-512 of its content.
    Sha512,
}

impl Checksum {
    /// Its name as programs have it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Md5 => "md5",
            Self::Sha1 => "sha1",
            Self::Sha224 => "sha224",
            Self::Sha256 => "sha256",
            Self::Sha384 => "sha384",
            Self::Sha512 => "sha512",
        }
    }

    /// The checksum of bytes, in lower-case hex.
    #[must_use]
    pub fn of(self, bytes: &[u8]) -> String {
        let algorithm = match self {
            Self::Md5 => return hex(&Md5::digest(bytes)),
            Self::Sha1 => &sha::SHA1_FOR_LEGACY_USE_ONLY,
            Self::Sha224 => &sha::SHA224,
            Self::Sha256 => &sha::SHA256,
            Self::Sha384 => &sha::SHA384,
            Self::Sha512 => &sha::SHA512,
        };
        hex(sha::digest(algorithm, bytes).as_ref())
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What stands at a path; `None` for what is not known of something that is only planned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stat {
    /// The path that was asked.
    pub path: HostPath,
    /// What is there; none where nothing is.
    pub entry: Option<Entity>,
}

/// Something at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entity {
    /// Its type.
    pub kind: EntityKind,
    /// Permission bits.
    pub mode: Mode,
    /// Where a link leads, as it is written in it.
    pub link: Option<String>,
    /// Where a link leads in the end.
    pub source: Option<String>,
    /// The owner's number.
    pub uid: Option<u32>,
    /// The group's number.
    pub gid: Option<u32>,
    /// The owner's name, where it has one.
    pub owner: Option<String>,
    /// The group's name, where it has one.
    pub group: Option<String>,
    /// Size in bytes.
    pub size: Option<u64>,
    /// What only the file system knows.
    pub numbers: Option<Numbers>,
    /// What the user of the task may do: some of `rwx`.
    pub rights: Option<String>,
    /// The checksum that was asked for.
    pub checksum: Option<String>,
}

/// What a file system keeps of an entry. Times are seconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Numbers {
    /// Last modification.
    pub modified: i64,
    /// Last access.
    pub accessed: i64,
    /// Last change of the entry itself.
    pub changed: i64,
    /// The inode.
    pub inode: u64,
    /// The device that holds it.
    pub device: u64,
    /// How many names it has.
    pub links: u64,
    /// Blocks of 512 bytes.
    pub blocks: u64,
    /// The size of a block that is best read at once.
    pub block_size: u64,
}

/// The types of entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntityKind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A link.
    Link,
    /// A pipe with a name.
    Fifo,
    /// A socket.
    Socket,
    /// A device read by characters.
    CharacterDevice,
    /// A device read by blocks.
    BlockDevice,
}

impl EntityKind {
    /// The type in the mode that the kernel gives.
    #[must_use]
    pub const fn of(raw: u32) -> Option<Self> {
        Some(match raw & 0o170_000 {
            0o100_000 => Self::File,
            0o040_000 => Self::Directory,
            0o120_000 => Self::Link,
            0o010_000 => Self::Fifo,
            0o140_000 => Self::Socket,
            0o020_000 => Self::CharacterDevice,
            0o060_000 => Self::BlockDevice,
            _ => return None,
        })
    }
}

impl AskStat {
    pub(super) fn call(&self) -> Call {
        Call::new("ask_stat")
            .path(&self.path)
            .word(if self.follow { "follow" } else { "stay" })
            .word(self.checksum.map_or("-", Checksum::name))
            .word(if self.times { "times" } else { "-" })
    }
}
