//! A request of the host's own, by its curl.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::Serialize;

use super::answer::Attributes;
use super::change::{Before, Content, Ownership};
use super::path::HostPath;
use super::secret::Secret;
use super::text::Call;

/// A request. Its headers, which may hold a token, are not shown.
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of curl's")]
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Request {
    /// Where it goes.
    #[serde(serialize_with = "without_user")]
    pub url: String,
    /// The method, in capitals.
    pub method: String,
    /// Its headers.
    #[serde(skip)]
    pub headers: Vec<(String, String)>,
    /// What is sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<Content>,
    /// Name and password for basic authentication.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<(String, Secret)>,
    /// Whether they are sent at once, and not only once the server asks for them.
    pub basic: bool,
    /// Whether certificates are verified.
    pub verify: bool,
    /// A file of certificates that are trusted instead of the system's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca: Option<HostPath>,
    /// A certificate of the client's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate: Option<HostPath>,
    /// Its key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<HostPath>,
    /// Whether a redirect is followed.
    pub follow: bool,
    /// Whether the proxy of the environment is used.
    pub proxy: bool,
    /// Seconds without any progress after which it is given up.
    pub timeout: u64,
}

/// A GET or HEAD: it changes nothing by itself, but is fenced, as it may see what an earlier task changes.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AskRequest(pub Request);

/// A request that may change something at its server. What comes of it is known only when it has been made.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MakeRequest {
    /// The request.
    pub request: Request,
    /// The statuses that are no failure.
    pub expected: Vec<i64>,
    /// Whether the result holds the body.
    pub return_content: bool,
}

/// The checksum of a file.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AskSum {
    /// Where it lies; links are followed.
    pub path: HostPath,
    /// `sha256`, `sha1`, `sha512` or another that the host knows.
    pub algorithm: String,
}

/// A file by its checksum.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Summed {
    /// Nothing is there.
    Absent,
    /// A directory.
    Directory,
    /// A file: its attributes, its SHA-256, and its checksum, which is empty where the host does not know the algorithm.
    File(Attributes, String, String),
    /// A device, socket or pipe.
    Other,
}

/// Downloads a file beside its target, checks it and puts it in its place.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Download {
    /// The request.
    pub request: Request,
    /// Where it shall lie.
    pub path: HostPath,
    /// Attributes and SHA-256 of the file that was there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<(Attributes, String)>,
    /// Algorithm and checksum that it must have.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub checksum: Option<(String, String)>,
    /// Owner and permissions; those of the file before where not given, else 0644.
    pub ownership: Ownership,
    /// Whether it is made whatever is there, so that nobody knows beforehand whether it changes anything.
    pub forced: bool,
}

/// What a server has answered.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Response {
    /// The HTTP status; none where there was no answer.
    pub status: Option<i64>,
    /// Where it came from, after redirects.
    pub url: String,
    /// Whether it was redirected.
    pub redirected: bool,
    /// Whole seconds that it took.
    pub elapsed: u64,
    /// The reason behind the status.
    pub reason: String,
    /// Its headers, names in lower case.
    pub headers: BTreeMap<String, String>,
    /// What it set as cookies.
    pub cookies: Vec<(String, String)>,
    /// Its body.
    pub body: Vec<u8>,
    /// Whether the body is longer than what is kept of it.
    pub cut: bool,
    /// Why there is no answer.
    pub error: Option<String>,
}

#[expect(clippy::ptr_arg, reason = "serde's signature")]
fn without_user<S: serde::Serializer>(url: &String, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&Request::shown(url))
}

/// One line of curl's configuration: a value in quotes, in which nothing ends it.
fn line(config: &mut String, name: &str, value: &str) {
    let mut quoted = String::new();
    for c in value.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            '\n' => quoted += "\\n",
            '\r' => quoted += "\\r",
            c => quoted.push(c),
        }
    }
    _ = writeln!(config, "{name} = \"{quoted}\"");
}

impl Request {
    /// One line for the reader.
    #[must_use]
    pub fn summary(&self) -> String {
        format!("{} {}", self.method, Self::shown(&self.url))
    }

    /// An address without the user and password that it may hold.
    #[must_use]
    pub fn shown(url: &str) -> String {
        let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let host = rest[..end].rsplit('@').next().unwrap_or_default();
        format!("{scheme}://{host}{}", &rest[end..])
    }

    /// curl's configuration.
    fn config(&self) -> String {
        let mut config = String::new();
        let mut set = |name: &str, value: &str| line(&mut config, name, value);
        set("url", &self.url);
        match self.method.as_str() {
            "HEAD" => {}
            "GET" if self.body.is_none() => {}
            method => set("request", method),
        }
        for (name, value) in &self.headers {
            // A header without a value is written with a semicolon.
            let text = if value.is_empty() { format!("{name};") } else { format!("{name}: {value}") };
            set("header", &text);
        }
        if let Some((user, password)) = &self.user {
            set("user", &format!("{user}:{}", password.reveal()));
        }
        for (name, path) in [("cacert", &self.ca), ("cert", &self.certificate), ("key", &self.key)] {
            if let Some(path) = path {
                set(name, path.as_str());
            }
        }
        if !self.proxy {
            set("noproxy", "*");
        }
        let seconds = self.timeout.max(1).to_string();
        for (name, value) in
            [("connect-timeout", seconds.as_str()), ("speed-limit", "1"), ("speed-time", &seconds)]
        {
            set(name, value);
        }
        for (flag, wanted) in [
            ("insecure", !self.verify),
            ("anyauth", self.user.is_some() && !self.basic),
            ("head", self.method == "HEAD"),
            ("location", self.follow),
        ] {
            if wanted {
                _ = writeln!(config, "{flag}");
            }
        }
        config + "max-redirs = 10\ngloboff\n"
    }

    fn call(&self, function: &'static str) -> Call {
        let body = self.body.as_ref().map(|body| body.bytes.as_slice());
        let call = Call::new(function).bytes(self.config().as_bytes()).bytes(body.unwrap_or_default());
        call.word(if body.is_some() { "with" } else { "without" })
    }
}

impl AskRequest {
    pub(super) fn call(&self) -> Call {
        self.0.call("ask_request")
    }
}

impl MakeRequest {
    pub(super) fn call(&self) -> Call {
        self.request.call("do_request")
    }
}

impl Download {
    pub(super) fn call(&self) -> Call {
        let before = self.before.as_ref().map(|(attributes, _)| Before {
            content: Content::new(Vec::new()),
            attributes: attributes.clone(),
        });
        let (algorithm, sum) = self.checksum.clone().unwrap_or_else(|| ("sha256".to_owned(), String::new()));
        Call::new("do_download")
            .path(&self.path)
            .word(self.before.as_ref().map_or("absent", |(_, digest)| digest.as_str()))
            .word(algorithm)
            .word(sum)
            .words(self.ownership.words_over(before.as_ref(), "0644"))
            .bytes(self.request.config().as_bytes())
    }

    pub(super) fn summary(&self) -> String {
        let verb = if self.before.is_some() { "replace" } else { "create" };
        format!("{verb} {} with {}", self.path, Request::shown(&self.request.url))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_ends_a_value_of_the_configuration() {
        let request = Request {
            url: "https://h/\"\nurl = \"file:///etc/shadow".into(),
            method: "POST".into(),
            headers: vec![("A".into(), "b\\\"\r\nc".into()), ("E".into(), String::new())],
            user: Some(("u".into(), Secret::new("p\"\\"))),
            timeout: 5,
            ..Request::default()
        };
        let config = request.config();
        let lines: Vec<&str> = config.lines().collect();
        assert_eq!(lines[0], r#"url = "https://h/\"\nurl = \"file:///etc/shadow""#);
        assert_eq!(lines[1], r#"request = "POST""#);
        assert_eq!(lines[2], r#"header = "A: b\\\"\r\nc""#);
        assert_eq!((lines[3], lines[4]), (r#"header = "E;""#, r#"user = "u:p\"\\""#));
        assert!(
            lines.contains(&"insecure")
                && lines.contains(&r#"noproxy = "*""#)
                && !lines.contains(&"location")
        );
    }

    #[test]
    fn a_password_is_not_shown() {
        let request = Request {
            url: "https://u:secret@h:1/x@y".into(),
            method: "GET".into(),
            headers: vec![("Authorization".into(), "secret".into())],
            user: Some(("u".into(), Secret::new("secret"))),
            ..Request::default()
        };
        assert_eq!(request.summary(), "GET https://h:1/x@y");
        assert!(!serde_json::to_string(&request).unwrap().contains("secret"));
    }
}
