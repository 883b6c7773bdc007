//! The judge against every case.

use modules::certs::{RegistryHost, verify};

use crate::cases;
use crate::pki::now;

#[test]
fn every_case_is_judged_as_go_judges_it() {
    let mut wrong = Vec::new();
    let cases = cases::all();
    for case in &cases {
        let host: RegistryHost = case.host.parse().unwrap();
        let own = verify(&case.chain[0], &case.chain[1..], &case.anchors, &host, now());
        let good = match (&own, case.says) {
            (Ok(paths), None) => paths
                .iter()
                .all(|path| path.certificates[0] == case.chain[0] && case.anchors.contains(path.anchor())),
            (Err(verdict), Some(says)) => verdict.to_string().starts_with(says),
            _ => false,
        };
        if !good {
            wrong.push(format!("{}: {own:?} and not {:?}", case.name, case.says));
        }
    }
    println!("{} cases, {} wrong", cases.len(), wrong.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
