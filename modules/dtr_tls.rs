//! `dtr_tls`: the certificate and key of a Docker Trusted Registry, through its admin API.

#[cfg(test)]
mod tests;

use schemars::JsonSchema;
use serde::Deserialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::arguments::{Listed, filled};
use crate::certs::{self, Certificate, Pin, RegistryHost};
use crate::contract::{
    AskDtrSettings, AskLocalFile, AskNow, AskTls, Change, Content, DtrApi, DtrCredential, DtrSettings, Host,
    Module, Plan, PlanError, Probe, Secret, ServedChain, SetDtrTls, digest, is_served,
};
use crate::tls_pair::{Given, Pair, continuity, given, read_ca};

/// Gives a Docker Trusted Registry 2.x or Mirantis Secure Registry 2.x its own certificate and key, through its admin API
/// (`/api/v0/meta/settings`: `webTLSCert`, `webTLSKey`, `webTLSCA`). The controller speaks to it; no host is touched, so the
/// task is run on one host, such as `localhost`.
///
/// The pair is checked as `registry_tls` checks it, and against the name that DTR believes to have (`dtrHost`) and the CA that
/// it would check it against, before anything is sent. Only the fields that are given change. DTR then restarts its front, and
/// has to show the new certificate within `timeout`.
///
/// Credentials go only to a DTR that is proven: by `ca` or `api_ca`, by `api_pin`, or, said explicitly, by what it shows now
/// (`api_unverified`). They are never shown, and never sent to where a redirect leads.
///
/// The API was read in the source of releases 2.1 and 2.2 and in the reference of 2.5; it was tested against a stand-in made
/// from these facts, not against a DTR. DTR 1.x has no such API: there the certificate, its intermediates and the key stand in
/// one file on its host, /usr/local/etc/dtr/ssl/server.pem, and its own restart command reads it. MSR 3 and 4 are set up by
/// Helm.
///
/// It registers `fingerprint`, `subject`, `issuer`, `not_after` and `previous` (the fingerprint of what was served before).
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DtrTls {
    /// The registry, as image references name it: `HOST` or `HOST:PORT`; port 443 where none is given.
    registry: RegistryHost,
    /// An administrator's name. Give this and `password`, or `token`.
    #[serde(default, deserialize_with = "filled")]
    username: Option<String>,
    /// The administrator's password. It is never shown.
    #[serde(default, deserialize_with = "filled")]
    password: Option<Secret>,
    /// An administrator's access token, in the place of a name and password. It is never shown.
    #[serde(default, deserialize_with = "filled")]
    token: Option<Secret>,
    /// A file of the controller with the certificate (PEM): the host's own first, then the intermediates, each after the one
    /// that it signs. A relative path begins at the playbook's directory.
    #[serde(default, deserialize_with = "filled")]
    certificate_file: Option<String>,
    /// The same as text, in the place of `certificate_file`.
    #[serde(default, deserialize_with = "filled")]
    certificate: Option<String>,
    /// A file of the controller with the certificate's private key (PEM: PKCS#8, PKCS#1 or SEC1, not encrypted).
    #[serde(default, deserialize_with = "filled")]
    key_file: Option<String>,
    /// The same as text, in the place of `key_file`. It is never shown.
    #[serde(default, deserialize_with = "filled")]
    key: Option<Secret>,
    /// A file of the controller with the root of the new certificate (PEM), which becomes `webTLSCA`. Default: none; DTR then
    /// checks the certificate against the CA that it has.
    #[serde(default, deserialize_with = "filled")]
    ca: Option<String>,
    /// A file of the controller with the certificates (PEM) that vouch for today's DTR, where `ca` does not. Default: none.
    #[serde(default, deserialize_with = "filled")]
    api_ca: Option<String>,
    /// Fingerprints (`sha256:`) or keys (`spki:`), one of which today's certificate of the DTR, or a CA above it, has to match.
    /// One, a list, or text with commas. Default: none.
    #[serde(default)]
    api_pin: Listed<Pin>,
    /// Whether to send the credentials to whoever answers now, where nothing else proves the DTR. Default: false.
    #[serde(default)]
    api_unverified: bool,
    /// Seconds within which the new certificate has to be served, 1 to 900. Default: 180.
    #[serde(default = "three_minutes")]
    timeout: u64,
}

const fn three_minutes() -> u64 {
    180
}

/// What was seen.
pub struct Seen {
    now: OffsetDateTime,
    certificate: Result<Given, PlanError>,
    key: Result<Given, PlanError>,
    ca: Option<Vec<u8>>,
    served: Result<ServedChain, String>,
    /// None where nothing proves the DTR, or nobody asks.
    settings: Option<Result<DtrSettings, String>>,
    api_ca: Option<Vec<u8>>,
}

impl Module for DtrTls {
    const NAME: &'static str = "dtr_tls";
    const EXAMPLE: &'static str = "- dtr_tls:\n    registry: dtr.example.com\n    username: admin\n    password: \"{{ lookup('env', 'DTR_PASSWORD') }}\"\n    certificate_file: pki/dtr.example.com.pem\n    key_file: pki/dtr.example.com.key\n    ca: pki/root.pem\n    api_pin: sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08\n";
    type State = Seen;

    fn probe(&self, _host: &Host) -> Probe<Seen> {
        let certificate = given("certificate", self.certificate.as_deref(), self.certificate_file.as_ref());
        let key = given("key", self.key.as_ref().map(Secret::reveal), self.key_file.as_ref());
        let file = |path: &Option<String>| match path.clone() {
            Some(path) => Probe::ask(AskLocalFile::new(path)).map(Some),
            None => Probe::ready(None),
        };
        let served = Probe::ask(AskTls { registry: self.registry.clone() });
        let asker = Asker {
            registry: self.registry.clone(),
            credential: self.credential().ok(),
            pins: self.api_pin.0.clone(),
            unverified: self.api_unverified,
        };
        certificate
            .zip(key)
            .zip(file(&self.ca).zip(file(&self.api_ca)))
            .zip(Probe::ask(AskNow).zip(served))
            .and_then(move |(((certificate, key), (ca, api_ca)), (now, served))| {
                let mut seen = Seen { now, certificate, key, ca, served, settings: None, api_ca };
                match asker.api(&seen) {
                    Some(api) => Probe::ask(AskDtrSettings { api }).map(move |settings| {
                        seen.settings = Some(settings);
                        seen
                    }),
                    None => Probe::ready(seen),
                }
            })
    }

    fn plan(&self, _host: &Host, mut seen: Seen) -> Result<Plan, PlanError> {
        let credential = self.credential()?;
        if !(1..=900).contains(&self.timeout) {
            return Err(PlanError::new(format!("`timeout: {}` is not between 1 and 900", self.timeout)));
        }
        let settings = seen.settings.take();
        let asker = Asker {
            registry: self.registry.clone(),
            credential: Some(credential),
            pins: self.api_pin.0.clone(),
            unverified: self.api_unverified,
        };
        let api = asker.api(&seen);
        let pair = Pair::read(seen.certificate?, seen.key?)?;
        let ca = read_ca(self.ca.as_ref(), seen.ca.as_ref())?;
        read_ca(self.api_ca.as_ref(), seen.api_ca.as_ref())?;
        let mut plan = Plan::default();
        pair.judge(&self.registry, &ca, seen.now, &mut plan)?;
        let (Some(api), Some(settings)) = (api, settings) else { return Err(self.unproven(&seen.served)) };
        let settings = self.read(settings)?;
        fits(&pair, &ca, &settings, seen.now)?;
        let today: Vec<Certificate> = seen
            .served
            .iter()
            .flat_map(|served| &served.certificates)
            .filter_map(|der| Certificate::from_der(der).ok())
            .collect();
        continuity(&today, &pair.chain, &ca, seen.now, &mut plan);
        self.report(&pair, &today, &mut plan);
        let change = self.change(api, &pair, &settings, &ca);
        self.decide(change, &seen.served, &settings, &pair, &mut plan)?;
        Ok(plan)
    }
}

/// What the API is asked with.
struct Asker {
    registry: RegistryHost,
    credential: Option<DtrCredential>,
    pins: Vec<Pin>,
    unverified: bool,
}

impl Asker {
    /// The API, where something proves the DTR. The new certificate proves it, too: it is what will be served.
    fn api(&self, seen: &Seen) -> Option<DtrApi> {
        let text = |file: &Option<Vec<u8>>| {
            file.as_ref().map(|bytes| String::from_utf8_lossy(bytes).into_owned() + "\n").unwrap_or_default()
        };
        let shown = seen.served.as_ref().ok().and_then(|served| served.certificates.first());
        let shown = shown.and_then(|der| Certificate::from_der(der).ok());
        let mut pins = self.pins.clone();
        let anchors = text(&seen.ca) + &text(&seen.api_ca);
        if let Some(leaf) = shown.filter(|_| self.unverified && pins.is_empty() && anchors.is_empty()) {
            pins.push(Pin::of(&leaf));
        }
        if pins.is_empty() && anchors.is_empty() {
            return None;
        }
        if let Ok(certificate) = &seen.certificate
            && let Some(leaf) = certs::read(&certificate.bytes).ok().and_then(|chain| chain.first().cloned())
        {
            pins.push(Pin::of(&leaf));
        }
        Some(DtrApi { registry: self.registry.clone(), credential: self.credential.clone()?, anchors, pins })
    }
}

impl DtrTls {
    fn credential(&self) -> Result<DtrCredential, PlanError> {
        match (&self.username, &self.password, &self.token) {
            (Some(username), Some(password), None) if !username.contains(':') => {
                Ok(DtrCredential::Basic { username: username.clone(), password: password.clone() })
            }
            (Some(_), Some(_), None) => {
                Err(PlanError::new("`username` holds a colon, which no name of a DTR can"))
            }
            (None, None, Some(token)) if token.reveal().bytes().all(|byte| byte.is_ascii_graphic()) => {
                Ok(DtrCredential::Token(token.clone()))
            }
            (None, None, Some(_)) => {
                Err(PlanError::new("`token` holds blanks or characters that no token has"))
            }
            _ => Err(PlanError::new("who asks is not said")
                .help("give `username` and `password` of an administrator, or `token`")),
        }
    }

    fn unproven(&self, served: &Result<ServedChain, String>) -> PlanError {
        let registry = &self.registry;
        let shown = match served {
            Ok(served) => served.certificates.first().and_then(|der| Certificate::from_der(der).ok()),
            Err(why) => {
                return PlanError::new(format!("`{registry}` shows no certificate: {why}"))
                    .help("is this the DTR's own name and port, and does it run?");
            }
        };
        let pin = shown.map(|leaf| Pin::of(&leaf).to_string()).unwrap_or_default();
        PlanError::new(format!("nothing proves that `{registry}` is the DTR, so no password is sent there"))
            .help(format!(
                "compare its fingerprint with what its owner reads on its host, and give `api_pin: {pin}`; or its root as \
                 `api_ca`; or say `api_unverified: true`"
            ))
    }

    fn read(&self, settings: Result<DtrSettings, String>) -> Result<DtrSettings, PlanError> {
        let registry = &self.registry;
        let settings = settings.map_err(|why| {
            PlanError::new(format!("the admin API of `{registry}` cannot be asked: {why}"))
                .help("if its certificate is the right one, give its fingerprint as `api_pin` or its root as `api_ca`")
        })?;
        let said = &settings.message;
        let (message, help) = match settings.status {
            200 => return Ok(settings),
            401 | 403 => (
                format!("`{registry}` refuses the credentials ({}): {said}", settings.status),
                "give the name and password, or a token, of an administrator of the DTR".to_owned(),
            ),
            404 => (
                format!("`{registry}` has no /api/v0/meta/settings"),
                "only DTR 2.x and MSR 2.x have it. DTR 1.x: put the certificate, its intermediates and the key into \
                 /usr/local/etc/dtr/ssl/server.pem on its host and restart it there. MSR 3 and 4: see their Helm chart"
                    .to_owned(),
            ),
            300..=399 => (
                format!("`{registry}` answers with a redirect to `{said}`, where credentials are not sent"),
                "name the DTR itself as `registry`".to_owned(),
            ),
            status => (
                format!("`{registry}` does not give its settings ({status}): {said}"),
                "look at the DTR's own state, then run again".to_owned(),
            ),
        };
        Err(PlanError::new(message).help(help))
    }

    fn report(&self, pair: &Pair, today: &[Certificate], plan: &mut Plan) {
        let facts = pair.leaf().facts();
        plan.set("registry", self.registry.to_string());
        plan.set("fingerprint", Pin::of(pair.leaf()).to_string());
        plan.set("subject", facts.subject.clone());
        plan.set("issuer", facts.issuer.clone());
        plan.set("not_after", facts.not_after.format(&Rfc3339).unwrap_or_default());
        plan.set("previous", today.first().map(|leaf| Pin::of(leaf).to_string()));
        if self.api_unverified && self.api_pin.0.is_empty() && self.api_ca.is_none() && self.ca.is_none() {
            let pin = today.first().map(|leaf| Pin::of(leaf).to_string()).unwrap_or_default();
            plan.warn(format!(
                "nothing proves that `{}` is the DTR: the password goes to whoever shows {pin}",
                self.registry
            ));
        }
    }

    fn change(&self, api: DtrApi, pair: &Pair, settings: &DtrSettings, ca: &[Certificate]) -> SetDtrTls {
        let text = |certificates: &[Certificate]| certificates.iter().map(certs::encode).collect::<String>();
        let same = settings.ca.as_ref().is_some_and(|now| {
            let now = certs::read_bundle(now.as_bytes()).certificates;
            now == ca
        });
        let facts = pair.leaf().facts();
        SetDtrTls {
            api,
            before: settings.certificate.as_ref().map(|text| Content::new(text.clone().into_bytes())),
            certificate: Content::new(text(&pair.chain).into_bytes()),
            key: Content { bytes: pair.key.bytes.clone(), secret: true },
            ca: (!ca.is_empty() && !same).then(|| Content::new(text(ca).into_bytes())),
            reason: format!("`{}`, valid until {}", facts.subject, facts.not_after.date()),
            chain: pair.chain.iter().map(|one| one.facts().sha256.clone()).collect(),
            ends_in_root: pair.chain.last().is_some_and(Certificate::is_self_signed),
            timeout: self.timeout,
            ders: pair.chain.iter().map(|one| one.der().to_vec()).collect(),
        }
    }

    /// Nothing, or the change. The key that DTR has is known by the certificate that it has checked it against.
    fn decide(
        &self,
        change: SetDtrTls,
        served: &Result<ServedChain, String>,
        settings: &DtrSettings,
        pair: &Pair,
        plan: &mut Plan,
    ) -> Result<(), PlanError> {
        let registry = &self.registry;
        let set = settings
            .certificate
            .as_ref()
            .is_some_and(|text| certs::read_bundle(text.as_bytes()).certificates == pair.chain);
        let live = served.as_ref().map(|served| {
            let sums: Vec<String> = served.certificates.iter().map(|der| digest(der)).collect();
            is_served(&sums, &change.chain, change.ends_in_root)
        });
        match (set && change.ca.is_none(), live) {
            (true, Ok(true)) => plan.set("msg", format!("`{registry}` serves this certificate")),
            (true, Ok(false)) => {
                return Err(PlanError::new(format!(
                    "the DTR has this certificate in its settings, but `{registry}` shows another one"
                ))
                .help("a load balancer before it has a certificate of its own: install it there; or its front is still restarting: run again"));
            }
            (true, Err(why)) => plan.warn(format!("`{registry}` is not reached: {why}")),
            (false, _) => {
                plan.info(format!(
                    "then: DTR restarts its front, which has to show the certificate within {} s",
                    self.timeout
                ));
                plan.changes.push(Change::SetDtrTls(Box::new(change)));
            }
        }
        Ok(())
    }
}

/// What DTR itself will check, and refuse with `invalid settings`.
fn fits(
    pair: &Pair,
    ca: &[Certificate],
    settings: &DtrSettings,
    now: OffsetDateTime,
) -> Result<(), PlanError> {
    if let Some(name) = &settings.host {
        let host = name.parse::<RegistryHost>().map_err(|error| {
            PlanError::new(format!("the DTR believes to have the name `{name}`: {error}"))
                .help("set its domain right first, in its own settings")
        })?;
        certs::verify_name(pair.leaf(), &host).map_err(|verdict| {
            PlanError::new(format!(
                "the DTR believes to be `{host}` (dtrHost), and would refuse this certificate: {}",
                verdict.with_note()
            ))
            .help(format!(
                "have it issued for `{}` too. Changing the DTR's domain first makes it generate a certificate of its own",
                host.host()
            ))
        })?;
    }
    let Some(own) = settings.ca.as_ref().filter(|_| ca.is_empty()) else { return Ok(()) };
    let own = certs::read_bundle(own.as_bytes()).certificates;
    if own.is_empty() || certs::paths(pair.leaf(), &pair.chain[1..], &own, now).is_ok() {
        return Ok(());
    }
    Err(PlanError::new(format!(
        "the DTR checks its certificate against `{}` (webTLSCA), which does not vouch for the new one",
        own[0].facts().subject
    ))
    .help("give the root of the new certificate as `ca`"))
}
