//! `docs/from-tokio.md` against the list of all public items of tokio (`tests/tokio_items.txt`): nothing may be
//! missing, and what it says is the same must be called by a program in `tests/porting/`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// One item of tokio: the type or module that it belongs to, and its name in there. A type itself has none.
type Item = (String, Option<String>);

/// What the list says about an item.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Listed {
    kind: String,
    /// `unstable`, `hidden` or nothing.
    mark: String,
}

/// What the tables say about an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Yes,
    Trait,
    Otherwise,
}

#[derive(Debug, Default)]
struct Tables {
    verdicts: BTreeMap<Item, Verdict>,
    /// Names with the marks that stand behind them: `°` for unstable, `°°` for hidden.
    marks: BTreeMap<Item, String>,
    /// Types and modules of which nothing is the same.
    nothing: BTreeSet<String>,
    /// What is written twice, or can't be read.
    faults: Vec<String>,
}

fn read(path: impl AsRef<Path>) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[track_caller]
fn none(findings: Vec<String>, remedy: &str) {
    assert!(findings.is_empty(), "\n{}\n\n{remedy}\n", findings.join("\n"));
}

fn show((owner, name): &Item) -> String {
    match name {
        Some(name) if owner.is_empty() => name.clone(),
        Some(name) => format!("{owner}::{name}"),
        None => owner.clone(),
    }
}

/// The list. Modules are in it for the reader alone: their items say that they are there.
fn items() -> BTreeMap<Item, Listed> {
    let text = read("tests/tokio_items.txt");
    let mut items = BTreeMap::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let (kind, rest) = line.split_once(' ').expect("kind path [mark]");
        let (path, mark) = match rest.rsplit_once(' ') {
            Some((path, mark @ ("unstable" | "hidden"))) => (path, mark),
            _ => (rest, ""),
        };
        let item = match kind {
            "mod" => continue,
            "struct" | "enum" | "trait" => (path.to_string(), None),
            "impl" => {
                let (owner, name) = path.split_once(": ").expect("type: trait");
                (owner.to_string(), Some(name.to_string()))
            }
            _ => {
                let (owner, name) = path.rsplit_once("::").unwrap_or(("", path));
                (owner.to_string(), Some(name.to_string()))
            }
        };
        let listed = Listed { kind: kind.to_string(), mark: mark.to_string() };
        assert_eq!(items.insert(item, listed), None, "twice in the list: {line}");
    }
    items
}

/// The names in backticks, each with the marks behind it.
fn names(cell: &str) -> Vec<(String, String)> {
    let mut names = vec![];
    let mut rest = cell;
    while let Some((_, after)) = rest.split_once('`') {
        let Some((name, after)) = after.split_once('`') else { break };
        let end = after.find(|char| char != '°').unwrap_or(after.len());
        names.push((name.to_string(), after[..end].to_string()));
        rest = &after[end..];
    }
    names
}

impl Tables {
    fn of(text: &str) -> Tables {
        let mut tables = Tables::default();
        let mut module = None;
        for line in text.lines() {
            if let Some(title) = line.strip_prefix("## `") {
                let title = title.split('`').next().unwrap_or_default();
                let path = title.strip_prefix("tokio").filter(|path| !path.starts_with('_')).unwrap_or(title);
                module = Some(path.trim_start_matches("::").to_string());
            } else if let (Some(module), Some(row)) = (&module, line.strip_prefix("| ")) {
                let cells: Vec<_> = row.trim_end_matches('|').split('|').map(str::trim).collect();
                match cells[..] {
                    ["Name", ..] => {}
                    [name, yes, traits, otherwise] => tables.add_row(module, name, [yes, traits, otherwise]),
                    _ => tables.faults.push(format!("not four cells: {line}")),
                }
            }
        }
        tables
    }

    fn add_row(&mut self, module: &str, name: &str, [yes, traits, otherwise]: [&str; 3]) {
        let mut owner = module.to_string();
        if let [(name, mark)] = &names(name)[..] {
            owner = if module.is_empty() { name.clone() } else { format!("{module}::{name}") };
            let verdict = if yes.is_empty() { Verdict::Otherwise } else { Verdict::Yes };
            self.add(&owner, None, mark, verdict);
        }
        for (cell, verdict) in [(yes, Verdict::Yes), (traits, Verdict::Trait)] {
            for (name, mark) in names(cell) {
                self.add(&owner, Some(name), &mark, verdict);
            }
        }
        for piece in otherwise.split("<br>").filter(|piece| !piece.is_empty()) {
            let names_and_why = ["**no** ", "**other** "].iter().find_map(|word| piece.strip_prefix(word));
            match names_and_why.and_then(|rest| rest.split_once(": ")) {
                Some(("*", why)) if !why.is_empty() => drop(self.nothing.insert(owner.clone())),
                Some((list, why)) if !why.is_empty() && !names(list).is_empty() => {
                    for (name, mark) in names(list) {
                        self.add(&owner, Some(name), &mark, Verdict::Otherwise);
                    }
                }
                _ => self
                    .faults
                    .push(format!("{owner}: neither `**no** names: why` nor `**other** …`: {piece}")),
            }
        }
    }

    fn add(&mut self, owner: &str, name: Option<String>, mark: &str, verdict: Verdict) {
        let item = (owner.to_string(), name);
        if self.verdicts.insert(item.clone(), verdict).is_some() {
            self.faults.push(format!("{}: twice", show(&item)));
        }
        self.marks.insert(item, mark.to_string());
    }
}

#[test]
fn the_tables_name_every_item_of_tokio_and_nothing_else() {
    let (items, tables) = (items(), Tables::of(&read("docs/from-tokio.md")));
    let mut findings = tables.faults.clone();
    for (item, listed) in &items {
        let covered = tables.nothing.contains(&item.0) && item.1.is_some();
        match (tables.verdicts.get(item), listed.kind.as_str()) {
            (Some(Verdict::Trait), kind) if kind != "impl" => {
                findings.push(format!("{}: is no trait, but a {kind}", show(item)));
            }
            (Some(Verdict::Yes), "impl") => findings.push(format!("{}: is a trait", show(item))),
            (Some(_), _) if covered => findings.push(format!("{}: `*` has it already", show(item))),
            (None, _) if !covered => findings.push(format!("{}: missing", show(item))),
            _ => {}
        }
    }
    findings.extend(
        tables
            .verdicts
            .keys()
            .filter(|item| !items.contains_key(item))
            .map(|item| format!("{}: tokio has no such item", show(item))),
    );
    none(findings, "docs/from-tokio.md and tests/tokio_items.txt must agree.");
}

#[test]
fn what_is_unstable_in_tokio_is_marked() {
    let (items, tables) = (items(), Tables::of(&read("docs/from-tokio.md")));
    let mut findings = vec![];
    for (item, mark) in &tables.marks {
        let expected = match items.get(item).map(|listed| listed.mark.as_str()) {
            Some("unstable") => "°",
            Some("hidden") => "°°",
            _ => "",
        };
        if mark != expected {
            findings.push(format!("{}: marked {mark:?}, not {expected:?}", show(item)));
        }
    }
    none(findings, "° means unstable in tokio, °° exported and not documented.");
}

/// What the programs say they call, and whether they do.
#[derive(Default)]
struct Programs {
    called: BTreeSet<Item>,
    /// Types and their traits, without what is in angle brackets.
    traits: BTreeSet<(String, String)>,
    faults: Vec<String>,
}

fn head_of(name: &str) -> &str {
    name.split('<').next().unwrap_or(name)
}

impl Programs {
    fn all() -> Programs {
        let mut programs = Programs::default();
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/porting");
        let mut paths: Vec<PathBuf> =
            fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        for path in paths {
            let text = fs::read_to_string(&path).unwrap();
            let name = path.file_stem().unwrap().to_string_lossy();
            programs.add_functions(&name, &text);
            programs.add_traits(&text);
            // A file that nobody compiles proves nothing.
            let list = if name == "unstable" { "tests/porting.rs" } else { "tests/porting/mod.rs" };
            if name != "mod" && !read(list).contains(&format!("\nmod {name};\n")) {
                programs.faults.push(format!("{name}: not in {list}"));
            }
        }
        programs
    }

    /// Each `///` line above a function names a type or module and what the function calls of it.
    fn add_functions(&mut self, file: &str, text: &str) {
        let mut claims: Vec<Item> = vec![];
        let mut body = String::new();
        for line in text.lines() {
            if let Some(claim) = line.strip_prefix("/// ") {
                let mut names = names(claim).into_iter().map(|(name, _)| name);
                if claim.contains("`: ") {
                    let owner = names.next().unwrap_or_default();
                    claims.push((owner.clone(), None));
                    claims.extend(names.map(|name| (owner.clone(), Some(name))));
                } else {
                    // Types without items, and what stands at the root.
                    claims.extend(names.flat_map(|name| [(name.clone(), None), (String::new(), Some(name))]));
                }
            } else if !claims.is_empty() {
                body.push_str(line);
                body.push('\n');
                if line == "}" {
                    let words: BTreeSet<_> =
                        body.split(|char: char| !char.is_alphanumeric() && char != '_').collect();
                    for item in claims.drain(..) {
                        let word = item.1.as_deref().or(item.0.rsplit("::").next());
                        let is_type = item.1.is_none();
                        // A type may be named by the imports above.
                        if is_type || word.is_some_and(|word| word == "0" || words.contains(word)) {
                            self.called.insert(item);
                        } else if !item.0.is_empty() {
                            self.faults.push(format!("{file}: {} is claimed and not called", show(&item)));
                        }
                    }
                    body.clear();
                }
            }
        }
        if !claims.is_empty() {
            self.faults.push(format!("{file}: claims without a function: {claims:?}"));
        }
    }

    fn add_traits(&mut self, text: &str) {
        for assertion in text.split("\nimplements!(\"").skip(1) {
            let Some((path, rest)) = assertion.split_once("\", ") else { continue };
            let Some((_, traits)) = rest.split_once(">: ").or_else(|| rest.split_once(": ")) else {
                continue;
            };
            let traits = traits.split(");").next().unwrap_or_default();
            let traits = traits.split(" + ").map(|name| (path.to_string(), head_of(name).to_string()));
            self.traits.extend(traits);
        }
    }
}

#[test]
fn what_is_the_same_is_called_by_a_program() {
    let (tables, programs) = (Tables::of(&read("docs/from-tokio.md")), Programs::all());
    let mut findings = programs.faults.clone();
    for (item, verdict) in &tables.verdicts {
        let is_called = match (verdict, &item.1) {
            (Verdict::Trait, Some(name)) => {
                programs.traits.contains(&(item.0.clone(), head_of(name).to_string()))
            }
            (Verdict::Yes, None) => {
                let has_traits = programs.traits.iter().any(|(owner, _)| *owner == item.0);
                has_traits || programs.called.iter().any(|(owner, _)| *owner == item.0)
            }
            (Verdict::Yes, Some(_)) => programs.called.contains(item),
            (Verdict::Otherwise, _) | (Verdict::Trait, None) => continue,
        };
        if !is_called {
            findings.push(format!("{}: called by no program", show(item)));
        }
    }
    for item in programs.called.iter().filter(|item| item.1.is_some() && !item.0.is_empty()) {
        if !matches!(tables.verdicts.get(item), Some(Verdict::Yes)) {
            findings.push(format!("{}: a program calls it, so it is there", show(item)));
        }
    }
    none(findings, "Each name under *Yes* and *Traits* needs a program in tests/porting/.");
}

#[test]
fn the_checks_find_what_is_wrong() {
    let tables = Tables::of(
        "## `tokio::time`\n| Name | Yes | Traits | Otherwise |\n|---|---|---|---|\n\
         | *functions* | `sleep` `sleep` | | **no** `doze`: why |\n\
         | `Sleep`° | yes | `Debug` | **maybe** `reset`: why |\n\
         | `Error` | | | **other** *: elsewhere |\n\
         | `Short` | yes |\n",
    );
    assert_eq!(tables.faults.len(), 3, "{:?}", tables.faults);
    let item = |owner: &str, name: Option<&str>| (owner.to_string(), name.map(str::to_string));
    assert_eq!(tables.verdicts[&item("time", Some("doze"))], Verdict::Otherwise);
    assert_eq!(tables.verdicts[&item("time::Sleep", Some("Debug"))], Verdict::Trait);
    assert_eq!(tables.verdicts[&item("time::Error", None)], Verdict::Otherwise);
    assert_eq!(tables.marks[&item("time::Sleep", None)], "°");
    assert!(tables.nothing.contains("time::Error"));

    let mut programs = Programs::default();
    programs
        .add_functions("test", "/// `time`: `sleep`, `doze`.\n#[test]\nfn nap() {\n    time::sleep();\n}\n");
    assert!(programs.called.contains(&item("time", Some("sleep"))));
    assert_eq!(programs.faults, ["test: time::doze is claimed and not called"]);
    programs.add_traits("\nimplements!(\"time::Sleep\", Sleep<u8>: Debug + From<u8>);\n");
    assert!(programs.traits.contains(&("time::Sleep".to_string(), "From".to_string())));
}
