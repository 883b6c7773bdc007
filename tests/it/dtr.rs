//! `dtr_tls` against a stand-in for DTR's admin API, made from what its source and reference say of it: there is no DTR here.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use base64::Engine as _;
use modules::certs::{self, Certificate, PrivateKey, RegistryHost};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::{Value as Json, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use crate::harness::{Ran, World};
use crate::pki::{Pair, Pki};

const PASSWORD: &str = "canary-password-7f3";
const USER: &str = "admin";

/// How the stand-in behaves.
#[derive(Clone, Debug, PartialEq)]
enum Mood {
    /// As read: 202, then away for a while, then back with what was set.
    Good(Duration),
    /// It sets what it is given, and the connection is gone before the answer.
    Lost,
    /// The connection is gone before anything was set.
    Deaf,
    /// 202, and nothing follows.
    Idle,
    /// Every answer has this status, with these words.
    Answers(u16, String),
    /// The same for POST alone.
    Refuses(u16, String),
    /// Every answer leads elsewhere.
    Redirects(String),
}

struct State {
    pair: Pair,
    ca: String,
    host: String,
    mood: Mood,
    away_until: Instant,
    /// What was posted.
    posts: Vec<Json>,
    /// Requests with the right credentials.
    known: usize,
    requests: usize,
}

/// A DTR that is none, as long as this lives.
struct StandIn {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
    _runtime: tokio::runtime::Runtime,
}

impl StandIn {
    fn start(pair: Pair, ca: &str, mood: Mood) -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let listener = runtime.block_on(TcpListener::bind(("127.0.0.1", 0))).unwrap();
        let address = listener.local_addr().unwrap();
        let state = State {
            pair,
            ca: ca.to_owned(),
            host: format!("localhost:{}", address.port()),
            mood,
            away_until: Instant::now(),
            posts: Vec::new(),
            known: 0,
            requests: 0,
        };
        let state = Arc::new(Mutex::new(state));
        let shared = Arc::clone(&state);
        runtime.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let state = Arc::clone(&shared);
                tokio::spawn(async move { serve(stream, &state).await.ok() });
            }
        });
        Self { address, state, _runtime: runtime }
    }

    fn name(&self) -> String {
        format!("localhost:{}", self.address.port())
    }

    fn state<T>(&self, look: impl FnOnce(&mut State) -> T) -> T {
        look(&mut self.state.lock().unwrap())
    }
}

async fn serve(stream: TcpStream, state: &Mutex<State>) -> std::io::Result<()> {
    let (away, config) = {
        let state = state.lock().unwrap();
        (state.away_until > Instant::now(), config(&state.pair))
    };
    if away {
        return Ok(());
    }
    let mut stream = TlsAcceptor::from(Arc::new(config)).accept(stream).await?;
    let Some((head, body)) = request(&mut stream).await? else { return Ok(()) };
    let Some(answer) = answer(&head, &body, state) else { return Ok(()) };
    stream.write_all(answer.as_bytes()).await?;
    stream.shutdown().await
}

fn config(pair: &Pair) -> ServerConfig {
    let chain = CertificateDer::pem_slice_iter(pair.certificate.as_bytes()).map(Result::unwrap).collect();
    let key = PrivateKeyDer::from_pem_slice(pair.key.as_bytes()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder =
        ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    builder.with_no_client_auth().with_single_cert(chain, key).unwrap()
}

async fn request(
    stream: &mut (impl tokio::io::AsyncRead + Unpin),
) -> std::io::Result<Option<(String, String)>> {
    let mut received = Vec::new();
    loop {
        if stream.read_buf(&mut received).await? == 0 {
            return Ok(None);
        }
        let text = String::from_utf8_lossy(&received).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = header(head, "content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
        if body.len() >= length {
            return Ok(Some((head.to_owned(), body.to_owned())));
        }
    }
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines()
        .filter_map(|line| line.split_once(": "))
        .find(|(key, _)| key.eq_ignore_ascii_case(name))
        .map(|(_, v)| v)
}

fn http(status: u16, more: &str, body: &str) -> String {
    format!("HTTP/1.1 {status} X\r\n{more}Content-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len())
}

fn errors(code: &str, message: &str) -> String {
    json!({"errors": [{"code": code, "message": message, "detail": null}]}).to_string()
}

/// None where the connection is to end without a word.
fn answer(head: &str, body: &str, state: &Mutex<State>) -> Option<String> {
    let mut state = state.lock().unwrap();
    state.requests += 1;
    let line = head.lines().next().unwrap_or_default().to_owned();
    let basic = base64::engine::general_purpose::STANDARD.encode(format!("{USER}:{PASSWORD}"));
    let known = header(head, "authorization")
        .is_some_and(|v| v == format!("Basic {basic}") || v == "Bearer canary-token-91");
    state.known += usize::from(known);
    match state.mood.clone() {
        Mood::Redirects(to) => return Some(http(302, &format!("Location: {to}\r\n"), "")),
        Mood::Answers(status, words) => return Some(http(status, "", &words)),
        _ => {}
    }
    if !known {
        return Some(http(401, "", &errors("UNAUTHORIZED", "authentication required")));
    }
    match line.as_str() {
        "GET /api/v0/meta/settings HTTP/1.1" => {
            let settings = json!({
                "dtrHost": state.host, "webTLSCert": state.pair.certificate, "webTLSCA": state.ca, "storage": {},
            });
            Some(http(200, "Content-Type: application/json\r\n", &settings.to_string()))
        }
        "POST /api/v0/meta/settings HTTP/1.1" => posted(&mut state, body),
        _ => Some(http(404, "", &errors("NOT_FOUND", "no such thing"))),
    }
}

fn posted(state: &mut State, body: &str) -> Option<String> {
    let sent: Json = serde_json::from_str(body).unwrap();
    state.posts.push(sent.clone());
    let mood = state.mood.clone();
    match &mood {
        Mood::Refuses(status, words) => return Some(http(*status, "", words)),
        Mood::Deaf => return None,
        Mood::Idle => return Some(http(202, "", "")),
        _ => {}
    }
    let text = |name: &str, now: &str| sent[name].as_str().unwrap_or(now).to_owned();
    let pair = Pair { certificate: text("webTLSCert", &state.pair.certificate), key: text("webTLSKey", "") };
    let ca = text("webTLSCA", &state.ca);
    if let Err(why) = check(&pair, &ca, &state.host) {
        return Some(http(400, "", &errors("INVALID_SETTINGS", &why)));
    }
    (state.pair, state.ca) = (pair, ca);
    match mood {
        Mood::Good(restart) => {
            state.away_until = Instant::now() + restart;
            Some(http(202, "", ""))
        }
        _ => None,
    }
}

/// What DTR checks: that the pair belongs together, the name, the way to its CA.
fn check(pair: &Pair, ca: &str, host: &str) -> Result<(), String> {
    let chain: Vec<Certificate> =
        certs::read(pair.certificate.as_bytes()).map_err(|error| error.to_string())?;
    let key = PrivateKey::read(pair.key.as_bytes()).map_err(|error| error.to_string())?;
    if !key.fits(&chain[0]) {
        return Err("tls: private key does not match public key".to_owned());
    }
    let host: RegistryHost = host.parse().unwrap();
    let anchors = certs::read(ca.as_bytes()).map_err(|error| error.to_string())?;
    let now = time::OffsetDateTime::now_utc();
    certs::verify(&chain[0], &chain[1..], &anchors, &host, now).map_err(|error| error.to_string())?;
    Ok(())
}

/// A stand-in with an old certificate, and a controller's folder with a new one.
struct Scene {
    world: World,
    dtr: StandIn,
    old: Pair,
    new: Pair,
    arguments: Vec<(String, String)>,
}

impl Scene {
    fn new(mood: Mood) -> Self {
        let (first, next) = (Pki::new("First"), Pki::new("Next"));
        let (old, new) = (first.pair(&["localhost"]), next.pair(&["localhost"]));
        let dtr = StandIn::start(old.clone(), &first.root, mood);
        let world = World::new()
            .file("new.pem", &new.certificate)
            .file("new.key", &new.key)
            .file("old-root.pem", &first.root)
            .file("root.pem", &next.root)
            .file("password", PASSWORD);
        let set = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let arguments = vec![
            set("registry", &dtr.name()),
            set("username", USER),
            set("password", "\"{{ lookup('file', 'password') }}\""),
            set("certificate_file", "new.pem"),
            set("key_file", "new.key"),
            set("ca", "root.pem"),
            set("api_ca", "old-root.pem"),
            set("timeout", "15"),
        ];
        Self { world, dtr, old, new, arguments }.written()
    }

    fn written(mut self) -> Self {
        let lines: String =
            self.arguments.iter().map(|(name, value)| format!("    {name}: {value}\n")).collect();
        self.world = self
            .world
            .tasks(&format!("- dtr_tls:\n{lines}  register: set\n- debug: {{msg: \"{{{{ set }}}}\"}}"));
        self
    }

    /// With another value of an argument; none takes it out.
    fn with(mut self, name: &str, value: Option<&str>) -> Self {
        self.arguments.retain(|(known, _)| known != name);
        self.arguments.extend(value.map(|value| (name.to_owned(), value.to_owned())));
        self.written()
    }

    /// Runs it; nothing secret is in what it prints.
    fn run(&self, flags: &[&str], code: i32) -> Ran {
        let ran = self.world.events(flags).code(code).any_stderr().run();
        let human = self.world.apply(&["--check", "--diff=full"]).any_stderr();
        let mut command = human.command();
        let human = command.output().unwrap();
        let all = ran.stdout.clone()
            + &ran.stderr
            + &String::from_utf8_lossy(&human.stdout)
            + &String::from_utf8_lossy(&human.stderr);
        let basic = base64::engine::general_purpose::STANDARD.encode(format!("{USER}:{PASSWORD}"));
        let lines = self.new.key.lines().filter(|line| !line.starts_with("-----"));
        for secret in lines.chain([PASSWORD, &basic, "canary-token-91"]) {
            assert!(!all.contains(secret), "a secret is shown: {all}");
        }
        ran
    }

    #[track_caller]
    fn refused(&self, words: &[&str]) {
        let ran = self.run(&[], 3);
        let reason = &ran.recap("web1")["reason"];
        let said = format!(
            "{} | {}",
            reason["message"].as_str().unwrap(),
            reason["help"].as_str().unwrap_or_default()
        );
        for word in words {
            assert!(said.contains(word), "no `{word}` in: {said}");
        }
    }

    fn posts(&self) -> usize {
        self.dtr.state(|state| state.posts.len())
    }

    fn serves(&self) -> String {
        self.dtr.state(|state| state.pair.certificate.clone())
    }
}

const SOON: Duration = Duration::from_millis(1200);

#[test]
fn a_new_pair_is_set_served_and_then_left_alone() {
    let scene = Scene::new(Mood::Good(SOON));
    let before = scene.world.trees();
    let check = scene.run(&["--check"], 0);
    assert_eq!((scene.posts(), check.recap("web1")["changed"].as_u64()), (0, Some(1)));
    let first = scene.run(&[], 0);
    crate::harness::assert_same_plan(&check, &first);
    assert_eq!(scene.serves(), scene.new.certificate);
    let posted = scene.dtr.state(|state| state.posts.clone());
    assert_eq!(posted.len(), 1);
    let mut names: Vec<_> = posted[0].as_object().unwrap().keys().cloned().collect();
    names.sort();
    assert_eq!(names, ["webTLSCA", "webTLSCert", "webTLSKey"], "only these fields change");
    assert!(first.stdout.contains("it was away for"), "{}", first.stdout);
    let second = scene.run(&[], 0);
    assert!(second.plan().is_empty(), "{:?}", second.plan());
    assert_eq!(scene.posts(), 1);
    assert_eq!(scene.world.trees(), before, "no host is touched");
}

#[test]
fn the_shipped_playbook_says_all_this() {
    let scene = Scene::new(Mood::Good(SOON));
    let playbook = std::fs::read(crate::harness::shipped("dtr-certificate.yml")).unwrap();
    let world = scene.world.file("dtr-certificate.yml", playbook);
    let leaf = certs::read(scene.old.certificate.as_bytes()).unwrap().remove(0);
    let given = [
        format!("registry={}", scene.dtr.name()),
        "certificate_file=new.pem".to_owned(),
        "key_file=new.key".to_owned(),
        "registry_ca=root.pem".to_owned(),
        format!("api_pin={}", certs::Pin::of(&leaf)),
    ];
    let run = |flags: &[&str]| {
        let call = world.dtrctl(&["apply", "dtr-certificate.yml", "-i", "hosts.yml", "--format", "jsonl"]);
        let call = given.iter().fold(call, |call, value| call.args(&["-e", value]));
        call.args(flags).env("DTR_PASSWORD", PASSWORD).run()
    };
    let check = run(&["--check"]);
    assert_eq!(
        check.outcomes("localhost"),
        ["set the certificate and key: changed", "prove that clients will accept it: unknown"]
    );
    let first = run(&[]);
    crate::harness::assert_same_plan(&check, &first);
    assert_eq!(
        first.outcomes("localhost"),
        ["set the certificate and key: changed", "prove that clients will accept it: ok"]
    );
    assert!(run(&[]).plan().is_empty());
}

#[test]
fn what_proves_the_dtr_is_asked_for_before_a_password_is_sent() {
    let asked = |scene: &Scene| scene.dtr.state(|state| state.requests);
    let scene = Scene::new(Mood::Good(SOON)).with("ca", None).with("api_ca", None);
    scene.refused(&["nothing proves", "api_pin: sha256:"]);
    assert_eq!(asked(&scene), 0);
    let wrong = format!("sha256:{}", "0".repeat(64));
    let scene = scene.with("api_pin", Some(&wrong));
    scene.refused(&["matches no pin"]);
    assert_eq!(asked(&scene), 0);
    // The new root does not vouch for the old certificate.
    let scene = Scene::new(Mood::Good(SOON)).with("api_ca", None);
    scene.refused(&["unknown authority", "api_pin"]);
    assert_eq!(asked(&scene), 0);
    let leaf = certs::read(scene.old.certificate.as_bytes()).unwrap().remove(0);
    let pin = certs::Pin::of(&leaf).to_string();
    let scene = scene.with("api_pin", Some(&pin));
    scene.run(&[], 0);
    assert_eq!(scene.serves(), scene.new.certificate);
}

#[test]
fn whoever_is_believed_unproven_is_named() {
    // A certificate of the same CA, so that DTR's own CA vouches for it and none has to be given.
    let scene = Scene::new(Mood::Good(SOON))
        .with("api_ca", None)
        .with("ca", None)
        .with("api_unverified", Some("true"));
    scene.refused(&["webTLSCA", "CN=First", "give the root of the new certificate as `ca`"]);
    let pki = Pki::new("Same");
    let (old, new) = (pki.pair(&["localhost"]), pki.pair(&["localhost"]));
    scene.dtr.state(|state| (state.pair, state.ca) = (old, pki.root.clone()));
    let scene =
        Scene { world: scene.world.file("new.pem", &new.certificate).file("new.key", &new.key), ..scene };
    let ran = scene.run(&[], 0);
    assert!(ran.stdout.contains("the password goes to whoever shows sha256:"), "{}", ran.stdout);
    assert_eq!(scene.serves(), new.certificate);
}

#[test]
fn a_token_does_too_and_wrong_credentials_are_said() {
    let scene = Scene::new(Mood::Good(SOON)).with("password", Some("wrong"));
    scene.refused(&["refuses the credentials (401)", "UNAUTHORIZED", "administrator"]);
    let scene = scene.with("username", None).with("password", None);
    scene.refused(&["who asks is not said"]);
    let scene = scene.with("token", Some("canary-token-91"));
    scene.run(&[], 0);
    assert_eq!(scene.serves(), scene.new.certificate);
}

#[test]
fn what_dtr_would_refuse_is_found_beforehand() {
    let scene = Scene::new(Mood::Good(SOON));
    scene.dtr.state(|state| "dtr.corp".clone_into(&mut state.host));
    scene.refused(&["believes to be `dtr.corp`", "valid for localhost, not dtr.corp"]);
    let scene = Scene::new(Mood::Good(SOON));
    let other = scene.old.key.clone();
    let scene = Scene { world: scene.world.file("new.key", other), ..scene };
    scene.refused(&["private key does not match public key"]);
    assert_eq!(scene.posts(), 0);
}

#[test]
fn what_dtr_itself_refuses_is_repeated_without_its_secrets() {
    for why in ["tls: private key does not match public key", "x509: certificate is valid for a, not b"] {
        let scene = Scene::new(Mood::Refuses(400, errors("INVALID_SETTINGS", why)));
        scene.refused(&["nothing was set", "INVALID_SETTINGS", why]);
        assert_eq!(scene.serves(), scene.old.certificate);
    }
    let scene = Scene::new(Mood::Good(SOON));
    let line = scene.new.key.lines().nth(1).unwrap().to_owned();
    let echo = errors("INVALID_SETTINGS", &format!("bad {PASSWORD} and {line}"));
    scene.dtr.state(|state| state.mood = Mood::Refuses(400, echo));
    scene.refused(&["bad (hidden) and (hidden)"]);
    let scene = Scene::new(Mood::Refuses(503, "<html>no backend</html>".to_owned()));
    scene.refused(&["what it has set is not known (503)", "no backend"]);
}

#[test]
fn other_answers_are_no_settings() {
    Scene::new(Mood::Answers(404, String::new())).refused(&[
        "has no /api/v0/meta/settings",
        "DTR 1.x",
        "server.pem",
    ]);
    Scene::new(Mood::Answers(500, "oops".to_owned())).refused(&["does not give its settings (500): oops"]);
    Scene::new(Mood::Answers(200, "<html>".to_owned())).refused(&["cannot be read"]);
    let scene = Scene::new(Mood::Redirects("https://elsewhere.example/login".to_owned()));
    scene.refused(&["redirect to `https://elsewhere.example/login`", "credentials are not sent"]);
    assert_eq!(scene.posts(), 0);
}

#[test]
fn a_connection_that_is_lost_is_decided_by_what_is_served() {
    let scene = Scene::new(Mood::Lost);
    scene.run(&[], 0);
    assert_eq!(scene.serves(), scene.new.certificate);
    let scene = Scene::new(Mood::Deaf).with("timeout", Some("1"));
    scene.refused(&["whether the certificate was set is not known", "another certificate"]);
    let scene = Scene::new(Mood::Idle).with("timeout", Some("1"));
    scene.refused(&["was accepted, but after 1 s", "still shows another certificate"]);
}

#[test]
fn a_dtr_that_comes_back_late_is_waited_for() {
    let scene = Scene::new(Mood::Good(Duration::from_secs(4)));
    let ran = scene.run(&[], 0);
    assert!(ran.stdout.contains("it was away for"), "{}", ran.stdout);
    assert_eq!(scene.serves(), scene.new.certificate);
}
