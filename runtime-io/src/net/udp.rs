//! UDP.
#![forbid(unsafe_code)]

use crate::net::addr::{ToSocketAddrs, no_address, resolve, with_first};
use crate::net::methods::{
    datagram_methods, impl_fd_traits, poll_ready_methods, readiness_methods, std_methods,
};
use crate::reactor::Reactor;
use crate::readiness::{Initial, Wanted};
use crate::registration::Registered;
use crate::source::Direction;
use crate::sys;
use runtime_core::task::unpolled::must_await;
use socket2::{Domain, SockRef, Type};
use std::io;
use std::mem::MaybeUninit;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket as StdUdpSocket};
use std::sync::Arc;
use std::task::{Context, Poll};

/// A UDP socket.
///
/// It can send to and receive from anybody, or be [connected](Self::connect) to one peer. Any number
/// of tasks may use it at the same time through a shared reference.
pub struct UdpSocket {
    socket: Registered<StdUdpSocket>,
}

impl UdpSocket {
    /// Binds to `addr`: to the first of its addresses that can be bound.
    ///
    /// # Errors
    /// The last address' error, or one of kind `InvalidInput` if there is no address.
    ///
    /// # Panics
    /// Outside of a runtime.
    #[track_caller]
    pub fn bind<A: ToSocketAddrs>(addr: A) -> impl Future<Output = io::Result<UdpSocket>> {
        let bound = with_first(addr, |addr| UdpSocket::bind_in(Reactor::current()?, addr));
        must_await("UdpSocket::bind", bound)
    }

    pub(crate) fn bind_in(reactor: Arc<Reactor>, addr: SocketAddr) -> io::Result<UdpSocket> {
        let socket = sys::socket(Domain::for_address(addr), Type::DGRAM)?;
        socket.bind(&addr.into())?;
        Ok(UdpSocket { socket: Registered::new_in(reactor, socket.into(), Initial::Untried)? })
    }

    /// Sets the peer that `send` sends to and `recv` receives from: the first of the addresses of
    /// `addr` that the system takes. It sends nothing.
    ///
    /// # Errors
    /// The last address' error, or one of kind `InvalidInput` if there is no address.
    #[track_caller]
    pub fn connect<A: ToSocketAddrs>(&self, addr: A) -> impl Future<Output = io::Result<()>> {
        must_await("UdpSocket::connect", with_first(addr, |addr| self.socket().get().connect(addr)))
    }

    std_methods!(StdUdpSocket);
    readiness_methods!();
    poll_ready_methods!(poll_recv_ready, poll_send_ready);
    datagram_methods!(SocketAddr);

    /// Sends one datagram to `addr` (to its first address).
    ///
    /// # Cancel safety
    /// When this future is dropped before it is done, nothing was sent.
    ///
    /// # Errors
    /// As the system says; kind `InvalidInput` if there is no address.
    #[track_caller]
    pub fn send_to<A: ToSocketAddrs>(&self, buf: &[u8], addr: A) -> impl Future<Output = io::Result<usize>> {
        let addrs = resolve(addr);
        must_await("UdpSocket::send_to", async move {
            let addr = addrs.await?.next().ok_or_else(no_address)?;
            self.socket().io(Wanted::WRITE, |io| io.send_to(buf, addr)).await
        })
    }

    /// Polls for [`send_to`](Self::send_to). Of the tasks that do so at the same time the newest few
    /// are woken.
    ///
    /// # Errors
    /// As the system says.
    pub fn poll_send_to(
        &self,
        cx: &mut Context<'_>,
        buf: &[u8],
        target: SocketAddr,
    ) -> Poll<io::Result<usize>> {
        self.socket().poll_io(cx, Direction::Write, |io| io.send_to(buf, target))
    }

    /// Sends one datagram to `target`, now or never.
    ///
    /// # Errors
    /// Kind `WouldBlock` if there is no room; otherwise as the system says.
    pub fn try_send_to(&self, buf: &[u8], target: SocketAddr) -> io::Result<usize> {
        self.socket().try_io(Wanted::WRITE, |io| io.send_to(buf, target))
    }

    /// Receives one datagram from the connected peer without taking it.
    ///
    /// # Errors
    /// As the system says.
    #[track_caller]
    pub fn peek(&self, buf: &mut [u8]) -> impl Future<Output = io::Result<usize>> {
        must_await("UdpSocket::peek", self.socket().io(Wanted::READ, move |io| io.peek(buf)))
    }

    /// Polls for [`peek`](Self::peek). Of the tasks that do so at the same time the newest few are
    /// woken.
    ///
    /// # Errors
    /// As the system says.
    pub fn poll_peek(&self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        self.socket().poll_io(cx, Direction::Read, |io| io.peek(buf))
    }

    /// Receives one datagram from the connected peer without taking it, now or never.
    ///
    /// # Errors
    /// Kind `WouldBlock` if there is none; otherwise as the system says.
    pub fn try_peek(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.socket().try_io(Wanted::READ, |io| io.peek(buf))
    }

    /// Receives one datagram without taking it, and says who sent it.
    ///
    /// # Errors
    /// As the system says.
    #[track_caller]
    pub fn peek_from(&self, buf: &mut [u8]) -> impl Future<Output = io::Result<(usize, SocketAddr)>> {
        must_await("UdpSocket::peek_from", self.socket().io(Wanted::READ, move |io| io.peek_from(buf)))
    }

    /// Polls for [`peek_from`](Self::peek_from). Of the tasks that do so at the same time the newest
    /// few are woken.
    ///
    /// # Errors
    /// As the system says.
    pub fn poll_peek_from(
        &self,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<(usize, SocketAddr)>> {
        self.socket().poll_io(cx, Direction::Read, |io| io.peek_from(buf))
    }

    /// Receives one datagram without taking it, and says who sent it, now or never.
    ///
    /// # Errors
    /// Kind `WouldBlock` if there is none; otherwise as the system says.
    pub fn try_peek_from(&self, buf: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.socket().try_io(Wanted::READ, |io| io.peek_from(buf))
    }

    /// Who sent the next datagram.
    ///
    /// # Errors
    /// As the system says.
    #[track_caller]
    pub fn peek_sender(&self) -> impl Future<Output = io::Result<SocketAddr>> {
        must_await("UdpSocket::peek_sender", self.socket().io(Wanted::READ, peek_sender))
    }

    /// Polls for [`peek_sender`](Self::peek_sender). Of the tasks that do so at the same time the
    /// newest few are woken.
    ///
    /// # Errors
    /// As the system says.
    pub fn poll_peek_sender(&self, cx: &mut Context<'_>) -> Poll<io::Result<SocketAddr>> {
        self.socket().poll_io(cx, Direction::Read, peek_sender)
    }

    /// Who sent the next datagram, if there is one now.
    ///
    /// # Errors
    /// Kind `WouldBlock` if there is none; otherwise as the system says.
    pub fn try_peek_sender(&self) -> io::Result<SocketAddr> {
        self.socket().try_io(Wanted::READ, peek_sender)
    }

    /// Receives into memory that need not be initialised: the first `n` bytes are, when it says `n`.
    /// Of the tasks that do so at the same time the newest few are woken.
    ///
    /// # Errors
    /// As [`recv`](Self::recv).
    pub fn poll_recv_uninit(
        &self,
        cx: &mut Context<'_>,
        buf: &mut [MaybeUninit<u8>],
    ) -> Poll<io::Result<usize>> {
        self.socket().poll_io(cx, Direction::Read, |io| SockRef::from(io).recv(buf))
    }

    /// Receives datagrams of the group `multiaddr` at the interface with the address `interface`.
    ///
    /// # Errors
    /// As the system says.
    pub fn join_multicast_v4(&self, multiaddr: Ipv4Addr, interface: Ipv4Addr) -> io::Result<()> {
        self.socket().get().join_multicast_v4(&multiaddr, &interface)
    }

    /// Receives datagrams of the group `multiaddr` at the interface with the number `interface`.
    ///
    /// # Errors
    /// As the system says.
    pub fn join_multicast_v6(&self, multiaddr: &Ipv6Addr, interface: u32) -> io::Result<()> {
        self.socket().get().join_multicast_v6(multiaddr, interface)
    }

    /// Leaves a group, see [`join_multicast_v4`](Self::join_multicast_v4).
    ///
    /// # Errors
    /// As the system says.
    pub fn leave_multicast_v4(&self, multiaddr: Ipv4Addr, interface: Ipv4Addr) -> io::Result<()> {
        self.socket().get().leave_multicast_v4(&multiaddr, &interface)
    }

    /// Leaves a group, see [`join_multicast_v6`](Self::join_multicast_v6).
    ///
    /// # Errors
    /// As the system says.
    pub fn leave_multicast_v6(&self, multiaddr: &Ipv6Addr, interface: u32) -> io::Result<()> {
        self.socket().get().leave_multicast_v6(multiaddr, interface)
    }

    /// The type of service of its IPv4 packets (`IP_TOS`).
    ///
    /// # Errors
    /// As the system says.
    pub fn tos_v4(&self) -> io::Result<u32> {
        SockRef::from(self).tos_v4()
    }

    /// Sets the type of service of its IPv4 packets.
    ///
    /// # Errors
    /// As the system says.
    pub fn set_tos_v4(&self, tos: u32) -> io::Result<()> {
        SockRef::from(self).set_tos_v4(tos)
    }
}

impl_fd_traits!(UdpSocket, StdUdpSocket);

fn peek_sender(io: &StdUdpSocket) -> io::Result<SocketAddr> {
    let sender = SockRef::from(io).peek_sender()?;
    sender.as_socket().ok_or_else(|| io::ErrorKind::AddrNotAvailable.into())
}

/// A getter and a setter of the standard library's with the same type.
macro_rules! options {
    ($($get:ident, $set:ident: $type:ty, $what:literal;)+) => {
        impl UdpSocket {$(
            #[doc = concat!("Gets ", $what, ".")]
            ///
            /// # Errors
            /// As the system says.
            pub fn $get(&self) -> io::Result<$type> {
                self.socket().get().$get()
            }

            #[doc = concat!("Sets ", $what, ".")]
            ///
            /// # Errors
            /// As the system says.
            pub fn $set(&self, value: $type) -> io::Result<()> {
                self.socket().get().$set(value)
            }
        )+}
    };
}

options! {
    broadcast, set_broadcast: bool, "whether it may send to broadcast addresses (`SO_BROADCAST`)";
    ttl, set_ttl: u32, "the time to live of its packets";
    multicast_loop_v4, set_multicast_loop_v4: bool, "whether it receives its own IPv4 multicasts";
    multicast_loop_v6, set_multicast_loop_v6: bool, "whether it receives its own IPv6 multicasts";
    multicast_ttl_v4, set_multicast_ttl_v4: u32, "the time to live of its IPv4 multicasts";
}
