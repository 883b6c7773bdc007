//! The passwords of a run, and what they have opened.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use super::envelope::{Envelope, Malformed};
use super::masks::{self, Masks};
use super::password::Password;

/// Passwords, each perhaps with the label by which texts ask for it; and what is secret because one of them opened it.
#[derive(Default)]
pub struct Keyring {
    passwords: RwLock<Vec<(Option<String>, Password)>>,
    opened: RwLock<HashMap<Vec<u8>, Arc<[u8]>>>,
    masks: RwLock<Masks>,
}

/// Why an encrypted text stays closed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotOpened {
    /// No password was given.
    NoPassword,
    /// None of the passwords fits.
    Wrong {
        /// How many were tried.
        tried: usize,
        /// The label in the text's header.
        label: Option<String>,
    },
    /// It is written in a way that is not known.
    Unknown(String),
    /// It is not what `ansible-vault` writes.
    Damaged(&'static str),
}

impl Keyring {
    /// Adds a password. `label` is the one of texts that it is tried on first.
    pub fn add(&self, label: Option<String>, password: Password) {
        self.passwords.write().unwrap_or_else(PoisonError::into_inner).push((label, password));
    }

    /// Decrypts a text: by the password that has its label, else by any.
    ///
    /// # Errors
    /// No password opens it, or it is none that `ansible-vault` has written.
    pub fn open(&self, text: &[u8]) -> Result<Arc<[u8]>, NotOpened> {
        if let Some(opened) = self.opened.read().unwrap_or_else(PoisonError::into_inner).get(text) {
            return Ok(Arc::clone(opened));
        }
        let envelope = Envelope::read(text)?;
        let passwords = self.passwords.read().unwrap_or_else(PoisonError::into_inner);
        if passwords.is_empty() {
            return Err(NotOpened::NoPassword);
        }
        let named =
            |entry: &&(Option<String>, Password)| envelope.label.is_some() && entry.0 == envelope.label;
        let order = passwords.iter().filter(named).chain(passwords.iter().filter(|entry| !named(entry)));
        let opened = order.map(|(_, password)| envelope.open(password.reveal())).find_map(|opened| opened);
        let Some(opened) = opened.map(Arc::<[u8]>::from) else {
            return Err(NotOpened::Wrong { tried: passwords.len(), label: envelope.label });
        };
        let mut known = self.opened.write().unwrap_or_else(PoisonError::into_inner);
        known.insert(text.to_vec(), Arc::clone(&opened));
        Ok(opened)
    }

    /// Decrypts a single value, which is masked from then on.
    ///
    /// # Errors
    /// As [`open`](Self::open); or it is no text.
    pub fn open_value(&self, text: &str) -> Result<String, NotOpened> {
        let opened = self.open(text.trim().as_bytes())?;
        let value = String::from_utf8(opened.to_vec())
            .map_err(|_| NotOpened::Damaged("what was encrypted is no text"))?;
        self.hide(&value, masks::SINGLE);
        Ok(value)
    }

    /// Masks a text and each of its lines, wherever they are printed, if they are at least so many characters long.
    pub fn hide(&self, text: &str, at_least: usize) {
        let known = self.masks.read().unwrap_or_else(PoisonError::into_inner).has(text);
        if !known {
            self.masks.write().unwrap_or_else(PoisonError::into_inner).add(text, at_least);
        }
    }

    /// Masks a value of an encrypted file, unless it is as short as words that stand everywhere.
    pub fn hide_value(&self, value: &str) {
        self.hide(value, masks::IN_FILE);
    }

    /// Whether there is anything to mask.
    #[must_use]
    pub fn has_secrets(&self) -> bool {
        !self.masks.read().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    /// The text with everything that was encrypted replaced by `***`.
    #[must_use]
    pub fn masked<'a>(&self, text: &'a str) -> Cow<'a, str> {
        self.masks.read().unwrap_or_else(PoisonError::into_inner).apply(text)
    }
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keyring(…)")
    }
}

impl From<Malformed> for NotOpened {
    fn from(malformed: Malformed) -> Self {
        match malformed {
            Malformed::Unknown(what) => Self::Unknown(what),
            Malformed::Damaged(why) => Self::Damaged(why),
        }
    }
}

impl NotOpened {
    /// What to do.
    #[must_use]
    pub fn help(&self) -> String {
        match self {
            Self::NoPassword => {
                "give `-J`, `--vault-password-file FILE` or `--vault-id LABEL@SOURCE`".to_owned()
            }
            Self::Wrong { label: Some(label), .. } => {
                format!("its label is `{label}`: give its password with `--vault-id {label}@SOURCE`")
            }
            Self::Wrong { label: None, .. } => {
                "give the one that it was encrypted with; a text that was changed fits none".to_owned()
            }
            Self::Unknown(_) => "write it anew with `ansible-vault rekey`".to_owned(),
            Self::Damaged(_) => "copy it whole, from `$ANSIBLE_VAULT;` to its last line".to_owned(),
        }
    }
}

impl fmt::Display for NotOpened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoPassword => f.write_str("no vault password is given"),
            Self::Wrong { tried: 1, .. } => f.write_str("the vault password does not fit"),
            Self::Wrong { tried, .. } => write!(f, "none of the {tried} vault passwords fits"),
            Self::Unknown(what) => write!(f, "the vault's format {what} is not supported"),
            Self::Damaged(why) => write!(f, "the vault text is damaged: {why}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const VALUE: &str = "$ANSIBLE_VAULT;1.1;AES256
61346233373863643539393761343637386638376631313061306335333664323737613730386262
3362326430346231343366343135323433313132326439380a333730633765623564666164626161
37306562303034663366633938393237643261343764306233383438663163373031313035626433
6261623932353464340a376565373138313031323639303132636639356234383732393166643631
6435
";
    const FILE: &str = "$ANSIBLE_VAULT;1.2;AES256;prod
65346230366438356438666236646134663936663633353338656630323336653365626635656230
3732623964636564636437353138316233356664373338340a386364333531663137633735663763
63386234613362373762626330373466616230326433323332313132333933633830353437396539
3861323830653065320a376366393339616439643666663335396165616364303361653239396333
31393630666639343036643434363531646334373763376166356537363239303334623531623236
3634326439336264306238333262313132363735373663643634
";

    fn keyring(passwords: &[(Option<&str>, &str)]) -> Keyring {
        let keyring = Keyring::default();
        for (label, password) in passwords {
            keyring.add(label.map(str::to_owned), Password::new(password.as_bytes()).unwrap());
        }
        keyring
    }

    #[test]
    fn what_ansible_vault_wrote_is_opened_by_its_password_under_whatever_label() {
        let both = keyring(&[(None, "other"), (Some("dev"), "swordfish")]);
        assert_eq!(both.open_value(VALUE).unwrap(), "hunter2-é");
        assert_eq!(both.open_value(&VALUE.replace('\n', "\r\n")).unwrap(), "hunter2-é");
        assert_eq!(&*both.open(FILE.as_bytes()).unwrap(), b"token: canary-token\nlist: [1, {{x}}]\n");
    }

    #[test]
    fn what_stays_closed_says_why() {
        let swordfish = keyring(&[(None, "swordfish")]);
        let why = |keyring: &Keyring, text: &str| {
            let why = keyring.open_value(text).unwrap_err();
            format!("{why}; {}", why.help())
        };
        let cases = [
            (why(&keyring(&[]), VALUE), "no vault password is given; give `-J`"),
            (
                why(&swordfish, FILE),
                "the vault password does not fit; its label is `prod`: give its password with `--vault-id prod@",
            ),
            (
                why(&keyring(&[(None, "a"), (None, "b")]), VALUE),
                "none of the 2 vault passwords fits; give the one",
            ),
            (why(&swordfish, &VALUE.replace("6435\n", "6436\n")), "the vault password does not fit; "),
            (
                why(&swordfish, &VALUE.replace("6435\n", "643\n")),
                "the vault text is damaged: it is not made of pairs",
            ),
            (why(&swordfish, &VALUE[..100]), "the vault text is damaged: "),
            (why(&swordfish, "$ANSIBLE_VAULT;1.1"), "the vault text is damaged: its header is cut short"),
            (
                why(&swordfish, "$ANSIBLE_VAULT;1.1;AES256"),
                "the vault text is damaged: a part of it is missing",
            ),
            (
                why(&swordfish, &VALUE.replace("1.1;AES256", "1.0;AES")),
                "the vault's format 1.0 with AES is not supported; write it anew",
            ),
        ];
        for (said, begins) in cases {
            assert!(said.starts_with(begins), "{said}");
        }
    }

    #[test]
    fn what_was_opened_is_masked_from_then_on() {
        let keyring = keyring(&[(None, "swordfish")]);
        assert_eq!(keyring.masked("a hunter2-é b"), "a hunter2-é b");
        assert!(!keyring.has_secrets());
        keyring.open_value(VALUE).unwrap();
        assert_eq!(keyring.masked("a hunter2-é b, xhunter2-éy"), "a *** b, x***y");
        assert_eq!(format!("{keyring:?}"), "Keyring(…)");
    }
}
