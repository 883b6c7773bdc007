//! Whether clients that trust today's certificate will trust the next one.

use time::OffsetDateTime;

use crate::certs::{self, Certificate, Pin};
use crate::contract::Plan;

/// Says in the plan who goes on trusting the registry, and who has to be brought the new anchor first. `old` is what the
/// registry serves today, `ca` what the operator says that clients trust.
pub fn continuity(
    old: &[Certificate],
    new: &[Certificate],
    ca: &[Certificate],
    now: OffsetDateTime,
    plan: &mut Plan,
) {
    let (Some(was), Some(leaf)) = (old.first(), new.first()) else { return };
    if was == leaf {
        return;
    }
    let held = held(old, ca, now);
    let accepts =
        |anchor: &&Certificate| certs::paths(leaf, &new[1..], std::slice::from_ref(*anchor), now).is_ok();
    let (keep, lose): (Vec<&Certificate>, Vec<&Certificate>) = held.iter().partition(accepts);
    if !keep.is_empty() {
        plan.info(format!("hosts that trust {} go on trusting the registry", names(&keep)));
    }
    if !lose.is_empty() {
        plan.warn(format!(
            "hosts that trust the registry by {} will refuse the new certificate: bring them its anchor first \
             (playbooks/trust-registry.yml with `-e registry_ca=FILE`; playbooks/rotate-registry.yml does it in order)",
            names(&lose)
        ));
    }
    if held.is_empty() && ca.is_empty() && !same_issuer(old, new) {
        plan.warn(format!(
            "today's certificate comes from `{}`, the new one from `{}`: where hosts trust only the former, bring them \
             the anchor of the new one first (playbooks/trust-registry.yml with `-e registry_ca=FILE`)",
            issuer(old),
            issuer(new)
        ));
    }
    if !was.is_self_signed() {
        plan.info(format!(
            "hosts that hold today's certificate itself ({}) as their anchor or pin need the new one first",
            Pin::of(was)
        ));
    }
}

/// The anchors by which clients may trust today's certificate, as far as they can be known: the CAs that are sent, the
/// certificate that signs itself, and those that the operator has named.
fn held(old: &[Certificate], ca: &[Certificate], now: OffsetDateTime) -> Vec<Certificate> {
    let was = &old[0];
    // A certificate that has ended was trusted up to its end.
    let then = now.min(was.facts().not_after);
    let vouches =
        |anchor: &&Certificate| certs::paths(was, &old[1..], std::slice::from_ref(*anchor), then).is_ok();
    let sent = old.iter().skip(1).filter(|one| one.facts().is_ca);
    let own = old.iter().take(1).filter(|one| one.is_self_signed());
    let mut found: Vec<Certificate> = Vec::new();
    for anchor in own.chain(sent).chain(ca).filter(vouches) {
        if !found.contains(anchor) {
            found.push(anchor.clone());
        }
    }
    found
}

/// Whether both chains end under an issuer of the same name.
fn same_issuer(old: &[Certificate], new: &[Certificate]) -> bool {
    issuer(old) == issuer(new)
}

fn issuer(chain: &[Certificate]) -> &str {
    chain.last().map_or("", |top| top.facts().issuer.as_str())
}

fn names(anchors: &[&Certificate]) -> String {
    let name = |anchor: &&Certificate| format!("`{}` ({})", anchor.facts().subject, Pin::of(anchor));
    anchors.iter().map(name).collect::<Vec<_>>().join(", ")
}
