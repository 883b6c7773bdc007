use serde_json::{Value, json};

use super::FetchCert;
use crate::certs::{Certificate, Pin};
use crate::contract::{Change, Plan, PlanError};
use crate::testing::{Authority, World, answered, expired, pem, self_signed};

const HOST: &str = "dtr.example.com";

fn world(chain: &[&Certificate]) -> World {
    let mut world = World::new();
    world.served = Ok(chain.iter().map(|&certificate| certificate.clone()).collect());
    world
}

fn pin(certificate: &Certificate) -> String {
    Pin::of(certificate).to_string()
}

/// The arguments, beside the registry.
fn fetch(world: &mut World, mut arguments: Value) -> Result<Plan, PlanError> {
    arguments["registry"] = json!("dtr.example.com:5000");
    let plan = world.apply::<FetchCert>(arguments)?;
    assert_eq!(world.trips, 0, "no host is asked");
    Ok(plan)
}

fn text<'a>(plan: &'a Plan, field: &str) -> &'a str {
    plan.result[field].as_str().unwrap()
}

fn help(error: &PlanError) -> &str {
    error.help.as_deref().unwrap()
}

#[test]
fn a_pin_on_the_path_proves_it_and_the_topmost_ca_is_the_anchor() {
    let root = Authority::root("Root");
    let leaf = root.leaf(&[HOST]);
    let mut world = world(&[&leaf, &root.certificate]);
    for pinned in [&leaf, &root.certificate] {
        let plan = fetch(&mut world, json!({"pin": pin(pinned)})).unwrap();
        assert_eq!(plan.changes, vec![]);
        assert_eq!(text(&plan, "anchors"), pem(&[&root.certificate]));
        assert_eq!(text(&plan, "chain"), pem(&[&leaf, &root.certificate]));
        assert_eq!(text(&plan, "fingerprint"), pin(&leaf));
        assert_eq!(text(&plan, "proven"), "pin");
        assert_eq!(plan.result["first_use"], false);
        assert_eq!(plan.result["san"], json!(["DNS:dtr.example.com"]));
        assert_eq!(plan.result["pins"], json!([pin(&root.certificate)]));
    }
}

#[test]
fn a_wrong_pin_and_a_stranger_with_the_right_one_are_refused() {
    let root = Authority::root("Root");
    let leaf = root.leaf(&[HOST]);
    let other = self_signed(&[HOST]);
    let error = fetch(&mut world(&[&leaf, &root.certificate]), json!({"pin": pin(&other)})).unwrap_err();
    assert!(
        error.message.contains(&pin(&other)) && error.message.contains(&pin(&root.certificate)),
        "{error}"
    );
    assert!(help(&error).contains(&format!("-e registry_pin={}", pin(&root.certificate))), "{error:?}");
    let error =
        fetch(&mut world(&[&leaf, &root.certificate, &other]), json!({"pin": pin(&other)})).unwrap_err();
    assert!(error.message.contains("anyone can send it"), "{error}");
}

#[test]
fn without_proof_the_fingerprints_and_the_argument_to_give_are_shown() {
    let leaf = self_signed(&[HOST]);
    let arguments = json!({"pin": "", "ca": "", "trust_on_first_use": false});
    let error = fetch(&mut world(&[&leaf]), arguments).unwrap_err();
    assert!(error.message.contains(&pin(&leaf)), "{error}");
    assert!(help(&error).contains(&format!("`-e registry_pin={}`", pin(&leaf))), "{error:?}");
}

#[test]
fn a_name_that_rules_it_out_is_said_before_any_proof_is_asked_for() {
    let leaf = self_signed(&["other.example.com"]);
    let error = fetch(&mut world(&[&leaf]), json!({})).unwrap_err();
    assert!(error.message.contains("whatever is trusted: `x509: certificate is valid for other"), "{error}");
    assert!(help(&error).contains("trust cannot mend it"), "{error:?}");
}

#[test]
fn a_given_root_suffices_where_it_is_not_sent() {
    let root = Authority::root("Root");
    let between = root.intermediate("Between");
    let leaf = between.leaf(&[HOST]);
    let mut world = world(&[&leaf, &between.certificate]);
    world.local.insert("root.pem".into(), pem(&[&root.certificate]).into_bytes());
    let plan = fetch(&mut world, json!({"ca": "root.pem", "pin": []})).unwrap();
    assert_eq!(text(&plan, "anchors"), pem(&[&root.certificate]));
    assert_eq!(text(&plan, "proven"), "ca");
    world.local.insert("other.pem".into(), pem(&[&Authority::root("Other").certificate]).into_bytes());
    let error = fetch(&mut world, json!({"ca": "other.pem"})).unwrap_err();
    assert!(error.message.contains("does not vouch"), "{error}");
    world.local.insert("key.pem".into(), b"-----BEGIN PRIVATE KEY-----\n".to_vec());
    let error = fetch(&mut world, json!({"ca": "key.pem"})).unwrap_err();
    assert!(error.message.contains("PRIVATE KEY"), "{error}");
}

#[test]
fn an_intermediate_that_is_not_sent_comes_with_the_root() {
    let root = Authority::root("Root");
    let between = root.intermediate("Between");
    let leaf = between.leaf(&[HOST]);
    let mut world = world(&[&leaf]);
    world.local.insert("chain.pem".into(), pem(&[&root.certificate, &between.certificate]).into_bytes());
    let plan = fetch(&mut world, json!({"ca": "chain.pem"})).unwrap();
    assert_eq!(text(&plan, "anchors"), pem(&[&between.certificate, &root.certificate]));
    assert!(plan.result["warnings"][0].as_str().unwrap().contains("does not send"), "{:?}", plan.result);
}

#[test]
fn first_use_is_recorded_and_another_certificate_is_refused_later() {
    let leaf = self_signed(&[HOST]);
    let mut first = world(&[&leaf]);
    let arguments = json!({"trust_on_first_use": true});
    let plan = fetch(&mut first, arguments.clone()).unwrap();
    assert!(matches!(&plan.changes[..], [Change::RecordPin(record)] if record.pin == pin(&leaf)), "{plan:?}");
    assert_eq!(text(&plan, "proven"), "first_use");
    assert_eq!(plan.result["first_use"], true);
    let again = fetch(&mut first, json!({})).unwrap();
    assert_eq!((text(&again, "proven"), &again.result["first_use"]), ("lock", &json!(true)));
    let other = self_signed(&[HOST]);
    first.served = Ok(vec![other.clone()]);
    let error = fetch(&mut first, arguments).unwrap_err();
    assert!(error.message.contains(&pin(&leaf)) && error.message.contains(&pin(&other)), "{error}");
    assert!(help(&error).contains("remove that line"), "{error:?}");
}

#[test]
fn a_ca_that_is_not_sent_is_asked_for() {
    let leaf = Authority::root("Root").leaf(&[HOST]);
    let error = fetch(&mut world(&[&leaf]), json!({"pin": pin(&leaf)})).unwrap_err();
    assert!(error.message.contains("without the CA") && help(&error).contains("registry_ca"), "{error:?}");
    let plan = fetch(&mut world(&[&leaf]), json!({"pin": pin(&leaf), "leaf_alone": true})).unwrap();
    assert_eq!(text(&plan, "anchors"), pem(&[&leaf]));
    assert_eq!(plan.result["docker_only"], true);
}

#[test]
fn what_no_trust_mends_is_said_before_anything_is_touched() {
    let refused = |leaf: &Certificate| {
        let error = fetch(&mut world(&[leaf]), json!({"pin": pin(leaf)})).unwrap_err();
        format!("{} / {}", error.message, help(&error))
    };
    let named = refused(&self_signed(&["other.example.com"]));
    assert!(
        named.contains("x509: certificate is valid for other.example.com, not dtr.example.com"),
        "{named}"
    );
    let ended = refused(&expired(&[HOST]));
    assert!(ended.contains("has expired or is not yet valid") && ended.contains("renew"), "{ended}");
    let common = self_signed(&[]);
    let unnamed = refused(&common);
    assert!(unnamed.contains("legacy Common Name") && unnamed.contains("DNS:dtr.example.com"), "{unnamed}");
    let permitted = json!({"pin": pin(&common), "allow_common_name": true});
    assert!(
        fetch(&mut world(&[&common]), permitted)
            .unwrap()
            .notes
            .iter()
            .any(|n| n.text.contains("Common Name"))
    );
}

#[test]
fn a_registry_that_shows_no_certificate_is_told_apart() {
    let mut down = World::new();
    down.served = Err("192.0.2.1:5000 refused the connection: is the registry running?".into());
    let error = fetch(&mut down, json!({"trust_on_first_use": true})).unwrap_err();
    assert!(help(&error).contains("nothing listens on port 5000"), "{error:?}");
    let mut plain = World::new();
    plain.served = Err("192.0.2.1:5000 speaks no TLS".into());
    plain.insecure = Ok(crate::contract::HttpAnswer { plain: true, ..answered(200) });
    let error = fetch(&mut plain, json!({})).unwrap_err();
    assert!(
        error.message.contains("plain HTTP") && help(&error).contains("insecure-registry.yml"),
        "{error:?}"
    );
}
