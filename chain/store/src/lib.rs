//! RocksDB storage. API that the sequencer, RPC and replica are being written against (names are binding, details free):
//!
//! ```text
//! #[derive(Clone)] pub struct Store (Arc inside; Send + Sync)
//! Store::open(path, &ChainConfig, Options { sync: bool }) -> Result<Store, StoreError>   // creates and writes genesis (tandem_evm::genesis) if empty
//! impl PreimageSource for Store (trie nodes, code, headers by hash), also tandem_trie::NodeSource if useful
//!
//! // blocks (canonical chain by number). One atomic write per block.
//! append_block(&EvmBlock, preimages: &[(B256, Bytes)]) -> Result<()>   // also tx index, hash->number, and removes its transactions from the journal; refuses a block that does not extend head
//! head() -> Result<Head { number: u64, hash: B256 }>   // genesis at least
//! header(number) -> Result<Option<Header>>; block_hash(number); block_number(hash) -> Result<Option<u64>>
//! block(number) -> Result<Option<EvmBlock>> (transactions with signers, receipts, message_count)
//! transaction_place(tx_hash) -> Result<Option<TxPlace { block_number, index }>>
//! queue_index_after(number) -> Result<Option<u64>>     // L1 messages consumed up to and including this block
//! unwind_blocks(to_number) -> Result<Vec<EvmBlock>>      // removes canonical blocks above, returns them; atomically puts their signed transactions back into the journal
//!
//! // journal: admitted transactions not yet in a block; survives kill -9
//! journal_add(&[Recovered]) -> Result<()>  (one write for the group); journal() -> Result<Vec<Recovered>> in order of admission; journal_remove(&[B256])
//!
//! // L1: everything keyed so that it can be unwound above an L1 block number
//! put_l1_block(&L1BlockRecord { number, hash, parent_hash, timestamp, messages: Vec<(u64, Message)>, checkpoints: Vec<Checkpoint> }) one write; l1_head(); l1_block(number); unwind_l1(to_number)
//! message(index) -> Result<Option<(Message, l1_number)>>; message_count()
//! checkpoint_at_or_before(l1_number) -> Result<Option<Checkpoint>>
//!
//! // batches on L1, by index, canonical; unwound with unwind_batches(to_index)
//! put_batch(&BatchRecord { header: BatchHeader, output: OutputFields, first_block: u64, last_block: u64, l1_number, l1_hash, l1_tx: B256, checkpoint: Checkpoint }), batch(index), last_batch(), batch_of_block(block_number)
//!
//! // batches that this sequencer closed but L1 does not hold yet, in order of `sequence` (own counter)
//! put_job(&BatchJob { sequence, first_block, last_block, checkpoint, queue_end, queue_hash, payload: Bytes, tx: Option<(nonce, Vec<B256> tx hashes)> }), jobs() -> Vec<BatchJob> in order, remove_job(sequence), remove_all_jobs()
//!
//! // L2-to-L1 messages: leaves in order, with the block that sent them; written by append_block from MessageSent logs of the message passer (tandem_evm::predeploys)
//! l2_message(index) -> Option<(L2Message, block_number)>; l2_message_hashes(count) -> Vec<B256>; l2_message_count()
//!
//! // archived payloads by data hash, never deleted here
//! put_payload(data_hash, &[Bytes] parts), payload(data_hash)
//! // small values of components
//! put_meta(&str, &[u8]), meta(&str)
//! ```
