//! Names: what is declared where, and what a path means in a place.

use rustc_hash::FxHashMap;
use smol_str::SmolStr;

use super::items::{Argument, State};
use super::notes::Named;
use super::{Cx, errors};
use crate::source::Span;
use crate::syntax::ast;

/// Index of a module.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(super) struct ModuleId(pub(super) u32);

/// The root folder.
pub(super) const ROOT: ModuleId = ModuleId(0);

/// Index of an item.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(super) struct ItemId(pub(super) u32);

/// What a name may stand for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Node<'a> {
    Network(&'a ast::Network),
    Ports(&'a ast::Ports),
    Group(&'a ast::Group),
    Service(&'a ast::Service),
    Profile(&'a ast::Profile),
}

impl Node<'_> {
    /// The word that declares it.
    pub(super) fn word(&self) -> &'static str {
        match self {
            Node::Network(_) => "network",
            Node::Ports(_) => "ports",
            Node::Group(_) => "group",
            Node::Service(_) => "service",
            Node::Profile(_) => "profile",
        }
    }
}

/// A declaration that has a name.
#[derive(Debug)]
pub(super) struct Item<'a> {
    pub(super) name: SmolStr,
    pub(super) module: ModuleId,
    pub(super) node: Node<'a>,
    /// The name's place.
    pub(super) span: Span,
    pub(super) used: bool,
    /// Whether it stands in a file that this target leaves out.
    pub(super) left_out: bool,
    pub(super) value: State,
    /// How deep its definition goes, once it is worked out.
    pub(super) height: usize,
    /// Whether its pods lie within its owner's namespaces, once somebody asked.
    pub(super) within_owner: Option<bool>,
}

/// A `use`.
#[derive(Debug)]
pub(super) struct Use<'a> {
    pub(super) path: &'a ast::Path,
    pub(super) module: ModuleId,
    pub(super) target: Option<ItemId>,
    pub(super) used: bool,
    pub(super) left_out: bool,
}

/// What a module binds a name to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Binding {
    Item(ItemId),
    Use(u32),
}

/// Where a name is looked up.
#[derive(Clone, Copy)]
pub(super) struct Scope<'s> {
    pub(super) module: ModuleId,
    pub(super) parameters: Option<&'s FxHashMap<SmolStr, Argument>>,
}

impl Scope<'_> {
    pub(super) fn of(module: ModuleId) -> Scope<'static> {
        Scope {
            module,
            parameters: None,
        }
    }
}

/// What a path was found to mean.
#[derive(Clone)]
pub(super) enum Found {
    Item(ItemId),
    Parameter(Argument),
}

/// Which kinds of names a place takes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Wanted {
    /// A group, network or service.
    Endpoint,
    /// `ports` or a service.
    Traffic,
    /// `ports` only.
    Ports,
    /// A profile.
    Profile,
    /// Any of them.
    Any,
}

impl Wanted {
    pub(super) fn words(self) -> &'static str {
        match self {
            Wanted::Endpoint => "group, network or service",
            Wanted::Traffic => "ports or service",
            Wanted::Ports => "ports",
            Wanted::Profile => "profile",
            Wanted::Any => "declaration",
        }
    }

    pub(super) fn takes(self, node: &Node<'_>) -> bool {
        match self {
            Wanted::Endpoint => {
                matches!(node, Node::Group(_) | Node::Network(_) | Node::Service(_))
            }
            Wanted::Traffic => matches!(node, Node::Ports(_) | Node::Service(_)),
            Wanted::Ports => matches!(node, Node::Ports(_)),
            Wanted::Profile => matches!(node, Node::Profile(_)),
            Wanted::Any => true,
        }
    }
}

impl<'a> Cx<'a> {
    pub(super) fn item(&self, id: ItemId) -> &Item<'a> {
        &self.items[id.0 as usize]
    }

    pub(super) fn item_mut(&mut self, id: ItemId) -> &mut Item<'a> {
        &mut self.items[id.0 as usize]
    }

    /// An item's name as a stranger writes it: `books.api`, `std.dns.coredns`, `web` for the root's.
    pub(super) fn full_name(&self, id: ItemId) -> SmolStr {
        let item = self.item(id);
        self.qualified(item.module, &item.name)
    }

    pub(super) fn qualified(&self, module: ModuleId, name: &str) -> SmolStr {
        let path = &self.modules[module.0 as usize].path;
        if path.is_empty() {
            SmolStr::from(name)
        } else {
            SmolStr::from(format!("{}.{name}", path.replace('/', ".")))
        }
    }

    /// What a path means in a place; marks it as used. Reports what is not known.
    pub(super) fn look_up(
        &mut self,
        scope: Scope<'_>,
        path: &ast::Path,
        wanted: Wanted,
    ) -> Option<Found> {
        if let ([name], Some(parameters)) = (&path.segments[..], scope.parameters)
            && let Some(argument) = parameters.get(&name.value)
        {
            return Some(Found::Parameter(argument.clone()));
        }
        match self.find(scope.module, path) {
            Some(id) => {
                self.note_use(Named::Item(id));
                Some(Found::Item(id))
            }
            None => {
                if !self.is_unread(path) {
                    let diagnostic = self.unknown(scope, path, wanted);
                    self.report(diagnostic);
                }
                None
            }
        }
    }

    /// Whether a path may name something that could not be read.
    pub(super) fn is_unread(&self, path: &ast::Path) -> bool {
        let last = path.segments.last();
        last.is_some_and(|last| self.unread.contains(&last.value))
    }

    fn find(&mut self, module: ModuleId, path: &ast::Path) -> Option<ItemId> {
        let [name] = &path.segments[..] else {
            return self.find_far(path);
        };
        let own = &self.modules[module.0 as usize];
        let binding = own.names.get(&name.value).or_else(|| {
            let root = &self.modules[ROOT.0 as usize];
            (!own.is_std())
                .then(|| root.names.get(&name.value))
                .flatten()
        });
        match *binding? {
            Binding::Item(id) => Some(id),
            Binding::Use(at) => {
                self.note_use(Named::Use(at));
                self.uses[at as usize].target
            }
        }
    }

    /// What a name means in a module, without marking it as used.
    pub(super) fn peek(&self, module: ModuleId, name: &str) -> Option<ItemId> {
        let module = &self.modules[module.0 as usize];
        let binding = module.names.get(name).or_else(|| {
            let root = &self.modules[ROOT.0 as usize];
            (!module.is_std()).then(|| root.names.get(name)).flatten()
        })?;
        match *binding {
            Binding::Item(id) => Some(id),
            Binding::Use(at) => self.uses[at as usize].target,
        }
    }

    /// What a path of several segments means, from wherever.
    pub(super) fn find_far(&self, path: &ast::Path) -> Option<ItemId> {
        let (last, folder) = path.segments.split_last()?;
        if folder.first()?.value == "std" || (folder.is_empty() && last.value == "std") {
            return self.std_names.get(dotted(path).as_str()).copied();
        }
        let folder: Vec<&str> = folder
            .iter()
            .map(|segment| segment.value.as_str())
            .collect();
        let module = *self.module_of.get(folder.join("/").as_str())?;
        match self.modules[module.0 as usize].names.get(&last.value)? {
            Binding::Item(id) => Some(*id),
            Binding::Use(_) => None,
        }
    }

    /// Whether a use's path is bound to nothing since it was already reported: then its users stay silent.
    pub(super) fn is_silent(&self, module: ModuleId, path: &ast::Path) -> bool {
        let [name] = &path.segments[..] else {
            return false;
        };
        [module, ROOT].iter().any(|module| {
            matches!(
                self.modules[module.0 as usize].names.get(&name.value),
                Some(Binding::Use(at)) if self.uses[*at as usize].target.is_none()
            )
        })
    }

    fn unknown(
        &self,
        scope: Scope<'_>,
        path: &ast::Path,
        wanted: Wanted,
    ) -> crate::diagnostic::Diagnostic {
        let name = dotted(path);
        if path.segments.len() == 1
            && let Some(clusters) = self.elsewhere.get(name.as_str())
        {
            return errors::name_of_another_cluster(
                &name,
                path.span,
                &self.cluster.name,
                clusters,
                self.cluster.span,
            );
        }
        let near = self.near_name(scope, path, wanted);
        errors::unknown_name(&name, path.span, wanted.words(), near.as_deref())
    }

    fn near_name(&self, scope: Scope<'_>, path: &ast::Path, wanted: Wanted) -> Option<SmolStr> {
        let name = dotted(path);
        let fits = |binding: &Binding| match binding {
            Binding::Item(id) => wanted.takes(&self.item(*id).node),
            Binding::Use(at) => self.uses[*at as usize]
                .target
                .is_some_and(|id| wanted.takes(&self.item(id).node)),
        };
        if path.segments[0].value == "std" {
            let mut all: Vec<&str> = self.std_names.keys().map(SmolStr::as_str).collect();
            all.sort_unstable();
            return self.nearest(&name, all);
        }
        if path.segments.len() > 1 {
            let mut all: Vec<SmolStr> = Vec::new();
            for item in self.items.iter().filter(|item| wanted.takes(&item.node)) {
                if item.module != ROOT && !self.modules[item.module.0 as usize].is_std() {
                    all.push(self.qualified(item.module, &item.name));
                }
            }
            return self.nearest(&name, all.iter().map(SmolStr::as_str));
        }
        let mut all: Vec<&str> = Vec::new();
        let own = &self.modules[scope.module.0 as usize];
        let root = &self.modules[ROOT.0 as usize];
        for module in [Some(own), (!own.is_std()).then_some(root)]
            .into_iter()
            .flatten()
        {
            let names = module.names.iter().filter(|(_, binding)| fits(binding));
            all.extend(names.map(|(name, _)| name.as_str()));
        }
        all.extend(
            scope
                .parameters
                .iter()
                .flat_map(|names| names.keys().map(SmolStr::as_str)),
        );
        all.sort_unstable();
        // The same name in another folder of the project, or else in the library.
        self.nearest(&name, all).or_else(|| {
            self.items
                .iter()
                .filter(|item| item.name == name && wanted.takes(&item.node))
                .min_by_key(|item| self.modules[item.module.0 as usize].is_std())
                .map(|item| self.qualified(item.module, &item.name))
        })
    }
}

/// A path as it is written.
pub(super) fn dotted(path: &ast::Path) -> SmolStr {
    match &path.segments[..] {
        [name] => name.value.clone(),
        segments => segments
            .iter()
            .map(|segment| segment.value.as_str())
            .collect::<Vec<_>>()
            .join(".")
            .into(),
    }
}
