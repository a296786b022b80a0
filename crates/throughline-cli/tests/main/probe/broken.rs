//! Services that are no use to anybody, one socket each.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A token that opens a tenant's orders, while they are served.
pub(super) fn token(tenant: &str) -> String {
    format!("4f9a1c77e0b24d1d8c-of-{tenant}")
}

/// What it does with a request that it has read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Broken {
    /// Closes the connection.
    Closes,
    /// Promises more than it sends, and closes.
    Cut,
    /// Never stops sending its body.
    EndlessBody,
    /// Never stops sending its head.
    EndlessHead,
    /// Never stops saying `100 Continue`.
    EndlessInterim,
    /// Answers what is no HTTP.
    Garbage,
    /// Says nothing.
    Hangs,
    /// Answers 500.
    InternalError,
    /// Sends whoever asks elsewhere.
    Redirects,
    /// One byte of the body now and then.
    Trickles,
}

pub(super) const ALL: [Broken; 10] = [
    Broken::Closes,
    Broken::Cut,
    Broken::EndlessBody,
    Broken::EndlessHead,
    Broken::EndlessInterim,
    Broken::Garbage,
    Broken::Hangs,
    Broken::InternalError,
    Broken::Redirects,
    Broken::Trickles,
];

/// A service that answers its first requests honestly, and then no more.
pub(super) struct Service {
    pub(super) address: SocketAddr,
    asked: Arc<AtomicUsize>,
}

impl Service {
    /// Threads of the test's process, which end with it.
    pub(super) fn start(broken: Broken, honest: usize) -> Self {
        Self::start_behind(broken, honest, |stream| stream)
    }

    /// The same over what is made of a connection.
    pub(super) fn start_behind<S: Read + Write>(
        broken: Broken,
        honest: usize,
        secure: impl Fn(TcpStream) -> S + Clone + Send + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&asked);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (count, secure) = (Arc::clone(&count), secure.clone());
                std::thread::spawn(move || serve(secure(stream), broken, honest, &count));
            }
        });
        Self { address, asked }
    }

    pub(super) fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

/// Until the other side is gone, or everything is said.
fn serve(
    mut stream: impl Read + Write,
    broken: Broken,
    honest: usize,
    count: &AtomicUsize,
) -> Option<()> {
    while let Some(head) = request(&mut stream) {
        // Trailers are another block that ends like a head.
        if head.contains("transfer-encoding: chunked") {
            request(&mut stream)?;
        }
        let before = count.fetch_add(1, Ordering::SeqCst);
        if before < honest {
            answer(&mut stream, &head)?;
            continue;
        }
        misbehave(&mut stream, broken)?;
    }
    None
}

/// The head of the next request.
fn request(stream: &mut (impl Read + Write)) -> Option<String> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        if stream.read(&mut byte).ok()? == 0 {
            return None;
        }
        head.push(byte[0]);
    }
    Some(String::from_utf8_lossy(&head).into_owned())
}

/// The orders of whoever says so, but only with a path and a token that agree.
fn answer(stream: &mut (impl Read + Write), head: &str) -> Option<()> {
    let tenant = ["acme", "globex"].into_iter().find(|tenant| {
        let path = format!("GET /t/{tenant}/orders");
        let rest = head.strip_prefix(&path).unwrap_or_default();
        rest.starts_with([' ', '?'])
            && head.contains(&format!("authorization: Bearer {}\r\n", token(tenant)))
    });
    let (status, body) = match tenant {
        Some(tenant) => ("200 OK", format!(r#"{{"order":"order-of-{tenant}"}}"#)),
        None => ("403 Forbidden", String::new()),
    };
    let length = body.len();
    say(
        stream,
        &format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\n\r\n{body}"),
    )
}

/// `None` where the connection is over.
fn misbehave(stream: &mut (impl Read + Write), broken: Broken) -> Option<()> {
    const CHUNKED: &str = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
    match broken {
        Broken::Closes => None,
        Broken::Cut => {
            say(stream, "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabc")?;
            None
        }
        Broken::EndlessBody => {
            say(stream, CHUNKED)?;
            let chunk = format!("1000\r\n{}\r\n", "x".repeat(0x1000));
            loop {
                say(stream, &chunk)?;
            }
        }
        Broken::EndlessHead => {
            say(stream, "HTTP/1.1 200 OK\r\nx-a: ")?;
            let more = "y".repeat(0x1000);
            loop {
                say(stream, &more)?;
            }
        }
        Broken::EndlessInterim => loop {
            say(stream, "HTTP/1.1 100 Continue\r\n\r\n")?;
        },
        Broken::Garbage => {
            say(stream, "\u{16}\u{3} 220 mail.example ESMTP\r\n\r\n")?;
            None
        }
        Broken::Hangs => {
            // Until the other side gives up; what it sends meanwhile is not read as a request.
            let mut rest = Vec::new();
            stream.read_to_end(&mut rest).ok()?;
            None
        }
        Broken::InternalError => say(
            stream,
            "HTTP/1.1 500 Internal Server Error\r\ncontent-length: 0\r\n\r\n",
        ),
        Broken::Redirects => say(
            stream,
            "HTTP/1.1 302 Found\r\nlocation: /login\r\ncontent-length: 0\r\n\r\n",
        ),
        Broken::Trickles => {
            say(stream, CHUNKED)?;
            loop {
                say(stream, "1\r\nx\r\n")?;
                // Slower than any client is patient, faster than it takes a connection for dead.
                std::thread::sleep(std::time::Duration::from_millis(50));
            }
        }
    }
}

fn say(stream: &mut (impl Read + Write), text: &str) -> Option<()> {
    stream.write_all(text.as_bytes()).ok()?;
    stream.flush().ok()
}
