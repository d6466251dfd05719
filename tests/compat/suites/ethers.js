// ethers v6.
"use strict";
const assert = require("assert/strict");
const {
  AbiCoder, Contract, ContractFactory, FetchRequest, HDNodeWallet, JsonRpcProvider, FallbackProvider, NonceManager, Signature, Transaction,
  VoidSigner, Wallet, WebSocketProvider, ZeroAddress, getCreate2Address, hexlify, id, isError, keccak256, parseEther, randomBytes, toBeHex, verifyMessage,
} = require("ethers");
const { artifact } = require("../harness/solidity");
const { suite, until } = require("../harness/suite");

const CREATE2_DEPLOYER = "0x4e59b44847b379578588920cA78FbF26c0B4956C";

suite("ethers", async ({ check, rpc, ws, key, chainId }) => {
  const node = new JsonRpcProvider(rpc, undefined, { cacheTimeout: -1, polling: true, pollingInterval: 100 });
  const wallet = new NonceManager(new Wallet(key, node));
  const own = await wallet.getAddress();
  const probe = artifact("Probe");
  const token = artifact("Token");
  const fails = async (promise, code) => {
    const error = await promise.then(() => assert.fail("it succeeded"), (error) => error);
    assert.ok(isError(error, code), `${error.code} instead of ${code}: ${error.message}`);
    return error;
  };
  const sent = async (transaction) => {
    const receipt = await (await transaction).wait();
    assert.equal(receipt.status, 1);
    return receipt;
  };

  await check("network, block number, blocks by tag and hash", async () => {
    assert.equal((await node.getNetwork()).chainId, BigInt(chainId));
    const block = await node.getBlock("latest");
    assert.equal((await node.getBlock(block.hash)).number, block.number);
    for (const tag of ["earliest", "safe", "finalized", "pending"]) assert.ok(await node.getBlock(tag), tag);
    assert.equal(await node.getBlock(1_000_000_000), null);
    assert.equal(await node.getBlock(id("no such block")), null);
  });
  await check("fee data", async () => {
    const { gasPrice, maxFeePerGas, maxPriorityFeePerGas } = await node.getFeeData();
    assert.ok(gasPrice > 0n && maxFeePerGas > maxPriorityFeePerGas);
  });
  const contract = await check("deploys a contract and waits for it", async () => {
    const contract = await new ContractFactory(probe.abi, probe.bytecode, wallet).deploy(7n);
    await contract.waitForDeployment();
    assert.equal(await contract.value(), 7n);
    assert.equal(await contract.owner(), own);
    return contract;
  });
  const address = await contract?.getAddress();
  await check("a call that writes is previewed, sent, and its event read", async () => {
    assert.equal(await contract.store.staticCall(1n, 5n), 5n);
    const receipt = await sent(contract.store(1n, 5n));
    const [event] = receipt.logs.map((log) => contract.interface.parseLog(log));
    assert.deepEqual([event.name, event.args.by, event.args.slot, event.args.value], ["Stored", own, 1n, 5n]);
    assert.ok((await contract.store.estimateGas(2n, 1n)) > 21_000n);
  });
  await check("populated transactions are sent by hand", async () => {
    const populated = await wallet.populateTransaction(await contract.note.populateTransaction("by hand"));
    assert.equal(populated.type, 2);
  });
  await check("a revert with a reason", async () => assert.equal((await fails(contract.failWithReason(), "CALL_EXCEPTION")).reason, "as it was asked"));
  await check("a custom error", async () => {
    const error = await fails(contract.failWithError(), "CALL_EXCEPTION");
    assert.deepEqual([error.revert?.name, error.revert?.args[1]], ["Denied", 42n]);
  });
  await check("a panic", async () => assert.match((await fails(contract.failWithPanic(0n), "CALL_EXCEPTION")).reason, /DIVIDE_BY_ZERO|Panic/));
  await check("a silent revert, an invalid opcode", async () => {
    await fails(contract.failSilently(), "CALL_EXCEPTION");
    await contract.failInvalid().then(() => assert.fail("it succeeded"), () => undefined);
  });
  await check("a transaction that reverts in a block is told as CALL_EXCEPTION with its receipt", async () => {
    const transaction = await wallet.sendTransaction({ to: address, data: contract.interface.encodeFunctionData("failWithReason"), gasLimit: 100_000n });
    const error = await fails(transaction.wait(), "CALL_EXCEPTION");
    assert.equal(error.receipt.status, 0);
    const result = await node.getTransactionResult(transaction.hash).catch(() => null);
    assert.ok(result === null || typeof result === "string");
  });
  await check("all types of transactions: 0, 1, 2", async () => {
    const { gasPrice } = await node.getFeeData();
    for (const type of [0, 1, 2]) {
      const receipt = await sent(wallet.sendTransaction({ to: ZeroAddress, value: 1n, type, ...(type < 2 ? { gasPrice } : {}) }));
      assert.equal((await node.getTransaction(receipt.hash)).type, type);
    }
  });
  await check("an access list of its own making", async () => {
    const accessList = [{ address, storageKeys: [toBeHex(0, 32)] }];
    const receipt = await sent(wallet.sendTransaction({ to: address, data: contract.interface.encodeFunctionData("store", [9n, 9n]), type: 2, accessList }));
    assert.deepEqual((await node.getTransaction(receipt.hash)).accessList, accessList);
  });
  await check("EIP-7702: delegates and is delegated back", async () => {
    const batcher = await (await new ContractFactory(artifact("Batcher").abi, artifact("Batcher").bytecode, wallet).deploy()).waitForDeployment();
    const self = Wallet.createRandom(node);
    const authorization = await self.authorize({ address: await batcher.getAddress(), nonce: 0, chainId });
    await sent(wallet.sendTransaction({ type: 4, to: self.address, authorizationList: [authorization] }));
    assert.match(await node.getCode(self.address), /^0xef0100/);
  });
  await check("logs by filter, by topics, by range; parsed", async () => {
    const events = await contract.queryFilter(contract.filters.Stored(own), 0);
    assert.ok(events.length >= 2 && events.every(({ args }) => args.by === own));
    const topics = [id("Stored(address,uint256,uint256)"), null, [toBeHex(1, 32), toBeHex(9, 32)]];
    assert.equal((await node.getLogs({ address, fromBlock: 0, topics })).length, 2);
    assert.equal((await node.getLogs({ address, blockHash: events[0].blockHash })).length >= 1, true);
  });
  await check("listens by polling: blocks, a contract's events, once", async () => {
    const seen = { blocks: 0, notes: [] };
    node.on("block", () => seen.blocks++);
    contract.on("Noted", (text) => seen.notes.push(text));
    await new Promise((resolve) => setTimeout(resolve, 400));
    await sent(contract.note("polled"));
    await until(() => seen.blocks > 0 && seen.notes.includes("polled"), 15_000);
    await node.removeAllListeners();
    await contract.removeAllListeners();
  });
  const live = new WebSocketProvider(ws);
  await check("listens over a WebSocket: blocks, pending transactions, events", async () => {
    const seen = { blocks: 0, notes: [], pending: [] };
    const listening = contract.connect(live);
    await live.on("block", () => seen.blocks++);
    await live.on("pending", (hash) => seen.pending.push(hash));
    await listening.on("Noted", (text) => seen.notes.push(text));
    await new Promise((resolve) => setTimeout(resolve, 400));
    const { hash } = await sent(contract.note("pushed"));
    await until(() => seen.blocks > 0 && seen.notes.includes("pushed") && seen.pending.includes(hash), 15_000);
    await listening.removeAllListeners();
    await live.removeAllListeners();
  });
  await check("sends and reads over the WebSocket", async () => {
    const receipt = await sent(new Wallet(key, live).sendTransaction({ to: ZeroAddress, value: 1n }));
    wallet.reset();
    assert.equal((await live.getTransactionReceipt(receipt.hash)).blockNumber, receipt.blockNumber);
    // The client asks for the end of its subscriptions without waiting for the answers.
    await new Promise((resolve) => setTimeout(resolve, 300));
    await live.destroy();
  });
  await check("CREATE2 through the deterministic deployer", async () => {
    const salt = hexlify(randomBytes(32));
    const { data } = await new ContractFactory(probe.abi, probe.bytecode).getDeployTransaction(3n);
    await sent(wallet.sendTransaction({ to: CREATE2_DEPLOYER, data: salt + data.slice(2) }));
    assert.equal(await new Contract(getCreate2Address(CREATE2_DEPLOYER, salt, keccak256(data)), probe.abi, node).value(), 3n);
  });
  await check("a token with a permit", async () => {
    const coin = await (await new ContractFactory(token.abi, token.bytecode, wallet).deploy(1_000n)).waitForDeployment();
    const verifyingContract = await coin.getAddress();
    const spender = Wallet.createRandom().address;
    const deadline = (await node.getBlock("latest")).timestamp + 3_600;
    const types = { Permit: ["owner address", "spender address", "value uint256", "nonce uint256", "deadline uint256"].map((field) => ({ name: field.split(" ")[0], type: field.split(" ")[1] })) };
    const message = { owner: own, spender, value: 4n, nonce: await coin.nonces(own), deadline };
    const signature = await new Wallet(key).signTypedData({ name: await coin.name(), version: "1", chainId, verifyingContract }, types, message);
    const { v, r, s } = Signature.from(signature);
    await sent(coin.permit(own, spender, 4n, deadline, v, r, s));
    assert.equal(await coin.allowance(own, spender), 4n);
  });
  await check("many transactions at once, in order of their nonces", async () => {
    const hashes = await Promise.all(Array.from({ length: 20 }, () => wallet.sendTransaction({ to: ZeroAddress, value: 1n, gasLimit: 21_000n })));
    const receipts = await Promise.all(hashes.map((transaction) => transaction.wait()));
    assert.ok(receipts.every(({ status }) => status === 1));
  });
  await check("requests are batched", async () => {
    const batching = new JsonRpcProvider(rpc, chainId, { staticNetwork: true, batchMaxCount: 100, batchStallTime: 20, cacheTimeout: -1 });
    const numbers = await Promise.all(Array.from({ length: 100 }, () => batching.getBalance(own)));
    assert.equal(new Set(numbers).size, 1);
    batching.destroy();
  });
  await check("a quorum of providers", async () => {
    const quorum = new FallbackProvider([new JsonRpcProvider(rpc), new JsonRpcProvider(rpc)], chainId, { quorum: 2 });
    assert.equal(await quorum.getCode(address), await node.getCode(address));
    await quorum.destroy();
  });
  await check("a signer without a key simulates", async () => {
    const signer = new VoidSigner(own, node);
    assert.equal(await contract.connect(signer).store.staticCall(1n, 77n), 77n);
  });
  await check("storage, code, counts, balances in the past", async () => {
    assert.equal(BigInt(await node.getStorage(address, 0)), await contract.value());
    assert.notEqual(await node.getCode(address), "0x");
    assert.equal(await node.getTransactionCount(own, 0), 0);
    assert.equal(await node.getBalance(own, 0), 0n);
  });
  await check("too little money: INSUFFICIENT_FUNDS", () =>
    fails(new Wallet(Wallet.createRandom().privateKey, node).sendTransaction({ to: ZeroAddress, value: parseEther("1") }), "INSUFFICIENT_FUNDS"));
  await check("a nonce that was used: NONCE_EXPIRED", () =>
    fails(new Wallet(key, node).sendTransaction({ to: ZeroAddress, nonce: 0, gasLimit: 21_000n }), "NONCE_EXPIRED"));
  await check("a replacement that pays too little: REPLACEMENT_UNDERPRICED", async () => {
    const raw = new Wallet(key, node);
    const nonce = (await node.getTransactionCount(own, "pending")) + 5;
    const plain = { to: ZeroAddress, nonce, gasLimit: 21_000n, maxFeePerGas: 10n ** 10n, maxPriorityFeePerGas: 10n };
    await raw.sendTransaction({ ...plain, value: 1n });
    await fails(raw.sendTransaction({ ...plain, value: 2n }), "REPLACEMENT_UNDERPRICED");
  });
  await check("unknown methods are UNSUPPORTED_OPERATION", () => fails(node.send("eth_noSuchMethod", []), "UNSUPPORTED_OPERATION"));
  await check("CCIP reads are off, and ENS says that there is none", () => fails(node.resolveName("nobody.eth"), "UNSUPPORTED_OPERATION"));
  await check("a transaction by an HD wallet, signed away from the node", async () => {
    const cold = HDNodeWallet.createRandom();
    await sent(wallet.sendTransaction({ to: cold.address, value: parseEther("0.01") }));
    const { maxFeePerGas, maxPriorityFeePerGas } = await node.getFeeData();
    const unsigned = { type: 2, chainId, nonce: 0, to: own, value: 1n, gasLimit: 21_000n, maxFeePerGas, maxPriorityFeePerGas };
    const transaction = Transaction.from(await cold.signTransaction(unsigned));
    assert.equal(transaction.from, cold.address);
    await sent(node.broadcastTransaction(transaction.serialized));
  });
  await check("waits for confirmations, and for a transaction by hash", async () => {
    const transaction = await wallet.sendTransaction({ to: ZeroAddress, value: 1n });
    assert.ok((await (await transaction.wait(2)).confirmations()) >= 2);
    assert.ok(await node.waitForTransaction(transaction.hash, 1, 10_000));
    assert.equal(await node.getTransaction(id("no such transaction")), null);
    assert.equal(await node.getTransactionReceipt(id("no such transaction")), null);
  });
  await check("request headers of the client's own", async () => {
    const request = new FetchRequest(rpc);
    request.setHeader("x-own", "1");
    assert.equal((await new JsonRpcProvider(request).getNetwork()).chainId, BigInt(chainId));
    assert.equal(verifyMessage("hi", await new Wallet(key).signMessage("hi")), own);
    assert.equal(AbiCoder.defaultAbiCoder().decode(["uint256"], toBeHex(5, 32))[0], 5n);
  });
});
