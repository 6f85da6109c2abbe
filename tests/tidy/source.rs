//! The files of the repository, and their Rust with comments and literals blanked out.

use std::path::{Path, PathBuf};
use std::process::Command;

/// A text file.
pub(crate) struct Source {
    /// From the repository's root, with slashes.
    pub(crate) path: String,
    /// As it stands.
    pub(crate) text: String,
    /// For Rust: the same with the insides of comments and literals blanked, line by line. Else empty.
    pub(crate) code: String,
}

/// One function of a file.
pub(crate) struct Function {
    pub(crate) name: String,
    /// From the line with `fn` to the closing brace.
    pub(crate) lines: usize,
}

/// The repository.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every text file that is tracked, or would be by `git add`.
pub(crate) fn all() -> Vec<Source> {
    let mut paths = tracked().unwrap_or_else(|| {
        let mut paths = Vec::new();
        walk(root(), &mut paths);
        paths
    });
    paths.sort();
    paths.dedup();
    let read = |path: String| {
        let text = std::fs::read_to_string(root().join(&path)).ok()?;
        let code = if path.ends_with(".rs") { blank(&text) } else { String::new() };
        Some(Source { path, text, code })
    };
    let sources: Vec<Source> = paths.into_iter().filter_map(read).collect();
    assert!(sources.iter().any(|source| source.path == "src/lib.rs"), "the listing of files is broken");
    sources
}

/// The Rust files.
pub(crate) fn rust() -> Vec<Source> {
    all().into_iter().filter(|source| source.path.ends_with(".rs")).collect()
}

impl Source {
    /// Whether it is part of a library (and not a test, a bench or an example).
    pub(crate) fn is_library(&self) -> bool {
        let mut parts = self.path.split('/');
        match parts.next() {
            Some("src") => true,
            Some(package) => package.starts_with("runtime-") && parts.next() == Some("src"),
            None => false,
        }
    }

    /// Whether it is a module of unit tests.
    pub(crate) fn is_unit_test(&self) -> bool {
        self.path.ends_with("/tests.rs") || self.path.contains("/tests/")
    }

    /// Its functions that have a body.
    pub(crate) fn functions(&self) -> Vec<Function> {
        let code = &self.code;
        words(code)
            .filter(|&(_, word)| word == "fn")
            .filter_map(|(at, _)| {
                let rest = &code[at + 2..];
                let name: String = rest.trim_start().chars().take_while(|&c| is_word(c)).collect();
                if name.is_empty() {
                    return None; // a function pointer's type
                }
                let open = at + 2 + body(rest)?;
                let close = open + matching(&code[open..])?;
                let lines = code[at..close].matches('\n').count() + 1;
                Some(Function { name, lines })
            })
            .collect()
    }

    /// The number of the line that holds byte `at`, from 1.
    pub(crate) fn line_of(&self, at: usize) -> usize {
        self.code[..at].matches('\n').count() + 1
    }
}

fn tracked() -> Option<Vec<String>> {
    let output = Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard"])
        .current_dir(root())
        .output()
        .ok()?;
    let paths = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| paths.lines().map(str::to_owned).collect())
}

/// For a copy without `.git`.
fn walk(folder: &Path, paths: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path: PathBuf = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy();
        if path.is_dir() {
            if name != ".git" && name != "target" {
                walk(&path, paths);
            }
        } else {
            let path = path.strip_prefix(root()).unwrap();
            paths.push(path.to_string_lossy().replace('\\', "/"));
        }
    }
}

pub(crate) fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The words of `code` with their places.
pub(crate) fn words(code: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let start = at + code[at..].find(is_word)?;
        let len = code[start..].find(|c| !is_word(c)).unwrap_or(code.len() - start);
        at = start + len;
        Some((start, &code[start..at]))
    })
}

/// Where the body of a function whose `fn` was just passed opens; `None` for a declaration.
fn body(code: &str) -> Option<usize> {
    let mut depth = 0;
    for (at, c) in code.char_indices() {
        match c {
            '(' | '[' => depth += 1,
            ')' | ']' => depth -= 1,
            ';' if depth == 0 => return None,
            '{' if depth == 0 => return Some(at),
            _ if depth < 0 => return None,
            _ => {}
        }
    }
    None
}

/// Where the bracket that `code` begins with is closed.
pub(crate) fn matching(code: &str) -> Option<usize> {
    let mut depth = 0;
    for (at, c) in code.char_indices() {
        match c {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Some(at);
        }
    }
    None
}

/// Blanks the insides of comments and literals; every line stays where it was.
fn blank(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    let mut before = ' ';
    while let Some(c) = rest.chars().next() {
        let len = literal_or_comment(rest, before);
        if len == 0 {
            code.push(c);
            rest = &rest[c.len_utf8()..];
        } else {
            code.extend(rest[..len].chars().map(|c| if c == '\n' { '\n' } else { ' ' }));
            rest = &rest[len..];
        }
        before = c;
    }
    code
}

/// How long the comment or literal is that `rest` begins with; 0 if it begins with none.
fn literal_or_comment(rest: &str, before: char) -> usize {
    let to = |end: &str, from: usize| rest[from..].find(end).map_or(rest.len(), |at| from + at + end.len());
    if rest.starts_with("//") {
        return rest.find('\n').unwrap_or(rest.len());
    }
    if rest.starts_with("/*") {
        return block_comment(rest);
    }
    if rest.starts_with('\'') {
        return character(rest);
    }
    if rest.starts_with('"') {
        return string(rest, 0);
    }
    if is_word(before) {
        return 0;
    }
    let prefix = rest.len() - rest.trim_start_matches(['b', 'c', 'r']).len();
    let (prefix, tail) = rest.split_at(prefix.min(2));
    if prefix.is_empty() {
        return 0;
    }
    let hashes = tail.len() - tail.trim_start_matches('#').len();
    match tail[hashes..].chars().next() {
        Some('"') if prefix.ends_with('r') => {
            let end = format!("\"{}", "#".repeat(hashes));
            to(&end, prefix.len() + hashes + 1)
        }
        Some('"') if hashes == 0 => string(rest, prefix.len()),
        _ => 0,
    }
}

fn block_comment(rest: &str) -> usize {
    let mut depth = 0;
    let mut at = 0;
    while at < rest.len() {
        if rest[at..].starts_with("/*") {
            depth += 1;
            at += 2;
        } else if rest[at..].starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += rest[at..].chars().next().unwrap().len_utf8();
        }
    }
    rest.len()
}

/// A character literal; 0 for a lifetime.
fn character(rest: &str) -> usize {
    let mut chars = rest.char_indices().skip(1);
    match chars.next() {
        Some((_, '\\')) => {
            chars.next();
            chars.find(|&(_, c)| c == '\'').map_or(0, |(at, _)| at + 1)
        }
        Some(_) => match chars.next() {
            Some((at, '\'')) => at + 1,
            _ => 0,
        },
        None => 0,
    }
}

/// A string literal whose quote stands at `from`.
fn string(rest: &str, from: usize) -> usize {
    let mut chars = rest.char_indices().skip(from + 1);
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => {
                chars.next();
            }
            '"' => return at + 1,
            _ => {}
        }
    }
    rest.len()
}

#[test]
fn comments_and_literals_are_blanked_and_nothing_else() {
    let text =
        "let a = \"x{\\\"y\"; // {\nlet b = 'c'; /* { /* } */ */ let c: &'static str = r#\"{\"#; b\"{\" }";
    let code = blank(text);
    assert_eq!(code.len(), text.len());
    let packed: String = code.split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(packed, "let a = ; let b = ; let c: &'static str = ; }");
}
