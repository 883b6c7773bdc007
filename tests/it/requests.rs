//! `wait_for`, `uri` and `get_url`, on this machine's own shell and against a server of our own.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use modules::{Ask, AskWait, Call, WaitCondition, Waited, act_output};
use serde_json::{Value as Json, json};

use crate::engine_library::{each_shell, frame};
use crate::running::{Play, outcomes};

/// A server: what it was asked, by method, path, headers and body.
struct Server {
    address: String,
    seen: Arc<Mutex<Vec<String>>>,
}

impl Server {
    fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::clone(&seen);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let heard = Arc::clone(&heard);
                std::thread::spawn(move || serve(stream, &heard));
            }
        });
        Self { address, seen }
    }

    fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }
}

fn serve(mut stream: TcpStream, seen: &Mutex<Vec<String>>) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let (mut first, mut headers) = (String::new(), BTreeMap::new());
    reader.read_line(&mut first).ok()?;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        headers.insert(name.to_ascii_lowercase(), value.to_owned());
    }
    let mut body = vec![0; headers.get("content-length").map_or(0, |length| length.parse().unwrap())];
    reader.read_exact(&mut body).ok()?;
    let mut words = first.split(' ');
    let (method, path) = (words.next()?, words.next()?);
    let header = |name: &str| headers.get(name).map_or("-", String::as_str);
    let line = format!(
        "{method} {path} {} {} {}",
        header("authorization"),
        header("x-a"),
        String::from_utf8_lossy(&body)
    );
    seen.lock().unwrap().push(line);
    let (status, more, text) = match path {
        "/json" => (
            "200 OK",
            "Content-Type: application/json\r\nSet-Cookie: a=1; Path=/\r\nX-Two-Words: y\r\n",
            "{\"a\": [1]}",
        ),
        "/moved" => ("302 Found", "Location: /json\r\n", ""),
        "/private" if header("authorization") == "-" => {
            ("401 Unauthorized", "WWW-Authenticate: Basic realm=\"x\"\r\n", "")
        }
        "/sums" => ("200 OK", "", "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824  file\n"),
        "/file" => ("200 OK", "", "hello"),
        "/missing" => ("404 Not Found", "", "none"),
        _ => ("200 OK", "", "ok"),
    };
    let length = text.len();
    write!(stream, "HTTP/1.1 {status}\r\n{more}Content-Length: {length}\r\nConnection: close\r\n\r\n{text}")
        .ok()
}

fn wait(shell: &[&str], before: &str, condition: WaitCondition, timeout: u64) -> Waited {
    let ask = Ask::Wait(AskWait { condition, delay: 0, sleep: 1, timeout, connect_timeout: 2 });
    let frame = frame(shell, "", before, &ask.call().unwrap());
    let body = act_output(&frame.body);
    match ask.decode(&modules::Frame::new(frame.status, body), &|_| None) {
        modules::Answer::Wait(waited) => waited,
        other => panic!("{shell:?}: {other:?}"),
    }
}

#[test]
fn each_shell_waits_for_ports_and_files() {
    let server = Server::new();
    let (host, port) = server.address.split_once(':').unwrap();
    let (host, port): (String, u16) = (host.to_owned(), port.parse().unwrap());
    // Nobody listens there, and no connection begins at it.
    let free = 1;
    each_shell(|shell, at| {
        let met = |condition| wait(shell, "", condition, 0).met;
        assert!(met(WaitCondition::Open(host.clone(), port, None)), "{shell:?}");
        assert!(!met(WaitCondition::Open(host.clone(), free, None)), "{shell:?}");
        assert!(
            met(WaitCondition::Closed(host.clone(), free)) && !met(WaitCondition::Closed(host.clone(), port)),
            "{shell:?}"
        );
        // Where there is neither bash nor nc, curl tells.
        let bare = "has() { case $1 in bash | nc) return 1 ;; esac; command -v \"$1\" >/dev/null 2>&1; }";
        let script = |kind: &str, port: u16| {
            let call = Call::new("ask_wait").words([kind, &host]).number(port.into()).words(["", ""]);
            let call = call.number(0).number(1).number(0).number(1);
            let mut script = modules::Script::new("0123456789abcdef0123456789abcdef", &[]);
            script.answer(0, &call);
            let text = script.text().replacen("answer 0", &format!("{bare}\nanswer 0"), 1);
            let output = std::process::Command::new(shell[0])
                .args(&shell[1..])
                .arg("-c")
                .arg(format!("R=\n{text}"))
                .output()
                .unwrap();
            script.read(&output.stdout).get(0).unwrap().body.contains("met=1")
        };
        assert!(script("open", port) && !script("open", free) && script("closed", free), "{shell:?}");
        let path = |name: &str| modules::HostPath::new(&format!("{}/{name}", at.display())).unwrap();
        fs::write(at.join("log"), "a\nAPI listen on 7\n").unwrap();
        let found = |pattern: &str| met(WaitCondition::Present(path("log"), Some(pattern.to_owned())));
        assert!(found("^API .* [0-9]$") && !found("^API$"), "{shell:?}");
        assert!(met(WaitCondition::Absent(path("none"))) && !met(WaitCondition::Absent(path("log"))));
        assert!(met(WaitCondition::Drained("any".to_owned(), free)), "{shell:?}");
    });
}

#[test]
fn a_request_registers_what_ansible_registers() {
    let server = Server::new();
    let at = &server.address;
    let play = Play::new(&format!(
        "  - uri: {{url: 'http://{at}/json', return_content: true, headers: {{X-A: b}}}}\n  \
         - uri: {{url: 'http://{at}/moved'}}\n  - uri: {{url: 'http://{at}/moved', follow_redirects: none, status_code: 302}}\n  \
         - uri: {{url: 'http://{at}/missing'}}\n    ignore_errors: true\n  \
         - uri: {{url: 'http://{at}/private', url_username: u, url_password: s3cret}}\n  \
         - uri: {{url: 'http://{at}/post', method: POST, body: {{a: 'x y'}}, body_format: form-urlencoded}}\n  \
         - uri: {{url: 'http://{at}/json', dest: '@/out'}}\n"
    ));
    assert_eq!(outcomes(&play.run(&["--check"])), ["ok", "ok", "ok", "ignored", "ok", "unknown", "unknown"]);
    assert!(!server.seen().iter().any(|line| line.starts_with("POST")), "{:?}", server.seen());
    let done = play.run(&[]);
    assert_eq!(outcomes(&done), ["ok", "ok", "ok", "ignored", "ok", "ok", "changed"]);
    let fields =
        |at: usize, names: &[&str]| names.iter().map(|name| done[at].1[name].clone()).collect::<Json>();
    assert_eq!(
        fields(
            0,
            &[
                "status",
                "json",
                "content",
                "msg",
                "redirected",
                "x_two_words",
                "cookies",
                "content_type",
                "changed"
            ]
        ),
        json!([200, {"a": [1]}, "{\"a\": [1]}", "OK (10 bytes)", false, "y", {"a": "1"}, "application/json", false])
    );
    assert_eq!(
        fields(1, &["status", "redirected", "url", "content"]),
        json!([200, true, format!("http://{at}/json"), null])
    );
    assert_eq!(fields(2, &["status", "location"]), json!([302, "/json"]));
    assert_eq!(fields(3, &["status", "failed"]), json!([404, true]));
    assert_eq!(fs::read_to_string(play.path("out")).unwrap(), "{\"a\": [1]}");
    let seen = server.seen();
    assert!(seen.contains(&"GET /private Basic dTpzM2NyZXQ= - ".to_owned()), "{seen:?}");
    assert!(
        seen.contains(&"POST /post - - a=x+y".to_owned()) && seen.contains(&"GET /json - b ".to_owned()),
        "{seen:?}"
    );
    assert_eq!(outcomes(&play.run(&[])).last(), Some(&"ok"), "what is there is not written again");
}

#[test]
fn a_download_is_checked_and_made_once() {
    let server = Server::new();
    let at = &server.address;
    let play = Play::new(&format!(
        "  - get_url: {{url: 'http://{at}/file', dest: '@/a', mode: '0600'}}\n  \
         - get_url: {{url: 'http://{at}/file', dest: '@', checksum: 'sha256:http://{at}/sums'}}\n  \
         - get_url: {{url: 'http://{at}/file', dest: '@/c', checksum: 'sha256:00'}}\n    ignore_errors: true\n  \
         - get_url: {{url: 'http://{at}/missing', dest: '@/d'}}\n    ignore_errors: true\n"
    ));
    assert_eq!(outcomes(&play.run(&["--check"])), ["changed", "unknown", "unknown", "unknown"]);
    assert!(!play.path("a").exists());
    assert_eq!(outcomes(&play.run(&[])), ["changed", "changed", "ignored", "ignored"]);
    assert_eq!(fs::read_to_string(play.path("a")).unwrap(), "hello");
    assert_eq!(fs::read_to_string(play.path("file")).unwrap(), "hello");
    assert!(!play.path("c").exists() && !play.path("d").exists());
    let asked = server.seen().len();
    assert_eq!(outcomes(&play.run(&[]))[..2], ["ok", "ok"]);
    let again = server.seen().split_off(asked);
    assert!(again[..1] == ["GET /sums - - "], "{again:?}");
    let forced = Play::new(&format!("  - get_url: {{url: 'http://{at}/file', dest: '@/a', force: true}}\n"));
    fs::write(forced.path("a"), "old").unwrap();
    assert_eq!(outcomes(&forced.run(&["--check"])), ["unknown"]);
    assert_eq!(outcomes(&forced.run(&[])), ["changed"]);
    assert_eq!(outcomes(&forced.run(&[])), ["ok"], "the same again is no change");
}

#[test]
fn what_is_waited_for_may_be_the_effect_of_an_earlier_task() {
    let play = Play::new(
        "  - shell: (sleep 1; echo up >@/up) >/dev/null 2>&1 &\n  - wait_for: {path: '@/up', search_regex: '^u\\w$', timeout: 20}\n  \
         - wait_for: {path: '@/never', timeout: 1, msg: it never came}\n    ignore_errors: true\n",
    );
    assert_eq!(outcomes(&play.run(&["--check"]))[..1], ["unknown"]);
    assert!(!play.path("up").exists());
    let done = play.run(&[]);
    assert_eq!(outcomes(&done), ["changed", "ok", "ignored"]);
    assert_eq!((&done[1].1["state"], &done[2].1["msg"]), (&json!("started"), &json!("it never came")));
}
