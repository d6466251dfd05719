//! A client of a WebSocket, down to its frames (RFC 6455).

use std::net::SocketAddr;

use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::DEADLINE;

// Opcodes of frames.
pub const TEXT: u8 = 1;
pub const CLOSE: u8 = 8;
pub const PING: u8 = 9;
pub const PONG: u8 = 10;

/// A WebSocket as the wire has it, so that a test says and hears what it wants.
pub struct Wire {
    stream: TcpStream,
    heard: Vec<u8>,
}

impl Wire {
    pub async fn connect(address: SocketAddr) -> Self {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                       Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
        assert!(head.starts_with(b"HTTP/1.1 101"));
        Self { stream, heard: Vec::new() }
    }

    /// Sends a whole message; masked as a client must, with zeros, which change nothing.
    pub async fn send(&mut self, opcode: u8, payload: &[u8]) {
        let mut frame = vec![0x80 | opcode];
        match u8::try_from(payload.len()) {
            // Control frames have no longer form.
            Ok(length) if length < 126 => frame.push(0x80 | length),
            _ => {
                frame.push(0x80 | 126);
                frame.extend(u16::try_from(payload.len()).unwrap().to_be_bytes());
            }
        }
        frame.extend([0; 4]);
        frame.extend(payload);
        self.stream.write_all(&frame).await.unwrap();
    }

    pub async fn say(&mut self, text: &Value) {
        self.send(TEXT, text.to_string().as_bytes()).await;
    }

    async fn read(&mut self, length: usize) -> Option<Vec<u8>> {
        while self.heard.len() < length {
            let mut bytes = [0; 4_096];
            match tokio::time::timeout(DEADLINE, self.stream.read(&mut bytes)).await.expect("nothing in time") {
                Ok(0) | Err(_) => return None,
                Ok(read) => self.heard.extend_from_slice(&bytes[..read]),
            }
        }
        Some(self.heard.drain(..length).collect())
    }

    /// Opcode and payload of the next frame; none when the connection has ended.
    pub async fn frame(&mut self) -> Option<(u8, Vec<u8>)> {
        let head = self.read(2).await?;
        let length = match head[1] & 0x7f {
            126 => u16::from_be_bytes(self.read(2).await?.try_into().unwrap()).into(),
            127 => u64::from_be_bytes(self.read(8).await?.try_into().unwrap()),
            length => length.into(),
        };
        Some((head[0] & 0xf, self.read(length as usize).await?))
    }

    /// The next text; what else comes before it is passed over.
    pub async fn hear(&mut self) -> Value {
        loop {
            let (opcode, payload) = self.frame().await.expect("the connection is open");
            if opcode == TEXT {
                return serde_json::from_slice(&payload).unwrap();
            }
        }
    }

    pub async fn ask(&mut self, method: &str, params: Value) -> Value {
        self.say(&json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params })).await;
        self.hear().await
    }
}
