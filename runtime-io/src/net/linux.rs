//! What only Linux has.
#![forbid(unsafe_code)]

use crate::net::unix::SocketAddr;
use crate::net::{TcpSocket, TcpStream, UdpSocket};
use socket2::SockRef;
use std::io;
use std::os::linux::net::SocketAddrExt;

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

impl SocketAddr {
    /// The name in the abstract name space, without the NUL before it.
    ///
    /// # Examples
    /// ```
    /// use runtime::io::{AsyncReadExt, AsyncWriteExt};
    /// use runtime::net::{UnixListener, UnixStream};
    /// use std::os::linux::net::SocketAddrExt;
    /// use std::os::unix::net::SocketAddr;
    ///
    /// runtime::run(async {
    ///     let name = format!("example-{}", std::process::id());
    ///     let addr = SocketAddr::from_abstract_name(&name)?.into();
    ///     let listener = UnixListener::bind_addr(&addr)?;
    ///     assert_eq!(listener.local_addr()?.as_abstract_name(), Some(name.as_bytes()));
    ///     let mut client = UnixStream::connect_addr(&addr).await?;
    ///     client.write_all(b"no file needed").await?;
    ///     drop(client);
    ///     let mut text = String::new();
    ///     listener.accept().await?.0.read_to_string(&mut text).await?;
    ///     assert_eq!(text, "no file needed");
    ///     std::io::Result::Ok(())
    /// })?;
    /// # std::io::Result::Ok(())
    /// ```
    pub fn as_abstract_name(&self) -> Option<&[u8]> {
        self.as_std().as_abstract_name()
    }
}
