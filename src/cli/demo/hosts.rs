//! The demo's hosts: folders in the shape of Debian's.

use std::fs;
use std::io;
use std::path::Path;

const NAMES: [&str; 3] = ["web1", "web2", "build1"];
const OS_RELEASE: &str = "PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nNAME=\"Debian GNU/Linux\"\nVERSION_ID=\"12\"\nVERSION_CODENAME=bookworm\nID=debian\n";
const DAEMON_JSON: &str = include_str!("../../../inventories/demo/daemon.json");

/// Makes the folders and the inventory that names them.
pub fn make(folder: &Path) -> io::Result<()> {
    let mut inventory = String::from("docker:\n  hosts:\n");
    for name in NAMES {
        let root = folder.join(name);
        for directory in ["etc/docker", "etc/ssl/certs", "usr/local/share/ca-certificates", "run"] {
            fs::create_dir_all(root.join(directory))?;
        }
        fs::write(root.join("etc/os-release"), OS_RELEASE)?;
        fs::write(root.join("etc/docker/daemon.json"), DAEMON_JSON)?;
        let shown = serde_json::Value::from(root.display().to_string());
        inventory += &format!(
            "    {name}:\n      ansible_connection: sandbox\n      ansible_become: false\n      ansible_sandbox_root: {shown}\n"
        );
    }
    fs::write(folder.join("hosts.yml"), inventory)
}
