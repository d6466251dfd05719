//! What tokens are called. A token has the same address here as on L1 (PAY-PREDEPLOY), and what it is called is asked there; nothing here depends on it.
//!
//! Adversarial: callers, who may ask for any address, and tokens, which may answer anything. So L1 is asked for few addresses at a time and few
//! in a second, for a bounded answer, and once for what does not change. Nothing that is asked makes this node forget what it knows of tokens. Whether there is a token at all,
//! which wallets ask of anybody, takes nothing from the questions about those that there are.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use alloy::{
    eips::BlockId,
    primitives::{Address, Bytes, TxKind},
    rpc::types::{TransactionInput, TransactionRequest},
    sol,
    sol_types::SolCall,
};
use tandem_l1::L1Client;
use tokio::sync::Semaphore;

use super::refusal::Refusal;

sol! {
    /// What is read of tokens.
    #[derive(Debug, PartialEq, Eq)]
    interface Erc20 {
        function name() external view returns (string);
        function symbol() external view returns (string);
        function decimals() external view returns (uint8);
        function totalSupply() external view returns (uint256);
        function balanceOf(address account) external view returns (uint256);
        function allowance(address owner, address spender) external view returns (uint256);
    }
    /// What is read of the Bridge on L1.
    interface Escrow {
        function escrowOf(address token) external view returns (uint256);
    }
}

/// Questions to L1 at a time.
const ASKED_MAX: usize = 8;
/// Questions to L1 at once after a quiet time.
const BURST: u32 = 64;
/// Time after which there may be one more.
const EVERY: Duration = Duration::from_millis(200);
/// Answers that are remembered. Those that hold for ever stay; when there is no room beside them, an answer is given and not remembered.
const KNOWN_MAX: usize = 4_096;
/// Bytes of an answer.
const ANSWER_BYTES_MAX: usize = 1_024;
/// Gas of a question.
const GAS: u64 = 200_000;
/// How long an address stays none of a token.
const UNKNOWN: Duration = Duration::from_secs(60);

/// How long what the Bridge holds is told again without asking.
const ESCROW: Duration = Duration::from_secs(5);

/// What a question is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Purpose {
    /// Whether there is a token at the address.
    Code,
    /// What a token says.
    Call,
}

/// What is asked: about which token, by which call of the token's.
type Question = (Address, [u8; 4]);

/// What L1 said.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Answer {
    /// None if L1 had no answer.
    bytes: Option<Bytes>,
    /// When it has to be asked again. None for what never changes.
    until: Option<Instant>,
}

/// What is remembered of L1.
#[derive(Default)]
struct Known {
    answers: HashMap<Question, Answer>,
    /// When there may be [`BURST`] questions at once again, whether there is a token or about one. None before the first.
    rested: [Option<Instant>; 2],
}

/// Asks L1 about tokens, where there is one to be asked. Cheap to clone.
#[derive(Clone, Default)]
pub struct Tokens(Option<Arc<OnL1>>);

struct OnL1 {
    client: L1Client,
    bridge: Address,
    /// A lock, since every request may add to it; held for look-ups alone.
    known: Mutex<Known>,
    turns: Semaphore,
}

impl Tokens {
    /// Those of an L1 with this Bridge.
    pub fn of(client: L1Client, bridge: Address) -> Self {
        let turns = Semaphore::new(ASKED_MAX);
        Self(Some(Arc::new(OnL1 { client, bridge, known: Mutex::default(), turns })))
    }

    /// Whether L1 has a token at an address: one that tells its decimals. False where no L1 is asked.
    pub async fn is_token(&self, address: Address) -> Result<bool, Refusal> {
        let Some(l1) = &self.0 else { return Ok(false) };
        let answer = l1.constant(address, Erc20::decimalsCall::SELECTOR, Purpose::Code).await?;
        Ok(answer.is_some_and(|answer| answer.len() == 32))
    }

    /// What a token answers on L1 to a question that it always answers alike, as it is.
    pub async fn constant(&self, token: Address, selector: [u8; 4]) -> Result<Bytes, Refusal> {
        let l1 = self.0.as_ref().ok_or(Refusal::NoL1 { token })?;
        l1.constant(token, selector, Purpose::Call).await?.ok_or(Refusal::NoToken { token })
    }

    /// What the Bridge holds of a token: the most that there can be of it here, deposits under way and unclaimed withdrawals among it.
    pub async fn escrow(&self, token: Address) -> Result<Bytes, Refusal> {
        let l1 = self.0.as_ref().ok_or(Refusal::NoL1 { token })?;
        let call = Escrow::escrowOfCall { token }.abi_encode();
        let question = (token, Erc20::totalSupplyCall::SELECTOR);
        let asked = l1.answer(question, l1.bridge, call.into(), Some(ESCROW), Purpose::Call).await?;
        asked.ok_or(Refusal::NoToken { token })
    }
}

impl OnL1 {
    async fn constant(&self, token: Address, selector: [u8; 4], purpose: Purpose) -> Result<Option<Bytes>, Refusal> {
        self.answer((token, selector), token, selector.into(), None, purpose).await
    }

    /// The answer to a question, remembered for as long as it holds: for ever if no time is given.
    async fn answer(
        &self,
        question: Question,
        to: Address,
        input: Bytes,
        holds: Option<Duration>,
        purpose: Purpose,
    ) -> Result<Option<Bytes>, Refusal> {
        let remembered = self.known().get(question, Instant::now());
        if let Some(answer) = remembered {
            return Ok(answer.bytes);
        }
        let (token, _) = question;
        let bytes = self.ask(token, to, input, purpose).await?;
        let holds = if bytes.is_some() { holds } else { Some(UNKNOWN) };
        let answer = Answer { bytes: bytes.clone(), until: holds.map(|holds| Instant::now() + holds) };
        self.known().insert(question, answer);
        Ok(bytes)
    }

    /// An answer within bounds; none if the call fails or gives nothing.
    async fn ask(&self, token: Address, to: Address, input: Bytes, purpose: Purpose) -> Result<Option<Bytes>, Refusal> {
        let _turn = self.turns.try_acquire().map_err(|_| Refusal::L1Busy)?;
        if !self.known().may_ask(purpose, Instant::now()) {
            return Err(Refusal::L1Busy);
        }
        let input = TransactionInput::new(input);
        let request = TransactionRequest { to: Some(TxKind::Call(to)), input, gas: Some(GAS), ..Default::default() };
        match self.client.simulate(request, BlockId::latest()).await {
            Ok(answer) => Ok(Some(answer).filter(|answer| (1..=ANSWER_BYTES_MAX).contains(&answer.len()))),
            Err(error) if error.is_of_the_call() => Ok(None),
            Err(error) => {
                tracing::debug!(%error, %token, "L1 does not answer what a token is");
                Err(Refusal::L1Silent { token })
            }
        }
    }

    // What a panic left is whole: no change is made by halves.
    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    /// An answer that holds.
    fn get(&self, question: Question, now: Instant) -> Option<Answer> {
        let answer = self.answers.get(&question)?;
        answer.until.is_none_or(|until| now < until).then(|| answer.clone())
    }

    /// Remembers an answer. What holds for a time only makes room for it.
    fn insert(&mut self, question: Question, answer: Answer) {
        if self.answers.len() >= KNOWN_MAX && !self.answers.contains_key(&question) {
            self.answers.retain(|_, answer| answer.until.is_none());
        }
        if self.answers.len() < KNOWN_MAX || self.answers.contains_key(&question) {
            self.answers.insert(question, answer);
        }
    }

    /// Whether there may be one more question for this purpose now, which is counted then.
    fn may_ask(&mut self, purpose: Purpose, now: Instant) -> bool {
        let [code, call] = &mut self.rested;
        let before = match purpose {
            Purpose::Code => code,
            Purpose::Call => call,
        };
        let rested = before.map_or(now, |rested| rested.max(now)) + EVERY;
        let may_ask = rested.duration_since(now) <= EVERY * BURST;
        if may_ask {
            *before = Some(rested);
        }
        may_ask
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn question(number: usize) -> Question {
        (Address::left_padding_from(&number.to_be_bytes()), Erc20::nameCall::SELECTOR)
    }

    #[test]
    fn questions_beyond_the_burst_come_one_by_one() {
        let (mut known, now) = (Known::default(), Instant::now());
        let asked = |known: &mut Known, now| (0..1_000).filter(|_| known.may_ask(Purpose::Code, now)).count();
        assert_eq!(asked(&mut known, now), 64);
        assert_eq!(asked(&mut known, now + Duration::from_millis(199)), 0);
        assert_eq!(asked(&mut known, now + Duration::from_secs(1)), 5);
        assert!(known.may_ask(Purpose::Call, now), "what is known to be a token has its own");
        assert_eq!(asked(&mut known, now + Duration::from_secs(3_600)), 64, "no more after any rest");
    }

    #[test]
    fn no_question_makes_known_tokens_forgotten() {
        let (mut known, now) = (Known::default(), Instant::now());
        let lasting = Answer { bytes: Some(Bytes::from_static(b"Gold")), until: None };
        let passing = Answer { bytes: None, until: Some(now + UNKNOWN) };
        known.insert(question(0), lasting.clone());
        for number in 1..3 * KNOWN_MAX {
            known.insert(question(number), passing.clone());
            assert!(known.answers.len() <= KNOWN_MAX);
        }
        assert_eq!(known.get(question(0), now), Some(lasting.clone()));
        // Full of what holds for ever: what is new is not remembered.
        for number in 0..KNOWN_MAX {
            known.insert(question(number), lasting.clone());
        }
        known.insert(question(KNOWN_MAX), lasting.clone());
        assert_eq!(known.get(question(KNOWN_MAX), now), None);
        assert_eq!(known.get(question(KNOWN_MAX - 1), now), Some(lasting));
    }

    #[test]
    fn what_holds_for_a_time_is_asked_again() {
        let (mut known, now) = (Known::default(), Instant::now());
        let passing = Answer { bytes: None, until: Some(now + ESCROW) };
        known.insert(question(0), passing.clone());
        assert_eq!(known.get(question(0), now), Some(passing));
        assert_eq!(known.get(question(0), now + ESCROW), None);
    }
}
