//! A tracer that cannot fill the node's memory: every step is weighed, and execution ends when all together weigh too much.

use alloy::primitives::{Address, Log, U256};
use revm::{
    Inspector,
    context_interface::{ContextTr, context::ContextError},
    handler::FrameResult,
    inspector::JournalExt,
    interpreter::{
        CallInputs, CallOutcome, CreateInputs, CreateOutcome, FrameInput, Interpreter,
        interpreter_types::{LoopControl, MemoryTr},
    },
};

/// What a step takes beside stack and memory, about, once it is an answer.
const STEP_BYTES: usize = 512;
/// What a call takes beside its input, about.
const CALL_BYTES: usize = 1_024;
/// A word in memory and, in hex, in the answer.
const WORD_BYTES: usize = 128;

/// What of each step is recorded.
#[derive(Clone, Copy, Debug)]
pub enum Steps {
    /// Nothing: only calls and logs weigh.
    None,
    /// The stack, and with `memory` all of that too.
    Recorded {
        /// Whether the memory is.
        memory: bool,
    },
}

/// An inspector around `inner` that ends execution at a limit.
#[derive(Debug)]
pub struct Bounded<I> {
    inner: I,
    steps: Steps,
    bytes_left: usize,
    exceeded: bool,
}

impl<I> Bounded<I> {
    /// Records up to about so many bytes.
    pub fn new(inner: I, steps: Steps, bytes_max: usize) -> Self {
        Self { inner, steps, bytes_left: bytes_max, exceeded: false }
    }

    /// The tracer; none if it would have recorded too much, so that what it has is not the whole.
    pub fn complete(&mut self) -> Option<&mut I> {
        (!self.exceeded).then_some(&mut self.inner)
    }

    /// What could still be recorded, in bytes.
    pub fn bytes_left(&self) -> usize {
        self.bytes_left
    }

    fn takes(&mut self, bytes: usize) {
        match self.bytes_left.checked_sub(bytes) {
            Some(left) => self.bytes_left = left,
            None => self.exceeded = true,
        }
    }

    /// Ends the execution with an error if too much is recorded.
    fn check<C: ContextTr>(&self, context: &mut C) -> bool {
        if self.exceeded && context.error().is_ok() {
            *context.error() = Err(ContextError::Custom("trace too large".into()));
        }
        self.exceeded
    }
}

impl<C: ContextTr<Journal: JournalExt>, I: Inspector<C>> Inspector<C> for Bounded<I> {
    fn initialize_interp(&mut self, interp: &mut Interpreter, context: &mut C) {
        self.inner.initialize_interp(interp, context);
    }

    fn step(&mut self, interp: &mut Interpreter, context: &mut C) {
        if let Steps::Recorded { memory } = self.steps {
            let words = interp.stack.len().saturating_add(if memory { interp.memory.size() / 32 } else { 0 });
            self.takes(STEP_BYTES.saturating_add(words.saturating_mul(WORD_BYTES)));
        }
        if self.check(context) {
            interp.bytecode.action().take();
            interp.bytecode.reset_action();
            interp.halt_fatal();
            return;
        }
        self.inner.step(interp, context);
    }

    fn step_end(&mut self, interp: &mut Interpreter, context: &mut C) {
        if !self.exceeded {
            self.inner.step_end(interp, context);
        }
    }

    fn log(&mut self, context: &mut C, log: Log) {
        self.takes(CALL_BYTES.saturating_add(log.data.data.len().saturating_mul(3)));
        self.inner.log(context, log);
    }

    fn log_full(&mut self, interp: &mut Interpreter, context: &mut C, log: Log) {
        self.takes(CALL_BYTES.saturating_add(log.data.data.len().saturating_mul(3)));
        self.inner.log_full(interp, context, log);
    }

    fn call(&mut self, context: &mut C, inputs: &mut CallInputs) -> Option<CallOutcome> {
        self.takes(CALL_BYTES.saturating_add(inputs.input.len().saturating_mul(3)));
        self.check(context);
        self.inner.call(context, inputs)
    }

    fn call_end(&mut self, context: &mut C, inputs: &CallInputs, outcome: &mut CallOutcome) {
        self.takes(outcome.result.output.len().saturating_mul(3));
        self.inner.call_end(context, inputs, outcome);
    }

    fn create(&mut self, context: &mut C, inputs: &mut CreateInputs) -> Option<CreateOutcome> {
        self.takes(CALL_BYTES.saturating_add(inputs.init_code().len().saturating_mul(3)));
        self.check(context);
        self.inner.create(context, inputs)
    }

    fn create_end(&mut self, context: &mut C, inputs: &CreateInputs, outcome: &mut CreateOutcome) {
        self.takes(outcome.result.output.len().saturating_mul(3));
        self.inner.create_end(context, inputs, outcome);
    }

    fn selfdestruct(&mut self, contract: Address, target: Address, value: U256) {
        self.inner.selfdestruct(contract, target, value);
    }

    fn frame_start(&mut self, context: &mut C, frame_input: &mut FrameInput) -> Option<FrameResult> {
        self.inner.frame_start(context, frame_input)
    }

    fn frame_end(&mut self, context: &mut C, frame_input: &FrameInput, frame_result: &mut FrameResult) {
        self.inner.frame_end(context, frame_input, frame_result);
    }
}
