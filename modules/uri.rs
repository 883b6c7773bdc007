//! `uri`: a request of the host's own.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use crate::arguments::{Listed, Whole, Word};
use crate::contract::{
    AskError, AskFile, AskRequest, Before, Change, Content, File, FileKind, Host, HostPath, MakeRequest,
    Module, Ownership, Plan, PlanError, Probe, Request, Response, Secret, Touches, WriteFile,
};
use crate::guards::{self, Guards, Pattern, Settled};

/// Makes a request from the host, by its `curl`. A `GET` or `HEAD` changes nothing: it is made in check mode too, as long as no change is
/// planned that it might see. What another method does is known only when it has been made: in check mode it is unknown.
/// Ansible makes no request in check mode. As in Ansible a request is no change of the host, except for `dest`.
///
/// It registers `status`, `url`, `msg`, `redirected`, `elapsed`, `cookies`, each header in lower case with `_` for `-`, `json` where the
/// answer is JSON, and `content` with `return_content`. Name, password and headers are never shown and stand in no command line.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "they are arguments")]
pub struct Uri {
    /// Where to, with `http://` or `https://`.
    url: String,
    /// The method. Default: `GET`.
    #[serde(default)]
    method: Option<String>,
    /// The statuses that are no failure. Default: 200.
    #[serde(default)]
    status_code: Option<Listed<Whole>>,
    /// Whether the body is registered as `content`. Default: false.
    #[serde(default)]
    return_content: bool,
    /// What is sent: text, or a value for `json` and `form-urlencoded`. Default: nothing.
    #[serde(default)]
    body: Option<Value>,
    /// How it is written. Default: `raw`.
    #[serde(default)]
    body_format: BodyFormat,
    /// Headers by name.
    #[serde(default)]
    headers: BTreeMap<String, Word>,
    /// The name for basic authentication. Default: none.
    #[serde(default)]
    url_username: Option<String>,
    /// The password for it.
    #[serde(default)]
    url_password: Option<Secret>,
    /// Whether name and password are sent at once, and not only once the server asks for them. Default: false.
    #[serde(default)]
    force_basic_auth: bool,
    /// Whether certificates are verified. Default: true.
    #[serde(default = "guards::yes")]
    validate_certs: bool,
    /// A file of the host with certificates that are trusted instead of the system's.
    #[serde(default)]
    ca_path: Option<HostPath>,
    /// A file of the host with the client's certificate.
    #[serde(default)]
    client_cert: Option<HostPath>,
    /// A file of the host with its key.
    #[serde(default)]
    client_key: Option<HostPath>,
    /// Which redirects are followed. Default: `safe`.
    #[serde(default)]
    follow_redirects: Follow,
    /// Seconds without any progress after which it is given up. Default: 30.
    #[serde(default)]
    timeout: Option<Whole>,
    /// A file of the host that gets the body, of up to 4 MiB; for a `GET` alone.
    #[serde(default)]
    dest: Option<HostPath>,
    /// A path, or a pattern of paths; where something is there, no request is made.
    #[serde(default)]
    creates: Option<Pattern>,
    /// A path, or a pattern of paths; where nothing is there, no request is made.
    #[serde(default)]
    removes: Option<Pattern>,
    /// Whether the proxy of the environment is used. Default: true.
    #[serde(default = "guards::yes")]
    use_proxy: bool,
    /// `User-Agent`. Default: curl's own.
    #[serde(default)]
    http_agent: Option<String>,
}

/// How a body is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum BodyFormat {
    /// As it is.
    #[default]
    Raw,
    /// As JSON, unless it is text.
    Json,
    /// As a form, unless it is text.
    FormUrlencoded,
}

/// Which redirects are followed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Follow {
    /// Those of a `GET` or `HEAD`.
    #[default]
    Safe,
    /// Those of all methods.
    #[serde(alias = "yes")]
    All,
    /// None at all.
    #[serde(alias = "no")]
    None,
}

/// Whether the request is needed, what was answered, and the file that gets it.
pub struct State {
    settled: Settled,
    response: Option<Box<Response>>,
    file: Option<File>,
}

impl Module for Uri {
    const NAME: &'static str = "uri";
    const ALIASES: &'static [(&'static str, &'static str)] =
        &[("user", "url_username"), ("password", "url_password")];
    const EXAMPLE: &'static str =
        "- uri:\n    url: https://dtr.example.com/health\n    return_content: true\n  register: health\n";
    const TOUCHES: Touches = Touches::Paths(&["dest"]);
    type State = State;

    fn probe(&self, host: &Host) -> Probe<State> {
        let request = match self.request() {
            Ok(_) if host.facts.sandbox => {
                return Probe::refuse(AskError::Host("a sandbox makes no requests".to_owned()));
            }
            Ok(request) => request,
            Err(error) => return Probe::refuse(AskError::Host(error)),
        };
        let (safe, dest) = (self.is_safe(), self.dest.clone());
        let guards =
            Guards { creates: self.creates.as_ref(), removes: self.removes.as_ref(), ..Guards::default() };
        let ask = move |settled: Settled| {
            if settled.is_some() || !safe {
                return Probe::ready(State { settled, response: None, file: None });
            }
            let file = match dest {
                Some(path) => Probe::ask(AskFile { path, limit: 4 << 20 }).map(Some),
                None => Probe::ready(None),
            };
            Probe::ask(AskRequest(request)).zip(file).map(|(response, file)| State {
                settled: None,
                response: Some(response),
                file,
            })
        };
        // Without a guard it costs no trip of its own.
        if guards.given() { guards.probe().and_then(ask) } else { ask(None) }
    }

    fn plan(&self, _host: &Host, state: State) -> Result<Plan, PlanError> {
        if let Some(reason) = state.settled {
            let mut plan = Plan::default();
            plan.info(reason.clone());
            plan.set("msg", reason);
            return Ok(plan);
        }
        let Some(response) = state.response else {
            let request = self.request().map_err(PlanError::new)?;
            let make =
                MakeRequest { request, expected: self.expected(), return_content: self.return_content };
            return Ok(Plan::new(vec![Change::Request(Box::new(make))]));
        };
        let result = response
            .result(&self.expected(), self.return_content)
            .map_err(|(why, result)| PlanError { result: Box::new(result), ..PlanError::new(why) })?;
        let mut plan = Plan { result, ..Plan::default() };
        if let (Some(dest), Some(file)) = (&self.dest, state.file) {
            plan.set("path", dest.to_string());
            if response.cut {
                return Err(PlanError::new("the answer has more than 4 MiB").help("use `get_url`"));
            }
            plan.changes.extend(written(dest, &file, response.body)?);
        }
        Ok(plan)
    }
}

/// The file with the answer in it.
fn written(dest: &HostPath, file: &File, body: Vec<u8>) -> Result<Option<Change>, PlanError> {
    let before = match &file.kind {
        FileKind::Absent => None,
        FileKind::File(attributes, Some(content)) => {
            Some(Before { content: Content::new(content.clone()), attributes: attributes.clone() })
        }
        _ => {
            return Err(PlanError::new(format!("`{dest}` is no file")).help("name the file itself in `dest`"));
        }
    };
    if before.as_ref().is_some_and(|before| before.content.bytes == body) {
        return Ok(None);
    }
    let (path, content) = (dest.clone(), Content::new(body));
    let ownership = Ownership::default();
    Ok(Some(Change::WriteFile(WriteFile {
        path,
        before,
        content,
        ownership,
        validate: None,
        over_link: None,
        through: None,
    })))
}

impl Uri {
    fn method(&self) -> String {
        self.method.as_deref().unwrap_or("GET").to_ascii_uppercase()
    }

    fn is_safe(&self) -> bool {
        matches!(self.method().as_str(), "GET" | "HEAD")
    }

    fn expected(&self) -> Vec<i64> {
        self.status_code
            .as_ref()
            .map_or_else(|| vec![200], |list| list.0.iter().map(|Whole(status)| *status).collect())
    }

    fn request(&self) -> Result<Request, String> {
        let method = self.method();
        if method.is_empty() || !method.chars().all(|c| c.is_ascii_uppercase()) {
            return Err(format!("`{method}` is no method; write one word, such as `GET` or `POST`"));
        }
        if self.dest.is_some() && method != "GET" {
            return Err("`dest` is for a `GET`; register the answer of another method instead".to_owned());
        }
        web_address(&self.url)?;
        let mut headers: Vec<(String, String)> =
            self.headers.iter().map(|(name, Word(value))| (name.clone(), value.clone())).collect();
        headers.extend(self.http_agent.clone().map(|agent| ("User-Agent".to_owned(), agent)));
        let (body, kind) = self.written_body()?;
        let typed = headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type"));
        headers.extend(kind.filter(|_| !typed).map(|kind| ("Content-Type".to_owned(), kind.to_owned())));
        headers_are_fine(&headers)?;
        Ok(Request {
            url: self.url.clone(),
            headers,
            body: body.map(|body| Content::new(body.into_bytes())),
            user: self.user(),
            basic: self.force_basic_auth,
            verify: self.validate_certs,
            ca: self.ca_path.clone(),
            certificate: self.client_cert.clone(),
            key: self.client_key.clone(),
            follow: match self.follow_redirects {
                Follow::All => true,
                Follow::None => false,
                Follow::Safe => self.is_safe(),
            },
            proxy: self.use_proxy,
            timeout: self.timeout.map_or(30, |Whole(seconds)| u64::try_from(seconds).unwrap_or(1)),
            method,
        })
    }

    fn user(&self) -> Option<(String, Secret)> {
        let password = self.url_password.clone().unwrap_or_else(|| Secret::new(""));
        self.url_username.clone().map(|user| (user, password))
    }

    /// The body as text, and its type.
    fn written_body(&self) -> Result<(Option<String>, Option<&'static str>), String> {
        let kind = match self.body_format {
            BodyFormat::Raw => None,
            BodyFormat::Json => Some("application/json"),
            BodyFormat::FormUrlencoded => Some("application/x-www-form-urlencoded"),
        };
        let body = match (&self.body, self.body_format) {
            (None, _) => None,
            (Some(Value::String(text)), _) => Some(text.clone()),
            (Some(value), BodyFormat::FormUrlencoded) => Some(form(value)?),
            (Some(value), _) => Some(value.to_string()),
        };
        Ok((body, kind))
    }
}

/// An address that curl is given.
///
/// # Errors
/// The sentence that says what is wrong with it.
pub fn web_address(url: &str) -> Result<(), String> {
    let fine = url.starts_with("http://") || url.starts_with("https://");
    if !fine || url.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err(format!("`{url}` is no address; write it with `http://` or `https://`, without spaces"));
    }
    Ok(())
}

/// Headers that are one line each.
///
/// # Errors
/// The sentence that names the one that is not.
pub fn headers_are_fine(headers: &[(String, String)]) -> Result<(), String> {
    let token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    for (name, value) in headers {
        if name.is_empty() || !name.chars().all(token) || value.contains(['\n', '\r', '\0']) {
            return Err(format!("the header `{name}` is not one line of a name and a value"));
        }
    }
    Ok(())
}

/// A form: a mapping, or a list of pairs; a list as a value stands for several.
fn form(body: &Value) -> Result<String, String> {
    let pair = |pair: &Value| Some((pair.get(0)?.clone(), pair.get(1)?.clone()));
    let pairs: Option<Vec<(Value, Value)>> = match body {
        Value::Object(map) => {
            Some(map.iter().map(|(name, value)| (name.clone().into(), value.clone())).collect())
        }
        Value::Array(list) => list.iter().map(pair).collect(),
        _ => None,
    };
    let pairs = pairs.ok_or("a form is a mapping, or a list of pairs")?;
    let mut parts = Vec::new();
    for (name, value) in &pairs {
        let values = value.as_array().map_or_else(|| vec![value], |list| list.iter().collect());
        parts.extend(
            values
                .into_iter()
                .filter(|value| !value.is_null())
                .map(|value| format!("{}={}", encoded(name), encoded(value))),
        );
    }
    Ok(parts.join("&"))
}

/// A value as forms write it.
fn encoded(value: &Value) -> String {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Bool(value) => if *value { "True" } else { "False" }.to_owned(),
        other => other.to_string(),
    };
    let mut out = String::new();
    for byte in text.bytes() {
        match byte {
            b' ' => out.push('+'),
            b if b.is_ascii_alphanumeric() || b"_.-~".contains(&b) => out.push(b as char),
            b => out += &format!("%{b:02X}"),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn request(arguments: Value) -> Result<Request, String> {
        serde_json::from_value::<Uri>(arguments).unwrap().request()
    }

    #[test]
    fn a_body_is_written_as_its_format_says() {
        let sent = |arguments: Value| {
            let request = request(arguments).unwrap();
            let kind = request
                .headers
                .iter()
                .find(|(name, _)| name == "Content-Type")
                .map(|(_, value)| value.clone());
            (String::from_utf8(request.body.unwrap().bytes).unwrap(), kind.unwrap_or_default())
        };
        let with = |format: &str, body: Value| json!({"url": "http://h", "method": "post", "body": body, "body_format": format});
        assert_eq!(sent(with("json", json!({"a": [1]}))), ("{\"a\":[1]}".into(), "application/json".into()));
        assert_eq!(sent(with("json", json!("{}"))), ("{}".into(), "application/json".into()));
        let form = json!([["a b", "ü&"], ["c", [1, true]]]);
        assert_eq!(sent(with("form-urlencoded", form)).0, "a+b=%C3%BC%26&c=1&c=True");
        assert_eq!(sent(with("raw", json!("x"))), ("x".into(), String::new()));
    }

    #[test]
    fn redirects_are_followed_where_that_is_safe() {
        let follows = |method: &str, follow: &str| {
            request(json!({"url": "http://h", "method": method, "follow_redirects": follow})).unwrap().follow
        };
        assert!(
            follows("GET", "safe")
                && !follows("POST", "safe")
                && follows("POST", "all")
                && !follows("GET", "none")
        );
    }

    #[test]
    fn what_is_no_request_is_refused() {
        for wrong in [
            json!({"url": "file:///etc/shadow"}),
            json!({"url": "http://h/a b"}),
            json!({"url": "http://h", "method": "GET /x"}),
            json!({"url": "http://h", "headers": {"A": "b\nC: d"}}),
            json!({"url": "http://h", "headers": {"A B": "c"}}),
            json!({"url": "http://h", "method": "POST", "dest": "/x"}),
        ] {
            assert!(request(wrong.clone()).is_err(), "{wrong}");
        }
    }
}
