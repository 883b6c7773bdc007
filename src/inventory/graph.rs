//! Groups within groups, and the hosts in them.

use std::{
    collections::HashMap,
    ops::{Index, IndexMut},
    sync::{Arc, OnceLock},
};

use super::vars::Vars;
use crate::yaml::{Place, Problem, Problems};

/// A host by its number, in the order of the inventory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct HostId(usize);

/// A group by its number, in the order in which the groups are named.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct GroupId(usize);

pub(super) const ALL: GroupId = GroupId(0);
pub(super) const UNGROUPED: GroupId = GroupId(1);

#[derive(Debug)]
pub(super) struct Host {
    pub name: Arc<str>,
    /// Where it is named first.
    pub at: Place,
    pub vars: Vars,
    /// The groups that hold the host itself.
    groups: Vec<GroupId>,
}

#[derive(Debug)]
pub(super) struct Group {
    pub name: Arc<str>,
    pub vars: Vars,
    /// `ansible_group_priority`.
    pub priority: i64,
    pub hosts: Vec<HostId>,
    pub children: Vec<GroupId>,
    parents: Vec<GroupId>,
    /// The longest way from `all`.
    depth: usize,
    /// The hosts of the group and of all below it.
    members: OnceLock<Vec<HostId>>,
}

#[derive(Debug)]
pub(super) struct Graph {
    groups: Vec<Group>,
    hosts: Vec<Host>,
    group_names: HashMap<Arc<str>, GroupId>,
    host_names: HashMap<Arc<str>, HostId>,
    /// Which child was put into which group where, to point at the one that closes a circle.
    edges: HashMap<(GroupId, GroupId), Place>,
    /// How often a host was put somewhere.
    named: usize,
    /// Hosts whose variables are their namesakes', and what is wrong with it where such a group has more in it.
    namesakes: Vec<(HostId, GroupId, Problem)>,
}

/// Deeper nesting of groups than anyone keeps track of.
const MAX_DEPTH: usize = 100;
/// Far more hosts than can be managed from one machine: ranges can otherwise fill the memory with a few lines.
const MAX_NAMED: usize = 250_000;

impl Graph {
    pub fn new() -> Self {
        let mut graph = Self {
            groups: Vec::new(),
            hosts: Vec::new(),
            group_names: HashMap::new(),
            host_names: HashMap::new(),
            edges: HashMap::new(),
            named: 0,
            namesakes: Vec::new(),
        };
        graph.add_group("all");
        graph.add_group("ungrouped");
        graph.link(ALL, UNGROUPED);
        graph
    }

    pub fn groups(&self) -> &[Group] {
        &self.groups
    }

    pub fn hosts(&self) -> &[Host] {
        &self.hosts
    }

    pub fn host_ids(&self) -> impl Iterator<Item = HostId> + use<> {
        (0..self.hosts.len()).map(HostId)
    }

    pub fn group_ids(&self) -> impl Iterator<Item = GroupId> + use<> {
        (0..self.groups.len()).map(GroupId)
    }

    pub fn group_id(&self, name: &str) -> Option<GroupId> {
        self.group_names.get(name).copied()
    }

    pub fn host_id(&self, name: &str) -> Option<HostId> {
        self.host_names.get(name).copied()
    }

    pub fn add_group(&mut self, name: &str) -> GroupId {
        if let Some(id) = self.group_id(name) {
            return id;
        }
        let (id, name) = (GroupId(self.groups.len()), Arc::<str>::from(name));
        self.group_names.insert(Arc::clone(&name), id);
        self.groups.push(Group {
            name,
            vars: Vars::new(),
            priority: 1,
            hosts: Vec::new(),
            children: Vec::new(),
            parents: Vec::new(),
            depth: 0,
            members: OnceLock::new(),
        });
        id
    }

    /// Adds a host; the second value says whether it is new.
    pub fn add_host(&mut self, name: &str, at: impl FnOnce() -> Place) -> (HostId, bool) {
        if let Some(id) = self.host_id(name) {
            return (id, false);
        }
        let (id, name) = (HostId(self.hosts.len()), Arc::<str>::from(name));
        self.host_names.insert(Arc::clone(&name), id);
        self.hosts.push(Host { name, at: at(), vars: Vars::new(), groups: Vec::new() });
        (id, true)
    }

    /// Whether so many hosts may be named on top of those that have been.
    pub fn has_room(&mut self, hosts: usize) -> bool {
        self.named = self.named.saturating_add(hosts);
        self.named <= MAX_NAMED
    }

    pub fn put_host(&mut self, group: GroupId, host: HostId) {
        if !self[host].groups.contains(&group) {
            self[host].groups.push(group);
            self[group].hosts.push(host);
        }
    }

    /// Says that a host's variables went to the group of the same name, as they do in Ansible.
    pub fn add_namesake(&mut self, host: HostId, group: GroupId, otherwise: Problem) {
        self.namesakes.push((host, group, otherwise));
    }

    /// That is what was meant only if the group is the host.
    fn check_namesakes(&mut self) -> Result<(), Problems> {
        let mut problems = Problems::new();
        for (host, group, otherwise) in std::mem::take(&mut self.namesakes) {
            if self[group].hosts != [host] || !self[group].children.is_empty() {
                problems.push(otherwise);
            }
        }
        problems.or(())
    }

    pub fn put_group(&mut self, parent: GroupId, child: GroupId, at: Place) {
        self.edges.entry((parent, child)).or_insert(at);
        self.link(parent, child);
    }

    fn link(&mut self, parent: GroupId, child: GroupId) {
        if !self[child].parents.contains(&parent) {
            self[child].parents.push(parent);
            self[parent].children.push(child);
        }
    }

    /// What holds once everything is read: every group is below `all`, every host is in a group, no group is in itself.
    pub fn settle(&mut self) -> Result<(), Problems> {
        for id in (1..self.groups.len()).map(GroupId) {
            if self[id].parents.is_empty() {
                self.link(ALL, id);
            }
        }
        self.measure_depth()?;
        self.check_ungrouped()?;
        self.check_namesakes()?;
        let mut misplaced = Vec::new();
        for id in self.host_ids() {
            let groups = &self[id].groups;
            if groups.iter().all(|group| *group == ALL) {
                self.put_host(UNGROUPED, id);
            } else if groups.contains(&UNGROUPED) && groups.iter().any(|group| *group > UNGROUPED) {
                misplaced.push(id);
            }
        }
        self.leave_ungrouped(&misplaced);
        Ok(())
    }

    /// `ungrouped` is made of what is left over; Ansible takes hosts away from it where it stands among other groups.
    fn check_ungrouped(&self) -> Result<(), Problem> {
        let strange = self
            .edges
            .iter()
            .find(|((parent, child), _)| *parent == UNGROUPED || (*child == UNGROUPED && *parent != ALL));
        let Some(((parent, child), place)) = strange else { return Ok(()) };
        let (parent, child) = (&self[*parent].name, &self[*child].name);
        let message =
            format!("`{child}` cannot be within `{parent}`: `ungrouped` only holds hosts of no group");
        Err(Problem::new(message, place.clone()).help("use a group of another name"))
    }

    fn leave_ungrouped(&mut self, hosts: &[HostId]) {
        for id in hosts {
            self[*id].groups.retain(|group| *group != UNGROUPED);
        }
        // Both lists are in the order of the inventory only by chance: look a host up, not the list through.
        let gone: std::collections::HashSet<_> = hosts.iter().copied().collect();
        self[UNGROUPED].hosts.retain(|host| !gone.contains(host));
    }

    /// Sets every group's depth, parents before children; what is left over is in a circle.
    fn measure_depth(&mut self) -> Result<(), Problem> {
        let mut waiting: Vec<usize> = self.groups.iter().map(|group| group.parents.len()).collect();
        let mut ready: Vec<GroupId> =
            waiting.iter().enumerate().filter(|(_, n)| **n == 0).map(|(i, _)| GroupId(i)).collect();
        let mut done = 0;
        while let Some(id) = ready.pop() {
            done += 1;
            let below = self[id].depth + 1;
            for child in self[id].children.clone() {
                self[child].depth = self[child].depth.max(below);
                waiting[child.0] -= 1;
                if waiting[child.0] == 0 {
                    ready.push(child);
                }
            }
        }
        if done < self.groups.len() {
            return Err(self.circle(&waiting));
        }
        let deep = self.groups.iter().find(|group| group.depth > MAX_DEPTH);
        deep.map_or(Ok(()), |group| {
            Err(Problem::bare(format!(
                "the group `{}` is nested more than {MAX_DEPTH} levels deep",
                group.name
            )))
        })
    }

    fn circle(&self, waiting: &[usize]) -> Problem {
        // Going up from a group that waits, always to a parent that waits, leads into the circle.
        let stuck = |id: &GroupId| waiting[id.0] > 0;
        let mut way = Vec::new();
        let mut id = (0..waiting.len()).map(GroupId).find(stuck).unwrap_or(ALL);
        while !way.contains(&id) {
            way.push(id);
            id = self[id].parents.iter().copied().find(stuck).unwrap_or(ALL);
        }
        let first = way.iter().position(|seen| *seen == id).unwrap_or(0);
        let names: Vec<&str> = way[first..].iter().rev().map(|id| &*self[*id].name).collect();
        let message =
            format!("the group `{}` is within itself: {} → {}", names[0], names.join(" → "), names[0]);
        let child = way[first];
        let parent = way.get(first + 1).copied().unwrap_or(child);
        match self.edges.get(&(parent, child)) {
            Some(place) => Problem::new(message, place.clone()).label("this child closes the circle"),
            None => Problem::bare(message),
        }
    }

    /// The hosts of a group and of all groups below it, nearer ones first.
    pub fn members(&self, group: GroupId) -> &[HostId] {
        self[group].members.get_or_init(|| {
            let (mut order, mut seen_groups) = (vec![group], vec![false; self.groups.len()]);
            let (mut members, mut seen) = (Vec::new(), vec![false; self.hosts.len()]);
            let mut next = 0;
            while let Some(&id) = order.get(next) {
                next += 1;
                if std::mem::replace(&mut seen_groups[id.0], true) {
                    continue;
                }
                let hosts = self[id].hosts.iter().copied();
                members.extend(hosts.filter(|host| !std::mem::replace(&mut seen[host.0], true)));
                order.extend(&self[id].children);
            }
            members
        })
    }

    /// The groups that a host is in, at any depth, the weakest first: by depth, then priority, then name.
    pub fn groups_of(&self, host: HostId) -> Vec<GroupId> {
        let mut found = Vec::new();
        let mut next: Vec<GroupId> = self[host].groups.clone();
        while let Some(id) = next.pop() {
            if !found.contains(&id) {
                found.push(id);
                next.extend(&self[id].parents);
            }
        }
        found.sort_by_key(|id| (self[*id].depth, self[*id].priority, Arc::clone(&self[*id].name)));
        found
    }
}

impl Index<HostId> for Graph {
    type Output = Host;
    fn index(&self, id: HostId) -> &Host {
        &self.hosts[id.0]
    }
}

impl IndexMut<HostId> for Graph {
    fn index_mut(&mut self, id: HostId) -> &mut Host {
        &mut self.hosts[id.0]
    }
}

impl Index<GroupId> for Graph {
    type Output = Group;
    fn index(&self, id: GroupId) -> &Group {
        &self.groups[id.0]
    }
}

impl IndexMut<GroupId> for Graph {
    fn index_mut(&mut self, id: GroupId) -> &mut Group {
        &mut self.groups[id.0]
    }
}
