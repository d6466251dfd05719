"""web3.py 7: synchronous, asynchronous, and over a WebSocket with subscriptions."""

import asyncio

from eth_account import Account
from eth_account.messages import encode_defunct
from suite import CHAIN_ID, KEY, RPC, WS, artifact, check
from web3 import AsyncWeb3, Web3, WebSocketProvider
from web3.exceptions import ContractCustomError, ContractLogicError, ContractPanicError, TransactionNotFound
from web3.gas_strategies.time_based import fast_gas_price_strategy
from web3.middleware import SignAndSendRawMiddlewareBuilder

SUITE = "web3.py"
account = Account.from_key(KEY)
web3 = Web3(Web3.HTTPProvider(RPC))
web3.middleware_onion.inject(SignAndSendRawMiddlewareBuilder.build(account), layer=0)
web3.eth.default_account = account.address
abi, bytecode = artifact("Probe")


def wait(sent):
    return web3.eth.wait_for_transaction_receipt(sent, poll_latency=0.1)


@check(SUITE, "connects: chain, blocks by tag, gas price, client")
def _():
    assert web3.is_connected() and web3.eth.chain_id == CHAIN_ID
    for tag in ["latest", "pending", "safe", "finalized", "earliest"]:
        assert web3.eth.get_block(tag)["gasLimit"] > 0
    assert web3.eth.gas_price > 0 and web3.eth.max_priority_fee >= 0
    assert "tandem" in web3.client_version
    assert web3.eth.syncing is False and web3.net.listening and web3.net.peer_count == 0
    assert web3.eth.fee_history(3, "latest", [10, 50])["oldestBlock"] >= 0


@check(SUITE, "deploys a contract")
def contract():
    receipt = wait(web3.eth.contract(abi=abi, bytecode=bytecode).constructor(7).transact())
    assert receipt["status"] == 1
    return web3.eth.contract(address=receipt["contractAddress"], abi=abi)


@check(SUITE, "calls, transacts, and reads the event of the receipt")
def _():
    assert contract.functions.value().call() == 7
    receipt = wait(contract.functions.store(1, 5).transact())
    [event] = contract.events.Stored().process_receipt(receipt)
    assert event["args"]["value"] == 5 and event["args"]["by"] == account.address
    assert contract.functions.store(2, 2).estimate_gas() > 21_000
    assert contract.functions.value().call(block_identifier=receipt["blockNumber"] - 1) == 7


def raises(kind, run, words):
    try:
        run()
    except kind as error:
        assert words in str(error) or words in str(getattr(error, "data", "")), error
        return
    raise AssertionError(f"no {kind.__name__}")


@check(SUITE, "a reason, a custom error, a panic are told as what they are")
def _():
    raises(ContractLogicError, contract.functions.failWithReason().call, "as it was asked")
    raises(ContractCustomError, contract.functions.failWithError().call, "0x")
    raises(ContractPanicError, contract.functions.failWithPanic(0).call, "")
    raises(ContractLogicError, contract.functions.failWithReason().estimate_gas, "as it was asked")


@check(SUITE, "transactions of types 0, 1 and 2")
def _():
    price = 2 * web3.eth.gas_price
    for fields in [{"gasPrice": price}, {"gasPrice": price, "accessList": []}, {"maxFeePerGas": price, "maxPriorityFeePerGas": 1}]:
        sent = web3.eth.send_transaction({"to": account.address, "value": 1, "gas": 21_000, **fields})
        assert wait(sent)["status"] == 1
        assert web3.eth.get_transaction(sent)["hash"] == sent
        assert web3.eth.get_raw_transaction(sent)


@check(SUITE, "EIP-7702: delegates")
def _():
    other = Account.create()
    authorization = other.sign_authorization({"chainId": CHAIN_ID, "address": contract.address, "nonce": 0})
    transaction = {
        "chainId": CHAIN_ID, "nonce": web3.eth.get_transaction_count(account.address), "gas": 100_000, "to": other.address, "value": 0,
        "maxFeePerGas": 2 * web3.eth.gas_price, "maxPriorityFeePerGas": 1, "authorizationList": [authorization],
    }
    assert wait(web3.eth.send_raw_transaction(account.sign_transaction(transaction).raw_transaction))["status"] == 1
    assert web3.eth.get_code(other.address)[:3] == b"\xef\x01\x00"


@check(SUITE, "logs, event filters, block filters")
def _():
    assert len(contract.events.Stored().get_logs(from_block=0)) == 1
    notes = contract.events.Noted.create_filter(from_block="latest")
    blocks, pending = web3.eth.filter("latest"), web3.eth.filter("pending")
    sent = contract.functions.note("hello").transact()
    wait(sent)
    assert [event["args"]["note"] for event in notes.get_new_entries()] == ["hello"]
    assert blocks.get_new_entries() and sent in pending.get_new_entries()
    assert web3.eth.uninstall_filter(notes.filter_id)


@check(SUITE, "state, proofs, overrides, access lists, receipts of a block")
def _():
    assert int.from_bytes(web3.eth.get_storage_at(contract.address, 0)) == 5
    assert web3.eth.get_proof(contract.address, [0], "latest")["storageProof"]
    override = {contract.address: {"stateDiff": {"0x" + "0" * 64: "0x" + "0" * 62 + "63"}}}
    assert contract.functions.value().call(state_override=override) == 0x63
    assert web3.eth.create_access_list(contract.functions.store(1, 1).build_transaction())["gasUsed"] > 0
    number = web3.eth.block_number
    assert len(web3.eth.get_block_receipts(number)) == web3.eth.get_block_transaction_count(number)
    assert web3.eth.get_uncle_count(number) == 0


@check(SUITE, "a simulation (eth_simulateV1)")
def _():
    call = {"from": account.address, "to": contract.address, "data": contract.encode_abi("store", [1, 2])}
    [block] = web3.eth.simulate_v1({"blockStateCalls": [{"calls": [call]}]}, "latest")
    assert block["calls"][0]["status"] == 1


@check(SUITE, "a transaction is replaced, and one that is nowhere is told so")
def _():
    nonce = web3.eth.get_transaction_count(account.address) + 3
    price = 2 * web3.eth.gas_price
    plain = {"to": account.address, "value": 1, "gas": 21_000, "nonce": nonce, "chainId": CHAIN_ID, "maxPriorityFeePerGas": 10}
    raw = account.sign_transaction({**plain, "maxFeePerGas": price}).raw_transaction
    web3.eth.send_raw_transaction(raw)
    web3.eth.replace_transaction(Web3.keccak(raw), {**plain, "from": account.address, "maxFeePerGas": 2 * price, "maxPriorityFeePerGas": 20})
    raises(TransactionNotFound, lambda: web3.eth.get_transaction("0x" + "1" * 64), "not found")


@check(SUITE, "tracing, the pool, raw requests in a batch")
def _():
    sent = contract.functions.note("traced").transact()
    wait(sent)
    trace = web3.provider.make_request("debug_traceTransaction", [Web3.to_hex(sent), {"tracer": "callTracer"}])["result"]
    assert trace["type"] == "CALL"
    assert web3.geth.txpool.status()["pending"] >= "0x0"
    assert web3.tracing.trace_transaction(sent)
    with web3.batch_requests() as batch:
        batch.add(web3.eth.get_block("latest"))
        batch.add(contract.functions.value())
        assert len(batch.execute()) == 2


@check(SUITE, "time-based gas prices")
def _():
    web3.eth.set_gas_price_strategy(fast_gas_price_strategy)
    try:
        assert web3.eth.generate_gas_price() >= web3.eth.get_block("latest")["baseFeePerGas"]
    finally:
        web3.eth.set_gas_price_strategy(None)


@check(SUITE, "messages are signed and recovered")
def _():
    signed = account.sign_message(encode_defunct(text="hi"))
    assert Account.recover_message(encode_defunct(text="hi"), signature=signed.signature) == account.address


@check(SUITE, "asynchronous, many at once")
async def _():
    node = AsyncWeb3(AsyncWeb3.AsyncHTTPProvider(RPC))
    balances = await asyncio.gather(*[node.eth.get_balance(account.address) for _ in range(30)])
    assert len(set(balances)) == 1
    await node.provider.disconnect()


@check(SUITE, "subscriptions over a WebSocket: heads, logs, pending transactions")
async def _():
    async with AsyncWeb3(WebSocketProvider(WS)) as live:
        ids = {}
        for kind in ["newHeads", "newPendingTransactions"]:
            ids[await live.eth.subscribe(kind)] = kind
        ids[await live.eth.subscribe("logs", {"address": contract.address})] = "logs"
        sent = await asyncio.to_thread(lambda: contract.functions.note("pushed").transact())
        seen = set()

        async def read():
            async for message in live.socket.process_subscriptions():
                kind = ids[message["subscription"]]
                seen.add(kind)
                if len(seen) == 3:
                    return

        await asyncio.wait_for(read(), 30)
        assert await live.eth.wait_for_transaction_receipt(sent)
        for subscription in ids:
            assert await live.eth.unsubscribe(subscription)
