//! `docs/from-asyncio.md` has every public name of asyncio and of aiofiles, once, and says what stands for it.

use std::collections::BTreeSet;

const PAGE: &str = include_str!("../docs/from-asyncio.md");
const NAMES: &str = include_str!("python/asyncio_names.txt");
const AIOFILES: &str = include_str!("python/aiofiles_names.txt");
/// Where the tables begin, where what is beside asyncio does, and that of aiofiles.
const TABLES: (&str, &str, &str) = ("\n## Every name\n", "\n### Beside asyncio\n", "\n### aiofiles\n");
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

/// Each of `names` once in the rows, and nothing else.
fn has_each_name_once(rows: &[(Vec<&str>, &str, &str)], names: &str) {
    let named: Vec<&str> = rows.iter().flat_map(|(names, ..)| names.iter().copied()).collect();
    let once: BTreeSet<&str> = named.iter().copied().collect();
    assert_eq!(named.len(), once.len(), "a name stands in two rows");
    let names: BTreeSet<&str> = names.lines().collect();
    let missing: Vec<&&str> = names.difference(&once).collect();
    assert!(missing.is_empty(), "not in the table: {missing:?}");
    let invented: Vec<&&str> = once.difference(&names).collect();
    assert!(invented.is_empty(), "no such names: {invented:?}");
}

#[test]
fn every_name_is_in_the_tables() {
    let (_, tables) = PAGE.split_once(TABLES.0).unwrap();
    let (asyncio, beside) = tables.split_once(TABLES.1).unwrap();
    let (beside, aiofiles) = beside.split_once(TABLES.2).unwrap();
    let [asyncio, beside, aiofiles] = [rows(asyncio), rows(beside), rows(aiofiles)];
    assert!(NAMES.lines().count() > 300 && AIOFILES.lines().count() > 70, "the lists are broken");
    has_each_name_once(&asyncio, NAMES);
    has_each_name_once(&aiofiles, AIOFILES);
    for (names, verdict, how) in asyncio.into_iter().chain(beside).chain(aiofiles) {
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

/// What the tables name is there: this is compiled.
#[test]
fn the_names_on_our_side_exist() {
    use runtime::net::unix::pipe::{Receiver, Sender};
    use runtime::net::{
        Server, TcpListener, TcpSocket, TcpStream, UdpSocket, UnixDatagram, UnixListener, UnixStream,
    };
    use runtime::sync::{self, Barrier, BoundedSemaphore, Condvar, Event, LifoQueue, PriorityQueue, Queue};
    use runtime::task::{self, JoinSet, ReturnWhen, TaskGroup, TimerHandle};
    use runtime::{Builder, Handle, JoinError, JoinHandle, Runtime, blocking, process, signal, time};
    use std::any::type_name_of_val as name;

    type Types<'a> = (
        (TcpListener, UdpSocket, UnixDatagram, UnixListener, UnixStream, Sender, Receiver),
        (BoundedSemaphore, Condvar, Event, LifoQueue<u8>, PriorityQueue<u8>, sync::OverRelease),
        (sync::promise::Cancelled, sync::queue::Closed<u8>, time::error::Elapsed, TaskGroup<u8>),
        (runtime::io::AsyncFd<TcpSocket>, runtime::io::BufReader<&'a TcpStream>, ReturnWhen, Barrier),
    );
    let named = [
        std::any::type_name::<Types<'_>>(),
        name(&(Runtime::handle, Runtime::enter, Runtime::shutdown_timeout, Runtime::shutdown_background)),
        name(&(
            Builder::max_blocking_threads,
            Builder::thread_keep_alive,
            Builder::unhandled_policy,
            Builder::build,
        )),
        name(&(
            blocking::Pool::close,
            blocking::Pool::shutdown,
            blocking::Pool::builder,
            blocking::is_cancelled,
        )),
        name(&(blocking::Builder::threads, blocking::Builder::queue)),
        name(&(Handle::current, Handle::try_current, runtime::net::lookup_host::<&str>)),
        name(&(time::pause, time::advance, time::Sleep::reset, time::Sleep::deadline, time::Instant::now)),
        name(&(JoinHandle::<u8>::cancel, JoinHandle::<u8>::timeout, JoinHandle::<u8>::shared)),
        name(&(JoinHandle::<u8>::try_result, JoinHandle::<u8>::is_finished, JoinHandle::<u8>::abort)),
        name(&(JoinHandle::<u8>::task_name, JoinHandle::<u8>::join_blocking, JoinError::is_cancelled)),
        name(&(task::current, task::try_current, task::cancel_requested, task::cancelled, task::yield_now)),
        name(&(
            task::Outcome::is_cancelled,
            task::TaskInfo::name,
            TimerHandle::cancel,
            TimerHandle::is_pending,
        )),
        name(&(JoinSet::<u8>::join_next, JoinSet::<u8>::wait, task::AbortOnDropHandle::<u8>::new)),
        name(&(sync::Promise::<u8>::set, sync::Promise::<u8>::cancel, sync::PromiseFuture::<u8>::is_done)),
        name(&(sync::PromiseFuture::<u8>::try_get, sync::Mutex::<u8>::try_lock, Barrier::abort)),
        name(&(sync::Semaphore::add_permits, sync::Semaphore::available_permits, Condvar::notify_all)),
        name(&(Queue::<u8>::join, Queue::<u8>::close, Queue::<u8>::close_now, sync::queue::Item::<u8>::done)),
        name(&(TcpStream::from_std, TcpStream::peer_addr, TcpStream::into_split, UnixStream::peer_cred)),
        name(&(
            Server::<TcpListener>::close,
            Server::<TcpListener>::cancel,
            Server::<UnixListener>::is_closed,
        )),
        name(&(process::Child::wait_with_output, process::Child::send_signal, process::Child::kill_group)),
        name(&(process::Command::output, process::Child::try_wait, process::Child::start_kill)),
        name(&(signal::unix::signal, signal::unix::SignalKind::terminate, signal::unix::Signal::recv)),
        name(&(runtime::io::stdin, runtime::io::stdout, runtime::io::stderr, runtime::fs::File::options)),
        name(&(TcpStream::set_zero_linger, TcpSocket::connect, TcpListener::local_addr)),
    ];
    assert!(named.iter().all(|names| names.contains("runtime")));
}

#[test]
fn the_names_for_files_exist() {
    use runtime::{fs, io};
    use std::any::type_name_of_val as name;

    // Futures that nobody polls: nothing happens.
    let named = [
        name(&(fs::File::open(""), fs::File::create(""), fs::File::set_len, fs::File::sync_all)),
        name(&(fs::File::into_std, fs::File::from_std, fs::OpenOptions::append, fs::DirBuilder::new)),
        name(&(
            fs::read(""),
            fs::read_to_string(""),
            fs::write("", ""),
            fs::copy("", ""),
            fs::try_exists(""),
        )),
        name(&(fs::metadata(""), fs::symlink_metadata(""), fs::canonicalize(""), fs::rename("", ""))),
        name(&(fs::remove_file(""), fs::create_dir(""), fs::create_dir_all(""), fs::remove_dir(""))),
        name(&(fs::remove_dir_all(""), fs::read_dir(""), fs::hard_link("", ""), fs::symlink("", ""))),
        name(&(fs::read_link(""), fs::ReadDir::next_entry)),
        name(&(io::stdin, io::stdout, io::stderr)),
    ];
    assert!(named.iter().all(|names| names.contains("runtime")));
}
