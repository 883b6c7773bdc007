//! Chains as a server sends them, and what proves them: the choice of an anchor.

use modules::certs::{Certificate, Choice, ChooseError, Pin, Proof, RegistryHost, Served, choose};

use crate::cases::HOST;
use crate::pki::{Made, now};

pub fn decide(chain: &[&Made], proof: &Proof) -> Result<Choice, ChooseError> {
    let host: RegistryHost = HOST.parse().unwrap();
    let chain = chain.iter().map(|made| made.certificate.clone()).collect();
    choose(&Served { host, chain }, proof, now())
}

pub fn first_use() -> Proof {
    Proof { first_use: true, ..Proof::default() }
}

pub fn given(roots: &[&Made]) -> Proof {
    Proof { roots: roots.iter().map(|made| made.certificate.clone()).collect(), ..Proof::default() }
}

pub fn pinned(certificates: &[&Made]) -> Proof {
    Proof { pins: certificates.iter().map(|made| Pin::of(&made.certificate)).collect(), ..Proof::default() }
}

pub fn only(made: &Made) -> Vec<Certificate> {
    vec![made.certificate.clone()]
}
