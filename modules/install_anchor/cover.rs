//! Whether a host trusts the registry already, by certificates that others have put there.

use crate::certs::{self, Certificate, Pem};

use super::InstallAnchor;

/// The given certificates, and the chain that the registry sends now.
pub struct Cover<'a> {
    arguments: &'a InstallAnchor,
    now: time::OffsetDateTime,
    /// Given certificates to which the sent chain leads.
    leads: Vec<Certificate>,
}

impl<'a> Cover<'a> {
    pub fn new(arguments: &'a InstallAnchor, now: time::OffsetDateTime) -> Self {
        let leads = chain(arguments).map_or_else(Vec::new, |(leaf, sent)| {
            let pool: Vec<Certificate> = sent.iter().chain(arguments.wanted()).cloned().collect();
            let paths = certs::paths(leaf, &pool, arguments.wanted(), now).unwrap_or_default();
            paths.into_iter().flat_map(|path| path.certificates).collect()
        });
        Self { arguments, now, leads }
    }

    /// The given certificates that have to be installed where `foreign` ones are trusted. One is needless where it is
    /// among them, or where the sent chain leads to it and is trusted through them as well. A certificate to which the
    /// registry has yet to change is not.
    pub fn needed(&self, foreign: &[Certificate]) -> Vec<&'a Certificate> {
        let trusted = chain(self.arguments).is_some_and(|(leaf, sent)| {
            certs::verify(leaf, sent, foreign, &self.arguments.registry, self.now).is_ok()
        });
        let needless =
            |anchor: &Certificate| foreign.contains(anchor) || (trusted && self.leads.contains(anchor));
        self.arguments.wanted().iter().filter(|anchor| !needless(anchor)).collect()
    }
}

fn chain(arguments: &InstallAnchor) -> Option<(&Certificate, &[Certificate])> {
    let Pem(chain) = arguments.chain.as_ref()?;
    Some((chain.first()?, chain))
}
