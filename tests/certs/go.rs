//! Go's own answers, by way of the docker command line, which is a Go program and verifies a
//! daemon's certificate with the same crypto/x509 that dockerd uses for a registry.

use std::path::{Path, PathBuf};
use std::process::Command;

use modules::certs::{Certificate, encode, verify};

use crate::cases::Case;

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

/// What stands behind docker's own words: the fault of the certificate, none when it is accepted.
fn fault(said: &str) -> Option<String> {
    let at = said.find("x509: ").or_else(|| said.find("tls: ")).or_else(|| said.find("crypto/rsa: "))?;
    let tail = said[at..].lines().next().unwrap_or_default();
    (!tail.starts_with("tls: first record"))
        .then(|| tail.trim_start_matches("tls: failed to verify certificate: ").to_owned())
}

/// Asks every docker about a case whose server listens on `port`; what is wrong with the answers.
pub async fn differs(case: &Case, port: u16, proxy: &str, folder: &Path) -> Vec<String> {
    let mut wrong = Vec::new();
    for docker in dockers() {
        let file = folder.join("anchors.pem");
        std::fs::write(&file, case.anchors.iter().map(encode).collect::<String>()).unwrap();
        let (address, proxy) = (format!("{}:{port}", case.host), proxy.to_owned());
        let name = docker.display().to_string();
        let said = tokio::task::spawn_blocking(move || ask(&docker, &file, &address, Some(&proxy)));
        let said = said.await.unwrap();
        if !agrees(case, &said) {
            wrong.push(format!("{}: {name} says {said:?} and not {:?}", case.name, case.says));
        }
    }
    wrong
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn go_says_of_every_case_what_is_written_there() {
    let scratch = tempfile::tempdir().unwrap();
    let proxy = crate::server::proxy().await;
    let at = format!("http://{}", proxy.address);
    let cases = crate::cases::all();
    let mut wrong = Vec::new();
    for case in &cases {
        let config = crate::server::config(&case.chain, &case.key, rustls::ALL_VERSIONS);
        let server = crate::server::tls(config, b"HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n").await;
        wrong.extend(differs(case, server.address.port(), &at, scratch.path()).await);
    }
    println!("{} cases asked of {} dockers, {} differ", cases.len(), dockers().len(), wrong.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Whether docker says what the case expects, and the judge the same to the letter.
fn agrees(case: &Case, said: &str) -> bool {
    let host = case.host.parse().unwrap();
    let own = verify(&case.chain[0], &case.chain[1..], &case.anchors, &host, crate::pki::now());
    match (fault(said), own, case.says) {
        // Words about the answer, which only a trusted server can have given.
        (None, Ok(_), None) => said.contains("API route and version") || said.contains("malformed HTTP"),
        (Some(go), Err(own), Some(says)) => {
            // Said only by Go 1.18 to 1.23.
            let go = go.replace(" (temporarily override with GODEBUG=x509sha1=1)", "");
            let own = own.to_string();
            // The clock goes on between the two, and Go cuts long lists only in later versions.
            let loose = says.contains("current time") || case.name == "many names";
            go.starts_with(says) && own.starts_with(says) && (loose || go == own)
        }
        _ => false,
    }
}

/// One certificate in shapes that readers disagree about.
fn shapes() -> Vec<(&'static str, String)> {
    let pem = encode(&crate::pki::Spec::ca("root").self_signed().certificate);
    let lines: Vec<&str> = pem.lines().collect();
    let begin = "-----BEGIN CERTIFICATE-----\n";
    let without_end = pem.replace("-----END CERTIFICATE-----\n", "");
    let body = lines[1..lines.len() - 1].concat();
    vec![
        ("plain", pem.clone()),
        ("CRLF", pem.replace('\n', "\r\n")),
        ("CR", pem.replace('\n', "\r")),
        ("no last newline", pem.trim_end().to_owned()),
        ("blanks at line ends", pem.replace('\n', " \t\n")),
        ("indented body", pem.replace("\nM", "\n  M")),
        ("all indented", format!("  {}\n", lines.join("\n  "))),
        ("byte order mark", format!("\u{feff}{pem}")),
        ("byte order mark and a line", format!("\u{feff}\n{pem}")),
        ("text before on the line", format!("x{pem}")),
        ("text after begin", pem.replacen("-----\n", "----- x\n", 1)),
        ("text after end", format!("{} x", pem.trim_end())),
        ("header", pem.replacen("-----\n", "-----\nA: b\n\n", 1)),
        ("header without blank line", pem.replacen("-----\n", "-----\nA: b\n", 1)),
        ("blank line first", pem.replacen("-----\n", "-----\n\n", 1)),
        ("blank lines within", pem.replacen('M', "M\n\n", 1)),
        ("one long line", format!("{begin}{body}\n-----END CERTIFICATE-----\n")),
        ("body on the last line", format!("{begin}{body}-----END CERTIFICATE-----\n")),
        ("no end", without_end.clone()),
        ("no end, then a good one", format!("{without_end}{pem}")),
        ("begin twice", format!("{begin}{pem}")),
        ("another end", pem.replace("END CERTIFICATE", "END X")),
        ("another end, then a good one", format!("{}{pem}", pem.replace("END CERTIFICATE", "END X"))),
        ("bad base64, then a good one", format!("{}{pem}", pem.replacen('M', "!", 1))),
        ("empty block, then a good one", format!("{begin}-----END CERTIFICATE-----\n{pem}")),
        ("trusted", pem.replace("CERTIFICATE", "TRUSTED CERTIFICATE")),
        ("old label", pem.replace("CERTIFICATE", "X509 CERTIFICATE")),
        ("lower case", pem.replace("CERTIFICATE", "certificate")),
        ("two blanks", pem.replace("BEGIN CERT", "BEGIN  CERT")),
        ("four dashes", pem.replace("-----BEGIN", "----BEGIN")),
        ("six dashes", pem.replace("-----BEGIN", "------BEGIN")),
        ("key first", format!("-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----\n{pem}")),
        ("broken key first", format!("-----BEGIN RSA PRIVATE KEY-----\nAAAA\n{pem}")),
        ("bytes before", format!("\u{1}\u{2}\n{pem}")),
        ("comment", format!("# a: b\n{pem}")),
    ]
}

#[test]
fn a_bundle_holds_what_go_finds_in_it() {
    let scratch = tempfile::tempdir().unwrap();
    let file = scratch.path().join("ca.pem");
    let mut wrong = Vec::new();
    let shapes = shapes();
    for (name, text) in &shapes {
        std::fs::write(&file, text).unwrap();
        let own = !modules::certs::read_bundle(text.as_bytes()).certificates.is_empty();
        for docker in dockers() {
            let go = !ask(&docker, &file, "127.0.0.1:1", None).contains("seems invalid");
            if go != own {
                wrong.push(format!("{name}: {go} says {}, and not {own}", docker.display()));
            }
        }
    }
    println!("{} shapes, {} differ", shapes.len(), wrong.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
