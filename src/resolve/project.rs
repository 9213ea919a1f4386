//! What is declared where: files to modules, folders to teams, declarations to tables.

use rustc_hash::{FxHashMap, FxHashSet};
use smol_str::SmolStr;

use super::scope::{Binding, Item, ItemId, ModuleId, Node, ROOT, Use};
use super::{Cx, errors};
use crate::model;
use crate::source::{FileId, Span};
use crate::space::ValueSet;
use crate::syntax::{Parsed, ast};

/// A file and where it belongs.
#[derive(Debug)]
pub(super) struct FileInfo<'a> {
    pub(super) tree: &'a ast::File,
    pub(super) path: SmolStr,
    pub(super) module: ModuleId,
    /// Whether this target is without it.
    pub(super) left_out: bool,
}

/// Whose a module is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Owner {
    /// The library's.
    Std,
    /// A team's, by index.
    Team(usize),
    /// Nobody's in particular: the root without an owner, or a folder of a project without teams.
    Nobody,
}

/// A folder of names.
#[derive(Debug)]
pub(super) struct Module {
    /// Its folder, with slashes; empty for the root.
    pub(super) path: SmolStr,
    pub(super) owner: Owner,
    pub(super) names: FxHashMap<SmolStr, Binding>,
}

impl Module {
    pub(super) fn is_std(&self) -> bool {
        self.owner == Owner::Std
    }
}

/// A team, as declared.
#[derive(Debug)]
pub(super) struct Team<'a> {
    pub(super) tree: &'a ast::Team,
    pub(super) name: SmolStr,
    pub(super) folder: SmolStr,
    pub(super) span: Span,
    pub(super) scope: ModuleId,
    pub(super) all: bool,
    pub(super) raw: bool,
    /// The names of its namespaces.
    pub(super) namespaces: ValueSet,
    pub(super) tiers: Vec<model::TierId>,
}

/// A declaration with the file it stands in.
#[derive(Debug)]
pub(super) struct At<'a, T> {
    pub(super) tree: &'a T,
    pub(super) item: &'a ast::Item,
    pub(super) file: usize,
}

// By hand: a derived one would ask it of `T`, too.
impl<T> Copy for At<'_, T> {}

impl<T> Clone for At<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

/// The declarations that have no scope of names of their own kind.
#[derive(Debug, Default)]
pub(super) struct Declared<'a> {
    pub(super) clusters: Vec<At<'a, ast::Cluster>>,
    pub(super) tiers: Vec<At<'a, ast::Tier>>,
    pub(super) defaults: Vec<At<'a, ast::Default>>,
    pub(super) policies: Vec<At<'a, ast::Policy>>,
    pub(super) namespaces: Vec<At<'a, ast::Namespace>>,
    pub(super) tests: Vec<At<'a, ast::Test>>,
    pub(super) guards: Vec<At<'a, ast::Test>>,
    pub(super) raws: Vec<At<'a, ast::Raw>>,
}

impl<'a> Cx<'a> {
    /// Sorts everything that the files declare into tables.
    pub(super) fn collect(&mut self, files: &'a [Parsed]) {
        self.modules.push(Module {
            path: SmolStr::default(),
            owner: Owner::Nobody,
            names: FxHashMap::default(),
        });
        self.module_of.insert(SmolStr::default(), ROOT);
        let mut own: Vec<(&'a ast::File, SmolStr)> = Vec::new();
        let mut library: Vec<(&'a ast::File, SmolStr)> = Vec::new();
        let mut embedded: FxHashSet<&str> = super::standard_library()
            .iter()
            .map(|(path, _)| *path)
            .collect();
        for parsed in files {
            let path = SmolStr::from(&*self.sources.get(parsed.file.id).path);
            if embedded.remove(path.as_str()) {
                library.push((&parsed.file, path));
            } else if path.starts_with("std/") {
                self.report(errors::reserved_folder(file_start(parsed.file.id)));
            } else {
                own.push((&parsed.file, path));
            }
        }
        self.collect_teams(&own);
        self.check_folders_of_teams();
        self.check_left_out(&own);
        for (tree, path) in library {
            let module = self.module(path.trim_end_matches(".vau"), Owner::Std);
            let file = self.files.len();
            self.files.push(FileInfo {
                tree,
                path,
                module,
                left_out: false,
            });
            self.collect_items(file);
        }
        self.name_library();
        let homes = self.homes(&own);
        for ((tree, path), module) in own.into_iter().zip(homes) {
            let left_out = self.is_left_out(&path);
            let file = self.files.len();
            self.files.push(FileInfo {
                tree,
                path,
                module,
                left_out,
            });
            self.collect_items(file);
        }
    }

    fn module(&mut self, path: &str, owner: Owner) -> ModuleId {
        if let Some(known) = self.module_of.get(path) {
            return *known;
        }
        let id = ModuleId(self.modules.len() as u32);
        self.modules.push(Module {
            path: path.into(),
            owner,
            names: FxHashMap::default(),
        });
        self.module_of.insert(path.into(), id);
        id
    }

    /// Teams count if they stand in the root, or in the folder of a team that counts and has `grants all`.
    fn collect_teams(&mut self, own: &[(&'a ast::File, SmolStr)]) {
        let mut waiting: Vec<(&'a ast::Item, &'a ast::Team, &str)> = Vec::new();
        for (tree, path) in own {
            for item in &tree.items {
                if let ast::ItemKind::Team(team) = &item.kind {
                    waiting.push((item, team, folder_of(path)));
                }
            }
        }
        let mut powerful: FxHashSet<SmolStr> = FxHashSet::default();
        let mut changed = true;
        while changed && !waiting.is_empty() {
            changed = false;
            let mut later = Vec::new();
            for (item, tree, folder) in waiting {
                if !folder.is_empty() && !ancestors(folder).any(|above| powerful.contains(above)) {
                    later.push((item, tree, folder));
                    continue;
                }
                changed = true;
                if let Some(team) = self.team(item, tree) {
                    if team.all && !team.folder.is_empty() {
                        powerful.insert(team.folder.clone());
                    }
                    self.teams.push(team);
                }
            }
            waiting = later;
        }
        for (_, tree, _) in waiting {
            self.report(errors::misplaced_declaration("team", tree.name.span));
        }
        // In the order of their names, so that a team's index says nothing about the order of the files.
        self.teams.sort_by(|a, b| a.name.cmp(&b.name));
    }

    fn team(&mut self, item: &'a ast::Item, tree: &'a ast::Team) -> Option<Team<'a>> {
        let name = tree.name.value.clone();
        if name == "root" || name == "std" {
            self.report(errors::reserved_name("team", &name, tree.name.span));
            return None;
        }
        if let Some(other) = self.teams.iter().find(|team| team.name == name) {
            let first = other.tree.name.span;
            self.report(errors::duplicate_name("team", &name, tree.name.span, first));
            return None;
        }
        let folder = match &tree.folder {
            None => name.clone(),
            Some(folder) if folder.value == "." => SmolStr::default(),
            Some(folder) => {
                let good = folder.value.split('/').all(|part| {
                    !part.is_empty() && part != "." && part != ".." && !part.contains('\\')
                });
                if !good || folder.value == "std" || folder.value.starts_with("std/") {
                    self.report(errors::bad_folder(&folder.value, folder.span));
                    return None;
                }
                folder.value.clone()
            }
        };
        let mut grants = (false, false);
        for grant in &tree.grants {
            match grant.value.as_str() {
                "all" => grants.0 = true,
                "raw" => grants.1 = true,
                other => {
                    let near = self.nearest(other, ["all", "raw"]);
                    self.report(errors::unknown_grant(other, grant.span, near.as_deref()));
                }
            }
        }
        Some(Team {
            tree,
            name,
            folder,
            span: item.span,
            scope: ROOT,
            all: grants.0,
            raw: grants.0 || grants.1,
            namespaces: ValueSet::none(),
            tiers: Vec::new(),
        })
    }

    fn check_folders_of_teams(&mut self) {
        let mut of: FxHashMap<&str, usize> = FxHashMap::default();
        let mut out = Vec::new();
        for (at, team) in self.teams.iter().enumerate() {
            if let Some(other) = of.get(team.folder.as_str()) {
                let other = &self.teams[*other];
                out.push(errors::nested_team_folders(
                    (&team.name, team.tree.name.span),
                    (&other.name, other.tree.name.span),
                ));
                continue;
            }
            of.insert(&team.folder, at);
        }
        for team in &self.teams {
            let above = ancestors(&team.folder)
                .skip(1)
                .find_map(|folder| of.get(folder));
            if let Some(other) = above {
                let other = &self.teams[*other];
                out.push(errors::nested_team_folders(
                    (&team.name, team.tree.name.span),
                    (&other.name, other.tree.name.span),
                ));
            }
        }
        if let Some(owner) = of.get("") {
            self.modules[ROOT.0 as usize].owner = Owner::Team(*owner);
        }
        self.out.extend(out);
    }

    fn check_left_out(&mut self, own: &[(&'a ast::File, SmolStr)]) {
        for folder in &self.options.without {
            let known = own
                .iter()
                .flat_map(|(_, path)| ancestors(folder_of(path)))
                .any(|known| known == folder.as_str())
                || self.teams.iter().any(|team| team.folder == *folder);
            if !known {
                let all: std::collections::BTreeSet<&str> = own
                    .iter()
                    .flat_map(|(_, path)| ancestors(folder_of(path)))
                    .collect();
                let near = self.nearest(folder, all);
                self.report(errors::unknown_folder(folder, near.as_deref()));
            }
        }
    }

    fn is_left_out(&self, path: &str) -> bool {
        !self.options.without.is_empty()
            && ancestors(folder_of(path))
                .any(|folder| self.options.without.iter().any(|out| out == folder))
    }

    /// The module of each file.
    fn homes(&mut self, own: &[(&'a ast::File, SmolStr)]) -> Vec<ModuleId> {
        let of: FxHashMap<SmolStr, usize> = self
            .teams
            .iter()
            .enumerate()
            .rev()
            .map(|(at, team)| (team.folder.clone(), at))
            .collect();
        let mut reported: FxHashSet<ModuleId> = FxHashSet::default();
        own.iter()
            .map(|(tree, path)| {
                let folder = folder_of(path);
                if folder.is_empty() {
                    return ROOT;
                }
                if let Some((folder, team)) =
                    ancestors(folder).find_map(|folder| of.get(folder).map(|team| (folder, *team)))
                {
                    return self.module(folder, Owner::Team(team));
                }
                let top = folder.split('/').next().unwrap_or(folder);
                let module = self.module(top, Owner::Nobody);
                if reported.insert(module) && !self.unread.contains(top) {
                    if !self.teams.is_empty() {
                        let teams: Vec<SmolStr> =
                            self.teams.iter().map(|team| team.folder.clone()).collect();
                        let near = self.nearest(folder, teams.iter().map(SmolStr::as_str));
                        self.report(errors::folder_without_team(
                            folder,
                            file_start(tree.id),
                            near.as_deref(),
                        ));
                    } else if !is_name(top) || top == "root" {
                        self.report(errors::bad_folder(top, file_start(tree.id)));
                    }
                }
                module
            })
            .collect()
    }

    fn collect_items(&mut self, file: usize) {
        let info = &self.files[file];
        let (tree, module) = (info.tree, info.module);
        let root_only = !self.may_govern(module);
        for item in &tree.items {
            let misplaced = errors::misplaced_declaration;
            match &item.kind {
                ast::ItemKind::Use(path) => self.collect_use(file, path),
                ast::ItemKind::Group(tree) => self.add(file, &tree.name, Node::Group(tree)),
                ast::ItemKind::Network(tree) => self.add(file, &tree.name, Node::Network(tree)),
                ast::ItemKind::Ports(tree) => self.add(file, &tree.name, Node::Ports(tree)),
                ast::ItemKind::Service(tree) => self.add(file, &tree.name, Node::Service(tree)),
                ast::ItemKind::Profile(tree) => self.add(file, &tree.name, Node::Profile(tree)),
                ast::ItemKind::Policy(tree) => self.declared.policies.push(At { tree, item, file }),
                ast::ItemKind::Test(tree) => self.declared.tests.push(At { tree, item, file }),
                ast::ItemKind::Raw(tree) => self.declared.raws.push(At { tree, item, file }),
                ast::ItemKind::Team(_) => {}
                ast::ItemKind::Cluster(tree) if root_only => {
                    self.report(misplaced("cluster", tree.name.span))
                }
                ast::ItemKind::Tier(tree) if root_only => {
                    self.report(misplaced("tier", tree.name.span))
                }
                ast::ItemKind::Default(_) if root_only => {
                    self.report(misplaced("default", head(item)))
                }
                ast::ItemKind::Namespace(tree) if root_only => {
                    self.report(misplaced("namespace", tree.name.span))
                }
                ast::ItemKind::Guard(tree) if root_only => {
                    self.report(misplaced("guard", tree.name.span))
                }
                ast::ItemKind::Cluster(tree) => {
                    self.declared.clusters.push(At { tree, item, file })
                }
                ast::ItemKind::Tier(tree) => self.declared.tiers.push(At { tree, item, file }),
                ast::ItemKind::Default(tree) => {
                    self.declared.defaults.push(At { tree, item, file })
                }
                ast::ItemKind::Namespace(tree) => {
                    self.declared.namespaces.push(At { tree, item, file })
                }
                ast::ItemKind::Guard(tree) => self.declared.guards.push(At { tree, item, file }),
            }
        }
    }

    /// Whether the root's declarations may stand in a module.
    pub(super) fn may_govern(&self, module: ModuleId) -> bool {
        module == ROOT
            || matches!(self.modules[module.0 as usize].owner, Owner::Team(at) if self.teams[at].all)
    }

    fn collect_use(&mut self, file: usize, path: &'a ast::Path) {
        let module = self.files[file].module;
        let Some(last) = path.segments.last() else {
            return;
        };
        if path.segments.len() < 2 {
            self.report(errors::useless_use(&last.value, path.span));
            return;
        }
        let at = self.uses.len() as u32;
        self.uses.push(Use {
            path,
            module,
            target: None,
            used: false,
            left_out: self.files[file].left_out,
        });
        self.bind(module, last, Binding::Use(at));
    }

    pub(super) fn add(&mut self, file: usize, name: &'a ast::Name, node: Node<'a>) {
        let module = self.files[file].module;
        let id = ItemId(self.items.len() as u32);
        self.items.push(Item {
            name: name.value.clone(),
            module,
            node,
            span: name.span,
            used: false,
            left_out: self.files[file].left_out,
            value: super::items::State::Unseen,
            height: 0,
            within_owner: None,
        });
        self.bind(module, name, Binding::Item(id));
    }

    fn bind(&mut self, module: ModuleId, name: &ast::Name, binding: Binding) {
        let names = &mut self.modules[module.0 as usize].names;
        let Some(first) = names.get(&name.value) else {
            names.insert(name.value.clone(), binding);
            return;
        };
        let first = *first;
        let (first_span, same_use) = match first {
            Binding::Item(id) => (self.item(id).span, false),
            Binding::Use(at) => {
                let other = &self.uses[at as usize];
                let same = matches!(binding, Binding::Use(new)
                    if super::scope::dotted(self.uses[new as usize].path) == super::scope::dotted(other.path));
                (other.path.span, same)
            }
        };
        if same_use {
            // The second `use` of the same thing adds nothing; it is found unused.
            return;
        }
        let word = match binding {
            Binding::Item(id) => self.item(id).node.word(),
            Binding::Use(_) => "use",
        };
        self.report(errors::duplicate_name(
            word,
            &name.value,
            name.span,
            first_span,
        ));
    }

    /// `std.networks.private`, and `std.system` for the item `system` of `std/system.vau`.
    fn name_library(&mut self) {
        for (at, item) in self.items.iter().enumerate() {
            let module = &self.modules[item.module.0 as usize];
            let folder = module.path.replace('/', ".");
            let id = ItemId(at as u32);
            if folder.rsplit('.').next() == Some(item.name.as_str()) {
                self.std_names.insert(folder.as_str().into(), id);
            }
            self.std_names
                .insert(format!("{folder}.{}", item.name).into(), id);
        }
    }

    /// Binds what `use` says and what the cluster names; finds what hides the root's names.
    pub(super) fn bind_names(&mut self) {
        for at in 0..self.uses.len() {
            let path = self.uses[at].path;
            match self.find_far(path) {
                Some(id) => self.uses[at].target = Some(id),
                None if self.is_unread(path) => {}
                None => {
                    let (module, name) = (self.uses[at].module, super::scope::dotted(path));
                    let near = {
                        let mut all: Vec<SmolStr> = self.std_names.keys().cloned().collect();
                        for item in &self.items {
                            if item.module != ROOT && item.module != module {
                                all.push(self.qualified(item.module, &item.name));
                            }
                        }
                        all.sort_unstable();
                        self.nearest(&name, all.iter().map(SmolStr::as_str))
                    };
                    self.report(errors::unknown_name(
                        &name,
                        path.span,
                        "declaration",
                        near.as_deref(),
                    ));
                }
            }
        }
        let mut out = Vec::new();
        for module in self
            .modules
            .iter()
            .skip(1)
            .filter(|module| !module.is_std())
        {
            let mut own: Vec<(&SmolStr, &Binding)> = module.names.iter().collect();
            own.sort_unstable_by_key(|(name, _)| *name);
            for (name, binding) in own {
                if let Some(first) = self.modules[ROOT.0 as usize].names.get(name) {
                    // Both may shorten the same name.
                    if let (Binding::Use(a), Binding::Use(b)) = (binding, first)
                        && self.uses[*a as usize].target == self.uses[*b as usize].target
                    {
                        continue;
                    }
                    out.push(errors::redeclared_name(
                        name,
                        self.binding_span(*binding),
                        self.binding_span(*first),
                    ));
                }
            }
        }
        self.out.extend(out);
    }

    fn binding_span(&self, binding: Binding) -> Span {
        match binding {
            Binding::Item(id) => self.item(id).span,
            Binding::Use(at) => self.uses[at as usize].path.span,
        }
    }

    /// Whose objects a module's are: a team's, a folder's, or the root's.
    pub(super) fn owner_name(&self, module: ModuleId) -> SmolStr {
        let module_data = &self.modules[module.0 as usize];
        match module_data.owner {
            _ if module == ROOT => SmolStr::new_static("root"),
            Owner::Team(at) => self.teams[at].name.clone(),
            Owner::Std | Owner::Nobody => module_data.path.clone(),
        }
    }
}

/// The folder of a path, without the file.
pub(super) fn folder_of(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// A folder and those above it, the deepest first, without the root.
fn ancestors(folder: &str) -> impl Iterator<Item = &str> {
    std::iter::successors((!folder.is_empty()).then_some(folder), |folder| {
        folder.rsplit_once('/').map(|(above, _)| above)
    })
}

/// `[a-z][a-z0-9]*(-[a-z0-9]+)*`
fn is_name(word: &str) -> bool {
    word.starts_with(|c: char| c.is_ascii_lowercase())
        && word.split('-').all(|part| {
            !part.is_empty()
                && part
                    .chars()
                    .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit())
        })
}

/// The first word of an item.
fn head(item: &ast::Item) -> Span {
    Span {
        end: item.span.start.saturating_add(7).min(item.span.end),
        ..item.span
    }
}

fn file_start(file: FileId) -> Span {
    Span::new(file, 0, 0)
}
