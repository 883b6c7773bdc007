//! stub until merged
use serde::{Deserialize, Serialize};
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct RegistryName(String);
impl std::fmt::Display for RegistryName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}
impl RegistryName {
    pub fn host_text(&self) -> String {
        String::new()
    }
}
pub mod pem {
    pub fn split_bundle(_: &[u8]) -> Vec<Vec<u8>> {
        vec![]
    }
    pub fn encode(_: &[u8]) -> String {
        String::new()
    }
}
