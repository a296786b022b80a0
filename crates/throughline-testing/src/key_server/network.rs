//! The face on a socket.

use std::fmt;
use std::io;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

use super::KeyServer;
use super::answer::{Answer, Reply, strangers};

const DOCUMENT: &str = "/jwks.json";
/// Where a redirect leads.
const ELSEWHERE: &str = "/elsewhere.json";
/// The longest head of a request that is read.
const MAX_HEAD: usize = 16 * 1024;

impl KeyServer {
    /// Listens on a free port of this machine, over plain HTTP/1.1, until the answer is dropped.
    ///
    /// [`KeySource::url`](throughline_jose::KeySource::url) takes its address, as loopback needs no
    /// TLS.
    ///
    /// # Errors
    ///
    /// No port could be bound.
    pub async fn listen(&self) -> io::Result<Listening> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let origin = format!("http://{}", listener.local_addr()?);
        let strayed = Arc::new(AtomicU64::new(0));
        let server = self.clone();
        let task = tokio::spawn(serve(listener, server, Arc::clone(&strayed)));
        Ok(Listening {
            url: origin + DOCUMENT,
            strayed,
            task,
        })
    }
}

/// A key server on a socket. Dropping it closes the socket and every connection: the next fetch is
/// refused.
pub struct Listening {
    url: String,
    strayed: Arc<AtomicU64>,
    task: JoinHandle<()>,
}

impl Listening {
    /// Where the key set is.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// How often somebody asked for anything else, such as where a redirect led.
    #[must_use]
    pub fn strayed(&self) -> u64 {
        self.strayed.load(Ordering::SeqCst)
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl fmt::Debug for Listening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listening")
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}

async fn serve(listener: TcpListener, server: KeyServer, strayed: Arc<AtomicU64>) {
    // The set ends with this task, and the connections end with the set.
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        // A connection that broke before it was accepted is nobody's failure but its own.
        if let Ok((socket, _)) = listener.accept().await {
            connections.spawn(answer(socket, server.clone(), Arc::clone(&strayed)));
        }
    }
}

/// One request, one answer, and the connection is closed.
async fn answer(mut socket: TcpStream, server: KeyServer, strayed: Arc<AtomicU64>) {
    let Ok(Some(path)) = read_path(&mut socket).await else {
        return;
    };
    let written = if path == DOCUMENT {
        let Answer { wait, reply } = server.ask();
        wait.pass().await;
        write(&mut socket, reply).await
    } else {
        strayed.fetch_add(1, Ordering::SeqCst);
        let keys = server.state().keys.clone();
        let document = strangers(&keys, server.stranger());
        write(&mut socket, Reply::Document(document)).await
    };
    // Whoever asked may have gone, which is their choice.
    if written.is_ok() {
        let _ = socket.shutdown().await;
    }
}

/// The path of a request, once its head is complete; none where it is no request.
async fn read_path(socket: &mut TcpStream) -> io::Result<Option<String>> {
    let mut head = Vec::new();
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        if head.len() > MAX_HEAD || socket.read_buf(&mut head).await? == 0 {
            return Ok(None);
        }
    }
    let head = String::from_utf8_lossy(&head);
    let line = head.lines().next().unwrap_or_default();
    Ok(line.split(' ').nth(1).map(ToOwned::to_owned))
}

async fn write(socket: &mut TcpStream, reply: Reply) -> io::Result<()> {
    let (status, kind, body, cut) = match reply {
        Reply::Closed => return Ok(()),
        Reply::Cut(document, at) => (200, "application/jwk-set+json", document, Some(at)),
        Reply::Document(document) => (200, "application/jwk-set+json", document, None),
        Reply::Page(page) => (200, "text/html", page.to_vec(), None),
        Reply::Redirect => (302, "text/plain", Vec::new(), None),
        Reply::Status(code, document) => (code, "application/jwk-set+json", document, None),
    };
    let location = match status {
        300..=399 => format!("location: {ELSEWHERE}\r\n"),
        _ => String::new(),
    };
    let head = format!(
        "HTTP/1.1 {status} -\r\ncontent-type: {kind}\r\n{location}content-length: {}\r\n\
         connection: close\r\n\r\n",
        body.len()
    );
    socket.write_all(head.as_bytes()).await?;
    let sent = body.get(..cut.unwrap_or(body.len())).unwrap_or(&body);
    socket.write_all(sent).await
}
