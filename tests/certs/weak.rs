//! Old and weak certificates, which only OpenSSL still makes and serves.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use dtrctl::net::tls::handshake;
use modules::certs::{Certificate, Proof, RegistryHost, Served, Warning, choose, encode, read, verify};
use tokio::net::TcpStream;

use crate::cases::{Case, HOST};
use crate::pki::now;

const CONFIGURATION: &str = "openssl_conf = all\n[all]\nssl_conf = tls\n[tls]\nsystem_default = weak\n\
    [weak]\nCipherString = DEFAULT:@SECLEVEL=0\n[req]\ndistinguished_name = dn\n[dn]\n\
    [ca]\nbasicConstraints = critical,CA:TRUE\nsubjectAltName = DNS:dtr.example.com\n\
    [leaf]\nsubjectAltName = DNS:dtr.example.com\n";

struct Workshop(tempfile::TempDir);

impl Workshop {
    fn open() -> Option<Self> {
        if Command::new("openssl").arg("version").output().is_err() {
            eprintln!("skipped: there is no openssl to make weak certificates with");
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("openssl.cnf"), CONFIGURATION).unwrap();
        Some(Self(folder))
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn openssl(&self, arguments: &str) -> Command {
        let mut command = Command::new("openssl");
        command.current_dir(self.path()).env("OPENSSL_CONF", self.path().join("openssl.cnf"));
        command
            .args(arguments.split_whitespace())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        command
    }

    fn run(&self, arguments: &str) {
        let output = self.openssl(arguments).output().unwrap();
        assert!(output.status.success(), "{arguments}: {}", String::from_utf8_lossy(&output.stderr));
    }

    fn key(&self, name: &str, kind: &str) {
        self.run(&format!("genpkey -out {name}.key {kind}"));
    }

    /// Writes NAME.pem, signed by its own key.
    fn own(&self, name: &str, subject: &str, options: &str) {
        self.run(&format!("req -new -x509 -key {name}.key -out {name}.pem -days 90 -subj /CN={subject} -config openssl.cnf {options}"));
    }

    /// Writes NAME.pem, signed by another's key.
    fn signed(&self, name: &str, by: &str, options: &str) {
        self.run(&format!("req -new -key {name}.key -out {name}.csr -subj /CN={HOST} -config openssl.cnf"));
        self.run(&format!(
            "x509 -req -in {name}.csr -CA {by}.pem -CAkey {by}.key -CAcreateserial -out {name}.pem -days 90 {options}"
        ));
    }

    fn read(&self, name: &str) -> Certificate {
        read(&std::fs::read(self.path().join(format!("{name}.pem"))).unwrap()).unwrap().remove(0)
    }

    async fn serve(&self, name: &str, options: &str) -> Serving {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let arguments =
            format!("s_server -accept 127.0.0.1:{port} -cert {name}.pem -key {name}.key -rev {options}");
        let mut child = self.openssl(&arguments).stderr(Stdio::null()).spawn().unwrap();
        for _ in 0..100 {
            if TcpStream::connect(("127.0.0.1", port)).await.is_ok() {
                break;
            }
            assert!(child.try_wait().unwrap().is_none(), "s_server ended: {arguments}");
            tokio::time::sleep(Duration::from_millis(30)).await;
        }
        Serving { child, port }
    }
}

struct Serving {
    child: Child,
    port: u16,
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

const COMMON_NAME: Option<&str> =
    Some("x509: certificate relies on legacy Common Name field, use SANs instead");
const SMALL: &str = "-algorithm RSA -pkeyopt rsa_keygen_bits:1024";
const RSA: &str = "-algorithm RSA -pkeyopt rsa_keygen_bits:2048";

fn cases(shop: &Workshop) -> Vec<Case> {
    shop.key("small", SMALL);
    shop.own("small", HOST, "-extensions ca");
    shop.key("small384", SMALL);
    shop.own("small384", HOST, "-extensions ca -sha384");
    shop.key("v1", RSA);
    shop.run(&format!("req -new -key v1.key -out v1.csr -subj /CN={HOST} -config openssl.cnf"));
    shop.run("x509 -req -in v1.csr -signkey v1.key -out v1.pem -days 90");
    shop.key("sha1", RSA);
    shop.own("sha1", HOST, "-extensions ca -sha1");
    shop.key("md5", RSA);
    shop.own("md5", HOST, "-extensions ca -md5");
    shop.key("root", RSA);
    shop.own("root", "root", "-extensions ca");
    shop.key("old", RSA);
    shop.own("old", "old", "-extensions ca -sha1");
    shop.key("leaf1", RSA);
    shop.signed("leaf1", "root", "-sha1 -extfile openssl.cnf -extensions leaf");
    shop.key("under1", RSA);
    shop.signed("under1", "old", "-sha256 -extfile openssl.cnf -extensions leaf");
    shop.key("pss", RSA);
    shop.signed("pss", "root", "-sha256 -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:32 -extfile openssl.cnf -extensions leaf");
    shop.key("pss1", RSA);
    shop.signed("pss1", "root", "-sha1 -sigopt rsa_padding_mode:pss -extfile openssl.cnf -extensions leaf");
    shop.key("tiny", "-algorithm RSA -pkeyopt rsa_keygen_bits:1024");
    shop.own("tiny", "tiny", "-extensions ca -sha384 -sigopt rsa_padding_mode:pss");
    shop.key("under_tiny", RSA);
    shop.signed("under_tiny", "tiny", "-sha256 -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:32 -extfile openssl.cnf -extensions leaf");
    shop.key("spelled", "-algorithm EC -pkeyopt ec_paramgen_curve:P-256 -pkeyopt ec_param_enc:explicit");
    shop.own("spelled", HOST, "-extensions ca");
    let unknown = Some(
        "x509: certificate signed by unknown authority (possibly because of \"x509: cannot verify signature: ",
    );
    [
        ("RSA-1024, self-signed", "small", "small", None),
        ("RSA-1024 and SHA-384, self-signed", "small384", "small384", None),
        ("version 1, common name only", "v1", "v1", COMMON_NAME),
        ("SHA-1, self-signed", "sha1", "sha1", None),
        ("MD5, self-signed", "md5", "md5", None),
        ("SHA-1 below the anchor", "leaf1", "root", unknown),
        ("SHA-1 in the anchor's own signature", "under1", "old", None),
        ("PSS", "pss", "root", None),
        ("PSS with SHA-1", "pss1", "root", unknown),
        ("PSS by RSA-1024", "under_tiny", "tiny", None),
    ]
    .map(|(name, leaf, anchor, says)| Case {
        name,
        host: HOST,
        chain: vec![shop.read(leaf)],
        // The workshop's name for it: openssl serves these.
        key: leaf.as_bytes().to_vec(),
        anchors: vec![shop.read(anchor)],
        says,
    })
    .into()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn weak_certificates_are_captured_and_judged_as_go_judges_them() {
    let Some(shop) = Workshop::open() else { return };
    let proxy = crate::server::proxy().await;
    let at = format!("http://{}", proxy.address);
    let mut wrong = Vec::new();
    let host: RegistryHost = HOST.parse().unwrap();
    let cases = cases(&shop);
    for case in &cases {
        let name = String::from_utf8(case.key.clone()).unwrap();
        for version in ["-tls1_2", "-tls1_3"] {
            let server = shop.serve(&name, version).await;
            match handshake("127.0.0.1", server.port, Some(HOST), Duration::from_secs(5)).await {
                Ok(seen) => assert_eq!(seen.chain, [case.chain[0].der().to_vec()], "{}", case.name),
                Err(error) => wrong.push(format!("{} {version}: {error}", case.name)),
            }
            wrong.extend(crate::go::differs(case, server.port, &at, shop.path()).await);
        }
        let own = verify(&case.chain[0], &[], &case.anchors, &host, now());
        match (&own, case.says) {
            (Ok(_), None) => {}
            (Err(verdict), Some(says)) if verdict.to_string().starts_with(says) => {}
            _ => wrong.push(format!("{}: {own:?}", case.name)),
        }
    }
    println!("{} weak cases, {} wrong", cases.len(), wrong.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_weak_certificate_is_chosen_with_a_warning() {
    let Some(shop) = Workshop::open() else { return };
    let host: RegistryHost = HOST.parse().unwrap();
    for case in cases(&shop).iter().filter(|case| case.chain == case.anchors) {
        let served = Served { host: host.clone(), chain: case.chain.clone() };
        let choice = choose(&served, &Proof { first_use: true, ..Proof::default() }, now()).unwrap();
        assert_eq!(choice.anchors, case.anchors, "{}", case.name);
        let warned = |kind: fn(&Warning) -> bool| choice.warnings.iter().any(kind);
        assert_eq!(
            warned(|it| matches!(it, Warning::WeakKey { .. })),
            case.name.contains("1024"),
            "{}",
            case.name
        );
        let weak = case.name.starts_with("SHA-1") || case.name.starts_with("MD5");
        assert_eq!(warned(|it| matches!(it, Warning::WeakSelfSignature { .. })), weak, "{}", case.name);
        assert_eq!(
            warned(|it| matches!(it, Warning::Name { .. })),
            case.says == COMMON_NAME,
            "{}",
            case.name
        );
        assert!(encode(&choice.anchors[0]).starts_with("-----BEGIN CERTIFICATE-----\n"));
    }
}
