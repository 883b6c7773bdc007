//! What the docker daemon's own request to a registry came to, from the words of its answer.

use crate::contract::Distribution;

/// What it came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DaemonView {
    /// No daemon runs.
    NoDaemon,
    /// The daemon is too old to be asked without a pull.
    TooOld,
    /// The registry was reached over a connection that the daemon accepts: its words.
    Reached(String),
    /// It was not: why.
    Fault(String),
}

/// Words of a registry that was reached over a connection that the daemon accepts; lower case.
const REACHED: &[&str] = &[
    "manifest unknown",
    "name unknown",
    "no basic auth credentials",
    "unauthorized",
    "authentication required",
    "authorization failed",
    "denied: ",
    "access denied",
    "is denied",
];

/// Words of a request that came to nothing before the registry could answer; lower case.
const CUT_OFF: &[&str] = &[
    "x509: ",
    "tls: ",
    "dial tcp",
    "http response to https client",
    "unable to load ca cert",
    "error parsing http",
    "received unexpected http status",
];

impl DaemonView {
    /// Reads an answer. Where images are in containerd's store, a pull has to get through as well: it goes by another
    /// reader of certificates than login and the API's question.
    #[must_use]
    pub fn of(answer: &Distribution) -> Self {
        if answer.status == 0 {
            return Self::NoDaemon;
        }
        // The API has this request since 17.06; an older one knows no such page.
        if answer.message.contains("page not found") {
            return Self::TooOld;
        }
        let said = first_line(&answer.message);
        if !(matches!(answer.status, 200 | 401 | 403 | 404) || is_reached(&answer.message))
            || is_cut_off(&answer.message)
        {
            return Self::Fault(said);
        }
        match &answer.pull {
            Some(pull) if !is_reached(pull) => Self::Fault(format!(
                "login gets through, a pull by the containerd image store does not: {}",
                first_line(pull)
            )),
            _ => Self::Reached(said),
        }
    }
}

fn is_cut_off(message: &str) -> bool {
    let message = message.to_lowercase();
    CUT_OFF.iter().any(|word| message.contains(word))
}

fn is_reached(message: &str) -> bool {
    let lower = message.to_lowercase();
    // The name that is pulled where the API cannot be asked.
    let pulled = lower.contains("dtrctl-probe") && lower.contains("not found");
    !is_cut_off(message) && (pulled || REACHED.iter().any(|word| lower.contains(word)))
}

/// The line that says what is wrong: of a pull's words, the last.
fn first_line(message: &str) -> String {
    let lines = || message.trim().lines().map(str::trim);
    let error = lines().rfind(|line| line.starts_with("Error response from daemon: "));
    let line = error.or_else(|| lines().next()).unwrap_or_default();
    line.trim_start_matches("Error response from daemon: ").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view(status: u16, message: &str, pull: Option<&str>) -> DaemonView {
        DaemonView::of(&Distribution { status, message: message.into(), pull: pull.map(str::to_owned) })
    }

    #[test]
    fn both_readers_have_to_get_through() {
        let reached = |view: &DaemonView| matches!(view, DaemonView::Reached(_));
        let not_found = "Error response from daemon: failed to resolve reference \"r/dtrctl-probe:none\": r/dtrctl-probe:none: not found";
        let wants_login = "Error response from daemon: failed to resolve reference \"r/dtrctl-probe:none\": pull access denied, repository does not exist or may require authorization: authorization failed: no basic auth credentials";
        assert!(reached(&view(404, "manifest unknown: manifest unknown", None)));
        assert!(reached(&view(404, "manifest unknown: manifest unknown", Some(not_found))));
        assert!(reached(&view(500, "no basic auth credentials", Some(wants_login))));
        assert!(reached(&view(1, not_found, None)));
        let broken = "none: Pulling from dtrctl-probe\nError response from daemon: failed to resolve reference \"r/dtrctl-probe:none\": unable to load CA cert \"/etc/docker/certs.d/r/bad.crt\": invalid";
        let DaemonView::Fault(why) = view(404, "manifest unknown", Some(broken)) else {
            panic!("it is broken")
        };
        assert!(
            why.starts_with("login gets through, a pull") && why.contains("unable to load CA cert"),
            "{why}"
        );
        let unknown = "failed to do request: Head \"https://r/v2/\": tls: failed to verify certificate: x509: certificate signed by unknown authority";
        assert!(!reached(&view(404, "manifest unknown", Some(unknown))));
        assert!(!reached(&view(500, unknown, Some(not_found))));
        assert_eq!(view(0, "", None), DaemonView::NoDaemon);
        assert_eq!(view(404, "404 page not found", None), DaemonView::TooOld);
    }
}
