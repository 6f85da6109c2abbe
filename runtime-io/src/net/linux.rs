//! What only Linux has.
#![forbid(unsafe_code)]

use crate::net::{TcpSocket, TcpStream, UdpSocket};
use socket2::SockRef;
use std::io;

macro_rules! device {
    ($type:ty) => {
        impl $type {
            /// The interface that it is bound to (`SO_BINDTODEVICE`).
            ///
            /// # Errors
            /// As the system says.
            pub fn device(&self) -> io::Result<Option<Vec<u8>>> {
                SockRef::from(self).device()
            }

            /// Binds it to an interface, or with `None` to all.
            ///
            /// # Errors
            /// As the system says.
            pub fn bind_device(&self, interface: Option<&[u8]>) -> io::Result<()> {
                SockRef::from(self).bind_device(interface)
            }

            /// The traffic class of its IPv6 packets (`IPV6_TCLASS`).
            ///
            /// # Errors
            /// As the system says.
            pub fn tclass_v6(&self) -> io::Result<u32> {
                SockRef::from(self).tclass_v6()
            }

            /// Sets the traffic class of its IPv6 packets.
            ///
            /// # Errors
            /// As the system says.
            pub fn set_tclass_v6(&self, tclass: u32) -> io::Result<()> {
                SockRef::from(self).set_tclass_v6(tclass)
            }
        }
    };
}

device!(TcpSocket);
device!(UdpSocket);

impl TcpStream {
    /// Whether acknowledgements are sent at once (`TCP_QUICKACK`).
    ///
    /// # Errors
    /// As the system says.
    pub fn quickack(&self) -> io::Result<bool> {
        SockRef::from(self).tcp_quickack()
    }

    /// Sets whether acknowledgements are sent at once; the system may change it back.
    ///
    /// # Errors
    /// As the system says.
    pub fn set_quickack(&self, quickack: bool) -> io::Result<()> {
        SockRef::from(self).set_tcp_quickack(quickack)
    }
}
