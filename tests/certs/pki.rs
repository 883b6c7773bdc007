//! Certificates made on the spot.

use modules::certs::Certificate;
use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, KeyUsagePurpose, NameConstraints, PKCS_ECDSA_P256_SHA256, SignatureAlgorithm,
};
use time::{Duration, OffsetDateTime};

/// The instant of all judgements here: the real one, because the engine's clock is not ours to set.
pub fn now() -> OffsetDateTime {
    OffsetDateTime::now_utc()
}

/// A certificate with its key.
pub struct Made {
    pub certificate: Certificate,
    pub params: CertificateParams,
    pub key: KeyPair,
}

/// What a certificate is to be.
pub struct Spec {
    params: CertificateParams,
    algorithm: &'static SignatureAlgorithm,
}

impl Spec {
    fn new(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, name);
        params.not_before = now() - Duration::days(2);
        params.not_after = now() + Duration::days(365);
        params.use_authority_key_identifier_extension = true;
        Self { params, algorithm: &PKCS_ECDSA_P256_SHA256 }
    }

    pub fn ca(name: &str) -> Self {
        let mut spec = Self::new(name);
        spec.params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        spec
    }

    /// A server's certificate for these hosts and addresses; the first is the common name, too.
    pub fn server(names: &[&str]) -> Self {
        let mut spec = Self::new(names.first().copied().unwrap_or("server"));
        let owned: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        spec.params.subject_alt_names = CertificateParams::new(owned).unwrap().subject_alt_names;
        spec
    }

    /// A certificate whose only name is the common name.
    pub fn common_name(name: &str) -> Self {
        Self::new(name)
    }

    pub fn with(mut self, change: impl FnOnce(&mut CertificateParams)) -> Self {
        change(&mut self.params);
        self
    }

    pub fn key(mut self, algorithm: &'static SignatureAlgorithm) -> Self {
        self.algorithm = algorithm;
        self
    }

    pub fn path_len(self, length: u8) -> Self {
        self.with(|params| params.is_ca = IsCa::Ca(BasicConstraints::Constrained(length)))
    }

    pub fn usage(self, usages: &[ExtendedKeyUsagePurpose]) -> Self {
        self.with(|params| params.extended_key_usages = usages.to_vec())
    }

    pub fn key_usage(self, usages: &[KeyUsagePurpose]) -> Self {
        self.with(|params| params.key_usages = usages.to_vec())
    }

    pub fn days(self, from: i64, to: i64) -> Self {
        self.with(|params| {
            params.not_before = now() + Duration::days(from);
            params.not_after = now() + Duration::days(to);
        })
    }

    pub fn constrained(self, constraints: NameConstraints) -> Self {
        self.with(|params| params.name_constraints = Some(constraints))
    }

    pub fn critical_extension(self) -> Self {
        self.with(|params| {
            let mut extension = CustomExtension::from_oid_content(&[1, 2, 3, 4], vec![5, 0]);
            extension.set_criticality(true);
            params.custom_extensions.push(extension);
        })
    }

    fn generate(&self) -> KeyPair {
        KeyPair::generate_for(self.algorithm).unwrap()
    }

    pub fn self_signed(self) -> Made {
        let key = self.generate();
        let certificate = read(self.params.self_signed(&key).unwrap().der());
        Made { certificate, params: self.params, key }
    }

    pub fn signed_by(self, issuer: &Made) -> Made {
        let key = self.generate();
        self.signed_with(issuer, key)
    }

    /// The same certificate for a key that exists, such as a cross-signed CA's.
    pub fn signed_with(self, issuer: &Made, key: KeyPair) -> Made {
        let by = Issuer::from_params(&issuer.params, &issuer.key);
        let certificate = read(self.params.signed_by(&key, &by).unwrap().der());
        Made { certificate, params: self.params, key }
    }
}

impl Made {
    pub fn key_again(&self) -> KeyPair {
        KeyPair::from_pkcs8_der_and_sign_algo(
            &self.key.serialize_der().as_slice().into(),
            self.key.algorithm(),
        )
        .unwrap()
    }
}

pub fn read(der: &[u8]) -> Certificate {
    Certificate::from_der(der).unwrap()
}
