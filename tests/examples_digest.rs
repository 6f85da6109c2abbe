//! The example `digest` against `sha256sum`.

#[path = "examples/mod.rs"]
#[allow(dead_code)]
mod examples;

use examples::Scratch;
use std::ffi::OsStr;
use std::fs;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};

fn digest(paths: &[&Path]) -> Output {
    Command::new(examples::example("digest")).args(paths).output().unwrap()
}

/// What `sha256sum` says about the files below `paths`, in the order of the bytes of their paths.
fn sha256sum(paths: &[&Path]) -> Vec<u8> {
    let script = r#"find "$@" -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum"#;
    let output = Command::new("sh").args(["-c", script, "sh"]).args(paths).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

#[track_caller]
fn assert_same(ours: &Output, theirs: &[u8]) {
    let (ours, theirs) = (String::from_utf8_lossy(&ours.stdout), String::from_utf8_lossy(theirs));
    for (ours, theirs) in ours.lines().zip(theirs.lines()) {
        assert_eq!(ours, theirs);
    }
    assert_eq!(ours.lines().count(), theirs.lines().count());
    assert_eq!(ours, theirs);
}

/// Names and sizes that are easy to get wrong.
fn tree(name: &str) -> Scratch {
    let scratch = Scratch::new(name);
    let write = |name: &[u8], size: usize| {
        let path = scratch.path().join(OsStr::from_bytes(name));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let content: Vec<u8> = (0..size).map(|i| (i * 31 + size) as u8).collect();
        fs::write(path, content).unwrap();
    };
    for size in [0, 1, 55, 56, 63, 64, 65, 4095, 128 * 1024, 128 * 1024 + 1, 3_000_000] {
        write(format!("sizes/{size}").as_bytes(), size);
    }
    // `a.txt` < `a/x` < `a0`, `a-` before them all: a folder sorts as its files do.
    for name in ["a.txt", "a/x", "a0", "a-", "a/.hidden", "a/b/c/d/e", "B", "Ä", "dash/-rf"] {
        write(name.as_bytes(), name.len());
    }
    for name in [
        &b"with space"[..],
        b" ",
        b"back\\slash",
        b"new\nline",
        b"both\\\n",
        b"tab\t",
        b"quo\"te'",
        b"\xff\xfe",
    ] {
        write(name, name.len());
    }
    for i in 0..300 {
        write(format!("many/{i}").as_bytes(), i * 10);
    }
    fs::create_dir_all(scratch.path().join("empty folder")).unwrap();
    std::os::unix::fs::symlink("a.txt", scratch.path().join("link to file")).unwrap();
    std::os::unix::fs::symlink("a", scratch.path().join("link to folder")).unwrap();
    std::os::unix::fs::symlink(".", scratch.path().join("link to itself")).unwrap();
    std::os::unix::fs::symlink("nowhere", scratch.path().join("broken link")).unwrap();
    let pipe = scratch.path().join("pipe");
    assert!(Command::new("mkfifo").arg(pipe).status().unwrap().success());
    scratch
}

#[test]
fn a_tree_of_difficult_names_and_sizes() {
    let tree = tree("digest-names");
    let output = digest(&[tree.path()]);
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    assert!(output.status.success());
    assert_same(&output, &sha256sum(&[tree.path()]));
}

#[test]
fn several_paths_files_and_folders() {
    let tree = tree("digest-paths");
    let inside = |name: &str| tree.path().join(name);
    let (a, file, many) = (inside("a"), inside("a.txt"), inside("many/"));
    let paths = [many.as_path(), &a, &file];
    assert_same(&digest(&paths), &sha256sum(&paths));
}

#[test]
fn relative_paths_stay_relative() {
    let tree = tree("digest-relative");
    let run = |program: &Path, argument: &str| {
        Command::new(program).arg(argument).current_dir(tree.path()).output().unwrap()
    };
    let script = "find . -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum";
    let theirs = Command::new("sh").args(["-c", script]).current_dir(tree.path()).output().unwrap();
    assert_same(&run(&examples::example("digest"), "."), &theirs.stdout);
}

#[test]
fn this_repository() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folders = ["benches", "examples", "loom-tests", "runtime-blocking", "runtime-core", "runtime-io"];
    let folders: Vec<_> =
        folders.iter().chain(&["runtime-macros", "src", "tests"]).map(|f| root.join(f)).collect();
    let folders: Vec<&Path> = folders.iter().map(|folder| folder.as_path()).collect();
    let output = digest(&folders);
    assert!(output.status.success());
    assert_same(&output, &sha256sum(&folders));
}

#[test]
fn what_cannot_be_read_is_named_and_the_rest_is_done() {
    let tree = tree("digest-errors");
    let missing = tree.path().join("missing");
    let below_a_file = tree.path().join("a.txt/below");
    let good = tree.path().join("a0");
    let output = digest(&[&missing, &good, &below_a_file, &tree.path().join("sizes")]);
    assert_eq!(output.status.code(), Some(1));
    let stderr = String::from_utf8(output.stderr.clone()).unwrap();
    let lines = [
        format!("digest: {}: Not a directory", below_a_file.display()),
        format!("digest: {}: No such file or directory", missing.display()),
    ];
    assert_eq!(stderr.lines().collect::<Vec<_>>(), lines);
    assert_same(&output, &sha256sum(&[&good, &tree.path().join("sizes")]));
}

/// A file that opens and cannot be read, for root either.
#[cfg(target_os = "linux")]
#[test]
fn a_read_error_is_named() {
    let output = digest(&[Path::new("/proc/self/mem")]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(String::from_utf8_lossy(&output.stdout), "");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "digest: /proc/self/mem: Input/output error\n");
}

#[test]
fn without_a_path_it_says_how_to_use_it() {
    for arguments in [&[][..], &["--help"], &["-x", "."], &["--"]] {
        let output = Command::new(examples::example("digest")).args(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert!(stderr.starts_with("usage: digest PATH") && stderr.lines().count() == 1, "{stderr}");
    }
}

#[test]
fn behind_two_dashes_everything_is_a_path() {
    let tree = tree("digest-dashes");
    let output = Command::new(examples::example("digest"))
        .args(["--", "-rf"])
        .current_dir(tree.path().join("dash"))
        .output()
        .unwrap();
    assert!(output.status.success());
    assert!(String::from_utf8(output.stdout).unwrap().ends_with("  -rf\n"));
}

/// `sha256sum` does so since coreutils 9.0; not left to the one that is installed.
#[test]
fn a_carriage_return_is_escaped() {
    let scratch = Scratch::new("digest-return");
    let path = scratch.path().join("a\rb");
    fs::write(&path, "").unwrap();
    let output = String::from_utf8(digest(&[&path]).stdout).unwrap();
    let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    assert_eq!(output, format!("\\{empty}  {}/a\\rb\n", scratch.path().display()));
}

/// Fewer file descriptors than files, by far: it keeps few open.
#[test]
fn few_files_are_open_at_once() {
    let tree = tree("digest-limit");
    let cores = std::thread::available_parallelism().unwrap().get();
    let output = Command::new("sh")
        .args(["-c", &format!("ulimit -n {} && exec \"$0\" \"$1\"", 24 + 3 * cores)])
        .arg(examples::example("digest"))
        .arg(tree.path())
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    assert_same(&output, &sha256sum(&[tree.path()]));
}

#[test]
fn a_reader_that_goes_away_ends_it_quietly() {
    let tree = tree("digest-head");
    let mut child = Command::new(examples::example("digest"))
        .args(std::iter::repeat_n(tree.path(), 20))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // More than a pipe takes is to come.
    child.stdout.take().unwrap().read_exact(&mut [0; 10]).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}

/// With a terminal on stderr it shows how far it is, and leaves no trace of that.
#[test]
fn progress_on_a_terminal() {
    let script = "import os, pty, subprocess, sys
parent, child = pty.openpty()
run = subprocess.Popen(sys.argv[1:], stdout=subprocess.PIPE, stderr=child)
os.close(child)
lines = run.stdout.read()
seen = b''
try:
    while part := os.read(parent, 4096):
        seen += part
except OSError:
    pass
sys.stdout.buffer.write(lines)
sys.stderr.buffer.write(seen)
sys.exit(run.wait())
";
    let tree = tree("digest-terminal");
    let output = Command::new("python3")
        .args(["-c", script])
        .arg(examples::example("digest"))
        .arg(tree.path())
        .output()
        .expect("python3 is needed");
    assert!(output.status.success());
    assert_same(&output, &sha256sum(&[tree.path()]));
    let shown = String::from_utf8(output.stderr).unwrap();
    assert!(shown.contains(" files, "), "{shown:?}");
    assert!(shown.ends_with("\r\u{1b}[K"), "{shown:?}");
}
