//! `tokio::fs`.

use std::future::poll_fn;
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};
use tokio::fs::{self, DirBuilder, File, FileTimes, OpenOptions};
use tokio::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt, ErrorKind, SeekFrom};

/// An empty folder, removed in the end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let program = std::env::current_exe().unwrap().file_stem().unwrap().to_owned();
        let name = format!("{}-fs-{name}-{}", program.to_string_lossy(), std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir(&path).unwrap();
        Folder(path)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// `fs`: `write`, `read`, `read_to_string`, `copy`, `metadata`, `try_exists`, `rename`, `hard_link`, `remove_file`.
#[tokio::test]
async fn whole_files() {
    let folder = Folder::new("whole");
    let (one, two) = (folder.path("one"), folder.path("two"));
    fs::write(&one, "hello").await.unwrap();
    assert_eq!(fs::read(&one).await.unwrap(), b"hello");
    assert_eq!(fs::copy(&one, &two).await.unwrap(), 5);
    assert_eq!(fs::read_to_string(&two).await.unwrap(), "hello");
    fs::rename(&two, folder.path("three")).await.unwrap();
    assert!(!fs::try_exists(&two).await.unwrap());
    fs::hard_link(&one, &two).await.unwrap();
    fs::remove_file(&one).await.unwrap();
    assert_eq!(fs::metadata(&two).await.unwrap().len(), 5);
    assert_eq!(fs::read(&one).await.unwrap_err().kind(), ErrorKind::NotFound);
}

/// `fs`: `symlink`, `read_link`, `symlink_metadata`, `canonicalize`, `set_permissions`.
#[tokio::test]
async fn links_and_permissions() {
    let folder = Folder::new("links");
    let (file, link) = (folder.path("file"), folder.path("link"));
    fs::write(&file, b"").await.unwrap();
    fs::symlink(&file, &link).await.unwrap();
    assert_eq!(fs::read_link(&link).await.unwrap(), file);
    assert!(fs::symlink_metadata(&link).await.unwrap().is_symlink());
    let real = fs::canonicalize(&link).await.unwrap();
    assert_eq!(real, std::fs::canonicalize(&file).unwrap());
    fs::set_permissions(&link, PermissionsExt::from_mode(0o400)).await.unwrap();
    assert_eq!(fs::metadata(&file).await.unwrap().permissions().mode() & 0o777, 0o400);
}

/// `fs`: `create_dir`, `create_dir_all`, `read_dir`, `remove_dir`, `remove_dir_all`.
/// `fs::DirBuilder`: `new`, `recursive`, `mode`, `create`.
/// `fs::ReadDir`: `next_entry`, `poll_next_entry`.
/// `fs::DirEntry`: `path`, `file_name`, `file_type`, `metadata`, `ino`.
#[tokio::test]
async fn folders() {
    let folder = Folder::new("folders");
    fs::create_dir(folder.path("one")).await.unwrap();
    fs::create_dir_all(folder.path("two/inner")).await.unwrap();
    DirBuilder::new().recursive(true).mode(0o700).create(folder.path("three/inner")).await.unwrap();
    let mut entries = fs::read_dir(&folder.0).await.unwrap();
    let mut names = Vec::new();
    let first = entries.next_entry().await.unwrap().unwrap();
    assert!(first.file_type().await.unwrap().is_dir() && first.metadata().await.unwrap().is_dir());
    assert!(first.ino() > 0 && first.path().starts_with(&folder.0));
    names.push(first.file_name());
    while let Some(entry) = poll_fn(|cx| entries.poll_next_entry(cx)).await.unwrap() {
        names.push(entry.file_name());
    }
    names.sort();
    assert_eq!(names, ["one", "three", "two"]);
    fs::remove_dir(folder.path("one")).await.unwrap();
    fs::remove_dir_all(folder.path("two")).await.unwrap();
    assert!(fs::remove_dir(folder.path("three")).await.is_err());
}

/// `fs::File`: `create_new`, `create`, `open`, `options`, `set_len`, `metadata`, `sync_all`, `sync_data`, `try_clone`.
/// `fs::OpenOptions`: `new`, `read`, `write`, `append`, `truncate`, `create`, `create_new`, `open`, `mode`, `custom_flags`.
#[tokio::test]
async fn files() {
    let folder = Folder::new("files");
    let path = folder.path("file");
    let mut file = File::create_new(&path).await.unwrap();
    file.write_all(b"hello world").await.unwrap();
    file.sync_all().await.unwrap();
    file.seek(SeekFrom::Start(6)).await.unwrap();
    let mut text = String::new();
    file.read_to_string(&mut text).await.unwrap();
    assert_eq!(text, "world");
    file.set_len(5).await.unwrap();
    assert_eq!(file.metadata().await.unwrap().len(), 5);
    let mut log = File::options().append(true).open(&path).await.unwrap();
    log.write_all(b"!").await.unwrap();
    log.flush().await.unwrap();
    log.sync_data().await.unwrap();
    let mut clone = File::open(&path).await.unwrap().try_clone().await.unwrap();
    text.clear();
    clone.read_to_string(&mut text).await.unwrap();
    assert_eq!(text, "hello!");
    drop(File::create(&path).await.unwrap());
    assert_eq!(fs::metadata(&path).await.unwrap().len(), 0);

    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(true).mode(0o600).custom_flags(0);
    let other = folder.path("other");
    drop(options.open(&other).await.unwrap());
    assert_eq!(fs::metadata(&other).await.unwrap().permissions().mode() & 0o777, 0o600);
    let error = OpenOptions::new().write(true).create_new(true).open(&other).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AlreadyExists);
}

/// `fs::File`: `from_std`, `into_std`, `try_into_std`, `set_permissions`, `set_times`, `set_modified`, `max_buf_size`.
/// `fs::File`: `set_max_buf_size`.
/// `fs::FileTimes`: `new`, `set_accessed`, `set_modified`.
#[tokio::test]
async fn more_of_files() {
    let folder = Folder::new("more");
    let path = folder.path("file");
    let mut file = File::from_std(std::fs::File::create(&path).unwrap());
    assert!(file.max_buf_size() > 0);
    file.set_max_buf_size(4);
    assert_eq!(file.max_buf_size(), 4);
    file.write_all(b"more than four").await.unwrap();
    file.flush().await.unwrap();
    file.set_permissions(PermissionsExt::from_mode(0o640)).await.unwrap();
    let (then, earlier) = (SystemTime::UNIX_EPOCH, SystemTime::UNIX_EPOCH + Duration::from_secs(1));
    file.set_times(FileTimes::new().set_accessed(earlier).set_modified(earlier)).await.unwrap();
    assert_eq!(file.metadata().await.unwrap().modified().unwrap(), earlier);
    file.set_modified(then).await.unwrap();
    let known = file.metadata().await.unwrap();
    assert_eq!((known.modified().unwrap(), known.permissions().mode() & 0o777), (then, 0o640));
    let std = file.into_std().await;
    let file = File::from(OwnedFd::from(std)).try_into_std().unwrap();
    assert_eq!(file.metadata().unwrap().len(), 14);
}
