//! Files: many small ones, and a large one. All are in the system's cache: what is measured is the way to it.

use crate::measure::{Figures, Run};
use crate::rt::Files;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{self, Command};

/// Small files.
const COUNT: usize = 10_000;
/// Bytes of each.
const SMALL: usize = 4096;
/// Bytes of the large one, in pieces.
const LARGE: usize = 256 << 20;
const PIECE: usize = 1 << 20;

/// A folder that is removed in the end.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        let path = std::env::temp_dir().join(format!("runtime-benches-{}", process::id()));
        fs::create_dir_all(&path).expect("cannot make a folder");
        Self(path)
    }

    /// With small files.
    fn small() -> (Self, Vec<PathBuf>) {
        let folder = Self::new();
        let paths: Vec<_> = (0..COUNT).map(|number| folder.0.join(number.to_string())).collect();
        paths.iter().for_each(|path| fs::write(path, [b'x'; SMALL]).expect("cannot write"));
        (folder, paths)
    }

    /// With a large file, and the name of another.
    fn large() -> (Self, PathBuf, PathBuf) {
        let folder = Self::new();
        let (from, to) = (folder.0.join("from"), folder.0.join("to"));
        let mut file = fs::File::create(&from).expect("cannot make a file");
        (0..LARGE / PIECE).for_each(|_| file.write_all(&[b'x'; PIECE]).expect("cannot write"));
        (folder, from, to)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// One after the other.
pub fn small_files<R: Files>(run: &Run) -> Figures {
    let (_folder, paths) = Folder::small();
    let rt = R::new(run.workers);
    run.repeat(COUNT as u64, || {
        let paths = paths.clone();
        rt.on_worker(async move {
            for path in paths {
                assert_eq!(R::read_file(path).await.len(), SMALL);
            }
        });
    })
}

/// A task for each.
pub fn small_files_at_once<R: Files>(run: &Run) -> Figures {
    let (_folder, paths) = Folder::small();
    let rt = R::new(run.workers);
    run.repeat(COUNT as u64, || {
        let paths = paths.clone();
        rt.on_worker(async move {
            let read = |path| R::spawn(async { R::read_file(path).await.len() });
            let tasks: Vec<_> = paths.into_iter().map(read).collect();
            for task in tasks {
                assert_eq!(R::join(task).await, SMALL);
            }
        });
    })
}

/// Without an async runtime.
pub fn small_files_limit(run: &Run) -> Figures {
    let (_folder, paths) = Folder::small();
    run.repeat(COUNT as u64, || {
        paths.iter().for_each(|path| assert_eq!(fs::read(path).expect("cannot read").len(), SMALL));
    })
}

/// One call.
pub fn copy_file<R: Files>(run: &Run) -> Figures {
    let rt = R::new(run.workers);
    copy(run, |from, to| {
        let (from, to) = (from.to_owned(), to.to_owned());
        rt.on_worker(R::copy_file(from, to));
    })
}

/// From an open file to another.
pub fn copy_stream<R: Files>(run: &Run) -> Figures {
    let rt = R::new(run.workers);
    copy(run, |from, to| {
        let (from, to) = (from.to_owned(), to.to_owned());
        rt.on_worker(R::copy_stream(from, to));
    })
}

/// What a shell does.
pub fn copy_limit(run: &Run) -> Figures {
    copy(run, |from, to| {
        assert!(Command::new("cp").args([from, to]).status().expect("cannot run cp").success());
    })
}

fn copy(run: &Run, copy: impl Fn(&Path, &Path)) -> Figures {
    let (_folder, from, to) = Folder::large();
    run.repeat(1, || {
        let _ = fs::remove_file(&to);
        copy(&from, &to);
    })
}
