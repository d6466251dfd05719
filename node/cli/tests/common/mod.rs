//! A node of a payments chain in this process, which applies what it is sent, and which tests can have answer otherwise.
#![allow(dead_code, reason = "each test file uses its part")]

use std::{
    collections::{HashMap, VecDeque},
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex, MutexGuard},
    thread,
};

use alloy::primitives::{Address, B256, Bytes};
use serde_json::{Value, json};
use tandem_payments::{eddsa::SessionTransaction, operation::Call};

/// An answer in place of the node's own.
#[derive(Clone, Debug)]
pub enum Answer {
    Result(Value),
    Error(i64, &'static str),
    /// A body that is no JSON-RPC.
    Raw(&'static str),
    /// The connection ends without an answer.
    HangUp,
}

/// What the node knows and does.
pub struct State {
    pub chain_id: u64,
    pub genesis: B256,
    /// What it asks, in wei per gas.
    pub price: u64,
    /// Whether batches are closed at once, and proven.
    pub is_closed: bool,
    pub is_proven: bool,
    /// Messages of the queue in closed batches.
    pub queue_index: u64,
    /// The accounts that there are, with the hashes of their session keys.
    pub accounts: HashMap<Address, Option<B256>>,
    /// What it took, in order.
    pub taken: Vec<SessionTransaction>,
    /// Methods in the order in which they were asked.
    pub asked: Vec<String>,
    /// Answers by method, used up one after the other.
    answers: HashMap<&'static str, VecDeque<Answer>>,
}

/// The node; it ends with the test's process.
pub struct FakeNode {
    pub url: String,
    state: Arc<Mutex<State>>,
}

impl FakeNode {
    /// Starts a node of a chain.
    pub fn start(chain_id: u64, genesis: B256) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let state = State {
            chain_id,
            genesis,
            price: 7,
            is_closed: true,
            is_proven: true,
            queue_index: 0,
            accounts: HashMap::new(),
            taken: Vec::new(),
            asked: Vec::new(),
            answers: HashMap::new(),
        };
        let state = Arc::new(Mutex::new(state));
        let served = state.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                serve(stream, &served);
            }
        });
        Self { url, state }
    }

    /// What it knows, to look at or to change. Answers wait meanwhile.
    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// Has the next questions of this method answered so.
    pub fn answer(&self, method: &'static str, answers: impl IntoIterator<Item = Answer>) {
        self.state().answers.entry(method).or_default().extend(answers);
    }
}

/// One request of a connection, which then ends.
fn serve(mut stream: TcpStream, state: &Mutex<State>) {
    let Some(request) = read(&mut stream) else { return };
    let (id, method) = (request["id"].clone(), request["method"].as_str().unwrap().to_owned());
    let mut state = state.lock().unwrap();
    state.asked.push(method.clone());
    let scripted = state.answers.get_mut(method.as_str()).and_then(VecDeque::pop_front);
    let answer = scripted.unwrap_or_else(|| state.answer(&method, &request["params"]));
    let body = match answer {
        Answer::Result(result) => json!({ "jsonrpc": "2.0", "id": id, "result": result }).to_string(),
        Answer::Error(code, message) => {
            json!({ "jsonrpc": "2.0", "id": id, "error": { "code": code, "message": message } }).to_string()
        }
        Answer::Raw(body) => body.into(),
        Answer::HangUp => return,
    };
    let length = body.len();
    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close";
    // Whoever asked may be gone.
    let _ = write!(stream, "{head}\r\ncontent-length: {length}\r\n\r\n{body}");
}

fn read(stream: &mut TcpStream) -> Option<Value> {
    let mut reader = BufReader::new(stream);
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        match line.trim_end().to_ascii_lowercase().split_once(": ") {
            Some(("content-length", value)) => length = value.parse().ok()?,
            None if line.trim_end().is_empty() => break,
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    serde_json::from_slice(&body).ok()
}

impl State {
    fn answer(&mut self, method: &str, params: &Value) -> Answer {
        let hex = |value: u64| json!(format!("{value:#x}"));
        let place = self.taken.iter().position(|taken| json!(taken.hash()) == params[0]).filter(|_| self.is_closed);
        Answer::Result(match method {
            "eth_chainId" => hex(self.chain_id),
            "eth_getBlockByNumber" => json!({ "number": "0x0", "hash": self.genesis }),
            "eth_gasPrice" => hex(self.price),
            "eth_getTransactionCount" => hex(self.taken.len() as u64),
            "eth_sendRawTransaction" => match self.take(&params[0]) {
                Ok(hash) => json!(hash),
                Err(message) => return Answer::Error(-32000, message),
            },
            "eth_getTransactionReceipt" => place.map_or(Value::Null, |place| {
                let (number, price) = (hex(place as u64 + 1), hex(self.price));
                let withdrawal = match self.taken[place].operation.call {
                    Call::WithdrawEth { .. } | Call::WithdrawToken { .. } => {
                        json!({ "index": hex((place as u64 + 1) << 32) })
                    }
                    _ => Value::Null,
                };
                json!({
                    "blockNumber": number, "status": "0x1", "gasUsed": "0x5208", "effectiveGasPrice": price,
                    "withdrawal": withdrawal,
                })
            }),
            "rollup_transactionStatus" => match place {
                Some(_) => {
                    json!({ "status": "included", "promise": if self.is_proven { "settled" } else { "latest" } })
                }
                None => json!({ "status": "waiting", "waitsFor": "block" }),
            },
            "rollup_account" => {
                let account: Address = serde_json::from_value(params[0].clone()).unwrap();
                match self.accounts.get(&account) {
                    Some(key) => {
                        json!({ "nonce": "0x0", "balance": "0x0", "sessionKeyHash": key, "publicKeyHash": null })
                    }
                    None => Value::Null,
                }
            }
            "rollup_status" => {
                let (latest, settled) = (self.taken.len(), if self.is_proven { self.taken.len() } else { 0 });
                json!({ "latest": { "number": latest }, "settled": settled, "queueIndex": self.queue_index, "waitingTransactions": 3 })
            }
            _ => return Answer::Error(-32601, "the method does not exist/is not available"),
        })
    }

    /// Takes what is signed for this chain with the next nonce.
    fn take(&mut self, raw: &Value) -> Result<B256, &'static str> {
        let raw: Bytes = serde_json::from_value(raw.clone()).unwrap();
        let transaction = SessionTransaction::decode(&raw).map_err(|_| "transaction cannot be decoded")?;
        transaction.verify(self.chain_id, self.genesis).map_err(|_| "invalid signature")?;
        match transaction.operation.nonce.cmp(&(self.taken.len() as u64)) {
            std::cmp::Ordering::Less => return Err("nonce too low: next nonce 1, tx nonce 0"),
            std::cmp::Ordering::Greater => return Err("nonce too high: next nonce 1, tx nonce 9"),
            std::cmp::Ordering::Equal => self.taken.push(transaction),
        }
        Ok(transaction.hash())
    }
}
