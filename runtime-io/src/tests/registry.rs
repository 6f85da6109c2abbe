//! Keys, stale events, and what is left behind when a registration fails.

use super::*;
use crate::interest::Interest;
use crate::net::UdpSocket;
use crate::readiness::Initial;
use crate::ready::Ready;
use std::os::fd::AsFd;

fn udp(reactor: &Arc<Reactor>) -> UdpSocket {
    UdpSocket::bind_in(Arc::clone(reactor), "127.0.0.1:0".parse().unwrap()).unwrap()
}

#[test]
fn p23_an_event_for_a_dropped_source_reaches_nobody() {
    let (_driver, reactor) = IoDriver::new().unwrap();
    let mut wakers = WakeList::new();
    let file = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let old = reactor.register(file.as_fd(), Interest::SOCKET, Initial::Unknown).unwrap();
    let stale = old.key();
    reactor.deregister(file.as_fd(), &old);
    let new = reactor.register(file.as_fd(), Interest::SOCKET, Initial::Unknown).unwrap();
    assert_eq!(new.key() as u32, stale as u32, "the place is used again");
    assert_ne!(new.key(), stale);
    reactor.dispatch([(stale, Ready::ALL)].into_iter(), &mut wakers);
    assert!(new.look().unwrap().ready().is_empty());
    reactor.dispatch([(new.key(), Ready::READABLE)].into_iter(), &mut wakers);
    assert_eq!(new.look().unwrap().ready(), Ready::READABLE);
    reactor.deregister(file.as_fd(), &new);
}

#[test]
fn p23_a_duplicate_that_outlives_its_socket_wakes_nobody() {
    let (mut driver, reactor) = IoDriver::new().unwrap();
    let mut wakers = WakeList::new();
    let socket = udp(&reactor);
    let addr = socket.local_addr().unwrap();
    let duplicate = socket.as_fd().try_clone_to_owned().unwrap();
    drop(socket);
    let other = udp(&reactor);
    driver.park(Some(Duration::ZERO), &mut wakers).unwrap();
    // The file is still open, and now it becomes readable.
    std::net::UdpSocket::bind("127.0.0.1:0").unwrap().send_to(b"x", addr).unwrap();
    driver.park(Some(Duration::from_millis(10)), &mut wakers).unwrap();
    assert!(!in_driver_is_readable(&other));
    drop(duplicate);
}

fn in_driver_is_readable(socket: &UdpSocket) -> bool {
    socket.socket().look().unwrap().ready().is_readable()
}

#[test]
fn p26_a_refused_registration_leaves_nothing_behind() {
    let (_driver, reactor) = IoDriver::new().unwrap();
    // Regular files cannot be polled: EPERM.
    let file = std::fs::File::open("/proc/self/exe").unwrap();
    for _ in 0..3 {
        let error = reactor.register(file.as_fd(), Interest::SOCKET, Initial::Unknown).unwrap_err();
        assert_eq!(error.raw_os_error(), Some(libc::EPERM));
        assert!(!reactor.has_sources());
    }
    // Twice the same: EEXIST, and the first registration is unharmed.
    let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let source = reactor.register(socket.as_fd(), Interest::SOCKET, Initial::Unknown).unwrap();
    let error = reactor.register(socket.as_fd(), Interest::SOCKET, Initial::Unknown).unwrap_err();
    assert_eq!(error.raw_os_error(), Some(libc::EEXIST));
    assert!(reactor.has_sources());
    reactor.deregister(socket.as_fd(), &source);
    assert!(!reactor.has_sources());
}
