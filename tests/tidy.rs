//! What the compiler does not check about how this repository is written. The lists of exceptions may only
//! shrink: one that is no longer needed fails as well.

#[path = "tidy/imports.rs"]
mod imports;
#[path = "tidy/source.rs"]
mod source;

use imports::{Crate, circle};
use source::{Source, all, root, rust, words};
use std::collections::{BTreeMap, BTreeSet};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Longer files hold two things.
const FILE_LINES_MAX: usize = 600;
/// A longer function is not seen at a glance.
const FUNCTION_LINES_MAX: usize = 70;
/// Packages below the facade, itself included: what everyone who depends on it has to build and trust.
const PACKAGES_MAX: usize = 30;

/// Files that are too long, with the lines they have.
const LONG_FILES: &[(&str, usize)] = &[];
/// Functions that are too long: file, name, lines.
const LONG_FUNCTIONS: &[(&str, &str, usize)] = &[];
/// Files that may hold `unsafe`, besides unit tests.
const UNSAFE: &[&str] = &[
    "runtime-core/src/primitive/loom/deque.rs",
    "runtime-core/src/scheduler/queue_loom.rs",
    "runtime-core/src/local_tasks.rs",
    "runtime-core/src/scheduler/running.rs",
    "runtime-core/src/scheduler/slot.rs",
    "runtime-core/src/sync/atomic_waker.rs",
    "runtime-core/src/sync/broadcast/slot.rs",
    "runtime-core/src/sync/mpsc/chan.rs",
    "runtime-core/src/sync/mpsc/queue.rs",
    "runtime-core/src/sync/mutex_guard.rs",
    "runtime-core/src/sync/once_cell.rs",
    "runtime-core/src/sync/oneshot.rs",
    "runtime-core/src/sync/rwlock_guard.rs",
    "runtime-core/src/sync/rwlock_owned.rs",
    "runtime-core/src/sync/set_once.rs",
    "runtime-core/src/sync/wait_list.rs",
    "runtime-core/src/task/cancel.rs",
    "runtime-core/src/sync/watch/lock.rs",
    "runtime-core/src/task/harness.rs",
    "runtime-core/src/task/head.rs",
    "runtime-core/src/task/join.rs",
    "runtime-core/src/task/mod.rs",
    "runtime-core/src/task/notified.rs",
    "runtime-core/src/task/owned.rs",
    "runtime-core/src/task/raw.rs",
    "runtime-core/src/task/waker.rs",
    "runtime-core/src/timer/alarm.rs",
    "runtime-core/src/timer/entry.rs",
    "runtime-core/src/util/linked_list.rs",
    "runtime-io/src/async_fd.rs",
    "runtime-io/src/net/raw_fd.rs",
    "runtime-io/src/process/command.rs",
    "runtime-io/src/selector/portable.rs",
    "runtime-io/src/selector/wait.rs",
    "runtime-io/src/signal/handler.rs",
    "runtime-io/src/sys/cred_linux.rs",
    "runtime-io/src/sys/cred_other.rs",
    "runtime-io/src/sys/errno.rs",
    "runtime-io/src/sys/recv.rs",
];
/// Library files that may name std's locks and atomics or crossbeam, besides `primitive`.
const UNSEAMED: &[(&str, &str)] = &[
    ("runtime-blocking/src/pool/fault_loom.rs", "which fault is planted is no part of the model"),
    ("runtime-core/src/util/fault/on.rs", "which fault is planted is no part of the model"),
    ("runtime-core/src/task/id.rs", "a number orders nothing, and loom has no statics"),
];
/// Promises that later stages keep; `tests/PROMISES.md` says which.
const LATER: &[usize] = &[36, 57];
/// Files that may put `cfg` on something else than a module or an import.
const CFG_ELSEWHERE: &[(&str, &str)] = &[];

/// The floors of `runtime-core`: a file imports from its own floor or below. Files in a folder stand where
/// the folder stands, unless they are listed themselves.
const FLOORS: &[(u8, &[&str])] = &[
    (1, &["primitive"]),
    (2, &["util"]),
    (3, &["task", "coop", "sync", "timer"]),
    (4, &["port"]),
    (5, &["scheduler"]),
    (
        6,
        &[
            "block_on",
            "calls",
            "config",
            "context",
            "current_thread",
            "handle",
            "local_set",
            "local_tasks",
            "rescue",
            "spawn",
            "unhandled",
        ],
    ),
    (7, &["time", "inspect"]),
    (8, &["supervise", "join_set"]),
    (9, &["runtime", "shutdown", "threads"]),
    (10, &["lib", "internals"]),
];

/// Fails with one line for each finding.
#[track_caller]
fn none(findings: Vec<String>, remedy: &str) {
    assert!(findings.is_empty(), "\n{}\n\n{remedy}\n", findings.join("\n"));
}

#[test]
fn files_and_functions_are_short() {
    let mut findings = Vec::new();
    let (mut long_files, mut long_functions) = (BTreeSet::new(), BTreeSet::new());
    for source in rust() {
        let lines = source.text.lines().count();
        if lines > FILE_LINES_MAX {
            let allowed = LONG_FILES.iter().find(|(path, _)| *path == source.path);
            long_files.extend(allowed.map(|(path, _)| *path));
            if allowed.is_none_or(|(_, max)| lines > *max) {
                findings.push(format!("{}: {lines} lines, at most {FILE_LINES_MAX}", source.path));
            }
        }
        for function in source.functions().iter().filter(|function| function.lines > FUNCTION_LINES_MAX) {
            let is_it = |(path, name, _): &&(&str, &str, _)| *path == source.path && *name == function.name;
            let allowed = LONG_FUNCTIONS.iter().find(is_it);
            long_functions.extend(allowed.map(|(path, name, _)| (*path, *name)));
            if allowed.is_none_or(|(_, _, max)| function.lines > *max) {
                let (path, name, lines) = (&source.path, &function.name, function.lines);
                findings.push(format!("{path}: fn {name}: {lines} lines, at most {FUNCTION_LINES_MAX}"));
            }
        }
    }
    let idle = LONG_FILES.iter().filter(|(path, _)| !long_files.contains(path));
    findings.extend(idle.map(|(path, _)| format!("{path}: short now, take it off LONG_FILES")));
    let idle = LONG_FUNCTIONS.iter().filter(|(path, name, _)| !long_functions.contains(&(*path, *name)));
    findings.extend(idle.map(|(path, name, _)| format!("{path}: fn {name}: take it off LONG_FUNCTIONS")));
    none(findings, "Split by responsibility.");
}

#[test]
fn no_file_imports_one_that_imports_it() {
    let sources = rust();
    let mut findings = Vec::new();
    for folder in ["src", "runtime-core/src", "runtime-io/src", "runtime-blocking/src", "runtime-macros/src"]
    {
        let edges = Crate::new(&sources, folder).edges();
        findings.extend(circle(&edges).map(|files| files.join(" imports\n    ")));
    }
    none(findings, "Hand the upper one's part in (a trait, a function), or move what both need below both.");
}

#[test]
fn imports_of_the_core_go_down() {
    let sources = rust();
    let mut findings = Vec::new();
    for (from, to, line) in Crate::new(&sources, "runtime-core/src").edges() {
        match (floor(from), floor(to)) {
            (Some(above), Some(below)) if above >= below => {}
            (Some(above), Some(below)) => findings
                .push(format!("{}:{line} (floor {above}) imports {} (floor {below})", from.path, to.path)),
            (None, _) => findings.push(format!("{}: on no floor, give it one in FLOORS", from.path)),
            (_, None) => findings.push(format!("{}: on no floor, give it one in FLOORS", to.path)),
        }
    }
    none(findings, "The floors are in the docs of runtime-core.");
}

/// The floor of a file of the core: that of the longest listed path above it.
fn floor(source: &Source) -> Option<u8> {
    let module = source.path.strip_prefix("runtime-core/src/")?.trim_end_matches(".rs");
    let listed = FLOORS.iter().flat_map(|(floor, paths)| paths.iter().map(move |path| (*path, *floor)));
    let above = listed.filter(|(path, _)| {
        module.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    });
    above.max_by_key(|(path, _)| path.len()).map(|(_, floor)| floor)
}

#[test]
fn cfg_stands_on_modules_and_imports_only() {
    let mut findings = Vec::new();
    for source in rust().iter().filter(|source| source.is_library()) {
        let wrong: Vec<usize> = cfgs(&source.code).collect();
        let allowed = CFG_ELSEWHERE.iter().any(|(path, _)| *path == source.path);
        if allowed && wrong.is_empty() {
            findings.push(format!("{}: tidy now, take it off CFG_ELSEWHERE", source.path));
        } else if !allowed {
            let at = |at| format!("{}:{}", source.path, source.line_of(at));
            findings.extend(wrong.into_iter().map(at));
        }
    }
    none(findings, "Put both variants into modules of their own and choose between the modules.");
}

/// Where a `cfg` stands on something that is neither a module nor an import.
fn cfgs(code: &str) -> impl Iterator<Item = usize> {
    words(code).filter(|&(_, word)| word == "cfg").map(|(at, _)| at).filter(move |&at| {
        let before = code[..at].trim_end();
        if !before.ends_with("#[") {
            // `#![cfg(…)]` is a whole file; `cfg!(…)` is a branch.
            return !before.ends_with("#![");
        }
        let open = code[..at].rfind('[').unwrap();
        let mut rest = &code[open + source::matching(&code[open..]).unwrap() + 1..];
        // Further attributes, then the visibility.
        while let Some(attribute) = rest.trim_start().strip_prefix('#') {
            rest = &attribute[source::matching(attribute).unwrap() + 1..];
        }
        let mut item = words(rest)
            .map(|(_, word)| word)
            .skip_while(|word| matches!(*word, "pub" | "crate" | "super" | "in"));
        !matches!(item.next(), Some("mod" | "use"))
    })
}

#[test]
fn unsafe_stands_in_listed_files_with_reasons() {
    let mut findings = Vec::new();
    let mut holding = BTreeSet::new();
    for source in rust().iter().filter(|source| source.is_library()) {
        let lines: Vec<&str> = source.text.lines().collect();
        for (at, _) in words(&source.code).filter(|&(_, word)| word == "unsafe") {
            if !source.is_unit_test() {
                holding.insert(source.path.clone());
            }
            let line = source.line_of(at);
            let what = source.code[at + "unsafe".len()..].trim_start();
            if (what.starts_with('{') || what.starts_with("impl")) && !has_reason(&lines[..line]) {
                findings.push(format!("{}:{line}: no SAFETY comment within 4 lines above", source.path));
            }
        }
    }
    let listed: BTreeSet<String> = UNSAFE.iter().map(|path| (*path).to_owned()).collect();
    let unlisted = holding.difference(&listed).map(|path| format!("{path}: unsafe, and not in UNSAFE"));
    let idle = listed.difference(&holding).map(|path| format!("{path}: safe now, take it off UNSAFE"));
    findings.extend(unlisted.chain(idle));
    for path in &holding {
        let text = std::fs::read_to_string(root().join(path)).unwrap();
        if !text.lines().any(|line| line == "//! # Invariants") {
            findings.push(format!("{path}: unsafe, and its docs have no `# Invariants`"));
        }
    }
    for package in ["src", "runtime-blocking/src", "runtime-macros/src"] {
        let text = std::fs::read_to_string(root().join(package).join("lib.rs")).unwrap();
        if !text.contains("#![forbid(unsafe_code)]") {
            findings.push(format!("{package}/lib.rs: does not forbid unsafe_code"));
        }
    }
    none(findings, "Prefer a safe wrapper that exists; else list the file and cite the invariant.");
}

/// Whether the last of `lines`, or the comment within 4 lines above it, says SAFETY. A comment counts as
/// one line however long it is.
fn has_reason(lines: &[&str]) -> bool {
    let mut passed = 0;
    for line in lines.iter().rev() {
        if line.contains("SAFETY:") {
            return true;
        }
        passed += usize::from(!line.trim_start().starts_with("//"));
        if passed > 4 {
            return false;
        }
    }
    false
}

#[test]
fn locks_atomics_and_queues_come_from_the_seam() {
    const ORIGINALS: &[&str] =
        &["std::sync::atomic", "std::sync::Mutex", "std::sync::Condvar", "std::sync::RwLock", "UnsafeCell"];
    let mut findings = Vec::new();
    let mut used = BTreeSet::new();
    for source in rust().iter().filter(|source| source.is_library() && !source.is_unit_test()) {
        if source.path.starts_with("runtime-core/src/primitive") || source.path.starts_with("runtime-macros")
        {
            continue;
        }
        for path in std_and_crossbeam(&source.code) {
            let is_original = path.starts_with("crossbeam")
                || path.starts_with("loom::")
                || ORIGINALS.iter().any(|original| path.starts_with(original))
                || path == "std::cell::UnsafeCell";
            if !is_original {
                continue;
            }
            match UNSEAMED.iter().find(|(allowed, _)| *allowed == source.path) {
                Some((allowed, _)) => drop(used.insert(*allowed)),
                None => findings.push(format!("{}: {path}", source.path)),
            }
        }
    }
    let idle = UNSEAMED.iter().filter(|(path, _)| !used.contains(path));
    findings.extend(idle.map(|(path, _)| format!("{path}: take it off UNSEAMED")));
    none(findings, "loom sees only what is taken from runtime_core::primitive.");
}

/// The paths of `code` that begin at std, crossbeam or loom.
fn std_and_crossbeam(code: &str) -> Vec<String> {
    imports::foreign(code, |root| root == "std" || root == "loom" || root.starts_with("crossbeam"))
}

#[test]
fn nothing_is_left_undone() {
    const UNDONE: &[&str] = &["todo", "unimplemented", "dbg"];
    let mut findings = Vec::new();
    for source in rust() {
        for (at, word) in words(&source.code) {
            let rest = &source.code[at + word.len()..];
            let is_macro = UNDONE.contains(&word) && rest.starts_with('!') && !rest.starts_with("!=");
            let is_ignored = word == "ignore" && source.code[..at].trim_end().ends_with("#[");
            if is_macro || is_ignored {
                findings.push(format!("{}:{}: {word}", source.path, source.line_of(at)));
            }
        }
        for (number, line) in source.text.lines().enumerate() {
            let doc = line.trim_start();
            let is_fence = doc.starts_with("/// ```") || doc.starts_with("//! ```");
            if is_fence && ["ignore", "no_run"].iter().any(|mark| doc.contains(mark)) {
                findings.push(format!("{}:{}: an example that does not run", source.path, number + 1));
            }
        }
    }
    none(findings, "Do it, or leave it out.");
}

#[test]
fn nothing_speaks_of_one_machine() {
    // In pieces, so that this file does not contain them.
    let words: Vec<String> = [
        ["/wo", "rk/"],
        ["/ro", "ot/"],
        ["/ho", "me/"],
        ["/tm", "p/"],
        ["target", "-pool"],
        ["the le", "ad "],
        ["sub", "agent"],
        ["An", "thropic"],
        ["Cla", "ude"],
    ]
    .iter()
    .map(|pieces| pieces.concat())
    .collect();
    let mut findings = Vec::new();
    for source in all() {
        for (number, line) in source.text.lines().enumerate() {
            let found = words.iter().filter(|word| line.contains(word.as_str()));
            findings.extend(found.map(|word| format!("{}:{}: {word}", source.path, number + 1)));
        }
    }
    none(findings, "The repository speaks of the project alone.");
}

#[test]
fn the_map_names_every_file() {
    let map = std::fs::read_to_string(root().join("ARCHITECTURE.md")).expect("ARCHITECTURE.md is missing");
    let sources = rust();
    let missing = sources
        .iter()
        .filter(|source| source.is_library())
        .filter(|source| !is_named(&map, &source.path))
        .map(|source| format!("{}: not in ARCHITECTURE.md", source.path));
    none(missing.collect(), "Name it in full, or as `file.rs` under a heading that has its folder.");
}

/// Whether `map` has the whole path, or the file's name below a heading that has its folder.
fn is_named(map: &str, path: &str) -> bool {
    if map.contains(path) {
        return true;
    }
    let (folder, file) = path.rsplit_once('/').unwrap();
    let (folder, file) = (format!("`{folder}`"), format!("`{file}`"));
    let mut below = false;
    map.lines().any(|line| {
        if line.starts_with('#') {
            below = line.contains(&folder);
        }
        below && line.contains(&file)
    })
}

#[test]
fn every_promise_has_tests_that_exist() {
    const PROMISES: usize = 60;
    let list =
        std::fs::read_to_string(root().join("tests/PROMISES.md")).expect("tests/PROMISES.md is missing");
    let mut findings = Vec::new();
    let mut numbers = BTreeMap::new();
    for line in list.lines() {
        // A table row or a list item that begins with its number.
        let start = line.trim_start_matches(['|', '-', '*', ' ']);
        let digits = start.chars().take_while(char::is_ascii_digit).count();
        let tests: Vec<&str> =
            line.split('`').skip(1).step_by(2).filter(|code| code.contains(".rs::")).collect();
        for test in &tests {
            let (file, name) = test.split_once("::").unwrap();
            let name = name.rsplit("::").next().unwrap();
            let found = std::fs::read_to_string(root().join(file));
            if !found.is_ok_and(|text| text.contains(&format!("fn {name}("))) {
                findings.push(format!("tests/PROMISES.md: {test} does not exist"));
            }
        }
        if let Ok(number) = start[..digits].parse::<usize>() {
            *numbers.entry(number).or_insert(0) += tests.len() + usize::from(line.contains("documented"));
        }
    }
    let kept = |number: &usize| numbers.get(number).is_some_and(|tests| *tests > 0);
    let idle = LATER.iter().filter(|number| kept(number));
    findings.extend(idle.map(|number| format!("{number} is kept now, take it off LATER")));
    let broken = (1..=PROMISES).filter(|number| !kept(number) && !LATER.contains(number));
    findings.extend(broken.map(|number| format!("tests/PROMISES.md: {number} has no test")));
    none(
        findings,
        "Each promise has `path/to/file.rs::name_of_a_test` in its line, or says where it is documented.",
    );
}

#[test]
fn the_dependencies_are_few_and_new_enough() {
    const FLOORS: &[(&str, [u64; 3])] = &[
        // RUSTSEC-2025-0024: double free when dropped.
        ("crossbeam-channel", [0, 5, 15]),
        // One task popped twice before 0.8.1.
        ("crossbeam-deque", [0, 8, 6]),
        // RUSTSEC-2026-0204; comes through crossbeam-deque.
        ("crossbeam-epoch", [0, 9, 20]),
    ];
    let tree = Command::new(env!("CARGO"))
        .args(["tree", "--locked", "-e", "normal", "-p", "runtime", "--prefix", "none", "--format", "{p}"])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(tree.status.success(), "{}", String::from_utf8_lossy(&tree.stderr));
    let tree = String::from_utf8(tree.stdout).unwrap();
    let packages: BTreeSet<&str> = tree.lines().map(|line| line.trim_end_matches(" (*)")).collect();
    assert!(packages.len() > 5, "the tree is broken: {tree}");
    assert!(
        packages.len() <= PACKAGES_MAX,
        "{} packages, at most {PACKAGES_MAX}: {packages:#?}",
        packages.len()
    );

    let lock = std::fs::read_to_string(root().join("Cargo.lock")).unwrap();
    for (package, floor) in FLOORS {
        let entry = format!("name = \"{package}\"\nversion = \"");
        let mut versions = lock.split(&entry).skip(1).peekable();
        assert!(versions.peek().is_some(), "{package} is not in Cargo.lock");
        for version in versions {
            let version = version.split('"').next().unwrap();
            let parts: Vec<u64> = version.split('.').map(|part| part.parse().unwrap()).collect();
            assert!(parts.as_slice() >= floor.as_slice(), "{package} {version} is older than {floor:?}");
        }
    }
}

/// The root package finds none by itself.
#[test]
fn every_example_is_built() {
    let read = |path: &str| std::fs::read_to_string(root().join(path)).unwrap();
    let (ours, observe) = (read("Cargo.toml"), read("observe/Cargo.toml"));
    let mut findings = Vec::new();
    for source in rust() {
        let Some(name) = source.path.strip_prefix("examples/").and_then(|path| path.strip_suffix(".rs"))
        else {
            continue;
        };
        let is_built = ours.contains(&format!("[[example]]\nname = \"{name}\"\n"))
            || observe.contains(&format!("path = \"../examples/{name}.rs\""));
        if !name.contains('/') && !is_built {
            findings.push(source.path.clone());
        }
    }
    none(findings, "Each has an `[[example]]` in Cargo.toml.");
}

/// Neither what does not listen, nor an hour of tests for nobody.
#[test]
fn a_check_that_is_stopped_leaves_nothing_running() {
    let target = std::env::temp_dir().join(format!("runtime-tidy-{}", std::process::id()));
    let mut check = Command::new("bash")
        .args([".ci/run", "hangs"])
        .current_dir(root())
        .env("CARGO_TARGET_DIR", &target)
        // Functions go from shell to shell like this.
        .env("BASH_FUNC_rung_hangs%%", "() { (trap '' TERM; echo $BASHPID; exec sleep 1000); }")
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let limit = Instant::now() + Duration::from_secs(60);
    let wait = |what: &str, is_so: &dyn Fn() -> bool| {
        while !is_so() {
            assert!(Instant::now() < limit, "{what}");
            std::thread::sleep(Duration::from_millis(10));
        }
    };
    let said = || std::fs::read_to_string(target.join("ci/hangs.log")).unwrap_or_default();
    wait("it has not begun", &|| said().ends_with('\n'));
    let left = said().trim().to_owned();
    let kill = |signal: &str, pid: &str| {
        Command::new("kill").args([signal, pid]).stderr(Stdio::null()).status().unwrap().success()
    };
    assert!(kill("-TERM", &check.id().to_string()));
    assert_eq!(check.wait().unwrap().code(), Some(128 + 15));
    wait("it goes on without its check", &|| !kill("-0", &left));
    std::fs::remove_dir_all(target).unwrap();
}
