// An application with viem: a token, its events, ether from L1 and back.
"use strict";
const assert = require("assert/strict");
const { createPublicClient, createWalletClient, defineChain, encodeAbiParameters, http, parseAbi, parseAbiParameters, parseEther, parseEventLogs, webSocket } = require("viem");
const { privateKeyToAccount } = require("viem/accounts");
const { artifact } = require("../harness/solidity");
const { suite, until } = require("../harness/suite");

const L2_BRIDGE = "0x5400000000000000000000000000000000000002";
const bridgeAbi = parseAbi([
  "struct L2Message { uint64 index; address sender; address target; uint256 value; uint64 gasLimit; bytes data; }",
  "function depositETH(address to, address refund) payable returns (uint64 index)",
  "function executeMessage(bytes32 output, L2Message message, bytes proof)",
  "event MessageExecuted(uint64 indexed index, address indexed sender, address indexed target, uint256 value)",
]);
const settlementAbi = parseAbi(["function isFinal(bytes32 output) view returns (bool)"]);
const l2Abi = parseAbi([
  "function withdrawETH(address to) payable returns (uint64 index)",
  "event MessageSent(uint64 indexed index, address indexed sender, address indexed target, uint256 value, uint64 gasLimit, bytes data, bytes32 messageHash)",
]);
const PROOF = parseAbiParameters([
  "Fields fields, bytes32[32] siblings",
  "struct Fields { bytes32 configHash; bytes32 batchHash; bytes32 lastBlockHash; bytes32 stateRoot; bytes32 messageRoot; uint64 queueIndex; }",
]);
/** How long an L1 with windows of seconds takes to make a withdrawal final, in milliseconds. */
const SETTLEMENT_MS = 150_000;

suite("dapp-viem", async ({ check, rpc, ws, key, l1Rpc, chainId, deployment }) => {
  const nativeCurrency = { name: "Ether", symbol: "ETH", decimals: 18 };
  const account = privateKeyToAccount(key);
  const client = (id, url) => {
    const chain = defineChain({ id, name: String(id), nativeCurrency, rpcUrls: { default: { http: [url] } } });
    const transport = http(url);
    return { read: createPublicClient({ chain, transport, pollingInterval: 200 }), write: createWalletClient({ account, chain, transport }) };
  };
  const l1 = client(deployment.chain.l1ChainId, l1Rpc);
  const l2 = client(chainId, rpc);
  const done = async ({ read }, hash) => {
    const receipt = await read.waitForTransactionReceipt({ hash });
    assert.equal(receipt.status, "success");
    return receipt;
  };
  const { abi, bytecode } = artifact("Token");

  const token = await check("deploys a token", async () => (await done(l2, await l2.write.deployContract({ abi, bytecode, args: [1_000n] }))).contractAddress);
  await check("transfers, is told of it over a WebSocket, and finds it again", async () => {
    const live = createPublicClient({ transport: webSocket(ws) });
    const told = [];
    const stop = live.watchContractEvent({ address: token, abi, eventName: "Transfer", onLogs: (logs) => told.push(...logs) });
    await live.getChainId();
    const to = "0x00000000000000000000000000000000000000dd";
    const receipt = await done(l2, await l2.write.writeContract({ address: token, abi, functionName: "transfer", args: [to, 10n] }));
    await until(() => told.some(({ transactionHash, args }) => transactionHash === receipt.transactionHash && args.amount === 10n));
    stop();
    assert.equal(await l2.read.readContract({ address: token, abi, functionName: "balanceOf", args: [to] }), 10n);
    assert.equal((await l2.read.getContractEvents({ address: token, abi, eventName: "Transfer", args: { to }, fromBlock: receipt.blockNumber })).length, 1);
  });
  await check("brings ether from L1", async () => {
    const before = await l2.read.getBalance(account);
    const deposit = { address: deployment.chain.bridge, abi: bridgeAbi, functionName: "depositETH", args: [account.address, account.address], value: parseEther("0.5") };
    await done(l1, await l1.write.writeContract(deposit));
    await until(async () => (await l2.read.getBalance(account)) === before + parseEther("0.5"));
  });
  await check(
    "takes ether back to L1, to the wei",
    async () => {
      const to = "0x00000000000000000000000000000000000d0001";
      const before = await l1.read.getBalance({ address: to });
      const receipt = await done(l2, await l2.write.writeContract({ address: L2_BRIDGE, abi: l2Abi, functionName: "withdrawETH", args: [to], value: parseEther("0.2") }));
      const [{ args }] = parseEventLogs({ abi: l2Abi, eventName: "MessageSent", logs: receipt.logs });
      const index = `0x${args.index.toString(16)}`;
      const proof = await until(() => l2.read.request({ method: "rollup_getMessageProof", params: [index] }), SETTLEMENT_MS);
      const isFinal = { address: deployment.chain.settlement, abi: settlementAbi, functionName: "isFinal", args: [proof.output] };
      await until(() => l1.read.readContract(isFinal), SETTLEMENT_MS);
      const encoded = encodeAbiParameters(PROOF, [{ ...proof.fields, queueIndex: BigInt(proof.fields.queueIndex) }, proof.siblings]);
      const { index: number, sender, target, value, gasLimit, data } = { ...args, ...proof.message };
      const message = { index: BigInt(number), sender, target, value: BigInt(value), gasLimit: BigInt(gasLimit), data };
      await done(l1, await l1.write.writeContract({ address: deployment.chain.bridge, abi: bridgeAbi, functionName: "executeMessage", args: [proof.output, message, encoded] }));
      assert.equal(await l1.read.getBalance({ address: to }), before + parseEther("0.2"));
    },
    2 * SETTLEMENT_MS,
  );
});
