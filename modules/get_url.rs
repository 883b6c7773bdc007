//! `get_url`: a file from a server.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::arguments::{Whole, Word};
use crate::contract::{
    Account, AskError, AskRequest, AskSum, Change, Download, Host, HostPath, Mode, Module, Ownership, Plan,
    PlanError, Probe, Request, Response, Secret, SetMode, Summed, Touches,
};
use crate::guards;
use crate::uri::{headers_are_fine, web_address};

/// Downloads a file to the host, by its `curl`: beside the target first, then checked and renamed. With `checksum` a file that is as it
/// should be is not downloaded again, and one that is not is. Without it a file that is there stays, unless `force` asks
/// for it; whether it then changes is known only when it has been downloaded.
///
/// It registers `dest`, `url` and `changed`. Other than in Ansible the name in a directory is the last part of `url`, whatever
/// the server calls the file, and a server is not asked whether it has a newer one.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "they are arguments")]
pub struct GetUrl {
    /// Where from, with `http://` or `https://`.
    url: String,
    /// Where to: the file, or a directory that is there.
    dest: HostPath,
    /// `ALGORITHM:HEX`, such as `sha256:…`, or `ALGORITHM:URL` of a file that lists checksums with names. Default: none.
    #[serde(default)]
    checksum: Option<String>,
    /// Whether it is downloaded even where a file is there. Default: false.
    #[serde(default)]
    force: bool,
    /// Permission bits. Default: as they are, 0644 for a new file.
    #[serde(default)]
    mode: Option<Mode>,
    /// The owner. Default: as it is.
    #[serde(default)]
    owner: Option<Account>,
    /// The group. Default: as it is.
    #[serde(default)]
    group: Option<Account>,
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
    /// A file of the host with the client's certificate.
    #[serde(default)]
    client_cert: Option<HostPath>,
    /// A file of the host with its key.
    #[serde(default)]
    client_key: Option<HostPath>,
    /// Whether the proxy of the environment is used. Default: true.
    #[serde(default = "guards::yes")]
    use_proxy: bool,
    /// Seconds without any progress after which it is given up. Default: 10.
    #[serde(default)]
    timeout: Option<Whole>,
}

/// A checksum as it is given.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Given {
    /// In hex.
    Hex(String),
    /// In a file of the server.
    Listed(String),
}

/// The target, what is there, and the checksum that it shall have.
pub struct State {
    path: HostPath,
    there: Summed,
    sums: Option<Box<Response>>,
}

impl Module for GetUrl {
    const NAME: &'static str = "get_url";
    const ALIASES: &'static [(&'static str, &'static str)] =
        &[("username", "url_username"), ("password", "url_password")];
    const EXAMPLE: &'static str = "- get_url:\n    url: https://files.example.com/ca.pem\n    dest: /etc/ssl/dtr-ca.pem\n    checksum: sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\n    mode: \"0644\"\n";
    const TOUCHES: Touches = Touches::Paths(&["dest"]);
    type State = State;

    fn probe(&self, host: &Host) -> Probe<State> {
        let (algorithm, sums) = match (self.given(), self.request(&self.url)) {
            _ if host.facts.sandbox => {
                return Probe::refuse(AskError::Host("a sandbox makes no requests".to_owned()));
            }
            (Err(error), _) | (_, Err(error)) => return Probe::refuse(AskError::Host(error)),
            (Ok(None), _) => ("sha256".to_owned(), None),
            (Ok(Some((algorithm, Given::Hex(_)))), _) => (algorithm, None),
            (Ok(Some((algorithm, Given::Listed(url)))), _) => (algorithm, self.request(&url).ok()),
        };
        let sums = match sums {
            Some(request) => Probe::ask(AskRequest(request)).map(Some),
            None => Probe::ready(None),
        };
        let (path, name) = (self.dest.clone(), self.name());
        let first = Probe::ask(AskSum { path: path.clone(), algorithm: algorithm.clone() });
        let inside = HostPath::new(&format!("{path}/{name}"));
        let target = first.and_then(move |there| match (there, inside) {
            (Summed::Directory, Ok(inside)) if !name.is_empty() => {
                let ask = AskSum { path: inside.clone(), algorithm };
                Probe::ask(ask).map(|there| (inside, there))
            }
            (there, _) => Probe::ready((path, there)),
        });
        target.zip(sums).map(|((path, there), sums)| State { path, there, sums })
    }

    fn plan(&self, _host: &Host, state: State) -> Result<Plan, PlanError> {
        let checksum = self.checksum(state.sums.as_deref())?;
        let mut plan = Plan::default();
        plan.set("dest", state.path.to_string());
        plan.set("url", Request::shown(&self.url));
        let before = match state.there {
            Summed::Absent => None,
            Summed::File(attributes, digest, sum) => {
                let right = checksum.as_ref().map(|(_, wanted)| *wanted == sum);
                if right.unwrap_or(!self.force) {
                    let ownership = self.ownership();
                    if !ownership.holds(&attributes) {
                        plan.changes.push(Change::SetMode(SetMode {
                            path: state.path,
                            before: attributes,
                            ownership,
                        }));
                    }
                    return Ok(plan);
                }
                Some((attributes, digest))
            }
            Summed::Directory | Summed::Other => {
                return Err(PlanError::new(format!("`{}` is no file", state.path))
                    .help("name the file itself in `dest`"));
            }
        };
        plan.changes.push(Change::Download(Box::new(Download {
            request: self.request(&self.url).map_err(PlanError::new)?,
            path: state.path,
            forced: before.is_some() && checksum.is_none(),
            before,
            checksum,
            ownership: self.ownership(),
        })));
        Ok(plan)
    }
}

impl GetUrl {
    fn ownership(&self) -> Ownership {
        Ownership { mode: self.mode, owner: self.owner.clone(), group: self.group.clone() }
    }

    /// The last part of the address.
    fn name(&self) -> String {
        let path = self.url.split(['?', '#']).next().unwrap_or_default();
        let rest = path.split_once("://").map_or(path, |(_, rest)| rest);
        rest.split_once('/').and_then(|(_, path)| path.rsplit('/').next()).unwrap_or_default().to_owned()
    }

    fn request(&self, url: &str) -> Result<Request, String> {
        web_address(url)?;
        let headers: Vec<(String, String)> =
            self.headers.iter().map(|(name, Word(value))| (name.clone(), value.clone())).collect();
        headers_are_fine(&headers)?;
        let password = self.url_password.clone().unwrap_or_else(|| Secret::new(""));
        Ok(Request {
            url: url.to_owned(),
            method: "GET".to_owned(),
            headers,
            user: self.url_username.clone().map(|user| (user, password)),
            basic: self.force_basic_auth,
            verify: self.validate_certs,
            certificate: self.client_cert.clone(),
            key: self.client_key.clone(),
            follow: true,
            proxy: self.use_proxy,
            timeout: self.timeout.map_or(10, |Whole(seconds)| u64::try_from(seconds).unwrap_or(1)),
            ..Request::default()
        })
    }

    fn given(&self) -> Result<Option<(String, Given)>, String> {
        const ALGORITHMS: &[&str] = &["md5", "sha1", "sha224", "sha256", "sha384", "sha512"];
        let Some(text) = self.checksum.as_deref().filter(|text| !text.is_empty()) else { return Ok(None) };
        let (algorithm, sum) =
            text.split_once(':')
                .filter(|(algorithm, _)| ALGORITHMS.contains(algorithm))
                .ok_or_else(|| format!("`{text}` is no checksum; write it as `sha256:` and the digits"))?;
        if sum.starts_with("http://") || sum.starts_with("https://") {
            return Ok(Some((algorithm.to_owned(), Given::Listed(sum.to_owned()))));
        }
        let hex = sum.trim().to_ascii_lowercase();
        if hex.is_empty() || !hex.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(format!("`{sum}` is no checksum in hex"));
        }
        Ok(Some((algorithm.to_owned(), Given::Hex(hex))))
    }

    /// The checksum that the file shall have.
    fn checksum(&self, sums: Option<&Response>) -> Result<Option<(String, String)>, PlanError> {
        match (self.given().map_err(PlanError::new)?, sums) {
            (None, _) => Ok(None),
            (Some((algorithm, Given::Hex(hex))), _) => Ok(Some((algorithm, hex))),
            (Some((algorithm, Given::Listed(url))), Some(response)) => {
                response.result(&[200], false).map_err(|(why, _)| PlanError::new(format!("{url}: {why}")))?;
                let name = self.name();
                let hex = listed(&String::from_utf8_lossy(&response.body), &name)
                    .ok_or_else(|| PlanError::new(format!("{url} lists no checksum of `{name}`")))?;
                Ok(Some((algorithm, hex)))
            }
            (Some((_, Given::Listed(url))), None) => Err(PlanError::new(format!("{url} was not read"))),
        }
    }
}

/// The checksum of a name in a list such as `sha256sum` prints; in a list of one line without a name, that one.
fn listed(text: &str, name: &str) -> Option<String> {
    let lines: Vec<Vec<&str>> = text
        .lines()
        .map(|line| line.split_whitespace().collect())
        .filter(|words: &Vec<&str>| !words.is_empty())
        .collect();
    let hex = |word: &str| word.bytes().all(|b| b.is_ascii_hexdigit()).then(|| word.to_ascii_lowercase());
    if let [only] = &lines[..]
        && let [sum] = only[..]
    {
        return hex(sum);
    }
    let found = lines.iter().find(|words| {
        words.get(1).is_some_and(|file| file.trim_start_matches(['*', '.']).trim_start_matches('/') == name)
    })?;
    hex(found[0])
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn module(arguments: Value) -> GetUrl {
        serde_json::from_value(arguments).unwrap()
    }

    #[test]
    fn a_checksum_is_found_in_a_list() {
        let list = "AB12  other\ncd34 *f.tar\nef56  ./g\n";
        assert_eq!(listed(list, "f.tar").as_deref(), Some("cd34"));
        assert_eq!(listed(list, "g").as_deref(), Some("ef56"));
        assert_eq!(listed(list, "none"), None);
        assert_eq!(listed("AB12\n", "any").as_deref(), Some("ab12"));
    }

    #[test]
    fn a_checksum_is_read_or_refused() {
        let given =
            |sum: &str| module(json!({"url": "http://h/a/f?x", "dest": "/d", "checksum": sum})).given();
        assert_eq!(given("sha256:AB"), Ok(Some(("sha256".into(), Given::Hex("ab".into())))));
        assert_eq!(given("sha1:http://h/s"), Ok(Some(("sha1".into(), Given::Listed("http://h/s".into())))));
        assert_eq!(given(""), Ok(None));
        assert!(given("crc:ab").is_err() && given("sha256:xyz").is_err() && given("ab").is_err());
        assert_eq!(module(json!({"url": "http://h/a/f?x", "dest": "/d"})).name(), "f");
        assert_eq!(module(json!({"url": "http://h", "dest": "/d"})).name(), "");
    }

    #[test]
    fn only_what_is_missing_or_wrong_is_downloaded() {
        let plan = |arguments: Value, there: Summed| {
            let state = State { path: HostPath::new("/d").unwrap(), there, sums: None };
            let host = crate::testing::World::new().host;
            let changes = module(arguments).plan(&host, state).unwrap().changes;
            changes
                .iter()
                .map(|change| change.summary() + if change.is_unforeseen() { "?" } else { "" })
                .collect::<Vec<_>>()
        };
        let file = || Summed::File(crate::testing::attributes(3), "d1".into(), "ab".into());
        let with = |more: Value| {
            let mut arguments = json!({"url": "http://h/f", "dest": "/d"});
            arguments.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            arguments
        };
        assert_eq!(plan(with(json!({})), Summed::Absent), ["create /d with http://h/f"]);
        assert_eq!(plan(with(json!({})), file()), Vec::<String>::new());
        assert_eq!(plan(with(json!({"force": true})), file()), ["replace /d with http://h/f?"]);
        assert_eq!(plan(with(json!({"checksum": "sha256:AB"})), file()), Vec::<String>::new());
        assert_eq!(plan(with(json!({"checksum": "sha256:cd"})), file()), ["replace /d with http://h/f"]);
        assert_eq!(plan(with(json!({"mode": "0600"})), file()), ["set /d: mode 0644 → 0600"]);
    }
}
