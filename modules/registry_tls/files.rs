//! The two files on the registry's host.

use crate::certs;
use crate::contract::{
    Account, Before, CertificateFile, Content, FileKind, KeyBefore, KeyFile, Mode, Ownership, Plan,
    PlanError, RegistryTls as Found, TlsFile,
};
use crate::tls_pair::Pair;

/// The files that hold, or shall hold, a registry's certificate and key.
pub struct Files {
    pub certificate: TlsFile,
    pub key: TlsFile,
    user: Option<Account>,
}

const GIVE_PATHS: &str = "give the files as `certificate_path` and `key_path`";

impl Files {
    /// Takes them out of the host's answer.
    pub fn of(found: &Found, plan: &mut Plan) -> Result<Self, PlanError> {
        if let Some((word, about)) = &found.problem {
            return Err(problem(word, about));
        }
        let (Some(certificate), Some(key)) = (found.certificate.clone(), found.key.clone()) else {
            return Err(PlanError::new("the registry's files were not found").help(GIVE_PATHS));
        };
        if certificate.path == key.path {
            return Err(PlanError::new(format!(
                "`{}` is to hold both the certificate and the key",
                key.path
            ))
            .help("give each a file of its own, in the registry's configuration too"));
        }
        fits(&certificate)?;
        fits(&key)?;
        if certificate.holds_key {
            return Err(PlanError::new(format!(
                "`{}` is the certificate's file, and a private key stands in it",
                certificate.path
            ))
            .help("the paths may be mixed up; else split the file, and have the registry's configuration name both"));
        }
        if let FileKind::File(now, _) = &key.kind
            && now.mode.bits() & 0o004 != 0
        {
            plan.warn(format!(
                "everybody on the host can read the key `{}` (mode {}): take it from others with `file`, mode \"0600\" or \"0640\"",
                key.path, now.mode
            ));
        }
        let user = found.user.as_ref().and_then(|user| Account::new(user).ok());
        Ok(Self { certificate, key, user })
    }

    /// Whether the service, which does not run as root, will be able to read them once it is started anew: one that runs may
    /// have read them before they were given to somebody else.
    pub fn can_be_read_by(&self, service: &str) -> Result<(), PlanError> {
        let Some(user) = self.user.as_ref().map(Account::as_str).filter(|user| *user != "root") else {
            return Ok(());
        };
        for file in [&self.certificate, &self.key] {
            let FileKind::File(now, _) = &file.kind else { continue };
            // Of its group nothing is known, and others may read it where they may.
            if now.owner == user || now.uid.to_string() == user || now.mode.bits() & 0o044 != 0 {
                continue;
            }
            let path = &file.path;
            return Err(PlanError::new(format!(
                "`{path}` belongs to `{}` and has mode {}, but {service} runs as `{user}`: it would not start again",
                now.owner, now.mode
            ))
            .help(format!("give it to `{user}` first: `file` with `path: {path}` and `owner: {user}`")));
        }
        Ok(())
    }

    /// Whether they hold this pair. How a certificate's file is written does not matter; of the key only the digest is known.
    pub fn hold(&self, pair: &Pair) -> bool {
        let same = match &self.certificate.kind {
            FileKind::File(_, Some(content)) => {
                *content == pair.certificate
                    || certs::read(content).is_ok_and(|certificates| certificates == pair.chain)
            }
            _ => false,
        };
        same && self.key.sha256.as_ref() == Some(&pair.key.sha256)
    }

    /// Old and new of both. Where they are right already, and only not read yet, the certificate's file stays as it is
    /// written.
    pub fn change(&self, pair: &Pair, written: bool) -> (CertificateFile, KeyFile) {
        let was = match &self.certificate.kind {
            FileKind::File(attributes, Some(content)) => {
                Some(Before { content: Content::new(content.clone()), attributes: attributes.clone() })
            }
            _ => None,
        };
        let kept = was.as_ref().filter(|_| written).map(|before| before.content.bytes.clone());
        let certificate = CertificateFile {
            path: self.certificate.path.clone(),
            content: Content::new(kept.unwrap_or_else(|| pair.certificate.clone())),
            before: was,
            ownership: Ownership::mode(0o644),
        };
        let before = match (&self.key.kind, &self.key.sha256) {
            (FileKind::File(attributes, _), Some(sha256)) => {
                Some(KeyBefore { sha256: sha256.clone(), attributes: attributes.clone() })
            }
            _ => None,
        };
        let key = KeyFile {
            path: self.key.path.clone(),
            before,
            content: Content { bytes: pair.key.bytes.clone(), secret: true },
            sha256: pair.key.sha256.clone(),
            size: pair.key.size,
            ownership: Ownership { mode: Some(Mode::new(0o600)), owner: self.user.clone(), group: None },
        };
        (certificate, key)
    }
}

/// A file, or a place for one.
fn fits(file: &TlsFile) -> Result<(), PlanError> {
    let path = &file.path;
    match &file.kind {
        FileKind::File(_, None) if !file.holds_key && file.sha256.is_none() => {
            Err(PlanError::new(format!("`{path}` cannot be read by this user"))
                .help("the task needs `become: true`"))
        }
        FileKind::File(..) => Ok(()),
        FileKind::Absent if file.has_directory => Ok(()),
        FileKind::Absent => {
            let directory = path.parent().map_or_else(|| "/".to_owned(), |parent| parent.to_string());
            Err(PlanError::new(format!("`{path}` cannot be written: `{directory}` is not there"))
                .help("is the path right? If so, make the directory first, with `file`"))
        }
        FileKind::Directory(_) | FileKind::Other => Err(PlanError::new(format!("`{path}` is no file"))
            .help("name the file itself, as the registry's configuration does")),
    }
}

/// What stood in the way of finding the files.
fn problem(word: &str, about: &str) -> PlanError {
    let (message, help) = match word {
        "no_service" => (
            format!("this host has no service `{about}`"),
            "is this the registry's host? Name the registry's own unit as `service`, or its container as `container`"
                .to_owned(),
        ),
        "no_container" => (
            format!("this host has no container `{about}`"),
            "`docker ps -a` lists those that it has".to_owned(),
        ),
        "no_docker" => (
            "this host has no docker command to restart a container with".to_owned(),
            "name the registry's unit as `service`, or say how it is restarted with `reload_command`".to_owned(),
        ),
        "docker" => {
            (format!("docker does not answer: {about}"), "the task may need `become: true`".to_owned())
        }
        "no_config" => (
            format!("`{about}`, where the registry's files are named, cannot be read"),
            format!("name it as `config`, or {GIVE_PATHS}; the task may need `become: true`"),
        ),
        "odd_config" => (
            format!("`{about}` says where the registry's files are in a way that is not understood"),
            GIVE_PATHS.to_owned(),
        ),
        "no_certificate" | "no_key" => (
            format!(
                "`{about}` names no {}: the registry speaks HTTP without TLS, or has its certificate from Let's Encrypt",
                &word[3..]
            ),
            "give it `http.tls.certificate` and `http.tls.key` (or REGISTRY_HTTP_TLS_CERTIFICATE and \
             REGISTRY_HTTP_TLS_KEY) first, in the place of `letsencrypt`"
                .to_owned(),
        ),
        "not_mounted" => (
            format!("`{about}` lies in the container itself, and is gone when it is made anew"),
            "start the container with a directory of the host mounted there (`-v /srv/registry/tls:/tls:ro`)".to_owned(),
        ),
        "relative" => (format!("the configuration names `{about}`, no absolute path"), GIVE_PATHS.to_owned()),
        "unreadable" => {
            (format!("`{about}` cannot be read by this user"), "the task needs `become: true`".to_owned())
        }
        "no_paths" => (
            "with `reload_command` nothing says where the files are".to_owned(),
            GIVE_PATHS.to_owned(),
        ),
        _ => (format!("the registry's files were not found: {word} {about}"), GIVE_PATHS.to_owned()),
    };
    PlanError::new(message).help(help)
}
