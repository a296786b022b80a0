//! Requests as bytes: an attacker's client refuses to send nothing.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::super::log::{Answer, CALL_FIELD};

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// A request over HTTP/1.1, exactly as it goes over the wire.
#[derive(Clone, Debug)]
pub(super) struct Call {
    to: SocketAddr,
    method: &'static str,
    target: String,
    fields: Vec<(String, Vec<u8>)>,
    body: Option<Vec<u8>>,
    trailers: Vec<(String, String)>,
}

impl Call {
    pub(super) fn get(to: SocketAddr, target: impl Into<String>) -> Self {
        Self {
            to,
            method: "GET",
            target: target.into(),
            fields: vec![
                ("host".into(), to.to_string().into()),
                // One request for each connection, so that its end is the end of the answer.
                ("connection".into(), "close".into()),
            ],
            body: None,
            trailers: Vec::new(),
        }
    }

    /// Sends a JSON body.
    pub(super) fn post(self, body: impl Into<Vec<u8>>) -> Self {
        let mut call = self.set("content-type", "application/json");
        call.method = "POST";
        call.body = Some(body.into());
        call
    }

    /// Replaces the target.
    pub(super) fn target(mut self, target: impl Into<String>) -> Self {
        self.target = target.into();
        self
    }

    /// Adds a field line, whatever is there already.
    pub(super) fn add(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.fields.push((name.into(), value.as_ref().to_vec()));
        self
    }

    /// Replaces all lines of a field by one.
    pub(super) fn set(self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.without(name).add(name, value)
    }

    /// Removes all lines of a field.
    pub(super) fn without(mut self, name: &str) -> Self {
        self.fields.retain(|(own, _)| own != name);
        self
    }

    /// Replaces the context.
    pub(super) fn token(self, token: impl AsRef<[u8]>) -> Self {
        self.set("txn-token", token)
    }

    /// Replaces the bearer credential.
    pub(super) fn bearing(self, credential: &str) -> Self {
        self.set("authorization", format!("Bearer {credential}"))
    }

    /// Sends it elsewhere.
    pub(super) fn to(mut self, to: SocketAddr) -> Self {
        self.to = to;
        self.set("host", to.to_string())
    }

    /// Sends a field behind the body.
    pub(super) fn trailer(mut self, name: &str, value: &str) -> Self {
        self.trailers.push((name.into(), value.into()));
        self
    }

    fn to_bytes(&self, id: &str) -> Vec<u8> {
        let mut text = format!("{} {} HTTP/1.1\r\n", self.method, self.target).into_bytes();
        let mut line = |name: &str, value: &[u8]| {
            text.extend(name.as_bytes());
            text.extend(b": ");
            text.extend(value);
            text.extend(b"\r\n");
        };
        line(CALL_FIELD, id.as_bytes());
        for (name, value) in &self.fields {
            line(name, value);
        }
        let body = self.body.as_deref().unwrap_or_default();
        if self.trailers.is_empty() {
            if self.body.is_some() {
                line("content-length", body.len().to_string().as_bytes());
            }
            text.extend(b"\r\n");
            text.extend(body);
            return text;
        }
        line("transfer-encoding", b"chunked");
        let names: Vec<_> = self
            .trailers
            .iter()
            .map(|(name, _)| name.as_str())
            .collect();
        line("trailer", names.join(", ").as_bytes());
        text.extend(b"\r\n");
        if !body.is_empty() {
            text.extend(format!("{:x}\r\n", body.len()).as_bytes());
            text.extend(body);
            text.extend(b"\r\n");
        }
        text.extend(b"0\r\n");
        for (name, value) in &self.trailers {
            text.extend(format!("{name}: {value}\r\n").as_bytes());
        }
        text.extend(b"\r\n");
        text
    }

    /// Sends it on a connection of its own, under a name for the log.
    pub(super) async fn send(&self, id: &str) -> io::Result<Reply> {
        let exchange = async {
            let (mut read, mut write) = TcpStream::connect(self.to).await?.into_split();
            let request = self.to_bytes(id);
            // Both at once: a service may answer before it has read everything, and then close.
            let sending = async {
                let _ = write.write_all(&request).await;
                write
            };
            let reading = async {
                let mut answer = Vec::new();
                let mut chunk = vec![0; 16 * 1024];
                while let Ok(read @ 1..) = read.read(&mut chunk).await {
                    answer.extend(chunk.iter().take(read));
                }
                answer
            };
            let (_write, answer) = tokio::join!(sending, reading);
            Reply::parse(&answer).ok_or_else(|| io::Error::other("no answer"))
        };
        timeout(PATIENCE, exchange).await?
    }
}

/// What came back.
#[derive(Clone, Debug)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) head: String,
    pub(super) body: Vec<u8>,
}

impl Reply {
    fn parse(bytes: &[u8]) -> Option<Self> {
        let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
        let (head, body) = bytes.split_at_checked(end + 4)?;
        let head = String::from_utf8_lossy(head).to_ascii_lowercase();
        let status = head.split(' ').nth(1)?.parse().ok()?;
        Some(Self {
            status,
            head,
            body: body.to_vec(),
        })
    }

    pub(super) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The value of a field, in lower case.
    pub(super) fn field(&self, name: &str) -> Option<&str> {
        let mut fields = self.head.lines().filter_map(|line| line.split_once(": "));
        fields.find(|(own, _)| *own == name).map(|(_, value)| value)
    }

    /// Whether no shared cache may keep it (RFC 9111 §5.2.2).
    pub(super) fn is_private(&self) -> bool {
        let control = self.field("cache-control").unwrap_or_default();
        control.contains("no-store") || control.contains("private")
    }

    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// The reason of the problem details.
    pub(super) fn reason(&self) -> Option<String> {
        Some(self.json().get("reason")?.as_str()?.to_owned())
    }

    pub(super) fn answer(&self) -> Option<Answer> {
        serde_json::from_slice(&self.body).ok()
    }
}
