//! Sockets beside TCP, with both ends in the measured process.

use crate::measure::{Figures, Run};
use crate::rt::{Sockets, Spawn};
use std::net::UdpSocket;
use std::os::unix::net::UnixStream;

/// Bytes of a message or datagram.
const MESSAGE: usize = 64;
/// Pairs of sockets that are busy at the same time.
const PAIRS: u64 = 16;
/// Datagrams that are sent before the receiver says that it has got them: buffers have room for all, none is lost.
const BURST: u64 = 16;
/// Bursts, or messages there and back, of a pair.
const ROUNDS: u64 = 100;

/// Two sockets that send to each other and to nobody else.
fn udp_pair<R: Sockets>() -> (R::Udp, R::Udp) {
    let one = UdpSocket::bind("127.0.0.1:0").expect("cannot bind");
    let other = UdpSocket::bind("127.0.0.1:0").expect("cannot bind");
    let address = |socket: &UdpSocket| socket.local_addr().expect("a bound socket has an address");
    one.connect(address(&other)).expect("cannot connect");
    other.connect(address(&one)).expect("cannot connect");
    (R::udp(one).expect("cannot watch"), R::udp(other).expect("cannot watch"))
}

/// Datagrams from one task to another, sixteen pairs at a time. One operation is a datagram.
pub fn udp_pps<R: Sockets>(run: &Run) -> Figures {
    let rt = R::new(run.workers);
    run.repeat(PAIRS * ROUNDS * BURST, || {
        rt.on_worker(async {
            let pairs: Vec<_> = (0..PAIRS).map(|_| udp_pair::<R>()).collect();
            let mut tasks = Vec::new();
            for (one, other) in pairs {
                tasks.push(R::spawn(async move {
                    let mut buf = [7; MESSAGE];
                    for _ in 0..ROUNDS {
                        for _ in 0..BURST {
                            R::send_datagram(&one, &buf).await.expect("cannot send");
                        }
                        R::recv_datagram(&one, &mut buf).await.expect("cannot receive");
                    }
                }));
                tasks.push(R::spawn(async move {
                    let mut buf = [0; 2 * MESSAGE];
                    for _ in 0..ROUNDS {
                        for _ in 0..BURST {
                            assert_eq!(
                                R::recv_datagram(&other, &mut buf).await.expect("cannot receive"),
                                MESSAGE
                            );
                        }
                        R::send_datagram(&other, &buf[..1]).await.expect("cannot send");
                    }
                }));
            }
            join_all::<R>(tasks).await;
        });
    })
}

/// Messages there and back over Unix streams, sixteen pairs at a time.
pub fn unix_echo<R: Sockets>(run: &Run) -> Figures {
    let rt = R::new(run.workers);
    run.repeat(PAIRS * ROUNDS, || {
        rt.on_worker(async {
            let mut tasks = Vec::new();
            for _ in 0..PAIRS {
                let (one, other) = UnixStream::pair().expect("cannot make a pair");
                let mut client = R::unix(one).expect("cannot watch");
                let mut server = R::unix(other).expect("cannot watch");
                tasks.push(R::spawn(async move {
                    let mut buf = [7; 2 * MESSAGE];
                    for _ in 0..ROUNDS {
                        R::write_unix(&mut client, &buf[..MESSAGE]).await.expect("cannot write");
                        // Once: what is written in one piece comes in one.
                        assert_eq!(R::read_unix(&mut client, &mut buf).await.expect("cannot read"), MESSAGE);
                    }
                }));
                tasks.push(R::spawn(async move {
                    let mut buf = [0; 2 * MESSAGE];
                    for _ in 0..ROUNDS {
                        let read = R::read_unix(&mut server, &mut buf).await.expect("cannot read");
                        R::write_unix(&mut server, &buf[..read]).await.expect("cannot write");
                    }
                }));
            }
            join_all::<R>(tasks).await;
        });
    })
}

async fn join_all<R: Spawn>(tasks: Vec<R::Join<()>>) {
    for task in tasks {
        R::join(task).await;
    }
}
