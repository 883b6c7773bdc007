//! Handshakes and requests against servers on loopback, good and bad ones.

use std::sync::Arc;
use std::time::{Duration, Instant};

use dtrctl::net::connect::ConnectError;
use dtrctl::net::http::{HttpAnswer, HttpError, Trust, get};
use dtrctl::net::tls::{Served, TlsError, handshake};
use modules::certs::{Certificate, Fault};
use rustls::server::WebPkiClientVerifier;
use rustls::{ALL_VERSIONS, SupportedProtocolVersion, version};

use crate::cases::HOST;
use crate::pki::{Made, Spec, now};
use crate::server::{self, Listening};

const LIMIT: Duration = Duration::from_secs(5);
const OK: &[u8] = b"HTTP/1.1 401 Unauthorized\r\nDocker-Distribution-Api-Version: registry/2.0\r\nContent-Length: 2\r\n\r\n{}";
const EACH: [&[&SupportedProtocolVersion]; 2] = [&[&version::TLS12], &[&version::TLS13]];

struct Pki {
    root: Made,
    middle: Made,
    leaf: Made,
}

impl Pki {
    fn new() -> Self {
        let root = Spec::ca("root").self_signed();
        let middle = Spec::ca("middle").signed_by(&root);
        let leaf = Spec::server(&[HOST, "127.0.0.1"]).signed_by(&middle);
        Self { root, middle, leaf }
    }

    fn chain(&self) -> Vec<Certificate> {
        vec![self.leaf.certificate.clone(), self.middle.certificate.clone()]
    }
}

fn ders(chain: &[Certificate]) -> Vec<Vec<u8>> {
    chain.iter().map(|certificate| certificate.der().to_vec()).collect()
}

async fn shake(server: &Listening) -> Result<Served, TlsError> {
    handshake("127.0.0.1", server.address.port(), Some(HOST), LIMIT).await
}

#[tokio::test]
async fn the_chain_is_captured_as_sent_and_not_judged() {
    let pki = Pki::new();
    let stranger = Spec::ca("stranger").self_signed();
    let chain = [pki.chain(), vec![stranger.certificate.clone(), pki.middle.certificate.clone()]].concat();
    for versions in EACH {
        let config = server::config(&chain, &pki.leaf.key.serialize_der(), versions);
        let server = server::tls(config, OK).await;
        let seen = shake(&server).await.unwrap();
        assert_eq!(seen.chain, ders(&chain));
        assert_eq!(seen.peer_addr, server.address);
        assert_eq!(seen.protocol == "TLSv1.3", versions[0] == &version::TLS13);
        assert!(!seen.asks_for_client_certificate);
    }
}

#[tokio::test]
async fn a_replayed_chain_is_refused() {
    let pki = Pki::new();
    for algorithm in [&rcgen::PKCS_ECDSA_P256_SHA256, &rcgen::PKCS_ED25519, &rcgen::PKCS_RSA_SHA256] {
        let victim = Spec::server(&[HOST]).key(algorithm).signed_by(&pki.middle);
        let attacker = Spec::server(&[HOST]).key(algorithm).signed_by(&pki.middle);
        for versions in EACH {
            let chain = [victim.certificate.clone(), pki.middle.certificate.clone()];
            let config = server::config(&chain, &attacker.key.serialize_der(), versions);
            let server = server::tls(config, OK).await;
            let error = shake(&server).await.unwrap_err();
            assert!(matches!(error, TlsError::Signature { .. }), "{error:?}");
            let trust = Trust::Unverified;
            let error =
                get("127.0.0.1", server.address.port(), "/v2/", &trust, now(), LIMIT).await.unwrap_err();
            assert!(matches!(error, HttpError::Tls(TlsError::Signature { .. })), "{error:?}");
        }
    }
}

#[tokio::test]
async fn a_server_that_wants_a_client_is_still_captured() {
    let pki = Pki::new();
    let mut roots = rustls::RootCertStore::empty();
    roots.add(pki.root.certificate.der().to_vec().into()).unwrap();
    for versions in EACH {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let clients = WebPkiClientVerifier::builder_with_provider(Arc::new(roots.clone()), provider.clone())
            .build()
            .unwrap();
        let mut config = server::config(&pki.chain(), &pki.leaf.key.serialize_der(), versions);
        let resolver = Arc::clone(&config.cert_resolver);
        config = rustls::ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(versions)
            .unwrap()
            .with_client_cert_verifier(clients)
            .with_cert_resolver(resolver);
        let server = server::tls(config, OK).await;
        let seen = shake(&server).await.unwrap();
        assert_eq!(seen.chain, ders(&pki.chain()));
        assert!(seen.asks_for_client_certificate);
        let error = ask(&server, &Trust::Unverified).await.unwrap_err();
        assert!(matches!(error, HttpError::ClientCertificate), "{error:?}");
    }
}

#[tokio::test]
async fn what_is_no_tls_is_named() {
    let http =
        server::saying(b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTPS request to an HTTP server.\n")
            .await;
    let error = shake(&http).await.unwrap_err();
    assert!(matches!(error, TlsError::PlainHttp { .. }), "{error:?}");
    assert!(error.to_string().contains("server gave HTTP response to HTTPS client"), "{error}");
    let ssh = server::saying(b"SSH-2.0-OpenSSH_9.2p1\r\n").await;
    let error = shake(&ssh).await.unwrap_err();
    assert!(
        matches!(&error, TlsError::NotTls { opening, .. } if opening == "SSH-2.0-OpenSSH_9.2p1"),
        "{error:?}"
    );
    let alert = server::saying(&[21, 3, 3, 0, 2, 2, 40]).await;
    let error = shake(&alert).await.unwrap_err();
    assert!(matches!(&error, TlsError::Alert { alert, .. } if alert == "HandshakeFailure"), "{error:?}");
    let old = server::saying(&[21, 3, 1, 0, 2, 2, 70]).await;
    let error = shake(&old).await.unwrap_err();
    assert!(matches!(error, TlsError::TooOld { .. }), "{error:?}");
}

#[tokio::test]
async fn nobody_and_nowhere_are_told_apart() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let error = handshake("127.0.0.1", port, None, LIMIT).await.unwrap_err();
    assert!(matches!(error, TlsError::Connect(ConnectError::Refused { .. })), "{error:?}");
    // RFC 6761: no resolver knows a name below `invalid`.
    let error = handshake("dtr.invalid", port, Some("dtr.invalid"), LIMIT).await.unwrap_err();
    assert!(matches!(error, TlsError::Connect(ConnectError::Dns { .. })), "{error:?}");
}

#[tokio::test]
async fn a_tarpit_costs_no_more_than_its_limit() {
    let tarpit = server::saying(b"").await;
    let limit = Duration::from_millis(400);
    let begin = Instant::now();
    let error = handshake("127.0.0.1", tarpit.address.port(), Some(HOST), limit).await.unwrap_err();
    assert!(matches!(error, TlsError::Timeout { .. }), "{error:?}");
    let error =
        get("127.0.0.1", tarpit.address.port(), "/v2/", &Trust::Plain, now(), limit).await.unwrap_err();
    assert!(matches!(error, HttpError::Timeout(_)), "{error:?}");
    assert!(begin.elapsed() < Duration::from_secs(3));
}

async fn ask(server: &Listening, trust: &Trust) -> Result<HttpAnswer, HttpError> {
    get("127.0.0.1", server.address.port(), "/v2/", trust, now(), LIMIT).await
}

#[tokio::test]
async fn an_answer_is_had_only_from_a_trusted_server() {
    let pki = Pki::new();
    let server =
        server::tls(server::config(&pki.chain(), &pki.leaf.key.serialize_der(), ALL_VERSIONS), OK).await;
    let root = Trust::Anchors(ders(std::slice::from_ref(&pki.root.certificate)));
    let answer = ask(&server, &root).await.unwrap();
    assert_eq!((answer.status, &answer.body[..]), (401, &b"{}"[..]));
    assert_eq!(answer.header("docker-distribution-api-version"), Some("registry/2.0"));
    assert_eq!(answer.chain, ders(&pki.chain()));
    assert_eq!(ask(&server, &Trust::Unverified).await.unwrap().status, 401);
    let error = ask(&server, &Trust::Anchors(Vec::new())).await.unwrap_err();
    assert!(
        matches!(&error, HttpError::Untrusted(it) if matches!(it.fault, Fault::UnknownAuthority { .. })),
        "{error:?}"
    );
}

/// A leaf, what is sent with it, and the fault.
type Bad<'a> = (Made, Vec<&'a Made>, fn(&Fault) -> bool);

#[tokio::test]
async fn every_fault_of_a_certificate_keeps_the_request_back() {
    let Pki { root, middle, leaf } = Pki::new();
    let anchors = Trust::Anchors(ders(std::slice::from_ref(&root.certificate)));
    let faults: [Bad<'_>; 5] = [
        (leaf, vec![], |fault| matches!(fault, Fault::UnknownAuthority { .. })),
        (Spec::server(&["10.0.0.1"]).signed_by(&middle), vec![&middle], |fault| {
            matches!(fault, Fault::OtherNames { .. })
        }),
        (Spec::server(&["127.0.0.1"]).days(-9, -1).signed_by(&root), vec![], |fault| {
            matches!(fault, Fault::Expired { .. })
        }),
        (Spec::server(&["127.0.0.1"]).days(1, 9).signed_by(&root), vec![], |fault| {
            matches!(fault, Fault::NotYetValid { .. })
        }),
        (Spec::common_name("127.0.0.1").signed_by(&root), vec![], |fault| *fault == Fault::CommonNameOnly),
    ];
    for (made, rest, expected) in faults {
        let chain: Vec<Certificate> =
            std::iter::once(&made).chain(rest).map(|it| it.certificate.clone()).collect();
        let config = server::config(&chain, &made.key.serialize_der(), ALL_VERSIONS);
        let server = server::tls(config, OK).await;
        let error = ask(&server, &anchors).await.unwrap_err();
        assert!(matches!(&error, HttpError::Untrusted(verdict) if expected(&verdict.fault)), "{error:?}");
        assert_eq!(shake(&server).await.unwrap().chain, ders(&chain));
    }
}

#[tokio::test]
async fn plain_answers_and_redirects_are_reported() {
    let server =
        server::saying(b"HTTP/1.1 307 Away\r\nLocation: https://elsewhere/v2/\r\nContent-Length: 0\r\n\r\n")
            .await;
    let answer = ask(&server, &Trust::Plain).await.unwrap();
    assert_eq!(answer.redirect(), Some("https://elsewhere/v2/"));
    let error = get("127.0.0.1", 1, "/v2/\r\nX: y", &Trust::Plain, now(), LIMIT).await.unwrap_err();
    assert!(matches!(error, HttpError::Path(_)), "{error:?}");
    let error = get("a b", 1, "/v2/", &Trust::Plain, now(), LIMIT).await.unwrap_err();
    assert!(matches!(error, HttpError::Host(_)), "{error:?}");
}
