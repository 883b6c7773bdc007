//! Makes keys, certificates and requests: the only place that does.
//!
//! Absent on purpose: files, and any word on what is made beyond what a change asks for. A key leaves this part as
//! secret content of that change, and in no message.

use modules::certs::{self, Certificate, Pin, San, Subtree};
use modules::{CertificateKind, Content, GenerateCertificate, KeyType, MadeCertificate, Signer};
use rcgen::{
    BasicConstraints, CertificateParams, CidrSubnet, DistinguishedName, DnType, DnValue,
    ExtendedKeyUsagePurpose, GeneralSubtree, IsCa, Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose,
    NameConstraints, PKCS_ECDSA_P256_SHA256, PKCS_RSA_SHA256, RsaKeySize, SanType, SerialNumber,
};
use time::{Duration, OffsetDateTime};
use x509_parser::der_parser::asn1_rs::{Any, Tag};
use x509_parser::extensions::ParsedExtension;
use x509_parser::prelude::FromDer as _;

/// A host whose clock is behind by less takes it all the same.
const BACKDATED: Duration = Duration::days(1);

/// Makes what a change asks for.
///
/// # Errors
/// The sentence that says why it cannot be made, or would not be accepted by dockerd. It holds nothing of a key.
pub fn make(asked: &GenerateCertificate, now: OffsetDateTime) -> Result<MadeCertificate, String> {
    let key = match (asked.new_key, &asked.key_before) {
        (Some(kind), _) => generate(kind)?,
        (None, Some(before)) => read(&before.content)?,
        (None, None) => return Err("there is no key, and none is to be made".to_owned()),
    };
    let text = match asked.wanted.kind {
        CertificateKind::Request => request(asked, &key)?,
        _ => certificate(asked, &key, now)?,
    };
    let secret = || Content { bytes: key.serialize_pem().into_bytes(), secret: true };
    Ok(MadeCertificate {
        certificate: Content::new(text.into_bytes()),
        key: asked.new_key.is_some().then(secret),
    })
}

fn generate(kind: KeyType) -> Result<KeyPair, String> {
    let rsa = |size| KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, size);
    let made = match kind {
        KeyType::EcdsaP256 => KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256),
        KeyType::Rsa2048 => rsa(RsaKeySize::_2048),
        KeyType::Rsa3072 => rsa(RsaKeySize::_3072),
        KeyType::Rsa4096 => rsa(RsaKeySize::_4096),
    };
    made.map_err(|error| format!("no key can be made: {error}"))
}

/// A key as its file holds it; what stands around it is passed over.
fn read(content: &Content) -> Result<KeyPair, String> {
    let der = certs::private_key_der(&content.bytes).map_err(|error| error.to_string())?;
    KeyPair::try_from(&der[..]).map_err(|_| "the private key cannot be used to sign".to_owned())
}

fn request(asked: &GenerateCertificate, key: &KeyPair) -> Result<String, String> {
    let made = params(asked, key)?.serialize_request(key);
    made.and_then(|request| request.pem()).map_err(|error| format!("no request can be made: {error}"))
}

fn certificate(asked: &GenerateCertificate, key: &KeyPair, now: OffsetDateTime) -> Result<String, String> {
    let mut params = params(asked, key)?;
    params.serial_number = Some(serial()?);
    params.use_authority_key_identifier_extension = true;
    // X.509 has whole seconds.
    let now = now.replace_nanosecond(0).unwrap_or(now);
    params.not_before = now - BACKDATED;
    params.not_after = now + Duration::days(asked.wanted.days.unwrap_or_default().into());
    let (made, above) = match &asked.signer {
        None => (params.self_signed(key), &[][..]),
        Some(signer) => {
            let above = signer.chain.first().ok_or("the CA has no certificate")?;
            params.not_after = params.not_after.min(above.facts().not_after);
            params.not_before = params.not_before.max(above.facts().not_before);
            let issuer = issuer(above)?;
            let by = read(&signer.key)?;
            (params.signed_by(key, &Issuer::new(issuer, by)), &signer.chain[..])
        }
    };
    let made = made.map_err(|error| format!("no certificate can be made: {error}"))?;
    let made = Certificate::from_der(made.der()).map_err(|error| error.to_string())?;
    judge(asked, &made, above.first(), now)?;
    let along = above.iter().filter(|member| !member.is_self_signed());
    Ok(std::iter::once(&made).chain(along).map(certs::encode).collect())
}

/// What was made has to be what dockerd accepts, for every name, before it is written.
fn judge(
    asked: &GenerateCertificate,
    made: &Certificate,
    above: Option<&Certificate>,
    now: OffsetDateTime,
) -> Result<(), String> {
    if let Some(above) = above.filter(|above| made.facts().issuer != above.facts().subject) {
        return Err(format!(
            "the subject of the CA ({}) has a form that cannot be reproduced here: make a request, and have it signed by the tool that made the CA",
            Pin::of(above)
        ));
    }
    let anchors = [above.unwrap_or(made).clone()];
    let signer = asked.signer.as_ref().map_or("this key", |signer: &Signer| &signer.subject);
    let refused = |verdict| format!("what `{signer}` would sign is not accepted by dockerd: `{verdict}`");
    certs::paths(made, &[], &anchors, now).map_err(refused)?;
    for name in &asked.wanted.names {
        certs::verify(made, &[], &anchors, &name.host(), now).map_err(refused)?;
    }
    Ok(())
}

fn params(asked: &GenerateCertificate, key: &KeyPair) -> Result<CertificateParams, String> {
    let wanted = &asked.wanted;
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    if let Some(organization) = &wanted.organization {
        params.distinguished_name.push(DnType::OrganizationName, organization.as_str());
    }
    if let Some(name) = &wanted.common_name {
        params.distinguished_name.push(DnType::CommonName, name.as_str());
    }
    params.subject_alt_names = wanted.names.iter().map(alt_name).collect::<Result<_, _>>()?;
    if wanted.kind == CertificateKind::Ca {
        // It signs servers' certificates, and no further CA.
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.name_constraints = constraints(&wanted.permitted);
    } else {
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        // TLS 1.2 knows ways to exchange keys by which the client encrypts with an RSA key.
        if key.algorithm() == &PKCS_RSA_SHA256 {
            params.key_usages.push(KeyUsagePurpose::KeyEncipherment);
        }
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    }
    Ok(params)
}

fn alt_name(name: &San) -> Result<SanType, String> {
    Ok(match name {
        San::Ip(address) => SanType::IpAddress(*address),
        San::Dns(name) => {
            SanType::DnsName(name.as_str().try_into().map_err(|_| format!("`{name}` is no ASCII name"))?)
        }
    })
}

fn constraints(permitted: &[Subtree]) -> Option<NameConstraints> {
    let subtree = |tree: &Subtree| match tree {
        Subtree::Domain(domain) => GeneralSubtree::DnsName(domain.clone()),
        Subtree::Range(address, bits) => {
            GeneralSubtree::IpAddress(CidrSubnet::from_addr_prefix(*address, *bits))
        }
    };
    let all_names = || GeneralSubtree::DnsName(String::new());
    let beside = certs::excluded_beside(permitted);
    (!permitted.is_empty()).then(|| NameConstraints {
        permitted_subtrees: permitted.iter().map(subtree).collect(),
        excluded_subtrees: beside.iter().map(|tree| tree.as_ref().map_or_else(all_names, subtree)).collect(),
    })
}

/// 128 random bits: RFC 5280 asks for at most 20 bytes, the CA/Browser Forum for at least 64 random bits.
fn serial() -> Result<SerialNumber, String> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|_| "the system gives no random bytes".to_owned())?;
    // DER writes no leading zeros, and a serial number is not 0.
    bytes[0] = bytes[0].max(1);
    Ok(SerialNumber::from_slice(&bytes))
}

/// A CA's certificate as rcgen wants it: its subject and key identifier, byte for byte.
fn issuer(above: &Certificate) -> Result<CertificateParams, String> {
    let (_, parsed) = x509_parser::certificate::X509Certificate::from_der(above.der())
        .map_err(|_| "the CA's certificate cannot be read again".to_owned())?;
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    for attribute in parsed.subject().iter_attributes() {
        let oid: Vec<u64> = attribute
            .attr_type()
            .iter()
            .map(Iterator::collect)
            .ok_or("the CA's subject has an attribute of an unknown form")?;
        let value = dn_value(attribute.attr_value()).ok_or("the CA's subject has text of an unknown form")?;
        params.distinguished_name.push(DnType::from_oid(&oid), value);
    }
    for extension in parsed.extensions() {
        if let ParsedExtension::SubjectKeyIdentifier(id) = extension.parsed_extension() {
            params.key_identifier_method = KeyIdMethod::PreSpecified(id.0.to_vec());
        }
    }
    Ok(params)
}

fn dn_value(value: &Any<'_>) -> Option<DnValue> {
    let text = std::str::from_utf8(value.data).ok();
    match value.tag() {
        Tag::Utf8String => Some(DnValue::Utf8String(text?.to_owned())),
        Tag::PrintableString => Some(DnValue::PrintableString(text?.try_into().ok()?)),
        Tag::Ia5String => Some(DnValue::Ia5String(text?.try_into().ok()?)),
        Tag::T61String => Some(DnValue::TeletexString(text?.try_into().ok()?)),
        _ => None,
    }
}
