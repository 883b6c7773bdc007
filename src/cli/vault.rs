//! The passwords of what `ansible-vault` has encrypted, for every subcommand that reads the user's files.

use std::path::{Path, PathBuf};
use std::sync::Once;

use clap::Args;
use serde::{Deserialize, Serialize};

use super::options::standard_input;
use super::settings::settings;
use crate::error::Failure;
use crate::vault::{self, Password, Unreadable};

/// The passwords of encrypted files and values.
#[derive(Debug, Clone, Args, Serialize, Deserialize)]
pub struct VaultOptions {
    /// Asks for the password of what ansible-vault has encrypted.
    #[arg(short = 'J', long = "ask-vault-pass", visible_alias = "ask-vault-password")]
    ask: bool,
    /// Reads the vault's password from this file; one that may be executed is run, `-` is standard input. May be given again.
    #[arg(long = "vault-password-file", visible_alias = "vault-pass-file", value_name = "FILE")]
    files: Vec<PathBuf>,
    /// The password of texts with this label: from a file or program as above, or `LABEL@prompt`. May be given again.
    #[arg(long = "vault-id", value_name = "LABEL@SOURCE")]
    ids: Vec<String>,
}

impl VaultOptions {
    /// Puts the passwords on the process's keyring, once.
    pub fn unlock(&self) -> Result<(), Failure> {
        static DONE: Once = Once::new();
        if DONE.is_completed() {
            return Ok(());
        }
        for (label, source) in self.sources()? {
            let password = source.password(label.as_deref())?;
            vault::keyring().add(label, password);
        }
        DONE.call_once(|| {});
        Ok(())
    }

    /// Where passwords come from: those of the configuration first, as Ansible has it, then the flags.
    fn sources(&self) -> Result<Vec<(Option<String>, Origin)>, Failure> {
        let settings = settings()?;
        let mut sources: Vec<_> = settings.vault_ids.iter().chain(&self.ids).map(|id| labelled(id)).collect();
        if self.ask || settings.ask_vault_pass {
            sources.push((None, Origin::Prompt));
        }
        let given = self.files.iter().map(|path| (None, Origin::of(path)));
        sources.extend(given);
        let own = std::env::var_os("DTRCTL_VAULT_PASSWORD_FILE").map(PathBuf::from);
        let file = own.or_else(|| settings.vault_password_file.clone());
        sources.extend(file.map(|path| (None, Origin::of(&path))));
        Ok(sources)
    }
}

/// `LABEL@SOURCE`, or the source alone.
fn labelled(id: &str) -> (Option<String>, Origin) {
    let (label, source) = id.split_once('@').map_or((None, id), |(label, source)| (Some(label), source));
    let origin = match source {
        "prompt" | "prompt_ask_vault_pass" => Origin::Prompt,
        path => Origin::of(Path::new(path)),
    };
    (label.filter(|label| !label.is_empty()).map(str::to_owned), origin)
}

enum Origin {
    Prompt,
    Stdin,
    File(PathBuf),
}

impl Origin {
    fn of(path: &Path) -> Self {
        let home = std::env::var_os("HOME").map(PathBuf::from);
        match (path.strip_prefix("~"), home) {
            _ if path == Path::new("-") => Self::Stdin,
            (Ok(rest), Some(home)) => Self::File(home.join(rest)),
            _ => Self::File(path.to_owned()),
        }
    }

    fn password(&self, label: Option<&str>) -> Result<Password, Failure> {
        let password = match self {
            Self::Prompt => {
                let whose = label.map(|label| format!(" ({label})")).unwrap_or_default();
                let asked =
                    rpassword::prompt_password(format!("vault password{whose}: ")).map_err(|error| {
                        Failure::said(format!("the vault password cannot be asked for: {error}"))
                            .help("without a terminal, give --vault-password-file")
                    })?;
                Password::new(asked.as_bytes())
            }
            Self::Stdin => {
                let text = standard_input().map_err(|error| {
                    Failure::said(format!("the vault password cannot be read from standard input: {error}"))
                })?;
                Password::new(text.as_bytes())
            }
            Self::File(path) => vault::file(path, label),
        };
        password.map_err(|error: Unreadable| Failure::said(error.to_string()))
    }
}
