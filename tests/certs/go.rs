//! Go's own answers, by way of the docker command line, which is a Go program and verifies a
//! daemon's certificate with the same crypto/x509 that dockerd uses for a registry.

use std::path::{Path, PathBuf};
use std::process::Command;

use modules::certs::{Certificate, encode};

/// The docker programs at hand: the one that `DTRCTL_DOCKER` names, and the one on PATH.
pub fn dockers() -> Vec<PathBuf> {
    let named = std::env::var_os("DTRCTL_DOCKER").map(PathBuf::from);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).map(|folder| folder.join("docker"));
    let found: Vec<PathBuf> =
        named.into_iter().chain(folders.filter(|file| file.is_file()).take(1)).collect();
    if found.is_empty() {
        eprintln!("skipped: no docker command line is at hand to ask Go");
    }
    found
}

/// What docker says when it verifies `host` (reached at `address`) against the anchors in `file`.
pub fn ask(docker: &Path, anchors: &Path, address: &str, proxy: Option<&str>) -> String {
    let mut command = Command::new(docker);
    command
        .args(["-H", &format!("tcp://{address}"), "--tlsverify", "--tlscacert"])
        .arg(anchors)
        .arg("version");
    command.env_remove("NO_PROXY").env_remove("no_proxy").env("DOCKER_CONFIG", "/nonexistent");
    command.env("DOCKER_CERT_PATH", "/nonexistent");
    if let Some(proxy) = proxy {
        command.env("HTTPS_PROXY", proxy).env("HTTP_PROXY", proxy);
    }
    let output = command.output().expect("docker runs");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Whether Go's parser takes the certificate for an anchor.
pub fn parses(docker: &Path, certificate: &Certificate, folder: &Path) -> bool {
    let file = folder.join("ca.pem");
    std::fs::write(&file, encode(certificate)).unwrap();
    !ask(docker, &file, "127.0.0.1:1", None).contains("seems invalid")
}
