//! What the tests of files share: folders that go away, and reads with the cache and without.

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A folder that is removed in the end.
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    pub(crate) fn new() -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("runtime-files-{}-{number}", std::process::id()));
        std::fs::create_dir(&path).unwrap();
        Scratch(path)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Runs `test` with reads from the cache, and without.
pub(crate) fn both_ways(test: impl Fn()) {
    // It is switched for the whole process.
    static SWITCH: Mutex<()> = Mutex::new(());
    let _switch = SWITCH.lock().unwrap_or_else(|poison| poison.into_inner());
    test();
    runtime::fs::read_from_cache(false);
    let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(&test));
    runtime::fs::read_from_cache(true);
    result.expect("without reads from the cache");
}
