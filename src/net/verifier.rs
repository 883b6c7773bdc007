//! The verifier that a capture needs: it takes every chain, and no false signature.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use modules::certs::{Certificate, Curve, Hash, PublicKey, SignatureScheme as Scheme};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, DigitallySignedStruct, Error, SignatureScheme};

/// What the handshake has shown so far.
#[derive(Debug, Default)]
pub(super) struct Capture {
    chain: Mutex<Vec<Vec<u8>>>,
    proved: AtomicBool,
}

impl Capture {
    /// The chain as sent, in DER.
    pub(super) fn chain(&self) -> Vec<Vec<u8>> {
        self.chain.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether the server has signed this very handshake with the certificate's key.
    pub(super) fn proved(&self) -> bool {
        self.proved.load(Ordering::Acquire)
    }
}

/// Captures the chain and checks the handshake's signature, with the key's own rules and not
/// webpki's, which refuse many a certificate that dockerd accepts.
#[derive(Debug)]
pub(super) struct CapturingVerifier(pub Arc<Capture>);

impl ServerCertVerifier for CapturingVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let mut chain = self.0.chain.lock().unwrap_or_else(PoisonError::into_inner);
        *chain = std::iter::once(end_entity).chain(intermediates).map(|der| der.to_vec()).collect();
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        // In TLS 1.2 the scheme's name binds no curve.
        self.check(message, cert, dss, |_, _| true)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.check(message, cert, dss, permitted_in_tls13)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![
            SignatureScheme::ECDSA_NISTP256_SHA256,
            SignatureScheme::ECDSA_NISTP384_SHA384,
            SignatureScheme::ECDSA_NISTP521_SHA512,
            SignatureScheme::ED25519,
            SignatureScheme::RSA_PSS_SHA256,
            SignatureScheme::RSA_PSS_SHA384,
            SignatureScheme::RSA_PSS_SHA512,
            SignatureScheme::RSA_PKCS1_SHA256,
            SignatureScheme::RSA_PKCS1_SHA384,
            SignatureScheme::RSA_PKCS1_SHA512,
        ]
    }
}

impl CapturingVerifier {
    fn check(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
        permitted: fn(&Scheme, &PublicKey) -> bool,
    ) -> Result<HandshakeSignatureValid, Error> {
        let leaf = Certificate::from_der(cert).map_err(|_| CertificateError::BadEncoding)?;
        let scheme = scheme(dss.scheme).filter(|scheme| permitted(scheme, leaf.key()));
        let scheme = scheme.ok_or(CertificateError::BadSignature)?;
        leaf.verify(&scheme, message, dss.signature()).map_err(|_| CertificateError::BadSignature)?;
        self.0.proved.store(true, Ordering::Release);
        Ok(HandshakeSignatureValid::assertion())
    }
}

fn scheme(wire: SignatureScheme) -> Option<Scheme> {
    Some(match wire {
        SignatureScheme::RSA_PKCS1_SHA256 => Scheme::RsaPkcs1(Hash::Sha256),
        SignatureScheme::RSA_PKCS1_SHA384 => Scheme::RsaPkcs1(Hash::Sha384),
        SignatureScheme::RSA_PKCS1_SHA512 => Scheme::RsaPkcs1(Hash::Sha512),
        SignatureScheme::RSA_PSS_SHA256 => Scheme::RsaPss(Hash::Sha256),
        SignatureScheme::RSA_PSS_SHA384 => Scheme::RsaPss(Hash::Sha384),
        SignatureScheme::RSA_PSS_SHA512 => Scheme::RsaPss(Hash::Sha512),
        SignatureScheme::ECDSA_NISTP256_SHA256 => Scheme::Ecdsa(Hash::Sha256),
        SignatureScheme::ECDSA_NISTP384_SHA384 => Scheme::Ecdsa(Hash::Sha384),
        SignatureScheme::ECDSA_NISTP521_SHA512 => Scheme::Ecdsa(Hash::Sha512),
        SignatureScheme::ED25519 => Scheme::Ed25519,
        _ => return None,
    })
}

/// TLS 1.3 has no PKCS#1 v1.5 in a handshake, and ties each ECDSA scheme to its curve.
fn permitted_in_tls13(scheme: &Scheme, key: &PublicKey) -> bool {
    match (scheme, key) {
        (Scheme::RsaPss(_) | Scheme::Ed25519, _) => true,
        (Scheme::Ecdsa(hash), PublicKey::Ec { curve, .. }) => matches!(
            (hash, curve),
            (Hash::Sha256, Curve::P256) | (Hash::Sha384, Curve::P384) | (Hash::Sha512, Curve::P521)
        ),
        _ => false,
    }
}
