//! Which file imports which, by the `crate::`, `super::` and `self::` paths in its code.
//!
//! A path is followed to the file that defines the item, through re-exports. A `pub use` alone makes no
//! edge: a module that only passes names on does not depend on them. Unit tests are left out: they know
//! everything and nobody knows them.

use crate::source::{Source, is_word, matching, words};
use std::collections::{BTreeMap, BTreeSet};

/// A path as written, all segments, and where it stands.
struct Path {
    segments: Vec<String>,
    at: usize,
    /// Part of a `pub use`: with the name it is given, `*` for a glob.
    exported_as: Option<String>,
}

/// The modules of one crate: module path (`task::state`; empty for the root) → its file.
pub(crate) struct Crate<'a> {
    files: BTreeMap<Vec<String>, &'a Source>,
    /// Per module: name → segments from the crate's root, of what it re-exports.
    exports: BTreeMap<Vec<String>, Vec<(String, Vec<String>)>>,
}

impl<'a> Crate<'a> {
    /// The crate whose root is `folder/lib.rs`.
    pub(crate) fn new(sources: &'a [Source], folder: &str) -> Self {
        let mut files = BTreeMap::new();
        for source in sources {
            let Some(path) = source.path.strip_prefix(folder).and_then(|path| path.strip_prefix('/')) else {
                continue;
            };
            if source.is_unit_test() {
                continue;
            }
            let mut module: Vec<String> =
                path.trim_end_matches(".rs").split('/').map(str::to_owned).collect();
            if matches!(module.last().map(String::as_str), Some("mod" | "lib")) {
                module.pop();
            }
            files.insert(module, source);
        }
        assert!(files.contains_key(&Vec::new()), "{folder}/lib.rs is missing");
        let mut this = Crate { files, exports: BTreeMap::new() };
        for (module, source) in &this.files {
            let exports = paths(&source.code)
                .into_iter()
                .filter_map(|path| Some((path.exported_as.clone()?, this.rooted(module, source, &path)?)))
                .collect();
            this.exports.insert(module.clone(), exports);
        }
        this
    }

    /// Every edge: importing file, imported file, line.
    pub(crate) fn edges(&self) -> Vec<(&'a Source, &'a Source, usize)> {
        let mut edges = Vec::new();
        for (module, source) in &self.files {
            for path in paths(&source.code).iter().filter(|path| path.exported_as.is_none()) {
                let Some(target) = self.rooted(module, source, path) else { continue };
                let target = self.definition(&target, 0);
                if target.path != source.path {
                    edges.push((*source, target, source.line_of(path.at)));
                }
            }
        }
        edges
    }

    /// The segments of `path` from the crate's root; `None` if it stays inside its own file.
    fn rooted(&self, module: &[String], source: &Source, path: &Path) -> Option<Vec<String>> {
        let mut base = module.to_vec();
        let mut segments = path.segments.as_slice();
        // Modules written inside this file.
        let mut inner = depth(&source.code, path.at);
        loop {
            match segments.first().map(String::as_str) {
                Some("crate") => base.clear(),
                Some("self") if inner > 0 => return None,
                Some("self") => {}
                Some("super") if inner > 0 => inner -= 1,
                Some("super") => {
                    base.pop()?;
                }
                _ => break,
            }
            segments = &segments[1..];
        }
        base.extend_from_slice(segments);
        Some(base)
    }

    /// The file in which the item lives that `path` names.
    fn definition(&self, path: &[String], followed: usize) -> &'a Source {
        let module_len = (0..=path.len()).rev().find(|&len| self.files.contains_key(&path[..len])).unwrap();
        let (module, rest) = path.split_at(module_len);
        let here = self.files[module];
        let Some(name) = rest.first() else { return here };
        // Longer chains of re-exports than this do not exist; a circle of them would not compile.
        if followed == 8 {
            return here;
        }
        let exports = &self.exports[module];
        if let Some((_, target)) = exports.iter().find(|(exported, _)| exported == name) {
            return self.definition(target, followed + 1);
        }
        for (_, target) in exports.iter().filter(|(exported, _)| exported == "*") {
            if let Some(file) = self.files.get(target) {
                if words(&file.code).any(|(_, word)| word == name) {
                    return self.definition(&[target.as_slice(), &rest[..1]].concat(), followed + 1);
                }
            }
        }
        // `#[macro_export]` puts a macro at the root, wherever it is written.
        let macro_rules = format!("macro_rules! {name} ");
        self.files
            .values()
            .find(|file| module.is_empty() && file.code.contains(&macro_rules))
            .unwrap_or(&here)
    }
}

/// A circle of files, if there is one.
pub(crate) fn circle(edges: &[(&Source, &Source, usize)]) -> Option<Vec<String>> {
    let mut next: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (from, to, _) in edges {
        next.entry(&from.path).or_default().insert(&to.path);
    }
    let mut done = BTreeSet::new();
    let starts: Vec<&str> = next.keys().copied().collect();
    starts.into_iter().find_map(|start| walk(start, &next, &mut Vec::new(), &mut done))
}

fn walk<'a>(
    file: &'a str,
    next: &BTreeMap<&'a str, BTreeSet<&'a str>>,
    way: &mut Vec<&'a str>,
    done: &mut BTreeSet<&'a str>,
) -> Option<Vec<String>> {
    if let Some(start) = way.iter().position(|&seen| seen == file) {
        return Some(way[start..].iter().chain([&file]).map(|file| (*file).to_owned()).collect());
    }
    if !done.insert(file) {
        return None;
    }
    way.push(file);
    let found = next.get(file).into_iter().flatten().find_map(|to| walk(to, next, way, done));
    way.pop();
    found
}

/// The paths of `code` that begin at this crate, without unit tests written inside the file.
fn paths(code: &str) -> Vec<Path> {
    let mut found = Vec::new();
    let mut skip = 0;
    for (at, word) in words(code) {
        if at < skip || !matches!(word, "crate" | "super" | "self") {
            continue;
        }
        if word == "crate" && code[..at].trim_end().ends_with('(') {
            continue; // pub(crate)
        }
        if !code[at + word.len()..].trim_start().starts_with("::") || is_inside_tests(code, at) {
            continue;
        }
        let exported = is_exported(code, at);
        let mut trees = Vec::new();
        skip = at + tree(&code[at..], &mut Vec::new(), &mut trees);
        found.extend(trees.into_iter().map(|(mut segments, name)| {
            // `use a::{self}` is `use a`.
            if segments.len() > 1 && segments.last().is_some_and(|last| last == "self") {
                segments.pop();
            }
            Path { segments, at, exported_as: exported.then_some(name) }
        }));
    }
    found
}

/// The full paths of `code` that begin with a foreign crate for which `is_root` says yes.
pub(crate) fn foreign(code: &str, is_root: impl Fn(&str) -> bool) -> Vec<String> {
    let mut trees = Vec::new();
    for (at, word) in words(code) {
        let begins = !code[..at].ends_with("::") || !code[..at - 2].ends_with(is_word);
        if begins && is_root(word) && code[at + word.len()..].starts_with("::") && !is_inside_tests(code, at)
        {
            tree(&code[at..], &mut Vec::new(), &mut trees);
        }
    }
    trees.into_iter().map(|(segments, _)| segments.join("::")).collect()
}

/// Parses `a::b::{c, d as e, *}` at the start of `code` into full paths and the names they are given;
/// returns its length.
fn tree(code: &str, prefix: &mut Vec<String>, trees: &mut Vec<(Vec<String>, String)>) -> usize {
    let depth = prefix.len();
    let mut at = 0;
    loop {
        at += code[at..].len() - code[at..].trim_start().len();
        let rest = &code[at..];
        if rest.starts_with('{') {
            let end = matching(rest).unwrap_or(rest.len() - 1);
            let mut inner = 1;
            while inner < end {
                let item = &rest[inner..end];
                if item.trim_start().is_empty() {
                    break;
                }
                inner += tree(item, prefix, trees);
                inner += rest[inner..end].find(',').map_or(end - inner, |comma| comma + 1);
            }
            prefix.truncate(depth);
            return at + end + 1;
        }
        let len = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
        let segment = if rest.starts_with('*') { "*" } else { &rest[..len] };
        at += segment.len();
        let follows = code[at..].trim_start();
        if segment != "*" && !segment.is_empty() {
            prefix.push(segment.to_owned());
        }
        if segment.is_empty() || !follows.starts_with("::") || follows[2..].trim_start().starts_with('<') {
            let alias = follows.strip_prefix("as ").map(|alias| alias.trim_start());
            let alias = alias.map(|alias| alias.split(|c| !is_word(c)).next().unwrap().to_owned());
            let name = if segment == "*" { "*".to_owned() } else { segment.to_owned() };
            trees.push((prefix.clone(), alias.unwrap_or(name)));
            prefix.truncate(depth);
            return at;
        }
        at = code.len() - follows.len() + 2;
    }
}

/// Whether the path at `at` stands in a `pub use`.
fn is_exported(code: &str, at: usize) -> bool {
    let statement = code[..at].rfind([';', '}']).map_or(0, |end| end + 1);
    let mut words = words(&code[statement..at]).map(|(_, word)| word).peekable();
    while words.peek().is_some_and(|word| *word != "pub") {
        words.next();
    }
    words.next() == Some("pub") && words.any(|word| word == "use")
}

/// How many inline modules enclose `at`.
fn depth(code: &str, at: usize) -> usize {
    inline_modules(code).filter(|&(start, end)| start < at && at < end).count()
}

fn is_inside_tests(code: &str, at: usize) -> bool {
    inline_modules(code).any(|(start, end)| {
        start < at
            && at < end
            && code[..start].trim_end().rsplit(['}', ';']).next().unwrap().contains("(test)")
    })
}

/// Start and end of each `mod name { … }`.
fn inline_modules(code: &str) -> impl Iterator<Item = (usize, usize)> {
    words(code).filter(|&(_, word)| word == "mod").filter_map(|(at, _)| {
        let open = at + code[at..].find(['{', ';'])?;
        code[open..].starts_with('{').then(|| (at, open + matching(&code[open..]).unwrap_or(0)))
    })
}

#[test]
fn trees_are_spread_out() {
    let mut trees = Vec::new();
    let len = tree("crate::a::{self, b::{C, D as E}, f::*}; x", &mut Vec::new(), &mut trees);
    assert_eq!(len, "crate::a::{self, b::{C, D as E}, f::*}".len());
    let shown: Vec<String> = trees.iter().map(|(path, name)| format!("{}={name}", path.join("::"))).collect();
    assert_eq!(shown, ["crate::a::self=self", "crate::a::b::C=C", "crate::a::b::D=E", "crate::a::f=*"]);
}

#[test]
fn a_circle_is_found_through_a_re_export() {
    let source = |path: &str, code: &str| Source {
        path: path.to_owned(),
        text: code.to_owned(),
        code: code.to_owned(),
    };
    let mut sources = vec![
        source("x/lib.rs", "pub mod a; pub mod b;"),
        source("x/a/mod.rs", "mod inner; pub use self::inner::Thing;"),
        source("x/a/inner.rs", "use crate::b::Other; pub struct Thing;"),
        source("x/b.rs", "use super::a::Thing; pub struct Other;"),
    ];
    let circle_of = |sources: &[Source]| circle(&Crate::new(sources, "x").edges());
    assert_eq!(circle_of(&sources).unwrap(), ["x/a/inner.rs", "x/b.rs", "x/a/inner.rs"]);
    sources[3] = source("x/b.rs", "pub struct Other; #[cfg(test)] mod tests { use super::super::a::Thing; }");
    assert_eq!(circle_of(&sources), None);
}
