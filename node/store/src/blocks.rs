//! Blocks, their indices, the state below them, and the messages that they send to L1.

use crate::{
    BlockBody, Codec, CodecError, Head, Identity, Marker, OpenBatchRecord, Rlp, RowKey, Store, StoreError, TxPlace,
    changes::Changes,
    log_index::{remove_logs, write_logs},
    message_tree::{TreeGrowth, remove_leaf},
    records::L2MessageRow,
    schema::{
        Batches, BlockHashes, BlockNumbers, Bodies, Headers, Journal, L2Messages, Markers, OpenBatches, Preimages,
        Receipts, Table, Transactions,
    },
    store::Order,
};
use alloy_consensus::Header;
use alloy_primitives::{B256, Bytes};
use tandem_chain::{ChainConfig, L2Message};
use tandem_evm::{
    DepositTransaction, EvmBlock, Receipt, Recovered, Transaction, payload::SignedTransaction, predeploys,
    transaction::DEPOSIT_TYPE,
};

impl Store {
    /// The last block; genesis at least.
    pub fn head(&self) -> Result<Head, StoreError> {
        let missing = StoreError::MissingRow { table: Markers::NAME, number: Marker::Head as u64 };
        let number = self.get::<Markers>(&Marker::Head)?.ok_or(missing)?;
        let missing = StoreError::MissingRow { table: BlockHashes::NAME, number };
        Ok(Head { number, hash: self.block_hash(number)?.ok_or(missing)? })
    }

    /// The header of the block with this number.
    pub fn header(&self, number: u64) -> Result<Option<Header>, StoreError> {
        self.get::<Headers>(&number)
    }

    /// The hash of the block with this number.
    pub fn block_hash(&self, number: u64) -> Result<Option<B256>, StoreError> {
        self.get::<BlockHashes>(&number)
    }

    /// The number of the block with this hash.
    pub fn block_number(&self, hash: B256) -> Result<Option<u64>, StoreError> {
        self.get::<BlockNumbers>(&hash)
    }

    /// A block with transactions, their senders, and receipts.
    pub fn block(&self, number: u64) -> Result<Option<EvmBlock>, StoreError> {
        let Some(header) = self.header(number)? else { return Ok(None) };
        let missing = |table| StoreError::MissingRow { table, number };
        let hash = self.block_hash(number)?.ok_or(missing(BlockHashes::NAME))?;
        let body = self.get::<Bodies>(&number)?.ok_or(missing(Bodies::NAME))?;
        let receipts = self.get::<Receipts>(&number)?.ok_or(missing(Receipts::NAME))?;
        let corrupt = |table, reason| StoreError::Corrupt { table, key: number.encode().into(), reason };
        let transactions = decode_transactions(&body).map_err(|reason| corrupt(Bodies::NAME, reason))?;
        let receipts = receipts
            .iter()
            .map(|bytes| Receipt::decode_2718(bytes))
            .collect::<Result<_, _>>()
            .map_err(|error| corrupt(Receipts::NAME, CodecError::Rlp(error)))?;
        Ok(Some(EvmBlock { header, hash, transactions, receipts, message_count: body.message_count }))
    }

    /// Where a transaction is, if a block holds it.
    pub fn transaction_place(&self, hash: B256) -> Result<Option<TxPlace>, StoreError> {
        self.get::<Transactions>(&hash)
    }

    /// L1 messages consumed up to and including a block.
    pub fn queue_index_after(&self, number: u64) -> Result<Option<u64>, StoreError> {
        Ok(self.get::<Bodies>(&number)?.map(|body| body.queue_index))
    }

    /// A message from L2 to L1, and the block that sent it.
    pub fn l2_message(&self, index: u64) -> Result<Option<(L2Message, u64)>, StoreError> {
        Ok(self.get::<L2Messages>(&index)?.map(|row| (row.message, row.block_number)))
    }

    /// Number of messages from L2 to L1.
    pub fn l2_message_count(&self) -> Result<u64, StoreError> {
        Ok(self.last::<L2Messages>()?.map_or(0, |(index, _)| index.saturating_add(1)))
    }

    /// Adds pre-images before the blocks that need them. The caller vouches that they hash to their
    /// keys.
    pub fn put_preimages(&self, preimages: &[(B256, Bytes)]) -> Result<(), StoreError> {
        let mut changes = self.changes();
        write_preimages(&mut changes, preimages)?;
        changes.commit()
    }

    /// Adds the block after the head, its pre-images, its place in the indices and the messages that
    /// it sends to L1, and removes its transactions from the journal.
    pub fn append_block(&self, block: &EvmBlock, preimages: &[(B256, Bytes)]) -> Result<(), StoreError> {
        self.append(block, preimages, None)
    }

    /// As [`Self::append_block`], and records the batch that begins with the block.
    pub fn append_first_block(
        &self,
        block: &EvmBlock,
        preimages: &[(B256, Bytes)],
        batch: &OpenBatchRecord,
    ) -> Result<(), StoreError> {
        self.append(block, preimages, Some(batch))
    }

    fn append(
        &self,
        block: &EvmBlock,
        preimages: &[(B256, Bytes)],
        begins: Option<&OpenBatchRecord>,
    ) -> Result<(), StoreError> {
        let (number, found) = (block.header.number, block.header.parent_hash);
        let Head { number: head, hash: expected } = self.head()?;
        if head.checked_add(1) != Some(number) {
            return Err(StoreError::NotNextBlock { head, number });
        }
        if found != expected {
            return Err(StoreError::ParentMismatch { number, expected, found });
        }
        let missing = StoreError::MissingRow { table: Bodies::NAME, number: head };
        let queue_index = self.queue_index_after(head)?.ok_or(missing)?;
        let mut changes = self.changes();
        write_preimages(&mut changes, preimages)?;
        self.write_block(&mut changes, block, queue_index.saturating_add(block.message_count))?;
        if let Some(batch) = begins {
            changes.put::<OpenBatches>(&batch.first_block, batch)?;
        }
        changes.commit()
    }

    /// Removes all blocks above `target`, which becomes the head, and returns them, the lowest first.
    /// Their signed transactions are in the journal again, before all others. Batches of this sequencer
    /// that hold one of them and are not on L1 are gone. State nodes stay: they are found by hash only.
    /// Blocks of a batch on L1 are not removed before the batch is.
    pub fn unwind_blocks(&self, target: u64) -> Result<Vec<EvmBlock>, StoreError> {
        let head = self.head()?.number;
        if target > head {
            return Err(StoreError::UnwindsForward { target, head });
        }
        if let Some((batch, record)) = self.last::<Batches>()?
            && record.last_block > target
        {
            return Err(StoreError::UnwindsBatch { target, batch, last_block: record.last_block });
        }
        let mut changes = self.changes();
        let mut unwound = Vec::new();
        for number in (target..=head).skip(1) {
            let missing = StoreError::MissingRow { table: Headers::NAME, number };
            let block = self.block(number)?.ok_or(missing)?;
            remove_block(&mut changes, &block)?;
            unwound.push(block);
        }
        for row in self.scan::<L2Messages>(&u64::MAX, Order::Descending)? {
            let (index, row) = row?;
            if row.block_number <= target {
                break;
            }
            changes.delete::<L2Messages>(&index)?;
            remove_leaf(&mut changes, index)?;
        }
        self.remove_own_batches(&mut changes, target)?;
        changes.put::<Markers>(&Marker::Head, &target)?;
        self.journal_before_all(&mut changes, &unwound)?;
        changes.commit()?;
        Ok(unwound)
    }

    /// Writes whose the directory is, and its genesis block.
    pub(crate) fn write_genesis(&self, config: &ChainConfig, identity: &Identity) -> Result<(), StoreError> {
        let mut changes = self.first_changes(identity)?;
        let genesis = tandem_evm::genesis(config).map_err(|_| StoreError::Genesis)?;
        write_preimages(&mut changes, &genesis.preimages)?;
        let block = EvmBlock {
            header: genesis.header,
            hash: genesis.hash,
            transactions: Vec::new(),
            receipts: Vec::new(),
            message_count: 0,
        };
        self.write_block(&mut changes, &block, 0)?;
        changes.commit()
    }

    fn write_block(&self, changes: &mut Changes, block: &EvmBlock, queue_index: u64) -> Result<(), StoreError> {
        let number = block.header.number;
        let body = BlockBody {
            transactions: block.transactions.iter().map(|tx| tx.encode_2718().into()).collect(),
            senders: block.transactions.iter().map(Transaction::from).collect(),
            message_count: block.message_count,
            queue_index,
        };
        let receipts = block.receipts.iter().map(|receipt| receipt.encode_2718().into()).collect();
        changes.put::<Headers>(&number, &block.header)?;
        changes.put::<BlockHashes>(&number, &block.hash)?;
        changes.put::<BlockNumbers>(&block.hash, &number)?;
        changes.put::<Bodies>(&number, &body)?;
        changes.put::<Receipts>(&number, &receipts)?;
        for (index, transaction) in (0u64..).zip(&block.transactions) {
            let hash = transaction.hash();
            changes.put::<Transactions>(&hash, &TxPlace { block_number: number, index })?;
            changes.delete::<Journal>(&hash)?;
        }
        write_logs(changes, block)?;
        let mut tree = TreeGrowth::new(self);
        for log in block.receipts.iter().flat_map(|receipt| &receipt.logs) {
            if let Some(message) = predeploys::message_from_log(log) {
                let index = message.index;
                tree.add(changes, index, message.hash())?;
                changes.put::<L2Messages>(&index, &L2MessageRow { message, block_number: number })?;
            }
        }
        changes.put::<Markers>(&Marker::Head, &number)
    }
}

fn write_preimages(changes: &mut Changes, preimages: &[(B256, Bytes)]) -> Result<(), StoreError> {
    preimages.iter().try_for_each(|(hash, bytes)| changes.put_encoded::<Preimages>(hash.as_slice(), bytes))
}

fn remove_block(changes: &mut Changes, block: &EvmBlock) -> Result<(), StoreError> {
    let number = block.header.number;
    changes.delete::<Headers>(&number)?;
    changes.delete::<BlockHashes>(&number)?;
    changes.delete::<BlockNumbers>(&block.hash)?;
    changes.delete::<Bodies>(&number)?;
    changes.delete::<Receipts>(&number)?;
    remove_logs(changes, block)?;
    block.transactions.iter().try_for_each(|tx| changes.delete::<Transactions>(&tx.hash()))
}

fn decode_transactions(body: &BlockBody) -> Result<Vec<Transaction>, CodecError> {
    if body.transactions.len() != body.senders.len() {
        return Err(CodecError::Transaction);
    }
    let transactions = body.transactions.iter().zip(&body.senders);
    transactions
        .map(|(bytes, sender)| match bytes.split_first() {
            Some((&DEPOSIT_TYPE, rlp)) => <Rlp as Codec<DepositTransaction>>::decode(rlp).map(Transaction::Deposit),
            _ => {
                let signed = SignedTransaction::decode_2718(bytes).map_err(|_| CodecError::Transaction)?;
                Ok(Transaction::Signed(Recovered::new_unchecked(signed, *sender)))
            }
        })
        .collect()
}
