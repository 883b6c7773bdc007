//! What engines accept and refuse: each case with dockerd's answer, measured on real engines or, for
//! the further ones, asked of the docker command line by the test beside it.

use modules::certs::Certificate;
use rcgen::{
    CidrSubnet, ExtendedKeyUsagePurpose as Eku, GeneralSubtree, IsCa, KeyUsagePurpose as Usage,
    NameConstraints,
};

use crate::pki::{Made, Spec};

pub const HOST: &str = "dtr.example.com";

/// A server's chain, the anchors, and what Go says.
pub struct Case {
    pub name: &'static str,
    pub host: &'static str,
    pub chain: Vec<Certificate>,
    /// The leaf's key, PKCS#8 in DER.
    pub key: Vec<u8>,
    pub anchors: Vec<Certificate>,
    /// The begin of the `x509: …` tail; none when the chain is accepted.
    pub says: Option<&'static str>,
}

struct List(Vec<Case>);

impl List {
    fn add(
        &mut self,
        name: &'static str,
        leaf: &Made,
        rest: &[&Made],
        anchors: &[&Made],
        says: Option<&'static str>,
    ) {
        self.at(HOST, name, leaf, rest, anchors, says);
    }

    fn at(
        &mut self,
        host: &'static str,
        name: &'static str,
        leaf: &Made,
        rest: &[&Made],
        anchors: &[&Made],
        says: Option<&'static str>,
    ) {
        let chain = std::iter::once(&leaf).chain(rest).map(|made| made.certificate.clone()).collect();
        let anchors = anchors.iter().map(|made| made.certificate.clone()).collect();
        self.0.push(Case { name, host, chain, key: leaf.key.serialize_der(), anchors, says });
    }
}

const UNKNOWN: Option<&str> = Some("x509: certificate signed by unknown authority");
const EXPIRED: Option<&str> = Some("x509: certificate has expired or is not yet valid: current time ");
const USAGE: Option<&str> = Some("x509: certificate specifies an incompatible key usage");
const COMMON_NAME: Option<&str> =
    Some("x509: certificate relies on legacy Common Name field, use SANs instead");

pub fn all() -> Vec<Case> {
    let mut list = List(Vec::new());
    chains(&mut list);
    self_signed(&mut list);
    names(&mut list);
    times_and_usages(&mut list);
    authorities(&mut list);
    constraints(&mut list);
    tangles(&mut list);
    algorithms(&mut list);
    list.0
}

fn chains(list: &mut List) {
    let root = Spec::ca("root").self_signed();
    let middle = Spec::ca("middle").signed_by(&root);
    let leaf = Spec::server(&[HOST]).signed_by(&middle);
    let other = Spec::ca("root").self_signed();
    list.add("chain sent, root", &leaf, &[&middle], &[&root], None);
    list.add("chain sent with its root, root", &leaf, &[&middle, &root], &[&root], None);
    list.add("chain sent, intermediate", &leaf, &[&middle], &[&middle], None);
    list.add("chain sent, its own leaf", &leaf, &[&middle], &[&leaf], None);
    list.add("intermediate not sent, root", &leaf, &[], &[&root], UNKNOWN);
    list.add("intermediate not sent, root and intermediate", &leaf, &[], &[&root, &middle], None);
    list.add("intermediate not sent, its own leaf", &leaf, &[], &[&leaf], None);
    list.add("root of the same name", &leaf, &[&middle], &[&other], UNKNOWN);
    list.add("no anchor of its own", &leaf, &[&middle, &root], &[&other], UNKNOWN);
}

fn self_signed(list: &mut List) {
    let ca = Spec::server(&[HOST])
        .with(|params| params.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained))
        .self_signed();
    list.add("self-signed CA:TRUE", &ca, &[], &[&ca], None);
    let no = Spec::server(&[HOST]).with(|params| params.is_ca = IsCa::ExplicitNoCa).self_signed();
    list.add("self-signed CA:FALSE", &no, &[], &[&no], None);
    let none = Spec::server(&[HOST]).self_signed();
    list.add("self-signed without basicConstraints", &none, &[], &[&none], None);
    let usage = Spec::server(&[HOST]).key_usage(&[Usage::DigitalSignature]).self_signed();
    list.add("self-signed, not for signing", &usage, &[], &[&usage], None);
    let bare = Spec::common_name(HOST).self_signed();
    list.add("self-signed, common name only", &bare, &[], &[&bare], COMMON_NAME);
    list.add("self-signed, unknown", &ca, &[], &[&bare], UNKNOWN);
}

fn names(list: &mut List) {
    let root = Spec::ca("root").self_signed();
    let mut leaf = |host, name, names: &[&str], says| {
        let made = Spec::server(names).signed_by(&root);
        list.at(host, name, &made, &[], &[&root], says);
    };
    let other = Some("x509: certificate is valid for other.example.com, not dtr.example.com");
    let none = Some("x509: certificate is not valid for any names, but wanted to match dtr.example.com");
    leaf(HOST, "another name", &["other.example.com"], other);
    leaf(HOST, "upper case", &["DTR.Example.Com"], None);
    leaf(HOST, "wildcard", &["*.example.com"], None);
    leaf(HOST, "wildcard too high", &["*.com"], Some("x509: certificate is valid for *.com, not "));
    leaf(
        HOST,
        "wildcard too deep",
        &["*.dtr.example.com"],
        Some("x509: certificate is valid for *.dtr.example.com, not "),
    );
    leaf(
        HOST,
        "part of a label",
        &["d*.example.com"],
        Some("x509: certificate is valid for d*.example.com, not "),
    );
    leaf(HOST, "underscore beside", &["a_b.example.com", HOST], None);
    leaf(HOST, "address only, by name", &["127.0.0.1"], none);
    leaf("127.0.0.1", "address", &["127.0.0.1"], None);
    leaf(
        "127.0.0.1",
        "another address",
        &["127.0.0.2"],
        Some("x509: certificate is valid for 127.0.0.2, not 127.0.0.1"),
    );
    let no_addresses =
        "x509: cannot validate certificate for 127.0.0.1 because it doesn't contain any IP SANs";
    leaf("127.0.0.1", "name only, by address", &[HOST], Some(no_addresses));
    let common = Spec::common_name(HOST).signed_by(&root);
    list.add("common name only", &common, &[], &[&root], COMMON_NAME);
    let address = Spec::common_name("127.0.0.1").signed_by(&root);
    list.at("127.0.0.1", "address as common name", &address, &[], &[&root], COMMON_NAME);
    let wrong = Spec::common_name("other").signed_by(&root);
    list.add("another common name", &wrong, &[], &[&root], none);
    let email = Spec::common_name(HOST).with(|params| {
        params.subject_alt_names = vec![rcgen::SanType::Rfc822Name("a@example.com".try_into().unwrap())];
    });
    list.add("mail address as only name", &email.signed_by(&root), &[], &[&root], none);
    let many: Vec<String> = (0..120).map(|index| format!("h{index}.example.com")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let made = Spec::server(&many).signed_by(&root);
    list.add("many names", &made, &[], &[&root], Some("x509: certificate is valid for "));
}

fn times_and_usages(list: &mut List) {
    let root = Spec::ca("root").self_signed();
    let middle = Spec::ca("middle").signed_by(&root);
    let old = Spec::server(&[HOST]).days(-20, -10).signed_by(&root);
    list.add("expired", &old, &[], &[&root], EXPIRED);
    list.add("expired, its own anchor", &old, &[], &[&old], EXPIRED);
    let old_name = Spec::server(&["other.example.com"]).days(-20, -10).signed_by(&root);
    list.add("expired with another name", &old_name, &[], &[&root], EXPIRED);
    let soon = Spec::server(&[HOST]).days(10, 20).signed_by(&root);
    list.add("not yet valid", &soon, &[], &[&root], EXPIRED);
    let old_root = Spec::ca("old root").days(-20, -10).self_signed();
    let leaf = Spec::server(&[HOST]).signed_by(&old_root);
    list.add("expired root", &leaf, &[], &[&old_root], EXPIRED);
    let old_middle = Spec::ca("old middle").days(-20, -10).signed_by(&root);
    let leaf = Spec::server(&[HOST]).signed_by(&old_middle);
    list.add("expired intermediate", &leaf, &[&old_middle], &[&root], EXPIRED);
    let client = Spec::server(&[HOST]).usage(&[Eku::ClientAuth]).signed_by(&root);
    list.add("for clients only", &client, &[], &[&root], USAGE);
    list.add("for clients only, its own anchor", &client, &[], &[&client], USAGE);
    let both = Spec::server(&[HOST]).usage(&[Eku::ClientAuth, Eku::ServerAuth]).signed_by(&root);
    list.add("for clients and servers", &both, &[], &[&root], None);
    let any = Spec::server(&[HOST]).usage(&[Eku::Any]).signed_by(&root);
    list.add("for anything", &any, &[], &[&root], None);
    let client_ca = Spec::ca("for clients").usage(&[Eku::ClientAuth]).signed_by(&root);
    let leaf = Spec::server(&[HOST]).usage(&[Eku::ServerAuth]).signed_by(&client_ca);
    list.add("intermediate for clients only", &leaf, &[&client_ca], &[&root], USAGE);
    let client_root = Spec::ca("root for clients").usage(&[Eku::ClientAuth]).self_signed();
    let leaf = Spec::server(&[HOST]).signed_by(&client_root);
    list.add("root for clients only", &leaf, &[], &[&client_root], USAGE);
    let critical = Spec::server(&[HOST]).critical_extension().signed_by(&root);
    list.add(
        "unknown critical extension",
        &critical,
        &[],
        &[&root],
        Some("x509: unhandled critical extension"),
    );
    let leaf = Spec::server(&[HOST]).signed_by(&middle);
    list.add("trust in the middle only", &leaf, &[&middle, &root], &[&middle], None);
}

fn authorities(list: &mut List) {
    let root = Spec::ca("root").self_signed();
    let no_ca =
        Spec::server(&["a CA it is not"]).with(|params| params.is_ca = IsCa::ExplicitNoCa).signed_by(&root);
    let leaf = Spec::server(&[HOST]).signed_by(&no_ca);
    list.add("signed by a leaf", &leaf, &[&no_ca], &[&root], UNKNOWN);
    list.add("signed by a leaf that is the anchor", &leaf, &[&no_ca], &[&no_ca], UNKNOWN);
    let none = Spec::common_name("no constraints").signed_by(&root);
    let leaf = Spec::server(&[HOST]).signed_by(&none);
    list.add("intermediate without basicConstraints", &leaf, &[&none], &[&root], UNKNOWN);
    let usage = Spec::ca("no signer").key_usage(&[Usage::DigitalSignature]).signed_by(&root);
    let leaf = Spec::server(&[HOST]).signed_by(&usage);
    list.add("intermediate not for signing", &leaf, &[&usage], &[&root], UNKNOWN);
    let signer = Spec::ca("signer").key_usage(&[Usage::KeyCertSign]).signed_by(&root);
    let leaf = Spec::server(&[HOST]).signed_by(&signer);
    list.add("intermediate for signing", &leaf, &[&signer], &[&root], None);
    let short = Spec::ca("short root").path_len(0).self_signed();
    let middle = Spec::ca("middle").signed_by(&short);
    let leaf = Spec::server(&[HOST]).signed_by(&middle);
    let long = Some("x509: too many intermediates for path length constraint");
    list.add("path too long", &leaf, &[&middle], &[&short], long);
    list.add("path too long, but trusted below", &leaf, &[&middle], &[&short, &middle], None);
    let direct = Spec::server(&[HOST]).signed_by(&short);
    list.add("path just long enough", &direct, &[], &[&short], None);
    let critical = Spec::ca("odd CA").critical_extension().signed_by(&root);
    let leaf = Spec::server(&[HOST]).signed_by(&critical);
    let odd = Some("x509: unhandled critical extension");
    list.add("unknown critical extension in the intermediate", &leaf, &[&critical], &[&root], odd);
}

fn constraints(list: &mut List) {
    let dns = |name: &str| vec![GeneralSubtree::DnsName(name.to_owned())];
    let permitted = |permitted_subtrees| NameConstraints { permitted_subtrees, excluded_subtrees: vec![] };
    let excluded = |excluded_subtrees| NameConstraints { permitted_subtrees: vec![], excluded_subtrees };
    let mut under = |host, name, names: &[&str], constraints, says| {
        let root = Spec::ca("constrained").constrained(constraints).self_signed();
        let leaf = Spec::server(names).signed_by(&root);
        list.at(host, name, &leaf, &[], &[&root], says);
    };
    let no = Some("x509: a root or intermediate certificate is not authorized to sign for this name: ");
    under(HOST, "host excluded", &[HOST], excluded(dns("example.com")), no);
    under(HOST, "host not excluded", &[HOST], excluded(dns("example.org")), None);
    under(HOST, "host permitted", &[HOST], permitted(dns("example.com")), None);
    under(HOST, "host not permitted", &[HOST], permitted(dns("example.org")), no);
    under(HOST, "a second name not permitted", &[HOST, "dtr.example.org"], permitted(dns("example.com")), no);
    under(HOST, "permitted below a dot", &[HOST], permitted(dns(".example.com")), None);
    under(HOST, "end of a label", &[HOST], permitted(dns("xample.com")), no);
    let range = |address: &str, prefix| {
        vec![GeneralSubtree::IpAddress(CidrSubnet::from_addr_prefix(address.parse().unwrap(), prefix))]
    };
    under("127.0.0.1", "address permitted", &["127.0.0.1"], permitted(range("127.0.0.0", 8)), None);
    under("127.0.0.1", "address not permitted", &["127.0.0.1"], permitted(range("10.0.0.0", 8)), no);
    under("127.0.0.1", "address excluded", &["127.0.0.1"], excluded(range("127.0.0.0", 8)), no);
    under(HOST, "addresses only are constrained", &[HOST], permitted(range("10.0.0.0", 8)), None);
    under(
        HOST,
        "mail only is constrained",
        &[HOST],
        permitted(vec![GeneralSubtree::Rfc822Name("example.org".into())]),
        None,
    );
}

fn tangles(list: &mut List) {
    let root = Spec::ca("root").self_signed();
    let old = Spec::ca("old root").self_signed();
    let cross = Spec::ca("root").signed_with(&old, root.key_again());
    let middle = Spec::ca("middle").signed_by(&root);
    let leaf = Spec::server(&[HOST]).signed_by(&middle);
    list.add("cross-signed, new root", &leaf, &[&middle, &cross], &[&root], None);
    list.add("cross-signed, old root", &leaf, &[&middle, &cross], &[&old], None);
    list.add("cross-signed, old root, in another order", &leaf, &[&cross, &middle], &[&old], None);
    list.add("sent twice", &leaf, &[&middle, &middle, &cross, &cross], &[&old], None);
    let stranger = Spec::ca("stranger").self_signed();
    list.add("a stranger among them", &leaf, &[&stranger, &middle], &[&root], None);
    list.add("the stranger is trusted", &leaf, &[&middle, &stranger], &[&stranger], UNKNOWN);
    let expired = Spec::ca("root").days(-20, -10).signed_with(&old, root.key_again());
    list.add("expired cross-signature beside a good root", &leaf, &[&middle, &expired], &[&root, &old], None);
    let ring = Spec::ca("old root").signed_with(&root, old.key_again());
    list.add("two roots that sign each other", &leaf, &[&middle, &cross, &ring], &[&stranger], UNKNOWN);
    let bomb: Vec<Made> = (0..120).map(|_| Spec::ca("root").signed_by(&stranger)).collect();
    let rest: Vec<&Made> = std::iter::once(&middle).chain(&bomb).collect();
    let limit = Some("x509: signature check attempts limit reached while verifying certificate chain");
    list.add("more candidates than are tried", &leaf, &rest, &[&old], limit);
}

fn algorithms(list: &mut List) {
    let root = Spec::ca("root").self_signed();
    let all = [
        ("P-384", &rcgen::PKCS_ECDSA_P384_SHA384),
        ("P-521", &rcgen::PKCS_ECDSA_P521_SHA512),
        ("Ed25519", &rcgen::PKCS_ED25519),
        ("RSA", &rcgen::PKCS_RSA_SHA256),
    ];
    for (name, algorithm) in all {
        let leaf = Spec::server(&[HOST]).key(algorithm).signed_by(&root);
        list.add(name, &leaf, &[], &[&root], None);
        let ca = Spec::ca("root").key(algorithm).self_signed();
        let leaf = Spec::server(&[HOST]).signed_by(&ca);
        list.add(name, &leaf, &[], &[&ca], None);
    }
}
