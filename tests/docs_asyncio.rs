//! `docs/from-asyncio.md` has every public name of asyncio, once, and says what stands for it.

use std::collections::BTreeSet;

const PAGE: &str = include_str!("../docs/from-asyncio.md");
const NAMES: &str = include_str!("python/asyncio_names.txt");
/// Where the tables begin, and where those of other modules do.
const TABLES: (&str, &str) = ("\n## Every name\n", "\n### Beside asyncio\n");
const VERDICTS: [&str; 4] = ["yes", "differs", "not yet", "no"];

/// A row: the names, the verdict, the explanation.
fn rows(text: &str) -> Vec<(Vec<&str>, &str, &str)> {
    let rows = text.lines().filter(|line| line.starts_with("| `"));
    rows.map(|line| {
        // Outside of code, a table has no other bars.
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        assert_eq!(cells.len(), 5, "three columns: {line}");
        (cells[1].split('`').skip(1).step_by(2).collect(), cells[2], cells[3])
    })
    .collect()
}

#[test]
fn every_name_of_asyncio_is_in_the_table() {
    let (_, tables) = PAGE.split_once(TABLES.0).unwrap();
    let (tables, beside) = tables.split_once(TABLES.1).unwrap();
    let rows_of_asyncio = rows(tables);
    let named: Vec<&str> = rows_of_asyncio.iter().flat_map(|(names, ..)| names.iter().copied()).collect();
    let once: BTreeSet<&str> = named.iter().copied().collect();
    assert_eq!(named.len(), once.len(), "a name stands in two rows");
    let names: BTreeSet<&str> = NAMES.lines().collect();
    assert!(names.len() > 300, "the list is broken");
    let missing: Vec<&&str> = names.difference(&once).collect();
    assert!(missing.is_empty(), "not in the table: {missing:?}");
    let invented: Vec<&&str> = once.difference(&names).collect();
    assert!(invented.is_empty(), "no names of asyncio: {invented:?}");
    for (names, verdict, how) in rows_of_asyncio.into_iter().chain(rows(beside)) {
        assert!(VERDICTS.contains(&verdict), "{names:?}: {verdict:?} is none of {VERDICTS:?}");
        // Even a "yes" says how it is called here.
        assert!(!how.is_empty(), "{names:?}: how?");
    }
}

/// As they stand in `asyncio.__all__`, from one of each kind.
#[test]
fn the_list_has_functions_classes_methods_and_attributes() {
    let names: BTreeSet<&str> = NAMES.lines().collect();
    for name in ["gather", "TaskGroup", "Task.uncancel", "AbstractEventLoop.call_soon", "Condition.locked"] {
        assert!(names.contains(name), "{name}");
    }
    for name in ["subprocess.Process.pid", "IncompleteReadError.partial", "StreamWriter.transport"] {
        assert!(names.contains(name), "{name}");
    }
}
