//! Which addresses may answer.

use std::future::Future;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::vec;

use hyper_util::client::legacy::connect::dns::{GaiResolver, Name};
use tower_service::Service;

/// The addresses within which an [`Endpoint`](super::Endpoint) may answer.
///
/// ```
/// use throughline_jose::endpoint::Reach;
///
/// let [private, metadata, this_machine] =
///     ["10.0.0.7", "169.254.169.254", "::ffff:127.0.0.1"].map(|ip| ip.parse().unwrap());
/// assert!(Reach::Network.admits(private) && !Reach::Internet.admits(private));
/// assert!(!Reach::Network.admits(metadata));
/// assert!(!Reach::Network.admits(this_machine) && Reach::Loopback.admits(this_machine));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reach {
    /// Every address: for a place that the operator names, and nobody else.
    Anywhere,
    /// Addresses of the public Internet.
    Internet,
    /// This machine.
    Loopback,
    /// The public Internet and private networks (RFC 1918, RFC 4193, RFC 6598), but neither this
    /// machine nor what is local to a link, where clouds hand out credentials.
    Network,
}

impl Reach {
    /// Whether `address` is within it.
    #[must_use]
    pub fn admits(self, address: IpAddr) -> bool {
        let class = match address {
            IpAddr::V4(v4) => of_v4(v4),
            IpAddr::V6(v6) => of_v6(v6),
        };
        match self {
            Self::Anywhere => true,
            Self::Internet => class == Class::Public,
            Self::Loopback => class == Class::Loopback,
            Self::Network => matches!(class, Class::Private | Class::Public),
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Loopback,
    Private,
    Public,
    /// Link-local, multicast, reserved, or of a cloud's own.
    Special,
}

/// The registry of RFC 6890, IPv4.
fn of_v4(v4: Ipv4Addr) -> Class {
    // Alibaba Cloud hands out credentials in the middle of a private network.
    const METADATA: Ipv4Addr = Ipv4Addr::new(100, 100, 100, 200);
    match v4.octets() {
        [127, ..] => Class::Loopback,
        _ if v4 == METADATA => Class::Special,
        [10, ..] | [192, 168, ..] => Class::Private,
        [172, b, ..] if b & 0xf0 == 16 => Class::Private,
        [100, b, ..] if b & 0xc0 == 64 => Class::Private,
        [0 | 224..=255, ..]
        | [169, 254, ..]
        | [192, 0, 0 | 2, _]
        | [192, 88, 99, _]
        | [198, 18 | 19, ..]
        | [198, 51, 100, _]
        | [203, 0, 113, _] => Class::Special,
        _ => Class::Public,
    }
}

/// The registry of RFC 6890, IPv6; addresses that hold one of IPv4 are that one.
fn of_v6(v6: Ipv6Addr) -> Class {
    // AWS and Google Cloud hand out credentials at addresses of RFC 4193.
    const METADATA: [[u16; 8]; 2] = [
        [0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254],
        [0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254],
    ];
    let v4 = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        of_v4(Ipv4Addr::new(a, b, c, d))
    };
    match v6.segments() {
        [0, 0, 0, 0, 0, 0, 0, 1] => Class::Loopback,
        // Mapped (RFC 4291 §2.5.5.2), NAT64 (RFC 6052), 6to4 (RFC 3056).
        [0, 0, 0, 0, 0, 0xffff, high, low]
        | [0x64, 0xff9b, 0, 0, 0, 0, high, low]
        | [0x2002, high, low, ..] => v4(high, low),
        segments if METADATA.contains(&segments) => Class::Special,
        [0xfc00..=0xfdff, ..] => Class::Private,
        // Teredo and other protocol assignments, documentation.
        [0x2001, 0..=0x1ff, ..] | [0x2001, 0xdb8, ..] | [0x3fff, 0..=0xfff, ..] => Class::Special,
        [0x2000..=0x3fff, ..] => Class::Public,
        _ => Class::Special,
    }
}

/// Resolves names, and keeps what is within reach. It stands below the connection: there is no way
/// around it from a name to a socket, also where the name leads elsewhere the second time.
#[derive(Clone)]
pub(super) struct Resolver<R = GaiResolver> {
    names: R,
    reach: Reach,
}

impl Resolver {
    pub(super) fn new(reach: Reach) -> Self {
        Self::over(GaiResolver::new(), reach)
    }
}

impl<R> Resolver<R> {
    pub(super) fn over(names: R, reach: Reach) -> Self {
        Self { names, reach }
    }
}

impl<R, A> Service<Name> for Resolver<R>
where
    R: Service<Name, Response = A, Error = io::Error, Future: Send + 'static>,
    A: Iterator<Item = SocketAddr>,
{
    type Response = vec::IntoIter<SocketAddr>;
    type Error = io::Error;
    // Boxed, as it waits for a name service and happens once for each connection.
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.names.poll_ready(cx)
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let reach = self.reach;
        let addresses = self.names.call(name);
        Box::pin(async move {
            let within: Vec<SocketAddr> = addresses
                .await?
                .filter(|address| reach.admits(address.ip()))
                .collect();
            if within.is_empty() {
                return Err(io::Error::new(
                    io::ErrorKind::PermissionDenied,
                    "the name leads to no address within reach",
                ));
            }
            Ok(within.into_iter())
        })
    }
}
