//! A file with a registry's certificate and its chain, judged by itself: what would be wrong with it wherever it is served.

use time::OffsetDateTime;

use crate::certs::{self, Certificate, Misplaced, RegistryHost};
use crate::trouble::Trouble;

/// What is wrong, and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub help: String,
    /// Whether it is certain; where not, an engine may accept the chain all the same.
    pub certain: bool,
}

/// The judgement.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Review {
    /// What makes engines refuse it, or the registry not start.
    pub faults: Vec<Finding>,
    /// What is no fault, and still has to be said.
    pub warnings: Vec<String>,
    /// Whom hosts have to trust: the issuer of the last certificate, or that certificate itself where it is its own.
    pub rests_on: String,
    /// Days until the first certificate of the chain ends.
    pub days: i64,
}

impl Review {
    /// Judges a chain, the registry's own certificate first.
    ///
    /// # Panics
    /// Where the chain is empty.
    #[must_use]
    pub fn of(chain: &[Certificate], registry: &RegistryHost, now: OffsetDateTime) -> Self {
        let top = chain.last().expect("a chain has a certificate");
        let ends = chain.iter().map(|one| (one.facts().not_after - now).whole_days());
        let facts = top.facts();
        let mut review = Self {
            rests_on: if facts.self_issued { facts.subject.clone() } else { facts.issuer.clone() },
            days: ends.min().unwrap_or_default(),
            ..Self::default()
        };
        // In another order every other judgement would be about the wrong certificate.
        if review.order(chain, registry) {
            review.dates(chain, now);
            review.name(&chain[0], registry);
            review.way(chain, registry, now);
        }
        review.warn(chain);
        review
    }

    fn fault(&mut self, message: impl Into<String>, help: impl Into<String>) {
        self.faults.push(Finding { message: message.into(), help: help.into(), certain: true });
    }

    /// One that is the issuer by its name, and whose signature is not checked here.
    fn unchecked(&mut self, above: usize, chain: &[Certificate], below: usize) {
        let (parent, child) = (&chain[above], &chain[below]);
        let Some(found) = certs::unchecked(parent, child) else { return };
        let (whose, engines) = if found.engines_can {
            ("cannot be checked here", "whether engines accept the chain is not known: ask one")
        } else {
            ("is checked by no engine", "engines refuse the chain")
        };
        let (subject, signed) = (&parent.facts().subject, &child.facts().subject);
        self.faults.push(Finding {
            message: format!(
                "certificate {}, `{subject}`, is by its name the issuer of `{signed}`, but the signature there, {}, {whose}",
                above + 1,
                found.what
            ),
            help: format!("{engines}, or have it issued by a CA with a key of RSA, ECDSA P-256, P-384, P-521 or Ed25519"),
            certain: !found.engines_can,
        });
    }

    /// The registry's own certificate first, then certificates that each sign one before it.
    fn order(&mut self, chain: &[Certificate], registry: &RegistryHost) -> bool {
        let subject = |at: usize| chain[at].facts().subject.as_str();
        let before = self.faults.len();
        let signs_another = |at: usize| {
            chain.iter().enumerate().any(|(other, one)| other != at && certs::signs(&chain[at], one))
        };
        let named = |at: &usize| certs::verify_name(&chain[*at], registry).is_ok();
        let leaf = (0..chain.len()).find(|at| named(at) && !signs_another(*at));
        match leaf {
            Some(at) if at > 0 => self.fault(
                format!(
                    "the order is wrong: `{}` stands first, and certificate {}, `{}`, is the registry's own; a registry takes the first and exits with `tls: private key does not match public key`",
                    subject(0),
                    at + 1,
                    subject(at)
                ),
                right_order(chain, at),
            ),
            None if signs_another(0) => self.fault(
                format!("`{}` stands first, and it signs another of the file: it is a CA's", subject(0)),
                right_order(chain, (0..chain.len()).find(|at| !signs_another(*at)).unwrap_or_default()),
            ),
            _ => {}
        }
        for misplaced in certs::misplaced(chain) {
            match misplaced {
                Misplaced::Twice(at) => {
                    self.fault(format!("`{}` stands there twice", subject(at)), "leave one of the two");
                }
                // Where one stands wrong, those behind it do as a consequence.
                _ if self.faults.len() > before => {}
                Misplaced::Early(at) => self.fault(
                    format!("the order is wrong: `{}` stands before one that it signs", subject(at)),
                    right_order(chain, 0),
                ),
                Misplaced::Unchecked(at, below) => self.unchecked(at, chain, below),
                Misplaced::Stranger(at) => self.fault(
                    format!("certificate {}, `{}`, signs none of those before it", at + 1, subject(at)),
                    "take it out; an intermediate that is missing belongs in its place",
                ),
            }
        }
        self.faults.len() == before
    }

    fn dates(&mut self, chain: &[Certificate], now: OffsetDateTime) {
        for facts in chain.iter().map(Certificate::facts) {
            if now > facts.not_after {
                self.fault(
                    format!("`{}` ended on {}", facts.subject, facts.not_after.date()),
                    "have it issued again",
                );
            } else if now < facts.not_before {
                self.fault(
                    format!("`{}` is valid only from {} on", facts.subject, facts.not_before),
                    "serve it after that time, or set this machine's clock if it is wrong",
                );
            }
        }
    }

    fn name(&mut self, leaf: &Certificate, registry: &RegistryHost) {
        if let Err(verdict) = certs::verify_name(leaf, registry) {
            self.fault(
                format!("it is no certificate for `{registry}`: {}", verdict.with_note()),
                Trouble::of(&verdict.to_string()).help(registry),
            );
        }
    }

    /// Whether an engine that trusts the top of the chain accepts it: signatures, constraints, uses.
    fn way(&mut self, chain: &[Certificate], registry: &RegistryHost, now: OffsetDateTime) {
        let dated = !self.faults.is_empty();
        let Some(top) = chain.last() else { return };
        let Err(verdict) = certs::paths(&chain[0], chain, std::slice::from_ref(top), now) else { return };
        let trouble = Trouble::of(&verdict.to_string());
        if !(dated && trouble == Trouble::Time) {
            self.fault(
                format!("engines refuse it whatever is trusted: {}", verdict.with_note()),
                trouble.help(registry),
            );
        }
    }

    fn warn(&mut self, chain: &[Certificate]) {
        let Some(top) = chain.last() else { return };
        self.warnings.extend(chain.iter().filter_map(certs::weak_key).map(|warning| warning.to_string()));
        let leaf = chain[0].facts();
        let lacks = |uses: &Vec<&str>| !uses.contains(&"digitalSignature");
        if leaf.key_usage.as_ref().is_some_and(lacks) {
            self.warnings.push(format!(
                "keyUsage of `{}` has no digitalSignature: docker does not mind, browsers and other clients may refuse it",
                leaf.subject
            ));
        }
        if chain.len() == 1 && chain[0].is_self_signed() {
            self.warnings.push(
                "it signs itself: every host has to trust this very certificate, and the next one anew"
                    .to_owned(),
            );
        } else if !top.facts().self_issued && chain.len() == 1 {
            self.warnings.push(format!(
                "it comes without an intermediate: if `{}` is none of the roots that hosts trust, append it and those above it",
                leaf.issuer
            ));
        }
    }
}

fn right_order(chain: &[Certificate], leaf: usize) -> String {
    format!(
        "put the registry's own first, then each that signs the one before it: {}",
        certs::right_order(chain, leaf)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Authority, NOW, expired, self_signed};

    const HOST: &str = "dtr.example.com";

    fn review(chain: &[&Certificate]) -> Review {
        let chain: Vec<Certificate> = chain.iter().copied().cloned().collect();
        Review::of(&chain, &"dtr.example.com:5000".parse().expect("a name"), NOW)
    }

    fn only_fault(chain: &[&Certificate]) -> String {
        let found = review(chain);
        assert_eq!(found.faults.len(), 1, "{:?}", found.faults);
        format!("{} | {}", found.faults[0].message, found.faults[0].help)
    }

    #[test]
    fn a_chain_in_its_order_is_good_and_says_what_it_rests_on() {
        let root = Authority::root("Corp Root");
        let between = root.intermediate("Corp Servers");
        let leaf = between.leaf(&[HOST]);
        let found = review(&[&leaf, &between.certificate]);
        assert_eq!((found.faults.as_slice(), found.rests_on.as_str()), (&[][..], "CN=Corp Root"));
        assert_eq!(found.days, 364);
        let found = review(&[&leaf, &between.certificate, &root.certificate]);
        assert_eq!((found.faults.as_slice(), found.rests_on.as_str()), (&[][..], "CN=Corp Root"));
        let found = review(&[&leaf]);
        assert!(found.faults.is_empty() && found.warnings[0].contains("without an intermediate"));
        let found = review(&[&self_signed(&[HOST])]);
        assert!(found.faults.is_empty() && found.warnings[0].contains("signs itself"));
    }

    #[test]
    fn every_way_of_a_wrong_order_is_named_with_the_right_one() {
        let root = Authority::root("Corp Root");
        let between = root.intermediate("Corp Servers");
        let leaf = between.leaf(&[HOST]);
        let said = only_fault(&[&between.certificate, &leaf]);
        assert!(said.contains("certificate 2, `CN=dtr.example.com`, is the registry's own"), "{said}");
        assert!(said.ends_with("`CN=dtr.example.com`, then `CN=Corp Servers`"), "{said}");
        let said = only_fault(&[&leaf, &root.certificate, &between.certificate]);
        assert!(said.contains("`CN=Corp Root` stands before one that it signs"), "{said}");
        assert!(only_fault(&[&leaf, &leaf]).contains("twice"));
        assert!(only_fault(&[&leaf, &root.certificate]).contains("signs none of those before it"));
        let other = between.leaf(&["other.example.com"]);
        assert!(only_fault(&[&between.certificate, &other]).contains("it is a CA's"));
    }

    #[test]
    fn dates_names_and_uses_are_judged_as_the_engine_does() {
        let root = Authority::root("Corp Root");
        assert!(only_fault(&[&expired(&[HOST])]).contains("ended on 2020-01-01"));
        let said = only_fault(&[&root.leaf(&["other.example.com"])]);
        assert!(said.contains("valid for other.example.com, not dtr.example.com"), "{said}");
        let said = only_fault(&[&root.leaf(&[])]);
        assert!(said.contains("no certificate for") && said.contains("DNS:dtr.example.com"), "{said}");
    }
}
