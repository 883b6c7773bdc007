use serde_json::json;

use super::DtrTls;

#[test]
fn secrets_are_hidden_wherever_arguments_are_printed() {
    let arguments =
        json!({"registry": "dtr", "username": "a", "password": "canary", "token": "canary", "key": "canary"});
    let read = serde_json::from_value::<DtrTls>(arguments).expect("they are read");
    assert!(!format!("{read:?}").contains("canary"));
    assert!(read.credential().is_err(), "a password and a token");
}

#[test]
fn a_credential_cannot_forge_a_header() {
    let credential = |arguments| {
        let read = serde_json::from_value::<DtrTls>(arguments).expect("they are read");
        read.credential().is_ok()
    };
    assert!(credential(json!({"registry": "dtr", "token": "abc.def-123"})));
    assert!(!credential(json!({"registry": "dtr", "token": "abc\r\nX: y"})));
    assert!(!credential(json!({"registry": "dtr", "username": "a:b", "password": "x"})));
    assert!(credential(json!({"registry": "dtr", "username": "a", "password": "x\r\ny"})), "Base64 takes it");
}
